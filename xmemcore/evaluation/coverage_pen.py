"""A pen that draws how much of each pixel a shape covers, and shapes that drawn shots and drawn training pictures share.

The drawn shots by which edges are judged (`alpha_shots`) are made of these: a change here changes their figures.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

HAIR = ((1.0, 0.35), (1.5, 0.6), (2.5, 0.9))
"""Strands, the finest first: thickness in pixels of a 2K frame, and opacity."""
_SUBPIXEL_BITS = 4


class CoveragePen:
    """Draws in more pixels than are asked for, and averages them. Places and sizes are in pixels."""

    def __init__(self, width: int, height: int, supersampling: int) -> None:
        """Begin with nothing drawn; a pixel of the picture is `supersampling` pixels wide and high where the pen draws."""
        self._width, self._height, self._supersampling = width, height, supersampling
        self._plane = np.zeros((supersampling * height, supersampling * width), np.uint8)

    def fill(self, points: np.ndarray) -> None:
        """Fill an outline (N, 2)."""
        cv2.fillPoly(self._plane, [self._placed(points)], 255, cv2.LINE_AA, _SUBPIXEL_BITS)

    def line(self, points: np.ndarray, thickness: float) -> None:
        """Draw a line (N, 2); its thickness may be under one pixel."""
        thick = max(1, round(self._supersampling * thickness))
        cv2.polylines(self._plane, [self._placed(points)], False, 255, thick, cv2.LINE_AA, _SUBPIXEL_BITS)

    def taken(self) -> np.ndarray:
        """Give what was drawn, (H, W) float32 in [0, 1], and begin anew."""
        drawn = cv2.resize(self._plane, (self._width, self._height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        self._plane[:] = 0
        return drawn

    def _placed(self, points: np.ndarray) -> np.ndarray:
        return np.round((self._supersampling << _SUBPIXEL_BITS) * points).astype(np.int32)


def wavy_outline(
    rng: np.random.Generator,
    centre: np.ndarray,
    radius: float,
    rough: float,
    waves: Sequence[int],
    count: int,
    turn: float = 0.0,
) -> np.ndarray:
    """Draw the outline of a body: a circle with waves.

    Args:
        rng: draws height and place of each wave.
        centre: (2,).
        radius: of the circle.
        rough: standard deviation of a wave of length 1 (once around), as a share of the radius; shorter waves are lower.
        waves: number of times that each goes around.
        count: N.
        turn: angle by which the body is turned, in radians.

    Returns:
        (N, 2).
    """
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    heights = [rough / wave * rng.standard_normal() * np.sin(wave * (angles - turn) + rng.uniform(0, 6)) for wave in waves]
    return centre + radius * (1 + np.sum(heights, axis=0))[:, None] * np.stack((np.cos(angles), np.sin(angles)), axis=1)


def out_of_focus(plane: np.ndarray, radius: int) -> np.ndarray:
    """Spread a plane (H, W) by the disc of an iris of so many pixels; may leave [0, 1] by rounding."""
    iris = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2).astype(np.float32)
    return cv2.filter2D(plane, -1, iris / iris.sum(), borderType=cv2.BORDER_REPLICATE)
