"""The tags of a TIFF: what the file says of its first picture, before a pixel is read.

A kind of picture that is not known to come out right is refused by its name. EXIF is a TIFF too, so a JPEG's or a PNG's is read here.

Source: Adobe, "TIFF Revision 6.0" (1992) and "Adobe Photoshop TIFF Technical Notes 3" (2005, floating point and its predictor).
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

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
WHOLE = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}
"""Codes of `struct` for the types of whole numbers."""
UNSIGNED, FLOAT, UNDEFINED = 1, 3, 4
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
    compression, photometric = _number(ifd, COMPRESSION, order, NONE), _number(ifd, PHOTOMETRIC, order)
    _require_known(compression, photometric)
    bits, floats = _kind_of_numbers(ifd, order)
    _require_colours(photometric, samples, bits, floats)
    predictor, fill_order = _number(ifd, PREDICTOR, order, 1), _number(ifd, FILL_ORDER, order, 1)
    _require_packing(compression, predictor, fill_order, bits, floats)
    planes = _number(ifd, PLANES, order, 1)
    if planes not in (1, 2):
        raise PictureDamaged("its planes are arranged in an unknown way")
    separate = planes == 2 and samples > 1
    tile = (_number(ifd, TILE_WIDTH, order), _number(ifd, TILE_LENGTH, order)) if TILE_WIDTH in ifd else None
    if tile and not (0 < tile[0] <= 1 << 16 and 0 < tile[1] <= 1 << 16):
        raise PictureDamaged("its tiles have no size")
    rows = min(_number(ifd, ROWS_PER_STRIP, order, height) or height, height)
    pieces = -(-width // tile[0]) * -(-height // tile[1]) if tile else -(-height // rows)
    pieces *= samples if separate else 1
    offsets = _numbers(ifd, TILE_OFFSETS if tile else STRIP_OFFSETS, order)
    lengths = _numbers(ifd, TILE_BYTES if tile else STRIP_BYTES, order, ())
    if len(offsets) == 1 and not lengths and compression == NONE:
        lengths = (height * -(-width * samples * bits // 8),)
    if len(offsets) < pieces or len(lengths) < pieces:
        raise PictureDamaged("some of its pixels are missing")
    require_bytes(width, height, samples * max(bits, 8) // 8)
    notes = ("The files of the plate hold several pictures each; the first is used.",) if several else ()
    header = PictureHeader(width, height, _aspect(ifd, order), _number(ifd, ORIENTATION, order, 1), floats, notes)
    colours = 3 if photometric == RGB else 1
    return TiffLayout(
        order, big, width, height, samples, bits, floats, compression, photometric, separate, predictor, fill_order, tile, rows,
        offsets[:pieces], lengths[:pieces], ifd.get(COLOUR_MAP, (3, 0, b""))[2], samples > colours and bool(ifd.get(EXTRA_SAMPLES)), header,
    )  # fmt: skip


def _require_known(compression: int, photometric: int) -> None:
    if photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE):
        raise PictureUnsupported(f"a TIFF of {_PHOTOMETRICS.get(photometric, f'the colour model number {photometric}')}")
    if compression not in (NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS):
        raise PictureUnsupported(f"a TIFF with {_COMPRESSIONS.get(compression, f'compression number {compression}')} compression")


def _kind_of_numbers(ifd: _Ifd, order: str) -> tuple[int, bool]:
    """Give the bits of a sample, and whether it is a float."""
    depths, formats = set(_numbers(ifd, BITS, order, (1,))), set(_numbers(ifd, SAMPLE_FORMAT, order, (UNSIGNED,)))
    if len(depths) > 1 or len(formats) > 1:
        raise PictureUnsupported("a TIFF whose channels are of different depths")
    if formats not in ({UNSIGNED}, {FLOAT}, {UNDEFINED}):
        raise PictureUnsupported("a TIFF of signed or complex numbers")
    bits, floats = max(depths), formats == {FLOAT}
    if floats and bits not in FLOAT_BITS or not floats and not 0 < bits <= MAX_WHOLE_BITS:
        raise PictureUnsupported(f"a TIFF of {bits}-bit {'floats' if floats else 'whole numbers'}")
    return bits, floats


def _require_colours(photometric: int, samples: int, bits: int, floats: bool) -> None:
    if photometric == RGB and samples < 3:
        raise PictureDamaged("it has fewer channels than colours")
    if photometric == PALETTE and (floats or bits > 16 or samples != 1):
        raise PictureUnsupported("a TIFF with a palette of an unusual kind")
    if floats and photometric == WHITE_IS_ZERO:
        raise PictureUnsupported("a TIFF of floats whose white is 0")


def _require_packing(compression: int, predictor: int, fill_order: int, bits: int, floats: bool) -> None:
    if predictor not in (1, 2, 3) or (predictor == 3) > floats or (predictor == 2 and bits not in (8, 16, 32, 64)):
        raise PictureUnsupported(f"a TIFF with predictor number {predictor} over {bits}-bit numbers")
    if fill_order != 1 and compression != NONE:
        raise PictureUnsupported("a compressed TIFF whose bits are in reverse order")
    if predictor != 1 and compression not in (LZW, DEFLATE, OLD_DEFLATE):
        # Readers differ in whether it then counts.
        raise PictureUnsupported(f"a TIFF with predictor number {predictor}, but with no compression that goes with it")


def _number(ifd: _Ifd, tag: int, order: str, otherwise: int | None = None) -> int:
    return _numbers(ifd, tag, order, None if otherwise is None else (otherwise,))[0]


def _numbers(ifd: _Ifd, tag: int, order: str, otherwise: tuple[int, ...] | None = None) -> tuple[int, ...]:
    if tag not in ifd and otherwise is not None:
        return otherwise
    kind, count, value = ifd[tag]
    return struct.unpack(f"{order}{count}{WHOLE[kind]}", value)


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
