"""Read TIFF in two steps: this module reads the tags, opencv's libtiff decompresses the bytes.

opencv misreads legal files without an error: separate planes as if interleaved, white that is zero, half floats, alpha that it multiplies
in. So opencv gets the same strips or tiles under tags of plain grey or plain RGB, and this module arranges the samples. A kind that is
not known to come out right is refused by its name.

Source: Adobe, "TIFF Revision 6.0" (1992) and "Adobe Photoshop TIFF Technical Notes 3" (2005, floating point and its predictor).
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import cv2
import numpy as np

from xmemcore.protocol import foreign
from xmemcore.shot.files.picture_header import PictureDamaged, PictureHeader, PictureUnsupported, aspect_of, require_bytes

MAX_TAGS, MAX_SAMPLES = 4096, 64
KIND, WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 254, 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES = 273, 274, 277, 278, 279
X_RESOLUTION, Y_RESOLUTION, PLANES, PREDICTOR, COLOUR_MAP = 282, 283, 284, 317, 320
TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_BYTES, EXTRA_SAMPLES, SAMPLE_FORMAT = 322, 323, 324, 325, 338, 339

NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS = 1, 5, 8, 32946, 32773
_COMPRESSIONS = {
    2: "CCITT", 3: "CCITT fax", 4: "CCITT fax", 6: "old JPEG", 7: "JPEG", 34712: "JPEG 2000", 34925: "LZMA", 50000: "Zstandard",
    50001: "WebP", 50002: "JPEG XL", 34676: "SGI log", 34677: "SGI log",
}  # fmt: skip
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE = 0, 1, 2, 3
_PHOTOMETRICS = {
    4: "a transparency mask", 5: "CMYK", 6: "YCbCr", 8: "CIE L*a*b*", 9: "ICC L*a*b*", 10: "ITU L*a*b*", 32803: "a camera's raw mosaic",
    32844: "log luminance", 32845: "log luminance", 34892: "camera raw",
}  # fmt: skip
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_WHOLE = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
FLOAT_BITS = {16: np.float16, 32: np.float32, 64: np.float64}
MAX_WHOLE_BITS = 32

_Ifd = dict[int, tuple[int, int, bytes]]
"""Type, count and stored value of each tag."""


@dataclass(frozen=True)
class TiffLayout:
    """The tags of the first picture."""

    order: str
    """Byte order: `<` or `>`."""
    big: bool
    width: int
    height: int
    samples: int
    bits: int
    floats: bool
    compression: int
    photometric: int
    separate: bool
    predictor: int
    fill_order: int
    tile: tuple[int, int] | None
    """Width and height; None: strips."""
    rows: int
    """Rows of a strip."""
    offsets: tuple[int, ...]
    lengths: tuple[int, ...]
    colour_map: bytes
    alpha: bool
    """Whether its last samples are no colours."""
    header: PictureHeader


@dataclass(frozen=True)
class TiffPicture:
    """The pixels of a picture."""

    pixels: np.ndarray
    """(H, W, C): uint8 or uint16 over their whole range, or float32 (whole numbers of other depths in [0, 1], floats as stored). A
    palette's colours are looked up, and black is 0."""
    indices: np.ndarray | None
    """(H, W) uint8 or uint16 of a palette."""
    alpha: np.ndarray | None


def read_layout(file: BinaryIO) -> TiffLayout:
    """Read the tags of a file's first picture.

    Raises:
        PictureDamaged, PictureUnsupported.
    """
    try:
        order, big, ifd, following = _first_ifd(file)
        return _layout(order, big, ifd, several=_is_picture(file, order, big, following))
    except (struct.error, KeyError, IndexError, ZeroDivisionError, OverflowError) as error:
        raise PictureDamaged("its tags do not hold together") from error


def read_tiff(content: bytes) -> TiffPicture:
    """Read the first picture of a file.

    Raises:
        PictureDamaged, PictureUnsupported.
    """
    layout = read_layout(io.BytesIO(content))
    for offset, length in zip(layout.offsets, layout.lengths, strict=True):
        if offset + length > len(content) or length == 0:
            raise PictureDamaged("it ends too early")
    samples = _samples(content, layout)
    if layout.photometric == PALETTE:
        indices = samples[..., 0]
        entries = 1 << layout.bits
        table = np.frombuffer(layout.colour_map, layout.order + "u2")
        if table.size < 3 * entries:
            raise PictureDamaged("its palette is too short")
        table = table[: 3 * entries].astype(np.uint16)
        if table.max(initial=0) <= 255:
            table = table * 257  # written by old programs in 8 bits; libtiff reads them so, too
        colours = table.reshape(3, entries).T[indices]
        return TiffPicture(colours, indices, None)
    colours = 3 if layout.photometric == RGB else 1
    pixels, alpha = samples[..., :colours], samples[..., colours] if layout.alpha else None
    if layout.photometric == WHITE_IS_ZERO:
        top = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else np.float32(1)
        pixels = top - pixels
    return TiffPicture(pixels, None, alpha)


def exif_orientation(content: bytes) -> int:
    """Give the orientation that EXIF names, 1 to 8; 1 where it names none."""
    order, ifd = _exif(content)
    try:
        return _number(ifd, ORIENTATION, order, 1)
    except (struct.error, KeyError, IndexError):
        return 1


def exif_aspect(content: bytes) -> float:
    """Give the pixel aspect that EXIF's resolution names; 1 where it names none."""
    order, ifd = _exif(content)
    return _aspect(ifd, order)


def _exif(content: bytes) -> tuple[str, _Ifd]:
    try:
        order, _, ifd, _ = _first_ifd(io.BytesIO(content))
        return order, ifd
    except (PictureDamaged, struct.error):
        return "<", {}


def _first_ifd(file: BinaryIO) -> tuple[str, bool, _Ifd, int]:
    """Give the byte order, whether the file is a BigTIFF, the first picture's tags, and where the next one's are (0: nowhere)."""
    begins = _at(file, 0, 8)
    order = {b"II": "<", b"MM": ">"}.get(begins[:2])
    version = struct.unpack((order or "<") + "H", begins[2:4])[0]
    if order is None or version not in (42, 43):
        raise PictureDamaged("its first bytes are not those of a TIFF")
    big = version == 43
    where = struct.unpack(order + "Q", _at(file, 8, 8))[0] if big else struct.unpack(order + "I", begins[4:])[0]
    return order, big, *_ifd(file, order, big, where)


def _ifd(file: BinaryIO, order: str, big: bool, where: int) -> tuple[_Ifd, int]:
    """Give a picture's tags, and where the next one's are."""
    head, entry, room = (8, 20, 8) if big else (2, 12, 4)
    count = struct.unpack(order + ("Q" if big else "H"), _at(file, where, head))[0]
    if not 0 < count <= MAX_TAGS:
        raise PictureDamaged("it has no sensible number of tags")
    table = _at(file, where + head, count * entry)
    following = file.read(room)
    size = file.seek(0, io.SEEK_END)
    ifd: _Ifd = {}
    for place in range(0, count * entry, entry):
        tag, kind = struct.unpack_from(order + "HH", table, place)
        number = struct.unpack_from(order + ("Q" if big else "I"), table, place + 4)[0]
        length = _TYPE_BYTES.get(kind, 1) * number
        if tag not in _WANTED or tag in ifd:
            continue
        value = table[place + entry - room : place + entry]
        if length > room:
            if length > size:
                raise PictureDamaged("a tag is longer than the file")
            value = _at(file, struct.unpack(order + ("Q" if big else "I"), value)[0], length)
        ifd[tag] = kind, number, value[:length]
    return ifd, struct.unpack(order + ("Q" if big else "I"), following)[0] if len(following) == room else 0


_WANTED = frozenset(
    (KIND, WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES,
     X_RESOLUTION, Y_RESOLUTION, PLANES, PREDICTOR, COLOUR_MAP, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_BYTES, EXTRA_SAMPLES,
     SAMPLE_FORMAT)
)  # fmt: skip


def _layout(order: str, big: bool, ifd: _Ifd, several: bool) -> TiffLayout:
    width, height = _number(ifd, WIDTH, order), _number(ifd, LENGTH, order)
    samples = _number(ifd, SAMPLES, order, 1)
    if not width or not height or not 0 < samples <= MAX_SAMPLES:
        raise PictureDamaged("it has no size")
    depths, formats = set(_numbers(ifd, BITS, order, (1,))), set(_numbers(ifd, SAMPLE_FORMAT, order, (UNSIGNED,)))
    compression, photometric = _number(ifd, COMPRESSION, order, NONE), _number(ifd, PHOTOMETRIC, order)
    planes, predictor = _number(ifd, PLANES, order, 1), _number(ifd, PREDICTOR, order, 1)
    bits = max(depths)
    floats = formats == {FLOAT}
    if photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE):
        raise PictureUnsupported(f"a TIFF of {_PHOTOMETRICS.get(photometric, f'the colour model number {photometric}')}")
    if compression not in (NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS):
        raise PictureUnsupported(f"a TIFF with {_COMPRESSIONS.get(compression, f'compression number {compression}')} compression")
    if len(depths) > 1 or len(formats) > 1:
        raise PictureUnsupported("a TIFF whose channels are of different depths")
    if formats not in ({UNSIGNED}, {FLOAT}, {4}):
        raise PictureUnsupported("a TIFF of signed or complex numbers")
    if floats and bits not in FLOAT_BITS or not floats and not 0 < bits <= MAX_WHOLE_BITS:
        raise PictureUnsupported(f"a TIFF of {bits}-bit {'floats' if floats else 'whole numbers'}")
    if photometric == RGB and samples < 3:
        raise PictureDamaged("it has fewer channels than colours")
    if photometric == PALETTE and (floats or bits > 16 or samples != 1):
        raise PictureUnsupported("a TIFF with a palette of an unusual kind")
    if floats and photometric == WHITE_IS_ZERO:
        raise PictureUnsupported("a TIFF of floats whose white is 0")
    if predictor not in (1, 2, 3) or (predictor == 3) > floats or (predictor == 2 and bits not in (8, 16, 32, 64)):
        raise PictureUnsupported(f"a TIFF with predictor number {predictor} over {bits}-bit numbers")
    if _number(ifd, FILL_ORDER, order, 1) != 1 and compression != NONE:
        raise PictureUnsupported("a compressed TIFF whose bits are in reverse order")
    if predictor != 1 and compression not in (LZW, DEFLATE, OLD_DEFLATE):
        # Readers differ in whether it then counts.
        raise PictureUnsupported(f"a TIFF with predictor number {predictor}, but with no compression that goes with it")
    if planes not in (1, 2):
        raise PictureDamaged("its planes are arranged in an unknown way")
    separate = planes == 2 and samples > 1
    tile = (_number(ifd, TILE_WIDTH, order), _number(ifd, TILE_LENGTH, order)) if TILE_WIDTH in ifd else None
    rows = min(_number(ifd, ROWS_PER_STRIP, order, height) or height, height)
    offsets = _numbers(ifd, TILE_OFFSETS if tile else STRIP_OFFSETS, order)
    lengths = _numbers(ifd, TILE_BYTES if tile else STRIP_BYTES, order, ())
    if tile and not (0 < tile[0] <= 1 << 16 and 0 < tile[1] <= 1 << 16):
        raise PictureDamaged("its tiles have no size")
    pieces = -(-width // tile[0]) * -(-height // tile[1]) if tile else -(-height // rows)
    pieces *= samples if separate else 1
    if len(offsets) == 1 and not lengths and compression == NONE:
        lengths = (height * -(-width * samples * bits // 8),)
    if len(offsets) < pieces or len(lengths) < pieces:
        raise PictureDamaged("some of its pixels are missing")
    require_bytes(width, height, samples * max(bits, 8) // 8)
    colours = 3 if photometric == RGB else 1
    header = PictureHeader(
        width,
        height,
        _aspect(ifd, order),
        _number(ifd, ORIENTATION, order, 1),
        floats,
        ("The files of the plate hold several pictures each; the first is used.",) if several else (),
    )
    return TiffLayout(
        order, big, width, height, samples, bits, floats, compression, photometric, separate, predictor,
        _number(ifd, FILL_ORDER, order, 1), tile, rows, offsets[:pieces], lengths[:pieces], ifd.get(COLOUR_MAP, (3, 0, b""))[2],
        samples > colours and bool(ifd.get(EXTRA_SAMPLES)), header,
    )  # fmt: skip


def _samples(content: bytes, layout: TiffLayout) -> np.ndarray:
    """Give (H, W, C) of all samples: uint8 and uint16 as they are, of other depths float32; a palette's as they are."""
    planes = layout.samples if layout.separate else 1
    per_plane = layout.samples // planes
    found = []
    for plane in range(planes):
        pieces = len(layout.offsets) // planes
        chosen = slice(plane * pieces, (plane + 1) * pieces)
        found.append(_plane(content, layout, layout.offsets[chosen], layout.lengths[chosen], per_plane))
    return found[0] if len(found) == 1 else np.concatenate(found, axis=2)


def _plane(content: bytes, layout: TiffLayout, offsets: tuple[int, ...], lengths: tuple[int, ...], samples: int) -> np.ndarray:
    """Read interleaved samples, (H, W, C)."""
    if layout.bits in (8, 16) and layout.predictor in (1, 2) and samples in (1, 3) and layout.compression in (LZW, PACKBITS):
        declared = layout.bits, samples, layout.predictor
        pixels = _by_opencv(content, layout, offsets, lengths, (layout.width, layout.height), declared, layout.tile)
        pixels = pixels[..., ::-1] if samples == 3 else pixels
        return _scaled(pixels.view(np.float16) if layout.floats else pixels, layout)
    across, down = layout.tile or (layout.width, layout.rows)
    row_bytes = -(-across * samples * layout.bits // 8)
    canvas = None
    for place, rows in enumerate(_rows(content, layout, offsets, lengths, row_bytes, across, down)):
        piece = _scaled(_numbers_of(rows, layout, across, samples), layout)
        if canvas is None:
            canvas = np.empty((layout.height, layout.width, samples), piece.dtype)
        columns = -(-layout.width // across)
        y, x = place // columns * down, place % columns * across
        height, width = min(down, layout.height - y), min(across, layout.width - x)
        canvas[y : y + height, x : x + width] = piece[:height, :width]
    assert canvas is not None
    return canvas


def _rows(
    content: bytes, layout: TiffLayout, offsets: tuple[int, ...], lengths: tuple[int, ...], row_bytes: int, across: int, down: int
) -> Iterator[np.ndarray]:
    """Give the decompressed bytes of each strip or tile, (rows, row_bytes) uint8."""
    if layout.compression in (LZW, PACKBITS):
        columns = -(-layout.width // across)
        lines = -(-layout.height // down)
        if layout.tile:
            if row_bytes % 16:
                raise PictureUnsupported("a TIFF with compressed tiles of an unusual depth")
            size, tile = (columns * row_bytes, lines * down), (row_bytes, down)
        else:
            size, tile = (row_bytes, layout.height), None
        whole = _by_opencv(content, layout, offsets, lengths, size, (8, 1, 1), tile)[..., 0]
        for line in range(lines):
            for column in range(columns):
                yield whole[line * down : (line + 1) * down, column * row_bytes : (column + 1) * row_bytes]
        return
    reverse = np.array([int(f"{value:08b}"[::-1], 2) for value in range(256)], np.uint8) if layout.fill_order == 2 else None
    for place, (offset, length) in enumerate(zip(offsets, lengths, strict=True)):
        rows = down if layout.tile else min(down, layout.height - place * down)
        piece = content[offset : offset + length]
        if layout.compression != NONE:
            try:
                unpacking = zlib.decompressobj()
                piece = unpacking.decompress(piece, rows * row_bytes)
                # The rest is a check sum, and in some files surplus rows.
                rest = unpacking.decompress(unpacking.unconsumed_tail, down * row_bytes + 1)
            except zlib.error as error:
                raise PictureDamaged("its compressed pixels are damaged") from error
            if not unpacking.eof and len(rest) <= down * row_bytes:
                raise PictureDamaged("its compressed pixels end before their check sum")
        if len(piece) < rows * row_bytes:
            raise PictureDamaged("it ends too early")
        found = np.frombuffer(piece, np.uint8, rows * row_bytes).reshape(rows, row_bytes)
        yield found if reverse is None else reverse[found]


def _numbers_of(rows: np.ndarray, layout: TiffLayout, width: int, samples: int) -> np.ndarray:
    """Turn bytes of rows, (h, bytes), into (h, width, samples) of the file's numbers, in this machine's byte order."""
    bits = layout.bits
    shape = (rows.shape[0], width, samples)
    if layout.predictor == 3:
        # Bytes of equal weight stand together, each the difference to the one before.
        size = bits // 8
        summed = rows.reshape(rows.shape[0], -1, samples)
        summed = np.cumsum(summed, axis=1, dtype=np.uint8).reshape(rows.shape[0], size, width * samples)
        joined = np.ascontiguousarray(summed.transpose(0, 2, 1))
        return joined.view(f">f{size}").reshape(shape).astype(FLOAT_BITS[bits])
    if bits in (8, 16, 32, 64):
        stored = np.ascontiguousarray(rows).view(f"{layout.order}u{bits // 8}").reshape(shape)
        numbers = stored.astype(f"u{bits // 8}")
        if layout.predictor == 2:
            numbers = np.cumsum(numbers, axis=1, dtype=numbers.dtype)
        return numbers.view(FLOAT_BITS[bits]) if layout.floats else numbers
    if bits == 24:
        parts = rows.reshape(*shape, 3).astype(np.uint32)
        weights = (0, 8, 16) if layout.order == "<" else (16, 8, 0)
        shifted = [parts[..., place] << np.uint32(weight) for place, weight in enumerate(weights)]
        return shifted[0] | shifted[1] | shifted[2]
    numbers = np.empty(shape, np.uint32)
    bit_weights = (1 << np.arange(bits - 1, -1, -1, dtype=np.uint32)).astype(np.uint32)
    for y in range(rows.shape[0]):
        bit_values = np.unpackbits(rows[y])[: width * samples * bits].reshape(width, samples, bits)
        numbers[y] = (bit_values * bit_weights).sum(axis=-1, dtype=np.uint32)
    return numbers


def _scaled(numbers: np.ndarray, layout: TiffLayout) -> np.ndarray:
    if layout.floats:
        with np.errstate(over="ignore"):  # a double may be larger than any float
            return numbers.astype(np.float32)
    if layout.photometric == PALETTE:
        return numbers.astype(np.uint8 if layout.bits <= 8 else np.uint16)
    if layout.bits in (8, 16):
        return numbers
    return (numbers / np.float64((1 << layout.bits) - 1)).astype(np.float32)


def _by_opencv(
    content: bytes,
    layout: TiffLayout,
    offsets: tuple[int, ...],
    lengths: tuple[int, ...],
    size: tuple[int, int],
    declared: tuple[int, int, int],
    tile: tuple[int, int] | None,
) -> np.ndarray:
    """Let libtiff decompress, under tags of a plain picture.

    Args:
        content: the file.
        layout: of it.
        offsets, lengths: of the strips or tiles.
        size: width and height to declare.
        declared: bits, samples and predictor to declare.
        tile: width and height to declare.

    Returns:
        (H, W, C), colours in opencv's order.
    """
    (width, height), (bits, samples, predictor) = size, declared
    wide, kind = ("Q", 16) if layout.big else ("I", 4)
    tags = [
        (WIDTH, 4, (width,)), (LENGTH, 4, (height,)), (BITS, 3, (bits,) * samples), (COMPRESSION, 3, (layout.compression,)),
        (PHOTOMETRIC, 3, (RGB if samples == 3 else BLACK_IS_ZERO,)), (FILL_ORDER, 3, (layout.fill_order,)), (SAMPLES, 3, (samples,)),
        (PLANES, 3, (1,)), (PREDICTOR, 3, (predictor,)),
    ]  # fmt: skip
    if tile:
        tags += [(TILE_WIDTH, 4, (tile[0],)), (TILE_LENGTH, 4, (tile[1],)), (TILE_OFFSETS, kind, offsets), (TILE_BYTES, kind, lengths)]
    else:
        tags += [(STRIP_OFFSETS, kind, offsets), (ROWS_PER_STRIP, 4, (layout.rows,)), (STRIP_BYTES, kind, lengths)]
    beyond, entries = io.BytesIO(), []
    for tag, type_number, values in sorted(tags):
        value = struct.pack(f"{layout.order}{len(values)}{_WHOLE[type_number]}", *values)
        if len(value) > struct.calcsize(wide):
            place = len(content) + beyond.tell()
            beyond.write(value)
            value = struct.pack(layout.order + wide, place)
        entries.append(struct.pack(f"{layout.order}HH{wide}", tag, type_number, len(values)) + value.ljust(struct.calcsize(wide), b"\0"))
    beyond.write(bytes(-(len(content) + beyond.tell()) % 8))
    where = struct.pack(layout.order + wide, len(content) + beyond.tell())
    ifd = struct.pack(layout.order + ("Q" if layout.big else "H"), len(entries)) + b"".join(entries) + bytes(struct.calcsize(wide))
    begins = content[:8] + where if layout.big else content[:4] + where
    whole = b"".join((begins, memoryview(content)[len(begins) :], beyond.getvalue(), ifd))
    try:
        pixels = cv2.imdecode(np.frombuffer(whole, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise foreign.full_memory(error) or PictureDamaged("its compressed pixels are damaged") from error
    if pixels is None or pixels.dtype != np.dtype(f"u{bits // 8}"):
        raise PictureDamaged("its compressed pixels are damaged")
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    if pixels.shape != (height, width, samples):
        raise PictureDamaged("its compressed pixels are damaged")
    return pixels


def _number(ifd: _Ifd, tag: int, order: str, otherwise: int | None = None) -> int:
    return _numbers(ifd, tag, order, None if otherwise is None else (otherwise,))[0]


def _numbers(ifd: _Ifd, tag: int, order: str, otherwise: tuple[int, ...] | None = None) -> tuple[int, ...]:
    if tag not in ifd and otherwise is not None:
        return otherwise
    kind, count, value = ifd[tag]
    return struct.unpack(f"{order}{count}{_WHOLE[kind]}", value)


def _aspect(ifd: _Ifd, order: str) -> float:
    """Width of a pixel over its height, from the dots along each side; 1 where the file does not say."""
    try:
        x, y = (struct.unpack(order + "II", ifd[tag][2][:8]) for tag in (X_RESOLUTION, Y_RESOLUTION))
        return aspect_of(x[0] / x[1], y[0] / y[1])
    except (KeyError, struct.error, ZeroDivisionError):
        return 1.0


def _is_picture(file: BinaryIO, order: str, big: bool, where: int) -> bool:
    """Say whether another picture follows, and not a thumbnail or a mask of the first."""
    if not where:
        return False
    try:
        return not _number(_ifd(file, order, big, where)[0], KIND, order, 0) & 0b101
    except (PictureDamaged, struct.error, KeyError, IndexError):
        return False


def _at(file: BinaryIO, where: int, length: int) -> bytes:
    if where >= 1 << 62:
        raise PictureDamaged("it ends too early")
    file.seek(where)
    content = file.read(length)
    if len(content) != length:
        raise PictureDamaged("it ends too early")
    return content
