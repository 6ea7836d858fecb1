"""The material of clips: pictures, and things cut out of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np


class TooSmall(ValueError):
    """A mask has too few pixels to cut anything out."""


@dataclass(frozen=True)
class Cutout:
    """A thing in its picture."""

    picture: np.ndarray
    """(H, W, 3) uint8, RGB."""
    mask: np.ndarray
    """(H, W) uint8, 0 or 255: the whole thing."""
    parts: np.ndarray | None = None
    """(H, W) uint8, 0 for none, else a label for each part; None where parts are not known."""

    @property
    def box(self) -> tuple[float, float, float]:
        """Centre x, centre y and half the longer side, in pixels of the picture.

        Raises:
            TooSmall: under 20 pixels.
        """
        ys, xs = np.nonzero(self.mask)
        if len(xs) < 20:
            raise TooSmall
        left, right, top, bottom = xs.min(), xs.max() + 1, ys.min(), ys.max() + 1
        return (left + right) / 2, (top + bottom) / 2, max(right - left, bottom - top) / 2


class Source(Protocol):
    """A source of pictures; every random choice is made by the generator that is passed in."""

    def background(self, rng: np.random.Generator) -> np.ndarray:
        """Give a picture, (H, W, 3) uint8."""

    def cutout(self, rng: np.random.Generator) -> Cutout:
        """Give a thing in its picture."""


def soft_alpha(mask: np.ndarray, sigma: float) -> np.ndarray:
    """Soften a binary mask's edge about its line, (H, W) uint8: a hard cut would be an edge that no camera makes."""
    return cv2.GaussianBlur(mask, (0, 0), sigma) if sigma > 0 else mask


def recoloured(picture: np.ndarray, mask: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    """Give a thing the mean and the spread of another picture's colours, by a share in [0, 1]: what stands out little is hard to follow."""
    lab, goal = (cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32) for image in (picture, other))
    mean, spread = lab[mask > 0].mean(0), lab[mask > 0].std(0)
    new = (lab - mean) / np.maximum(spread, 4) * goal.std((0, 1)) + goal.mean((0, 1))
    mixed = np.clip(lab + share * (new - lab), 0, 255).astype(np.uint8)
    return cv2.cvtColor(mixed, cv2.COLOR_LAB2RGB)


def without(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Fill a masked region from its surroundings, coarsely: what a camera would find where the thing has left."""
    hole = cv2.dilate(mask, np.ones((9, 9), np.uint8)) > 0
    known = (~hole).astype(np.float32)
    levels: list[tuple[np.ndarray, np.ndarray]] = [(picture.astype(np.float32) * known[..., None], known)]
    while min(levels[-1][1].shape) > 4:
        colour, weight = levels[-1]
        size = (max(1, weight.shape[1] // 2), max(1, weight.shape[0] // 2))
        levels.append((cv2.resize(colour, size, interpolation=cv2.INTER_AREA), cv2.resize(weight, size, interpolation=cv2.INTER_AREA)))
    colour, weight = levels[-1]
    filled = (colour.sum((0, 1)) + 127e-3) / (weight.sum() + 1e-3) * np.ones_like(colour)
    for colour, weight in reversed(levels):
        below = cv2.resize(filled, (weight.shape[1], weight.shape[0]), interpolation=cv2.INTER_LINEAR)
        share = np.minimum(weight * 4, 1)[..., None]
        filled = share * colour / np.maximum(weight, 1e-3)[..., None] + (1 - share) * below
    # Detail from elsewhere in the picture: a smooth patch would tell where the thing was.
    height, width = hole.shape
    detail = np.roll(picture.astype(np.float32) - cv2.GaussianBlur(picture, (0, 0), 4), (height // 3, width // 2), axis=(0, 1))
    return np.where(hole[..., None], np.clip(filled + detail, 0, 255).astype(np.uint8), picture)
