"""Resample pictures and masks from the canvas to the working size."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np

from xmemcore.protocol.choices import RESAMPLINGS

AREA, PUBLISHED = RESAMPLINGS
"""AREA averages the pixels that fall into one. PUBLISHED is the papers': plain bilinear for pictures, nearest neighbour for masks."""


STRIP_PIXELS = 1 << 17
"""Pixels of a strip of a picture that is made in strips: 1.5 MB of floats in three colours, which stay in the processor's cache."""


def resampled(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Average along the axes that shrink and interpolate along those that grow.

    Args:
        image: (H, W) or (H, W, C) float32.
        size: height and width of the result.

    Returns:
        (h, w) or (h, w, C) float32; the image itself when it has that size.
    """
    height, width = size
    smaller = min(height, image.shape[0]), min(width, image.shape[1])
    # Asked for both at once, opencv averages only where both axes shrink; anamorphic plates can grow along x.
    for (rows, columns), method in ((smaller, cv2.INTER_AREA), (size, cv2.INTER_LINEAR)):
        if image.shape[:2] != (rows, columns):
            image = cv2.resize(image, (columns, rows), interpolation=method)
    return image


def resampled_in_strips(rows: Callable[[int, int], np.ndarray], shape: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """Give what `resampled` gives, of a picture that is made some rows at a time and never held whole.

    Args:
        rows: gives the picture's rows from the first to before the second, (n, W, C) float32.
        shape: height and width of the picture.
        size: height and width of the result.
    """
    (high, wide), (height, width) = shape, (min(size[0], shape[0]), min(size[1], shape[1]))
    # A strip begins where a row of the result begins, so that each average is of the same numbers.
    common = math.gcd(high, height)
    per_strip = max(STRIP_PIXELS * common // (high * wide), 1)
    step, gives = per_strip * high // common, height // common
    strips = []
    for top in range(0, high, step):
        strip = rows(top, min(top + step, high))
        strips.append(resampled(strip, (len(strip) * gives * common // high, width)))
    return resampled(np.concatenate(strips), size)


def nearest(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Take pixel floor(i * scale) for pixel i: what the papers' code does to masks.

    Args:
        image: (H, W).
        size: height and width of the result.
    """
    return image[np.ix_(_sources(image.shape[0], size[0]), _sources(image.shape[1], size[1]))]


def _sources(of: int, to: int) -> np.ndarray:
    # torch, with which the published masks are made, rounds the scale to float32; in whole numbers some pixels would be their neighbours.
    return np.minimum(np.floor(np.arange(to, dtype=np.float32) * np.float32(of / to)).astype(np.intp), of - 1)
