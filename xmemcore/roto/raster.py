"""An object's shapes drawn from bottom to top into one raster."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from xmemcore.roto.blending import blend
from xmemcore.roto.coverage import coverage
from xmemcore.roto.grid import PixelGrid
from xmemcore.roto.shapes import EvaluatedShape


def rasterise(shapes: Iterable[EvaluatedShape], grid: PixelGrid) -> np.ndarray:
    """Draw shapes with feather, opacity, inversion and blending.

    Args:
        shapes: from bottom to top.
        grid: what to draw on.

    Returns:
        (height, width) float32 in [0, 1], row 0 at the top.
    """
    drawn = np.zeros((grid.height, grid.width), np.float32)
    for shape in shapes:
        patch = coverage(shape, grid)
        opacity = np.float32(np.clip(np.nan_to_num(shape.opacity), 0, 1))
        if shape.inverted:
            outside = np.ones_like(drawn)
            outside[patch.place()] -= patch.values
            drawn = blend(drawn, outside * opacity, shape.blending)
        else:
            place = patch.place()
            drawn[place] = blend(drawn[place], patch.values * opacity, shape.blending)
    return np.clip(drawn, 0, 1)


def rasterise_hard(shapes: Iterable[EvaluatedShape], grid: PixelGrid) -> np.ndarray:
    """Draw shapes as the network is shown them, without feather and opacity; antialiased, for the caller to cut at 0.5."""
    return rasterise([shape.hard() for shape in shapes], grid)
