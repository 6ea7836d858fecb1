"""Edges at the plate's resolution: where a matte is undecided, the plate itself says where the edge runs.

The network answers at working size. There, around every cell, the matte is explained as a linear function of the plate's colours
(a guided filter); that function, brought to the plate's size, is asked again with the plate's own pixels. Where colours explain
the matte badly, as along a region that follows no edge, the enlarged matte stays as it is: nothing snaps to an edge nearby.

Source: He, Sun & Tang, "Guided Image Filtering", ECCV 2010, with its coefficients computed at low resolution (arXiv 1505.00996).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

VERSION = 1
"""Raised whenever the same planes and picture would give other edges: it is part of every signature."""

RADIUS_CELLS = 6
"""Of the window in which matte and colours are compared, at working size."""
SMOOTHNESS = 1e-4
"""Variance of a colour, in [0, 1], that counts as none: the filter's epsilon."""
DECIDED = 0.02
"""A matte within this of 0 or 1, all around, is 0 or 1."""
AGREED, APART = 0.3, 0.5
"""Differences between the network's matte and what the colours make of it: up to the first they agree, from the second on they do not."""
HAZE = 0.2
"""Where the network's matte is decided, a change smaller than this is the plate's texture."""
BAND_CELLS = 2
"""How far "all around" is, at working size."""


class Refinement:
    """One group's prediction for one frame, explained by the plate's colours."""

    def __init__(self, small: np.ndarray, picture: np.ndarray) -> None:
        """Explain.

        Args:
            small: (1 + K, h, w) float32 in [0, 1] at working size, what is behind the objects first.
            picture: (H, W, 3) float32, display-encoded in [0, 1].
        """
        self._picture = picture
        band = undecided(small[1:])
        self._window = window = _Window.around(band, picture.shape[:2]) if band.any() else None
        if window is None:
            return
        self._near = window.of_cells(band.astype(np.float32))
        guide = _Guide(window.of_cells(cv2.resize(picture, band.shape[::-1], interpolation=cv2.INTER_AREA)))
        self._explained = [guide.explain(window.of_cells(cells)) for cells in small[1:]]

    def rows(self, band: slice, enlarged: np.ndarray) -> np.ndarray:
        """Move the edges of some rows to the edges of the plate.

        Args:
            band: rows of the plate.
            enlarged: (1 + K, n, W) float32, the planes of these rows at the plate's size; they sum to 1.

        Returns:
            (1 + K, n, W) float32, which sum to 1; exactly 0 or 1 where the matte is decided.
        """
        values = np.round(enlarged)
        window = self._window.within(band) if self._window is not None else None
        if window is None:
            return values
        rows, columns = window.pixels
        near = window.enlarged(self._near) > 0
        place = slice(None), slice(rows.start - band.start, rows.stop - band.start), columns
        sharp, part = self._picture[window.pixels], enlarged[place].copy()
        for plane, (colour, constant, trust) in zip(part[1:], self._explained):
            fitted = window.enlarged(constant)
            for channel in range(3):
                fitted += window.enlarged(colour[..., channel]) * sharp[..., channel]
            solid, empty = plane >= 1 - DECIDED, plane <= DECIDED
            plane += window.enlarged(trust) * (np.clip(fitted, 0, 1) - plane)
            # Where the network is sure, the plate may move an edge, but texture must leave no haze.
            plane[solid & (plane > 1 - HAZE)] = 1
            plane[empty & (plane < HAZE)] = 0
        total = part[1:].sum(axis=0)
        np.divide(part[1:], total, out=part[1:], where=total > 1)
        part[0] = np.maximum(1 - part[1:].sum(axis=0), 0)
        values[place] = np.where(near, part, values[place])
        return values


def undecided(objects: np.ndarray) -> np.ndarray:
    """Say which cells of (K, h, w) are near an edge of any object: (h, w) booleans."""
    around = np.ones((2 * BAND_CELLS + 1,) * 2, np.uint8)
    near = np.zeros(objects.shape[1:], bool)
    for plane in objects:
        near |= (cv2.dilate(plane, around) > DECIDED) & (cv2.erode(plane, around) < 1 - DECIDED)
    return near


@dataclass(frozen=True)
class _Window:
    """The part of a picture that has edges, in cells of the working size and in pixels of the plate."""

    cells: tuple[slice, slice]
    pixels: tuple[slice, slice]
    scale: tuple[float, float]
    """Cells per pixel, down and across."""

    @classmethod
    def around(cls, band: np.ndarray, size: tuple[int, int]) -> _Window:
        """Enclose a band, with room for the filter."""
        cells, pixels, scale = [], [], []
        for axis in (0, 1):
            there = np.flatnonzero(band.any(axis=1 - axis))
            count, length = band.shape[axis], size[axis]
            first = max(int(there[0]) - BAND_CELLS, 0)
            last = min(int(there[-1]) + 1 + BAND_CELLS, count)
            pixels.append(slice(int(first * length / count), min(int(np.ceil(last * length / count)), length)))
            room = 2 * RADIUS_CELLS + 1
            cells.append(slice(max(first - room, 0), min(last + room, count)))
            scale.append(count / length)
        return cls((cells[0], cells[1]), (pixels[0], pixels[1]), (scale[0], scale[1]))

    def of_cells(self, plane: np.ndarray) -> np.ndarray:
        """Cut the part out of a plane at working size."""
        return np.ascontiguousarray(plane[self.cells])

    def within(self, band: slice) -> _Window | None:
        """Keep the rows of a band; None where it has none of the part."""
        rows, columns = self.pixels
        first, stop = max(rows.start, band.start), min(rows.stop, band.stop)
        return replace(self, pixels=(slice(first, stop), columns)) if first < stop else None

    def enlarged(self, part: np.ndarray) -> np.ndarray:
        """Bring a part at working size to the plate's size, bilinear, exactly where the whole would lie."""
        # The middle of pixel p lies over the cell (p + 0.5) * scale - 0.5.
        rows, columns = self.pixels
        down, across = self.scale
        matrix = np.array(
            [
                [across, 0, (columns.start + 0.5) * across - 0.5 - self.cells[1].start],
                [0, down, (rows.start + 0.5) * down - 0.5 - self.cells[0].start],
            ]
        )
        size = (columns.stop - columns.start, rows.stop - rows.start)
        return cv2.warpAffine(part, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)


class _Guide:
    """The colours of a picture at working size, ready to explain mattes."""

    def __init__(self, colours: np.ndarray) -> None:
        """Take (h, w, 3) float32 in [0, 1]."""
        self._colours = colours
        self._mean = _average(colours)
        products = _average(colours[..., [0, 0, 0, 1, 1, 2]] * colours[..., [0, 1, 2, 1, 2, 2]])
        variances = products - self._mean[..., [0, 0, 0, 1, 1, 2]] * self._mean[..., [0, 1, 2, 1, 2, 2]]
        rr, rg, rb, gg, gb, bb = np.moveaxis(variances + SMOOTHNESS * np.array([1, 0, 0, 1, 0, 1], np.float32), -1, 0)
        # The inverse of the symmetric 3 x 3 matrix of variances, row by row.
        inverse = np.stack(
            (gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg, rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg), -1
        )
        determinant = rr * inverse[..., 0] + rg * inverse[..., 1] + rb * inverse[..., 2]
        self._inverse = inverse / np.maximum(determinant, SMOOTHNESS**3)[..., None]

    def explain(self, matte: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Write a matte (h, w) as a linear function of the colours, around each cell.

        Returns:
            Weight of each colour (h, w, 3), constant (h, w), and how far the function is to be trusted (h, w), in [0, 1]: the share of the
            matte's variance that it explains, and less where it is far from the matte, for then colours follow another edge.
        """
        mean = _average(matte)
        common = _average(self._colours * matte[..., None]) - self._mean * mean[..., None]
        weights = np.stack([(self._inverse[..., row] * common).sum(axis=-1) for row in ([0, 1, 2], [1, 3, 4], [2, 4, 5])], axis=-1)
        constant = mean - (weights * self._mean).sum(axis=-1)
        variance = _average(matte * matte) - mean * mean
        explained = np.clip((weights * common).sum(axis=-1) / np.maximum(variance, 1e-4), 0, 1)
        weights, constant = _average(weights), _average(constant)
        apart = np.abs(np.clip((weights * self._colours).sum(axis=-1) + constant, 0, 1) - matte)
        apart = cv2.dilate(apart, np.ones((2 * BAND_CELLS + 1,) * 2, np.uint8))
        agreed = np.clip((APART - apart) / (APART - AGREED), 0, 1)
        return weights, constant, explained * agreed


def _average(planes: np.ndarray) -> np.ndarray:
    """Average over the window around each cell; (h, w) or (h, w, C)."""
    side = 2 * RADIUS_CELLS + 1
    if planes.ndim == 2 or planes.shape[2] <= 4:
        return cv2.blur(planes, (side, side), borderType=cv2.BORDER_REFLECT)
    return np.concatenate(
        [
            cv2.blur(np.ascontiguousarray(planes[..., n : n + 3]), (side, side), borderType=cv2.BORDER_REFLECT)
            for n in range(0, planes.shape[2], 3)
        ],
        axis=2,
    )
