"""On which frames the artist keyed an object.

Frames where a point, visibility or opacity is keyed; a keyed transform too, unless it is baked: keys on more than half
of the frames that it spans were made by a tracker, not by an eye. Expressions never count. A key between two frames
counts for the nearest.
"""

from __future__ import annotations

from collections.abc import Iterable

from xmemcore.roto.attributes import KEYED
from xmemcore.roto.transform import counted_curves
from xmemcore.roto.tree import ControlCurve, Element, Placed


def keyframes(placed: Iterable[Placed]) -> tuple[int, ...]:
    """List the frames on which any of an object's shapes is keyed; keys of the layers around them count."""
    times: set[int] = set()
    for one in placed:
        for curve in (one.shape.main, one.shape.feather):
            if curve is not None:
                times |= _point_times(curve)
        for element in (*one.parents, one.shape):
            times |= _attribute_times(element) | _transform_times(element)
    return tuple(sorted(times))


def is_baked(frames: set[int]) -> bool:
    """Say whether keys sit on more than half of the frames that they span; one or two keys are never a bake."""
    return len(frames) > 2 and len(frames) > (max(frames) - min(frames) + 1) / 2


def _point_times(curve: ControlCurve) -> set[int]:
    # Nuke gives every point of a curve the same keys; a curve whose points are all expressions has none.
    if not any(number.expression is None for point in curve.points for number in (point.x, point.y)):
        return set()
    times = {round(time) for time in curve.key_times}
    for point in curve.points:
        if not curve.key_times:
            times |= {round(time) for number in (point.x, point.y) for time in number.key_times}
    return times


def _attribute_times(element: Element) -> set[int]:
    return {round(time) for name in KEYED if name in element.attributes for time in element.attributes[name].key_times}


def _transform_times(element: Element) -> set[int]:
    times = {round(time) for curve in counted_curves(element) for time in curve.key_times}
    return set() if is_baked(times) else times
