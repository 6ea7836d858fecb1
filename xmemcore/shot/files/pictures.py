"""Plates that are no EXR: PNG, JPEG and TIFF by opencv, DPX by OpenImageIO where that is installed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from xmemcore.protocol.failures import RequestError

JPEG_SUFFIXES = (".jpg", ".jpeg")
_START_OF_SCAN, _END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"


# Of a damaged file opencv prints a warning of its own; the artist gets our sentence.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)


class PictureUnreadable(RequestError):
    """A picture file is missing, truncated, damaged or of a kind that we do not read."""


class ExtraMissing(RequestError):
    """A picture needs a library that is not installed."""


def read_picture(path: Path) -> np.ndarray:
    """Read the colours of a picture, whichever way up its camera was held; an alpha is dropped, grey is repeated.

    Returns:
        (H, W, 3) RGB: uint8, uint16, or float32 as stored (DPX: in [0, 1]).

    Raises:
        PictureUnreadable, ExtraMissing.
    """
    pixels = _read_dpx(path) if path.suffix.lower() == ".dpx" else _read_opencv(path)
    if pixels is None or pixels.size == 0:
        raise PictureUnreadable(f"{path.name} in {path.parent} is truncated, or no image that we can read. Render the frame again.")
    if pixels.ndim == 2 or pixels.shape[2] < 3:
        pixels = np.repeat(pixels.reshape(*pixels.shape[:2], -1)[..., :1], 3, axis=2)
    return np.ascontiguousarray(pixels[..., :3])


def picture_size(path: Path) -> tuple[int, int] | None:
    """Give width and height from a file's header, in a moment; None where only reading it would tell."""
    try:
        with Image.open(path) as file:
            return file.size
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def unit_range(pixels: np.ndarray) -> np.ndarray:
    """Give float32: whole numbers by their largest value, so that white is 1; floats as they are."""
    if pixels.dtype.kind in "ui":
        return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    return pixels.astype(np.float32, copy=False)


def _read_opencv(path: Path) -> np.ndarray | None:
    try:
        # Not by name: on Windows opencv takes no path with letters of other languages.
        content = path.read_bytes()
    except OSError as error:
        raise PictureUnreadable(f"Cannot read {path}: {error.strerror}. Check that the file exists and may be read.") from error
    if not content or (path.suffix.lower() in JPEG_SUFFIXES and not _whole_jpeg(content)):
        return None
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None
    if pixels is None or pixels.ndim == 2:
        return pixels
    return pixels[..., 2::-1] if pixels.shape[2] >= 3 else pixels


def _whole_jpeg(content: bytes) -> bool:
    """Say whether the last scan has an end; of a truncated file opencv makes up the rest in grey, without an error.

    Inside a scan no other marker begins like either of the two; before it, a thumbnail has its own.
    """
    return content.rfind(_END_OF_IMAGE) > content.rfind(_START_OF_SCAN)


def _read_dpx(path: Path) -> np.ndarray | None:
    try:
        import OpenImageIO as oiio
    except ImportError as error:
        raise ExtraMissing(
            f"{path.name} is a DPX file, which needs the extra 'plates'. Install it (pip install 'xmem-roto[plates]'), or render EXR."
        ) from error
    image = oiio.ImageInput.open(str(path))
    if image is None:
        oiio.geterror()
        return None
    try:
        pixels = image.read_image("float")
        # An error may come together with pixels.
        return None if image.geterror() else np.asarray(pixels)
    finally:
        image.close()
