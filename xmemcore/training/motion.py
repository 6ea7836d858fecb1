"""Motion of a camera or a thing in a clip: smooth paths, and the warps of pictures that follow from them.

A thing lives in its own coordinates u: its centre is 0, half its longer side 1. The canvas is [-1, 1] squared. A pose maps u to the
canvas; rendering needs the inverse, which has a closed form for every step. Warps are computed on a coarse grid and enlarged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GRID_STEP = 8
"""Pixels between computed points of a warp; between them it is linear."""
SHADE_CELLS = 17


@dataclass
class Path:
    """One pose for each of T frames."""

    centre: np.ndarray
    """(T, 2), on the canvas."""
    log_scale: np.ndarray
    """(T,): half the thing's longer side in halves of the canvas is exp of it."""
    angle: np.ndarray
    """(T,), radians."""
    width: np.ndarray
    """(T,): factor along the thing's own x; negative shows it mirrored (its other side)."""
    shear: np.ndarray
    """(T,)."""
    tilt: np.ndarray
    """(T, 2): perspective; 0.2 makes one end a fifth larger."""
    bumps: np.ndarray
    """(M, 3): x, y and radius, in u, of the places that bend."""
    bend: np.ndarray
    """(T, M, 2): how far each place is bent, in u."""

    def __len__(self) -> int:
        return len(self.angle)


def times(rng: np.random.Generator, frames: int, regular: bool) -> np.ndarray:
    """Choose the moments of the frames, ascending in [0, 1]."""
    if regular:
        return np.linspace(0, 1, frames)
    steps = rng.uniform(0.3, 1.7, frames - 1)
    # The running sum and the sum round differently: the last may come out above 1.
    return np.minimum(np.concatenate(([0.0], np.cumsum(steps) / steps.sum())), 1.0)


def shade(rng: np.random.Generator, at: np.ndarray, depth: float) -> np.ndarray:
    """Draw shadows and patches of light that drift over the canvas.

    Args:
        rng: makes every choice.
        at: (T,), moments.
        depth: about the deviation of the log of the factors.

    Returns:
        (T, n, n) float32 factors of brightness, for all frames from one field larger than the canvas.
    """
    cells = SHADE_CELLS
    # Waves of a few wavelengths make a field that is smooth everywhere, so that it can be read anywhere.
    heading = rng.uniform(0, 2 * np.pi, 6)
    wave = (np.stack((np.cos(heading), np.sin(heading))) * rng.uniform(1.0, 4.5, 6)).T
    phase = rng.uniform(0, 2 * np.pi, 6)
    way = wander(rng, at, 0.5, 2)
    line = np.linspace(-1, 1, cells)
    places = np.stack(np.meshgrid(line, line), axis=-1)[None] + way[:, None, None]
    field = np.sin(places @ wave.T + phase).sum(-1) / np.sqrt(3)
    # Shadows have an inside: the tanh flattens hills and valleys and leaves a flank between them.
    log = depth * np.tanh(rng.uniform(0.5, 1.5) * field)
    # Exposure is drawn elsewhere: what is lit here is seldom burnt out.
    return np.exp(np.minimum(log - 0.3 * depth, 0.35)).astype(np.float32)


def wander(rng: np.random.Generator, at: np.ndarray, reach: float, columns: int = 1) -> np.ndarray:
    """Draw smooth random curves: a drift and two slow waves.

    Args:
        rng: makes every choice.
        at: (T,), moments.
        reach: about how far from 0 a curve gets.
        columns: number of curves.

    Returns:
        (T, columns).
    """
    drift, a, b = rng.normal(0, 1, (3, columns))
    phase = rng.uniform(0, 2 * np.pi, (2, columns))
    speed = rng.uniform(0.4, 1.6, (2, columns))
    t = at[:, None]
    waves = a * np.sin(2 * np.pi * speed[0] * t + phase[0]) + 0.4 * b * np.sin(4 * np.pi * speed[1] * t + phase[1])
    return reach * 0.6 * (drift * (t - 0.5) * 2 + waves)


def still(frames: int, centre: tuple[float, ...], scale: float) -> Path:
    """Rest at one place."""
    return Path(
        np.tile(np.array(centre, np.float64), (frames, 1)),
        np.full(frames, np.log(scale)),
        np.zeros(frames),
        np.ones(frames),
        np.zeros(frames),
        np.zeros((frames, 2)),
        np.zeros((0, 3)),
        np.zeros((frames, 0, 2)),
    )


def bend(rng: np.random.Generator, path: Path, at: np.ndarray, strength: float) -> None:
    """Let a path's thing change its form, as thin plates and limbs do; gradients stay under 1, so nothing folds over."""
    count = int(rng.integers(2, 6))
    radius = rng.uniform(0.35, 1.0, count)
    path.bumps = np.column_stack((rng.uniform(-1, 1, (count, 2)), radius))
    moves = np.stack([wander(rng, at, strength, 2) for _ in range(count)], axis=1)
    path.bend = np.clip(moves, -0.5, 0.5) * radius[None, :, None]


def backward(path: Path, frame: int, canvas: np.ndarray) -> np.ndarray:
    """Map canvas points (..., 2) back to u."""
    u = canvas - path.centre[frame]
    cos, sin = np.cos(-path.angle[frame]), np.sin(-path.angle[frame])
    x, y = u[..., 0] * cos - u[..., 1] * sin, u[..., 0] * sin + u[..., 1] * cos
    scale = np.exp(-path.log_scale[frame])
    y = y * scale
    x = x * scale / path.width[frame] - path.shear[frame] * y
    depth = 1 + path.tilt[frame, 0] * np.clip(x, -2, 2) + path.tilt[frame, 1] * np.clip(y, -2, 2)
    u = np.stack((x, y), axis=-1) / np.maximum(depth, 0.2)[..., None]
    for (bx, by, radius), move in zip(path.bumps, path.bend[frame]):
        near = np.exp(-((u[..., 0] - bx) ** 2 + (u[..., 1] - by) ** 2) / (2 * radius**2))
        u = u + near[..., None] * move
    return u


def grid(size: int) -> np.ndarray:
    """Give the coarse points of a canvas of size x size pixels, one cell beyond its border: (n, n, 2)."""
    cells = np.arange(-1, size // GRID_STEP + 1)
    line = (cells * GRID_STEP + GRID_STEP / 2) * 2 / size - 1
    x, y = np.meshgrid(line, line)
    return np.stack((x, y), axis=-1)
