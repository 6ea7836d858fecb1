"""What we read of an EXR's tables ourselves: whether a file is whole, and one part of a multi-part file as a file of its own.

Of a truncated file the library prints what it thinks before it fails; we look first.

The library reads a multi-part file only whole: every channel of every part, and of a damaged one it prints a warning to stdout and
counts the remaining parts anew. Cut out, a part is read like any other file: the channels that are wanted, and errors that are errors.

Source: OpenEXR, "OpenEXR File Layout" (openexr.com): magic, version and flags; headers; offset tables; chunks. A chunk of a multi-part
file begins with its part's number; nothing else differs.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

TILED, LONG_NAMES, NOT_AN_IMAGE, MULTI_PART = 0x200, 0x400, 0x800, 0x1000
"""Flags in the second word of a file."""

ROWS_IN_CHUNK = (1, 1, 1, 16, 32, 16, 32, 32, 32, 256)
"""Of a scanline file, by its compression: none, RLE, ZIPS, ZIP, PIZ, PXR24, B44, B44A, DWAA, DWAB."""

MAX_HEADER_BYTES = 64 << 20
"""More than any header has; a damaged length must not fill the memory."""


class PartDamaged(Exception):
    """The file's own tables do not hold together."""


@dataclass(frozen=True)
class _Part:
    """Where a part is."""

    header: bytes
    attributes: dict[str, bytes]


def is_multi_part(path: Path) -> bool:
    """Say whether a file that begins like an EXR is marked as multi-part."""
    with open(path, "rb") as file:
        begins = file.read(8)
    return len(begins) == 8 and bool(struct.unpack("<I", begins[4:])[0] & MULTI_PART)


def require_whole(path: Path) -> None:
    """See that a file of a single part has all chunks that its table names; files with reduced levels are not looked at.

    Raises:
        PartDamaged, OSError.
    """
    with open(path, "rb") as file:
        _, flags = struct.unpack("<4sI", _exactly(file, 8))
        if flags & (MULTI_PART | NOT_AN_IMAGE):
            return
        part = _header(file)
        count = _chunks_of_image(part, bool(flags & TILED))
        if count is None:
            return
        offsets = struct.unpack(f"<{count}Q", _exactly(file, 8 * count))
        size = file.seek(0, io.SEEK_END)
        leader = 20 if flags & TILED else 8
        if not offsets or min(offsets) == 0 or max(offsets) + leader > size:
            raise PartDamaged("it ends too early")
        file.seek(max(offsets) + leader - 4)
        if max(offsets) + leader + struct.unpack("<i", _exactly(file, 4))[0] > size:
            raise PartDamaged("it ends too early")


def single_part(path: Path, index: int) -> io.BytesIO:
    """Cut a flat part out of a multi-part file.

    Raises:
        PartDamaged, OSError.
    """
    with open(path, "rb") as file:
        magic, flags = struct.unpack("<4sI", _exactly(file, 8))
        parts = _headers(file)
        if not 0 <= index < len(parts):
            raise PartDamaged(f"it has {len(parts)} parts")
        counts = [_chunk_count(part) for part in parts]
        file.seek(8 * sum(counts[:index]), io.SEEK_CUR)
        offsets = struct.unpack(f"<{counts[index]}Q", _exactly(file, 8 * counts[index]))
        tiled = parts[index].attributes["type"].rstrip(b"\0") == b"tiledimage"
        chunks = [_chunk(file, offset, index, tiled) for offset in offsets]
    flags = (flags & ~(MULTI_PART | NOT_AN_IMAGE | TILED)) | (TILED if tiled else 0)
    begins = struct.pack("<4sI", magic, flags) + parts[index].header
    places, place = [], len(begins) + 8 * len(chunks)
    for chunk in chunks:
        places.append(place)
        place += len(chunk)
    return io.BytesIO(b"".join((begins, struct.pack(f"<{len(places)}Q", *places), *chunks)))


def _headers(file: BinaryIO) -> list[_Part]:
    parts: list[_Part] = []
    while (part := _header(file)).attributes:
        parts.append(part)
    return parts


def _header(file: BinaryIO) -> _Part:
    content = io.BytesIO()
    attributes: dict[str, bytes] = {}
    while name := _name(file):
        kind = _name(file)
        length = _exactly(file, 4)
        size = struct.unpack("<i", length)[0]
        if not 0 <= size <= MAX_HEADER_BYTES:
            raise PartDamaged("an attribute has no sensible length")
        value = _exactly(file, size)
        attributes[name.decode("latin-1")] = value
        content.write(name + b"\0" + kind + b"\0" + length + value)
    return _Part(content.getvalue() + b"\0", attributes)


def _chunks_of_image(part: _Part, tiled: bool) -> int | None:
    """Count the chunks of a file of a single part; None for one with reduced levels, or of a compression that we do not know."""
    try:
        x0, y0, x1, y1 = struct.unpack("<4i", part.attributes["dataWindow"])
        if tiled:
            across, down, mode = struct.unpack("<IIB", part.attributes["tiles"])
            return None if mode & 0xF else -(-(x1 - x0 + 1) // across) * -(-(y1 - y0 + 1) // down)
        compression = part.attributes["compression"][0]
    except (KeyError, struct.error, IndexError, ZeroDivisionError) as error:
        raise PartDamaged("its header does not say what it holds") from error
    rows = y1 - y0 + 1
    if compression >= len(ROWS_IN_CHUNK) or not 0 < rows <= MAX_HEADER_BYTES // 8:
        return None
    return -(-rows // ROWS_IN_CHUNK[compression])


def _chunk_count(part: _Part) -> int:
    if not {"chunkCount", "type"} <= part.attributes.keys():
        raise PartDamaged("a part does not say what it holds")
    (count,) = struct.unpack("<i", part.attributes["chunkCount"])
    if not 0 <= count <= MAX_HEADER_BYTES // 8:
        raise PartDamaged("a part has no sensible number of chunks")
    return int(count)


def _chunk(file: BinaryIO, offset: int, index: int, tiled: bool) -> bytes:
    """Read a chunk without the number of its part."""
    # A file that was not finished has 0 in its table.
    if offset == 0:
        raise PartDamaged("a chunk was never written")
    file.seek(offset)
    leader = _exactly(file, 24 if tiled else 12)
    number, size = struct.unpack("<i", leader[:4])[0], struct.unpack("<i", leader[-4:])[0]
    if number != index or not 0 <= size <= 1 << 30:
        raise PartDamaged("a chunk is not where it should be")
    return leader[4:] + _exactly(file, size)


def _name(file: BinaryIO) -> bytes:
    name = bytearray()
    while (letter := _exactly(file, 1)) != b"\0":
        name += letter
        if len(name) > 255:
            raise PartDamaged("an attribute has no sensible name")
    return bytes(name)


def _exactly(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise PartDamaged("it ends too early")
    return content
