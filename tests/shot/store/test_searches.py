"""A second round searches memory for what is new alone, and gives what a round without a cache gives, to the bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.shot.made_shot import sent_to, write_roto, write_shot
from tests.shot.written import mattes, same
from xmemcore.memory.searches import Found
from xmemcore.memory.segment import Segment
from xmemcore.shot.propagate import propagate
from xmemcore.shot.store.cache import CacheFolder
from xmemcore.shot.store.searches import load_searches, save_searches

LAST = 1018
KEYS = ((1001,), (1001, 1018), (1001, 1008, 1018), (1008, 1018))
"""Keyframes of one round after the other; the last one has lost a key."""
NAME, OTHER = "a1" + 38 * "0", "b2" + 38 * "0"


@pytest.fixture
def elements(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the elements that searches go through, all queries together."""
    counted = [0]
    plain = Segment._searched

    def counting(self, queries, k, runs, *rest):
        counted[0] += len(queries) * sum(end - start for start, end in runs)
        return plain(self, queries, k, runs, *rest)

    monkeypatch.setattr(Segment, "_searched", counting)
    return counted


@pytest.mark.parametrize(("crop", "size", "rounds"), [("off", 64, 4), ("auto", 192, 2)])
def test_later_rounds_are_the_same_as_without_what_earlier_ones_found(
    tmp_path: Path, elements: list[int], crop: str, size: int, rounds: int
) -> None:
    made = replace(write_shot(tmp_path / "shot", LAST), device="cpu", size=size, crop=crop)
    shares = []
    for number, keys in enumerate(KEYS[:rounds]):
        roto = write_roto(tmp_path / f"roto{number}.nk", keys, keys)
        kept = replace(sent_to(made, tmp_path), roto=roto)
        anew = replace(kept, out=str(tmp_path / f"anew{number}" / "matte.%04d.exr"), use_cache=False)
        counts = []
        for run in (kept, anew):
            elements[0] = 0
            propagate(run)
            counts.append(elements[0])
        shares.append(counts[0] / counts[1])
        assert same(mattes(kept.out), mattes(anew.out)), keys
    assert shares[0] <= 1 and max(shares[1:3]) < 0.75


def found(*tables: str) -> Found:
    places = torch.arange(6, dtype=torch.int32).view(2, 3)
    return Found(tables, -torch.arange(6.0).view(2, 3), places)


def test_lists_are_kept_by_the_frames_name(tmp_path: Path) -> None:
    folder = CacheFolder(tmp_path)
    assert load_searches(folder, NAME) == []
    save_searches(folder, NAME, (found(NAME), found(OTHER, NAME)))
    one, two = load_searches(folder, NAME)
    assert (one.tables, two.tables) == ((NAME,), (OTHER, NAME)) and torch.equal(two.places, found().places)
    assert load_searches(folder, OTHER) == []


def test_what_cannot_be_a_list_is_deleted_without_a_word(tmp_path: Path) -> None:
    folder = CacheFolder(tmp_path)
    for wrong in (
        replace(found(NAME), places=torch.zeros(2, 2, dtype=torch.int32)),
        replace(found(NAME), places=torch.zeros(2, 3)),
        replace(found(NAME), scores=torch.full((2, 3), torch.nan)),
        replace(found(NAME), scores=torch.zeros(2, 0), places=torch.zeros(2, 0, dtype=torch.int32)),
    ):
        save_searches(folder, NAME, (wrong,))
        assert load_searches(folder, NAME) == [] and not list(tmp_path.glob("*.xmemcache"))
