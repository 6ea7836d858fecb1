"""The way back: mattes that a job made are brought to where they are wanted, with a record that the exported script takes up.

A frame counts when its matte has the signature that the job asks for, and a digest that proves all of its bytes. Mattes that were brought
already are left alone, so a collect that was killed goes on.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from xmemcore.protocol import whole_file
from xmemcore.protocol.failures import Cancelled, RequestError, not_written
from xmemcore.protocol.frames import counted
from xmemcore.protocol.job import JobShot
from xmemcore.protocol.nuke_record import NAME as NUKE_RECORD
from xmemcore.protocol.nuke_record import completed, keep_record
from xmemcore.protocol.path_map import PathRules
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.result_file import NAME as RECORD
from xmemcore.protocol.result_file import MatteRecord, ResultFile
from xmemcore.protocol.result_lock import require_unlocked
from xmemcore.protocol.results import Collected
from xmemcore.shot.files.exr import make_folder
from xmemcore.shot.files.sequence import frame_path
from xmemcore.shot.inputs.opened import OpenedShot, files_read, open_propagate
from xmemcore.shot.listener import Listener
from xmemcore.shot.mattes import matte_proof
from xmemcore.shot.mattes.mattes import matte_pattern, require_inputs_kept, require_objects_kept
from xmemcore.shot.mattes.pictures import (
    earlier_pictures,
    left_behind,
    picture_paths,
    pictures_are_of,
    require_pictures_possible,
    write_pictures,
)
from xmemcore.shot.mattes.run_record import RunRecord
from xmemcore.shot.status import Outlook
from xmemcore.shot.store.at_work import AtWork

UNFINISHED = "Somebody works at the mattes of this job at the moment ({holder}; {folder}). Collect when all have ended."
BUSY = "A propagate writes these mattes at the moment ({holder}; {folder}). Collect again when it has ended."


def collect(shot: JobShot, request: PropagateRequest, rules: PathRules, listener: Listener) -> Collected:
    """Bring a shot's mattes to where they are wanted.

    Args:
        shot: of the job.
        request: what was run for it, with the paths of this machine.
        rules: for the place where they are wanted.
        listener: told of every frame.

    Raises:
        RequestError: also where mattes are not finished and nobody works at them; nothing is copied then.
        Busy: others work at them for longer than the request waits.
        Cancelled.
    """
    began = time.monotonic()
    opened = open_propagate(request)
    mattes, plate = opened.places.out, opened.shot.plate
    records, unfinished = _proven(opened, listener)
    if unfinished:
        # Runs that still work at the mattes may be about to finish.
        with AtWork.on_mattes(mattes).joined("collect", UNFINISHED, request.wait, listener.cancelled):
            records, unfinished = _proven(opened, listener)
    if unfinished:
        have = "have" if len(unfinished) > 1 else "has"
        raise RequestError(
            f"{counted(unfinished).capitalize()} {have} no finished matte of this job at {mattes} (precision {opened.precision}). "
            "Run the job again; what is finished stays."
        )
    result = shot.result_here(rules)
    target = matte_pattern(result) if result else mattes
    frames = [plate.frames[index] for index in opened.wanted]
    copied: list[int] = []
    if target != mattes:
        read = files_read(request, plate.sequence, opened.model)
        pictures = [path for frame in frames for path in picture_paths(target, opened.layers, frame, request.pictures)]
        require_inputs_kept(target, frames, None, [*read, *(opened.writer.path(frame) for frame in frames)], pictures)
        require_pictures_possible(target, opened.layers, frames, request.pictures)
        if request.objects is not None:
            require_objects_kept(target, frames, opened.shot.annotations.originals)
        require_unlocked(str(target))
        make_folder(target.parent)
        at_work = AtWork.on_mattes(target)
        with at_work.joined("collect", BUSY, request.wait, listener.cancelled):
            copied = _copied(opened, target, frames, records, listener)
            _keep_result(mattes, target, records)
            behind = left_behind(target, frames)
            if behind:
                listener.warning(earlier_pictures(behind))
    if shot.record:
        objects, missing = opened.shot.annotations.objects, [*shot.missing, *opened.missing]
        record = completed(shot.record, target, ResultFile(target).stamp, objects, opened.layers, opened.model.name, missing)
        try:
            keep_record(target, shot.request.node_id or "", record)
        except OSError as error:
            raise not_written(target.parent / NUKE_RECORD, error) from error
    return Collected(shot.name, str(target), tuple(frames), tuple(copied), round(time.monotonic() - began, 3))


def _proven(opened: OpenedShot, listener: Listener) -> tuple[dict[int, MatteRecord], list[int]]:
    """Read every matte of the job. Give the records of finished ones by frame, and the frames of the others; raises Cancelled."""
    former, frames = Outlook.of(opened).former, opened.shot.plate.frames
    records: dict[int, MatteRecord] = {}
    unfinished = []
    for place, index in enumerate(opened.wanted):
        if listener.cancelled():
            raise Cancelled("Cancelled. Nothing was collected.")
        record = former.up_to_date(index)
        if record is None:
            unfinished.append(frames[index])
        else:
            records[frames[index]] = record
        listener.progress(place + 1, 2 * len(opened.wanted))
    return records, unfinished


def _copied(opened: OpenedShot, target: Path, frames: list[int], records: Mapping[int, MatteRecord], listener: Listener) -> list[int]:
    copied = []
    for place, frame in enumerate(frames):
        if listener.cancelled():
            raise Cancelled("Cancelled. What was collected stays; collect again to go on.")
        path = frame_path(target, frame)
        proof = matte_proof.read(path)
        if proof is None or proof.record != records[frame]:
            try:
                whole_file.copy(opened.writer.path(frame), path)
            except OSError as error:
                raise not_written(path, error) from error
            copied.append(frame)
        if not pictures_are_of(target, opened.layers, frame, opened.request.pictures):
            write_pictures(target, opened.layers, (frame,), opened.request.pictures)
        listener.frame_done(frame, path)
        listener.progress(len(frames) + place + 1, 2 * len(frames))
    return copied


def _keep_result(mattes: Path, target: Path, records: Mapping[int, MatteRecord]) -> None:
    """Enter the mattes into the record beside them; those of other frames stay in it."""
    record = RunRecord(target)
    record.enter_all(records)
    try:
        record.save(ResultFile(mattes).header)
    except OSError as error:
        raise not_written(target.parent / RECORD, error) from error
