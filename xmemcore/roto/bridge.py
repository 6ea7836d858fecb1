"""Close what something in front parts in a matte: one closed outline cannot follow two pieces."""

from __future__ import annotations

import cv2
import numpy as np

EDGE = 0.5
"""Matte value that counts as the outline; a feather's middle, as the network sees masks."""
LEAST_PIECE = 0.01
"""Share of the object's area from which a piece counts; a smaller one is a speck."""
WIDEST_GAP = 0.5
"""Share of the object's extent that a gap may measure; what is farther away is something else."""
SLACK = 1.5
"""How much wider than where it is narrowest a gap may be elsewhere."""


def bridged(matte: np.ndarray, outlines: int) -> np.ndarray:
    """Join the pieces of a matte where it has more of them than outlines are drawn.

    Args:
        matte: (H, W) in [0, 1].
        outlines: closed shapes that cover the object.

    Returns:
        (H, W), the gaps between pieces filled as far as they lie between these; `matte` itself where nothing is to be joined.
    """
    inside = (matte >= EDGE).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    area = float(inside.sum())
    sizes = stats[1:, cv2.CC_STAT_AREA]
    pieces = [1 + int(place) for place in np.argsort(-sizes, kind="stable") if sizes[place] >= LEAST_PIECE * area]
    if outlines < 1 or len(pieces) <= outlines:
        return matte
    whole, rest = labels == pieces[0], pieces[1:]
    filled = np.zeros_like(whole)
    for _ in range(len(pieces) - outlines):
        away = _distance(whole)
        gaps = {piece: float(away[labels == piece].min()) for piece in rest}
        nearest = min(gaps, key=lambda piece: gaps[piece])
        if gaps[nearest] > WIDEST_GAP * area**0.5:
            break
        whole |= labels == nearest
        gap = _between(whole, gaps[nearest] * SLACK)
        whole |= gap
        filled |= gap
        rest.remove(nearest)
    return np.where(filled, np.ones_like(matte), matte) if filled.any() else matte


def _between(whole: np.ndarray, width: float) -> np.ndarray:
    """Find what lies in gaps of up to `width` pixels: closed by a disc, as distances do it at any size."""
    radius = width / 2 + 1
    # Beyond the picture the object goes on as it does at the border.
    padded = np.pad(whole, int(np.ceil(radius)) + 1, mode="edge")
    grown = _distance(padded) <= radius
    closed = _distance(~grown) > radius
    border = int(np.ceil(radius)) + 1
    return np.asarray(closed[border:-border, border:-border] & ~whole)


def _distance(places: np.ndarray) -> np.ndarray:
    """Give each pixel's distance to the nearest of some places."""
    return cv2.distanceTransform((~places).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
