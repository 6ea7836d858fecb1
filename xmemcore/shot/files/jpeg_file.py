"""JPEG: check the segments before a library decodes them.

opencv fills the rest of a truncated file with grey without an error, turns CMYK into wrong RGB, and a small file can make it go over a
large picture hundreds of times.

Source: ITU-T T.81 (JPEG), annex B; JFIF 1.02; Adobe, technical note 5116.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from xmemcore.shot.files.picture_header import PictureDamaged, PictureHeader, PictureUnsupported, aspect_of, require_bytes
from xmemcore.shot.files.tiff_tags import exif_aspect, exif_orientation

START_OF_IMAGE, END_OF_IMAGE, START_OF_SCAN = b"\xff\xd8", b"\xff\xd9", b"\xff\xda"
MAX_SCANS = 64
"""Most scans of a file; a progressive one has about ten."""
MAX_SCANNED_PIXELS = 1_000_000_000
"""Most pixels times scans: about ten seconds of decoding."""
_FRAMES = {0xC0: "", 0xC1: "", 0xC2: "", 0xC3: "lossless", 0xC5: "hierarchical", 0xC6: "hierarchical", 0xC7: "lossless",
           0xC9: "arithmetic-coded", 0xCA: "arithmetic-coded", 0xCB: "lossless", 0xCD: "hierarchical", 0xCE: "hierarchical",
           0xCF: "lossless"}  # fmt: skip
_APP0, _APP1, _APP14, _COMMENT = 0xE0, 0xE1, 0xEE, 0xFE


@dataclass(frozen=True)
class JpegLayout:
    """The part of the file before the pixels."""

    header: PictureHeader
    segments: bytes
    """Segments that decoding needs, with the start of the file."""
    scans: int
    """Where the first scan begins."""


def read_layout(content: bytes) -> JpegLayout:
    """Read the segments before the first scan.

    Raises:
        PictureDamaged, PictureUnsupported.
    """
    if not content.startswith(START_OF_IMAGE):
        raise PictureDamaged("its first bytes are not those of a JPEG")
    segments, place = [START_OF_IMAGE], 2
    size: tuple[int, int] | None = None
    components = 0
    jfif: float | None = None
    exif = b""
    while True:
        marker, length = _segment(content, place)
        segment = content[place + 4 : place + 2 + length]
        if marker == 0xDA:
            break
        if marker in _FRAMES:
            if len(segment) < 6:
                raise PictureDamaged("its header is too short")
            if _FRAMES[marker]:
                raise PictureUnsupported(f"a {_FRAMES[marker]} JPEG")
            if segment[0] != 8:
                raise PictureUnsupported(f"a JPEG of {segment[0]} bits")
            height, width = struct.unpack(">HH", segment[1:5])
            size, components = (width, height), segment[5]
        elif marker == _APP0 and segment.startswith(b"JFIF\0") and len(segment) >= 12:
            x, y = struct.unpack(">HH", segment[8:12])
            jfif = aspect_of(x, y) if x and y else None
        elif marker == _APP1 and segment.startswith(b"Exif\0\0"):
            exif = segment[6:]
        if not (0xE0 <= marker <= 0xEF or marker == _COMMENT) or marker == _APP14:
            segments.append(content[place : place + 2 + length])
        place += 2 + length
    if size is None:
        raise PictureDamaged("its header is missing")
    if components == 4:
        raise PictureUnsupported("a CMYK JPEG")
    if components not in (1, 3):
        raise PictureUnsupported(f"a JPEG of {components} channels")
    require_bytes(*size, 3)
    aspect = jfif if jfif is not None else exif_aspect(exif)
    return JpegLayout(PictureHeader(*size, aspect, exif_orientation(exif)), b"".join(segments), place)


def pixels_only(content: bytes) -> bytes:
    """Give a JPEG of the same pixels, without thumbnails and notes.

    Raises:
        PictureDamaged, PictureUnsupported.
    """
    layout = read_layout(content)
    # Inside a scan no other marker begins like either of the two.
    scans = content.count(START_OF_SCAN, layout.scans)
    if content.rfind(END_OF_IMAGE) < content.rfind(START_OF_SCAN):
        raise PictureDamaged("it ends too early")
    if scans > MAX_SCANS or scans * layout.header.width * layout.header.height > MAX_SCANNED_PIXELS:
        raise PictureDamaged(f"it goes over its pixels {scans} times")
    return b"".join((layout.segments, memoryview(content)[layout.scans :]))


def _segment(content: bytes, place: int) -> tuple[int, int]:
    """Give a segment's marker and length."""
    if place + 4 > len(content):
        raise PictureDamaged("it ends too early")
    begins, marker, length = struct.unpack_from(">BBH", content, place)
    if begins != 0xFF or marker in (0x00, 0xFF, 0xD8, 0xD9) or length < 2 or place + 2 + length > len(content):
        raise PictureDamaged("its segments do not hold together")
    return marker, length
