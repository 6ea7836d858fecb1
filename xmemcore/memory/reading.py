"""One readout over permanent and temporary memory together."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from xmemcore.memory.affinity import best_elements, gather, query_side, top_k_softmax
from xmemcore.memory.permanent import PermanentMemory
from xmemcore.memory.segment import SCORES_AT_ONCE, Buffers, Segment
from xmemcore.memory.temporary import TemporaryMemory

EQUALLY_WELL = 1e-5
"""Share of a score by which two elements may differ and still match equally well."""


@dataclass(frozen=True)
class Readout:
    """What memory gave back for one frame."""

    value: Tensor
    """(K, Cv, Q); 0 for an object that nothing is known about."""
    answered: Tensor
    """(K,) booleans: whether any element knows the object."""
    presence: Tensor | None
    """(K, Q), how much of each position is the object by the elements that answer, in [0, 1]; None where they do not tell."""


class ShotMemory:
    """Read permanent memory, which sweeps share, together with one sweep's temporary memory."""

    def __init__(self, permanent: PermanentMemory, temporary: TemporaryMemory) -> None:
        self.permanent = permanent
        self.temporary = temporary
        self._buffers = Buffers()

    def read(self, key: Tensor, selection: Tensor) -> Readout | None:
        """Answer every query position with its best elements, and count their usage.

        Args:
            key: (Q, Ck).
            selection: (Q, Ck), in [0, 1].

        Returns:
            None when nothing is remembered.
        """
        segments = [*self.temporary.segments(), *([permanent] if (permanent := self.permanent.segment()) is not None else [])]
        if not segments:
            return None
        queries = query_side(key, selection)
        objects = self.permanent.objects
        value = queries.new_zeros(objects, segments[0].value.shape[2], len(queries))
        answered = torch.zeros(objects, dtype=torch.bool, device=key.device)
        tells = not self.temporary.config.dense and all(segment.coverage is not None for segment in segments)
        presence = queries.new_zeros(objects, len(queries)) if tells else None
        usage = queries.new_zeros(sum(map(len, segments)))
        for members, known in _audiences(segments[-1], objects):
            if known is not None and len(segments) == 1 and not known.any():
                continue
            answered[members] = True
            if self.temporary.config.dense:
                usage += self._read_densely(segments, queries, known, members, value)
                continue
            for block in torch.arange(len(queries)).split(max(1, SCORES_AT_ONCE // max(map(len, segments)))):
                rows = slice(int(block[0]), int(block[-1]) + 1)
                where, affinity = self._best(segments, queries[rows], known)
                usage.scatter_add_(0, where.flatten(), affinity.flatten())
                _gather(segments, where, affinity, members, value[:, :, rows], None if presence is None else presence[:, rows])
        if len(self.temporary):
            self.temporary.count_usage(usage[: len(self.temporary)])
        return Readout(value, answered, presence)

    def _best(self, segments: list[Segment], queries: Tensor, known: Tensor | None) -> tuple[Tensor, Tensor]:
        """Give indices over all segments and affinities, (Q, k): each segment's best compete for the same places.

        Of elements that match equally well, which a repeated frame gives, the permanent one goes first: it is the artist's word.
        """
        k, start = self.temporary.config.top_k, 0
        scores: list[Tensor] = []
        places: list[Tensor] = []
        for segment in segments:
            best, where = segment.best(queries, min(k, len(segment)), known if segment is segments[-1] else None, self._buffers)
            scores.insert(0, best)
            places.insert(0, where + start)
            start += len(segment)
        everything = torch.cat(scores, dim=1)
        # Equal up to rounding, which differs from machine to machine.
        favoured = torch.cat([scores[0] * (1 - EQUALLY_WELL), *scores[1:]], dim=1)
        at, _ = best_elements(favoured, k)
        return torch.cat(places, dim=1).gather(1, at), torch.softmax(everything.gather(1, at), dim=1)

    def _read_densely(self, segments: list[Segment], queries: Tensor, known: Tensor | None, members: list[int], value: Tensor) -> Tensor:
        """Compute the whole affinity, (N, Q), fill the objects' rows of `value`, and give each element's usage."""
        side = torch.cat([segment.side for segment in segments])
        scores = side @ queries.T
        if known is not None:
            scores[-len(known) :].masked_fill_(~known.unsqueeze(1), -torch.inf)
        affinity = top_k_softmax(scores.unsqueeze(0), self.temporary.config.top_k)[0]
        table = torch.cat([segment.value[members] for segment in segments], dim=1)
        value[members] = table.transpose(1, 2) @ affinity
        return affinity.sum(dim=1)


def _audiences(permanent: Segment, objects: int) -> list[tuple[list[int], Tensor | None]]:
    """Say which objects share an affinity; the last segment alone may know some objects and not others."""
    return [(list(members), known) for members, known in permanent.audiences] or [(list(range(objects)), None)]


def _gather(segments: list[Segment], where: Tensor, affinity: Tensor, objects: list[int], value: Tensor, presence: Tensor | None) -> None:
    """Fill the objects' rows of `value` (K, Cv, Q) and `presence` (K, Q): each segment answers for the indices that are its own."""
    start, shares = 0, []
    for segment in segments:
        inside = (where >= start) & (where < start + len(segment))
        shares.append((segment, torch.where(inside, where - start, 0), torch.where(inside, affinity, 0.0)))
        start += len(segment)
    for obj in objects:
        value[obj] = functools.reduce(torch.add, (gather(segment.value[obj], local, weight) for segment, local, weight in shares)).T
        if presence is not None:
            found = (segment.coverage[obj][local] * weight for segment, local, weight in shares if segment.coverage is not None)
            presence[obj] = functools.reduce(torch.add, (each.sum(dim=1) for each in found))
