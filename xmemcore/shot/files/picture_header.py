"""The header of a picture file of any kind, and the largest picture that is read."""

from __future__ import annotations

from dataclasses import dataclass

MAX_DECODED_BYTES = 600_000_000
"""Largest picture in bytes as its file stores it: 8K in four floats. A header that claims more is taken for damaged."""


ROUNDING = 5e-3
"""Rounding error of a resolution in whole dots."""


class PictureDamaged(Exception):
    """A file is damaged; the text says why, as in "it ends too early"."""


class PictureUnsupported(Exception):
    """A whole file of a kind that is not read; the text names the kind, as in "a CMYK picture"."""


@dataclass(frozen=True)
class PictureHeader:
    """A picture without its pixels."""

    width: int
    height: int
    pixel_aspect: float = 1.0
    """Width of a pixel over its height, from the file's resolution; 1 where it names none."""
    orientation: int = 1
    """Orientation, 1 to 8 as TIFF and EXIF number it: how a viewer would turn the picture. Pixels are used as stored."""
    floats: bool = False
    """Whether its numbers are light rather than display values."""
    notes: tuple[str, ...] = ()
    """Sentences about choices that reading makes."""


def require_bytes(width: int, height: int, bytes_each: int) -> None:
    """Raise PictureDamaged where a picture of that size, with so many bytes a pixel, is more than is read."""
    if width <= 0 or height <= 0:
        raise PictureDamaged("it has no size")
    if width * height * bytes_each > MAX_DECODED_BYTES:
        raise PictureDamaged(f"it claims {width}x{height} pixels, and pictures of up to {MAX_DECODED_BYTES // 10**6} MB are read")


def aspect_of(across: float, down: float) -> float:
    """Give the pixel aspect of a resolution: dots along the width and along the height, in one unit; 1 where one of them is nothing.

    Resolutions are rounded in files; what is square up to that is square.
    """
    if not (across > 0 and down > 0):
        return 1.0
    aspect = down / across
    return 1.0 if abs(aspect - 1) < ROUNDING else aspect
