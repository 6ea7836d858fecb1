"""Partial targets: regions of a thing or a surface that follow no edge.

XMem++ exists for these. A network that has only seen whole things snaps to their edges instead of trusting the annotation.
"""

from __future__ import annotations

import cv2
import numpy as np

from xmemcore.training.cutouts import Cutout


def one_side(rng: np.random.Generator, mask: np.ndarray) -> np.ndarray:
    """Cut a mask in two along a wavy line near its middle.

    Returns:
        (H, W) uint8: 0 outside, 1 and 2 for the sides.
    """
    ys, xs = np.nonzero(mask)
    extent = max(int(np.ptp(xs)), int(np.ptp(ys)), 1) / 2
    centre = np.array([np.median(xs), np.median(ys)]) + rng.normal(0, 0.2, 2) * extent
    angle, wave, phase = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.3) * rng.integers(0, 2), rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]].astype(np.float32)
    x, y = (x - centre[0]) / extent, (y - centre[1]) / extent
    across = x * np.cos(angle) + y * np.sin(angle)
    along = -x * np.sin(angle) + y * np.cos(angle)
    side = across + wave * np.sin(along * rng.uniform(2, 6) + phase) > 0
    return np.where(mask > 0, np.where(side, 1, 2), 0).astype(np.uint8)


def blob(rng: np.random.Generator, mask: np.ndarray) -> np.ndarray:
    """Paint a smooth spot on a masked surface.

    Returns:
        (H, W) uint8: 1 on the spot, else 0.
    """
    ys, xs = np.nonzero(mask)
    pick = rng.integers(len(xs))
    radius = np.sqrt(len(xs) / np.pi) * rng.uniform(0.35, 0.8)
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    outline = np.ones_like(angles)
    for wave in (1, 2, 3):
        outline += rng.normal(0, 0.25 / wave) * np.cos(wave * angles + rng.uniform(0, 2 * np.pi))
    stretch, turn = rng.uniform(0.6, 1.6), rng.uniform(0, np.pi)
    x, y = radius * outline * np.cos(angles) * stretch, radius * outline * np.sin(angles) / stretch
    points = np.stack((xs[pick] + x * np.cos(turn) - y * np.sin(turn), ys[pick] + x * np.sin(turn) + y * np.cos(turn)), axis=1)
    spot = np.zeros(mask.shape, np.uint8)
    cv2.fillPoly(spot, [np.round(points).astype(np.int32)], 1)
    return spot * (mask > 0).astype(np.uint8)


def label_groups(rng: np.random.Generator, parts: np.ndarray) -> np.ndarray | None:
    """Choose two of a thing's labelled parts.

    Returns:
        (H, W) uint8: 1 and 2 for the chosen parts, or None where there is only one of any size.
    """
    counts = np.bincount(parts.ravel(), minlength=2)
    labels = [label for label in range(1, len(counts)) if counts[label] >= 0.02 * counts[1:].sum()]
    if len(labels) < 2:
        return None
    chosen = rng.permutation(labels)
    return np.where(parts == chosen[0], 1, np.where(parts == chosen[1], 2, 0)).astype(np.uint8)


def partial(rng: np.random.Generator, cutout: Cutout) -> np.ndarray:
    """Choose a partial target on a thing: (H, W) uint8, 1 the target, 2 a second one beside it, 0 neither."""
    kind = rng.choice(("side", "label", "blob"), p=(0.4, 0.35, 0.25))
    if kind == "label" and cutout.parts is not None and (groups := label_groups(rng, cutout.parts)) is not None:
        return groups
    return blob(rng, cutout.mask) if kind == "blob" else one_side(rng, cutout.mask)
