"""A node's shot made ready to be propagated anywhere: a job folder. Nuke renders what only Nuke can render; nothing is computed.

The folder is `xmemcore.protocol.job`'s; a second export into it renders only what has changed since.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from xmem_roto_nuke import actions, host
from xmem_roto_nuke.core import launch
from xmem_roto_nuke.handover import approvals, exchange, shared_folder
from xmem_roto_nuke.handover.exchange import HandedNode, NodeRead, read_to_hand_over
from xmem_roto_nuke.handover.reads import numbered
from xmem_roto_nuke.node import knobs
from xmem_roto_nuke.node.runs import Run
from xmem_roto_nuke.run import start
from xmemcore.protocol import job, whole_file
from xmemcore.protocol.failures import Cancelled, Failure
from xmemcore.protocol.job import JobShot
from xmemcore.protocol.requests import PropagateRequest

if TYPE_CHECKING:
    import nuke


def export(node: nuke.Node, folder: Path, copy_plates: bool) -> Run:
    """Export a node's shot into a job folder; main thread.

    Args:
        node: an XMemRoto.
        folder: of the job; shots that are in it stay.
        copy_plates: copy the plate's own files too, where they need no rendering; else the job names them.

    Raises:
        AlreadyRunning, ScriptUnsaved, OutputInvalid, SettingUnknown; later failures are the run's.
    """
    knobs.matte_pattern(node)
    knobs.read_settings(node).propagate.require_possible()
    return start(node, "Export", read_to_hand_over, partial(_export, folder.absolute(), copy_plates))


def _export(folder: Path, copy_plates: bool, run: Run, read: NodeRead) -> None:
    with shared_folder.held(run.node_id, run.node_name):
        approvals.take_along(read.approved, read.settings.out)
        place = folder / job.shot_folder(run.node_name)
        handed = exchange.hand_over(read, run.show, run.cancelled, place)
        run.warnings += read.warnings
        renamed = actions.renamed_approved(run, read)
        if renamed is not None:
            former, name = renamed
            run.warnings.append(
                f"What you approved of {former} does not count in this job, since it is called {name} now: Propagate here first."
            )
        out = (place / job.MATTES / Path(read.settings.out).name).as_posix()
        request = replace(actions.propagate_request(read, handed), out=out)
        if copy_plates:
            request = _with_plates(run, request, read, handed, place)
        shot = JobShot(
            name=run.node_name,
            request=job.for_job(request, folder),
            result=read.settings.out,
            missing=handed.missing,
            model_sha256=_model_sha256(run, read.settings.propagate.model),
            script=host.in_main(host.script_path),
            # For a job all frames count as done: its record is completed when they are.
            record=actions.record_of(actions.Former.of(run.node, read), read, handed, None, 0.0, list(read.frames)).as_json(),
        )
        with shared_folder.changing(folder / job.NAME):
            job.keep(folder, shot)


def _with_plates(run: Run, request: PropagateRequest, read: NodeRead, handed: HandedNode, place: Path) -> PropagateRequest:
    """Copy the plate's own files into the job, those that are there already aside."""
    if request.plate.startswith(f"{place.as_posix()}/"):
        return request  # rendered into it
    target = place / "plate" / os.path.basename(request.plate)
    frames = sorted({*read.frames, *read.annotations.keyframes} - set(handed.missing))
    for number, frame in enumerate(frames):
        if run.cancelled():
            raise Cancelled("Cancelled. What was exported stays; export again to go on.")
        run.show(number, len(frames), "copying the plate")
        source, copy = Path(numbered(request.plate, frame)), Path(numbered(str(target), frame))
        with shared_folder.changing(copy):
            if not _is_copy(source, copy):
                whole_file.copy(source, copy)
                with contextlib.suppress(OSError):
                    shutil.copystat(source, copy)
    return replace(request, plate=target.as_posix())


def _is_copy(source: Path, copy: Path) -> bool:
    try:
        source_status, copy_status = source.stat(), copy.stat()
    except OSError:
        return False
    return (source_status.st_size, int(source_status.st_mtime)) == (copy_status.st_size, int(copy_status.st_mtime))


def _model_sha256(run: Run, chosen: Optional[str]) -> Optional[str]:
    """Ask the core which model is meant; None, with a warning, where this machine has no core."""
    if not launch.is_set_up():
        run.warnings.append("There is no core on this machine, so the job does not say which model is meant by its hash.")
        return None
    try:
        models = actions.known_models(run)
    except Cancelled:
        raise
    except Failure as failure:
        run.warnings.append(f"The core could not say which model is meant: {failure}")
        return None
    return next((model.sha256 for model in models if model.installed and chosen in (None, model.name)), None)
