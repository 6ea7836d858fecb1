"""The search for the best elements gives what looking at all of them gives."""

from __future__ import annotations

import pytest
import torch

from xmemcore.memory import segment
from xmemcore.memory.segment import Buffers, Segment, best_in_groups

DIM = 9


def drawn(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def chosen(where: torch.Tensor) -> list[set[int]]:
    return [set(row.tolist()) for row in where]


@pytest.mark.parametrize("count", [1, 5, 16, 160, 163, 400, 975])
@pytest.mark.parametrize("k", [1, 4, 30])
def test_best_by_groups_are_the_best_of_all(count: int, k: int) -> None:
    scores = drawn(count, 7, count)
    best, where = best_in_groups(scores, k)
    expected = torch.topk(scores, min(k, count), dim=1)
    assert chosen(where) == chosen(expected.indices)
    assert torch.equal(scores.gather(1, where), best)


@pytest.mark.parametrize("spread", [1.0, 1e-3])
@pytest.mark.parametrize("some_known", [False, True])
def test_shortlist_gives_the_very_elements_however_close_they_are(monkeypatch: pytest.MonkeyPatch, spread: float, some_known: bool) -> None:
    # The second spread is under what bfloat16 tells apart, so that the rough order means nothing.
    monkeypatch.setattr(segment, "SHORTLIST_FROM", 100)
    monkeypatch.setattr(segment, "_multiplies_bfloat16", lambda device: True)
    side = 1 + spread * drawn(1, 900, DIM)
    queries = 1 + drawn(2, 11, DIM).abs()
    known = (torch.arange(900) % 3 > 0) if some_known else None
    scores = queries @ side.T
    if some_known:
        scores[:, ~known] = -torch.inf
    table = Segment(side, torch.zeros(1, 900, 2), keeps_coarse=True)
    best, where = table.best(queries, 30, known, Buffers())
    expected = torch.topk(scores, 30, dim=1)
    # Two sums of the same product may differ in their last bit, which decides between elements that tie.
    assert torch.allclose(best.sort(dim=1, descending=True).values, expected.values, rtol=1e-6)
    if spread == 1.0:
        assert chosen(where) == chosen(expected.indices)


def test_fewer_known_elements_than_wanted_leave_the_others_without_weight() -> None:
    table = Segment(drawn(1, 200, DIM), torch.zeros(1, 200, 2))
    known = torch.arange(200) < 3
    best, where = table.best(drawn(2, 4, DIM), 8, known, Buffers())
    assert all({0, 1, 2} <= row for row in chosen(where))
    assert torch.softmax(best, dim=1).gt(0).sum(dim=1).tolist() == [3] * 4


def test_buffers_keep_one_block_for_each_type() -> None:
    buffers = Buffers()
    large = buffers.scores(10, 20, torch.float32, torch.device("cpu"))
    small = buffers.scores(3, 5, torch.float32, torch.device("cpu"))
    assert small.shape == (3, 5) and small.data_ptr() == large.data_ptr()
