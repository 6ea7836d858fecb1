"""The overall feather of a shape (its feather x and y) added to the feather points, which the roto JSON wants.

A feather point moves along the outward normal of the main curve by the overall feather, its x and y scaled apart.
A negative feather moves it inwards.
"""

from __future__ import annotations

import math
from typing import List, Sequence, Tuple

Point = Tuple[float, float]
Triplet = Tuple[Point, Point, Point]


def with_overall_feather(points: Sequence[Triplet], offsets: Sequence[Triplet], overall: Point, closed: bool) -> List[Triplet]:
    """Add (fx, fy) pixels of feather to every feather point; its tangents stay as they are."""
    outward = 1.0 if _signed_area([point[0] for point in points]) >= 0 else -1.0
    added: List[Triplet] = []
    for index, offset in enumerate(offsets):
        normal_x, normal_y = _normal(points, index, closed)
        centre = (offset[0][0] + outward * normal_x * overall[0], offset[0][1] + outward * normal_y * overall[1])
        added.append((centre, offset[1], offset[2]))
    return added


def _normal(points: Sequence[Triplet], index: int, closed: bool) -> Point:
    """Give the unit vector to the right of the path's direction at a point: outwards when the path runs anticlockwise."""
    (x, y), tangent_in, tangent_out = points[index]
    count = len(points)
    before = points[index - 1][0] if closed or index > 0 else (x, y)
    after = points[(index + 1) % count][0] if closed or index + 1 < count else (x, y)
    # Without tangents the neighbours give the direction on either side.
    arriving = _unit(tangent_in if tangent_in != (0.0, 0.0) else (before[0] - x, before[1] - y))
    leaving = _unit(tangent_out if tangent_out != (0.0, 0.0) else (after[0] - x, after[1] - y))
    along = _unit((leaving[0] - arriving[0], leaving[1] - arriving[1]))
    return (along[1], -along[0])


def _unit(vector: Point) -> Point:
    length = math.hypot(*vector)
    return (vector[0] / length, vector[1] / length) if length > 0 else (0.0, 0.0)


def _signed_area(ring: Sequence[Point]) -> float:
    """Give twice the area, positive when the ring runs anticlockwise (y up)."""
    return sum(ring[i - 1][0] * ring[i][1] - ring[i][0] * ring[i - 1][1] for i in range(len(ring)))
