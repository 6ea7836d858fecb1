"""An object that is said to be absent is kept out for a while, unless it comes in visibly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from tests.engine.small import HEIGHT, WIDTH, MadeUpShot, propagate, small_network
from xmemcore.engine.config import EngineConfig
from xmemcore.engine.entrance import FRAMES, LARGE, Entrance, entering, shown
from xmemcore.engine.frames import Annotation, Frame, Padding
from xmemcore.engine.planes import Whole
from xmemcore.engine.sweep import Sweep
from xmemcore.memory.temporary import TemporaryMemory

USUAL = 400.0


def pieces(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    """Solid pieces: top, left, height, width."""
    seen = np.zeros((60, 80), np.float32)
    for top, left, height, width in boxes:
        seen[top : top + height, left : left + width] = 1
    return seen


def test_little_inside_the_picture_is_no_entrance() -> None:
    assert entering(pieces((20, 20, 8, 8)), USUAL) is None
    assert entering(np.full((60, 80), 0.4, np.float32), USUAL) is None


@pytest.mark.parametrize("box", [(20, 0, 8, 8), (0, 20, 8, 8), (20, 72, 8, 8), (52, 20, 8, 8), (20, 20, 12, 12)])
def test_object_comes_in_over_an_edge_or_large_at_once(box: tuple[int, int, int, int]) -> None:
    found = entering(pieces(box, (30, 50, 5, 5)), USUAL)
    assert found is not None and found[box[0] + 3, box[1] + 3] and not found[32, 52], "the crumb elsewhere is cleared"
    assert box[2] * box[3] < LARGE * USUAL or box == (20, 20, 12, 12)


def test_entrance_ends_with_the_object_with_a_key_that_shows_it_and_after_a_while() -> None:
    padding, absent, there = Padding(60, 80), Annotation({0: None}), Annotation({0: torch.ones(60, 80)})

    def seen(box: tuple[int, int, int, int]) -> torch.Tensor:
        return padding.pad(torch.from_numpy(pieces(box)))[None, None].clone()

    entrance = Entrance(frozenset())
    entrance.keyed(there, 0)
    assert not entrance and shown(there) == {0} and shown(absent) == shown(None) == frozenset()
    for step in (1, -1, 2):
        entrance.keyed(absent, 100)
        for away in range(step, (FRAMES + 1) * step // abs(step), step):
            entrance.reach(100 + away)
            assert entrance
            look_alike = seen((20, 20, 8, 8))
            entrance.clear(Whole(look_alike), padding, lambda obj: USUAL)
            assert not look_alike.any()
        entrance.reach(100 + away + step)
        assert not entrance
    entrance.keyed(absent, 100)
    coming = seen((20, 0, 8, 8))
    entrance.clear(Whole(coming), padding, lambda obj: USUAL)
    assert coming.sum() == 64 and not entrance
    entrance.keyed(absent, 100)
    entrance.keyed(there, 101)
    assert not entrance


def test_object_that_the_next_key_shows_is_not_kept_out() -> None:
    entrance = Entrance(frozenset({0}))
    entrance.keyed(Annotation({0: None, 1: None}), 0)
    assert entrance
    probabilities = torch.full((1, 2, 60, 80), 0.45)
    entrance.clear(Whole(probabilities), Padding(60, 80), lambda obj: USUAL)
    assert probabilities[:, 0].all() and not probabilities[:, 1].any()


def test_object_that_memory_finds_is_let_in_and_one_that_is_smaller_than_a_cell_too() -> None:
    entrance = Entrance(frozenset())
    for found, fullest, kept_out in ((0.4, 1.0, True), (0.6, 1.0, False), (0.2, 0.3, False), (0.1, 0.3, True), (0.0, 0.0, True)):
        entrance.keyed(Annotation({0: None}), 100)
        entrance.look([found], lambda obj, fullest=fullest: fullest)
        assert bool(entrance) == kept_out


@dataclass
class Found:
    """All of a readout that is looked at."""

    presence: torch.Tensor


def swept(monkeypatch: pytest.MonkeyPatch, boxes: bool = True, hole: int = 0, found_at: int = 99) -> tuple[list[int], list, int]:
    """Propagate a key on 0 and an absent one on 4 of 20 frames; the network sees a small thing in the middle of every frame.

    Args:
        boxes: as of the engine.
        hole: frames that the plate lacks behind the absent key.
        found_at: index from which memory finds the object.

    Returns:
        Indices behind the absent key on which the object is seen; index of those that are remembered there, and whether with it; how many
        of these are forgotten.
    """
    network = small_network()
    shot, remembered, forgotten, read = MadeUpShot(network, 20), [], [], Sweep._read
    thing = torch.zeros(1, 1, *Padding(HEIGHT, WIDTH).padded)
    thing[..., 22:27, 28:33] = 0.9

    def answer(self: Sweep, index: int, *_: object, **__: object) -> tuple[Whole, list]:
        return Whole(thing.clone()), [(0, 0, *(side // 16 for side in thing.shape[-2:]))]

    def remember(self: Sweep, index: int, frame: object, masks: Whole, annotation: object) -> None:
        remembered.append((index, bool((masks.tensor >= 0.5).any())))

    def asked(self: Sweep, frame: Frame) -> Found | None:
        return Found(torch.full((1, 4), 0.9 if shot.asked[-1] >= found_at else 0.05)) if read(self, frame) is not None else None

    monkeypatch.setattr(Sweep, "_decode", answer)
    monkeypatch.setattr(Sweep, "_remember", remember)
    monkeypatch.setattr(Sweep, "_read", asked)
    monkeypatch.setattr(TemporaryMemory, "forget_last", lambda self: forgotten.append(self))
    annotations = {0: Annotation({0: shot.mask(0)}), 4: Annotation({0: None})}
    numbers = [1001 + index + hole * (index > 4) for index in range(20)]
    found = propagate(shot, annotations, 1, EngineConfig(boxes=boxes), numbers=numbers)
    seen = [index for index, prediction in found.items() if index > 4 and (prediction.objects >= 0.5).any()]
    return seen, [place for place in remembered if place[0] > 4], len(forgotten)


@pytest.mark.parametrize(("boxes", "hole", "kept_out"), [(True, 0, FRAMES), (False, 0, 0), (True, 5, FRAMES - 5), (True, FRAMES, 0)])
def test_sweep_behind_an_absent_key_remembers_frames_without_the_object(
    boxes: bool, hole: int, kept_out: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames that the plate lacks behind the key count."""
    seen, behind, forgotten = swept(monkeypatch, boxes, hole)
    assert seen == list(range(5 + kept_out, 20))
    assert behind[:kept_out] == [(index, False) for index in range(5, 5 + kept_out)] and all(said for _, said in behind[kept_out:])
    # Each but the last one goes with the next, where memory would not take it in its turn (9 and 14).
    assert forgotten == max(0, kept_out - 1 - (kept_out >= 5) - (kept_out >= 10))


def test_object_that_memory_finds_behind_an_absent_key_is_seen_and_no_more_remembered_as_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, behind, forgotten = swept(monkeypatch, found_at=8)
    assert seen == list(range(8, 20))
    assert behind[:3] == [(5, False), (6, False), (7, False)] and behind[3:] == [(9, True), (14, True)]
    assert forgotten == 3, "also the one just before: a part of the object may have been there"
