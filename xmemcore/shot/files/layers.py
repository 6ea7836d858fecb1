"""A frame's layers between file and canvas: collected rows by rows, in half precision, only where there is something.

So a frame of many objects takes the memory of what the objects cover, and not that of the picture for each of them.
"""

from __future__ import annotations

import mmap
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from xmemcore.shot.files.box import Box

FAINTEST = 1 / 1024
"""Smaller values are written as 0, so that the data window ends where the matte does."""


class Layer:
    """One layer of a frame; what was not added is 0."""

    def __init__(self, cut_faint: bool = True) -> None:
        """Begin empty; values below FAINTEST become 0 unless they are to stay."""
        self._cut_faint = cut_faint
        self._pieces: list[tuple[int, int, np.ndarray]] = []
        self._sum = 0.0

    @classmethod
    def of(cls, plane: np.ndarray, cut_faint: bool = True) -> Layer:
        """Take a whole plane (H, W)."""
        layer = cls(cut_faint)
        layer.add(0, plane)
        return layer

    def add(self, top: int, rows: np.ndarray, left: int = 0) -> None:
        """Take some rows (n, w), of which `top` is the first and `left` the first column."""
        self._sum += float(rows.sum(dtype=np.float64))
        least = rows >= FAINTEST if self._cut_faint else rows != 0
        down, across = np.flatnonzero(least.any(axis=1)), np.flatnonzero(least.any(axis=0))
        if not down.size:
            return
        inside = slice(down[0], down[-1] + 1), slice(across[0], across[-1] + 1)
        values = np.where(least[inside], rows[inside], 0) if self._cut_faint else rows[inside]
        self._pieces.append((top + int(down[0]), left + int(across[0]), values.astype(np.float16)))

    @property
    def box(self) -> Box | None:
        """The box of everything that is not 0; None where there is nothing."""
        return box_of([self])

    def area(self, pixels: int) -> float:
        """Give the mean over so many pixels of what was added, as it was before anything was cut."""
        return round(self._sum / pixels, 6)

    def placed(self, box: Box) -> np.ndarray:
        """Give the part in a box that holds everything, float16."""
        plane = _untouched(box.height, box.width)
        for row, column, values in self._pieces:
            height, width = values.shape
            plane[row - box.y0 : row - box.y0 + height, column - box.x0 : column - box.x0 + width] = values
        return plane

    def corners(self) -> Iterable[tuple[int, int, int, int]]:
        """List the boxes of its pieces: left, top, right, bottom."""
        return ((column, row, column + values.shape[1], row + values.shape[0]) for row, column, values in self._pieces)


@dataclass(frozen=True)
class Drawn:
    """A matte that the artist drew, cut to what is not 0."""

    row: int
    column: int
    values: np.ndarray
    """(h, w) float32."""

    @classmethod
    def of(cls, plane: np.ndarray) -> Drawn:
        """Cut a plane (H, W)."""
        down, across = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
        if not down.size:
            return cls(0, 0, np.zeros((0, 0), np.float32))
        row, column = int(down[0]), int(across[0])
        return cls(row, column, plane[row : down[-1] + 1, column : across[-1] + 1].copy())

    @property
    def box(self) -> Box:
        """Where its values are."""
        height, width = self.values.shape
        return Box(self.column, self.row, self.column + width, self.row + height)

    def part(self, box: Box) -> np.ndarray:
        """Give a part of the plane, (n, m)."""
        plane = np.zeros((box.height, box.width), np.float32)
        common = box.intersection(self.box)
        if not common.empty:
            to, of = common.moved(-box.x0, -box.y0), common.moved(-self.column, -self.row)
            plane[to.slices] = self.values[of.slices]
        return plane


def box_of(layers: Iterable[Layer]) -> Box | None:
    """Find the box of everything that is not 0; None where there is nothing."""
    corners = [corner for layer in layers for corner in layer.corners()]
    if not corners:
        return None
    left, top, right, bottom = zip(*corners)
    return Box(min(left), min(top), max(right), max(bottom))


def _untouched(height: int, width: int) -> np.ndarray:
    """Make a float16 plane of 0 of which the system gives only what is written to.

    Numpy's own would be of memory that was used before: it is cleared by being written to, and then all of it is taken.
    """
    size = 2 * height * width
    # Pages that several processes could share are taken by being read.
    private = mmap.mmap(-1, size) if sys.platform == "win32" else mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(private, np.float16).reshape(height, width)
