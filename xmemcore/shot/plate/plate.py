"""The footage: frames in, display-encoded pictures on one canvas out."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from xmemcore.protocol.failures import RequestError
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.same_files import SameFiles
from xmemcore.shot.files.sequence import Sequence, names_view
from xmemcore.shot.plate.canvas import Canvas, canvas_of, require_possible, within_reach
from xmemcore.shot.plate.colour import BRIGHTEST, display_encoded, settled, signature
from xmemcore.shot.plate.reader import FrameHeader
from xmemcore.shot.plate.readers import reader_of
from xmemcore.shot.plate.resampling import AREA, PUBLISHED, resampled_in_strips

LARGE_PIXELS = 16_000_000
"""Frames of more are read one at a time: two at once would take 2 GB."""
_large = threading.Lock()


@dataclass(frozen=True)
class Plate:
    """A sequence of pictures of one format. Reading is safe from several threads."""

    sequence: Sequence
    canvas: Canvas
    colorspace: str
    view: str | None = None
    """The view or part that is read, where the files hold several."""
    warnings: tuple[str, ...] = ()
    """Sentences about choices that were made without being asked for."""
    cleaned: dict[int, int] = field(default_factory=dict)
    """Number of values that were NaN or infinite, by frame; only frames that were read and had some."""
    _same: SameFiles = field(default_factory=SameFiles)

    @classmethod
    def open(cls, pattern: str, colorspace: str | None = None, view: str | None = None) -> Plate:
        """Find the frames and settle the canvas; reads headers only.

        Args:
            pattern: see `shot.sequence`.
            colorspace: see `shot.colour`; None: linear for EXR and floats, srgb for everything else.
            view: the view or part to read, where a file has several; None: the first.

        Raises:
            SequenceNotFound, RequestError.
        """
        if colorspace is not None:
            colorspace = settled(colorspace)
        sequence = Sequence.find(pattern, view=view)
        if names_view(pattern):
            # The view has chosen the files already; each holds one picture.
            view = None
        first: FrameHeader | None = None
        windows: list[Box] = []
        notes: dict[str, None] = dict.fromkeys(filter(None, [sequence.of_more]))
        elsewhere: list[int] = []
        for frame in sequence.frames:
            path = sequence.path(frame)
            header = _header(path, frame, view)
            if first is None:
                first, view = header, view or header.view
                with _naming(frame):
                    require_possible(header.display, header.pixel_aspect, f"The format of {path.name}")
            _require_format(path, frame, header, first.display, first.pixel_aspect)
            _require_layer(path, frame, header.layer, first.layer)
            if colorspace is None:
                _require_encoding(path, frame, header.colorspace, first.colorspace)
            windows.append(header.window)
            notes.update(dict.fromkeys(header.notes))
            if not within_reach(header.window, first.display):
                elsewhere.append(frame)
        assert first is not None
        chosen = colorspace or first.colorspace
        if chosen is None:
            raise RequestError(str(first.colour_hint))
        if colorspace is None and first.colour_hint:
            notes[first.colour_hint] = None
        if elsewhere:
            notes[_black(sequence, elsewhere)] = None
        canvas = canvas_of(first.display, windows, first.pixel_aspect)
        return cls(sequence, canvas, chosen, view, tuple(notes))

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames that exist, ascending."""
        return self.sequence.frames

    @property
    def encoding(self) -> str:
        """Name the decoding of the colour space, for cache keys."""
        return signature(self.colorspace)

    @property
    def holes(self) -> tuple[int, ...]:
        """Frames that are missing between the first and the last."""
        return self.sequence.holes

    def read(self, frame: int) -> np.ndarray:
        """Read a frame, (H, W, 3) float32 of the canvas, display-encoded in [0, 1].

        Raises:
            RequestError, Busy.
        """
        with self._in_turn():
            planes, window = self._planes(frame)
            return self._rows(planes, window, 0, self.canvas.height)

    def require_same(self, frame: int) -> None:
        """Raise Busy where a frame's file is another than it was when it was first read or hashed."""
        path = self.sequence.path(frame)
        self._same.require(path, f"Frame {frame} ({path.name} in {path.parent})")

    def _in_turn(self) -> AbstractContextManager[object]:
        return _large if self.canvas.width * self.canvas.height > LARGE_PIXELS else nullcontext()

    def _planes(self, frame: int) -> tuple[list[np.ndarray], Box]:
        """Read red, green and blue as the file has them, cleaned, and their data window."""
        self.require_same(frame)
        path = self.sequence.path(frame)
        header = _header(path, frame, self.view)
        _require_format(path, frame, header, self.canvas.display, self.canvas.pixel_aspect)
        with _naming(frame):
            planes, window = reader_of(path).read(path, self.view)
        return self._cleaned(planes, frame), window

    def _rows(self, planes: list[np.ndarray], window: Box, top: int, stop: int) -> np.ndarray:
        """Give some rows of the canvas, (n, W, 3) float32, display-encoded."""
        band = Canvas(Box(self.canvas.box.x0, self.canvas.box.y0 + top, self.canvas.box.x1, self.canvas.box.y0 + stop), self.canvas.display)
        common = window.intersection(band.box)
        if common.empty:
            return np.zeros((stop - top, self.canvas.width, 3), np.float32)
        rows = slice(common.y0 - window.y0, common.y1 - window.y0)
        # Encoded first, because outside the data window a plate is black in every colour space.
        encoded = display_encoded([plane[rows] for plane in planes], self.colorspace)
        return band.placed(encoded, Box(window.x0, common.y0, window.x1, common.y1))

    def working_image(self, frame: int, size: int, resampling: str = AREA) -> np.ndarray:
        """Read a frame at the network's size, (h, w, 3) float32, square pixels.

        Args:
            frame: which exists.
            size: short side, in pixels.
            resampling: `area`, or `published` for the papers' bilinear without antialiasing.
        """
        height, width = self.canvas.working_size(size)
        shape = self.canvas.height, self.canvas.width
        with self._in_turn():
            planes, window = self._planes(frame)
            if resampling == PUBLISHED and shape != (height, width):
                return cv2.resize(self._rows(planes, window, 0, shape[0]), (width, height), interpolation=cv2.INTER_LINEAR)
            return resampled_in_strips(lambda top, stop: self._rows(planes, window, top, stop), shape, (height, width))

    def part_image(self, frame: int, part: Box, size: tuple[int, int]) -> np.ndarray:
        """Read a part of a frame at another size, (h, w, 3) float32, averaged.

        Args:
            frame: which exists.
            part: pixels of the canvas, counted from its corner.
            size: height and width of the result.
        """
        columns = slice(part.x0, part.x1)
        with self._in_turn():
            planes, window = self._planes(frame)

            def rows(top: int, stop: int) -> np.ndarray:
                return self._rows(planes, window, part.y0 + top, part.y0 + stop)[:, columns]

            return resampled_in_strips(rows, (part.height, part.width), size)

    def _cleaned(self, planes: list[np.ndarray], frame: int) -> list[np.ndarray]:
        """Replace NaN by black and infinite light by the brightest value; count both."""
        bad = [_not_finite(plane) for plane in planes]
        if not any(bad):
            return planes
        self.cleaned[frame] = sum(bad)
        return [np.nan_to_num(plane, nan=0.0, posinf=BRIGHTEST, neginf=0.0) if count else plane for plane, count in zip(planes, bad)]


def _not_finite(plane: np.ndarray) -> int:
    """Count NaN and infinite values."""
    if plane.dtype.kind == "u":
        return 0
    if plane.dtype == np.float16:
        # By its bits a half is judged in a fraction of the time: the largest of each sign are infinity and NaN.
        bits = plane.view(np.uint16)
        finite = bits.view(np.int16).max(initial=0) < 0x7C00 and bits.max(initial=0) < 0xFC00
    else:
        finite = bool(np.isfinite(plane.min(initial=0)) and np.isfinite(plane.max(initial=0)))
    return 0 if finite else int(np.count_nonzero(~np.isfinite(plane)))


@contextmanager
def _naming(frame: int) -> Iterator[None]:
    """Add the frame to a reader's sentence."""
    try:
        yield
    except RequestError as error:
        raise RequestError(f"Frame {frame} cannot be read: {error}") from error


def _header(path: Path, frame: int, view: str | None) -> FrameHeader:
    with _naming(frame):
        return reader_of(path).header(path, view)


def _require_format(path: Path, frame: int, header: FrameHeader, display: Box, aspect: float) -> None:
    if header.display != display:
        window = header.display
        raise RequestError(_other_size(path, frame, window.width, window.height, display, window))
    if not math.isclose(header.pixel_aspect, aspect, rel_tol=1e-3):
        raise RequestError(
            f"Frame {frame} ({path.name}) has a pixel aspect of {header.pixel_aspect:g}, but the plate begins with "
            f"{aspect:g}. Render all frames in one format."
        )


def _require_encoding(path: Path, frame: int, usual: str | None, first: str | None) -> None:
    """See that a frame's kind of file is usually encoded as the first frame's is, since nobody said how they are."""
    if usual != first:
        raise RequestError(
            f"Frame {frame} ({path.name}) is a file of another kind than the first: usually {usual or 'film'}, not {first or 'film'}. "
            "Replace it, or say how all frames are encoded (--colorspace)."
        )


def _require_layer(path: Path, frame: int, layer: str, first: str) -> None:
    if layer != first:
        found, begins = (f"in the layer {name[:60]}" if name else "in plain R, G, B" for name in (layer, first))
        raise RequestError(
            f"Frame {frame} ({path.name}) has its picture {found}, but the plate begins with one {begins}. Render all frames with the same "
            "layers, or choose one with --view."
        )


def _black(sequence: Sequence, frames: list[int]) -> str:
    more = f", nor have {len(frames) - 1} others" if len(frames) > 1 else ""
    return (
        f"Frame {frames[0]} ({sequence.path(frames[0]).name}) has no pixel on the format or near it{more}: the data window lies elsewhere. "
        "It is black."
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
