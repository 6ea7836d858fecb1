"""Read pictures other than EXR for plates and masks: PNG, JPEG, TIFF, and with OpenImageIO DPX and Cineon.

Every file is checked before a library reads it: for its size, for damage, and for content that the library would misread. An orientation
tag is never applied, for any kind: pixels count as stored, because the artist's shapes lie on them. The artist is told of such a tag.
"""

from __future__ import annotations

import io
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from xmemcore.protocol import foreign
from xmemcore.protocol.failures import EXISTS, RequestError, cannot_read
from xmemcore.protocol.whole_file import open_ordinary
from xmemcore.shot.files import film_scans, jpeg_file, png_file, tiff_file, tiff_tags
from xmemcore.shot.files.file_kinds import HEAD_BYTES, kind_of_content, kind_of_name, not_read
from xmemcore.shot.files.picture_header import PictureDamaged, PictureHeader, PictureUnsupported
from xmemcore.shot.files.terminal_noise import kept_off_the_terminal

_decoding = threading.Lock()
_MADE_UP = (b"premature end of data", b"Premature end of JPEG", b"bad Huffman code", b"Inconsistent progression")
"""Messages of libjpeg after which pixels are made up. Other messages leave the picture whole."""

KINDS = ("PNG", "JPEG", "TIFF", "DPX", "Cineon")
EXPORT = "Export it as EXR, or as PNG or TIFF of 8 or 16 bits."

# opencv's messages about damaged files are left out; our sentence says it.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


@dataclass(frozen=True)
class StoredPicture:
    """One file's pixels, as stored."""

    pixels: np.ndarray
    """(H, W, 1 or 3): unsigned, whose largest value is white, or float32."""
    alpha: np.ndarray | None
    """(H, W), of the same kind."""
    indices: np.ndarray | None = None
    """(H, W) unsigned, of a palette's entries."""
    lossy: bool = False
    """Whether neighbours have rounded each other's numbers, as in JPEG."""


def read_stored(path: Path) -> StoredPicture:
    """Read a picture with all that it stores.

    Raises:
        RequestError.
    """
    kind, header, _ = look(path)
    with _sentences(path):
        if kind in ("DPX", "Cineon"):
            pixels = film_scans.read_pixels(path)
            pixels = pixels.reshape(*pixels.shape[:2], -1)
            colours = pixels[..., : 3 if pixels.shape[2] >= 3 else 1]
            stored = StoredPicture(colours, pixels[..., colours.shape[2]] if pixels.shape[2] in (2, 4) else None)
        else:
            content = path.read_bytes()
            stored = {"PNG": _png, "JPEG": _jpeg, "TIFF": _tiff}[kind](content)
        if stored.pixels.shape[:2] != (header.height, header.width):
            raise PictureDamaged("its pixels are not as many as its header says")
    return stored


def look(path: Path) -> tuple[str, PictureHeader, str | None]:
    """Give a file's kind, its header, and why its numbers may not be display values."""
    with _sentences(path), open_ordinary(path) as file:
        begins = file.read(HEAD_BYTES)
        kind = kind_of_content(begins) or ""
        if kind not in KINDS:
            raise RequestError(not_an_image(path, begins))
        file.seek(0)
        if kind == "PNG":
            return kind, png_file.read_layout(file).header, None
        if kind == "TIFF":
            return kind, tiff_tags.read_layout(file).header, None
        if kind == "JPEG":
            return kind, jpeg_file.read_layout(file.read()).header, None
        film_scans.require_library(path, kind)
        begins = file.read(film_scans.HEADER_BYTES)
        if kind == "Cineon":
            density = f"{path.name} in {path.parent} is Cineon, whose numbers are film density. Name its colour space with --colorspace."
            return kind, film_scans.read_cineon_header(begins), density
        header, coded = film_scans.read_dpx_header(begins, file.seek(0, io.SEEK_END))
        hint = None if coded is None else (
            f"The plate's headers say that its numbers are {coded}, but it is read as srgb. Name its colour space with --colorspace."
        )  # fmt: skip
        return kind, header, hint
    raise AssertionError("every way out of the block returns or raises")


def not_an_image(path: Path, begins: bytes) -> str:
    """Write what a file that no reader recognises is, by its content or its name."""
    kind = kind_of_content(begins) or kind_of_name(path)
    if kind is not None:
        return not_read(path.name, kind)
    if not begins:
        return f"{path.name} in {path.parent} is truncated to nothing (0 bytes). Render the frame again."
    if path.suffix.lower() == ".exr":
        return f"{path.name} in {path.parent} is not an EXR file ({path.stat().st_size} bytes). Render the frame again."
    return f"{path.name} in {path.parent} is truncated, or no image of a kind that is known. Render the frame again, or give images."


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Turn failures of the body into a sentence."""
    try:
        yield
    except PictureUnsupported as error:
        raise RequestError(f"{path.name} in {path.parent} is {error}, which is not read. {EXPORT}") from error
    except PictureDamaged as error:
        raise RequestError(f"{path.name} in {path.parent} is truncated or damaged ({error}). Render the frame again.") from error
    except OSError as error:
        raise cannot_read(str(path), error, EXISTS) from error


def _png(content: bytes) -> StoredPicture:
    plain = png_file.pixels_only(content, transparency=True)
    if png_file.read_layout(io.BytesIO(content)).palette:
        return _palette_png(plain)
    pixels = _by_opencv(plain)
    colours = 3 if pixels.shape[2] >= 3 else 1
    alpha = pixels[..., -1] if pixels.shape[2] in (2, 4) else None
    return StoredPicture(pixels[..., colours - 1 :: -1] if colours == 3 else pixels[..., :1], alpha)


def _palette_png(content: bytes) -> StoredPicture:
    """Read a palette's indices with Pillow: opencv gives their colours only."""
    try:
        with kept_off_the_terminal(), Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            if image.mode != "P":
                raise PictureDamaged("its palette is missing")
            indices = np.asarray(image)
            table = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as error:
        raise PictureDamaged("its compressed pixels are damaged") from error
    colours = np.zeros((256, 4), np.uint8)
    colours[: len(table), :3] = table[:256]
    # An entry of four bytes is looked up as one number, in a tenth of the time.
    pixels = colours.view(np.uint32)[:, 0].take(indices).view(np.uint8).reshape(*indices.shape, 4)
    return StoredPicture(pixels[..., :3], None, indices)


def _jpeg(content: bytes) -> StoredPicture:
    pixels = _by_opencv(jpeg_file.pixels_only(content))
    return StoredPicture(pixels[..., ::-1], None, lossy=True)


def _tiff(content: bytes) -> StoredPicture:
    picture = tiff_file.read_tiff(content)
    return StoredPicture(picture.pixels, picture.alpha, picture.indices)


def _by_opencv(content: bytes) -> np.ndarray:
    try:
        # One at a time: libjpeg reports damage on stderr alone.
        with _decoding, kept_off_the_terminal() as printed:
            pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise foreign.full_memory(error) or PictureDamaged("its compressed pixels are damaged") from error
    if pixels is None or pixels.size == 0 or any(mark in text for text in printed for mark in _MADE_UP):
        raise PictureDamaged("its compressed pixels are damaged")
    return pixels.reshape(*pixels.shape[:2], -1)
