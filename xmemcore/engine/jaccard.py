"""The Jaccard index, J: how well two masks agree."""

from __future__ import annotations

import numpy as np


def jaccard(first: np.ndarray, second: np.ndarray) -> float:
    """Divide the overlap of two boolean masks (H, W) by their union; 1 when both are empty."""
    union = int(np.count_nonzero(first | second))
    return int(np.count_nonzero(first & second)) / union if union else 1.0
