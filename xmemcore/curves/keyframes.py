"""Find the frames on which the artist drew an object: those where a point is keyed.

A keyed transform counts too, from two keys of a family (translation, rotation, scale, skew, matrix) on, because Nuke itself keys each
family once when a shape is made; and unless it is baked: keys on more than half of the frames that it spans were made by a tracker, not
by an eye. Keys of visibility, opacity and the like say when, not where, and never count; neither do expressions. A key between two
frames counts for the nearest.
"""

from __future__ import annotations

from typing import Iterable, Set, Tuple

from xmemcore.curves.tree import MATRIX, ROTATION, SCALE, SKEW, TRANSLATION, ControlCurve, Element, Placed

FAMILIES = (tuple(TRANSLATION[:2]), (ROTATION[2],), tuple(SCALE[:2]), tuple(SKEW), tuple(MATRIX))
"""Places of a transform whose keys go together; the pivot moves nothing, and what turns out of the picture's plane is not honoured."""


def keyframes(placed: Iterable[Placed]) -> Tuple[int, ...]:
    """List the frames on which any of an object's shapes is keyed; keyed transforms of the layers around them count."""
    times: Set[int] = set()
    for shape in placed:
        for curve in (shape.shape.main, shape.shape.feather):
            if curve is not None:
                times |= _point_times(curve)
        for element in shape.chain:
            times |= _transform_times(element)
    return tuple(sorted(times))


def is_baked(frames: Set[int]) -> bool:
    """Say whether keys sit on more than half of the frames that they span; one or two keys are never a bake."""
    return len(frames) > 2 and len(frames) > (max(frames) - min(frames) + 1) / 2


def _point_times(curve: ControlCurve) -> Set[int]:
    # Nuke gives every point of a curve the same keys; a curve whose points are all expressions has none.
    if curve.key_times:
        drawn = curve.plain or any(number.expression is None for point in curve.points for number in (point.x, point.y))
        return {round(time) for time in curve.key_times} if drawn else set()
    return {round(time) for point in curve.points for number in (point.x, point.y) for time in number.key_times}


def _transform_times(element: Element) -> Set[int]:
    counted: Set[int] = set()
    for family in FAMILIES:
        curves = [element.transform[place] for place in family if place < len(element.transform)]
        times = {round(time) for curve in curves for time in curve.key_times}
        if len(times) > 1 and not is_baked(times):
            counted |= times
    return counted
