"""Where a point of an element lands in the picture: its own transform, then that of every layer around it, Root included."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xmemcore.curves.animation import Curve
from xmemcore.curves.tree import MATRIX, PIVOT, ROTATION, SCALE, SKEW, TRANSLATION, UNKNOWN_PLACES, Element, Placed

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

    turn = np.deg2rad(value(ROTATION[2]))
    cos, sin = np.cos(turn), np.sin(turn)
    rotation = np.array([[cos, -sin], [sin, cos]])
    scale = np.diag([value(SCALE[0], 1.0), value(SCALE[1], 1.0)])
    skew = np.array([[1.0, value(SKEW[0])], [0.0, 1.0]])
    pivot = np.array([value(PIVOT[0]), value(PIVOT[1])])
    placed = np.eye(3)
    placed[:2, :2] = rotation @ scale @ skew
    placed[:2, 2] = pivot + [value(TRANSLATION[0]), value(TRANSLATION[1])] - placed[:2, :2] @ pivot
    if len(values) > MATRIX[0]:
        extra = np.array([value(place, 1.0 if row == column else 0.0) for place, (row, column) in zip(MATRIX, np.ndindex(4, 4))])
        placed = placed @ extra.reshape(4, 4)[np.ix_(PLANE, PLANE)]
    return placed


def to_picture(placed: Placed, frame: float) -> np.ndarray:
    """Give the (3, 3) matrix from a shape's own coordinates to the picture."""
    whole = np.eye(3)
    for element in placed.chain:
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


def is_unverified(element: Element) -> bool:
    """Say whether an element has transform values that are not honoured: turned out of the plane, or unknown ones."""
    return any(_ever(element.transform, place) for place in (*ROTATION[:2], *UNKNOWN_PLACES))


def _ever(values: Sequence[Curve], place: int) -> bool:
    return place < len(values) and any(values[place].ever())
