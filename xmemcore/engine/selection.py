"""Strategies that choose the next frames to key. `suggest --method` and `evaluate --select` read this one table.

A strategy is given a situation and a number of frames, and gives one pick after the other. To add one: write the function, enter it
in `STRATEGIES`, and add its name to `protocol.choices.METHODS`, which the command line offers without importing torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from xmemcore.engine.coverage import compared, distances
from xmemcore.engine.coverage import picks as covering
from xmemcore.engine.nearness import Nearness
from xmemcore.engine.suggestion import Pick, View, suggest


@dataclass(frozen=True)
class Situation:
    """The inputs of a strategy."""

    keyed: tuple[int, ...]
    """Indices that are annotated. Empty only for a strategy that can choose the first key."""
    eligible: Sequence[bool]
    """For every frame of the plate, whether it may be picked; a keyed frame never is."""
    view: Callable[[int], View]
    """Gives a frame's view by index; see `suggestion.view`."""
    seed: int = 0
    progress: Callable[[int, int], None] = lambda done, total: None
    """Called with steps done and their number."""
    cancelled: Callable[[], bool] = lambda: False
    """Asked before every step."""
    glimpse: Callable[[int], Tensor] | None = None
    """Gives a frame's reduced key by index, for a strategy that judges; see `coverage.glimpse`."""
    covered: Callable[[int], Tensor | None] = lambda index: None
    """Gives the share of each cell of a glimpse that the objects cover, (cells,), by index; None where it is unknown."""
    errors: Sequence[float] | None = None
    """For every frame, how wrong its mattes are expected to be, in [0, 1]; None: unknown."""
    mends: Callable[[int], Iterable[int]] = lambda index: ()
    """Gives the indices that a key at an index puts right; see `coverage.picks`."""
    apart: Callable[[int, int], float] | None = None
    """Gives `suggestion.dissimilarity` of a keyed and another frame by their indices; None: it is measured by the views."""
    nearness: Nearness = field(default_factory=Nearness)
    """What was measured of pairs of frames; a strategy that judges adds to it."""

    @property
    def open(self) -> list[int]:
        """Indices that may be picked, ascending."""
        return [index for index, may in enumerate(self.eligible) if may and index not in self.keyed]


@dataclass(frozen=True)
class Strategy:
    """One way to choose frames."""

    picks: Callable[[Situation, int], Iterator[Pick]]
    """Gives up to so many picks; fewer when nothing more is worth keying."""
    sees: bool
    """Whether it looks at the plate and at the mattes. One that does not needs no network."""
    judges: bool = False
    """Whether it uses the expected errors of mattes, and compares frames by glimpses instead of views."""
    beforehand: bool = False
    """Whether it must know the number of keys before the first one is made."""
    reason: str = ""
    """Why a frame was picked, in a sentence, of a strategy that sees nothing."""


def published(situation: Situation, count: int) -> Iterator[Pick]:
    """Pick by Algorithm 1 of XMem++; see `suggestion`."""
    told = situation.progress, situation.cancelled
    return suggest(situation.view, situation.eligible, situation.keyed, count, *told, situation.apart)


def coverage(situation: Situation, count: int) -> Iterator[Pick]:
    """Pick the frame whose key would lower the expected error of the shot most; see `coverage`. Can choose the first key too."""
    assert situation.glimpse is not None
    frames = compared(len(situation.eligible), situation.keyed, situation.open)
    apart = distances(frames, situation.glimpse, situation.covered, situation.progress, situation.cancelled, situation.nearness)
    errors = np.ones(len(frames)) if situation.errors is None else np.asarray(situation.errors, np.float64)[frames]
    for index, gain, gains in covering(frames, apart, situation.keyed, situation.open, errors, count, situation.mends):
        scores = torch.zeros(len(situation.eligible), dtype=torch.float64)
        scores[frames] = torch.from_numpy(gains)
        yield Pick(index, gain, scores)


def uniform(situation: Situation, count: int) -> Iterator[Pick]:
    """Spread the picks evenly over the frames that may be picked; between keys, halve the longest stretch again and again."""
    if not situation.keyed:
        places = situation.open
        for position in evenly(len(places), min(count, len(places))):
            yield Pick(places[position], 1.0, _equal_scores(situation))
        return
    keyed, left = list(situation.keyed), situation.open
    for _ in range(min(count, len(left))):
        distances = torch.zeros(len(situation.eligible), dtype=torch.float64)
        for index in left:
            distances[index] = min(abs(index - key) for key in keyed)
        best = int(torch.argmax(distances))
        yield Pick(best, float(distances[best]), distances)
        keyed.append(best)
        left.remove(best)


def random(situation: Situation, count: int) -> Iterator[Pick]:
    """Draw frames; the same for the same seed and number of keys."""
    left = situation.open
    generator = np.random.default_rng([situation.seed, len(situation.keyed)])
    for index in generator.choice(left, size=min(count, len(left)), replace=False) if left else ():
        yield Pick(int(index), 1.0, _equal_scores(situation))


STRATEGIES = {
    "coverage": Strategy(coverage, sees=True, judges=True),
    "published": Strategy(published, sees=True),
    "uniform": Strategy(uniform, sees=False, beforehand=True, reason="it is farthest from every key"),
    "random": Strategy(random, sees=False, reason="it was drawn at random"),
}
"""Strategies by the name that an artist writes."""


def evenly(count: int, k: int) -> list[int]:
    """Spread k picks over [0, count): floor(linspace(0, count - 1, k)) (XMem++, appendix, Eq. 1)."""
    return [int(position) for position in np.floor(np.linspace(0, count - 1, k))]


def _equal_scores(situation: Situation) -> Tensor:
    """Score every frame that may be picked with 1."""
    scores = torch.zeros(len(situation.eligible), dtype=torch.float64)
    scores[situation.open] = 1.0
    return scores
