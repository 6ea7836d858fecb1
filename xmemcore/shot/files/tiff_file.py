"""Read the pixels of a TIFF: opencv's libtiff decompresses the bytes that the tags name, this module arranges the samples.

opencv misreads legal files without an error: separate planes as if interleaved, white that is zero, half floats, alpha that it multiplies
in. So opencv gets the same strips or tiles under tags of plain grey or plain RGB.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from xmemcore.protocol import foreign
from xmemcore.shot.files.picture_header import PictureDamaged, PictureUnsupported
from xmemcore.shot.files.tiff_tags import (
    BITS,
    BLACK_IS_ZERO,
    COMPRESSION,
    FILL_ORDER,
    FLOAT_BITS,
    LENGTH,
    LZW,
    NONE,
    PACKBITS,
    PALETTE,
    PHOTOMETRIC,
    PLANES,
    PREDICTOR,
    RGB,
    ROWS_PER_STRIP,
    SAMPLES,
    STRIP_BYTES,
    STRIP_OFFSETS,
    TILE_BYTES,
    TILE_LENGTH,
    TILE_OFFSETS,
    TILE_WIDTH,
    WHITE_IS_ZERO,
    WHOLE,
    WIDTH,
    TiffLayout,
    read_layout,
)


@dataclass(frozen=True)
class TiffPicture:
    """The pixels of a picture."""

    pixels: np.ndarray
    """(H, W, C): uint8 or uint16 over their whole range, or float32 (whole numbers of other depths in [0, 1], floats as stored). A
    palette's colours are looked up, and black is 0."""
    indices: np.ndarray | None
    """(H, W) uint8 or uint16 of a palette."""
    alpha: np.ndarray | None


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
        return TiffPicture(_palette(layout)[indices], indices, None)
    colours = 3 if layout.photometric == RGB else 1
    pixels, alpha = samples[..., :colours], samples[..., colours] if layout.alpha else None
    if layout.photometric == WHITE_IS_ZERO:
        top = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else np.float32(1)
        pixels = top - pixels
    return TiffPicture(pixels, None, alpha)


def _palette(layout: TiffLayout) -> np.ndarray:
    """Give the colour of each index, (2 ** bits, 3) uint16."""
    entries = 1 << layout.bits
    table = np.frombuffer(layout.colour_map, layout.order + "u2")
    if table.size < 3 * entries:
        raise PictureDamaged("its palette is too short")
    table = table[: 3 * entries].astype(np.uint16)
    if table.max(initial=0) <= 255:
        table = table * 257  # written by old programs in 8 bits; libtiff reads them so, too
    return table.reshape(3, entries).T


def _samples(content: bytes, layout: TiffLayout) -> np.ndarray:
    """Give (H, W, C) of all samples: uint8 and uint16 as they are, of other depths float32; a palette's as they are."""
    if not layout.separate:
        return _interleaved(content, layout)
    pieces = len(layout.offsets) // layout.samples
    places = [slice(plane * pieces, (plane + 1) * pieces) for plane in range(layout.samples)]
    planes = [replace(layout, samples=1, offsets=layout.offsets[place], lengths=layout.lengths[place]) for place in places]
    return np.concatenate([_interleaved(content, plane) for plane in planes], axis=2)


def _interleaved(content: bytes, layout: TiffLayout) -> np.ndarray:
    """Read samples that stand side by side, (H, W, C)."""
    samples = layout.samples
    if layout.bits in (8, 16) and layout.predictor in (1, 2) and samples in (1, 3) and layout.compression in (LZW, PACKBITS):
        declared = layout.bits, samples, layout.predictor
        pixels = _by_opencv(content, layout, (layout.width, layout.height), declared, layout.tile)
        pixels = pixels[..., ::-1] if samples == 3 else pixels
        return _scaled(pixels.view(np.float16) if layout.floats else pixels, layout)
    across, down = layout.tile or (layout.width, layout.rows)
    canvas = None
    for place, rows in enumerate(_rows(content, layout, across, down)):
        piece = _scaled(_numbers_of(rows, layout, across), layout)
        if canvas is None:
            canvas = np.empty((layout.height, layout.width, samples), piece.dtype)
        columns = -(-layout.width // across)
        y, x = place // columns * down, place % columns * across
        height, width = min(down, layout.height - y), min(across, layout.width - x)
        canvas[y : y + height, x : x + width] = piece[:height, :width]
    assert canvas is not None
    return canvas


def _rows(content: bytes, layout: TiffLayout, across: int, down: int) -> Iterator[np.ndarray]:
    """Give the decompressed bytes of each strip or tile of so many columns and rows, (rows, bytes of a row) uint8."""
    row_bytes = -(-across * layout.samples * layout.bits // 8)
    if layout.compression in (LZW, PACKBITS):
        yield from _rows_by_opencv(content, layout, row_bytes, -(-layout.width // across), down)
        return
    reverse = np.array([int(f"{value:08b}"[::-1], 2) for value in range(256)], np.uint8) if layout.fill_order == 2 else None
    for place, (offset, length) in enumerate(zip(layout.offsets, layout.lengths, strict=True)):
        rows = down if layout.tile else min(down, layout.height - place * down)
        piece = content[offset : offset + length]
        if layout.compression != NONE:
            piece = _inflated(piece, rows * row_bytes, surplus=down * row_bytes)
        if len(piece) < rows * row_bytes:
            raise PictureDamaged("it ends too early")
        found = np.frombuffer(piece, np.uint8, rows * row_bytes).reshape(rows, row_bytes)
        yield found if reverse is None else reverse[found]


def _rows_by_opencv(content: bytes, layout: TiffLayout, row_bytes: int, columns: int, down: int) -> Iterator[np.ndarray]:
    """Give the bytes of strips or tiles that libtiff decompresses, as if they were grey pixels."""
    lines = -(-layout.height // down)
    if layout.tile:
        if row_bytes % 16:
            raise PictureUnsupported("a TIFF with compressed tiles of an unusual depth")
        size, tile = (columns * row_bytes, lines * down), (row_bytes, down)
    else:
        size, tile = (row_bytes, layout.height), None
    whole = _by_opencv(content, layout, size, (8, 1, 1), tile)[..., 0]
    for line in range(lines):
        for column in range(columns):
            yield whole[line * down : (line + 1) * down, column * row_bytes : (column + 1) * row_bytes]


def _inflated(piece: bytes, wanted: int, surplus: int) -> bytes:
    """Give the wanted bytes of a deflated piece, which may hold some more."""
    try:
        unpacking = zlib.decompressobj()
        found = unpacking.decompress(piece, wanted)
        # The rest is a check sum, and in some files surplus rows.
        rest = unpacking.decompress(unpacking.unconsumed_tail, surplus + 1)
    except zlib.error as error:
        raise PictureDamaged("its compressed pixels are damaged") from error
    if not unpacking.eof and len(rest) <= surplus:
        raise PictureDamaged("its compressed pixels end before their check sum")
    return found


def _numbers_of(rows: np.ndarray, layout: TiffLayout, width: int) -> np.ndarray:
    """Turn bytes of rows, (h, bytes), into (h, width, samples) of the file's numbers, in this machine's byte order."""
    bits, samples = layout.bits, layout.samples
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
    content: bytes, layout: TiffLayout, size: tuple[int, int], declared: tuple[int, int, int], tile: tuple[int, int] | None
) -> np.ndarray:
    """Let libtiff decompress, under tags of a plain picture.

    Args:
        content: the file.
        layout: of it.
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
        tags += [
            (TILE_WIDTH, 4, (tile[0],)),
            (TILE_LENGTH, 4, (tile[1],)),
            (TILE_OFFSETS, kind, layout.offsets),
            (TILE_BYTES, kind, layout.lengths),
        ]
    else:
        tags += [(STRIP_OFFSETS, kind, layout.offsets), (ROWS_PER_STRIP, 4, (layout.rows,)), (STRIP_BYTES, kind, layout.lengths)]
    beyond, entries = io.BytesIO(), []
    for tag, type_number, values in sorted(tags):
        value = struct.pack(f"{layout.order}{len(values)}{WHOLE[type_number]}", *values)
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
