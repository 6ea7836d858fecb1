"""Read the layout of an EXR file: its parts, the attributes that their pixels need, and the place of the chunks of pixels.

The library converts every attribute of a header, and fails on some: a preview kills the process, text that is not UTF-8 or an unknown
type ends the reading. Pixels need none of these. We read the few attributes that pixels need and step over all others. Where a header
holds anything that could disturb the library, it gets a header of our own in front of the same chunks.

Of a multi-part file the library reads every channel of every part, and of a damaged one it prints a warning to stdout and counts the
remaining parts anew. Cut out, a part is read like any other file.

Source: OpenEXR, "OpenEXR File Layout" (openexr.com): magic, version and flags; headers; offset tables; chunks. A chunk of a multi-part
file begins with its part's number; nothing else differs.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

from xmemcore.protocol.whole_file import is_utf8, open_ordinary
from xmemcore.shot.files.box import Box

MAGIC = b"\x76\x2f\x31\x01"
TILED, LONG_NAMES, NOT_AN_IMAGE, MULTI_PART = 0x200, 0x400, 0x800, 0x1000
"""Flags in the second word of a file."""

ROWS_IN_CHUNK = (1, 1, 1, 16, 32, 16, 32, 32, 32, 256, 256, 32, 256, 1)
"""Rows in a chunk of a scanline file, by its compression:
none, RLE, ZIPS, ZIP, PIZ, PXR24, B44, B44A, DWAA, DWAB, HTJ2K256, HTJ2K32, LJ2K, ZSTD;
measured with OpenEXR 3.5.3."""

DEEP_TYPES = ("deepscanline", "deeptile")
KINDS = ("uint", "half", "float")
"""Kinds of channels; a channel's number in the file is the position."""

MAX_PARTS, MAX_CHANNELS, MAX_ATTRIBUTES = 1024, 4096, 20_000
"""Limits of a file, beyond what any program writes: a damaged or hostile file must not take all memory or time."""
MAX_TEXT_BYTES = 1 << 16
"""Longest text that is read as metadata; longer text is stepped over."""
MAX_WORD_BYTES = 255
"""Longest name or type, in bytes."""
MAX_TILE_SIDE = 1 << 24
"""Longest side of a tile, in pixels. A tile may be larger than its picture, but not by so much."""

_FIXED = {
    "box2f": 16, "box2i": 16, "chromaticities": 32, "compression": 1, "double": 8, "float": 4, "int": 4, "lineOrder": 1, "m33f": 36,
    "m44f": 64, "tiledesc": 9, "v2f": 8, "v2i": 8, "v3f": 12, "v3i": 12,
}  # fmt: skip
"""Lengths of attribute types that the library takes with any value."""

Chromaticities = tuple[float, ...]


class LayoutDamaged(Exception):
    """The file's tables contradict each other."""


class LayoutRefused(Exception):
    """The file is of a kind, or claims a size, that is not read; the text says which."""


@dataclass(frozen=True)
class ExrChannel:
    """One plane of a part."""

    name: str
    kind: str
    """One of KINDS."""
    full_size: bool
    """Whether it has a value for every pixel of the window."""


@dataclass(frozen=True)
class ExrPart:
    """One image of a file, without its pixels."""

    index: int
    """Position in the file, deep parts included."""
    name: str
    view: str
    """Which eye; empty where the part names none."""
    planes: tuple[ExrChannel, ...]
    data_window: Box

    @property
    def channels(self) -> tuple[str, ...]:
        """Names, in the file's order."""
        return tuple(plane.name for plane in self.planes)


@dataclass(frozen=True)
class PartLayout:
    """Where and how the pixels of a part are stored."""

    part: ExrPart
    deep: bool
    tiled: bool
    display_window: Box
    pixel_aspect: float
    compression: int
    chunks: int
    """Chunks of the full-size image; reduced levels come after them."""
    table_length: int | None
    """Entries of the part's offset table; None where the file does not say, which only a single part may leave open."""
    values: dict[str, bytes]
    """Stored values of the attributes that pixels need."""


@dataclass(frozen=True)
class FileLayout:
    """The headers of a file."""

    path: Path
    flags: int
    parts: tuple[PartLayout, ...]
    tables: int
    """Offset at which the offset tables begin."""
    harmless: bool
    """Whether the file has a single part and the library takes all its attributes."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """Attributes of the first part that are text or numbers."""
    views: tuple[str, ...] = ()
    """Views of a single part that holds several. The channels of the first have no view in their name."""
    chromaticities: Chromaticities | None = None
    """x and y of red, green, blue and white, of the first part."""


def read_layout(path: Path) -> FileLayout:
    """Read the headers.

    Raises:
        LayoutDamaged, LayoutRefused, OSError.
    """
    with open_ordinary(path) as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        magic, flags = struct.unpack("<4sI", _exactly(file, 8))
        if magic != MAGIC or flags & 0xFF != 2:
            raise LayoutDamaged("its first bytes are not those of an EXR file that we know")
        several = bool(flags & MULTI_PART)
        reader = _HeaderReader(file, size)
        headers = [reader.read()]
        while several and (header := reader.read()).names:
            headers.append(header)
            if len(headers) > MAX_PARTS:
                raise LayoutRefused(f"it has over {MAX_PARTS} parts")
        parts = tuple(_part(header, index, flags) for index, header in enumerate(headers))
        if sum(len(part.part.planes) for part in parts) > MAX_CHANNELS:
            raise LayoutRefused(f"it has over {MAX_CHANNELS} channels")
        first = headers[0]
        return FileLayout(
            path,
            flags,
            parts,
            file.tell(),
            harmless=not several and first.harmless,
            metadata=first.metadata,
            views=_texts(first.values.get("multiView", b"")),
            chromaticities=_chromaticities(first.values.get("chromaticities")),
        )


def pixel_source(layout: FileLayout, index: int) -> str | io.BytesIO:
    """Give what the library is to open for a flat part: the file itself, or the part under a header of our making.

    Every chunk of the full-size image is checked: it is there and belongs to the part.

    Raises:
        LayoutDamaged, OSError.
    """
    part = layout.parts[index]
    with open_ordinary(layout.path) as file:
        size = file.seek(0, io.SEEK_END)
        before = sum(earlier.table_length or 0 for earlier in layout.parts[:index])
        file.seek(layout.tables + 8 * before)
        if file.tell() + 8 * part.chunks > size:
            raise LayoutDamaged("it ends too early")
        offsets = struct.unpack(f"<{part.chunks}Q", _exactly(file, 8 * part.chunks))
        # A file that was not finished has 0 in its table.
        if min(offsets) == 0:
            raise LayoutDamaged("some of its pixels were never written")
        if max(offsets) >= size:
            raise LayoutDamaged("it ends too early")
        if layout.harmless:
            _chunk_end(file, max(offsets), part.tiled, size)
            if is_utf8(layout.path):
                return str(layout.path)
            # The library dies of a path in another encoding.
            file.seek(0)
            return io.BytesIO(file.read(size))
        numbered = bool(layout.flags & MULTI_PART)
        chunks = [_chunk(file, offset, index if numbered else None, part.tiled, size) for offset in offsets]
    begins = _minimal_header(layout, part)
    places, place = [], len(begins) + 8 * len(chunks)
    for chunk in chunks:
        places.append(place)
        place += len(chunk)
    return io.BytesIO(b"".join((begins, struct.pack(f"<{len(places)}Q", *places), *chunks)))


@dataclass
class _Header:
    """The attributes of one part that were not stepped over."""

    names: set[str] = field(default_factory=set)
    """Names of all attributes."""
    values: dict[str, bytes] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    harmless: bool = True


_NEEDED = {
    "channels": "chlist", "compression": "compression", "dataWindow": "box2i", "displayWindow": "box2i", "lineOrder": "lineOrder",
    "pixelAspectRatio": "float", "tiles": "tiledesc", "type": "string", "name": "string", "view": "string", "chunkCount": "int",
    "multiView": "stringvector", "chromaticities": "chromaticities",
}  # fmt: skip
"""Attributes that are read, and the type under which they count."""

_PLAIN: dict[str, Callable[[bytes], Any]] = {
    "string": lambda value: _text(value),
    "int": lambda value: struct.unpack("<i", value)[0],
    "float": lambda value: struct.unpack("<f", value)[0],
    "double": lambda value: struct.unpack("<d", value)[0],
}


class _HeaderReader:
    """Reads the headers of a file one after another, and counts their attributes."""

    def __init__(self, file: BufferedReader, size: int) -> None:
        self._file = file
        self._size = size
        self._attributes = 0

    def read(self) -> _Header:
        header = _Header()
        while name := self._word():
            self._attributes += 1
            if self._attributes > MAX_ATTRIBUTES:
                raise LayoutRefused(f"its header has over {MAX_ATTRIBUTES} attributes")
            self._attribute(header, name)
        return header

    def _attribute(self, header: _Header, name: str) -> None:
        kind = self._word()
        length = struct.unpack("<i", _exactly(self._file, 4))[0]
        if not 0 <= length <= self._size - self._file.tell():
            raise LayoutDamaged(f"its attribute {name[:40]!r} is longer than the file")
        twice = name in header.names
        header.names.add(name)
        needed = _NEEDED.get(name) == kind
        if not needed and (kind not in _PLAIN or length > MAX_TEXT_BYTES):
            header.harmless &= not twice and _FIXED.get(kind) == length
            self._file.seek(length, io.SEEK_CUR)
            return
        value = _exactly(self._file, length)
        fits = value.isascii() if kind == "string" else kind == "chlist" or _FIXED.get(kind) == length
        # How the library treats an attribute of a wrong length, or one that comes twice, is unknown; it gets our header.
        header.harmless &= fits and not twice
        if twice:
            return
        if needed:
            header.values[name] = value
        if kind in _PLAIN and (kind == "string" or fits):
            header.metadata[name] = _PLAIN[kind](value)

    def _word(self) -> str:
        """Read a name or a type: bytes up to a zero."""
        # Usually the word is in the file object's buffer, whole.
        end = self._file.peek(MAX_WORD_BYTES + 1)[: MAX_WORD_BYTES + 1].find(b"\0")
        if end >= 0:
            return self._file.read(end + 1)[:end].decode("latin-1")
        word = bytearray()
        while (letter := _exactly(self._file, 1)) != b"\0":
            word += letter
            if len(word) > MAX_WORD_BYTES:
                raise LayoutDamaged("an attribute has no sensible name")
        return word.decode("latin-1")


def _part(header: _Header, index: int, flags: int) -> PartLayout:
    try:
        several = bool(flags & MULTI_PART)
        kind = _text(header.values.get("type", b""))
        if several and kind not in ("scanlineimage", "tiledimage", *DEEP_TYPES):
            raise LayoutDamaged(f"its part {index + 1} is of the unknown type {kind[:40]!r}")
        deep = kind in DEEP_TYPES if several else bool(flags & NOT_AN_IMAGE) or kind in DEEP_TYPES
        tiled = kind == "tiledimage" if several else bool(flags & TILED)
        window, display = _window(header.values["dataWindow"]), _window(header.values["displayWindow"])
        compression = header.values["compression"][0]
        planes = _planes(header.values["channels"])
        aspect = struct.unpack("<f", header.values["pixelAspectRatio"])[0] if "pixelAspectRatio" in header.values else 1.0
        count = struct.unpack("<i", header.values["chunkCount"])[0] if several else None
        if count is not None and count < 0:
            raise LayoutDamaged("a part has no sensible number of chunks")
        chunks = 0 if deep else _chunk_count(header, window, compression, tiled)
        if count is not None and chunks > count:
            raise LayoutDamaged("a part has fewer chunks than its window needs")
    except (KeyError, struct.error, IndexError) as error:
        raise LayoutDamaged("its header does not say what it holds") from error
    part = ExrPart(index, _text(header.values.get("name", b"")), _text(header.values.get("view", b"")), planes, window)
    return PartLayout(part, deep, tiled, display, aspect, compression, chunks, count, header.values)


def _chunk_count(header: _Header, window: Box, compression: int, tiled: bool) -> int:
    if compression >= len(ROWS_IN_CHUNK):
        raise LayoutRefused(f"it is compressed in a way (number {compression}) that is newer than this program")
    if tiled:
        across, down, _ = struct.unpack("<IIB", header.values["tiles"])
        if not (0 < across <= MAX_TILE_SIDE and 0 < down <= MAX_TILE_SIDE):
            raise LayoutDamaged("its tiles have no size")
        return -(-window.width // across) * -(-window.height // down)
    return -(-window.height // ROWS_IN_CHUNK[compression])


def _planes(value: bytes) -> tuple[ExrChannel, ...]:
    planes, place = [], 0
    while value[place : place + 1] not in (b"\0", b""):
        end = value.index(b"\0", place) if b"\0" in value[place : place + 256] else -1
        if end < 0:
            raise LayoutDamaged("a channel has no sensible name")
        kind, _, x, y = struct.unpack_from("<iIii", value, end + 1)
        if not 0 <= kind < len(KINDS):
            raise LayoutDamaged("a channel is of an unknown type")
        planes.append(ExrChannel(_text(value[place:end]), KINDS[kind], (x, y) == (1, 1)))
        place = end + 17
        if len(planes) > MAX_CHANNELS:
            raise LayoutRefused(f"it has over {MAX_CHANNELS} channels")
    return tuple(planes)


def _window(value: bytes) -> Box:
    x0, y0, x1, y1 = struct.unpack("<4i", value)
    if x1 < x0 or y1 < y0:
        raise LayoutDamaged("it has a window without pixels")
    return Box(x0, y0, x1 + 1, y1 + 1)


def _texts(value: bytes) -> tuple[str, ...]:
    """Read a list of texts up to the first damage."""
    texts: list[str] = []
    place = 0
    while place + 4 <= len(value) and len(texts) < MAX_PARTS:
        length = struct.unpack_from("<i", value, place)[0]
        if not 0 <= length <= len(value) - place - 4:
            break
        texts.append(_text(value[place + 4 : place + 4 + length]))
        place += 4 + length
    return tuple(texts)


def _text(value: bytes) -> str:
    """Read text; what is not UTF-8 is taken for Latin-1, as tools of other systems write it."""
    value = value.rstrip(b"\0")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _chromaticities(value: bytes | None) -> Chromaticities | None:
    return struct.unpack("<8f", value) if value is not None and len(value) == 32 else None


def _minimal_header(layout: FileLayout, part: PartLayout) -> bytes:
    """Write a header of a single part with what the pixels need, and nothing else."""
    values = part.values
    attributes = [
        ("channels", "chlist", values["channels"]),
        ("compression", "compression", bytes((part.compression,))),
        ("dataWindow", "box2i", values["dataWindow"]),
        # The display window was read already; the library gets a sensible one.
        ("displayWindow", "box2i", values["dataWindow"]),
        ("lineOrder", "lineOrder", values["lineOrder"] if values.get("lineOrder", b"") in (b"\0", b"\1", b"\2") else b"\0"),
        ("pixelAspectRatio", "float", struct.pack("<f", 1)),
        ("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1)),
    ]
    if part.tiled:
        across, down, _ = struct.unpack("<IIB", values["tiles"])
        # Reduced levels are left out: the full size comes first in the table.
        attributes.append(("tiles", "tiledesc", struct.pack("<IIB", across, down, 0)))
    content = b"".join(
        name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value for name, kind, value in attributes
    )
    flags = 2 | (TILED if part.tiled else 0) | (layout.flags & LONG_NAMES)
    return struct.pack("<4sI", MAGIC, flags) + content + b"\0"


def _chunk(file: BinaryIO, offset: int, number: int | None, tiled: bool, size: int) -> bytes:
    """Read a chunk without the number of its part; a single part has none."""
    if number is not None:
        file.seek(offset)
        if struct.unpack("<i", _exactly(file, 4))[0] != number:
            raise LayoutDamaged("a chunk is not where it should be")
        offset += 4
    end = _chunk_end(file, offset, tiled, size)
    file.seek(offset)
    return _exactly(file, end - offset)


def _chunk_end(file: BinaryIO, offset: int, tiled: bool, size: int) -> int:
    """Say where a chunk ends, by its own length; raises LayoutDamaged where the file ends earlier."""
    leader = 20 if tiled else 8
    file.seek(offset + leader - 4)
    end = offset + leader + struct.unpack("<i", _exactly(file, 4))[0]
    if not offset + leader <= end <= size:
        raise LayoutDamaged("it ends too early")
    return end


def _exactly(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise LayoutDamaged("it ends too early")
    return content
