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
from typing import TYPE_CHECKING, Collection, Dict, List, Mapping, Optional, Sequence, Tuple

from xmemcore.protocol import matte_header, whole_file
from xmemcore.protocol.failures import not_written
from xmemcore.protocol.frames import FrameRange
from xmemcore.protocol.names import layer_names
from xmemcore.protocol.nuke_record import node_record_of
from xmemcore.protocol.places import approved_folder, exr_states

if TYPE_CHECKING:
    from xmem_roto_nuke.handover.exchange import Annotations

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


def renamed(annotations: Annotations, before: Mapping[str, Collection[str]]) -> Optional[Tuple[str, str]]:
    """Follow a rename, as the list of keyframes does: one object is gone since a run, and one is new that is keyed where it was.

    Args:
        annotations: of the roto now.
        before: annotated frames of each object of the run, as texts.

    Returns:
        The former name and the one of now; None where nothing is to be followed, or it cannot be told.
    """
    gone, new = [name for name in before if name not in annotations.frames], [name for name in annotations.frames if name not in before]
    if len(gone) != 1 or len(new) != 1:
        return None
    keyed_alike = set(before[gone[0]]) <= {str(frame) for frame in annotations.frames[new[0]]}
    return (gone[0], new[0]) if keyed_alike else None


def named_today(
    approved: Mapping[str, Tuple[int, ...]], annotations: Annotations, followed: Optional[Tuple[str, str]]
) -> Tuple[Dict[str, Tuple[int, ...]], Tuple[str, ...]]:
    """Give the approved frames of each object under its name of now, and sentences about those whose object has another name or is gone.

    Args:
        approved: frames by object, as the copies say.
        annotations: of the roto now.
        followed: of `renamed`, the run being the one that made the mattes.
    """
    if annotations.sent is None:
        # An alpha is one object, and the core calls its layer otherwise.
        frames = tuple(sorted({frame for each in approved.values() for frame in each}))
        return (dict.fromkeys(annotations.frames, frames) if frames else {}), ()
    gone = _gone(approved, annotations)
    named, sentences = {name: frames for name, frames in approved.items() if name not in gone}, []
    for name in gone:
        frames, said = approved[name], f"What you approved of {name} on {FrameRange.of(approved[name])}"
        if followed is not None and name == followed[0]:
            named[followed[1]] = frames
            sentences.append(f"{said} counts for {followed[1]}, which has taken its place; Take back on these frames undoes that.")
        else:
            sentences.append(
                f"{said} does not count, since the roto has no {name} any more: give the shape that name again. "
                "To forget it, press Take back on these frames, with all objects."
            )
    return named, tuple(sentences)


def _gone(approved: Mapping[str, Sequence[int]], annotations: Annotations) -> List[str]:
    """List the objects with approved mattes that the roto has not got; a layer's name is as good as the object's."""
    there = {*annotations.frames, *layer_names(list(annotations.frames))}
    return [name for name, frames in approved.items() if frames and name not in there]


@lru_cache(maxsize=COPIES_SEEN)
def _read(path: str, size: int, changed: int) -> Optional[Tuple[int, Tuple[str, ...]]]:
    """Read a copy's header, once for each state of the file."""
    return matte_header.approved_in(Path(path))


def _copies(mattes: str) -> Dict[str, Tuple[int, int]]:
    """List the copies beside mattes, with their size and time, in the order of their names."""
    return dict(sorted((exr_states(approved_folder(mattes)) or {}).items())) if mattes else {}
