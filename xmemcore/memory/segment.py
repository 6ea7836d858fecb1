"""A table of memory elements, and the search for each query's best ones in it.

The search is exact. It goes through groups of elements first, and in a large table through bfloat16 scores, whose best are scored again
in float32: a query for which the rounding might hide one of its best elements is searched again in float32.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import torch
from torch import Tensor

GROUP = 16
"""Elements that are compared as one in the first round of a search."""
SHORTLIST_FROM = 16_000
"""Number of elements from which bfloat16 scores, checked in float32, are quicker than float32 scores alone."""
SHORTLIST_TIMES = 1.75
"""How many times as many elements as are wanted are scored again in float32."""
SCORES_AT_ONCE = 4_000_000
"""Scores held at a time, 16 MB in float32: queries are searched for in blocks, so a table of any size can be searched."""


class Buffers:
    """Arrays for scores, kept from frame to frame: new memory pages cost as much as the product that fills them."""

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
    keeps_coarse: bool = False
    """Whether the table stays unchanged for long, so that a bfloat16 copy pays."""
    _coarse: list[Tensor] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.side)

    def best(self, queries: Tensor, k: int, known: Tensor | None, buffers: Buffers) -> tuple[Tensor, Tensor]:
        """Find the best elements of a block of queries.

        Args:
            queries: (Q, 2 * Ck + 1), from `query_side`.
            k: elements wanted; all when there are fewer.
            known: (N,) booleans, elements that may answer; None: all.
            buffers: kept by the caller.

        Returns:
            Scores and indices, (Q, k), in no order; minus infinity where fewer than k may answer.
        """
        if self.keeps_coarse and len(self) >= SHORTLIST_FROM and _multiplies_bfloat16(queries.device):
            return self._best_of_shortlist(queries, k, known, buffers)
        return self._best_exactly(queries, k, known, buffers)

    def _best_exactly(self, queries: Tensor, k: int, known: Tensor | None, buffers: Buffers) -> tuple[Tensor, Tensor]:
        scores = buffers.scores(len(queries), len(self), torch.float32, queries.device)
        torch.mm(queries, self.side.T, out=scores)
        if known is not None:
            scores.masked_fill_(~known, -torch.inf)
        return best_in_groups(scores, k)

    def _best_of_shortlist(self, queries: Tensor, k: int, known: Tensor | None, buffers: Buffers) -> tuple[Tensor, Tensor]:
        if not self._coarse:
            # One column for each element: the product reads it as it lies.
            self._coarse.append(self.side.bfloat16().T.contiguous())
        rough = buffers.scores(len(queries), len(self), torch.bfloat16, queries.device)
        torch.mm(queries.bfloat16(), self._coarse[0], out=rough)
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
            best[rows], where_best[rows] = self._best_exactly(queries[rows], k, known, buffers)
        return best, where_best


def best_in_groups(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Find the k best of each row, by way of the best groups of 16: the k best lie in the k groups with the best maxima.

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
    chosen = torch.topk(table.amax(dim=1).float(), k, dim=1, sorted=False).indices
    found = table.gather(2, chosen.unsqueeze(1).expand(-1, GROUP, -1)).flatten(1)
    rest = total - members * GROUP
    if rest:
        found = torch.cat((found, scores[:, -rest:]), dim=1)
    best, at = torch.topk(found.float(), k, dim=1, sorted=False)
    where = at // k * members + chosen.gather(1, at % k)
    return best, torch.where(at < GROUP * k, where, at - GROUP * k + members * GROUP) if rest else where


@cache
def _multiplies_bfloat16(device: torch.device) -> bool:
    return device.type == "cuda" or (device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported())
