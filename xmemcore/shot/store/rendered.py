"""Plates and alphas that Nuke rendered for the core, in `<root>/nuke/<node id>`. They count against the cache's limit.

The plugin notes in `plate.json` which file it rendered, with size and time. Only a file that is still what the note says is deleted, and
none of a node for which a Nuke is at work. The frames of a node unused for a season are deleted in any case.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from xmemcore.protocol.file_lock import try_lock, unlock
from xmemcore.protocol.names import is_node_id
from xmemcore.protocol.outside import read_object
from xmemcore.protocol.places import RENDERED, exchange_lock, exchange_root, file_state

ASIDE = "_aside"
"""Suffix of the folder in which the plugin keeps frames that no run needs at the moment."""
UNUSED_SECONDS = 60 * 24 * 3600
"""Age at which the frames of a node are deleted, whatever the limit."""
_FRAME = re.compile(r"\.(-?[0-9]{1,9})\.exr\Z")


@dataclass(frozen=True)
class RenderedFrame:
    """A frame that Nuke rendered, as the note of its folder has it."""

    path: Path
    bytes: int
    used_ns: int
    older = False

    def delete(self) -> bool:
        """Delete it."""
        try:
            self.path.unlink()
        except OSError:
            return False
        return True


def rendered_frames(root: Path) -> Iterator[RenderedFrame]:
    """List the frames of nodes for which no Nuke is at work."""
    for node in folders_in(exchange_root(str(root))):
        if is_node_id(node.name) and not _at_work(exchange_lock(node)):
            for name in RENDERED:
                yield from _frames(node / name)


def delete_unused(root: Path) -> int:
    """Delete the frames of nodes that were not used for a season; returns bytes."""
    last = time.time_ns() - UNUSED_SECONDS * 10**9
    return sum(frame.bytes for frame in rendered_frames(root) if frame.used_ns < last and frame.delete())


def _frames(folder: Path) -> Iterator[RenderedFrame]:
    note = folder / "plate.json"
    noted = (read_object(note) or {}).get("frames")
    if not isinstance(noted, dict):
        return
    with suppress(OSError):
        used = note.stat(follow_symlinks=False).st_mtime_ns
        for where in (folder, folder.with_name(folder.name + ASIDE)):
            for path in sorted(where.iterdir()) if where.is_dir() and not where.is_symlink() else ():
                frame = _FRAME.search(path.name)
                entry = noted.get(str(int(frame[1]))) if frame else None
                state = file_state(path) if isinstance(entry, dict) and not path.is_symlink() else None
                if state is not None and isinstance(entry, dict) and entry.get("file") == state:
                    status = path.stat()
                    yield RenderedFrame(path, status.st_size, max(used, status.st_mtime_ns))


def _at_work(lock: Path) -> bool:
    """Say whether a Nuke holds a node's lock."""
    try:
        descriptor = os.open(lock, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        free = try_lock(descriptor)
        if free:
            unlock(descriptor)
        return not free
    finally:
        os.close(descriptor)


def folders_in(folder: Path) -> list[Path]:
    """List the folders inside of a folder, links left out; none where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []
