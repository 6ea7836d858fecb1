"""Flatten Bezier curves to polylines so fine that no pixel differs."""

from __future__ import annotations

import numpy as np

TOLERANCE_PIXELS = 0.002
"""Largest distance between curve and polyline: half of 1/255 of a pixel's area along an edge."""
MAX_PIECES = 2048
"""Pieces of one segment; reached only by curves far larger than any picture."""
MAX_OUTLINE_PIECES = 100_000
"""Pieces of one outline; real shapes have some thousands."""


def control_polygons(triplets: np.ndarray, closed: bool) -> np.ndarray:
    """Give the four control points of each segment.

    Args:
        triplets: (N, 3, 2) point, in tangent, out tangent; tangents relative to their point.
        closed: adds the segment from the last point to the first.

    Returns:
        (N or N - 1, 4, 2).
    """
    following = np.roll(triplets, -1, axis=0)
    segments = np.stack((triplets[:, 0], triplets[:, 0] + triplets[:, 2], following[:, 0] + following[:, 1], following[:, 0]), axis=1)
    return segments if closed else segments[:-1]


def pieces(segments: np.ndarray, tolerance: np.ndarray | float = TOLERANCE_PIXELS) -> np.ndarray:
    """Say into how many pieces each segment (S, 4, 2), in pixels, is cut to stay within the tolerance."""
    bend = np.diff(segments, n=2, axis=1)  # (S, 2, 2): a third of a sixth of the second derivative at the ends
    size = np.hypot(bend[..., 0], bend[..., 1]).max(axis=1)
    with np.errstate(over="ignore"):
        return np.clip(np.ceil(np.sqrt(0.75 * size / tolerance)), 1, MAX_PIECES).astype(np.int64)


def at_most(count: np.ndarray, most: int = MAX_OUTLINE_PIECES) -> np.ndarray:
    """Reduce counts of pieces (S,) in proportion, so that they sum up to about `most` where they are more; each keeps at least one."""
    total = int(count.sum())
    return count if total <= most else np.maximum(count * most // total, 1)


def sample(segments: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Evaluate segments at the start of each of their pieces.

    Args:
        segments: (S, 4, 2).
        count: (S,) pieces of each.

    Returns:
        (count.sum(), 2): without the end of the last segment.
    """
    segment = np.repeat(np.arange(len(segments)), count)
    step = np.arange(len(segment)) - np.repeat(np.cumsum(count) - count, count)
    t = (step / count[segment])[:, None]
    a, b, c, d = (segments[segment, i] for i in range(4))
    s = 1 - t
    return s * s * s * a + 3 * s * s * t * b + 3 * s * t * t * c + t * t * t * d
