"""What searches for a frame's best elements have found, kept for its next search: in a second sweep, another group, a later round.

A table is the keys of one frame, and never changes. The best of several tables are among the best of some of them and the best of the
others. So a search goes only through the tables that are new since the last one, and finds the very same elements.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

import torch
from torch import Tensor

POSITION_BITS = 20
"""Bits of an element's place that count it within its table; the bits above them are the number of the table."""
MOST_TABLES = 1 << (31 - POSITION_BITS)
MOST_LISTS = 4
"""Lists kept for a frame, 0.4 MB each at 480 lines: for permanent and working memory, of two sweeps or groups."""


@dataclass(frozen=True)
class Tables:
    """The tables that a segment of memory consists of, one behind the other."""

    names: tuple[str, ...]
    """Two tables of one name have equal keys."""
    lengths: tuple[int, ...]
    """Elements of each."""

    @cached_property
    def starts(self) -> Tensor:
        """(T + 1,) int64, index of each table's first element, and the end of the last."""
        return torch.tensor([0, *accumulate(self.lengths)])

    def places(self, where: Tensor) -> Tensor:
        """Turn indices of elements (Q, k) into places, as `Found` has them."""
        number = torch.searchsorted(self.starts, where, right=True) - 1
        return ((number << POSITION_BITS) + where - self.starts[number]).int()

    def runs_without(self, numbers: Collection[int]) -> list[tuple[int, int]]:
        """List the elements of all tables but some, a half-open range for each table."""
        starts = self.starts.tolist()
        return [(starts[number], starts[number + 1]) for number in range(len(self.names)) if number not in numbers]


def tables_of(frames: Sequence[tuple[str | None, int]]) -> Tables | None:
    """Give the tables of some frames, each with its name and its number of elements; None when one has no name."""
    names = tuple(name for name, _ in frames if name is not None)
    return Tables(names, tuple(length for _, length in frames)) if len(names) == len(frames) else None


@dataclass(frozen=True)
class Found:
    """The best elements of some tables, for each query position of one frame."""

    tables: tuple[str, ...]
    """Names of the tables that were searched, in their order in memory."""
    scores: Tensor
    """(Q, k) float32; k is smaller where the tables have fewer elements."""
    places: Tensor
    """(Q, k) int32: number of the table in `tables`, then position in it, as `POSITION_BITS` says; ascending along a row."""
    shortlisted: bool = False
    """Whether it was a search by way of bfloat16 scores."""

    def within(self, tables: Sequence[str]) -> list[int] | None:
        """Give the numbers that these tables have among others, if they come in the same order; None when one is missing."""
        numbers: list[int] = []
        for name in self.tables:
            begin = numbers[-1] + 1 if numbers else 0
            if name not in tables[begin:]:
                return None
            numbers.append(tables.index(name, begin))
        return numbers

    def among(self, tables: Tables) -> KeptBest | None:
        """Find these elements in a segment; None when a table is missing, or an element outside of its table, as no search finds it."""
        numbers = self.within(tables.names)
        number, position = (self.places >> POSITION_BITS).long(), (self.places & (1 << POSITION_BITS) - 1).long()
        if numbers is None or not 0 <= int(number.min()) <= int(number.max()) < len(numbers):
            return None
        there = torch.tensor(numbers)[number]
        where = tables.starts[there] + position
        if bool((where >= tables.starts[there + 1]).any()):
            return None
        return KeptBest(self.scores, where, sum(tables.lengths[n] for n in numbers), tables.runs_without(numbers))


@dataclass(frozen=True)
class KeptBest:
    """A kept list, in the indices of a segment."""

    best: Tensor
    """(Q, k) scores."""
    where: Tensor
    """(Q, k) int64 indices, ascending along a row."""
    count: int
    """Elements that they are the best of."""
    left_out: list[tuple[int, int]]
    """Elements of the segment that were not searched, as half-open ranges."""


@dataclass
class Searches:
    """The lists of one frame, and its own name as a table. One thread uses them at a time."""

    name: str
    lists: list[Found] = field(default_factory=list)
    """Newest last."""
    changed: bool = False
    """Whether a list was added."""

    def among(self, tables: Tables, shortlisted: bool) -> KeptBest | None:
        """Give the kept list of the most of a segment's tables; where bfloat16 shortens the search, one of all of them."""
        if shortlisted:
            fitting = [found for found in self.lists if found.shortlisted and found.tables == tables.names]
        else:
            fitting = [found for found in self.lists if not found.shortlisted and found.within(tables.names) is not None]
        most = max(fitting, key=lambda found: len(found.tables), default=None)
        return None if most is None else most.among(tables)

    def keep(self, found: Found) -> None:
        """Add a list in place of those that it makes useless, and of the oldest."""
        others = [other for other in self.lists if other.shortlisted != found.shortlisted or other.within(found.tables) is None]
        self.lists = [*others, found][-MOST_LISTS:]
        self.changed = True
