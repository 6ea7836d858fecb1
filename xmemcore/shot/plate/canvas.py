"""The canvas of a shot: the pixels that it is computed on. Row 0 is the top, as in EXR."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xmemcore.protocol.failures import RequestError
from xmemcore.shot.files.box import Box, require_pixels

MAX_RATIO = 16
"""Largest ratio of a canvas's sides in square pixels: the network's short side is fixed, and its long side grows with the ratio."""
PIXEL_ASPECTS = (0.1, 10.0)
"""Least and largest width of a pixel over its height; films and videos have 0.5 to 2."""


def require_possible(box: Box, pixel_aspect: float, subject: str) -> None:
    """Raise RequestError unless pictures of this size and pixel aspect can be worked on.

    Args:
        box: the format.
        pixel_aspect: width of a pixel over its height.
        subject: the pictures, as a sentence begins with them.
    """
    require_pixels(box, subject)
    least, most = PIXEL_ASPECTS
    if not least <= pixel_aspect <= most:
        raise RequestError(
            f"{subject} has a pixel aspect of {pixel_aspect:g}; from {least:g} to {most:g} are possible. Render it with the plate's own."
        )
    width = box.width * pixel_aspect
    if max(width, box.height) > MAX_RATIO * min(width, box.height):
        raise RequestError(
            f"{subject} is {box.width}x{box.height} at a pixel aspect of {pixel_aspect:g}: one side is over {MAX_RATIO} "
            "times the other. Crop it."
        )


@dataclass(frozen=True)
class Canvas:
    """The pixels that a shot is computed on: its format and all its data windows."""

    box: Box
    """The pixels that are computed."""
    display: Box
    """The format: the display window."""
    pixel_aspect: float = 1.0

    @property
    def key(self) -> str:
        """Name the canvas for signatures and cache keys; equal canvases have equal keys, whatever the class looks like."""
        edges = (self.box.x0, self.box.y0, self.box.x1, self.box.y1, self.display.x0, self.display.y0, self.display.x1, self.display.y1)
        return " ".join([*map(str, edges), float(self.pixel_aspect).hex()])

    @property
    def width(self) -> int:
        return self.box.width

    @property
    def height(self) -> int:
        return self.box.height

    def working_size(self, short_side: int) -> tuple[int, int]:
        """Give height and width of the network's image: square pixels, the long side rounded down."""
        height, width = self.height, self.width * self.pixel_aspect
        if height <= width:
            return short_side, max(int(short_side * width / height + 1e-6), 1)
        return max(int(short_side * height / width + 1e-6), 1), short_side

    def placed(self, pixels: np.ndarray, window: Box) -> np.ndarray:
        """Put pixels (h, w, ...) of a data window on the canvas; 0 where there are none, the rest cut off."""
        if window == self.box:
            return pixels
        canvas = np.zeros((self.height, self.width, *pixels.shape[2:]), pixels.dtype)
        common = window.intersection(self.box)
        if not common.empty:
            to, of = common.moved(-self.box.x0, -self.box.y0), common.moved(-window.x0, -window.y0)
            canvas[to.slices] = pixels[of.slices]
        return canvas


def canvas_of(display: Box, windows: list[Box], pixel_aspect: float) -> Canvas:
    """Join a format with its data windows, at most twice the format along each axis; a window that no such canvas reaches is left out."""
    box = display
    for window in windows:
        if within_reach(window, display):
            box = box.union(window)
    x0, x1 = _limited(box.x0, box.x1, display.x0, display.x1)
    y0, y1 = _limited(box.y0, box.y1, display.y0, display.y1)
    return Canvas(Box(x0, y0, x1, y1), display, pixel_aspect)


def within_reach(window: Box, display: Box) -> bool:
    """Say whether some pixel of a data window can be on a canvas of this format."""
    reach = Box(display.x0 - display.width, display.y0 - display.height, display.x1 + display.width, display.y1 + display.height)
    return not window.intersection(reach).empty


def _limited(start: int, end: int, display_start: int, display_end: int) -> tuple[int, int]:
    """Cut what exceeds the format along one axis, so that both together have at most twice its pixels.

    The smaller overhang stays as long as it is at most half the format.
    """
    size = display_end - display_start
    before, after = display_start - start, end - display_end
    if before + after > size:
        before = min(before, max(size - after, size // 2))
        after = min(after, size - before)
    return display_start - before, display_end + after
