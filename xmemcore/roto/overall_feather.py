"""A shape's overall feather (`fx`, `fy` pixels) added to its feather points, along the outward normal of the main curve."""

from __future__ import annotations

import numpy as np


def with_overall_feather(points: np.ndarray, feather: np.ndarray, overall: np.ndarray, closed: bool) -> np.ndarray:
    """Move every feather point outwards by (fx, fy) pixels; a negative feather moves it inwards.

    Args:
        points: (N, 3, 2) main triplets.
        feather: (N, 3, 2) feather triplets, points relative to the main ones.
        overall: (2,) pixels in x and in y.
        closed: whether the ends are joined.

    Returns:
        (N, 3, 2); tangents stay as they are.
    """
    if len(points) == 0:
        return feather
    centres = points[:, 0]
    before, after = np.roll(centres, 1, axis=0) - centres, np.roll(centres, -1, axis=0) - centres
    if not closed:
        before[0], after[-1] = 0, 0
    # A point without a tangent leaves towards its neighbour.
    arriving = _unit(np.where(points[:, 1].any(axis=1, keepdims=True), points[:, 1], before))
    leaving = _unit(np.where(points[:, 2].any(axis=1, keepdims=True), points[:, 2], after))
    along = _unit(leaving - arriving)
    normals = np.stack((along[:, 1], -along[:, 0]), axis=1)
    following = np.roll(centres, -1, axis=0)
    area = np.sum(centres[:, 0] * following[:, 1] - following[:, 0] * centres[:, 1])
    moved = feather.copy()
    moved[:, 0] += (1.0 if area >= 0 else -1.0) * normals * overall
    return moved


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.hypot(vectors[:, 0], vectors[:, 1])[:, None]
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
