"""The footage: frames in, display-encoded pictures on one canvas out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from xmemcore.protocol.failures import RequestError
from xmemcore.shot.files.exr import ExrHeader, ExrPart, ExrUnreadable, read_channels, read_header
from xmemcore.shot.files.pictures import PictureUnreadable, picture_size, read_picture, unit_range
from xmemcore.shot.files.sequence import Sequence
from xmemcore.shot.plate.canvas import Box, Canvas, canvas_of
from xmemcore.shot.plate.channels import rgb_of
from xmemcore.shot.plate.colour import BRIGHTEST, display_encoded, require_colorspace
from xmemcore.shot.plate.resampling import AREA, PUBLISHED, resampled

EXR = ".exr"


class PlateUnreadable(RequestError):
    """A frame of the plate cannot be read, or is not like the others."""


@dataclass(frozen=True)
class Plate:
    """A sequence of pictures of one format. Reading is safe from several threads."""

    sequence: Sequence
    canvas: Canvas
    colorspace: str
    cleaned: dict[int, int] = field(default_factory=dict)
    """By frame, how many values were NaN or infinite when it was read; frames without any are not here."""

    @classmethod
    def open(cls, pattern: str, colorspace: str | None = None) -> Plate:
        """Find the frames and settle the canvas; reads headers, and of pictures the first frame.

        Args:
            pattern: see `shot.sequence`.
            colorspace: see `shot.colour`; None: linear for EXR and for TIFF in floats, srgb for everything else.

        Raises:
            SequenceNotFound, SequenceAmbiguous, ColorspaceUnknown, PlateUnreadable.
        """
        if colorspace is not None:
            require_colorspace(colorspace)
        sequence = Sequence.find(pattern)
        if sequence.path(sequence.frames[0]).suffix.lower() == EXR:
            return cls(sequence, _exr_canvas(sequence), colorspace or "linear")
        canvas, scene_linear = _picture_canvas(sequence)
        return cls(sequence, canvas, colorspace or ("linear" if scene_linear else "srgb"))

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
            PlateUnreadable.
        """
        path = self.sequence.path(frame)
        if path.suffix.lower() == EXR:
            return self._read_exr(path, frame)
        pixels = unit_range(_picture(path, frame))
        if pixels.shape[:2] != (self.canvas.height, self.canvas.width):
            raise PlateUnreadable(_other_size(path, frame, pixels.shape[1], pixels.shape[0], self.canvas.display))
        planes = self._cleaned([np.ascontiguousarray(pixels[..., place]) for place in range(3)], frame)
        return display_encoded(planes, self.colorspace)

    def working_image(self, frame: int, size: int, resampling: str = AREA) -> np.ndarray:
        """Read a frame at the network's size, (h, w, 3) float32, square pixels.

        Args:
            frame: which exists.
            size: short side, in pixels.
            resampling: `area`, or `published` for the papers' bilinear without antialiasing.
        """
        picture = self.read(frame)
        height, width = self.canvas.working_size(size)
        if resampling == PUBLISHED and picture.shape[:2] != (height, width):
            return cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
        return resampled(picture, (height, width))

    def _read_exr(self, path: Path, frame: int) -> np.ndarray:
        header = _header(path, frame)
        _require_format(header, frame, self.canvas.display, self.canvas.pixel_aspect)
        part, names = _rgb(header, frame)
        try:
            image = read_channels(header, part, names)
        except ExrUnreadable as error:
            raise PlateUnreadable(f"Frame {frame} cannot be read: {error}") from error
        planes = self._cleaned([image.channels[name] for name in names], frame)
        # Encoded first: what lies outside the data window is black in every colour space.
        return self.canvas.placed(display_encoded(planes, self.colorspace), image.data_window)

    def _cleaned(self, planes: list[np.ndarray], frame: int) -> list[np.ndarray]:
        """Replace what is no number by black and infinite light by the brightest there is; count both."""
        bad = [plane.size - int(np.count_nonzero(_finite(plane))) for plane in planes]
        if not any(bad):
            return planes
        self.cleaned[frame] = sum(bad)
        return [np.nan_to_num(plane, nan=0.0, posinf=BRIGHTEST, neginf=0.0) if count else plane for plane, count in zip(planes, bad)]


def _finite(plane: np.ndarray) -> np.ndarray:
    # By its bits a half is judged in a fraction of the time: NaN and infinity have all exponent bits set.
    return (plane.view(np.uint16) & 0x7C00) != 0x7C00 if plane.dtype == np.float16 else np.isfinite(plane)


def _exr_canvas(sequence: Sequence) -> Canvas:
    first: ExrHeader | None = None
    windows: list[Box] = []
    for frame in sequence.frames:
        header = _header(sequence.path(frame), frame)
        first = first or header
        _require_format(header, frame, first.display_window, first.pixel_aspect)
        windows.append(_rgb(header, frame)[0].data_window)
    assert first is not None
    return canvas_of(first.display_window, windows, first.pixel_aspect)


def _picture_canvas(sequence: Sequence) -> tuple[Canvas, bool]:
    """Give the canvas, and whether the pictures hold light rather than display values."""
    first = sequence.frames[0]
    pixels = _picture(sequence.path(first), first)
    box = Box(0, 0, pixels.shape[1], pixels.shape[0])
    for frame in sequence.frames[1:]:
        path = sequence.path(frame)
        size = picture_size(path)
        # A file that does not tell its size gets its sentence when it is read.
        if size is not None and size != (box.width, box.height):
            raise PlateUnreadable(_other_size(path, frame, *size, box))
    floats = pixels.dtype.kind == "f" and sequence.path(first).suffix.lower() != ".dpx"
    return Canvas(box, box), floats


def _header(path: Path, frame: int) -> ExrHeader:
    try:
        return read_header(path)
    except ExrUnreadable as error:
        raise PlateUnreadable(f"Frame {frame} cannot be read: {error}") from error


def _picture(path: Path, frame: int) -> np.ndarray:
    try:
        return read_picture(path)
    except PictureUnreadable as error:
        raise PlateUnreadable(f"Frame {frame} cannot be read: {error}") from error


def _rgb(header: ExrHeader, frame: int) -> tuple[ExrPart, list[str]]:
    found = rgb_of(header)
    if found is not None:
        return found
    there = ", ".join(name for part in header.parts for name in part.channels) or "none"
    deep = "; its deep parts have no single image" if header.has_deep_parts else ""
    raise PlateUnreadable(
        f"Frame {frame} ({header.path.name}) has no channels R, G, B; it has {there[:200]}{deep}. Render rgb, or one layer of it."
    )


def _require_format(header: ExrHeader, frame: int, display: Box, pixel_aspect: float) -> None:
    if header.display_window != display:
        window = header.display_window
        raise PlateUnreadable(_other_size(header.path, frame, window.width, window.height, display, window))
    if not math.isclose(header.pixel_aspect, pixel_aspect, rel_tol=1e-3):
        raise PlateUnreadable(
            f"Frame {frame} ({header.path.name}) has a pixel aspect of {header.pixel_aspect:g}, but the plate begins with "
            f"{pixel_aspect:g}. Render all frames in one format."
        )


def _other_size(path: Path, frame: int, width: int, height: int, display: Box, window: Box | None = None) -> str:
    begins = f"{display.width}x{display.height}"
    if window is not None and (width, height) == (display.width, display.height):
        # Of the same size, somewhere else.
        return (
            f"Frame {frame} ({path.name}) has its display window at {window.x0},{window.y0}, but the plate begins with one at "
            f"{display.x0},{display.y0}. Render all frames in one format."
        )
    return f"Frame {frame} ({path.name}) is {width}x{height}, but the plate begins with {begins}. Render all frames in one format."
