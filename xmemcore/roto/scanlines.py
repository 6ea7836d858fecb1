"""The area inside outlines that cross themselves or each other: many scanlines a row, exact along each of them.

A point is inside where the winding number is not 0 (so that a loop does not punch a hole into its shape).
Nuke's own rule is not documented.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from xmemcore.roto.exact_area import spread

CROSSINGS_AT_ONCE = 1 << 20
MAX_CROSSINGS = 20_000_000
"""Most crossings of edges with scanlines in one raster. So many take some seconds; a curl of hair at 4K has a tenth of them."""


def covered_area(
    starts: np.ndarray, ends: np.ndarray, width: int, height: int, scanlines: int = 128, weights: np.ndarray | None = None
) -> np.ndarray:
    """Measure the area of each pixel with a winding number other than 0.

    Args:
        starts, ends: (L, N, 2) edges of L outlines, columns and rows; each outline is closed, or a union of closed ones.
        width, height: of the raster.
        scanlines: in each row; the error is at most 1 / (2 scanlines), for an edge along a row.
        weights: (L,) factor of each outline; None: 1.

    Returns:
        (height, width) float64: the weighted sum over the outlines.
    """
    weights = np.ones(len(starts)) if weights is None else weights
    scanlines = _affordable(starts, ends, height, scanlines)
    upper, lower = np.minimum(starts[..., 1], ends[..., 1]), np.maximum(starts[..., 1], ends[..., 1])
    area = np.zeros((height, width))
    # Strips of rows, so that the crossings of one fit into memory.
    strips = max(1, min(height, math.ceil(_crossings(starts, ends, height) * scanlines / CROSSINGS_AT_ONCE)))
    edges = np.linspace(0, height, strips + 1).astype(int)
    for first, stop in zip(edges, edges[1:]):
        if strips == 1:
            area[:] = _strip(starts, ends, upper, lower, width, first, stop, scanlines, weights)
            continue
        crossed = np.any((upper < stop) & (lower > first), axis=0)
        if crossed.any():
            some = (starts[:, crossed], ends[:, crossed], upper[:, crossed], lower[:, crossed])
            area[first:stop] = _strip(*some, width, first, stop, scanlines, weights)
    return area


def _strip(
    starts: np.ndarray,
    ends: np.ndarray,
    upper: np.ndarray,
    lower: np.ndarray,
    width: int,
    first_row: int,
    stop_row: int,
    scanlines: int,
    weights: np.ndarray,
) -> np.ndarray:
    """Measure some rows: (stop_row - first_row, width)."""
    height = stop_row - first_row
    lines = height * scanlines
    # Line k runs through k + 1/2; an edge owns the lines from its upper end on, short of its lower end.
    first = np.clip(np.ceil((upper - first_row) * scanlines - 0.5), 0, lines).astype(np.int64)
    stop = np.clip(np.ceil((lower - first_row) * scanlines - 0.5), 0, lines).astype(np.int64)
    sums = np.zeros(height * (width + 2))
    for batch in _batches((stop - first).sum(axis=1)):
        edge, line = spread(first[batch].reshape(-1), (stop - first)[batch].reshape(-1))
        start, end = starts[batch].reshape(-1, 2)[edge], ends[batch].reshape(-1, 2)[edge]
        share = ((line + 0.5) / scanlines + first_row - start[:, 1]) / (end[:, 1] - start[:, 1])
        x = np.clip(start[:, 0] + share * (end[:, 0] - start[:, 0]), 0, width)
        outline = edge // starts.shape[1]
        border, entered = _borders(outline * lines + line, x, end[:, 1] > start[:, 1], width)
        signed = entered * (weights[batch][outline[border]] / scanlines)
        column = np.minimum(x[border].astype(np.int64), width)
        part = x[border] - column
        place = line[border] // scanlines * (width + 2) + column
        sums += np.bincount(place, signed * (1 - part), sums.size)
        sums += np.bincount(place + 1, signed * part, sums.size)
    return np.cumsum(sums.reshape(height, width + 2), axis=1)[:, :width]


def _crossings(starts: np.ndarray, ends: np.ndarray, height: int) -> float:
    """Count how often edges cross a row."""
    return float(np.abs(np.clip(starts[..., 1], 0, height) - np.clip(ends[..., 1], 0, height)).sum())


def _affordable(starts: np.ndarray, ends: np.ndarray, height: int, scanlines: int) -> int:
    """Take fewer scanlines where edges cross so many rows that it would take many seconds; at least one."""
    most = MAX_CROSSINGS / max(_crossings(starts, ends, height), 1.0)
    return max(1, min(scanlines, int(most)))


def _borders(line: np.ndarray, x: np.ndarray, downwards: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the crossings at which a line enters (1) or leaves (-1) an outline."""
    order = np.argsort(line * (width + 1.0) + x)
    # Along every line the winding number of a closed outline comes back to 0, so one running sum serves all lines.
    inside = (np.cumsum(np.where(downwards, 1, -1)[order]) != 0).astype(np.int8)
    change = np.diff(inside, prepend=np.int8(0))
    return order[change != 0], change[change != 0]


def _batches(crossings: np.ndarray) -> Iterator[slice]:
    """Split outlines into runs of as many as memory likes, at least one."""
    begin = 0
    for stop in range(1, len(crossings) + 1):
        if stop == len(crossings) or crossings[begin : stop + 1].sum() > CROSSINGS_AT_ONCE:
            yield slice(begin, stop)
            begin = stop
