"""`result.json` beside a matte sequence: which mattes the core has made, and how sure it is of them. The core writes, the plugin reads.

{"version": 1, "mattes": {"matte.%04d.exr": {...ResultHeader..., "frames": {"1001": {...MatteRecord...}}}}}

The file is a hint for those who cannot read mattes or plates. Whether a matte is up to date, the matte's own metadata say.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterable, Mapping, Optional, Tuple

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.kinds import of_json
from xmemcore.protocol.matte_header import kept_file
from xmemcore.protocol.outside import MAX_JSON_BYTES, NotUsable, parse_json
from xmemcore.protocol.whole_file import read_ordinary, write_text

VERSION = 1
NAME = "result.json"

_FRAME = re.compile(r"-?[0-9]{1,15}")


@dataclass(frozen=True)
class MatteRecord:
    """One finished frame."""

    signature: str
    """Hash of all that the matte depends on."""
    bytes: int
    """Size of its file; another size means that somebody else wrote it."""
    keyframe: bool
    areas: Tuple[float, ...]
    """Share of the canvas that each object covers, in [0, 1]."""
    confidence: float
    """Mean margin between the best and the second plane around the objects, in [0, 1]; 1 on keyframes."""
    sureness: Tuple[float, ...] = ()
    """The same around each object; 1 where it is keyed or absent. Empty for mattes of a program that did not say it."""

    @classmethod
    def of_json(cls, content: Any) -> MatteRecord:
        """Read one; raises NotUsable."""
        record = of_json(cls, content)
        if record.bytes < 0 or not all(0 <= share <= 1 for share in (*record.areas, record.confidence, *record.sureness)):
            raise NotUsable("a frame's record has a size below 0, or a share outside of 0 to 1")
        return record


@dataclass(frozen=True)
class ResultHeader:
    """What all mattes of a sequence have in common."""

    plate: str = ""
    """Pattern of its files."""
    model: str = ""
    node: str = ""
    """Id of the node, which names its folder in the cache."""
    objects: Tuple[str, ...] = ()
    layers: Tuple[str, ...] = ()
    """Name of each object's layer."""
    keyframes: Tuple[int, ...] = ()
    """Frames at which an object is known: drawn, absent or approved."""
    absent: Tuple[int, ...] = ()
    """Those of the keyframes at which all that are known are absent."""
    approved: Tuple[int, ...] = ()
    """Those of the keyframes at which nothing is drawn and a matte was marked as right."""
    range: Tuple[int, ...] = ()
    """First and last frame that the last run was asked for."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings that change mattes, by name."""


class ResultFile:
    """The part of a `result.json` that is about one matte sequence; other sequences of the folder are left alone."""

    def __init__(self, pattern: Path) -> None:
        """Read the file. A missing or damaged file, or one of another version, counts as empty."""
        self.path = pattern.parent / NAME
        self._name = pattern.name
        content = self._sequences().get(self._name)
        self._stored: Dict[str, Any] = content if isinstance(content, dict) else {}
        stored = dict(self._stored)
        frames = stored.pop("frames", None)
        self.header = _header(stored)
        self.records: Dict[int, MatteRecord] = {}
        """Records of this version by frame. An older or damaged record is left out: the matte's own metadata replace it."""
        self.sizes: Dict[int, int] = {}
        """Size of each frame's file in bytes, from records of any version."""
        for frame, record in frames.items() if isinstance(frames, dict) else ():
            if _FRAME.fullmatch(frame) is None or not isinstance(record, dict):
                continue
            if type(record.get("bytes")) is int:
                self.sizes[int(frame)] = record["bytes"]
            try:
                self.records[int(frame)] = MatteRecord.of_json(record)
            except NotUsable:
                continue

    @property
    def stamp(self) -> str:
        """Digest of what the file says about this sequence alone; empty when it says nothing."""
        return hashlib.sha1(json.dumps(self._stored, sort_keys=True).encode()).hexdigest() if self._stored else ""

    def write(self, header: ResultHeader) -> None:
        """Write the file whole. Two sequences of one folder share it, so the caller holds the folder's lock.

        Raises:
            RequestError: somebody else's file is there; it stays.
            OSError.
        """
        if not self._is_ours():
            raise RequestError(f"{self.path} is not a record of mattes: it stays as it is. Name a folder of its own for the mattes.")
        self.header = header
        self._stored = {**asdict(header), "frames": {str(frame): asdict(self.records[frame]) for frame in sorted(self.records)}}
        mattes = {**self._sequences(), self._name: self._stored}
        write_text(self.path, json.dumps({"version": VERSION, "mattes": mattes}, indent=1))

    def _sequences(self) -> Dict[str, Any]:
        try:
            content = parse_json(read_ordinary(self.path, MAX_JSON_BYTES))
            return dict(content["mattes"]) if content["version"] == VERSION else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _is_ours(self) -> bool:
        """Say whether the file may be replaced: it is missing, a record of any version, or the remains of one after a power cut."""
        try:
            begin = read_ordinary(self.path, MAX_JSON_BYTES, begin=4096)
        except FileNotFoundError:
            return True
        begin = b"".join(begin.split()).strip(b"\0")
        return b'{"version":'.startswith(begin[:11]) and (len(begin) < 64 or b'"mattes":' in begin[:64])


def _header(content: Dict[str, Any]) -> ResultHeader:
    """Read the known fields that have values of the right type, and leave out the others."""
    known: Dict[str, Any] = {}
    for name, value in content.items():
        found = _field(name, value)
        if found is not None:
            known[name] = getattr(found, name)
    return ResultHeader(**known)


def _field(name: str, value: Any) -> Optional[ResultHeader]:
    try:
        return of_json(ResultHeader, {name: value})
    except NotUsable:
        return None


def require_ours(pattern: Path, frames: Iterable[int]) -> None:
    """Raise RequestError where mattes would replace an approved one, or what we have not made, such as a plate, a render or a folder.

    Also where a matte of ours was before: whoever rendered over it wants to keep that. A file that is no whole EXR is a damaged matte.

    Args:
        pattern: of the mattes.
        frames: that are to be written.
    """
    for frame in frames:
        path = pattern.parent / (pattern.name % frame)
        what = kept_file(path)
        if what is None and os.path.exists(path) and not os.path.isfile(path):
            what = "which XMem Roto has not made"
        if what is not None:
            raise RequestError(f"The mattes would replace {path}, {what}. Choose another output folder or name, or move that file.")
