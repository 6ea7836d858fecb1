"""Prove a matte by its own file: its metadata hold a digest of every byte, beside the signature of its inputs.

A record beside the mattes may be late, gone or foreign; sizes and times prove nothing. The digest covers the whole file, so
that it holds for every compression, also for those that keep no check sum of their pixels.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xmemcore.protocol.matte_header import SIGNATURE, find_attributes
from xmemcore.protocol.result_file import MatteRecord
from xmemcore.protocol.whole_file import read_ordinary

DIGEST, KEYFRAME, AREAS, SURENESS, OF_OBJECTS, MADE_BY = (
    "xmem/digest",
    "xmem/keyframe",
    "xmem/areas",
    "xmem/sureness",
    "xmem/sureness_of_objects",
    "xmem/version",
)
UNSEALED = "0" * 40
"""Placeholder of the digest while it is computed."""
MAX_BYTES = 2 << 30


@dataclass(frozen=True)
class MatteOnDisk:
    """A file's own statements."""

    record: MatteRecord | None
    """Record in the file's metadata; None unless every byte is as we wrote it."""
    version: str | None
    """Version of the program named in the file; None for a foreign file."""


class FormerMattes:
    """The mattes of earlier runs, each judged by its own metadata."""

    def __init__(self, path: Callable[[int], Path], signature: Callable[[int], str]) -> None:
        """Take how mattes are looked for.

        Args:
            path: of the matte of a plate index.
            signature: that the matte of a plate index would have now; it may have to read the plate.
        """
        self._path, self._signature = path, signature
        self.unproven: dict[int, str] = {}
        """Version in the metadata of mattes whose bytes prove nothing, by index: they are of 0.2.0 or older, or damaged."""

    def up_to_date(self, index: int) -> MatteRecord | None:
        """Give the record of a matte that is what a run would write now; None for every other one."""
        matte = read(self._path(index))
        if matte is None:
            return None
        if matte.record is None:
            if matte.version is not None:
                self.unproven[index] = matte.version
            return None  # without a proof it is not worth reading the plate
        return matte.record if matte.record.signature == self._signature(index) else None


def metadata(signature: str, areas: tuple[float, ...], confidence: float, sureness: tuple[float, ...]) -> dict[str, str]:
    """Give the attributes of a matte that is to be sealed; what they say, MatteRecord has."""
    return {
        DIGEST: UNSEALED,
        SIGNATURE: signature,
        AREAS: _written(areas),
        SURENESS: repr(float(confidence)),
        OF_OBJECTS: _written(sureness),
    }


def sealed(content: bytes) -> bytes:
    """Put the digest of a finished file into it."""
    place = find_attributes(content)[DIGEST][0]
    return b"".join((content[:place], _digest(content, place).encode(), content[place + len(UNSEALED) :]))


def read(path: Path) -> MatteOnDisk | None:
    """Read what is at a matte's place; None when nothing is there, or no EXR."""
    try:
        content = read_ordinary(path, MAX_BYTES)
        attributes = find_attributes(content)
    except (OSError, ValueError, MemoryError):
        return None
    values = {name: content[start:end] for name, (start, end) in attributes.items()}
    version = values[MADE_BY].decode("utf-8", "replace") if MADE_BY in values else None
    return MatteOnDisk(_record(content, attributes, values), version)


def _record(content: bytes, attributes: dict[str, tuple[int, int]], values: dict[str, bytes]) -> MatteRecord | None:
    try:
        if values[DIGEST].decode("ascii") != _digest(content, attributes[DIGEST][0]):
            return None
        areas = _numbers(values[AREAS])
        sureness = _numbers(values.get(OF_OBJECTS, b""))
        confidence = float(values[SURENESS].decode("ascii"))
        (keyframe,) = struct.unpack("<i", values[KEYFRAME])
        if not all(map(math.isfinite, (*areas, confidence, *sureness))):
            return None
        return MatteRecord(values[SIGNATURE].decode("ascii"), len(content), keyframe == 1, areas, confidence, sureness)
    except (KeyError, ValueError, struct.error):
        return None


def _written(numbers: tuple[float, ...]) -> str:
    return " ".join(repr(float(number)) for number in numbers)


def _numbers(text: bytes) -> tuple[float, ...]:
    return tuple(float(number) for number in text.decode("ascii").split())


def _digest(content: bytes, place: int) -> str:
    hasher = hashlib.sha256()
    hasher.update(memoryview(content)[:place])
    hasher.update(UNSEALED.encode())
    hasher.update(memoryview(content)[place + len(UNSEALED) :])
    return hasher.hexdigest()[: len(UNSEALED)]
