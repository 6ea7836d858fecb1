"""One shape at one frame, as the roto JSON wants it: all transforms applied, y up, tangents relative to their point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

from xmem_roto_nuke.roto.feather import with_overall_feather
from xmem_roto_nuke.roto.transform import Matrix, Point, apply, in_single, to_picture
from xmemcore.protocol.roto_values import ALL_FRAMES, BLENDING, FEATHER_TYPES, FRAME_RANGE, FROM_FRAME, ONE_FRAME, TO_FRAME

Triplet = Tuple[Point, Point, Point]
"""A point, and its in and out tangents relative to it."""


@dataclass(frozen=True)
class Kind:
    """What kind of curve a shape is."""

    bspline: bool = False
    """Its points are the vertices of a B-spline, not Bezier triplets."""
    closed: bool = True


def shape_at(shape: Any, parents: Sequence[Any], frame: float, kind: Kind) -> Optional[Dict[str, Any]]:
    """Evaluate a shape.

    Args:
        shape: of nuke.rotopaint.
        parents: its layers from Root inwards.
        frame: at which.
        kind: of curve.

    Returns:
        The JSON of the shape, or None when it does not show at this frame (invisible, opacity 0, out of its lifetime).
    """
    if not is_shown(shape, parents, frame):
        return None
    attributes = shape.getAttributes()
    points, offsets = _triplets(shape, frame)
    if _value(attributes, frame, "fo", 1.0) < 0.5:
        offsets = [((0.0, 0.0), point[1], point[2]) for point in points]
    if kind.bspline:
        points, offsets = _bezier_of_bspline(points, offsets, kind.closed)
    overall = (_value(attributes, frame, "fx", 0.0), _value(attributes, frame, "fy", 0.0))
    if any(overall) and _value(attributes, frame, "fo", 1.0) >= 0.5:
        offsets = with_overall_feather(points, offsets, overall, kind.closed)
    matrix = to_picture(shape, parents, frame)
    content: Dict[str, Any] = {
        "points": [_moved(matrix, (0.0, 0.0), point) for point in points],
        "feather": _feather(matrix, points, offsets),
        "closed": kind.closed,
        "opacity": _opacity(shape, parents, frame),
        "inverted": _value(attributes, frame, "inv", 0.0) >= 0.5,
        "blending": BLENDING[min(max(int(_value(attributes, frame, "bm", 0.0)), 0), len(BLENDING) - 1)],
        "feather_falloff": _value(attributes, frame, "ff", 1.0),
    }
    feather_type = FEATHER_TYPES[min(max(int(_value(attributes, frame, "ft", 0.0)), 0), len(FEATHER_TYPES) - 1)]
    if feather_type != FEATHER_TYPES[0]:
        content["feather_type"] = feather_type
    if not kind.closed:
        width = _value(attributes, frame, "osw", 10.0)
        content["widths"] = [width * _enlargement(matrix, point[0]) for point in points]
    return content


def is_shown(shape: Any, parents: Sequence[Any], frame: float) -> bool:
    """Say whether a shape draws anything at a frame."""
    for element in (*parents, shape):
        if not element.getVisible(frame) or not _lives(element.getAttributes(), frame):
            return False
    return _opacity(shape, parents, frame) > 0.0 and len(shape) > 0


def _opacity(shape: Any, parents: Sequence[Any], frame: float) -> float:
    """Multiply the opacities of a shape and of the layers around it, as the core does."""
    opacity = 1.0
    for element in (*parents, shape):
        opacity *= _value(element.getAttributes(), frame, "opc", 1.0)
    return opacity


def _lives(attributes: Any, frame: float) -> bool:
    kind = int(_value(attributes, frame, "ltt", ALL_FRAMES))
    first, last = _value(attributes, frame, "ltn", 1.0), _value(attributes, frame, "ltm", 1.0)
    if kind == TO_FRAME:
        return frame <= last
    if kind == ONE_FRAME:
        return frame == first
    if kind == FROM_FRAME:
        return frame >= first
    if kind == FRAME_RANGE:
        return first <= frame <= last
    return True


def _value(attributes: Any, frame: float, name: str, default: float) -> float:
    return in_single(attributes.getValue(frame, name)) if name in attributes else default


def _triplets(shape: Any, frame: float) -> Tuple[List[Triplet], List[Triplet]]:
    """Read main points and feather points; a feather point is an offset from its main point."""
    main, feather = [], []
    for point in shape:
        main.append((_at(point.center, frame), _at(point.leftTangent, frame), _at(point.rightTangent, frame)))
        feather.append((_at(point.featherCenter, frame), _at(point.featherLeftTangent, frame), _at(point.featherRightTangent, frame)))
    return main, feather


def _at(control: Any, frame: float) -> Point:
    position = control.getPosition(frame)
    return (in_single(position.x), in_single(position.y))


def _moved(matrix: Matrix, base: Point, triplet: Triplet) -> List[List[float]]:
    """Transform a triplet that sits at `base`; tangents stay relative, so that a perspective bends them rightly."""
    centre = (base[0] + triplet[0][0], base[1] + triplet[0][1])
    placed = apply(matrix, centre)
    moved = [list(placed)]
    for tangent in triplet[1:]:
        end = apply(matrix, (centre[0] + tangent[0], centre[1] + tangent[1]))
        moved.append([end[0] - placed[0], end[1] - placed[1]])
    return moved


def _enlargement(matrix: Matrix, point: Point) -> float:
    """Say by how much lengths grow around a point, the same in all directions for want of better knowledge."""
    step = 1e-3
    here, along, across = (apply(matrix, end) for end in (point, (point[0] + step, point[1]), (point[0], point[1] + step)))
    area = (along[0] - here[0]) * (across[1] - here[1]) - (along[1] - here[1]) * (across[0] - here[0])
    return math.sqrt(abs(area)) / step


def _feather(matrix: Matrix, points: Sequence[Triplet], offsets: Sequence[Triplet]) -> Optional[List[List[List[float]]]]:
    """Give the feather points relative to the main ones; None when the feather curve is the main curve."""
    if all(offset[0] == (0.0, 0.0) and offset[1:] == point[1:] for point, offset in zip(points, offsets)):
        return None
    feather = []
    for point, offset in zip(points, offsets):
        moved = _moved(matrix, point[0], offset)
        main = apply(matrix, point[0])
        feather.append([[moved[0][0] - main[0], moved[0][1] - main[1]], moved[1], moved[2]])
    return feather


def _bezier_of_bspline(points: Sequence[Triplet], offsets: Sequence[Triplet], closed: bool) -> Tuple[List[Triplet], List[Triplet]]:
    """Write a uniform cubic B-spline as Bezier triplets: one per vertex, on the curve."""
    main = _smooth([point[0] for point in points], closed)
    outer = _smooth([(point[0][0] + offset[0][0], point[0][1] + offset[0][1]) for point, offset in zip(points, offsets)], closed)
    relative = [((o[0][0] - m[0][0], o[0][1] - m[0][1]), o[1], o[2]) for m, o in zip(main, outer)]
    return main, relative


def _smooth(vertices: Sequence[Point], closed: bool) -> List[Triplet]:
    """Convert a curve; an open one begins and ends on its outer vertices, whose mirror images continue it."""
    triplets: List[Triplet] = []
    last = len(vertices) - 1
    for index, (x, y) in enumerate(vertices):
        before, after = vertices[index - 1], vertices[index + 1 if index < last else 0]
        if not closed and last > 0:
            if index == 0:
                before = (2 * x - after[0], 2 * y - after[1])
            if index == last:
                after = (2 * x - before[0], 2 * y - before[1])
        centre = ((before[0] + 4 * x + after[0]) / 6, (before[1] + 4 * y + after[1]) / 6)
        slope = ((after[0] - before[0]) / 6, (after[1] - before[1]) / 6)
        triplets.append((centre, (-slope[0], -slope[1]), slope))
    return triplets
