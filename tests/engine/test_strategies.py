"""Strategies that choose frames: which names exist, and what uniform and random picks are."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xmemcore.engine.selection import STRATEGIES, Situation, evenly
from xmemcore.engine.suggestion import View
from xmemcore.protocol.choices import METHODS


def unseen(index: int) -> View:
    raise AssertionError(f"frame {index} was looked at")


def picked(name: str, keyed: tuple[int, ...], eligible: list[bool], count: int, seed: int = 0) -> list[int]:
    return [pick.index for pick in STRATEGIES[name].picks(Situation(keyed, eligible, unseen, seed), count)]


def test_names_on_the_command_line_are_the_strategies_that_exist() -> None:
    assert sorted(METHODS) == sorted(STRATEGIES)
    assert all(strategy.sees or strategy.reason for strategy in STRATEGIES.values())


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(name for name in STRATEGIES if not STRATEGIES[name].sees)), st.data())
def test_picks_are_open_frames_and_none_twice(name: str, data: st.DataObject) -> None:
    eligible = data.draw(st.lists(st.booleans(), min_size=1, max_size=30))
    keyed = tuple(data.draw(st.sets(st.integers(0, len(eligible) - 1), min_size=1)))
    count = data.draw(st.integers(1, 40))
    found = picked(name, keyed, eligible, count, seed=data.draw(st.integers(0, 3)))
    open_frames = [index for index, may in enumerate(eligible) if may and index not in keyed]
    assert len(found) == len(set(found)) == min(count, len(open_frames)) and set(found) <= set(open_frames)


def test_uniform_without_a_key_is_the_papers_spread() -> None:
    assert picked("uniform", (), [True] * 60, 5) == evenly(60, 5) == [0, 14, 29, 44, 59]
    # Frames that may not be picked do not count.
    assert picked("uniform", (), [index in (0, 14, 33, 43, 66) for index in range(87)], 3) == [0, 33, 66]


def test_uniform_between_keys_halves_the_longest_stretch() -> None:
    assert picked("uniform", (0, 20), [True] * 41, 3) == [40, 10, 30]


def test_random_picks_depend_on_the_seed_and_on_the_number_of_keys() -> None:
    assert picked("random", (0,), [True] * 100, 6, seed=1) == picked("random", (0,), [True] * 100, 6, seed=1)
    assert len({tuple(picked("random", (0,), [True] * 100, 6, seed=seed)) for seed in range(5)}) == 5
    assert picked("random", (0,), [True] * 100, 1) != picked("random", (0, 99), [True] * 100, 1)


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_scores_are_those_of_frames_that_may_be_picked(name: str) -> None:
    looks = [View(torch.randn(3, 5), torch.randn(3, 5)) for _ in range(8)]
    glimpses = torch.randn(8, 4, 5)
    situation = Situation((2,), [index != 5 for index in range(8)], looks.__getitem__, glimpse=glimpses.__getitem__)
    first = next(STRATEGIES[name].picks(situation, 1))
    assert first.scores.shape == (8,) and first.scores[2] == first.scores[5] == 0
    assert first.score == float(first.scores[first.index]) == float(first.scores.max()) > 0
