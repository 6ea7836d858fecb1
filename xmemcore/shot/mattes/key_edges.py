"""Carry the artist's own edges on at the plate's size, where the plate alone would draw them otherwise.

What the network missed at a key is carried at working size (`carry`). Then the plate decides where the edge runs, and does not always
decide as the artist did: a reflection that counts in, a line finer than a cell. So the shapes of each key go through the steps that every
prediction goes through, and what comes out otherwise than it was drawn goes along with the optical flow, weaker from frame to frame; but
only where the shape at the key, brought along, is the shape found here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from xmemcore.shot.files.box import Box
from xmemcore.shot.mattes.carry import FAINT
from xmemcore.shot.mattes.cells import CellBox, Part, strips
from xmemcore.shot.plate.flow import Way

VERSION = 1
"""Raised whenever the same inputs would be carried in another way: it is part of every signature."""

AGREED, APART = 0.03, 0.08
"""Bounds of the mean difference, around a cell, between the shape found and the shape at the key, brought there. Up to the first
everything is carried, from the second on nothing: an edge that comes to lie a tenth of a cell off is better drawn by the plate."""
AROUND_CELLS = 9
"""Side of the square that these means are taken over."""
ONE = 1 << 14
"""A difference of 1, as it is kept: whole numbers take half the memory, and are brought along as they are."""


class KeyEdge:
    """What one object's edge at a key has otherwise than the plate would draw it."""

    def __init__(self, shape: np.ndarray, pieces: Sequence[tuple[Box, np.ndarray]], size: tuple[int, int]) -> None:
        """Take the differences, which are somewhere.

        Args:
            shape: the artist's, (h, w) at working size.
            pieces: differences (n, m) in [-1, 1], each with its part of the plate; see `differing`.
            size: height and width of the plate.
        """
        self._size, self._scale = size, (shape.shape[0] / size[0], shape.shape[1] / size[1])
        box = pieces[0][0]
        for other, _ in pieces[1:]:
            box = box.union(other)
        self._box, self._values = box, np.zeros((box.height, box.width), np.int16)
        for part, values in pieces:
            self._values[part.moved(-box.x0, -box.y0).slices] = np.rint(ONE * values)
        down, across = np.nonzero(self._values)
        differs = np.zeros(shape.shape, np.uint8)
        differs[((down + box.y0) * self._scale[0]).astype(int), ((across + box.x0) * self._scale[1]).astype(int)] = 1
        # A cell is seen up to the middles of its neighbours, and so is a difference.
        near = cv2.dilate(differs, np.ones((3, 3), np.uint8))
        around = cv2.dilate(near, np.ones((AROUND_CELLS, AROUND_CELLS), np.uint8))
        rows, columns = np.flatnonzero(around.any(axis=1)), np.flatnonzero(around.any(axis=0))
        self._row, self._column = int(rows[0]), int(columns[0])
        cells = slice(self._row, int(rows[-1]) + 1), slice(self._column, int(columns[-1]) + 1)
        self._shape = np.ascontiguousarray(np.stack((shape[cells], near[cells]), axis=-1), np.float16)

    def at(self, way: Way, shape: np.ndarray, weight: float) -> BroughtEdge | None:
        """Bring the edge to another frame.

        Args:
            way: from the other frame to the key, at working size.
            shape: (h, w) in [0, 1], found at the other frame, before the plate was asked.
            weight: of the key there, in (0, 1].

        Returns:
            None where nothing of it counts there.
        """
        height, width = self._shape.shape[:2]
        columns, rows = way.columns - self._column, way.rows - self._row
        inside = (rows > -1) & (rows < height) & (columns > -1) & (columns < width)
        down, across = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        if not down.size:
            return None
        cells = slice(int(down[0]), int(down[-1]) + 1), slice(int(across[0]), int(across[-1]) + 1)
        at_key = cv2.remap(self._shape.astype(np.float32), columns[cells], rows[cells], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        apart = cv2.blur(np.abs(at_key[..., 0] - shape[cells]), (AROUND_CELLS, AROUND_CELLS))
        share = weight * ((APART - apart) / (APART - AGREED)).clip(0, 1) * (at_key[..., 1] > 0)
        if not share.any():
            return None
        right = way.columns[cells] - np.arange(cells[1].start, cells[1].stop, dtype=np.float32)
        below = way.rows[cells] - np.arange(cells[0].start, cells[0].stop, dtype=np.float32)[:, None]
        box = CellBox(cells, self._size, self._scale)
        return BroughtEdge(self._box, self._values, box, cv2.merge((share.astype(np.float32), right, below)))


@dataclass(frozen=True)
class BroughtEdge:
    """A key's edge as it is carried to one other frame."""

    box: Box
    """Part of the plate that the values show, at the key."""
    values: np.ndarray
    """(n, m) int16: what the artist's shape has more than the plate would give it, in parts of ONE."""
    cells: CellBox
    """Where it counts at the other frame."""
    planes: np.ndarray
    """(h, w, 3) float32 of these cells: the share in which it counts, and how many cells to the right and down the key's pixels lie."""

    def add_to(self, plane: np.ndarray, rows: slice) -> Iterator[Part]:
        """Add what is carried to some rows (n, W) of an object's plane at the plate's size.

        Yields:
            The rectangles of these rows, counted from the first of them, that were changed.
        """
        down, across = self.cells.scale
        for part in strips(self.planes[..., 0] > 0):
            lines, columns = self.cells.pixels(part)
            lines = slice(max(lines.start, rows.start), min(lines.stop, rows.stop))
            columns = slice(columns.start, min(columns.stop, plane.shape[1]))
            if lines.start >= lines.stop or columns.start >= columns.stop:
                continue
            share, right, below = cv2.split(self.cells.enlarged(self.planes, (lines, columns)))
            right = right / np.float32(across) + np.arange(columns.start - self.box.x0, columns.stop - self.box.x0, dtype=np.float32)
            below = below / np.float32(down) + np.arange(lines.start - self.box.y0, lines.stop - self.box.y0, dtype=np.float32)[:, None]
            there = slice(lines.start - rows.start, lines.stop - rows.start), columns
            brought = cv2.remap(self.values, right, below, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
            plane[there] += share * brought * np.float32(1 / ONE)
            yield there


def differing(part: Box, difference: np.ndarray) -> tuple[Box, np.ndarray] | None:
    """Cut the difference (n, m) in a part of the plate to where there is any; None where there is none."""
    differs = np.abs(difference) > FAINT
    if not differs.any():
        return None
    down, across = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    box = Box(int(across[0]), int(down[0]), int(across[-1]) + 1, int(down[-1]) + 1)
    return box.moved(part.x0, part.y0), np.where(differs, difference, 0)[box.slices]
