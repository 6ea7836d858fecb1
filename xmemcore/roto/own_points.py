"""Turn shapes in the picture back into the points of their Roto node.

A shape's points lie in coordinates of its own, before its transform and those of its layers; a B-spline's are its vertices, and its feather
points carry the overall feather in the picture, but not in the node. `evaluate` does the opposite.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from xmemcore.curves.attributes import value
from xmemcore.curves.tree import BSPLINE, Element, Layer, Placed
from xmemcore.protocol.results import OwnShape
from xmemcore.roto.evaluate import with_overall_feather
from xmemcore.roto.shapes import EvaluatedShape
from xmemcore.roto.transform import apply, to_picture


def own_shape(placed: Placed, frame: float, shape: EvaluatedShape, nodes: Mapping[int, str]) -> OwnShape:
    """Bring a shape from the picture into a node's coordinates at a frame.

    Args:
        placed: the node's shape.
        frame: the frame whose transforms are undone.
        shape: evaluated, with as many points as the node's shape.
        nodes: name of each node, by the `id` of its root layer.
    """
    back = np.linalg.pinv(to_picture(placed, frame))
    spline, closed = placed.shape.kind == BSPLINE, placed.shape.closed
    points = _moved(back, shape.points)
    feathered = value(placed.shape, "fo", frame) >= 0.5 and placed.shape.feather is not None
    feather = _own_feather(back, placed, frame, shape, points) if feathered else None
    if spline:
        vertices = _vertices(points[:, 0], closed)
        if feather is not None:
            offsets = _vertices(points[:, 0] + feather[:, 0], closed) - vertices
        sixes = [[None, list(map(float, vertex)), None, None, None, None] for vertex in vertices]
        if feather is not None:
            for place, offset in enumerate(offsets):
                sixes[place][4] = list(map(float, offset))
    else:
        sixes = [_six(main, None if feather is None else feather[place]) for place, main in enumerate(points)]
    return OwnShape(nodes[id(placed.parents[0])], _path(placed), placed.shape.name, tuple(map(_frozen, sixes)))


def _frozen(six: list[list[float] | None]) -> tuple[tuple[float, ...] | None, ...]:
    return tuple(None if place is None else tuple(place) for place in six)


def _own_feather(back: np.ndarray, placed: Placed, frame: float, shape: EvaluatedShape, points: np.ndarray) -> np.ndarray:
    """Give the feather triplets (N, 3, 2), points relative to the main ones, without the overall feather."""
    if shape.feather is None:
        feather = points.copy()
        feather[:, 0] = 0
        return feather
    in_picture = shape.feather.copy()
    in_picture[:, 0] += shape.points[:, 0]
    feather = _moved(back, in_picture)
    feather[:, 0] -= points[:, 0]
    overall = np.array([value(placed.shape, "fx", frame), value(placed.shape, "fy", frame)])
    if overall.any():
        feather[:, 0] -= with_overall_feather(points, np.zeros_like(points), overall, placed.shape.closed)[:, 0]
    return feather


def _moved(whole: np.ndarray, triplets: np.ndarray) -> np.ndarray:
    """Transform triplets (N, 3, 2) whose tangents are relative to their point."""
    moved = apply(whole, np.stack((triplets[:, 0], triplets[:, 0] + triplets[:, 1], triplets[:, 0] + triplets[:, 2]), axis=1))
    moved[:, 1:] -= moved[:, :1]
    return moved


def _vertices(points: np.ndarray, closed: bool) -> np.ndarray:
    """Find the vertices of the uniform cubic B-spline that runs through points; see `bspline.bezier_triplets`."""
    count = len(points)
    system = np.eye(count) * 4 / 6
    for place in range(count):
        for beside in (place - 1, place + 1):
            if closed or 0 <= beside < count:
                system[place, beside % count] += 1 / 6
    if not closed and count > 1:
        for end in (0, -1):
            system[end] = 0
            system[end, end] = 1
    return np.linalg.solve(system, points)


def _six(main: np.ndarray, feather: np.ndarray | None) -> list[list[float] | None]:
    order = (1, 0, 2)
    return [
        *(list(map(float, main[place])) for place in order),
        *([None] * 3 if feather is None else [list(map(float, feather[place])) for place in order]),
    ]


def _path(placed: Placed) -> tuple[int, ...]:
    chain: Sequence[Element] = placed.chain
    return tuple(_position(around, inner) for around, inner in zip(placed.parents, chain[1:]))


def _position(layer: Layer, child: Element) -> int:
    return next(place for place, element in enumerate(layer.children) if element is child)
