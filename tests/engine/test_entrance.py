"""An object that is said to be absent is kept out for a while, unless it comes in visibly."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.engine.small import HEIGHT, WIDTH, MadeUpShot, propagate, small_network
from xmemcore.engine.config import EngineConfig
from xmemcore.engine.entrance import FRAMES, LARGE, Entrance, entering, shown
from xmemcore.engine.frames import Annotation, Padding
from xmemcore.engine.planes import Whole
from xmemcore.engine.sweep import Sweep

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


@pytest.mark.parametrize(("boxes", "hole", "kept_out"), [(True, 0, FRAMES), (False, 0, 0), (True, 5, FRAMES - 5), (True, FRAMES, 0)])
def test_sweep_behind_an_absent_key_remembers_frames_without_the_object(
    boxes: bool, hole: int, kept_out: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network sees a small thing in the middle of every frame; frames that the plate lacks behind the key count."""
    network = small_network()
    shot, remembered = MadeUpShot(network, 20), []
    thing = torch.zeros(1, 1, *Padding(HEIGHT, WIDTH).padded)
    thing[..., 22:27, 28:33] = 0.9

    def answer(self: Sweep, index: int, *_: object, **__: object) -> tuple[Whole, list]:
        return Whole(thing.clone()), [(0, 0, *(side // 16 for side in thing.shape[-2:]))]

    def remember(self: Sweep, index: int, frame: object, masks: Whole, annotation: object) -> None:
        remembered.append((index, bool((masks.tensor >= 0.5).any())))
        self._since_memory = 0

    monkeypatch.setattr(Sweep, "_decode", answer)
    monkeypatch.setattr(Sweep, "_remember", remember)
    annotations = {0: Annotation({0: shot.mask(0)}), 4: Annotation({0: None})}
    numbers = [1001 + index + hole * (index > 4) for index in range(20)]
    found = propagate(shot, annotations, 1, EngineConfig(boxes=boxes), numbers=numbers)
    seen = [index for index, prediction in found.items() if index > 4 and (prediction.objects >= 0.5).any()]
    assert seen == list(range(5 + kept_out, 20))
    behind = [place for place in remembered if place[0] > 4]
    assert behind[:kept_out] == [(index, False) for index in range(5, 5 + kept_out)] and all(said for _, said in behind[kept_out:])
