"""Temporary memory: what a sweep saw itself. Recent frames in full detail, older ones as bounded prototypes.

Source: XMem, Cheng & Schwing, arXiv 2207.07115, "Long-Term Memory": consolidation, memory potentiation, eviction.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from xmemcore.memory.affinity import element_side, query_side
from xmemcore.memory.config import MemoryConfig

# An element's age starts at this instead of 0, so that the usage of a new one is 0 / age = 0.
_NEWBORN = 1e-7


@dataclass(frozen=True)
class Elements:
    """Some elements with what they have been used for."""

    key: Tensor
    """(N, Ck)."""
    shrinkage: Tensor
    """(N,), at least 1."""
    value: Tensor
    """(N, K * Cv)."""
    use: Tensor
    """(N,), affinity drawn so far."""
    life: Tensor
    """(N,), readouts lived through."""
    selection: Tensor | None = None
    """(N, Ck); kept in working memory only, where an element may become a prototype."""

    def __len__(self) -> int:
        return len(self.shrinkage)

    @property
    def usage(self) -> Tensor:
        """(N,), affinity drawn per readout."""
        return self.use / self.life

    def take(self, which: Tensor | slice) -> Elements:
        """Choose elements by index, mask or slice."""
        return Elements(**{f.name: None if (t := getattr(self, f.name)) is None else t[which] for f in fields(self)})

    def joined(self, newer: Elements) -> Elements:
        """Put newer elements behind these."""
        pairs = {f.name: (getattr(self, f.name), getattr(newer, f.name)) for f in fields(self)}
        return Elements(**{name: None if a is None else torch.cat((a, b)) for name, (a, b) in pairs.items()})

    def drawn(self, affinity: Tensor) -> Elements:
        """Count one readout that drew `affinity` (N,) from these elements."""
        return replace(self, use=self.use + affinity, life=self.life + 1)


def newborn(key: Tensor, shrinkage: Tensor, value: Tensor, selection: Tensor | None = None) -> Elements:
    """Make elements that nothing has been read from."""
    zeros = torch.zeros_like(shrinkage)
    return Elements(key, shrinkage, value, use=zeros, life=zeros + _NEWBORN, selection=selection)


def consolidate(candidates: Elements, prototypes: int) -> Elements:
    """Compress candidates to the most used of them, each of which takes in its neighbourhood.

    A prototype keeps its key; its value and shrinkage are means over all candidates, weighted by its affinity to them.

    Args:
        candidates: with their selection.
        prototypes: how many to make; all candidates when there are fewer.

    Returns:
        New elements, most used first.
    """
    chosen = torch.topk(candidates.usage, min(prototypes, len(candidates)), sorted=True).indices
    queries = query_side(candidates.key[chosen], candidates.selection[chosen])
    affinity = torch.softmax(queries @ element_side(candidates.key, candidates.shrinkage).T, dim=1)
    return newborn(candidates.key[chosen], affinity @ candidates.shrinkage, affinity @ candidates.value)


def evict(elements: Elements, size: int) -> Elements:
    """Keep at most `size` elements, the most used; those that tie with the best one dropped go too."""
    surplus = len(elements) - size
    if surplus <= 0:
        return elements
    usage = elements.usage
    return elements.take(usage > torch.kthvalue(usage, surplus).values)


class TemporaryMemory:
    """Working memory of recent frames and long-term memory of older ones, both bounded."""

    def __init__(self, config: MemoryConfig) -> None:
        assert config.min_working_frames < config.max_working_frames
        self.config = config
        self.working: Elements | None = None
        self.long_term: Elements | None = None
        self.additions = 0
        """Frames taken in so far; what is read changes with this number alone."""
        self._cells = 0

    def __len__(self) -> int:
        return sum(len(store) for store in (self.long_term, self.working) if store is not None)

    def add(self, frame: Elements) -> None:
        """Take in the elements of one frame, and consolidate when there are too many."""
        self.additions += 1
        self._cells = len(frame)
        self.working = frame if self.working is None else self.working.joined(frame)
        if len(self.working) >= self.config.max_working_frames * self._cells:
            self._consolidate()

    def elements(self) -> Elements | None:
        """Give everything there is, long-term first; None when empty."""
        working = None if self.working is None else replace(self.working, selection=None)
        if self.long_term is None or working is None:
            return self.long_term or working
        return self.long_term.joined(working)

    def count_usage(self, affinity: Tensor) -> None:
        """Count one readout that drew `affinity` (N,) from `elements`."""
        old = 0 if self.long_term is None else len(self.long_term)
        if self.long_term is not None:
            self.long_term = self.long_term.drawn(affinity[:old])
        if self.working is not None:
            self.working = self.working.drawn(affinity[old:])

    def _consolidate(self) -> None:
        config = self.config
        if self.long_term is not None and len(self.long_term) >= config.max_long_term_elements - config.prototypes:
            self.long_term = evict(self.long_term, config.max_long_term_elements - config.prototypes)
        keep = config.min_working_frames * self._cells
        prototypes = consolidate(self.working.take(slice(None, -keep)), config.prototypes)
        # A copy, or the dropped frames would live on as long as the view of the kept ones.
        kept = self.working.take(slice(-keep, None))
        self.working = Elements(**{f.name: getattr(kept, f.name).clone() for f in fields(kept)})
        self.long_term = prototypes if self.long_term is None else self.long_term.joined(prototypes)
