"""Where a point of an element lands in the picture: its own transform, then that of every layer around it, Root included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from xmemcore.roto.animation import Curve
from xmemcore.roto.tree import Element, Placed

PIVOT_X, PIVOT_Y = 0, 1
TRANSLATE_X, TRANSLATE_Y = 3, 4
ROTATE_X, ROTATE_Y, ROTATE_Z = 6, 7, 8
SCALE_X, SCALE_Y = 9, 10
SKEW = 12
UNKNOWN = range(13, 19)
"""Values that were 0 in every file seen; what they do is not known."""
MATRIX = range(19, 35)
"""4 x 4, row-major, column vectors."""
PLANE = (0, 1, 3)
"""Rows and columns of the 4 x 4 that matter in the picture's plane."""


def matrix(element: Element, frame: float) -> np.ndarray:
    """Give an element's own transform at a frame.

    Points go through the extra matrix, then skew, scale and rotation (degrees, anticlockwise) about the pivot, then
    the translation. Nuke's default order; no document gives the place of skew and extra matrix.

    Returns:
        (3, 3) float64 for column vectors (x, y, 1); its last row may be a perspective.
    """
    values = element.transform
    if not values:
        return np.eye(3)

    def value(place: int, default: float = 0.0) -> float:
        return values[place].at(frame) if place < len(values) else default

    turn = np.deg2rad(value(ROTATE_Z))
    cos, sin = np.cos(turn), np.sin(turn)
    rotation = np.array([[cos, -sin], [sin, cos]])
    scale = np.diag([value(SCALE_X, 1.0), value(SCALE_Y, 1.0)])
    skew = np.array([[1.0, value(SKEW)], [0.0, 1.0]])
    pivot = np.array([value(PIVOT_X), value(PIVOT_Y)])
    placed = np.eye(3)
    placed[:2, :2] = rotation @ scale @ skew
    placed[:2, 2] = pivot + [value(TRANSLATE_X), value(TRANSLATE_Y)] - placed[:2, :2] @ pivot
    if len(values) > MATRIX[0]:
        extra = np.array([value(place, 1.0 if row == column else 0.0) for place, (row, column) in zip(MATRIX, np.ndindex(4, 4))])
        placed = placed @ extra.reshape(4, 4)[np.ix_(PLANE, PLANE)]
    return placed


def to_picture(placed: Placed, frame: float) -> np.ndarray:
    """Give the (3, 3) matrix from a shape's own coordinates to the picture."""
    whole = np.eye(3)
    for element in (*placed.parents, placed.shape):
        whole = whole @ matrix(element, frame)
    return whole


def apply(whole: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Move points.

    Args:
        whole: (3, 3).
        points: (..., 2).

    Returns:
        (..., 2); not finite where a perspective sends a point to infinity.
    """
    moved = points @ whole[:, :2].T + whole[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        return moved[..., :2] / moved[..., 2:]


def counted_curves(element: Element) -> Iterator[Curve]:
    """Give the curves whose keys make a keyframe. The pivot moves nothing, and Nuke keys it by itself when a shape is drawn."""
    for place in (TRANSLATE_X, TRANSLATE_Y, ROTATE_Z, SCALE_X, SCALE_Y, SKEW, *MATRIX):
        if place < len(element.transform):
            yield element.transform[place]


def is_unverified(element: Element) -> bool:
    """Say whether an element has transform values that are not honoured: turned out of the plane, or unknown ones."""
    return any(_ever(element.transform, place) for place in (ROTATE_X, ROTATE_Y, *UNKNOWN))


def _ever(values: Sequence[Curve], place: int) -> bool:
    if place >= len(values):
        return False
    return any(key.value for key in values[place].keys) if values[place].keys else bool(values[place].constant)
