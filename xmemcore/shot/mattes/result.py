"""What a matte sequence was made of, in `result.json` beside it: which frames were made, and how sure they are.

{"version": 1, "mattes": {"matte.%04d.exr": {"plate": ..., "model": ..., "objects": [...], "layers": [...],
    "keyframes": [...], "settings": {...}, "frames": {"1001": {...MatteRecord...}}}}}

It is a hint for those who cannot read mattes or plates. Whether a matte is up to date, the matte itself says (`matte_proof`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.outside import MAX_JSON_BYTES, NotUsable, number, parse_json, whole_number
from xmemcore.protocol.whole_file import read_ordinary, write_text
from xmemcore.shot.store.lock import locked, record_lock

VERSION = 1
NAME = "result.json"


class RecordForeign(RequestError):
    """A `result.json` that is not ours has the place of the record."""


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

    @classmethod
    def of_json(cls, content: Any) -> MatteRecord:
        """Read one; raises NotUsable."""
        if not isinstance(content, dict) or set(content) != {"signature", "bytes", "keyframe", "areas", "confidence"}:
            raise NotUsable("a frame's record is not of this version")
        signature, keyframe, areas = content["signature"], content["keyframe"], content["areas"]
        if not isinstance(signature, str) or not isinstance(keyframe, bool) or not isinstance(areas, list):
            raise NotUsable("a frame's record has values of another kind")
        size = whole_number(content["bytes"], "the size of a matte", 0, 2**63)
        return cls(
            signature,
            size,
            keyframe,
            tuple(number(area, "an area", 0, 1) for area in areas),
            number(content["confidence"], "confidence", 0, 1),
        )


class ResultFile:
    """The part of a `result.json` that is about one matte sequence; other sequences of the folder are left alone."""

    def __init__(self, pattern: Path) -> None:
        self.path = pattern.parent / NAME
        self._name = pattern.name
        self.header: dict[str, Any] = {}
        self.records: dict[int, MatteRecord] = {}
        stored = self._stored().get(self._name)
        stored = stored if isinstance(stored, dict) else {}
        frames = stored.get("frames")
        for frame, record in frames.items() if isinstance(frames, dict) else ():
            try:
                self.records[int(frame[:20])] = MatteRecord.of_json(record)
            except ValueError:
                continue  # an older version's record, or a damaged one: it is made anew with the matte's own word
        self.header = {name: value for name, value in stored.items() if name != "frames"}

    def save(self, header: Mapping[str, Any]) -> None:
        """Write the file whole.

        Raises:
            RecordForeign: somebody else's file is there; it stays.
            LockNotWritable, NodeBusy, OSError.
        """
        self.header = dict(header)
        # Two sequences of one folder share the file.
        with locked(record_lock(self.path.parent), patience_seconds=10):
            if not self._ours():
                raise RecordForeign(f"{self.path} is not a record of mattes: it stays as it is. Name a folder of its own for the mattes.")
            mattes = self._stored()
            mattes[self._name] = {**self.header, "frames": {str(frame): asdict(self.records[frame]) for frame in sorted(self.records)}}
            write_text(self.path, json.dumps({"version": VERSION, "mattes": mattes}, indent=1))

    def _stored(self) -> dict[str, Any]:
        try:
            content = parse_json(read_ordinary(self.path, MAX_JSON_BYTES))
            return dict(content["mattes"]) if content["version"] == VERSION else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _ours(self) -> bool:
        """Say whether what has the record's place may be replaced: nothing, a record of any version, or what a power cut left of one."""
        try:
            begin = read_ordinary(self.path, MAX_JSON_BYTES, begin=4096)
        except FileNotFoundError:
            return True
        begin = b"".join(begin.split()).strip(b"\0")
        return b'{"version":'.startswith(begin[:11]) and (len(begin) < 64 or b'"mattes":' in begin[:64])
