"""A uniform cubic B-spline written as Bezier triplets: the same curve."""

from __future__ import annotations

import numpy as np


def bezier_triplets(vertices: np.ndarray, closed: bool) -> np.ndarray:
    """Turn the vertices of a B-spline into Bezier points.

    Args:
        vertices: (N, 2).
        closed: joins the ends; an open spline begins and ends on its outer vertices, whose mirror images continue it.

    Returns:
        (N, 3, 2): point, in tangent, out tangent; one for each vertex.
    """
    if len(vertices) == 0:
        return np.zeros((0, 3, 2))
    before, after = np.roll(vertices, 1, axis=0), np.roll(vertices, -1, axis=0)
    if not closed and len(vertices) > 1:
        before[0] = 2 * vertices[0] - vertices[1]
        after[-1] = 2 * vertices[-1] - vertices[-2]
    points = (before + 4 * vertices + after) / 6
    slopes = (after - before) / 6
    return np.stack((points, -slopes, slopes), axis=1)
