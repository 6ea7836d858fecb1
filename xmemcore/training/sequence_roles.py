"""Choose the annotated frames of a training clip, and the predictions that are remembered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RoleConfig:
    """Shares that decide the roles."""

    annotations: tuple[float, ...] = (0.5, 0.22, 0.16, 0.07, 0.05)
    """Weights of 1, 2, ... annotated frames; what leaves no frame to predict is left out."""
    remembered: float = 0.6
    """Share of predictions that enter memory."""


def choose_roles(rng: np.random.Generator, length: int, in_order: bool, config: RoleConfig) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
    """Choose which of `length` frames are annotated and which are remembered; the first is always annotated."""
    weights = np.array(config.annotations[: length - 1])
    count = 1 + int(rng.choice(len(weights), p=weights / weights.sum()))
    # In a shot's order annotations lie anywhere; shuffled frames may as well begin with them.
    further = rng.choice(np.arange(1, length), count - 1, replace=False) if in_order else np.arange(1, count)
    annotated = tuple(index == 0 or index in further for index in range(length))
    return annotated, tuple(bool(value) for value in rng.random(length) < config.remembered)
