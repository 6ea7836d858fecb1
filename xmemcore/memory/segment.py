"""A segment of memory, and the search for each query's best elements in it.

The search is exact. It goes through groups of elements first, and in a large segment through bfloat16 scores, whose best are scored again
in float32: a query for which the rounding might hide one of its best elements is searched again in float32.

What is found is kept for later searches, so an element's score must not depend on what else is searched, to the bit. Libraries round by
the shape of a product: each table has a product of its own, and what went by way of bfloat16 serves for the very same elements alone.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from xmemcore.memory.searches import MOST_TABLES, Found, Searches, Tables

GROUP = 8
"""Elements, or groups of them, that are compared as one in a round of a search."""
SHORTLIST_FROM = 16_000
"""Number of elements from which bfloat16 scores, checked in float32, are quicker than float32 scores alone."""
SHORTLIST_TIMES = 1.75
"""How many times as many elements as are wanted are scored again in float32."""
SCORES_AT_ONCE = 4_000_000
"""Scores held at a time, 16 MB in float32, so that a segment of any size can be searched."""
FRAMES_AT_ONCE = 10
"""Frames of which so many scores are. Blocks of queries have this size whatever is searched: another number of rows may round otherwise."""


Best = tuple[Tensor, Tensor]
"""Scores of elements and their indices, (Q, k)."""
Beside = Callable[[Sequence[Callable[[], Best]]], list[Best]]
"""Does tasks that do not depend on each other, in whichever threads; gives what each gives, in their order."""


def in_turn(tasks: Sequence[Callable[[], Best]]) -> list[Best]:
    """Do tasks in this thread."""
    return [task() for task in tasks]


class Buffers(threading.local):
    """Arrays for scores, kept from frame to frame, for each thread: new memory pages cost as much as the product that fills them."""

    def __init__(self) -> None:
        self._kept: dict[torch.dtype, Tensor] = {}

    def scores(self, rows: int, columns: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Give (rows, columns) with arbitrary content; the array given before, of the same type, is overwritten."""
        size = rows * columns
        buffer = self._kept.get(dtype)
        if buffer is None or buffer.numel() < size:
            buffer = self._kept[dtype] = torch.empty(size, dtype=dtype, device=device)
        return buffer[:size].view(rows, columns)


@dataclass(frozen=True)
class Segment:
    """Elements laid out for reading."""

    side: Tensor
    """(N, 2 * Ck + 1), from `element_side`."""
    value: Tensor
    """(K, N, Cv), each object's values together; 0 where an object is unknown."""
    known: Tensor | None = None
    """(K, N) booleans: which elements answer for which object; None: all for all."""
    coverage: Tensor | None = None
    """(K, N), the share of each element's cell that the object covers, in [0, 1]; None where presence is not computed."""
    audiences: tuple[tuple[tuple[int, ...], Tensor | None], ...] = ()
    """Objects that the same elements answer for, with those elements, (N,) booleans; empty: all for all."""
    tables: Tables | None = None
    """The tables of all elements; None where an element is of no frame's own keys."""
    keeps_coarse: bool = False
    """Whether it stays unchanged for long, so that a bfloat16 copy pays."""
    _coarse: list[Tensor] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.side)

    def best(
        self,
        queries: Tensor,
        k: int,
        known: Tensor | None,
        buffers: Buffers,
        searches: Searches | None = None,
        beside: Beside = in_turn,
    ) -> Best:
        """Find the best elements of a frame's queries.

        Args:
            queries: (Q, 2 * Ck + 1), from `query_side`.
            k: elements wanted; all when there are fewer.
            known: (N,) booleans, elements that may answer; None: all.
            buffers: kept by the caller.
            searches: what the frame's earlier searches have found, to which this one is added; None: nothing is kept.
            beside: searches for several blocks of queries.

        Returns:
            Scores and indices, (Q, k), by ascending index; of elements that match equally well the first ones. Minus infinity where
            fewer than k may answer.
        """
        tables = self.tables
        runs = [(0, len(self))] if tables is None else tables.runs_without(())
        if searches is None or known is not None or tables is None or len(tables.names) > MOST_TABLES:
            return self._searched(queries, k, runs, known, buffers, beside)
        kept = searches.among(tables, self._shortlists)
        if kept is not None and kept.best.shape == (len(queries), min(k, kept.count)):
            if not kept.left_out:
                return kept.best, kept.where
            found = self._searched(queries, k, kept.left_out, None, buffers, beside)
            best, where = _joined((kept.best, kept.where), found, k)
        else:
            best, where = self._searched(queries, k, runs, None, buffers, beside)
        searches.keep(Found(tables.names, best, tables.places(where), self._shortlists))
        return best, where

    @property
    def _shortlists(self) -> bool:
        """Whether it is searched by way of bfloat16 scores."""
        return self.keeps_coarse and len(self) >= SHORTLIST_FROM and _multiplies_bfloat16(self.side.device)

    def _searched(
        self, queries: Tensor, k: int, runs: Sequence[tuple[int, int]], known: Tensor | None, buffers: Buffers, beside: Beside
    ) -> Best:
        """Search the elements of some half-open ranges, in blocks of queries and of elements."""
        if queries.device.type == "cpu":
            blocks = -(-FRAMES_AT_ONCE * len(queries) ** 2 // SCORES_AT_ONCE)
            rows = -(-len(queries) // blocks)
        else:
            rows = max(1, SCORES_AT_ONCE // sum(end - start for start, end in runs))
        if self._shortlists:
            coarse = self._made_coarse()
            found = beside([functools.partial(self._best_of_shortlist, block, k, known, buffers, coarse) for block in queries.split(rows)])
        else:
            found = beside([functools.partial(self._best_exactly, block, k, runs, known, buffers) for block in queries.split(rows)])
        best, where = (torch.cat(parts) for parts in zip(*found))
        return best, where

    @torch.inference_mode()
    def _best_exactly(self, queries: Tensor, k: int, runs: Sequence[tuple[int, int]], known: Tensor | None, buffers: Buffers) -> Best:
        parts = _packed(runs, max(k, SCORES_AT_ONCE // len(queries)))
        several = (self._best_of_part(queries, k, part, known, buffers) for part in parts)
        return functools.reduce(lambda first, second: _joined(first, second, k), several)

    def _best_of_part(self, queries: Tensor, k: int, runs: Sequence[tuple[int, int]], known: Tensor | None, buffers: Buffers) -> Best:
        lengths = [end - start for start, end in runs]
        scores = buffers.scores(len(queries), sum(lengths), torch.float32, queries.device)
        for columns, (start, end) in zip(scores.split(lengths, dim=1), runs):
            torch.mm(queries, self.side[start:end].T, out=columns)
            if known is not None:
                columns.masked_fill_(~known[start:end], -torch.inf)
        # Elsewhere nothing is kept, so order and the choice between equal ones may be chance; to decide them, a card would be waited for.
        best, where = best_in_order(scores, k) if scores.device.type == "cpu" else best_in_groups(scores, k)
        if len(runs) == 1:
            return best, where + runs[0][0]
        elements = torch.cat([torch.arange(start, end, device=where.device) for start, end in runs])
        return best, elements[where]

    def _made_coarse(self) -> Tensor:
        """Give all elements in bfloat16, one column for each: the product reads it as it lies."""
        if not self._coarse:
            self._coarse.append(self.side.bfloat16().T.contiguous())
        return self._coarse[0]

    @torch.inference_mode()
    def _best_of_shortlist(self, queries: Tensor, k: int, known: Tensor | None, buffers: Buffers, coarse: Tensor) -> Best:
        rough = buffers.scores(len(queries), len(self), torch.bfloat16, queries.device)
        torch.mm(queries.bfloat16(), coarse, out=rough)
        if known is not None:
            rough.masked_fill_(~known, -torch.inf)
        guess, where = best_in_groups(rough, int(SHORTLIST_TIMES * k))
        exact = torch.bmm(self.side.index_select(0, where.flatten()).unflatten(0, where.shape), queries.unsqueeze(2)).squeeze(2)
        if known is not None:
            exact.masked_fill_(guess == -torch.inf, -torch.inf)
        best, at = torch.topk(exact, k, dim=1, sorted=False)
        where_best = where.gather(1, at)
        # Elements left out scored at most the last guess. Where rounding could exceed the distance to it, the row is searched in float32.
        rounding = torch.where(guess == -torch.inf, 0.0, (exact - guess.float()).abs()).amax(dim=1)
        doubtful = guess.amin(dim=1).float() + rounding > best.amin(dim=1)
        if doubtful.any():
            rows = doubtful.nonzero().squeeze(1)
            best[rows], where_best[rows] = self._best_exactly(queries[rows], k, [(0, len(self))], known, buffers)
        return _by_index(best, where_best)


def _packed(runs: Sequence[tuple[int, int]], size: int) -> list[list[tuple[int, int]]]:
    """Put half-open ranges together into parts of at most `size` elements; only a range that is longer is cut."""
    parts: list[list[tuple[int, int]]] = []
    room = 0
    for start, end in runs:
        for begin in range(start, end, size):
            length = min(size, end - begin)
            if length > room:
                parts.append([])
                room = size
            parts[-1].append((begin, begin + length))
            room -= length
    return parts


def best_in_order(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Find the k best of each row, of equal ones the first.

    Args:
        scores: (Q, N).
        k: how many; all when there are fewer.

    Returns:
        Scores and indices, (Q, k), by ascending index.
    """
    if scores.shape[1] <= k:
        return scores.float(), torch.arange(scores.shape[1], device=scores.device).expand(len(scores), -1)
    best, where = best_in_groups(scores, k + 1)
    best, order = best.sort(dim=1, descending=True)
    # Which of several equal ones a search finds is chance, unless all of them are among the best.
    tied = (best[:, k - 1] == best[:, k]).nonzero().squeeze(1)
    best, where = _by_index(best[:, :k], where.gather(1, order[:, :k]))
    if len(tied):
        rows = scores[tied]
        where[tied] = _first_of_equals(rows, best[tied].amin(dim=1, keepdim=True), k)
        best[tied] = rows.gather(1, where[tied])
    return best, where


def _first_of_equals(scores: Tensor, least: Tensor, k: int) -> Tensor:
    """Give the indices (R, k) of what is better than the k-th best score (R, 1), and of the first ones that equal it."""
    better, equal = ~(scores <= least), scores == least
    room = k - better.sum(dim=1, keepdim=True)
    chosen = better | (equal & (equal.cumsum(dim=1, dtype=torch.int32) <= room))
    return chosen.nonzero()[:, 1].unflatten(0, (len(scores), k))


def _by_index(best: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
    where, order = where.sort(dim=1)
    return best.gather(1, order), where


def _joined(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor], k: int) -> tuple[Tensor, Tensor]:
    """Give the best of two lists of different elements."""
    best, where = _by_index(torch.cat((first[0], second[0]), dim=1), torch.cat((first[1], second[1]), dim=1))
    best, at = best_in_order(best, k)
    return best, where.gather(1, at)


def best_in_groups(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Find the k best of each row, by way of the best groups: the k best lie in the k groups with the best maxima.

    Args:
        scores: (Q, N).
        k: how many; all when there are fewer.

    Returns:
        Scores and indices, (Q, k), in no order.
    """
    total = scores.shape[1]
    members = total // GROUP
    if members <= 2 * k:
        best, where = torch.topk(scores.float(), min(k, total), dim=1, sorted=False)
        return best, where
    # Element n belongs to group n % each: a maximum over the middle axis runs along memory.
    table = scores[:, : members * GROUP].unflatten(1, (GROUP, members))
    _, chosen = best_in_groups(table.amax(dim=1), k)
    found = table.gather(2, chosen.unsqueeze(1).expand(-1, GROUP, -1)).flatten(1)
    rest = total - members * GROUP
    if rest:
        found = torch.cat((found, scores[:, -rest:]), dim=1)
    best, at = torch.topk(found.float(), k, dim=1, sorted=False)
    where = at // k * members + chosen.gather(1, at % k)
    return best, torch.where(at < GROUP * k, where, at - GROUP * k + members * GROUP) if rest else where


@functools.cache
def _multiplies_bfloat16(device: torch.device) -> bool:
    return device.type == "cuda" or (device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported())
