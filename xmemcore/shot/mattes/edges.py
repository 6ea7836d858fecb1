"""Edges at the plate's resolution: where a matte is undecided, the plate itself says where the edge runs.

The network answers at working size, softly, and astray by parts of a cell. But it says for sure what lies to either side of an edge.
Around every cell the colours of these sure sides are separated by a linear function (a guided filter whose samples are weighted by how
sure they are); that function, brought to the plate's size, is asked with the plate's own pixels. Where colours separate the sides badly,
as along a region that follows no edge, the enlarged matte stays as it is: nothing snaps to an edge nearby.

Source: He, Sun & Tang, "Guided Image Filtering", ECCV 2010, with its coefficients computed at low resolution (arXiv 1505.00996); the
weights are ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

VERSION = 2
"""Raised whenever the same planes and picture would give other edges: it is part of every signature."""

RADIUS_CELLS = 7
"""Of the window in which matte and colours are compared, at working size."""
SMOOTHNESS = 1e-4
"""Variance of a colour, in [0, 1], that counts as none: the filter's epsilon."""
DECIDED = 0.02
"""A matte within this of 0 or 1, all around, is 0 or 1."""
UNSURE = 0.05
"""Weight of a cell in the band against a sure one; not 0, for a thin part has no sure cell."""
SEPARATED = (0.1, 0.5)
"""Share of the matte's variance that colours explain: up to the first they say nothing, from the second on they say all."""
AGREED, APART = 0.14, 0.24
"""Mean differences, around a cell, between the network's matte and what the colours make of it: up to the first they agree (an edge that
is one cell astray has half of it), from the second on they do not (colours follow another edge)."""
AROUND_CELLS = 9
"""Side of the square that these means are taken over."""
HAZE = 0.2
"""Where the network's matte is decided, a change smaller than this is the plate's texture."""
BAND_CELLS = 2
"""How far "all around" is, at working size."""
TILE_CELLS = 24
"""Side of the tiles in which the plate is asked: those without an edge cost nothing."""

Part = tuple[slice, slice]


class Refinement:
    """One group's prediction for one frame, explained by the plate's colours."""

    def __init__(self, small: np.ndarray, picture: np.ndarray) -> None:
        """Explain.

        Args:
            small: (1 + K, h, w) float32 in [0, 1] at working size, what is behind the objects first.
            picture: (H, W, 3) float32, display-encoded in [0, 1].
        """
        self._picture = picture
        self._band = band = undecided(small[1:])
        self._box = box = _CellBox.around(band, picture.shape[:2]) if band.any() else None
        if box is None:
            return
        self._near = box.of(band.astype(np.float32))
        colours = box.of(cv2.resize(picture, band.shape[::-1], interpolation=cv2.INTER_AREA))
        self._explained = [_explained(colours, box.of(plane), box.of(undecided(plane[None]))) for plane in small[1:]]

    def rows(self, band: slice, enlarged: np.ndarray) -> np.ndarray:
        """Move the edges of some rows to the edges of the plate.

        Args:
            band: rows of the plate.
            enlarged: (1 + K, n, W) float32, the planes of these rows at the plate's size; they sum to 1.

        Returns:
            (1 + K, n, W) float32, which sum to 1; exactly 0 or 1 where the matte is decided.
        """
        values = np.round(enlarged)
        if self._box is None:
            return values
        for rows, columns in self._box.tiles(self._band, band):
            place = slice(None), slice(rows.start - band.start, rows.stop - band.start), columns
            values[place] = np.where(
                self._box.enlarged(self._near, (rows, columns)) > 0, self._solved((rows, columns), enlarged[place].copy()), values[place]
            )
        return values

    def _solved(self, part: Part, planes: np.ndarray) -> np.ndarray:
        """Solve the planes (1 + K, n, m) of a rectangle of the plate, in place."""
        assert self._box is not None
        for plane, (function, trust) in zip(planes[1:], self._explained):
            coefficients = self._box.enlarged(function, part)
            fitted = np.einsum("hwc,hwc->hw", coefficients[..., :3], self._picture[part]) + coefficients[..., 3]
            solid, empty = plane >= 1 - DECIDED, plane <= DECIDED
            plane += self._box.enlarged(trust, part) * (np.clip(fitted, 0, 1) - plane)
            # Where the network is sure, the plate may move an edge, but texture must leave no haze.
            plane[solid & (plane > 1 - HAZE)] = 1
            plane[empty & (plane < HAZE)] = 0
        total = planes[1:].sum(axis=0)
        np.divide(planes[1:], total, out=planes[1:], where=total > 1)
        planes[0] = np.maximum(1 - planes[1:].sum(axis=0), 0)
        return planes


def undecided(objects: np.ndarray) -> np.ndarray:
    """Say which cells of (K, h, w) are near an edge of any object: (h, w) booleans."""
    around = np.ones((2 * BAND_CELLS + 1,) * 2, np.uint8)
    near = np.zeros(objects.shape[1:], bool)
    for plane in objects:
        near |= (cv2.dilate(plane, around) > DECIDED) & (cv2.erode(plane, around) < 1 - DECIDED)
    return near


@dataclass(frozen=True)
class _CellBox:
    """The part of the working size that has edges, with room for the filter, and how it lies on the plate."""

    cells: Part
    size: tuple[int, int]
    """Of the plate, in pixels."""
    scale: tuple[float, float]
    """Cells per pixel, down and across."""

    @classmethod
    def around(cls, band: np.ndarray, size: tuple[int, int]) -> _CellBox:
        """Enclose a band."""
        room = BAND_CELLS + 2 * RADIUS_CELLS + 1
        sides = []
        for axis in (0, 1):
            there = np.flatnonzero(band.any(axis=1 - axis))
            sides.append(slice(max(int(there[0]) - room, 0), min(int(there[-1]) + 1 + room, band.shape[axis])))
        return cls((sides[0], sides[1]), size, (band.shape[0] / size[0], band.shape[1] / size[1]))

    def of(self, plane: np.ndarray) -> np.ndarray:
        """Cut the part out of a plane at working size."""
        return np.ascontiguousarray(plane[self.cells])

    def tiles(self, near: np.ndarray, rows: slice) -> Iterator[Part]:
        """Give the rectangles among some rows of the plate, in pixels, that have a cell near an edge in or beside them."""
        near = cv2.dilate(near.astype(np.uint8), np.ones((3, 3), np.uint8))
        for top in range(0, near.shape[0], TILE_CELLS):
            down = self._pixels(top, 0)
            down = slice(max(down.start, rows.start), min(down.stop, rows.stop))
            for left in range(0, near.shape[1], TILE_CELLS):
                if down.start < down.stop and near[top : top + TILE_CELLS, left : left + TILE_CELLS].any():
                    yield down, self._pixels(left, 1)

    def _pixels(self, first: int, axis: int) -> slice:
        return slice(round(first / self.scale[axis]), min(round((first + TILE_CELLS) / self.scale[axis]), self.size[axis]))

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


def _explained(colours: np.ndarray, matte: np.ndarray, band: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Write a matte as a linear function of the colours, around each cell.

    Args:
        colours: (h, w, 3) float32 in [0, 1].
        matte: (h, w) float32 in [0, 1].
        band: (h, w) booleans, cells near this matte's edge.

    Returns:
        Weight of each colour, then the constant (h, w, 4); and how far the function is to be trusted (h, w), in [0, 1]: by the share of the
        matte's variance that it explains, and less where it is far from the matte, for then colours follow another edge.
    """
    sure = np.where(band, UNSURE * (2 * matte - 1) ** 2, 1).astype(np.float32)
    target = ((matte - DECIDED) / (1 - 2 * DECIDED)).clip(0, 1)
    samples = np.concatenate((colours, target[..., None]), axis=-1)
    first, second = [0, 0, 0, 1, 1, 2, 0, 1, 2, 3], [0, 1, 2, 1, 2, 2, 3, 3, 3, 3]
    weighted = samples * sure[..., None]
    weight = _average(sure)[..., None] + 1e-6
    means = _average(weighted) / weight
    moments = _average(weighted[..., first] * samples[..., second]) / weight - means[..., first] * means[..., second]
    rr, rg, rb, gg, gb, bb, *common, variance = np.moveaxis(moments, -1, 0)
    rr, gg, bb = rr + SMOOTHNESS, gg + SMOOTHNESS, bb + SMOOTHNESS
    # The inverse of the symmetric 3 x 3 matrix of variances, row by row.
    inverse = (gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg, rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg)
    determinant = np.maximum(rr * inverse[0] + rg * inverse[1] + rb * inverse[2], SMOOTHNESS**3)
    rows = ((0, 1, 2), (1, 3, 4), (2, 4, 5))
    slopes = [sum(inverse[place] * part for place, part in zip(row, common)) / determinant for row in rows]
    constant = means[..., 3] - sum(slope * means[..., channel] for channel, slope in enumerate(slopes))
    share = sum(slope * part for slope, part in zip(slopes, common)) / np.maximum(variance, 1e-3)
    function = cv2.blur(np.stack((*slopes, constant), axis=-1), (5, 5), borderType=cv2.BORDER_REFLECT)
    apart = np.abs(((function[..., :3] * colours).sum(axis=-1) + function[..., 3]).clip(0, 1) - matte)
    apart = cv2.dilate(cv2.blur(apart, (AROUND_CELLS, AROUND_CELLS)), np.ones((2 * BAND_CELLS + 1,) * 2, np.uint8))
    agreed = ((APART - apart) / (APART - AGREED)).clip(0, 1)
    separated = ((share - SEPARATED[0]) / (SEPARATED[1] - SEPARATED[0])).clip(0, 1)
    return function, (separated * agreed).astype(np.float32)


def _average(planes: np.ndarray) -> np.ndarray:
    """Average over the window around each cell; (h, w) or (h, w, C)."""
    side = (2 * RADIUS_CELLS + 1,) * 2
    if planes.ndim == 2:
        return cv2.blur(planes, side, borderType=cv2.BORDER_REFLECT)
    return np.stack(
        [cv2.blur(np.ascontiguousarray(planes[..., n]), side, borderType=cv2.BORDER_REFLECT) for n in range(planes.shape[2])], axis=-1
    )
