"""PNG: check the chunks before a library decodes them, and hand on only those that pixels need.

A damaged length makes opencv read without end, a compressed text can unfold to gigabytes, and a wrong check sum in some chunks gives no
error. Chunks are few, and their check sums cost little beside the decoding.

Source: W3C, "Portable Network Graphics (PNG) Specification", third edition.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from xmemcore.shot.files.picture_header import PictureDamaged, PictureHeader, aspect_of, require_bytes
from xmemcore.shot.files.tiff_tags import exif_orientation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_EXIF_BYTES = 1 << 16
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples in a pixel, by colour type."""


@dataclass(frozen=True)
class PngLayout:
    """The first chunk, and the sizes that follow from it."""

    header: PictureHeader
    palette: bool


def read_layout(file: BinaryIO) -> PngLayout:
    """Read the chunks before the pixels; raises PictureDamaged."""
    if file.read(8) != SIGNATURE:
        raise PictureDamaged("its first bytes are not those of a PNG")
    size = file.seek(0, 2)
    file.seek(8)
    first: bytes | None = None
    aspect, orientation = 1.0, 1
    while True:
        leader = file.read(8)
        if len(leader) < 8:
            raise PictureDamaged("it ends too early")
        length, kind = struct.unpack(">I4s", leader)
        if length > size - file.tell():
            raise PictureDamaged("it ends too early")
        if first is None and kind != b"IHDR":
            raise PictureDamaged("its header is missing")
        if kind in (b"IDAT", b"IEND"):
            break
        content = file.read(length) if length <= MAX_EXIF_BYTES and kind in (b"IHDR", b"pHYs", b"eXIf") else None
        file.seek(4 + (length if content is None else 0), 1)
        if kind == b"IHDR" and content is not None:
            first = content
        elif kind == b"pHYs" and content is not None and len(content) == 9:
            x, y = struct.unpack(">II", content[:8])
            aspect = aspect_of(x, y)
        elif kind == b"eXIf" and content:
            orientation = exif_orientation(content)
    if first is None or len(first) != 13:
        raise PictureDamaged("its header is missing")
    width, height, depth, colours, *_ = struct.unpack(">IIBBBBB", first)
    if depth not in (1, 2, 4, 8, 16) or colours not in _SAMPLES:
        raise PictureDamaged("its header names no kind of pixels")
    # A palette and small depths are unfolded to bytes, a palette to colours with an alpha.
    require_bytes(width, height, (4 if colours == 3 else _SAMPLES[colours]) * max(depth, 8) // 8)
    return PngLayout(PictureHeader(width, height, aspect, orientation), palette=colours == 3)


def pixels_only(content: bytes, transparency: bool) -> bytes:
    """Give a PNG of the same pixels, with no chunk that they do not need.

    Args:
        content: the file.
        transparency: keep a colour or palette that is marked as transparent.

    Raises:
        PictureDamaged: also for a wrong check sum.
    """
    chunks = [SIGNATURE]
    place, ended, wanted = 8, False, {b"IHDR", b"PLTE", b"IDAT", b"IEND"} | ({b"tRNS"} if transparency else set())
    while place + 12 <= len(content) and not ended:
        length, kind = struct.unpack_from(">I4s", content, place)
        end = place + 12 + length
        if end > len(content):
            raise PictureDamaged("it ends too early")
        if kind in wanted:
            if zlib.crc32(content[place + 4 : end - 4]) != struct.unpack_from(">I", content, end - 4)[0]:
                raise PictureDamaged("a check sum is wrong")
            chunks.append(content[place:end])
        elif kind[:1].isupper() and kind != b"tRNS":
            raise PictureDamaged("it has a part that no PNG has")
        ended = kind == b"IEND"
        place = end
    if not ended:
        raise PictureDamaged("it ends too early")
    return b"".join(chunks)
