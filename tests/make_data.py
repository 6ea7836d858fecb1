"""Plates and masks as studios have them, made small: EXRs of every make, pictures of every depth, index masks.

Files are written with the libraries themselves, not with our own wrapper: a mistake in it must not be on both sides of a test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
from PIL import Image

Window = tuple[int, int, int, int]
"""x0, y0, x1, y1: half-open, y down."""

PALETTE = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
"""Colours of the first indices in DAVIS."""


def exr_header(
    data: Window, display: Window | None = None, pixel_aspect: float = 1.0, compression: object = OpenEXR.ZIP_COMPRESSION, **more: object
) -> dict[str, object]:
    """Make a header for the library, of a scanline image unless `type` says otherwise."""
    return {
        "compression": compression,
        "type": OpenEXR.scanlineimage,
        "dataWindow": _corners(data),
        "displayWindow": _corners(display or data),
        "pixelAspectRatio": pixel_aspect,
        **more,
    }


def write_exr(path: Path, channels: Mapping[str, np.ndarray], data: Window, display: Window | None = None, **header: object) -> Path:
    """Write a single-part file; the channels keep their type."""
    path.parent.mkdir(parents=True, exist_ok=True)
    planes = {name: np.ascontiguousarray(plane) for name, plane in channels.items()}
    OpenEXR.File(exr_header(data, display, **header), planes).write(str(path))
    return path


def write_parts(path: Path, parts: Sequence[tuple[str, Mapping[str, np.ndarray], Window]], display: Window, **header: object) -> Path:
    """Write a multi-part file of (name, channels, data window)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exr_parts = [
        OpenEXR.Part(exr_header(data, display, **header), {name: np.ascontiguousarray(plane) for name, plane in channels.items()}, part)
        for part, channels, data in parts
    ]
    OpenEXR.File(exr_parts).write(str(path))
    return path


def write_deep(path: Path, width: int = 4, height: int = 3) -> Path:
    """Write a deep scanline file; each pixel has another number of samples."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.empty((height, width), dtype=object)
    for place in range(width * height):
        samples.flat[place] = np.ones(place % 3 + 1, np.float16)
    header = exr_header((0, 0, width, height), compression=OpenEXR.ZIPS_COMPRESSION, type=OpenEXR.deepscanline)
    OpenEXR.File(header, dict.fromkeys("RGB", samples)).write(str(path))
    return path


def with_attributes(path: Path, attributes: Sequence[tuple[str, str, bytes]], part: int = 0) -> Path:
    """Put attributes (name, type, value as stored) into a part's header, as no library would write them."""
    content = path.read_bytes()
    several = bool(int.from_bytes(content[4:8], "little") & 0x1000)
    ends, place = [], 8
    while content[place]:
        while content[place]:
            place = content.index(b"\0", content.index(b"\0", place) + 1) + 1
            place += 4 + int.from_bytes(content[place : place + 4], "little")
        ends.append(place)
        place += 1
        if not several:
            break
    tables = place + 1 if several else place
    extra = b"".join(
        name.encode("latin-1") + b"\0" + kind.encode() + b"\0" + len(value).to_bytes(4, "little") + value
        for name, kind, value in attributes
    )
    # Everything up to the first chunk is offsets.
    first = min(int(number) for number in np.frombuffer(content[tables : tables + 8], "<u8"))
    offsets = np.frombuffer(content[tables:first], "<u8") + np.uint64(len(extra))
    where = ends[part]
    path.write_bytes(content[:where] + extra + content[where:tables] + offsets.astype("<u8").tobytes() + content[first:])
    return path


def half_noise(height: int, width: int, seed: int = 0, channels: str = "RGB") -> dict[str, np.ndarray]:
    """Make channels of half-float noise in [0, 1)."""
    rng = np.random.default_rng(seed)
    return {name: rng.random((height, width)).astype(np.float16) for name in channels}


def write_overscan_plate(folder: Path, first: int = 1001, last: int = 1040, holes: Sequence[int] = (1017,)) -> str:
    """Write half-float frames of a 64x48 format whose data window exceeds it by 6 pixels; gives the pattern.

    Over dim noise a bright square moves right, 1 pixel a frame: its left edge is at 6 + (frame - first) % 40, its rows are 16 to 31.
    """
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(1).random((60, 76, 3)) * 0.1
    for frame in range(first, last + 1):
        if frame in holes:
            continue
        picture = noise.copy()
        left = 6 + 6 + (frame - first) % 40
        picture[6 + 16 : 6 + 32, left : left + 16] = (6.0, 0.4, 0.1)
        half = picture.astype(np.float16)
        planes = {name: half[..., place] for place, name in enumerate("RGB")}
        write_exr(folder / f"plate.{frame:04d}.exr", planes, (-6, -6, 70, 54), (0, 0, 64, 48))
    return str(folder / "plate.%04d.exr")


def write_picture(path: Path, pixels: np.ndarray) -> Path:
    """Write RGB, RGBA or grey pixels as PNG, TIFF or JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]]
    options = [cv2.IMWRITE_JPEG_QUALITY, 95] if path.suffix in (".jpg", ".jpeg") else []
    encoded, content = cv2.imencode(path.suffix, np.ascontiguousarray(stored), options)
    assert encoded, path
    path.write_bytes(content.tobytes())
    return path


def write_index_mask(path: Path, indices: np.ndarray) -> Path:
    """Write an index picture (h, w) uint8 with a palette."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(indices, np.uint8), "P")
    image.putpalette(PALETTE)
    image.save(path)
    return path


def _corners(window: Window) -> tuple[np.ndarray, np.ndarray]:
    x0, y0, x1, y1 = window
    return np.array((x0, y0), np.int32), np.array((x1 - 1, y1 - 1), np.int32)
