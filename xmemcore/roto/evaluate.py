"""A shape of the tree at a frame: points and attributes evaluated, all transforms applied."""

from __future__ import annotations

import numpy as np

from xmemcore.curves.attributes import is_shown, named, opacity, value
from xmemcore.curves.tree import BSPLINE, ControlCurve, Placed
from xmemcore.protocol.roto_values import BLENDING, FEATHER_TYPES
from xmemcore.roto.bspline import bezier_triplets
from xmemcore.roto.overall_feather import with_overall_feather
from xmemcore.roto.shapes import EvaluatedShape
from xmemcore.roto.transform import apply, to_picture


def shape_at(placed: Placed, frame: float) -> EvaluatedShape | None:
    """Evaluate a shape.

    Returns:
        None where it does not show: invisible, opacity 0, or out of its lifetime; the layers around it count too.
    """
    if not is_shown(placed, frame):
        return None
    shape = placed.shape
    points, feather = _local(placed, frame)
    whole = to_picture(placed, frame)
    return EvaluatedShape(
        points=_moved(whole, np.zeros_like(points[:, 0]), points),
        feather=_moved_feather(whole, points, feather),
        closed=shape.closed,
        opacity=opacity(placed, frame),
        inverted=value(shape, "inv", frame) >= 0.5,
        blending=named(BLENDING, value(shape, "bm", frame)),
        feather_falloff=value(shape, "ff", frame),
        feather_type=named(FEATHER_TYPES, value(shape, "ft", frame)),
        widths=None if shape.closed else _widths(placed, whole, points[:, 0], frame),
    )


def _local(placed: Placed, frame: float) -> tuple[np.ndarray, np.ndarray]:
    """Give main points and feather offsets as Bezier triplets (N, 3, 2), in the shape's own coordinates."""
    shape = placed.shape
    spline = shape.kind == BSPLINE
    points = _triplets(shape.main, frame, spline)
    feathers = value(shape, "fo", frame) >= 0.5
    if feathers and shape.feather is not None:
        feather = _triplets(shape.feather, frame, spline)
    else:
        feather = points.copy()
        feather[:, 0] = 0
    if spline:
        outer = bezier_triplets(points[:, 0] + feather[:, 0], shape.closed)
        points = bezier_triplets(points[:, 0], shape.closed)
        feather = outer.copy()
        feather[:, 0] -= points[:, 0]
    overall = np.array([value(shape, "fx", frame), value(shape, "fy", frame)])
    if feathers and overall.any():
        feather = with_overall_feather(points, feather, overall, shape.closed)
    return points, feather


def _triplets(curve: ControlCurve, frame: float, spline: bool) -> np.ndarray:
    """Evaluate a curve's points: point, in tangent, out tangent."""
    flat = np.array([(point.x.at(frame), point.y.at(frame)) for point in curve.points], dtype=np.float64).reshape(-1, 2)
    if spline:
        return np.stack((flat, np.zeros_like(flat), np.zeros_like(flat)), axis=1)
    # Nuke writes in tangent, point, out tangent.
    return flat.reshape(-1, 3, 2)[:, [1, 0, 2]]


def _moved(whole: np.ndarray, base: np.ndarray, triplets: np.ndarray) -> np.ndarray:
    """Transform triplets whose points are relative to `base`; tangents stay relative to their moved point."""
    centres = base + triplets[:, 0]
    moved = apply(whole, np.stack((centres, centres + triplets[:, 1], centres + triplets[:, 2]), axis=1))
    with np.errstate(invalid="ignore"):
        moved[:, 1:] -= moved[:, :1]
    return moved


def _moved_feather(whole: np.ndarray, points: np.ndarray, feather: np.ndarray) -> np.ndarray | None:
    """Transform feather points, relative to the main ones before and after; None when they lie on the main curve."""
    if not feather[:, 0].any() and np.array_equal(feather[:, 1:], points[:, 1:]):
        return None
    moved = _moved(whole, points[:, 0], feather)
    moved[:, 0] -= apply(whole, points[:, 0])
    return moved


def _widths(placed: Placed, whole: np.ndarray, centres: np.ndarray, frame: float) -> np.ndarray:
    """Give an open spline's width at each point, in pixels of the picture."""
    own = value(placed.shape, "osw", frame)
    stride = 1 if placed.shape.kind == BSPLINE else 3
    middle = placed.shape.main.points[(stride - 1) // 2 :: stride]
    widths = np.array([point.attributes["osw"].at(frame) if "osw" in point.attributes else own for point in middle])
    # How much the transform enlarges lengths around each point, taken as equal in all directions.
    step = 1e-3
    here = apply(whole, centres)
    along = (apply(whole, centres + [step, 0]) - here) / step
    across = (apply(whole, centres + [0, step]) - here) / step
    return widths * np.sqrt(np.abs(along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0]))
