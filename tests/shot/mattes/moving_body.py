"""A block with a strap before a cloth, both moving to the right at one speed: what a network sees of it, and what it misses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

HEIGHT, WIDTH, SPEED = 96, 160, 2.0
_CLOTH = cv2.GaussianBlur(np.random.default_rng(5).standard_normal((HEIGHT, 2 * WIDTH)).astype(np.float32), (0, 0), 2.5)
_CLOTH = ((_CLOTH - _CLOTH.min()) / np.ptp(_CLOTH) * 255).astype(np.float32)


def moved(plane: np.ndarray, index: int) -> np.ndarray:
    """Move a plane as far as everything has gone at an index."""
    matrix = np.array(((1, 0, SPEED * index), (0, 1, 0)), np.float32)
    return cv2.warpAffine(plane, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)


def grey(index: int) -> np.ndarray:
    """Give the picture."""
    return moved(_CLOTH, index).astype(np.uint8)


def body(index: int, strap: bool = True) -> np.ndarray:
    """Give the object's matte, with a strap of two pixels that a network would not find."""
    plane = np.zeros((HEIGHT, WIDTH), np.float32)
    plane[40:70, 40:70] = 1
    if strap:
        plane[20:40, 54:56] = 1
    return moved(plane, index)


def planes(*objects: np.ndarray) -> np.ndarray:
    """Put what is behind the objects before them."""
    return np.stack((1 - np.sum(objects, axis=0), *objects)).astype(np.float32)


@dataclass(frozen=True)
class Keys:
    """Keys that know some objects, of which none is drawn; see DrawnKeys."""

    known: Mapping[int, frozenset[int]]

    def matte(self, key: int, obj: int) -> np.ndarray:
        """Give nothing."""
        return np.zeros((HEIGHT, WIDTH), np.float32)

    def picture(self, key: int) -> np.ndarray:
        """Give the cloth."""
        return cv2.cvtColor(moved(_CLOTH, key) / 255, cv2.COLOR_GRAY2RGB)
