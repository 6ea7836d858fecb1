"""Blending modes of shapes in a mask, as measured in a real Nuke (17.1): Merge2's formulas, with the mask below as A.

A mode combines the shape's colour, which in a mask is 1, with what is below, and acts inside the shape's outline only; nothing is
cut off at 0 or 1 until the whole mask is drawn (two shapes with `plus` are 2, and `minus` over nothing is -1). How far a mode goes where
a shape covers a pixel in part, or is not opaque, was not measured; it is taken in proportion.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

MODES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "over": np.ones_like,
    "max": lambda below: np.maximum(below, 1),
    "multiply": lambda below: below,
    "color-burn": lambda below: (below > 0).astype(below.dtype),
    "min": lambda below: np.minimum(below, 1),
    "screen": np.ones_like,
    "color-dodge": np.ones_like,
    "plus": lambda below: below + 1,
    "overlay": np.ones_like,
    "soft-light": lambda below: below + 1,
    "hard-light": lambda below: np.where(below < 0.5, 2 * below, 1).astype(below.dtype),
    "from": lambda below: 1 - below,
    "minus": lambda below: below - 1,
    "difference": lambda below: np.abs(below - 1),
    "exclusion": lambda below: 1 - below,
}
"""Result of each mode where the shape covers the mask fully."""


def blend(below: np.ndarray, amount: np.ndarray, mode: str) -> np.ndarray:
    """Draw a shape.

    Args:
        below: float32, of any value.
        amount: coverage times opacity, in [0, 1], the same form.
        mode: of MODES.

    Returns:
        float32, of any value.
    """
    return below + (MODES[mode](below) - below) * amount
