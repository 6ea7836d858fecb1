"""Where a point of a roto element lands in the picture: its own transform, then those of its layers, up to and including Root."""

from __future__ import annotations

import struct
from typing import Any, List, Sequence, Tuple

Matrix = Tuple[float, ...]
"""4 x 4, row-major, column vectors: translation in elements 3 and 7."""
Point = Tuple[float, float]

IDENTITY: Matrix = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def multiply(left: Matrix, right: Matrix) -> Matrix:
    """Give the matrix that applies `right` first, then `left`."""
    return tuple(sum(left[4 * row + k] * right[4 * k + column] for k in range(4)) for row in range(4) for column in range(4))


def apply(matrix: Matrix, point: Point) -> Point:
    """Move a point of the plane; a layer's extra matrix may be a perspective, hence the division."""
    x, y = point
    w = matrix[12] * x + matrix[13] * y + matrix[15]
    if abs(w) < 1e-12:
        # On the horizon of a degenerate corner pin there is no point; the limit is far away, which draws nothing.
        w = 1e-12
    return (
        (matrix[0] * x + matrix[1] * y + matrix[3]) / w,
        (matrix[4] * x + matrix[5] * y + matrix[7]) / w,
    )


def element_matrix(element: Any, frame: float) -> Matrix:
    """Read the matrix of one shape or layer at a frame."""
    matrix = element.getTransform().evaluate(frame).getMatrix()
    return tuple(in_single(matrix[index]) for index in range(16))


def in_single(number: float) -> float:
    """Round to single precision, in which Nuke saves scripts: what is read before saving and after reopening is then the same."""
    return float(struct.unpack("f", struct.pack("f", number))[0])


def to_picture(element: Any, parents: Sequence[Any], frame: float) -> Matrix:
    """Give the matrix from an element's own coordinates to the picture.

    Args:
        element: shape whose points are to be placed.
        parents: its layers from Root inwards, as `getTransform` is relative to the layer around.
        frame: may be fractional.
    """
    chain: List[Any] = [*parents, element]
    matrix = IDENTITY
    for link in chain:
        matrix = multiply(matrix, element_matrix(link, frame))
    return matrix
