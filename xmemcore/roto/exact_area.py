"""The exact area of each pixel that lies inside closed outlines, counted with sign.

Each edge is cut at pixel borders. A piece that crosses `dy` of a row puts dy into all pixels to its right, and into its
own pixel the share that lies to its right; a running sum along the row does the rest. The result is the integral of
the winding number over each pixel: for an outline that does not cross itself, the covered area, up to sign.
"""

from __future__ import annotations

import numpy as np

PIECES_AT_ONCE = 1 << 20


def signed_area(starts: np.ndarray, ends: np.ndarray, width: int, height: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Integrate the winding number over each pixel.

    Args:
        starts, ends: (N, 2) edges, columns and rows, of closed outlines; they may leave the raster.
        width, height: of the raster.
        weights: (N,) factor of each edge; None: 1.

    Returns:
        (height, width) float64. Turning from x to y counts as positive.
    """
    weights = np.ones(len(starts)) if weights is None else weights
    edges = np.concatenate((starts, ends, weights[:, None]), axis=1)
    edges = edges[edges[:, 1] != edges[:, 3]]
    edges = _within_rows(edges, height)
    for border in (0.0, float(width)):
        edges = _cut(edges, border)
    edges = edges[edges[:, 1] != edges[:, 3]]  # cutting may leave pieces without height
    # Left of the raster an edge acts like one on the border; right of it, on nothing that is kept.
    edges[:, [0, 2]] = np.clip(edges[:, [0, 2]], 0, width)
    stride = width + 2
    sums = np.zeros(height * stride)
    for some in _batches(edges):
        row, at_upper, at_lower, crossed = _pieces_in_rows(some)
        row, column, x, crossed = _pieces_in_pixels(row, at_upper, at_lower, crossed)
        place = row * stride + column
        sums += np.bincount(place, crossed * (1 - x), sums.size)
        sums += np.bincount(place + 1, crossed * x, sums.size)
    return np.cumsum(sums.reshape(height, stride), axis=1)[:, :width]


def _batches(edges: np.ndarray) -> list[np.ndarray]:
    """Split edges so that the pieces of one batch fit into some 100 MB."""
    pieces = np.abs(edges[:, 2] - edges[:, 0]) + np.abs(edges[:, 3] - edges[:, 1]) + 2
    batch = (np.cumsum(pieces) // PIECES_AT_ONCE).astype(np.int64)
    return np.split(edges, np.flatnonzero(np.diff(batch)) + 1)


def _within_rows(edges: np.ndarray, height: int) -> np.ndarray:
    """Cut off what is above and below."""
    x0, y0, x1, y1, weight = edges.T
    slope = (x1 - x0) / (y1 - y0)
    low, high = np.clip(y0, 0, height), np.clip(y1, 0, height)
    has_height = low != high
    return np.stack((x0 + (low - y0) * slope, low, x1 + (high - y1) * slope, high, weight), axis=1)[has_height]


def _cut(edges: np.ndarray, border: float) -> np.ndarray:
    """Cut the edges that cross a column's border in two there."""
    x0, y0, x1, y1, _ = edges.T
    crossing = (x0 - border) * (x1 - border) < 0
    if not crossing.any():
        return edges
    first, second = edges[crossing].copy(), edges[crossing].copy()
    y = y0[crossing] + (border - x0[crossing]) / (x1[crossing] - x0[crossing]) * (y1[crossing] - y0[crossing])
    first[:, 2], first[:, 3], second[:, 0], second[:, 1] = border, y, border, y
    return np.concatenate((edges[~crossing], first, second))


def _pieces_in_rows(edges: np.ndarray) -> tuple[np.ndarray, ...]:
    """Cut edges at row borders: row, x at the upper and lower end, signed height times weight."""
    x0, y0, x1, y1, weight = edges.T
    top, bottom = np.minimum(y0, y1), np.maximum(y0, y1)
    first = np.floor(top).astype(np.int64)
    edge, row = spread(first, np.ceil(bottom).astype(np.int64) - first)
    upper, lower = np.maximum(top[edge], row), np.minimum(bottom[edge], row + 1)
    slope = ((x1 - x0) / (y1 - y0))[edge]
    anchor_x, anchor_y = x0[edge], y0[edge]
    signed = np.where(y1 > y0, -weight, weight)[edge]
    low, high = np.minimum(x0, x1)[edge], np.maximum(x0, x1)[edge]
    # Rounding must not push a piece over the edge's own end, and so over the raster's border.
    at_upper = np.clip(anchor_x + (upper - anchor_y) * slope, low, high)
    at_lower = np.clip(anchor_x + (lower - anchor_y) * slope, low, high)
    return row, at_upper, at_lower, signed * (lower - upper)


def _pieces_in_pixels(row: np.ndarray, xa: np.ndarray, xb: np.ndarray, height: np.ndarray) -> tuple[np.ndarray, ...]:
    """Cut row pieces at column borders: row, column, mean x within the column, signed height."""
    left, right = np.minimum(xa, xb), np.maximum(xa, xb)
    first = np.floor(left).astype(np.int64)
    piece, column = spread(first, np.maximum(np.ceil(right).astype(np.int64) - first, 1))
    low, high = np.maximum(left[piece], column), np.minimum(right[piece], column + 1)
    span = (right - left)[piece]
    share = np.divide(high - low, span, out=np.ones_like(span), where=span > 0)
    return row[piece], column, (low + high) / 2 - column, height[piece] * share


def spread(first: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Repeat each entry `count` times.

    Args:
        first, count: (N,) whole numbers.

    Returns:
        Two arrays, as long as the sum of `count`: the number of the entry; and `first`, `first + 1`, .. of each entry.
    """
    entry = np.repeat(np.arange(len(first)), count)
    step = np.arange(len(entry)) - np.repeat(np.cumsum(count) - count, count)
    return entry, first[entry] + step
