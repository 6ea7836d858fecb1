"""How a shape acts on what lies below it in a mask.

A mode combines the shape's colour, which in a mask is 1, with what is below; coverage times opacity says how far the
result goes there. So outside a shape nothing changes in any mode, as when painting. Names and order are Nuke's; that
it restricts every mode to the shape is an assumption.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

MODES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "over": np.ones_like,
    "max": np.ones_like,
    "multiply": lambda below: below,
    "color-burn": lambda below: below,  # 1 - (1 - below) / 1
    "min": lambda below: below,
    "screen": np.ones_like,
    "color-dodge": lambda below: (below > 0).astype(below.dtype),  # below / (1 - 1)
    "plus": lambda below: below + 1,
    "overlay": lambda below: np.where(below < 0.5, 2 * below, 1).astype(below.dtype),
    "soft-light": lambda below: below * (2 - below),
    "hard-light": np.ones_like,
    "from": lambda below: below - 1,
    "minus": lambda below: 1 - below,
    "difference": lambda below: 1 - below,
    "exclusion": lambda below: 1 - below,
}
"""What a mode makes of a mask where the shape covers it fully."""


def blend(below: np.ndarray, amount: np.ndarray, mode: str) -> np.ndarray:
    """Draw a shape.

    Args:
        below: float32 in [0, 1].
        amount: coverage times opacity, the same form.
        mode: of MODES.

    Returns:
        float32 in [0, 1].
    """
    return np.clip(below + (MODES[mode](below) - below) * amount, 0, 1)
