"""Mattes that the artist has approved: copies beside the mattes, which later runs keep and learn from.

Each version of a node's mattes has copies of its own. As long as it has none and no mattes, those of the version that the node shows
count, and its first run takes them along.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from xmemcore.protocol import matte_header, whole_file
from xmemcore.protocol.failures import not_written
from xmemcore.protocol.nuke_record import node_record_of
from xmemcore.protocol.places import approved_folder, exr_states

COPIES_SEEN = 20_000
"""Copies whose headers are kept in memory."""


def counting(out: str, shown: str, node_id: str) -> str:
    """Say beside which mattes the approved copies lie that the node's next run keeps.

    Args:
        out: pattern of the mattes that it writes; empty for no place.
        shown: pattern of the mattes that the node puts out; empty for none. Those of another node never count: it may be another shot.
        node_id: of the node.
    """
    if not shown or shown == out or (out and (approved_folder(out).is_dir() or exr_states(Path(out).parent))):
        return out
    record = node_record_of(Path(shown))
    return shown if record is not None and record.node_id == node_id else out


def take_along(counted: str, out: str) -> None:
    """Copy approved mattes to where a run writes, if they lie elsewhere.

    Args:
        counted: of `counting`.
        out: pattern of the mattes that the run writes.

    Raises:
        RequestError, DiskFailed.
    """
    if counted == out or not counted:
        return
    source, target = approved_folder(counted), approved_folder(out)
    copies = _copies(counted)
    if not copies:
        return
    # A part of them would count as all, also where Nuke goes down meanwhile.
    waiting = target.with_name(f".{target.name}-{uuid.uuid4().hex}")
    copy = target
    try:
        for name in copies:
            copy = target / name
            whole_file.copy(source / name, waiting / name)
            shutil.copystat(source / name, waiting / name)
        waiting.rename(target)
    except OSError as error:
        raise not_written(copy, error) from error
    finally:
        shutil.rmtree(waiting, ignore_errors=True)


def keep_folder(out: str) -> None:
    """Let an empty folder say that nothing is approved here, so that no copies of another version count."""
    with contextlib.suppress(OSError):
        approved_folder(out).mkdir(parents=True, exist_ok=True)


def stamp(mattes: str) -> str:
    """Digest names, sizes and times of the approved copies; empty when there are none.

    Args:
        mattes: pattern of the mattes beside which they lie; empty for no place.
    """
    copies = _copies(mattes)
    lines = [f"{name} {size} {changed}" for name, (size, changed) in copies.items()]
    return hashlib.sha1("\n".join(lines).encode("utf-8", errors="surrogateescape")).hexdigest()[:12] if copies else ""


def listed(mattes: str) -> Dict[str, Tuple[int, ...]]:
    """List the approved frames of each object, as the copies say; arguments as for `stamp`."""
    found: Dict[str, List[int]] = {}
    for name, (size, changed) in _copies(mattes).items():
        frame, objects = _read(str(approved_folder(mattes) / name), size, changed) or (0, ())
        for each in objects:
            found.setdefault(each, []).append(frame)
    return {name: tuple(sorted(frames)) for name, frames in found.items()}


@lru_cache(maxsize=COPIES_SEEN)
def _read(path: str, size: int, changed: int) -> Optional[Tuple[int, Tuple[str, ...]]]:
    """Read a copy's header, once for each state of the file."""
    return matte_header.approved_in(Path(path))


def _copies(mattes: str) -> Dict[str, Tuple[int, int]]:
    """List the copies beside mattes, with their size and time, in the order of their names."""
    return dict(sorted((exr_states(approved_folder(mattes)) or {}).items())) if mattes else {}
