"""An object's shapes drawn from bottom to top into one raster."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from xmemcore.roto.blending import blend
from xmemcore.roto.coverage import coverage
from xmemcore.roto.grid import EMPTY, Patch, PixelGrid
from xmemcore.roto.shapes import EvaluatedShape


def rasterise(shapes: Iterable[EvaluatedShape], grid: PixelGrid) -> np.ndarray:
    """Draw shapes with feather, opacity, inversion and blending.

    Args:
        shapes: from bottom to top.
        grid: what to draw on.

    Returns:
        (height, width) float32 in [0, 1], row 0 at the top.
    """
    return _whole(_drawn(shapes, grid), grid)


def rasterise_hard(shapes: Iterable[EvaluatedShape], grid: PixelGrid) -> np.ndarray:
    """Draw shapes as the network is shown them, without feather and opacity; antialiased, for the caller to cut at 0.5."""
    return _whole(drawn_hard(shapes, grid), grid)


def drawn_hard(shapes: Iterable[EvaluatedShape], grid: PixelGrid) -> Patch:
    """Draw as `rasterise_hard` does, and give the part that the shapes reach."""
    return _drawn([shape.hard() for shape in shapes], grid)


def _drawn(shapes: Iterable[EvaluatedShape], grid: PixelGrid) -> Patch:
    """Draw on the part of the grid that the shapes cover."""
    patches = [(shape, coverage(shape, grid)) for shape in shapes]
    everywhere = any(shape.inverted for shape, _ in patches)
    reached = [patch for _, patch in patches if patch.values.size]
    if everywhere:
        top, left, bottom, right = 0, 0, grid.height, grid.width
    elif reached:
        top, left = min(patch.row for patch in reached), min(patch.column for patch in reached)
        bottom = max(patch.row + patch.values.shape[0] for patch in reached)
        right = max(patch.column + patch.values.shape[1] for patch in reached)
    else:
        return EMPTY
    drawn = np.zeros((bottom - top, right - left), np.float32)
    for shape, patch in patches:
        opacity = np.float32(np.clip(np.nan_to_num(shape.opacity), 0, 1))
        place = Patch(patch.row - top, patch.column - left, patch.values).place() if patch.values.size else EMPTY.place()
        if shape.inverted:
            outside = np.ones_like(drawn)
            outside[place] -= patch.values
            drawn = blend(drawn, outside * opacity, shape.blending)
        else:
            drawn[place] = blend(drawn[place], patch.values * opacity, shape.blending)
    return Patch(top, left, np.clip(drawn, 0, 1, out=drawn))


def _whole(patch: Patch, grid: PixelGrid) -> np.ndarray:
    whole = np.zeros((grid.height, grid.width), np.float32)
    whole[patch.place()] = patch.values
    return whole
