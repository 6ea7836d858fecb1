"""The record of a run beside its mattes, for scripts that do not hold it: one that a farm propagated, or a version saved before.

`nuke.json` in the folder of the mattes: {"version": 1, "mattes": {"matte.%04d.exr": {"node_id": ..., "record": {...Record...}}}}.
The script's own record counts for as long as it tells of the same result; the core's `result.json` says which one that is.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Optional

from xmem_roto_nuke.staleness.snapshot import Record
from xmemcore.protocol.outside import read_object
from xmemcore.protocol.whole_file import read_ordinary, write_text

VERSION = 1
NAME = "nuke.json"


def keep(record: Record, node_id: str) -> None:
    """Write a run's record beside its mattes; where that is not possible, other scripts do not find them by themselves."""
    path = _path(record.out)
    if path.exists() and not _is_ours(path):
        return
    content = {**_stored(path), Path(record.out).name: {"node_id": node_id, "record": record.as_json()}}
    with contextlib.suppress(OSError):
        write_text(path, json.dumps({"version": VERSION, "mattes": content}))


def find(pattern: str, node_id: str) -> Optional[Record]:
    """Read the record of a node's mattes; None when there is none, or it is another node's or version's."""
    entry = _stored(_path(pattern)).get(Path(pattern).name)
    if not isinstance(entry, dict) or entry.get("node_id") != node_id or not isinstance(entry.get("record"), dict):
        return None
    record = Record.of_json(entry["record"])
    # The machine that made it may have another name for the disk.
    return None if record is None else replace(record, out=pattern)


def _path(pattern: str) -> Path:
    return Path(pattern).parent / NAME


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
