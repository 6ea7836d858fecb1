"""Optical flow is searched once for two pictures: within a run, and from one round to the next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.shot.made_shot import FIRST, sent_to, write_roto, write_shot
from tests.shot.mattes.moving_body import grey
from tests.shot.test_propagate import read
from xmemcore.shot.plate import flow as flow_module
from xmemcore.shot.plate.flow import Flows
from xmemcore.shot.propagate import propagate
from xmemcore.shot.store.cache import CacheFolder
from xmemcore.shot.store.flows import KeptFlows

LAST = FIRST + 7


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Note the pairs of frames between which flow is searched."""
    pairs: list[tuple[int, int]] = []
    found = Flows._found

    def noted(self: Flows, index: int, neighbour: int) -> np.ndarray:
        grey_of = self._grey
        asked: list[int] = []
        self._grey = lambda at: (asked.append(at), grey_of(at))[1]
        try:
            return found(self, index, neighbour)
        finally:
            self._grey = grey_of
            pairs.extend([(index, neighbour)] if asked else [])

    monkeypatch.setattr(Flows, "_found", noted)
    return pairs


@pytest.mark.parametrize("fields", [flow_module.KEPT_FIELDS, 2])
def test_a_way_to_a_key_does_not_depend_on_what_was_asked_before(fields: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_module, "KEPT_FIELDS", fields)
    flows = Flows(grey)
    for index, key in ((6, 2), (3, 2), (5, 2), (7, 2), (4, 9), (8, 9), (2, 9), (6, 2)):
        np.testing.assert_array_equal(flows.field(index, key), Flows(grey).field(index, key))
    assert len(flows._fields) <= fields


def test_a_flow_is_kept_by_both_pictures(tmp_path: Path, searched: list[tuple[int, int]]) -> None:
    names = {index: f"{index:02x}" * 20 for index in range(10)}
    flows = Flows(grey)
    flows.store = KeptFlows(CacheFolder(tmp_path), names.__getitem__)
    first = flows.between(3, 4)
    later = Flows(grey)
    later.store = KeptFlows(CacheFolder(tmp_path), names.__getitem__)
    np.testing.assert_array_equal(later.between(3, 4), first)
    assert searched == [(3, 4)]
    later.between(4, 3)
    names[4] = "ee" * 20
    again = Flows(grey)
    again.store = KeptFlows(CacheFolder(tmp_path), names.__getitem__)
    again.between(3, 4)
    assert searched == [(3, 4), (4, 3), (3, 4)]


def test_what_cannot_be_a_flow_is_searched_again_without_a_word(tmp_path: Path) -> None:
    folder = CacheFolder(tmp_path)
    kept = KeptFlows(folder, lambda index: f"{index:02x}" * 20)
    for wrong in (torch.zeros(4, 5, 3).half(), torch.zeros(4, 5, 2), torch.full((4, 5, 2), torch.nan).half()):
        folder.save(kept._key(1, 2), {"flow": wrong})
        assert kept.load(1, 2) is None and not list(tmp_path.iterdir())
    folder.save(kept._key(1, 2), {"other": torch.zeros(4, 5, 2).half()})
    assert kept.load(1, 2) is None and not list(tmp_path.iterdir())


def test_a_second_round_searches_no_flow_again_and_gives_what_a_first_one_gives(tmp_path: Path, searched: list[tuple[int, int]]) -> None:
    made = replace(write_shot(tmp_path / "shot", LAST), device="cpu", size=64)
    first, second = (write_roto(tmp_path / f"{len(keys)}.nk", keys, keys) for keys in ((FIRST, LAST), (FIRST, FIRST + 4, LAST)))
    kept = replace(sent_to(made, tmp_path), roto=first)
    propagate(kept)
    assert searched and len(searched) == len(set(searched))
    searched.clear()
    propagate(replace(kept, roto=second))
    assert not searched
    anew = replace(kept, roto=second, out=str(tmp_path / "anew" / "matte.%04d.exr"), use_cache=False)
    propagate(anew)
    for frame in range(FIRST, LAST + 1):
        one, other = read(Path(kept.out).parent, frame)[1], read(Path(anew.out).parent, frame)[1]
        assert all(np.array_equal(plane, other[name]) for name, plane in one.items()), frame


def test_a_flow_is_enlarged_and_joined_to_the_bit_as_arrays_of_both_axes_are() -> None:
    field = np.random.default_rng(0).normal(0, 5, (20, 33, 2)).astype(np.float32)
    scale = np.array((50 / 33, 30 / 20), np.float32)
    enlarged = flow_module._enlarged(field, (30, 50))
    np.testing.assert_array_equal(enlarged, cv2.resize(field, (50, 30), interpolation=cv2.INTER_LINEAR) * scale)
    places = np.meshgrid(np.arange(50, dtype=np.float32), np.arange(30, dtype=np.float32))
    for found, axis, place in zip(flow_module._places(enlarged), (0, 1), places):
        np.testing.assert_array_equal(found, place + enlarged[..., axis])
    np.testing.assert_array_equal(flow_module.squared(enlarged), np.square(enlarged).sum(axis=-1))
    np.testing.assert_array_equal(flow_module._enlarged(field, (20, 33)), field)
