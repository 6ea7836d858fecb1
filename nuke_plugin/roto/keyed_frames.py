"""On which frames an object counts as keyed by the artist.

The frames where a point is keyed. A keyed transform counts too, each of its parts from two keys on, since Nuke
gives a transform that nobody touches one key, where it was made; unless it is baked, that is, has keys on more than half of the frames
that it spans: a tracker made those, not the artist's eye. Expressions never count. Nuke keys at fractional times count
for the frame they are nearest to. Keys of visibility and opacity say when a shape is there, not where it is: they are listed apart.
"""

from __future__ import annotations

from typing import Any, Iterable, List, Sequence, Set

SHOWING_ATTRIBUTES = ("vis", "opc")
"""Visibility and opacity."""


def keyed_frames(shape: Any, parents: Sequence[Any]) -> Set[int]:
    """List the frames on which a shape is drawn.

    Args:
        shape: of nuke.rotopaint.
        parents: its layers from Root inwards; their transforms act on the shape.
    """
    frames: Set[int] = set()
    for point in shape:
        for control in control_points(point):
            frames.update(_frames(_position_keys(control)))
    for element in (*parents, shape):
        frames.update(transform_frames(element.getTransform()))
    return frames


def showing_frames(shape: Any, parents: Sequence[Any]) -> Set[int]:
    """List the frames on which the visibility or opacity of a shape, or of a layer around it, is keyed."""
    return {frame for element in (*parents, shape) for frame in _frames(_attribute_keys(element.getAttributes()))}


def control_points(point: Any) -> List[Any]:
    """Give the six animated positions of a shape's point."""
    return [
        point.center,
        point.leftTangent,
        point.rightTangent,
        point.featherCenter,
        point.featherLeftTangent,
        point.featherRightTangent,
    ]


def transform_frames(transform: Any) -> Set[int]:
    """List the key frames of a transform; none when it is baked."""
    times: Set[float] = set()
    for family in _transform_families(transform):
        keyed = {time for curve in family for time in _curve_keys(curve)}
        if len(keyed) > 1:
            times.update(keyed)
    frames = _frames(times)
    return set() if is_baked(frames) else frames


def is_baked(frames: Iterable[int]) -> bool:
    """Say whether keys sit on more than half of the frames that they span; one or two keys are never a bake."""
    keyed = set(frames)
    return len(keyed) > 2 and len(keyed) > (max(keyed) - min(keyed) + 1) / 2


def _transform_families(transform: Any) -> List[List[Any]]:
    """List the curves of translation, rotation, scale, skew and extra matrix.

    The pivot alone moves nothing, and Nuke keys it by itself when a shape is drawn at a frame: it does not count.
    """
    return [
        [transform.getTranslationAnimCurve(axis) for axis in (0, 1)],
        [transform.getRotationAnimCurve(2)],
        [transform.getScaleAnimCurve(axis) for axis in (0, 1)],
        [transform.getSkewXAnimCurve(2)],
        [transform.getExtraMatrixAnimCurve(row, column) for row in range(4) for column in range(4)],
    ]


def _position_keys(control: Any) -> List[float]:
    curves = [control.getPositionAnimCurve(0), control.getPositionAnimCurve(1)]
    if any(curve.useExpression for curve in curves):
        return [time for curve in curves for time in _curve_keys(curve)]
    return list(control.getControlPointKeyTimes())


def _attribute_keys(attributes: Any) -> List[float]:
    return [time for name in SHOWING_ATTRIBUTES if name in attributes for time in _curve_keys(attributes.getCurve(name))]


def _curve_keys(curve: Any) -> List[float]:
    if curve is None or curve.useExpression:
        return []
    return [curve.getKey(index).time for index in range(curve.getNumberOfKeys())]


def _frames(times: Iterable[float]) -> Set[int]:
    return {round(time) for time in times}
