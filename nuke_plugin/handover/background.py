"""The plate rendered by a second Nuke without interface, so that the artist's own stays free. It needs a render licence.

The second Nuke opens a copy of the script as it stands, renders into the folder where this one would, and writes the same record;
this one renders whatever is not there, or not of the same tree, afterwards.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, List

from xmem_roto_nuke import host
from xmem_roto_nuke.core.child_process import ChildProcess
from xmem_roto_nuke.core.launch import CHECKOUT
from xmem_roto_nuke.handover import pictures
from xmem_roto_nuke.handover.shared_folder import changing
from xmem_roto_nuke.node.runs import Run
from xmemcore.protocol.failures import Cancelled
from xmemcore.protocol.places import exchange_folder

if TYPE_CHECKING:
    from xmem_roto_nuke.handover.exchange import NodeRead

PLATE_ONLY = "--plate-only"
"""Option of render.py with which the second Nuke is started."""
STOP = "stop-background"
"""File in the folder for exchange that tells the second Nuke to stop after the frame in work."""
NO_LICENCE = 100
"""Exit code of a Nuke that gets no licence. Source: measured by others, 17.1."""
SILENT_SECONDS = 900.0
"""After so long without a word from it the second Nuke is ended; a single frame may take minutes."""
STOPPING_SECONDS = 20.0
"""Time that it may take to stop by itself, so that its finished frames count."""

_PERCENT = re.compile(r"(\d+) % ")


def render(node_name: str, around: pictures.Surroundings) -> List[str]:
    """Have a second Nuke render a node's plate, and wait for it; from a thread of ours.

    Args:
        node_name: full name of the node.
        around: of its handover.

    Returns:
        Why that one did not render, in a sentence; empty where it did.

    Raises:
        Cancelled, RequestError, DiskFailed.
    """
    copy, stop = around.folder / "background.nk", around.folder / STOP
    with changing(around.folder):
        around.folder.mkdir(parents=True, exist_ok=True)
        stop.unlink(missing_ok=True)
    try:
        origin = host.in_main(_saved, copy)
        command = [host.in_main(host.program), "-t", str(CHECKOUT / "nuke_plugin" / "render.py"), PLATE_ONLY]
        command += ["--origin", origin] if origin else []
        around.report(0, 100, "starting a Nuke in the background")
        try:
            process = ChildProcess([*command, str(copy), node_name], str(around.folder), dict(os.environ))
        except OSError as error:
            return [f"No Nuke could be started in the background ({error.strerror or error}), so this one rendered the plate."]
        return _watched(process, around, stop)
    finally:
        for path in (copy, stop):
            with contextlib.suppress(OSError):
                path.unlink()


def _saved(copy: Path) -> str:
    """Save a copy of the script; gives the script's own path. Main thread."""
    host.save_copy(copy.as_posix())
    return host.script_path()


def _watched(process: ChildProcess, around: pictures.Surroundings, stop: Path) -> List[str]:
    """Pass the second Nuke's progress on until it ends."""
    last, last_heard, stopping = "", time.monotonic(), 0.0
    for line in process.lines():
        now = time.monotonic()
        if line:
            last, last_heard = line.strip() or last, now
            # Nuke's own dots come without an end of line.
            percent = _PERCENT.search(line)
            if percent:
                around.report(int(percent[1]), 100, "rendering the plate in the background")
        if not stopping and around.cancelled():
            stop.touch()
            stopping = now
        if stopping and now - stopping > STOPPING_SECONDS or now - last_heard > SILENT_SECONDS:
            process.kill()
    if stopping:
        raise Cancelled(host.CANCELLED)
    if process.exit_code == 0:
        return []
    why = "there was no render licence" if process.exit_code == NO_LICENCE else f"it ended with code {process.exit_code}: {last[-200:]}"
    return [f"The Nuke in the background did not render the whole plate ({why}), so this one did."]


def render_here(run: Run, read: NodeRead) -> None:
    """Render a node's plate into its folder for exchange: what the second Nuke does. The session that waits for it holds the lock.

    Raises:
        As `pictures.hand_plate`.
    """
    folder = exchange_folder(read.node_id)
    around = pictures.Surroundings(read.node, folder, run.show, lambda: run.cancelled() or (folder / STOP).exists())
    try:
        pictures.hand_plate(around, read.plate, list(read.frames), read.annotations.keyframes)
    finally:
        around.close()
