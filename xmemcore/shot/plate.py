"""The footage: frames in, display-encoded pictures on one canvas out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from xmemcore.protocol.failures import RequestError
from xmemcore.shot.canvas import Box, Canvas, canvas_of
from xmemcore.shot.colour import encoder
from xmemcore.shot.exr import ExrHeader, ExrPart, read_channels, read_header
from xmemcore.shot.sequence import Sequence

AREA = "area"
PUBLISHED = "published"
"""The papers' plain bilinear."""


class PlateUnreadable(RequestError):
    """A frame of the plate cannot be read, or is not like the others."""


@dataclass(frozen=True)
class Plate:
    """A sequence of pictures of one format. Reading is safe from several threads."""

    sequence: Sequence
    canvas: Canvas
    colorspace: str
    cleaned: dict[int, int] = field(default_factory=dict)
    """By frame, how many values were NaN or infinite when it was read."""

    @classmethod
    def open(cls, pattern: str, colorspace: str | None = None) -> Plate:
        """Find the frames and settle the canvas; reads headers alone.

        Args:
            pattern: see `shot.sequence`.
            colorspace: see `shot.colour`; None: linear for EXR and srgb for everything else.

        Raises:
            SequenceNotFound, ColorspaceUnknown, PlateUnreadable, ExrUnreadable.
        """
        sequence = Sequence.find(pattern)
        suffix = sequence.path(sequence.frames[0]).suffix.lower()
        chosen = colorspace or ("linear" if suffix == ".exr" else "srgb")
        encoder(chosen)
        canvas = _exr_canvas(sequence) if suffix == ".exr" else _picture_canvas(sequence)
        return cls(sequence, canvas, chosen)

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames that exist, ascending."""
        return self.sequence.frames

    @property
    def holes(self) -> tuple[int, ...]:
        """Frames that are missing between the first and the last."""
        return self.sequence.holes

    def read(self, frame: int) -> np.ndarray:
        """Read a frame, (H, W, 3) float32 of the canvas, display-encoded in [0, 1].

        Raises:
            PlateUnreadable, ExrUnreadable.
        """
        path = self.sequence.path(frame)
        if path.suffix.lower() == ".exr":
            pixels = self._read_exr(path, frame)
        else:
            pixels = _read_picture(path)
            if pixels.shape[:2] != (self.canvas.height, self.canvas.width):
                raise PlateUnreadable(_other_size(path, frame, pixels.shape[1], pixels.shape[0], self.canvas.display))
        return encoder(self.colorspace)(self._clean(pixels, frame))

    def working_image(self, frame: int, size: int, resampling: str = AREA) -> np.ndarray:
        """Read a frame at the network's size, (h, w, 3) float32, square pixels.

        Args:
            frame: which exists.
            size: short side, in pixels.
            resampling: `area`, or `published` for the papers' bilinear without antialiasing.
        """
        picture = self.read(frame)
        height, width = self.canvas.working_size(size)
        if picture.shape[:2] == (height, width):
            return picture
        reduces = height < picture.shape[0] and resampling == AREA
        return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if reduces else cv2.INTER_LINEAR)

    def _read_exr(self, path: Path, frame: int) -> np.ndarray:
        header = read_header(path)
        if header.display_window != self.canvas.display:
            raise PlateUnreadable(_other_size(path, frame, header.display_window.width, header.display_window.height, self.canvas.display))
        part, names = _rgb(header, frame)
        image = read_channels(header, part, names)
        return self.canvas.placed(np.stack([image.channels[name] for name in names], axis=-1), image.data_window)

    def _clean(self, pixels: np.ndarray, frame: int) -> np.ndarray:
        if pixels.dtype.kind != "f":
            return pixels
        finite = np.isfinite(pixels)
        bad = pixels.size - int(np.count_nonzero(finite))
        if bad:
            self.cleaned[frame] = bad
            # Infinite light is the brightest there is; what is no number is black.
            pixels = np.nan_to_num(pixels, nan=0.0, posinf=65504.0, neginf=0.0)
        return pixels


def _rgb(header: ExrHeader, frame: int) -> tuple[ExrPart, list[str]]:
    """Find R, G and B in the first part that has them, without a layer or in the layer `rgba` or `rgb`."""
    for part in header.parts:
        for prefix in ("", "rgba.", "rgb."):
            for spelling in (("R", "G", "B"), ("r", "g", "b"), ("red", "green", "blue")):
                names = [prefix + name for name in spelling]
                if set(names) <= set(part.channels):
                    return part, names
    there = ", ".join(name for part in header.parts for name in part.channels) or "none"
    raise PlateUnreadable(f"Frame {frame} ({header.path.name}) has no channels R, G, B; it has {there[:200]}. Render rgb.")


def _exr_canvas(sequence: Sequence) -> Canvas:
    first = None
    windows: list[Box] = []
    for frame in sequence.frames:
        header = read_header(sequence.path(frame))
        first = first or header
        if header.display_window != first.display_window:
            size = header.display_window
            raise PlateUnreadable(_other_size(header.path, frame, size.width, size.height, first.display_window))
        windows.append(_rgb(header, frame)[0].data_window)
    return canvas_of(first.display_window, windows, first.pixel_aspect)


def _picture_canvas(sequence: Sequence) -> Canvas:
    height, width = _read_picture(sequence.path(sequence.frames[0])).shape[:2]
    box = Box(0, 0, width, height)
    return Canvas(box, box)


def _read_picture(path: Path) -> np.ndarray:
    """Read (H, W, 3) float32 in [0, 1] from anything but EXR."""
    reader: Callable[[Path], np.ndarray | None] = _read_dpx if path.suffix.lower() == ".dpx" else _read_opencv
    pixels = reader(path)
    if pixels is None:
        raise PlateUnreadable(f"{path.name} in {path.parent} is truncated, or no image that we can read. Render the frame again.")
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    top = np.float32(np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1.0)
    return pixels[..., :3].astype(np.float32) / top


def _read_opencv(path: Path) -> np.ndarray | None:
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise PlateUnreadable(f"Cannot read {path}: {error.strerror}. Check that the file exists and may be read.") from error
    if path.suffix.lower() in (".jpg", ".jpeg") and content[-2:].tobytes() != b"\xff\xd9" and b"\xff\xd9" not in content[-64:].tobytes():
        return None  # the decoder would fill the rest with grey, without an error
    pixels = cv2.imdecode(content, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION) if content.size else None
    if pixels is None or pixels.ndim == 2:
        return pixels
    return pixels[..., 2::-1]


def _read_dpx(path: Path) -> np.ndarray | None:
    try:
        import OpenImageIO as oiio
    except ImportError as error:
        raise PlateUnreadable(
            f"{path.name} is a DPX file, which needs the extra `plates`: pip install 'xmem-roto[plates]'. Or render EXR."
        ) from error
    image = oiio.ImageInput.open(str(path))
    if image is None:
        oiio.geterror()
        return None
    try:
        pixels = image.read_image("float")
        return None if image.geterror() else pixels
    finally:
        image.close()


def _other_size(path: Path, frame: int, width: int, height: int, display: Box) -> str:
    return (
        f"Frame {frame} ({path.name}) is {width}x{height}, but the plate begins with {display.width}x{display.height}. "
        "Render all frames in one format."
    )
