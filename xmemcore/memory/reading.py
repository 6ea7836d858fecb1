"""One readout over permanent and temporary memory together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from xmemcore.memory.affinity import best_elements, element_side, gather, query_side, top_k_softmax
from xmemcore.memory.permanent import PermanentMemory, Segment
from xmemcore.memory.temporary import TemporaryMemory

_SCORES_AT_ONCE = 16_000_000
"""Similarities held at a time, 64 MB in float32: queries are read in blocks, so memory of any size can be searched."""


@dataclass(frozen=True)
class Readout:
    """What memory gave back for one frame."""

    value: Tensor
    """(K, Cv, Q); 0 for an object that nothing is known about."""
    answered: Tensor
    """(K,) booleans: whether any element knows the object."""


class ShotMemory:
    """Read permanent memory, which sweeps share, together with one sweep's temporary memory."""

    def __init__(self, permanent: PermanentMemory, temporary: TemporaryMemory) -> None:
        self.permanent = permanent
        self.temporary = temporary
        self._temporary_segment: Segment | None = None
        self._laid_out = 0

    def read(self, key: Tensor, selection: Tensor) -> Readout | None:
        """Answer every query position with its best elements, and count their usage.

        Args:
            key: (Q, Ck).
            selection: (Q, Ck), in [0, 1].

        Returns:
            None when nothing is remembered.
        """
        segments = [segment for segment in (self._segment_of_temporary(), self.permanent.segment()) if segment is not None]
        if not segments:
            return None
        # The elements are joined, not their scores: those are ten times as many numbers.
        side = torch.cat([segment.side for segment in segments])
        queries = query_side(key, selection)
        value = queries.new_zeros(self.permanent.objects, segments[0].value.shape[1] // self.permanent.objects, len(queries))
        answered = torch.zeros(self.permanent.objects, dtype=torch.bool, device=key.device)
        usage = queries.new_zeros(len(side))
        for objects, known in _audiences(segments, self.permanent.objects):
            if not known.any():
                continue
            answered[objects] = True
            if self.temporary.config.dense:
                affinity = self._dense(side, queries, known)
                usage += affinity.sum(dim=1)
                table = torch.cat([segment.value for segment in segments]).unflatten(1, (self.permanent.objects, -1))[:, objects]
                value[objects] = (table.flatten(1).T @ affinity).unflatten(0, (len(objects), -1))
                continue
            for block in torch.arange(len(queries), device=key.device).split(max(1, _SCORES_AT_ONCE // len(usage))):
                rows = slice(int(block[0]), int(block[-1]) + 1)
                where, affinity = self._best(side, queries[rows], known)
                usage.scatter_add_(0, where.flatten(), affinity.flatten())
                value[objects, :, rows] = _gathered(segments, where, affinity, objects, self.permanent.objects)
        if len(self.temporary):
            self.temporary.count_usage(usage[: len(self.temporary)])
        return Readout(value, answered)

    def _best(self, side: Tensor, queries: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        scores = queries @ side.T
        if not known.all():
            scores.masked_fill_(~known, -torch.inf)
        return best_elements(scores, min(self.temporary.config.top_k, int(known.sum())))

    def _dense(self, side: Tensor, queries: Tensor, known: Tensor) -> Tensor:
        """Give the whole affinity, (N, Q)."""
        scores = (side @ queries.T).masked_fill(~known.unsqueeze(1), -torch.inf)
        return top_k_softmax(scores.unsqueeze(0), self.temporary.config.top_k)[0]

    def _segment_of_temporary(self) -> Segment | None:
        if not len(self.temporary):
            return None
        if self._laid_out != self.temporary.additions:
            elements = self.temporary.elements()
            self._temporary_segment = Segment(element_side(elements.key, elements.shrinkage), elements.value, None)
            self._laid_out = self.temporary.additions
        return self._temporary_segment


def _audiences(segments: list[Segment], objects: int) -> list[tuple[list[int], Tensor]]:
    """Group the objects that the same elements answer for: they share one affinity. Give each group its (N,) mask."""
    rows = torch.cat(
        [
            segment.known
            if segment.known is not None
            else torch.ones(objects, len(segment.side), dtype=torch.bool, device=segment.side.device)
            for segment in segments
        ],
        dim=1,
    )
    groups: list[tuple[list[int], Tensor]] = []
    for obj, row in enumerate(rows):
        for members, known in groups:
            if torch.equal(known, row):
                members.append(obj)
                break
        else:
            groups.append(([obj], row))
    return groups


def _gathered(segments: list[Segment], where: Tensor, affinity: Tensor, objects: list[int], all_objects: int) -> Tensor:
    """Give (len(objects), Cv, rows): each segment answers for the indices that are its own."""
    start, total = 0, None
    for segment in segments:
        size = len(segment.side)
        inside = (where >= start) & (where < start + size)
        local = torch.where(inside, where - start, 0)
        table = segment.value
        if len(objects) < all_objects:
            table = table.unflatten(1, (all_objects, -1))[:, objects].flatten(1)
        part = gather(table, local, torch.where(inside, affinity, 0.0))
        total = part if total is None else total + part
        start += size
    return total.unflatten(1, (len(objects), -1)).permute(1, 2, 0)
