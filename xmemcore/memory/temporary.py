"""Temporary memory: the frames that a sweep has predicted. Recent ones in full detail, older ones as bounded prototypes.

Source: XMem, Cheng & Schwing, arXiv 2207.07115, "Long-Term Memory": consolidation, memory potentiation, eviction.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from xmemcore.memory.affinity import element_side, query_side
from xmemcore.memory.config import MemoryConfig
from xmemcore.memory.searches import tables_of
from xmemcore.memory.segment import Segment

# An element's age starts at this instead of 0, so that the usage of a new one is 0 / age = 0.
_NEWBORN = 1e-7
MOST_FRAMES_AT_FIRST = 16
"""Frames that working memory has room for at first, where it may hold more."""


@dataclass(frozen=True)
class Elements:
    """Elements with their usage."""

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
    coverage: Tensor | None = None
    """(N, K), the share of the element's cell that each object covers, in [0, 1]."""

    def __len__(self) -> int:
        return len(self.shrinkage)

    @property
    def usage(self) -> Tensor:
        """(N,), affinity drawn per readout."""
        return self.use / self.life

    def take(self, positions: Tensor | slice) -> Elements:
        """Choose elements by index, mask or slice."""
        taken: dict[str, Any] = {f.name: None if (t := getattr(self, f.name)) is None else t[positions] for f in fields(self)}
        return Elements(**taken)

    def joined(self, newer: Elements) -> Elements:
        """Put newer elements behind these."""
        pairs = {f.name: (getattr(self, f.name), getattr(newer, f.name)) for f in fields(self)}
        joined: dict[str, Any] = {name: None if a is None else torch.cat((a, b)) for name, (a, b) in pairs.items()}
        return Elements(**joined)

    def drawn(self, affinity: Tensor) -> Elements:
        """Count one readout that drew `affinity` (N,) from these elements."""
        return replace(self, use=self.use + affinity, life=self.life + 1)


def newborn(key: Tensor, shrinkage: Tensor, value: Tensor, selection: Tensor | None = None, coverage: Tensor | None = None) -> Elements:
    """Make elements that have no usage yet."""
    zeros = torch.zeros_like(shrinkage)
    return Elements(key, shrinkage, value, use=zeros, life=zeros + _NEWBORN, selection=selection, coverage=coverage)


def consolidate(candidates: Elements, prototypes: int) -> Elements:
    """Compress candidates to the most used of them, each averaged with its neighbourhood.

    A prototype keeps its key; its value and shrinkage are means over all candidates, weighted by its affinity to them.

    Args:
        candidates: with their selection.
        prototypes: how many to make; all candidates when there are fewer.

    Returns:
        New elements, most used first.
    """
    chosen = torch.topk(candidates.usage, min(prototypes, len(candidates)), sorted=True).indices
    assert candidates.selection is not None, "working memory keeps the selection of its elements"
    queries = query_side(candidates.key[chosen], candidates.selection[chosen])
    affinity = torch.softmax(queries @ element_side(candidates.key, candidates.shrinkage).T, dim=1)
    coverage = None if candidates.coverage is None else affinity @ candidates.coverage
    return newborn(candidates.key[chosen], affinity @ candidates.shrinkage, affinity @ candidates.value, coverage=coverage)


def evict(elements: Elements, size: int) -> Elements:
    """Keep at most `size` elements, the most used; those that tie with the best one dropped go too."""
    surplus = len(elements) - size
    if surplus <= 0:
        return elements
    usage = elements.usage
    return elements.take(usage > torch.kthvalue(usage, surplus).values)


class _Working:
    """Elements of recent frames, in buffers that are kept: a new frame is written behind the others without copying them."""

    def __init__(self, objects: int, frames: int) -> None:
        self._objects = objects
        self._frames = frames
        self._count = 0
        self._rows: dict[str, Tensor] = {}
        """Columns by name: (capacity, ...), but `value` is (K, capacity, Cv)."""
        self._tables: list[tuple[str | None, int]] = []
        """Name and number of elements of each frame."""

    def __len__(self) -> int:
        return self._count

    def append(self, frame: Elements, name: str | None) -> None:
        """Write a frame's elements behind the others."""
        self._tables.append((name, len(frame)))
        columns = {f.name: getattr(frame, f.name) for f in fields(frame) if getattr(frame, f.name) is not None}
        columns["side"] = element_side(frame.key, frame.shrinkage)
        columns["value"] = frame.value.unflatten(1, (self._objects, -1)).transpose(0, 1)
        end = self._count + len(frame)
        for name, column in columns.items():
            _rows_of(self._room(name, column, end), name)[self._count : end] = _rows_of(column, name)
        self._count = end

    def keep_last(self, frames: int) -> None:
        """Forget all but the newest frames; what is kept moves to the front."""
        self._tables = self._tables[-frames:]
        count = sum(length for _, length in self._tables)
        for name, column in self._rows.items():
            rows = _rows_of(column, name)
            rows[:count] = rows[self._count - count : self._count].clone()
        self._count = count

    def drop_last(self) -> None:
        """Forget the newest frame."""
        _, length = self._tables.pop()
        self._count -= length

    def draw(self, affinity: Tensor) -> None:
        """Count one readout that drew `affinity` (N,) from these elements."""
        self._rows["use"][: self._count] += affinity
        self._rows["life"][: self._count] += 1

    def elements(self) -> Elements:
        """Give all elements."""
        columns = {name: column[: self._count] for name, column in self._rows.items() if name not in ("side", "value")}
        return Elements(value=self._rows["value"][:, : self._count].transpose(0, 1).flatten(1), **columns)

    def segment(self) -> Segment:
        """Give all elements, laid out for reading."""
        coverage = self._rows["coverage"][: self._count].T if "coverage" in self._rows else None
        side, value = self._rows["side"][: self._count], self._rows["value"][:, : self._count]
        return Segment(side, value, coverage=coverage, tables=tables_of(self._tables))

    def _room(self, name: str, like: Tensor, count: int) -> Tensor:
        column = self._rows.get(name)
        rows = 0 if column is None else len(_rows_of(column, name))
        if rows < count:
            axis = int(name == "value")
            shape = list(like.shape)
            # Room for all that working memory may hold, of which a short sweep touches little. Without a bound it doubles when full.
            shape[axis] = max(count, 2 * rows) if rows else like.shape[axis] * min(self._frames, MOST_FRAMES_AT_FIRST)
            larger = like.new_empty(shape)
            if column is not None:
                _rows_of(larger, name)[: self._count] = _rows_of(column, name)[: self._count]
            self._rows[name] = larger
        return self._rows[name]


def _rows_of(column: Tensor, name: str) -> Tensor:
    """Look at a column with its elements along the first axis."""
    return column.transpose(0, 1) if name == "value" else column


class TemporaryMemory:
    """Working memory of recent frames and long-term memory of older ones, both bounded."""

    def __init__(self, config: MemoryConfig, objects: int = 1) -> None:
        assert config.min_working_frames < config.max_working_frames
        self.config = config
        self.long_term: Elements | None = None
        self._objects = objects
        self._working = _Working(objects, config.max_working_frames)
        self._long_term_segment: Segment | None = None
        self._cells = 0

    def __len__(self) -> int:
        return len(self._working) + (0 if self.long_term is None else len(self.long_term))

    @property
    def working(self) -> Elements | None:
        """Recent frames in full detail; None when there are none."""
        return self._working.elements() if len(self._working) else None

    def forget_last(self) -> None:
        """Forget the frame that was added last."""
        self._working.drop_last()

    def add(self, frame: Elements, name: str | None = None) -> None:
        """Take in the elements of one frame, and consolidate when there are too many; its name says which keys it has."""
        self._cells = len(frame)
        self._working.append(frame, name)
        if len(self._working) >= self.config.max_working_frames * self._cells:
            self._consolidate()

    def segments(self) -> list[Segment]:
        """Lay everything out for reading, long-term first."""
        return [segment for segment in (self._long_term_segment, self._working.segment() if len(self._working) else None) if segment]

    def count_usage(self, affinity: Tensor) -> None:
        """Count one readout that drew `affinity` (N,) from the elements of `segments`."""
        old = 0 if self.long_term is None else len(self.long_term)
        if self.long_term is not None:
            self.long_term = self.long_term.drawn(affinity[:old])
        if len(self._working):
            self._working.draw(affinity[old:])

    def _consolidate(self) -> None:
        config, working = self.config, self.working
        assert working is not None, "only a full working memory is consolidated"
        if self.long_term is not None and len(self.long_term) >= config.max_long_term_elements - config.prototypes:
            self.long_term = evict(self.long_term, config.max_long_term_elements - config.prototypes)
        keep = config.min_working_frames * self._cells
        prototypes = consolidate(working.take(slice(None, -keep)), config.prototypes)
        self._working.keep_last(config.min_working_frames)
        self.long_term = prototypes if self.long_term is None else self.long_term.joined(prototypes)
        value = self.long_term.value.unflatten(1, (self._objects, -1)).transpose(0, 1).contiguous()
        coverage = None if self.long_term.coverage is None else self.long_term.coverage.T.contiguous()
        self._long_term_segment = Segment(element_side(self.long_term.key, self.long_term.shrinkage), value, coverage=coverage)
