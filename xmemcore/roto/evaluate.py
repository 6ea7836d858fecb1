"""A shape of the tree at a frame: points and attributes evaluated, all transforms applied."""

from __future__ import annotations

import numpy as np

from xmemcore.curves.attributes import is_shown, named, opacity, value
from xmemcore.curves.tree import BSPLINE, ControlCurve, Placed
from xmemcore.protocol.roto_values import BLENDING, FEATHER_TYPES
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
        outer = _bezier_triplets(points[:, 0] + feather[:, 0], shape.closed)
        points = _bezier_triplets(points[:, 0], shape.closed)
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
    of_shape = value(placed.shape, "osw", frame)
    stride = placed.shape.stride
    middle = placed.shape.main.points[stride // 2 :: stride]
    widths = np.array([point.attributes["osw"].at(frame) if "osw" in point.attributes else of_shape for point in middle])
    # How much the transform enlarges lengths around each point, taken as equal in all directions.
    step = 1e-3
    moved = apply(whole, centres)
    along = (apply(whole, centres + [step, 0]) - moved) / step
    across = (apply(whole, centres + [0, step]) - moved) / step
    return widths * np.sqrt(np.abs(along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0]))


def _bezier_triplets(vertices: np.ndarray, closed: bool) -> np.ndarray:
    """Write a uniform cubic B-spline as Bezier points: the same curve.

    Args:
        vertices: (N, 2).
        closed: joins the ends; an open spline begins and ends on its outer vertices, whose mirror images continue it.

    Returns:
        (N, 3, 2): point, in tangent, out tangent; one for each vertex.
    """
    if len(vertices) == 0:
        return np.zeros((0, 3, 2))
    before, after = np.roll(vertices, 1, axis=0), np.roll(vertices, -1, axis=0)
    if not closed and len(vertices) > 1:
        before[0] = 2 * vertices[0] - vertices[1]
        after[-1] = 2 * vertices[-1] - vertices[-2]
    points = (before + 4 * vertices + after) / 6
    slopes = (after - before) / 6
    return np.stack((points, -slopes, slopes), axis=1)


def with_overall_feather(points: np.ndarray, feather: np.ndarray, overall: np.ndarray, closed: bool) -> np.ndarray:
    """Move every feather point by the overall feather, along the outward normal of the main curve; a negative feather moves it inwards.

    Args:
        points: (N, 3, 2) main triplets.
        feather: (N, 3, 2) feather triplets, points relative to the main ones.
        overall: (2,) pixels in x and in y: Nuke's `fx`, `fy`.
        closed: whether the ends are joined.

    Returns:
        (N, 3, 2); tangents stay as they are.
    """
    if len(points) == 0:
        return feather
    centres = points[:, 0]
    before, after = np.roll(centres, 1, axis=0) - centres, np.roll(centres, -1, axis=0) - centres
    if not closed:
        before[0], after[-1] = 0, 0
    # A point without a tangent leaves towards its neighbour.
    arriving = _unit(np.where(points[:, 1].any(axis=1, keepdims=True), points[:, 1], before))
    leaving = _unit(np.where(points[:, 2].any(axis=1, keepdims=True), points[:, 2], after))
    along = _unit(leaving - arriving)
    normals = np.stack((along[:, 1], -along[:, 0]), axis=1)
    following = np.roll(centres, -1, axis=0)
    area = np.sum(centres[:, 0] * following[:, 1] - following[:, 0] * centres[:, 1])
    moved = feather.copy()
    moved[:, 0] += (1.0 if area >= 0 else -1.0) * normals * overall
    return moved


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.hypot(vectors[:, 0], vectors[:, 1])[:, None]
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
