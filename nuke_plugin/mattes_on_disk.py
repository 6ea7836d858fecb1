"""Which mattes are on disk, one by one: the folder is listed once, and nothing is opened but `result.json`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, List, Optional, Set

from nuke_plugin.snapshot import Record
from xmemcore.protocol.frames import FrameRange


def faults(record: Record) -> List[str]:
    """Say which mattes are gone or are not as the core wrote them, one sentence each."""
    folder, name = Path(record.out).parent, Path(record.out).name
    sizes = _sizes(folder)
    if sizes is None:
        return []  # the folder is gone, which is said of result.json
    written = _written(folder / "result.json", name)
    asked = [frame for frame in FrameRange.parse(record.frames) if frame not in record.missing]
    # The core's own list, where there is one: a run that was cut short has made less than it was asked for.
    made = [frame for frame in asked if frame in written] if written else asked if record.complete else []
    gone = [frame for frame in made if name % frame not in sizes]
    other = [frame for frame in made if frame in written and sizes.get(name % frame, written[frame]) != written[frame]]
    return [*_sentence(gone, "gone"), *_sentence(other, "not what the core wrote")]


def whole(pattern: str) -> Set[int]:
    """List the frames whose matte is as the core wrote it, in whichever run; whether it still holds only the core can tell."""
    folder, name = Path(pattern).parent, Path(pattern).name
    sizes = _sizes(folder) or {}
    return {frame for frame, size in _written(folder / "result.json", name).items() if sizes.get(name % frame) == size}


def _sizes(folder: Path) -> Optional[Dict[str, int]]:
    """Give the size of each EXR in a folder; None when it cannot be listed."""
    try:
        with os.scandir(folder) as listed:
            return {one.name: one.stat().st_size for one in listed if one.name.endswith(".exr")}
    except OSError:
        return None


def _written(path: Path, name: str) -> Dict[int, int]:
    """Read the size of each finished matte; {} when the file does not tell."""
    try:
        frames: Dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["mattes"][name]["frames"]
        return {int(frame): int(entry["bytes"]) for frame, entry in frames.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _sentence(frames: List[int], what: str) -> List[str]:
    if not frames:
        return []
    return [f"{len(frames)} mattes are {what}: {FrameRange.of(frames)}." if len(frames) > 1 else f"The matte of {frames[0]} is {what}."]
