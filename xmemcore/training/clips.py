"""Training clips by number: the same number, seed and shape give the same clip, in any process and any order."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from xmemcore.training.cutouts import Source
from xmemcore.training.draw import draw
from xmemcore.training.plan import ClipPlan
from xmemcore.training.rendered import Scenes
from xmemcore.training.scene import ClipShape, SceneConfig, stage, stage_rendered

_SEEN = 0.004
"""Share of the canvas that a target needs in some frame, to be annotated there."""
_SKETCH = 64
"""Pixels of a side."""


@dataclass(frozen=True)
class TrainingClip:
    """A clip in the order in which it is processed; the first frame is annotated."""

    frames: np.ndarray
    """(T, S, S, 3) uint8, RGB."""
    labels: np.ndarray
    """(T, S, S) uint8, 0 the background."""


@dataclass(frozen=True)
class PlannedClip:
    """A clip that is still to be drawn."""

    plan: ClipPlan
    order: np.ndarray
    """(T,): the order in which its frames are processed."""


class ClipSource(Protocol):
    """Makes training clips."""

    def clip(self, number: int, shape: ClipShape, in_order: bool) -> TrainingClip:
        """Make one clip; `in_order`: frames follow time, forward or backward, else they are shuffled."""


class StagedClips:
    """Clips that are staged from pictures."""

    def __init__(
        self,
        source: Source,
        thin: Source,
        other: Source | None,
        other_share: float,
        config: SceneConfig,
        seed: int,
        scenes: Scenes | None = None,
        scenes_share: float = 0.0,
    ) -> None:
        """Take pictures from `source`, in a share of the clips from `other`, and in another share targets from rendered scenes."""
        self._source, self._thin, self._other, self._share = source, thin, other, other_share
        self._scenes, self._scenes_share = scenes, scenes_share
        self._config = config
        self._seed = seed

    def clip(self, number: int, shape: ClipShape, in_order: bool) -> TrainingClip:
        """Make one clip, drawn."""
        rng = self._generator(number, shape)
        while True:
            frames, labels = draw(self._staged(rng, shape))
            if (order := processing_order(rng, labels, shape.objects, in_order)) is not None:
                return TrainingClip(frames[order], labels[order])

    def planned(self, number: int, shape: ClipShape, in_order: bool) -> PlannedClip:
        """Plan one clip for an accelerator to draw; a sketch tells which target is visible when."""
        rng = self._generator(number, shape)
        while True:
            plan = self._staged(rng, shape)
            _, labels = draw(dataclasses.replace(plan, size=_SKETCH, look=None))
            if (order := processing_order(rng, labels, shape.objects, in_order)) is not None:
                return PlannedClip(plan, order)

    def _generator(self, number: int, shape: ClipShape) -> np.random.Generator:
        return np.random.default_rng([self._seed, number, shape.size, shape.frames, shape.objects])

    def _staged(self, rng: np.random.Generator, shape: ClipShape) -> ClipPlan:
        source = self._other if self._other is not None and rng.random() < self._share else self._source
        if self._scenes is not None and rng.random() < self._scenes_share:
            return stage_rendered(rng, self._scenes, source, self._thin, shape, self._config)
        return stage(rng, source, self._thin, shape, self._config)


def processing_order(rng: np.random.Generator, labels: np.ndarray, objects: int, in_order: bool) -> np.ndarray | None:
    """Order the frames so that every target is seen in the first.

    Returns:
        (T,) indices; None where no frame shows every target.
    """
    least = _SEEN * labels[0].size
    seen = [all(np.count_nonzero(frame == obj) >= least for obj in range(1, objects + 1)) for frame in labels]
    able = np.flatnonzero(seen)
    if not len(able):
        return None
    if not in_order:
        first = rng.choice(able)
        return np.concatenate(([first], rng.permutation(np.delete(np.arange(len(labels)), first))))
    order = np.arange(len(labels))
    # Frames before the first good one go, by playing away from it in the longer direction and then the rest.
    first = int(able[0] if rng.random() < 0.5 else able[-1])
    if len(labels) - 1 - first >= first:
        return np.concatenate((order[first:], order[:first][::-1]))
    return np.concatenate((order[: first + 1][::-1], order[first + 1 :]))


@dataclass(frozen=True)
class RoleConfig:
    """Shares that decide which frames of a clip are annotated, and which predictions are remembered."""

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
