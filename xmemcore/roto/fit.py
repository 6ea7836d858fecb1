"""Move an artist's own shapes onto a matte: the same points, the outline where the matte's edge is.

Each outline is sampled. From every sample the matte's edge is looked for along the outline's normal, near to far, and the
control points are moved so that the samples come to lie on it. A stiffness makes neighbours move together, so that points slide
little along the edge, and points without an edge move with those that have one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from xmemcore.roto.bridge import EDGE, bridged
from xmemcore.roto.coverage import coverage
from xmemcore.roto.flatten import control_polygons
from xmemcore.roto.grid import PixelGrid
from xmemcore.roto.shapes import EvaluatedShape

SAMPLES_PER_SEGMENT = 12
ROUNDS = 14
OPEN_SHARE = 0.25
"""Share of a hole's pixels that a matte must leave open, or the hole is closed there."""
SPECK = 0.05
"""Size of a closed hole beside its own."""
REACH_SHARE = 0.15
"""Share of the object's extent within which an outline's edge is looked for at first; less in every round."""
LEAST_REACH_PIXELS = 3.0
ADDING = frozenset({"over", "max", "screen", "plus"})
"""Blending modes in which what a shape covers is covered."""
CUTTING = frozenset({"minus", "from", "difference", "exclusion"})
"""Blending modes in which a shape cuts a hole into what is below; of modes that do neither an edge of either kind is taken."""
STIFFNESS = 0.3
"""Weight of a neighbour's movement beside one sample's distance to the edge, at last; stiffer at first."""
LOST_WEIGHT = 0.2
"""Weight of the nearest edge for a sample that finds none along its normal; an edge found there weighs 1."""
BORDER = 2.0
"""Pixels from the picture's border within which an outline need not follow an edge."""
SMOOTH_DEGREES = 5.0
"""In and out tangents that are straight to within this stay straight."""


def fit(
    shapes: Sequence[EvaluatedShape], matte: np.ndarray, grid: PixelGrid, reach_share: float = REACH_SHARE
) -> tuple[EvaluatedShape, ...]:
    """Move shapes so that together they cover what a matte covers.

    Args:
        shapes: of one object, from bottom to top, near their place already (see `moved`). Picture coordinates.
        matte: (H, W) of the grid, in [0, 1].
        grid: where the matte's pixels lie in the picture.
        reach_share: of the object's extent, how far from an outline its edge is looked for at first.

    Returns:
        The same shapes with as many points each, in the same order. Corners stay corners, straight tangents stay straight, a
        tangent of length 0 stays so; feather, opacity and the rest go along. A matte without an edge leaves them as they are. Over what
        parts a matte in more pieces than there are shapes they go across.
    """
    if not (matte >= EDGE).any():
        return tuple(shapes)
    outlines = [_Outline(shape, grid) for shape in shapes]
    matte = whole(matte, shapes)
    smooth = cv2.GaussianBlur(np.ascontiguousarray(matte, np.float32), (0, 0), 0.7)
    nearest = _Nearest(smooth)
    extent = float(np.sqrt((matte >= EDGE).sum()))
    for number in range(ROUNDS):
        rest = 1 - number / (ROUNDS - 1)
        reach = max(reach_share * extent * rest * rest, LEAST_REACH_PIXELS)
        for place, outline in enumerate(outlines):
            covered = _covered_by(outlines[:place] + outlines[place + 1 :], matte.shape)
            seen = _within(smooth, covered) if outline.cuts and covered is not None else smooth
            outline.approach(seen, covered, nearest, reach, STIFFNESS * (1 + 200 * rest**3))
    return tuple(outline.shape() for outline in outlines)


def whole(matte: np.ndarray, shapes: Sequence[EvaluatedShape]) -> np.ndarray:
    """Give a matte (H, W) as shapes can cover it: joined where it has more pieces than there are shapes that cover something."""
    return bridged(matte, sum(_adds(shape) for shape in shapes))


def without_closed_holes(shapes: Sequence[EvaluatedShape], matte: np.ndarray, grid: PixelGrid) -> tuple[EvaluatedShape, ...]:
    """Draw the holes together that a matte does not show: shapes that cut, and lie where the matte is the object's.

    Such a hole becomes a speck in its middle with all its points, so that it opens again towards a key on which it is open.

    Args:
        shapes: fitted, from bottom to top.
        matte: (H, W) of the grid, in [0, 1].
        grid: where the matte's pixels lie in the picture.
    """
    result = []
    for shape in shapes:
        if _cuts(shape):
            hole = coverage(replace(shape.hard(), blending="over"), grid)
            own = hole.values >= 0.5
            if own.any() and (matte[hole.place()][own] < EDGE).mean() < OPEN_SHARE:
                middle = shape.points[:, 0].mean(axis=0)
                shape = moved(shape, middle + SPECK * (shape.points[:, 0] - middle))
        result.append(shape)
    return tuple(result)


def moved(shape: EvaluatedShape, centres: np.ndarray) -> EvaluatedShape:
    """Move a shape's points; tangents and feather turn and grow with their neighbourhood.

    Args:
        shape: (N points).
        centres: (N, 2), where they are to be.
    """
    turns = _turns(shape.points[:, 0], centres, shape.closed)
    points = np.concatenate((centres[:, None], _turned(shape.points[:, 1:], turns)), axis=1)
    feather = None if shape.feather is None else _turned(shape.feather, turns)
    return replace(shape, points=points, feather=feather)


class _Outline:
    """One shape while it is moved; columns and rows of the matte."""

    def __init__(self, shape: EvaluatedShape, grid: PixelGrid) -> None:
        self._origin = shape
        self._grid = grid
        self._scale = np.array([grid.pixel_width, -grid.pixel_height])
        self._centres = grid.place(shape.points[:, 0])
        self._tangents = shape.points[:, 1:] / self._scale
        self._first = self._centres.copy(), self._tangents.copy()
        self._basis = _basis(len(shape.points), shape.closed)
        self._straight = _straight(self._tangents)
        self.adds = _adds(shape)
        self.cuts = _cuts(shape)

    def polyline(self) -> np.ndarray:
        """Give the samples, (S, 2)."""
        polygons = control_polygons(np.concatenate((self._centres[:, None], self._tangents), axis=1), self._origin.closed)
        return np.einsum("sk,pkd->psd", _bernstein(), polygons).reshape(-1, 2)

    def approach(self, matte: np.ndarray, covered: np.ndarray | None, nearest: _Nearest, reach: float, stiffness: float) -> None:
        """Move once towards the edges within reach, in pixels. Samples that have lost their edge move towards the nearest edge anywhere."""
        if len(self._centres) < 2:
            return
        samples = self.polyline()
        normals = _normals(samples, self._origin.closed)
        distance, found = self._edges(samples, normals, matte, covered, reach)
        if found.sum() < 2:
            return
        # The unknowns are the points' moves; a tangent goes along with its point and, below, turns with the neighbourhood.
        rows = self._basis[found]  # (F, N)
        normal = normals[found]
        weight = 1 / (1 + (distance[found] / reach) ** 2)
        count = len(self._centres)
        system = np.zeros((2 * count, 2 * count))
        right = np.zeros(2 * count)
        along = np.concatenate((rows * normal[:, :1], rows * normal[:, 1:]), axis=1)  # (F, 2N)
        system += along.T @ (along * weight[:, None])
        right += along.T @ (weight * distance[found])
        lost = ~found & nearest.inside(samples)
        if covered is not None:
            lost &= _sampled(covered, samples) < EDGE
        if self.adds and lost.any():
            rows, way = LOST_WEIGHT * self._basis[lost], nearest.way(samples[lost])
            for axis in (0, 1):
                part = slice(axis * count, (axis + 1) * count)
                system[part, part] += rows.T @ self._basis[lost]
                right[part] += rows.T @ way[:, axis]
        keep = stiffness * _stiffness(count, self._origin.closed) + 1e-3 * np.eye(count)
        system[:count, :count] += keep
        system[count:, count:] += keep
        move = np.linalg.solve(system, right).reshape(2, count).T
        self._centres = self._centres + move
        turned = _turned(self._first[1], _turns(self._first[0], self._centres, self._origin.closed))
        self._tangents = self._bent(turned, matte, covered, reach) if stiffness < 2 * STIFFNESS else turned

    def _bent(self, tangents: np.ndarray, matte: np.ndarray, covered: np.ndarray | None, reach: float) -> np.ndarray:
        """Let each tangent grow or shrink, and straight ones turn, as far as the edge between the points asks for it."""
        self._tangents = tangents
        samples = self.polyline()
        normals = _normals(samples, self._origin.closed)
        distance, found = self._edges(samples, normals, matte, covered, reach)
        if found.sum() < 2:
            return tangents
        count = len(tangents)
        basis = _tangent_basis(count, self._origin.closed)[found]  # (F, 2N)
        lengths = np.hypot(*np.moveaxis(tangents, -1, 0)).reshape(-1)
        free = lengths > 1e-6
        along = np.concatenate((basis * normals[found, :1], basis * normals[found, 1:]), axis=1)
        stiffness = 0.5 + 1e6 * ~free
        system = along.T @ along + np.diag(np.concatenate((stiffness, stiffness)))
        move = np.linalg.solve(system, along.T @ distance[found]).reshape(2, -1).T
        # Half its length at most: a handle must not turn over for the sake of a few pixels.
        size = np.hypot(*move.T)
        move *= np.minimum(1, 0.5 * lengths / np.maximum(size, 1e-9))[:, None]
        return _straightened((tangents.reshape(-1, 2) + move).reshape(tangents.shape), self._straight)

    def _edges(
        self, samples: np.ndarray, normals: np.ndarray, matte: np.ndarray, covered: np.ndarray | None, reach: float
    ) -> tuple[np.ndarray, np.ndarray]:
        # A rim of a few pixels has an edge on either side: a hole's own is the one where the matte falls inwards.
        inward = _inward(samples, normals) * (-1 if self.cuts else 1) if self.adds or self.cuts else None
        distance, found = _edge_along(matte, samples, normals, reach, inward)
        if covered is not None and self.adds:
            found &= _sampled(covered, samples) < EDGE
        return distance, found

    def shape(self) -> EvaluatedShape:
        """Give the shape where it is now, in picture coordinates."""
        grid = self._grid
        centres = np.stack(
            (grid.left + self._centres[:, 0] * grid.pixel_width, grid.bottom + (grid.height - self._centres[:, 1]) * grid.pixel_height),
            axis=1,
        )
        carried = moved(self._origin, centres)
        points = np.concatenate((centres[:, None], self._tangents * self._scale), axis=1)
        return replace(carried, points=points)


class _Nearest:
    """The edge of a matte that is nearest to a place."""

    def __init__(self, matte: np.ndarray) -> None:
        """Find the pixels that lie on the edge of (H, W)."""
        inside = (matte >= EDGE).astype(np.uint8)
        edge = inside - cv2.erode(inside, np.ones((3, 3), np.uint8), borderValue=1)
        _, self._labels = cv2.distanceTransformWithLabels(1 - edge, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
        rows, columns = np.nonzero(edge)
        self._places = np.zeros((int(self._labels.max()) + 1, 2))
        self._places[self._labels[rows, columns]] = np.stack((columns, rows), axis=1) + 0.5
        self._any = bool(len(rows))

    def inside(self, samples: np.ndarray) -> np.ndarray:
        """Say which places (S, 2) lie in the picture, away from its border: (S,); an object that is cut off has no edge there."""
        height, width = self._labels.shape
        x, y = samples.T
        return self._any & (x > BORDER) & (x < width - BORDER) & (y > BORDER) & (y < height - BORDER)

    def way(self, samples: np.ndarray) -> np.ndarray:
        """Give the way to the nearest edge from places in the picture, (S, 2)."""
        columns, rows = samples.astype(int).T
        return self._places[self._labels[rows, columns]] - samples


def _adds(shape: EvaluatedShape) -> bool:
    return shape.closed and not shape.inverted and shape.blending in ADDING


def _cuts(shape: EvaluatedShape) -> bool:
    return shape.closed and not shape.inverted and shape.blending in CUTTING


def _within(matte: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Give a matte as a hole sees it: what lies outside of the shapes that it is cut into is no hole, nor is the rim of their outline."""
    return np.maximum(matte, 1 - cv2.erode(covered, np.ones((3, 3), np.uint8), borderValue=1.0))


def _covered_by(others: Sequence[_Outline], size: tuple[int, int]) -> np.ndarray | None:
    """Draw what other shapes of the object cover: an outline in there is no edge of the matte."""
    if not others:
        return None
    whole = np.zeros(size, np.float32)
    plain = PixelGrid(size[1], size[0])
    for other in others:
        if not other.adds:
            continue
        line = other.polyline()
        flat = np.zeros((len(line), 3, 2))
        flat[:, 0] = line * [1, -1] + [0, size[0]]
        patch = coverage(EvaluatedShape(flat), plain)
        whole[patch.place()] = np.maximum(whole[patch.place()], patch.values)
    return whole


def _edge_along(
    matte: np.ndarray, samples: np.ndarray, normals: np.ndarray, reach: float, inward: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest edge from each sample along its normal.

    Args:
        inward: (S,) 1 where the normal points to the side on which the matte is to be covered, -1 where away from it; None: an edge of
            either kind will do.

    Returns:
        Signed distances (S,) in pixels, and which samples found one (S,).
    """
    step = 0.5
    offsets = np.arange(-np.ceil(reach / step), np.ceil(reach / step) + 1) * step
    values = _sampled(matte, samples[:, None] + offsets[None, :, None] * normals[:, None]) - EDGE  # (S, T)
    before, after = values[:, :-1], values[:, 1:]
    rising, falling = (before < 0) & (after >= 0), (before >= 0) & (after < 0)
    if inward is None:
        crosses = rising | falling
    else:
        # Along a normal that points inwards the matte rises at its edge.
        crosses = np.where(inward[:, None] > 0, rising, falling)
    share = np.divide(before, before - after, out=np.zeros_like(before), where=before != after)
    distance = offsets[None, :-1] + step * share
    far = np.where(crosses, np.abs(distance), np.inf)
    nearest = far.argmin(axis=1)
    rows = np.arange(len(samples))
    return np.where(np.isfinite(far[rows, nearest]), distance[rows, nearest], 0.0), np.isfinite(far[rows, nearest])


def _sampled(plane: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Read a plane between its pixels; what is outside repeats the border, so that a cut-off object has no edge there."""
    flat = places.reshape(-1, 2).astype(np.float32) - np.float32(0.5)
    # OpenCV's remap holds at most 32767 rows and columns; a column of points is cut into a block.
    width = min(len(flat), 4096)
    height = -(-len(flat) // width)
    padded = np.zeros((height * width, 2), np.float32)
    padded[: len(flat)] = flat
    block = padded.reshape(height, width, 2)
    values = cv2.remap(plane, block[..., 0], block[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return values.reshape(-1)[: len(flat)].reshape(places.shape[:-1])


def _normals(samples: np.ndarray, closed: bool) -> np.ndarray:
    """Give a unit vector across the outline at each sample."""
    if closed:
        along = np.roll(samples, -1, axis=0) - np.roll(samples, 1, axis=0)
    else:
        along = np.gradient(samples, axis=0)
    across = np.stack((-along[:, 1], along[:, 0]), axis=1)
    return across / np.maximum(np.hypot(*across.T), 1e-9)[:, None]


def _inward(samples: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Say on which side of its normal the inside of a closed outline lies: by the sign of its area."""
    x, y = samples.T
    area = float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
    return np.full(len(normals), 1.0 if area > 0 else -1.0)


def _bernstein() -> np.ndarray:
    """Give (samples, 4): how much each control point counts at each sample of a segment."""
    t = np.arange(SAMPLES_PER_SEGMENT) / SAMPLES_PER_SEGMENT
    s = 1 - t
    return np.stack((s**3, 3 * s * s * t, 3 * s * t * t, t**3), axis=1)


def _basis(count: int, closed: bool) -> np.ndarray:
    """Give (S, N): how far each sample goes when each point moves by one, with its tangents."""
    weights = _bernstein()
    segments = count if closed else count - 1
    basis = np.zeros((segments * SAMPLES_PER_SEGMENT, count))
    for segment in range(segments):
        rows = slice(segment * SAMPLES_PER_SEGMENT, (segment + 1) * SAMPLES_PER_SEGMENT)
        basis[rows, segment] += weights[:, 0] + weights[:, 1]
        basis[rows, (segment + 1) % count] += weights[:, 2] + weights[:, 3]
    return basis


def _tangent_basis(count: int, closed: bool) -> np.ndarray:
    """Give (S, 2N): how far each sample goes when each tangent's end moves by one; in and out of a point in turn."""
    weights = _bernstein()
    segments = count if closed else count - 1
    basis = np.zeros((segments * SAMPLES_PER_SEGMENT, 2 * count))
    for segment in range(segments):
        rows = slice(segment * SAMPLES_PER_SEGMENT, (segment + 1) * SAMPLES_PER_SEGMENT)
        basis[rows, 2 * segment + 1] += weights[:, 1]
        basis[rows, 2 * ((segment + 1) % count)] += weights[:, 2]
    return basis


def _stiffness(count: int, closed: bool) -> np.ndarray:
    """Give the (N, N) form whose value is the sum of squared differences between neighbours' moves."""
    form = np.zeros((count, count))
    for first in range(count if closed else count - 1):
        second = (first + 1) % count
        form[first, first] += 1
        form[second, second] += 1
        form[first, second] -= 1
        form[second, first] -= 1
    return form


def _turns(before: np.ndarray, after: np.ndarray, closed: bool) -> np.ndarray:
    """Say how the neighbourhood of each point turned and grew: (N, 2, 2), a rotation times a scale, least squares.

    A neighbourhood is the point and the one on either side of it; of fewer than three points it is the whole shape.
    """
    count = len(before)
    if count < 3:
        near = np.tile(np.arange(count), (count, 1))
    else:
        near = np.arange(count)[:, None] + np.array([-1, 0, 1])
        near = near % count if closed else np.clip(near, 0, count - 1)
    a, b = before[near], after[near]  # (N, M, 2)
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    size = (a * a).sum(axis=(1, 2))
    known = size > 1e-12
    size = np.where(known, size, 1.0)
    real = np.where(known, (a * b).sum(axis=(1, 2)) / size, 1.0)
    imaginary = np.where(known, (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]).sum(axis=1) / size, 0.0)
    return np.stack((np.stack((real, -imaginary), axis=1), np.stack((imaginary, real), axis=1)), axis=1)


def _turned(vectors: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Turn (N, M, 2) vectors, each point's by its own matrix."""
    return np.einsum("nij,nmj->nmi", turns, vectors)


def _straight(tangents: np.ndarray) -> np.ndarray:
    """Say which points are smooth: both tangents have a length, and point in opposite directions."""
    first, second = tangents[:, 0], tangents[:, 1]
    lengths = np.hypot(*first.T) * np.hypot(*second.T)
    cosine = -(first * second).sum(axis=1) / np.maximum(lengths, 1e-12)
    return (lengths > 1e-9) & (cosine > np.cos(np.radians(SMOOTH_DEGREES)))


def _straightened(tangents: np.ndarray, straight: np.ndarray) -> np.ndarray:
    """Give smooth points one direction again; each tangent keeps its length."""
    result = tangents.copy()
    direction = tangents[straight, 1] - tangents[straight, 0]
    direction /= np.maximum(np.hypot(*direction.T), 1e-9)[:, None]
    lengths = np.hypot(*np.moveaxis(tangents[straight], -1, 0))
    result[straight, 0] = -direction * lengths[:, :1]
    result[straight, 1] = direction * lengths[:, 1:]
    return result
