"""`nuke.json` beside a matte sequence: the plugin's record of the run that made it, for scripts that do not hold it.

{"version": 1, "mattes": {"matte.%04d.exr": {"node_id": ..., "record": {...}}}}

Only the plugin reads what a record holds. A run without Nuke gets the record as far as it was known at the export, and completes it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, Mapping, Optional, Sequence, Set

from xmemcore.protocol.frames import FrameRange, FrameRangeInvalid
from xmemcore.protocol.outside import read_object
from xmemcore.protocol.whole_file import read_ordinary, write_text

VERSION = 1
NAME = "nuke.json"
NODE_ID, RECORD = "node_id", "record"


def keep_record(pattern: Path, node_id: str, record: Mapping[str, Any]) -> None:
    """Write a record beside its mattes; somebody else's file of that name stays. Raises OSError."""
    path = pattern.parent / NAME
    if path.exists() and not _is_ours(path):
        return
    content = {**_stored(path), pattern.name: {NODE_ID: node_id, RECORD: dict(record)}}
    write_text(path, json.dumps({"version": VERSION, "mattes": content}))


@dataclass(frozen=True)
class NodeRecord:
    """What is kept of a matte sequence."""

    node_id: str
    record: Dict[str, Any]
    """The plugin's record as it was written, unchecked."""


def node_record_of(pattern: Path) -> Optional[NodeRecord]:
    """Read what is kept of a matte sequence; None when there is nothing, or it is of another version."""
    entry = _stored(pattern.parent / NAME).get(pattern.name)
    node_id, record = (entry.get(NODE_ID), entry.get(RECORD)) if isinstance(entry, dict) else (None, None)
    return NodeRecord(node_id, dict(record)) if isinstance(node_id, str) and isinstance(record, dict) else None


def find_record(pattern: Path, node_id: str) -> Optional[Dict[str, Any]]:
    """Read the record of a node's mattes; None when there is none, or it is another node's or version's."""
    node_record = node_record_of(pattern)
    return node_record.record if node_record is not None and node_record.node_id == node_id else None


def completed(
    record: Mapping[str, Any], pattern: Path, stamp: str, objects: Sequence[str], layers: Sequence[str], model: str, missing: Iterable[int]
) -> Dict[str, Any]:
    """Fill in what was not known at the export.

    Args:
        record: as the plugin exported it.
        pattern: of the mattes as they lie now.
        stamp: of `result.json` about them; by it the plugin sees that the record tells of these very mattes.
        objects: that have a matte.
        layers: of the objects.
        model: that computed.
        missing: frames that were asked for and have no plate; those that the export knew of outside of what was asked for stay.
    """
    known = {"out": pattern.as_posix(), "stamp": stamp, "objects": list(objects), "layers": list(layers), "model": model}
    return {**record, **known, "missing": sorted({*missing, *_holes_beside(record)}), "complete": True}


def _holes_beside(record: Mapping[str, Any]) -> Set[int]:
    """List the frames without a plate that earlier runs left and this one was not asked for."""
    before, frames = record.get("missing"), record.get("frames")
    if not isinstance(before, (list, tuple)) or not isinstance(frames, str):
        return set()
    try:
        asked = set(FrameRange.parse(frames))
    except FrameRangeInvalid:
        return set()
    return {frame for frame in before if type(frame) is int and frame not in asked}


def _is_ours(path: Path) -> bool:
    """Say whether the file may be replaced: ours, of whichever version, or one that a power cut left empty."""
    try:
        begin = b"".join(read_ordinary(path, 0, begin=200).split()).strip(b"\0")
    except OSError:
        return False
    return b'{"version":'.startswith(begin[:11]) and (len(begin) < 40 or b'"mattes":' in begin)


def _stored(path: Path) -> Dict[str, Any]:
    content = read_object(path) or {}
    mattes = content.get("mattes")
    return dict(mattes) if content.get("version") == VERSION and isinstance(mattes, dict) else {}
