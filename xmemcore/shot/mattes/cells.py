"""Cells: the pixels of the working size, as they lie on the plate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

STRIP_CELLS = 24
"""Rows of cells that are solved at once, from edge to edge."""
GAP_CELLS = 12
"""Columns without an edge from which on a strip is cut there."""

Part = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True)
class CellBox:
    """A part of the working size, and how it lies on the plate."""

    cells: Part
    size: tuple[int, int]
    """Size of the plate, in pixels."""
    scale: tuple[float, float]
    """Cells per pixel, down and across."""

    def of(self, plane: np.ndarray) -> np.ndarray:
        """Cut the part out of a plane at working size."""
        return np.ascontiguousarray(plane[self.cells])

    def pixels(self, part: Part) -> Part:
        """Say where a rectangle of the box's cells lies on the plate."""
        rows, columns = (
            slice(round((cells.start + side.start) / scale), round((cells.start + side.stop) / scale))
            for cells, side, scale in zip(self.cells, part, self.scale)
        )
        return rows, columns

    def enlarged(self, plane: np.ndarray, part: Part) -> np.ndarray:
        """Bring what `of` gave to a rectangle of the plate, bilinear, exactly where the whole would lie."""
        # The middle of pixel p lies over the cell (p + 0.5) * scale - 0.5.
        rows, columns = part
        down, across = self.scale
        matrix = np.array(
            [
                [across, 0, (columns.start + 0.5) * across - 0.5 - self.cells[1].start],
                [0, down, (rows.start + 0.5) * down - 0.5 - self.cells[0].start],
            ]
        )
        size = (columns.stop - columns.start, rows.stop - rows.start)
        return cv2.warpAffine(plane, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)


def strips(near: np.ndarray) -> Iterator[Part]:
    """Cut the cells (h, w) that are asked into rectangles with little else in them."""
    for top in range(0, near.shape[0], STRIP_CELLS):
        rows = slice(top, min(top + STRIP_CELLS, near.shape[0]))
        yield from ((rows, columns) for columns in runs(np.any(near[rows], axis=0), GAP_CELLS))


def runs(marked: np.ndarray, gap: int) -> Iterator[slice]:
    """Give the runs of marked places (n); a run goes on over gaps of up to so many places."""
    places = np.flatnonzero(marked)
    for run in np.split(places, np.flatnonzero(np.diff(places) > gap) + 1) if places.size else ():
        yield slice(int(run[0]), int(run[-1]) + 1)
