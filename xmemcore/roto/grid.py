"""The pixels of a raster: their place in the picture and their size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PixelGrid:
    """Row 0 is the top. Pixel (row r, column c) covers x in left + [c, c + 1) * pixel_width and
    y in bottom + [height - 1 - r, height - r) * pixel_height, in the roto's coordinates (y up)."""

    width: int
    height: int
    left: float = 0.0
    """x of the left edge; negative with overscan."""
    bottom: float = 0.0
    """y of the lower edge."""
    pixel_width: float = 1.0
    """Roto units per column; the canvas's width over the grid's when the grid is a working image."""
    pixel_height: float = 1.0

    def place(self, points: np.ndarray) -> np.ndarray:
        """Turn roto coordinates (..., 2) into columns and rows (..., 2), fractions included, rows counted downwards."""
        placed = np.empty_like(points, dtype=np.float64)
        placed[..., 0] = (points[..., 0] - self.left) / self.pixel_width
        placed[..., 1] = self.height - (points[..., 1] - self.bottom) / self.pixel_height
        return placed


@dataclass(frozen=True)
class Patch:
    """A part of a raster; the rest of it is 0."""

    row: int
    column: int
    values: np.ndarray
    """(h, w) float32 in [0, 1]."""

    def place(self) -> tuple[slice, slice]:
        """Say which rows and columns of the whole raster it is."""
        height, width = self.values.shape
        return slice(self.row, self.row + height), slice(self.column, self.column + width)


EMPTY = Patch(0, 0, np.zeros((0, 0), np.float32))
