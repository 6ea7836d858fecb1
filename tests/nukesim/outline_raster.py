"""Fill outlines: exact area of a pixel that lies inside, splines with feather, brush strokes.

Written apart from the product's rasteriser; that is its use. Row 0 is the bottom.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def fill(points: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """Cover pixels by a closed polygon: float64 (h, w) in [0, 1], the share of each pixel that is inside.

    Each edge adds the area between itself and the right end of the row, signed by its direction; a running sum along the row does the rest.
    Where the outline runs over itself the winding counts, cut at 1.

    Args:
        points: (n, 2), x and y in pixels.
        box: x, y, r, t.
    """
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    if width <= 0 or height <= 0 or len(points) < 3:
        return np.zeros((max(height, 0), max(width, 0)))
    sums = np.zeros((height, width + 2))
    start = np.asarray(points, float) - (x0, y0)
    end = np.roll(start, -1, axis=0)
    for (ax, ay), (bx, by) in zip(start.tolist(), end.tolist()):
        if ay == by:
            continue
        sign = 1.0
        if ay > by:
            ax, ay, bx, by, sign = bx, by, ax, ay, -1.0
        if by <= 0 or ay >= height:
            continue
        slope = (bx - ax) / (by - ay)
        if ay < 0:
            ax, ay = ax - ay * slope, 0.0
        if by > height:
            bx, by = bx - (by - height) * slope, float(height)
        _edge(sums, ax, ay, bx, by, sign, slope, width)
    return np.minimum(np.abs(np.cumsum(sums, axis=1)[:, :width]), 1.0)


def _edge(sums: np.ndarray, ax: float, ay: float, bx: float, by: float, sign: float, slope: float, width: int) -> None:
    """Add one rising edge, row by row."""
    row, x = int(ay), ax
    y = ay
    while y < by:
        top = min(row + 1.0, by)
        next_x = ax + (top - ay) * slope
        _row(sums[row], min(x, next_x), max(x, next_x), sign * (top - y), width)
        x, y = next_x, top
        row += 1


def _row(cells: np.ndarray, left: float, right: float, rise: float, width: int) -> None:
    """Spread a piece of an edge, from left to right within one row, so that the running sum is the area to its right."""
    if right <= 0:
        cells[0] += rise
        return
    if left >= width:
        return
    if left < 0 or right > width:
        span = right - left
        if left < 0:
            cells[0] += rise * (-left) / span
        inside = min(right, float(width)) - max(left, 0.0)
        rise *= inside / span
        left, right = max(left, 0.0), min(right, float(width))
        if inside <= 0:
            return
    first, last = int(left), min(int(right), width - 1)
    if first >= width:
        return
    if first == last:
        share = 1 - ((left + right) / 2 - first)
        cells[first] += rise * share
        cells[first + 1] += rise * (1 - share)
        return
    per = rise / (right - left)
    for cell in range(first, last + 1):
        low, high = max(left, cell), min(right, cell + 1)
        part = per * (high - low)
        share = 1 - ((low + high) / 2 - cell)
        cells[cell] += part * share
        cells[cell + 1] += part * (1 - share)


def flatten(vertices: list[Any], closed: bool, kind: str, steps: int | None = None) -> np.ndarray:
    """Turn vertices [centre, in, out] into a polyline (n, 2).

    Every segment gets the same number of points, so that two curves match point by point.
    """
    array = np.asarray(vertices, float)
    if kind == "bspline":
        return _bspline(array[:, 0], closed, steps or 16)
    starts = range(len(array) if closed else len(array) - 1)
    if steps is None:
        steps = 4
        for i in starts:
            a, b = array[i], array[(i + 1) % len(array)]
            steps = max(steps, int(math.sqrt(np.abs(a[2] - a[0]).sum() + np.abs(b[1] - a[2]).sum() + np.abs(b[0] - b[1]).sum())) + 2)
        steps = min(max(steps, 16), 64)
    t = (np.arange(steps) / steps)[:, None]
    pieces = []
    for i in starts:
        a, b = array[i], array[(i + 1) % len(array)]
        pieces.append((1 - t) ** 3 * a[0] + 3 * (1 - t) ** 2 * t * a[2] + 3 * (1 - t) * t**2 * b[1] + t**3 * b[0])
    if not closed and len(array):
        pieces.append(array[-1:, 0])
    return np.concatenate(pieces) if pieces else array[:, 0]


def _bspline(points: np.ndarray, closed: bool, steps: int) -> np.ndarray:
    """Uniform cubic B-spline over the points."""
    n = len(points)
    if n < 3:
        return points
    t = (np.arange(steps) / steps)[:, None]
    weights = ((1 - t) ** 3 / 6, (3 * t**3 - 6 * t**2 + 4) / 6, (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6, t**3 / 6)
    spans = range(n) if closed else range(n - 3)
    return np.concatenate([sum(w * points[(i + k) % n] for k, w in enumerate(weights)) for i in spans])  # type: ignore[arg-type]


def _spread(line: np.ndarray, dx: float, dy: float) -> np.ndarray:
    """Move a closed polyline outwards by dx and dy."""
    if not dx and not dy:
        return line
    ahead, behind = np.roll(line, -1, 0), np.roll(line, 1, 0)
    direction = ahead - behind
    area = 0.5 * float(np.sum(line[:, 0] * ahead[:, 1] - ahead[:, 0] * line[:, 1]))
    normal = np.stack([direction[:, 1], -direction[:, 0]], 1) * (1 if area > 0 else -1)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    return line + np.divide(normal, length, out=np.zeros_like(normal), where=length > 0) * (dx, dy)


def _soften(alpha: np.ndarray, kind: int, falloff: float) -> np.ndarray:
    """Feather type (0 linear, 1 eases at the inside, 2 at the outside, 3 both) and falloff on a ramp from 1 to 0."""
    if kind == 1:
        alpha = np.sin(alpha * math.pi / 2)
    elif kind == 2:
        alpha = 1 - np.cos(alpha * math.pi / 2)
    elif kind == 3:
        alpha = alpha * alpha * (3 - 2 * alpha)
    return alpha if falloff == 1 or falloff <= 0 else alpha**falloff


def shape_coverage(shape: dict[str, Any], box: tuple[int, int, int, int]) -> np.ndarray:
    """Coverage of a spline with its feather, before opacity: float64 (h, w) in [0, 1].

    The feather is the mean of the outlines between main and feather curve, so a ramp goes from 1 on the inner curve to 0 on the outer.
    """
    total = None
    for sample in shape["samples"]:
        if not shape["closed"]:
            covered = _open_spline(shape, sample, box)
        else:
            main = flatten(sample["main"], True, shape["type"], 32)
            feather = _spread(flatten(sample["feather"], True, shape["type"], 32), *shape["spread"])
            reach = float(np.abs(feather - main).max()) if len(main) else 0.0
            if reach < 1e-6:
                covered = fill(main, box)
            else:
                count = int(min(max(reach * 2, 8), 128))
                ramp = np.zeros((box[3] - box[1], box[2] - box[0]))
                for i in range(count):
                    s = (i + 0.5) / count
                    ramp += fill(main * (1 - s) + feather * s, box)
                covered = _soften(ramp / count, shape["feather_type"], shape["falloff"])
        total = covered if total is None else total + covered
    assert total is not None
    return total / len(shape["samples"])


def _open_spline(shape: dict[str, Any], sample: dict[str, Any], box: tuple[int, int, int, int]) -> np.ndarray:
    """An open spline is a line of its width."""
    line = flatten(sample["main"], False, shape["type"], 16)
    return _line(line, shape["width"] / 2, 1.0, box)


def stroke_coverage(stroke: dict[str, Any], box: tuple[int, int, int, int]) -> np.ndarray:
    """A brush stroke: a line of the brush's size, softer the less hard it is."""
    return _line(np.asarray(stroke["points"], float), stroke["size"] / 2, max(0.0, min(1.0, stroke["hardness"])), box)


def _line(line: np.ndarray, radius: float, hardness: float, box: tuple[int, int, int, int]) -> np.ndarray:
    """Coverage by distance to a polyline."""
    x0, y0, x1, y1 = box
    yy, xx = np.mgrid[y0:y1, x0:x1] + 0.5
    best = np.full(xx.shape, np.inf)
    if len(line) == 1:
        line = np.repeat(line, 2, axis=0)
    for (ax, ay), (bx, by) in zip(line[:-1].tolist(), line[1:].tolist()):
        dx, dy = bx - ax, by - ay
        length = dx * dx + dy * dy
        t = np.clip(((xx - ax) * dx + (yy - ay) * dy) / length, 0, 1) if length else 0.0
        best = np.minimum(best, (xx - ax - t * dx) ** 2 + (yy - ay - t * dy) ** 2)
    ramp = max(1.0, radius * (1 - hardness))
    return np.clip((radius + 0.5 - np.sqrt(best)) / ramp, 0, 1)


def extent(shape: dict[str, Any]) -> tuple[int, int, int, int]:
    """Box that holds a shape."""
    if shape["kind"] == "stroke":
        points, margin = np.asarray(shape["points"], float), shape["size"] / 2 + 1
    else:
        points = np.concatenate(
            [np.asarray(sample[name], float).reshape(-1, 2) for sample in shape["samples"] for name in ("main", "feather")]
        )
        margin = max(abs(v) for v in shape["spread"]) + (shape["width"] / 2 + 1 if not shape["closed"] else 1)
    low, high = points.min(0) - margin, points.max(0) + margin
    return (int(math.floor(low[0])), int(math.floor(low[1])), int(math.ceil(high[0])), int(math.ceil(high[1])))
