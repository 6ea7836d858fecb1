"""Rasterise a shape with its feather: the share of each pixel that it covers, within the shape's own box.

The feather is a ramp between main and feather curve. It is drawn as the mean of the outlines on the way from one to the
other, so it runs outwards or inwards, point by point: where the feather curve lies outside, the matte falls from 1 at the
main curve to 0 at the feather curve; where it lies inside, from 1 at the feather curve to 0 at the main curve.
"""

from __future__ import annotations

import math

import numpy as np

from xmemcore.roto.crossings import crosses_itself
from xmemcore.roto.exact_area import signed_area
from xmemcore.roto.flatten import TOLERANCE_PIXELS, at_most, control_polygons, pieces, sample
from xmemcore.roto.grid import EMPTY, Patch, PixelGrid
from xmemcore.roto.scanlines import covered_area
from xmemcore.roto.shapes import EvaluatedShape

FAR_PIXELS = 1e6
"""Coordinates are cut to this range; farther out only an edge's direction matters."""
RESIDUE = 1e-6
"""Largest rounding error of sums that should be 0."""
MAX_LEVELS = 256
DISC_CORNERS = 16
"""Corners of a disc on a point of an open spline's band; bands are thin."""
MAX_BAND_PIECES = 20_000
"""Most pieces in the line of one open spline."""
MAX_LEVEL_POINTS = 1_000_000
"""Points of all outlines of a ramp together; a ramp of a thousand points still has all its levels."""
Box = tuple[int, int, int, int]
"""Column, row, width and height."""


def coverage(shape: EvaluatedShape, grid: PixelGrid) -> Patch:
    """Rasterise one shape, without its opacity, inversion and blending.

    Returns:
        The part of the mask that is not 0. Filled shapes of fewer than 3 points, shapes without area, and shapes whose coordinates are
        not numbers cover nothing.
    """
    if len(shape.points) < 2 or not np.isfinite(shape.points).all():
        return EMPTY
    if not shape.closed:
        return _band(shape, grid)
    feather = shape.feather if shape.feather is not None and np.isfinite(shape.feather).all() else None
    main, outer = _outlines(shape.points, feather, grid)
    if outer is None:
        return _filled(main[None], _box(main, grid))
    reach = float(np.hypot(*(outer - main).T).max())
    # With L outlines a ramp of D pixels is off by at most D / (4 L^2), here 1/256.
    levels = int(np.clip(math.ceil(8 * math.sqrt(reach)), 1, min(MAX_LEVELS, max(MAX_LEVEL_POINTS // max(len(main), 1), 1))))
    places = (np.arange(levels) + 0.5) / levels
    between = main[None] + places[:, None, None] * (outer - main)[None]
    box = _box(np.concatenate((main, outer)), grid)
    ramp = _filled(between, box, np.full(levels, 1 / levels))
    if shape.feather_type == "linear" and shape.feather_falloff == 1:
        return ramp
    # Pixels of an edge that is only antialiased are not bent: there main and feather curve cover the same.
    within = np.abs(_filled(main[None], box).values - _filled(outer[None], box).values)
    bent = profile(ramp.values, shape.feather_type, shape.feather_falloff)
    return Patch(ramp.row, ramp.column, ramp.values + within * (bent - ramp.values))


def profile(values: np.ndarray, feather_type: str, falloff: float) -> np.ndarray:
    """Bend a linear ramp in [0, 1]: first by the falloff's exponent, then eased at 0, at 1, or at both ends.

    The names are Nuke's, which does not document the curves.
    """
    bent = np.power(values, np.float32(max(falloff, 0.0)))
    if feather_type == "smooth0":
        return bent * bent
    if feather_type == "smooth1":
        return bent * (2 - bent)
    if feather_type == "smooth":
        return bent * bent * (3 - 2 * bent)
    return bent


def _outlines(points: np.ndarray, feather: np.ndarray | None, grid: PixelGrid) -> tuple[np.ndarray, np.ndarray | None]:
    """Flatten main and feather curve, at the same parameters: (N, 2) each, columns and rows."""
    segments = _placed(control_polygons(points, closed=True), grid)
    if feather is None:
        return sample(segments, at_most(pieces(segments))), None
    absolute = feather.copy()
    absolute[:, 0] += points[:, 0]
    outer = _placed(control_polygons(absolute, closed=True), grid)
    # In a wide ramp an edge may be placed less exactly, in proportion to the width.
    width = np.hypot(*(outer - segments).transpose(2, 0, 1)).min(axis=1)
    tolerance = TOLERANCE_PIXELS * (1 + width)
    count = at_most(np.maximum(pieces(segments, tolerance), pieces(outer, tolerance)))
    return sample(segments, count), sample(outer, count)


def _placed(points: np.ndarray, grid: PixelGrid) -> np.ndarray:
    return np.clip(grid.place(points), -FAR_PIXELS, FAR_PIXELS)


def _filled(outlines: np.ndarray, box: Box | None, weights: np.ndarray | None = None) -> Patch:
    """Fill outlines (L, N, 2) and sum them up by weight, within a box."""
    if box is None or outlines.shape[1] < 3:
        return EMPTY
    column, row, width, height = box
    local = outlines - (column, row)
    starts, ends = local, np.roll(local, -1, axis=1)
    weights = np.ones(len(outlines)) if weights is None else weights
    tangled = crosses_itself(local)
    area = np.zeros((height, width))
    if not tangled.all():
        # The direction of an outline decides the sign of its area; a feather that turns it inside out changes it.
        turns = np.sign(np.sum(starts[..., 0] * ends[..., 1] - ends[..., 0] * starts[..., 1], axis=1))
        plain = ~tangled
        factors = np.repeat((weights * turns)[plain], outlines.shape[1])
        area += signed_area(starts[plain].reshape(-1, 2), ends[plain].reshape(-1, 2), width, height, factors)
    if tangled.any():
        scanlines = max(8, 128 // int(tangled.sum()))
        area += covered_area(starts[tangled], ends[tangled], width, height, scanlines, weights[tangled])
    return Patch(row, column, _clean(area))


def _band(shape: EvaluatedShape, grid: PixelGrid) -> Patch:
    """Draw an open spline as a band of its width."""
    segments = _placed(control_polygons(shape.points, closed=False), grid)
    count = at_most(pieces(segments), MAX_BAND_PIECES)
    line = np.concatenate((sample(segments, count), segments[-1:, 3]))
    widths = np.full(len(shape.points), 10.0) if shape.widths is None else np.nan_to_num(shape.widths)
    along = np.interp(np.arange(len(line)), np.concatenate(([0], np.cumsum(count))), widths)
    radii = np.clip(along / 2 / math.sqrt(grid.pixel_width * grid.pixel_height), 0, FAR_PIXELS)
    starts, ends = _band_edges(line, radii, grid.width, grid.height)
    box = _box(np.concatenate((starts, ends)), grid) if len(starts) else None
    if box is None:
        return EMPTY
    column, row, width, height = box
    return Patch(row, column, _clean(covered_area((starts - (column, row))[None], (ends - (column, row))[None], width, height)))


def _band_edges(line: np.ndarray, radii: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Surround a line: a quadrilateral for each of its pieces, and a disc on each of its points.

    Args:
        line: (N, 2), columns and rows.
        radii: (N,) half the width at each point.
        width, height: of the raster; outlines that lie beside it are left out.

    Returns:
        Starts and ends (E, 2) of the edges of overlapping closed outlines, all turning the same way.
    """
    along = np.diff(line, axis=0)
    length = np.hypot(along[:, 0], along[:, 1])[:, None]
    across = np.divide(along[:, ::-1] * (-1, 1), length, out=np.zeros_like(along), where=length > 0)
    first, second = across * radii[:-1, None], across * radii[1:, None]
    quads = np.stack((line[:-1] - first, line[1:] - second, line[1:] + second, line[:-1] + first), axis=1)
    angles = np.arange(DISC_CORNERS) * (2 * np.pi / DISC_CORNERS)
    near = np.all((line + radii[:, None] > 0) & (line - radii[:, None] < (width, height)), axis=1)
    discs = line[near, None] + radii[near, None, None] * np.stack((np.cos(angles), np.sin(angles)), axis=1)
    quads = quads[np.all((quads.max(axis=1) > 0) & (quads.min(axis=1) < (width, height)), axis=1)]
    starts = np.concatenate((quads.reshape(-1, 2), discs.reshape(-1, 2)))
    ends = np.concatenate((np.roll(quads, -1, axis=1).reshape(-1, 2), np.roll(discs, -1, axis=1).reshape(-1, 2)))
    return starts, ends


def _box(points: np.ndarray, grid: PixelGrid) -> Box | None:
    """Give the box of what points can cover; None outside the grid."""
    left, top = np.maximum(np.floor(points.min(axis=0)), 0).astype(int)
    right, bottom = np.minimum(np.ceil(points.max(axis=0)), (grid.width, grid.height)).astype(int)
    return (int(left), int(top), int(right - left), int(bottom - top)) if right > left and bottom > top else None


def _clean(area: np.ndarray) -> np.ndarray:
    area[np.abs(area) < RESIDUE] = 0
    return np.clip(area, 0, 1).astype(np.float32)
