"""The planes of a matte: what is behind the objects first, then the objects. They sum to 1 at every pixel."""

from __future__ import annotations

import numpy as np


def share_out(planes: np.ndarray) -> np.ndarray:
    """Make planes sum to 1, in place: objects of more than 1 together share the pixel, and what they leave is behind them.

    Args:
        planes: (1 + K, h, w) float32, each object in [0, 1]; the first plane is replaced.

    Returns:
        The same planes.
    """
    objects = planes[1:]
    total = objects.sum(axis=0)
    np.divide(objects, total, out=objects, where=total > 1)
    planes[0] = np.maximum(1 - objects.sum(axis=0), 0)
    return planes
