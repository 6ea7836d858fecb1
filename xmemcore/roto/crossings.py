"""Find closed polylines that cross or touch themselves, many at once."""

from __future__ import annotations

import numpy as np

PAIRS_AT_ONCE = 1 << 21
MAX_PAIRS = 50_000_000
"""Pairs of edges that are compared. Outlines with more count as crossing, which costs time but no correctness."""


def crosses_itself(outlines: np.ndarray) -> np.ndarray:
    """Find the outlines that are not simple.

    Args:
        outlines: (L, N, 2) closed polylines of finite coordinates.

    Returns:
        (L,) bool; true when in doubt (edges that only touch, or lie on each other).
    """
    levels, count, _ = outlines.shape
    starts, ends = outlines.reshape(-1, 2), np.roll(outlines, -1, axis=1).reshape(-1, 2)
    level, index = np.divmod(np.arange(levels * count), count)
    real = np.any(starts != ends, axis=1)
    # Neighbours share a point, which is no crossing; pieces of no length would hide which edges are neighbours.
    rank = np.cumsum(real.reshape(levels, count), axis=1).reshape(-1) - 1
    last = real.reshape(levels, count).sum(axis=1) - 1
    starts, ends, level, index = starts[real], ends[real], level[real], rank[real]
    low, high = np.minimum(starts[:, 1], ends[:, 1]), np.maximum(starts[:, 1], ends[:, 1])
    # Outlines stacked above each other never meet, so that one sweep serves them all.
    shift = level * (2 * (high.max() - low.min() + 1)) if len(low) else level
    order = np.argsort(low + shift, kind="stable")
    starts, ends, level, index = starts[order], ends[order], level[order], index[order]
    low, high = (low + shift)[order], (high + shift)[order]
    left, right = np.minimum(starts[:, 0], ends[:, 0]), np.maximum(starts[:, 0], ends[:, 0])
    overlapping = np.searchsorted(low, high, side="right") - np.arange(len(low)) - 1
    if overlapping.sum() > MAX_PAIRS:
        return np.ones(levels, dtype=bool)
    crossing = np.zeros(levels, dtype=bool)
    begin = 0
    totals = np.cumsum(overlapping)
    while begin < len(low):
        done = totals[begin - 1] if begin else 0
        stop = max(int(np.searchsorted(totals, done + PAIRS_AT_ONCE, side="right")), begin + 1)
        first = np.repeat(np.arange(begin, stop), overlapping[begin:stop])
        other = first + 1 + np.arange(len(first)) - np.repeat(totals[begin:stop] - overlapping[begin:stop] - done, overlapping[begin:stop])
        gap = np.abs(index[first] - index[other])
        candidate = (left[first] <= right[other]) & (left[other] <= right[first]) & (gap != 1) & (gap != last[level[first]])
        first, other = first[candidate], other[candidate]
        crossing[level[first[_meet(starts[first], ends[first], starts[other], ends[other])]]] = True
        begin = stop
    return crossing


def _meet(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Say of pairs of edges ab, cd whose boxes overlap whether they have a point in common."""
    return (_side(a, b, c) * _side(a, b, d) <= 0) & (_side(c, d, a) * _side(c, d, b) <= 0)


def _side(a: np.ndarray, b: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.sign((b[:, 0] - a[:, 0]) * (p[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (p[:, 0] - a[:, 0]))
