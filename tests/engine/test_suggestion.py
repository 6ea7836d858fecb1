"""Suggestion names the frame that is explained worst, once, and stops when all are explained."""

from __future__ import annotations

import pytest
import torch

from xmemcore.engine.suggestion import View, dissimilarity, suggest, view
from xmemcore.network.features import Features
from xmemcore.protocol.failures import Cancelled


def features(seed: int, h: int = 3, w: int = 4) -> Features:
    draw = torch.Generator().manual_seed(seed)
    key = torch.randn(1, 6, h, w, generator=draw)
    return Features(key, 1 + torch.rand(1, 1, h, w, generator=draw), torch.rand(1, 6, h, w, generator=draw), key, None, None)


@pytest.fixture
def views() -> list[View]:
    # Frame 4 is a copy of frame 0.
    return [view(features(seed % 4), None, 0.0) for seed in range(5)] + [view(features(9), None, 0.0)]


def test_scores_are_the_smallest_dissimilarity_so_far(views: list[View]) -> None:
    picks = list(suggest(views.__getitem__, [True] * 6, [0], 3))
    chosen = [0]
    for pick in picks:
        expected = [min(dissimilarity(views[c], views[j]) for c in chosen) if j not in chosen else 0.0 for j in range(6)]
        assert torch.allclose(pick.scores, torch.tensor(expected, dtype=torch.float64))
        assert pick.index == max(range(6), key=lambda j: expected[j])
        chosen.append(pick.index)


def test_each_round_compares_with_the_newest_frame_only(views: list[View]) -> None:
    asked: list[int] = []

    def counted(index: int) -> View:
        asked.append(index)
        return views[index]

    list(suggest(counted, [True] * 6, [0], 3))
    # One look at the newest frame and one at each open frame: 5 open, then 4, then 3.
    assert len(asked) == (1 + 5) + (1 + 4) + (1 + 3)


def test_progress_ends_when_all_comparisons_are_made(views: list[View]) -> None:
    steps: list[tuple[int, int]] = []
    list(suggest(views.__getitem__, [True] * 6, [0, 2], 3, progress=lambda done, total: steps.append((done, total))))
    assert steps[-1] == (2 * 4 + 3 + 2, 2 * 4 + 3 + 2)


def test_annotated_frames_are_never_proposed_and_none_twice(views: list[View]) -> None:
    picks = [pick.index for pick in suggest(views.__getitem__, [True] * 6, [1, 5], 6)]
    assert not {1, 5}.intersection(picks)
    assert len(set(picks)) == len(picks)


def test_nothing_is_proposed_when_everything_is_explained(views: list[View]) -> None:
    assert list(suggest(lambda _: views[0], [True] * 4, [2], 3)) == []


def test_copy_of_a_keyed_frame_is_not_worth_keying(views: list[View]) -> None:
    assert 4 not in [pick.index for pick in suggest(views.__getitem__, [True] * 6, [0], 6)]


def test_frames_that_are_not_eligible_are_left_out(views: list[View]) -> None:
    assert [pick.index for pick in suggest(views.__getitem__, [False, False, True, False, False, False], [0], 3)] == [2]


def test_alpha_weighs_the_masked_key(views: list[View]) -> None:
    mask = torch.zeros(12, 16)
    whole, masked = view(features(1), None, 0.5), view(features(1), mask, 0.5)
    assert not torch.equal(whole.as_memory, masked.as_memory)
    assert torch.allclose(masked.as_query[:, :6], whole.as_query[:, :6]), "selection is that of the raw frame"


def test_suggestion_can_be_cancelled(views: list[View]) -> None:
    with pytest.raises(Cancelled):
        list(suggest(views.__getitem__, [True] * 6, [0], 3, cancelled=lambda: True))
