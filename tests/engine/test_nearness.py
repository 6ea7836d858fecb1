"""Pairs of frames are measured once, and the same whatever was measured before."""

from __future__ import annotations

import random

import pytest
import torch

from tests import reference
from tests.engine.noted_pairs import note_pairs
from xmemcore.engine import nearness as module
from xmemcore.engine.nearness import Nearness, name_of
from xmemcore.protocol.failures import Cancelled

FRAMES = 9


@pytest.fixture(params=[(1, 1), (5, 3), (13, 64)], ids=str)
def seen(request: pytest.FixtureRequest) -> list[torch.Tensor]:
    return list(torch.randn(FRAMES, *request.param, generator=torch.Generator().manual_seed(3)) * 4)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[frozenset[str]]:
    return note_pairs(monkeypatch)


def test_table_has_the_distance_of_each_cell_to_the_nearest_one(seen: list[torch.Tensor]) -> None:
    nearness = Nearness()
    assert nearness.among(seen) == list(range(FRAMES)) and nearness.changed
    for one in range(FRAMES):
        for other in range(FRAMES):
            expected = reference.nearest_cells(seen[one], seen[other]) if one != other else torch.zeros(len(seen[one]))
            # Half precision has 11 bits; a small distance is a difference of larger squares.
            torch.testing.assert_close(nearness.table[one, other].float(), expected, rtol=1e-3, atol=2e-3)


def test_what_is_known_does_not_change_what_is_measured(seen: list[torch.Tensor], measured: list[frozenset[str]]) -> None:
    """Round after round other frames, in another order: each table is the one that is measured from nothing, bit for bit."""
    draw, kept = random.Random(1), Nearness()
    for _ in range(8):
        frames = draw.sample(seen, draw.randint(2, FRAMES))
        before = set(kept.names)
        measured.clear()
        places = kept.among(frames)
        assert len(set(measured)) == len(measured) and not any(pair <= before for pair in measured)
        alone = Nearness()
        assert alone.among(frames) == places and alone.names == kept.names
        assert torch.equal(alone.table, kept.table)


def test_the_same_frames_again_measure_nothing(seen: list[torch.Tensor], measured: list[frozenset[str]]) -> None:
    first = Nearness()
    first.among(seen)
    assert len(measured) == FRAMES * (FRAMES - 1) // 2
    again = Nearness(first.names, first.table)
    measured.clear()
    assert again.among(seen) == list(range(FRAMES)) and not again.changed and not measured


def test_frames_that_show_the_same_have_one_place() -> None:
    one, other = torch.randn(4, 3), torch.randn(4, 3)
    nearness = Nearness()
    assert nearness.among([one, other, one.clone()]) == [0, 1, 0] and nearness.table.shape == (2, 2, 4)
    assert name_of(one) != name_of(one.reshape(3, 4))


def test_frames_of_another_size_begin_anew() -> None:
    nearness = Nearness()
    nearness.among(list(torch.randn(3, 4, 5)))
    assert nearness.among(list(torch.randn(2, 6, 5))) == [0, 1] and nearness.table.shape == (2, 2, 6)


def test_distances_beyond_half_precision_are_still_numbers() -> None:
    nearness = Nearness()
    nearness.among([torch.zeros(2, 3), torch.full((2, 3), 1e6)])
    assert torch.isfinite(nearness.table).all() and nearness.table.max() == module.FARTHEST


def test_a_cancelled_measurement_changes_nothing(seen: list[torch.Tensor]) -> None:
    nearness = Nearness()
    nearness.among(seen[:4])
    names, table = nearness.names, nearness.table.clone()
    asked = iter([False] * 6)
    with pytest.raises(Cancelled):
        nearness.among(seen, cancelled=lambda: next(asked, True))
    assert nearness.names == names and torch.equal(nearness.table, table)
