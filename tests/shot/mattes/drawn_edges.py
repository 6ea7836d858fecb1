"""Things whose alpha is known, over a ground of another colour, and what a network would say of them."""

from __future__ import annotations

import cv2
import numpy as np

HEIGHT, WIDTH, SCALE = 192, 256, 4


def disc(x: float, y: float, radius: float, soft: float = 1.0) -> np.ndarray:
    """Draw the alpha of a disc whose edge is so many pixels wide."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.clip((radius - np.hypot(columns - x, rows - y)) / soft + 0.5, 0, 1).astype(np.float32)


def scene(alpha: np.ndarray, grain: float = 0.01) -> np.ndarray:
    """Paint a textured thing over a textured ground of another colour."""
    rng = np.random.default_rng(3)
    waves = 0.05 * np.sin(np.mgrid[:HEIGHT, :WIDTH][1][..., None] / np.array([5.0, 7.0, 9.0]))
    front, back = np.array([0.7, 0.35, 0.2]) + waves, np.array([0.2, 0.4, 0.5]) - waves
    picture = alpha[..., None] * front + (1 - alpha[..., None]) * back + grain * rng.standard_normal((HEIGHT, WIDTH, 3))
    return picture.clip(0, 1).astype(np.float32)


def network(*alphas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give what a network would say of the truth at a quarter of the size, and the same enlarged; ground first."""
    size = (WIDTH // SCALE, HEIGHT // SCALE)
    objects = [cv2.GaussianBlur(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), (0, 0), 0.8) for alpha in alphas]
    small = np.stack([1 - np.sum(objects, axis=0), *objects]).astype(np.float32)
    return small, np.stack([cv2.resize(plane, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR) for plane in small])
