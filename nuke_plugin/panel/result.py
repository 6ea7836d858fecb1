"""The mattes in the node: its inner Read pointed at them, and reloaded as frames arrive, at most once a second.

What a run writes into the node is no work of the artist's: none of it is in Undo, where Ctrl+Z must find the last edit.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Callable

from xmem_roto_nuke import host
from xmem_roto_nuke.node import identity
from xmem_roto_nuke.staleness import mattes_on_disk, record_file
from xmemcore.protocol.failures import RequestError

if TYPE_CHECKING:
    import nuke

RELOAD_EVERY_SECONDS = 1.0


@host.unrecorded()
def show(node: nuke.Node, pattern: str, first: int, last: int) -> None:
    """Let the node put out these mattes; main thread."""
    read = _read(node)
    host.set_path(read["file"], pattern)
    for name, frame in (("first", first), ("last", last), ("origfirst", first), ("origlast", last)):
        read[name].setValue(frame)
    node["has_result"].setValue(True)
    reload(node)


@host.unrecorded()
def reload(node: nuke.Node) -> None:
    """Let Nuke read the files again; main thread."""
    _read(node)["reload"].execute()  # type: ignore[attr-defined]


@host.unrecorded()
def take_up(node: nuke.Node) -> None:
    """Show what was propagated for this node elsewhere: on a farm, or in another version of the script; main thread."""
    try:
        pattern = host.matte_pattern(node)
    except RequestError:
        return  # no place for mattes, so there are none
    found, known = record_file.find(pattern, identity.node_id(node)), identity.last_record(node)
    if found is None or found.stamp != mattes_on_disk.stamp(pattern):
        return  # of nobody, or of a run before the last one
    if known is not None and (known.out, known.stamp) == (found.out, found.stamp):
        return
    show(node, pattern, found.first, found.last)
    identity.write_record(node, found)


def _read(node: nuke.Node) -> nuke.Node:
    read = node.node("Result")  # type: ignore[attr-defined]
    assert read is not None, "the gizmo's body has a Read called Result"
    return read  # type: ignore[no-any-return]


class Reloader:
    """Reload for a run: at once for its first frame, later at most once a second, and for its last."""

    def __init__(self, reload_now: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        """Take what reloads; `clock` counts seconds."""
        self._reload, self._clock = reload_now, clock
        self._last = float("-inf")
        self._waiting = False

    def frame_arrived(self) -> None:
        """Reload, or remember to."""
        self._waiting = True
        self.catch_up()

    def catch_up(self) -> None:
        """Reload what waits, when a second has passed."""
        if self._waiting and self._clock() - self._last >= RELOAD_EVERY_SECONDS:
            self.finish()

    def finish(self) -> None:
        """Reload what waits, now."""
        if self._waiting:
            self._waiting = False
            self._last = self._clock()
            self._reload()
