"""One readout over permanent and temporary memory together."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from xmemcore.memory.affinity import best_elements, gather, query_side, top_k_softmax
from xmemcore.memory.permanent import PermanentMemory
from xmemcore.memory.searches import Searches
from xmemcore.memory.segment import Beside, Buffers, Segment, in_turn
from xmemcore.memory.temporary import TemporaryMemory

EQUALLY_WELL = 1e-5
"""Share of a score by which two elements may differ and still match equally well."""


class Readout:
    """Memory's answer for one frame. Values are summed when they are asked for, which is possible until memory takes in the next frame."""

    def __init__(self, answers: Sequence[_Answer], objects: int, queries: int, tells: bool) -> None:
        self._answer_of = {obj: answer for answer in answers for obj in answer.members}
        self._queries = queries
        like = answers[0].segments[0].value if answers else torch.empty(0)
        self.answered = torch.tensor([obj in self._answer_of for obj in range(objects)], device=like.device)
        """(K,) booleans: whether any element knows the object."""
        self.presence: Tensor | None = None
        """(K, Q), the share of each position that is the object, told by the answering elements, in [0, 1]; None where they do not tell."""
        if tells and answers:
            self.presence = torch.stack([self._presence(obj) for obj in range(objects)])

    def value(self, objects: Sequence[int], positions: Tensor | None = None) -> Tensor:
        """Sum the elements that answer.

        Args:
            objects: whose values.
            positions: (R,) indices of queries; None: all.

        Returns:
            (len(objects), Cv, R); 0 for an object that no element knows.
        """
        known = next(iter(self._answer_of.values()), None)
        assert known is not None, "something answers, or there is no readout"
        width = known.segments[0].value.shape[2]
        count = self._queries if positions is None else len(positions)
        value = known.segments[0].value.new_zeros(len(objects), width, count)
        for row, obj in enumerate(objects):
            if obj in self._answer_of:
                value[row] = self._answer_of[obj].value(obj, positions)
        return value

    def _presence(self, obj: int) -> Tensor:
        answer = self._answer_of.get(obj)
        if answer is None:
            return next(iter(self._answer_of.values())).segments[0].side.new_zeros(self._queries)
        return answer.presence(obj)


class _Answer:
    """The elements that answer each query, for objects that share an affinity."""

    def __init__(self, members: Sequence[int], segments: Sequence[Segment], where: Tensor, affinity: Tensor) -> None:
        """Take indices over all segments and affinities, (Q, k)."""
        self.members = members
        self.segments = segments
        self._where, self._affinity = where, affinity

    def value(self, obj: int, positions: Tensor | None) -> Tensor:
        """Give (Cv, R)."""
        where, affinity = self._where, self._affinity
        if positions is not None:
            where, affinity = where.index_select(0, positions), affinity.index_select(0, positions)
        found = (gather(segment.value[obj], local, weight) for segment, local, weight in self._shares(where, affinity))
        return functools.reduce(torch.add, found).T

    def presence(self, obj: int) -> Tensor:
        """Give (Q,)."""
        found = (
            (segment.coverage[obj][local] * weight).sum(dim=1)
            for segment, local, weight in self._all_shares
            if segment.coverage is not None
        )
        return functools.reduce(torch.add, found)

    @functools.cached_property
    def _all_shares(self) -> list[tuple[Segment, Tensor, Tensor]]:
        return self._shares(self._where, self._affinity)

    def _shares(self, where: Tensor, affinity: Tensor) -> list[tuple[Segment, Tensor, Tensor]]:
        """Split indices and affinities by segment, with indices counted within the segment."""
        if len(self.segments) == 1:
            return [(self.segments[0], where, affinity)]
        start, shares = 0, []
        for segment in self.segments:
            inside = (where >= start) & (where < start + len(segment))
            shares.append((segment, torch.where(inside, where - start, 0), torch.where(inside, affinity, 0.0)))
            start += len(segment)
        return shares


class _DenseAnswer(_Answer):
    """Answers from a whole affinity, as the papers describe it."""

    def __init__(self, members: Sequence[int], segments: Sequence[Segment], affinity: Tensor) -> None:
        """Take (N, Q)."""
        self.members = members
        self.segments = segments
        self._dense = affinity

    def value(self, obj: int, positions: Tensor | None) -> Tensor:
        """Give (Cv, R)."""
        table = torch.cat([segment.value[obj] for segment in self.segments])
        return table.T @ (self._dense if positions is None else self._dense[:, positions])


class ShotMemory:
    """Read permanent memory, which sweeps share, together with one sweep's temporary memory."""

    def __init__(self, permanent: PermanentMemory, temporary: TemporaryMemory, beside: Beside = in_turn) -> None:
        """Take both, and what does several searches; see `Segment.best`."""
        self.permanent = permanent
        self.temporary = temporary
        self._beside = beside
        self._buffers = Buffers()

    def read(self, key: Tensor, selection: Tensor, searches: Searches | None = None) -> Readout | None:
        """Answer every query position with its best elements, and count their usage.

        Args:
            key: (Q, Ck).
            selection: (Q, Ck), in [0, 1].
            searches: what earlier searches for the same frame have found; None: nothing is kept.

        Returns:
            None when nothing is remembered.
        """
        segments = [*self.temporary.segments(), *([permanent] if (permanent := self.permanent.segment()) is not None else [])]
        if not segments:
            return None
        queries = query_side(key, selection)
        objects = self.permanent.objects
        dense = self.temporary.config.dense
        tells = not dense and all(segment.coverage is not None for segment in segments)
        usage = queries.new_zeros(sum(map(len, segments)))
        answers: list[_Answer] = []
        for members, known in _audiences(segments[-1], objects):
            if known is not None and len(segments) == 1 and not known.any():
                continue
            if dense:
                affinity = self._dense(segments, queries, known)
                usage += affinity.sum(dim=1)
                answers.append(_DenseAnswer(members, segments, affinity))
                continue
            where, affinity = self._best(segments, queries, known, searches)
            usage.scatter_add_(0, where.flatten(), affinity.flatten())
            answers.append(_Answer(members, segments, where, affinity))
        if len(self.temporary):
            self.temporary.count_usage(usage[: len(self.temporary)])
        return Readout(answers, objects, len(queries), tells) if answers else None

    def _best(self, segments: list[Segment], queries: Tensor, known: Tensor | None, searches: Searches | None) -> tuple[Tensor, Tensor]:
        """Give indices over all segments and affinities, (Q, k): each segment's best compete for the same places.

        A repeated frame gives elements that match equally well. Of those the permanent one is taken, because it is the artist's.
        """
        k, start = self.temporary.config.top_k, 0
        scores: list[Tensor] = []
        places: list[Tensor] = []
        for segment in segments:
            answering = known if segment is segments[-1] else None
            best, where = segment.best(queries, min(k, len(segment)), answering, self._buffers, searches, self._beside)
            scores.insert(0, best)
            places.insert(0, where + start)
            start += len(segment)
        everything = torch.cat(scores, dim=1)
        # Scores that are equal on paper differ by rounding, which differs from machine to machine.
        favoured = torch.cat([scores[0] * (1 - EQUALLY_WELL), *scores[1:]], dim=1)
        at, _ = best_elements(favoured, k)
        return torch.cat(places, dim=1).gather(1, at), torch.softmax(everything.gather(1, at), dim=1)

    def _dense(self, segments: list[Segment], queries: Tensor, known: Tensor | None) -> Tensor:
        """Compute the whole affinity, (N, Q)."""
        side = torch.cat([segment.side for segment in segments])
        scores = side @ queries.T
        if known is not None:
            scores[-len(known) :].masked_fill_(~known.unsqueeze(1), -torch.inf)
        return top_k_softmax(scores.unsqueeze(0), self.temporary.config.top_k)[0]


def _audiences(permanent: Segment, objects: int) -> list[tuple[list[int], Tensor | None]]:
    """Say which objects share an affinity; the last segment alone may know some objects and not others."""
    return [(list(members), known) for members, known in permanent.audiences] or [(list(range(objects)), None)]
