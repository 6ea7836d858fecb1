"""Boxes of pixels: the windows of files, and the largest picture that is read. Row 0 is the top, as in EXR."""

from __future__ import annotations

from dataclasses import dataclass

from xmemcore.protocol.failures import RequestError

MAX_PIXELS = 40_000_000
"""Largest picture: 8K with some overscan. A larger one would fill the memory."""


def require_pixels(box: Box, subject: str) -> None:
    """Raise RequestError unless a box has pixels, and no more than are read."""
    if box.empty or box.width * box.height > MAX_PIXELS:
        raise RequestError(
            f"{subject} is {box.width}x{box.height}; pictures of up to {MAX_PIXELS // 10**6} million pixels are read. "
            "Render it smaller, or again if the file is damaged."
        )


@dataclass(frozen=True)
class Box:
    """A half-open rectangle of pixels, [x0, x1) x [y0, y1), y down."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    @property
    def empty(self) -> bool:
        return self.width <= 0 or self.height <= 0

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to cut a plane (H, W) with."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def union(self, other: Box) -> Box:
        """Give the smallest box around both."""
        return Box(min(self.x0, other.x0), min(self.y0, other.y0), max(self.x1, other.x1), max(self.y1, other.y1))

    def intersection(self, other: Box) -> Box:
        """Give what both have; may be empty."""
        return Box(max(self.x0, other.x0), max(self.y0, other.y0), min(self.x1, other.x1), min(self.y1, other.y1))

    def moved(self, dx: int, dy: int) -> Box:
        """Shift the box."""
        return Box(self.x0 + dx, self.y0 + dy, self.x1 + dx, self.y1 + dy)
