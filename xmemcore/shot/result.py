"""What a matte sequence was made of, in `result.json` beside it: which frames are up to date, and how sure they are.

{"version": 1, "mattes": {"matte.%04d.exr": {"plate": ..., "model": ..., "objects": [...], "layers": [...],
    "keyframes": [...], "settings": {...}, "frames": {"1001": {...MatteRecord...}}}}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xmemcore.shot.whole_file import write_text

VERSION = 1


@dataclass(frozen=True)
class MatteRecord:
    """One finished frame."""

    signature: str
    """Hash of all that the matte depends on."""
    bytes: int
    """Size of its file; another size means that somebody else wrote it."""
    keyframe: bool
    areas: tuple[float, ...]
    """Share of the canvas that each object covers, in [0, 1]."""
    confidence: float
    """Mean margin between the best and the second plane around the objects, in [0, 1]; 1 on keyframes."""


class ResultFile:
    """The part of a `result.json` that is about one matte sequence; other sequences of the folder are left alone."""

    def __init__(self, pattern: Path) -> None:
        self.path = pattern.parent / "result.json"
        self._name = pattern.name
        self.header: dict[str, Any] = {}
        self.records: dict[int, MatteRecord] = {}
        stored = self._stored().get(self._name)
        stored = stored if isinstance(stored, dict) else {}
        frames = stored.get("frames")
        for frame, record in frames.items() if isinstance(frames, dict) else ():
            try:
                self.records[int(frame)] = MatteRecord(**{**record, "areas": tuple(record["areas"])})
            except (TypeError, ValueError, KeyError):
                continue  # an older version's record, or a damaged one: the frame counts as not done
        self.header = {name: value for name, value in stored.items() if name != "frames"}

    def fresh(self, frame: int, signature: str, matte: Path) -> bool:
        """Say whether a frame's file is the one that this signature gives."""
        record = self.records.get(frame)
        if record is None or record.signature != signature:
            return False
        try:
            return matte.stat().st_size == record.bytes
        except OSError:
            return False

    def save(self, header: Mapping[str, Any]) -> None:
        """Write the file whole; raises OSError."""
        self.header = dict(header)
        mattes = self._stored()
        mattes[self._name] = {**self.header, "frames": {str(frame): asdict(self.records[frame]) for frame in sorted(self.records)}}
        write_text(self.path, json.dumps({"version": VERSION, "mattes": mattes}, indent=1))

    def _stored(self) -> dict[str, Any]:
        try:
            content = json.loads(self.path.read_text())
            return dict(content["mattes"]) if content["version"] == VERSION else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}
