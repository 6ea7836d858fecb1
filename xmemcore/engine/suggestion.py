"""Choose the frame to key next that looks least like every frame keyed so far.

Source: XMem++, arXiv 2307.15958, appendix, Algorithm 1. Exact but incremental: a round compares all frames with the
newly chosen one only, because the smallest dissimilarity so far is kept for each frame.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from xmemcore.engine.permanent import elements_first
from xmemcore.memory.affinity import element_side, query_side
from xmemcore.network.features import Features
from xmemcore.protocol.failures import Cancelled

VERSION = 1
"""Raised whenever `view` or `dissimilarity` gives other numbers."""


@dataclass(frozen=True)
class View:
    """The part of a frame that suggestion compares."""

    as_memory: Tensor
    """(P, 2 * Ck + 1), from `element_side`."""
    as_query: Tensor
    """(P, 2 * Ck + 1), from `query_side`."""


@dataclass(frozen=True)
class Pick:
    """One suggested frame."""

    index: int
    score: float
    """Value that the strategy maximises, above 0; here the dissimilarity to the nearest keyed or picked frame."""
    scores: Tensor
    """(frames,), the same for every frame in this round; 0 where a frame may not be picked."""


def view(features: Features, mask: Tensor | None, alpha: float) -> View:
    """Weigh a frame's key by its mask.

    Args:
        features: of the frame; key, shrinkage and selection are read.
        mask: (H, W), the union of the objects in [0, 1], of any size; None counts as alpha 0.
        alpha: share of the masked key in [0, 1].
    """
    key = features.key
    if mask is not None and alpha > 0:
        cells = F.interpolate(mask[None, None].to(key), size=key.shape[-2:], mode="nearest")
        key = alpha * (key * cells) + (1 - alpha) * key
    key = elements_first(key)
    return View(element_side(key, features.shrinkage.flatten()), query_side(key, elements_first(features.selection)))


def dissimilarity(keyed: View, other: View) -> float:
    """Measure how much of `other` a keyed frame does not explain, at least 0.

    The two similarities are subtracted entry by entry, not transposed, as published.
    """
    forth = keyed.as_memory @ other.as_query.T
    back = other.as_memory @ keyed.as_query.T
    return float(torch.relu(forth - back).mean())


def suggest(
    views: Callable[[int], View],
    eligible: Sequence[bool],
    keyed: Sequence[int],
    count: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
    apart: Callable[[int, int], float] | None = None,
) -> Iterator[Pick]:
    """Pick frames one after another; fewer than `count` when nothing more is worth keying.

    Args:
        views: gives a frame's view by index; asked once per frame and keyed or picked frame.
        eligible: for every frame, whether it may be picked.
        keyed: indices that are annotated, not empty; they are never picked, eligible or not.
        count: picks at most.
        progress: called with comparisons done and their number.
        cancelled: asked before every comparison.
        apart: gives `dissimilarity` of a keyed and another frame by their indices, where some are known; None: all are measured.
    """
    taken = set(keyed)
    nearest = torch.full((len(eligible),), math.inf, dtype=torch.float64)
    open_frames = [index for index, may in enumerate(eligible) if may and index not in taken]
    rounds = [len(taken), *[1] * (min(count, len(open_frames)) - 1)]
    total, done = sum(new * (len(open_frames) - picked) for picked, new in enumerate(rounds)), 0
    newest = sorted(taken)
    for _ in range(count):
        for chosen in newest:
            unlike = _measure(views, chosen) if apart is None else partial(apart, chosen)
            for index in open_frames:
                if cancelled():
                    raise Cancelled("Cancelled. Nothing was changed.")
                nearest[index] = min(float(nearest[index]), unlike(index))
                done += 1
                progress(done, total)
        scores = torch.zeros_like(nearest)
        if open_frames:
            scores[open_frames] = nearest[open_frames]
        best = int(torch.argmax(scores))
        if scores[best] <= 0:
            return
        yield Pick(best, float(scores[best]), scores)
        open_frames.remove(best)
        newest = [best]


def _measure(views: Callable[[int], View], chosen: int) -> Callable[[int], float]:
    """Give what measures how much of another frame a chosen one does not explain."""
    chosen_view = views(chosen)
    return lambda index: dissimilarity(chosen_view, views(index))
