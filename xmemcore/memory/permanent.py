"""Permanent memory: the artist's annotations, never compressed and never dropped.

An entry is one annotated picture of one frame: the frame itself, or a variant of it. Its elements answer only for the
objects that the annotation knows. The order in which entries come does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from xmemcore.memory.affinity import element_side
from xmemcore.memory.searches import tables_of
from xmemcore.memory.segment import Segment


@dataclass(frozen=True)
class Entry:
    """One annotated picture."""

    key: Tensor
    """(P, Ck)."""
    shrinkage: Tensor
    """(P,), at least 1."""
    values: Mapping[int, Tensor]
    """(P, Cv) for every object that the annotation knows."""
    coverage: Tensor | None = None
    """(K, P), the share of each cell that each object covers, in [0, 1]; 0 where an object is unknown."""
    sensory: Tensor | None = None
    """(K, Ch, h, w), the state of a sweep that begins here; None where an object is unknown, and for variants."""
    name: str | None = None
    """Says which keys these are: entries of one name have equal keys. None: nothing that a search of them finds is kept."""

    def to(self, device: torch.device) -> Entry:
        """Move to a device."""
        values = {obj: value.to(device) for obj, value in self.values.items()}
        coverage, sensory = (None if x is None else x.to(device) for x in (self.coverage, self.sensory))
        return replace(
            self, key=self.key.to(device), shrinkage=self.shrinkage.to(device), values=values, coverage=coverage, sensory=sensory
        )


class PermanentMemory:
    """Keep entries by frame and variant."""

    def __init__(self, objects: int) -> None:
        self.objects = objects
        self._entries: dict[tuple[int, int], Entry] = {}
        """By frame and variant."""
        self._segment: Segment | None = None

    def __len__(self) -> int:
        """Count elements, 0 for an empty memory."""
        return sum(len(entry.shrinkage) for entry in self._entries.values())

    @property
    def frames(self) -> tuple[int, ...]:
        """Indices that have an entry, ascending."""
        return tuple(sorted({frame for frame, _ in self._entries}))

    def known(self, frame: int) -> frozenset[int]:
        """Name the objects that the annotation of a frame knows."""
        return frozenset(obj for (at, _), entry in self._entries.items() if at == frame for obj in entry.values)

    def entry(self, frame: int) -> Entry | None:
        """Give the entry of an annotated frame itself, not of its variants."""
        return self._entries.get((frame, 0))

    def put(self, frame: int, entry: Entry, variant: int = 0) -> None:
        """Add an annotated picture, or replace what is there for that frame and variant."""
        assert entry.values and all(0 <= obj < self.objects for obj in entry.values)
        self._entries[frame, variant] = entry
        self._segment = None

    def remove(self, frame: int) -> None:
        """Forget a frame, variants included; every other annotation stays as it is."""
        for place in [place for place in self._entries if place[0] == frame]:
            del self._entries[place]
        self._segment = None

    def segment(self) -> Segment | None:
        """Lay the elements out with frames ascending, whatever the order in which they came; None when empty."""
        if self._segment is None and self._entries:
            entries = [self._entries[place] for place in sorted(self._entries)]
            known = self._known(entries)
            coverage = [entry.coverage for entry in entries if entry.coverage is not None]
            self._segment = Segment(
                side=torch.cat([element_side(entry.key, entry.shrinkage) for entry in entries]),
                value=self._values(entries),
                known=known,
                coverage=torch.cat(coverage, dim=1) if len(coverage) == len(entries) else None,
                audiences=() if known is None else _audiences(known),
                tables=tables_of([(entry.name, len(entry.shrinkage)) for entry in entries]),
                keeps_coarse=True,
            )
            self._share_values()
        return self._segment

    def _share_values(self) -> None:
        """Let entries look at their values in the segment: of many objects, a second copy is hundreds of megabytes."""
        assert self._segment is not None, "a segment is laid out first"
        start = 0
        for place in sorted(self._entries):
            entry = self._entries[place]
            end = start + len(entry.shrinkage)
            self._entries[place] = replace(entry, values={obj: self._segment.value[obj, start:end] for obj in entry.values})
            start = end

    def _values(self, entries: list[Entry]) -> Tensor:
        """Give all objects' values, (K, N, Cv), 0 where an object is unknown."""
        like = next(iter(entries[0].values.values()))
        values = like.new_zeros(self.objects, sum(len(entry.shrinkage) for entry in entries), like.shape[1])
        start = 0
        for entry in entries:
            end = start + len(entry.shrinkage)
            for obj, value in entry.values.items():
                values[obj, start:end] = value
            start = end
        return values

    def _known(self, entries: list[Entry]) -> Tensor | None:
        if all(len(entry.values) == self.objects for entry in entries):
            return None
        return torch.stack(
            [
                torch.cat([torch.full_like(entry.shrinkage, obj in entry.values, dtype=torch.bool) for entry in entries])
                for obj in range(self.objects)
            ]
        )


def _audiences(known: Tensor) -> tuple[tuple[tuple[int, ...], Tensor | None], ...]:
    """Group the objects that the same elements answer for: they share one affinity."""
    groups: list[tuple[list[int], Tensor]] = []
    for obj, row in enumerate(known):
        for members, elements in groups:
            if torch.equal(elements, row):
                members.append(obj)
                break
        else:
            groups.append(([obj], row))
    return tuple((tuple(members), None if elements.all() else elements) for members, elements in groups)
