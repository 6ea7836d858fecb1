"""The second look: half the size, only adds, and only where it is sure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor
from torch.nn import functional as F

from tests.engine.small import HEIGHT, WIDTH, MadeUpShot, small_network
from xmemcore.engine import propagation as propagating
from xmemcore.engine import second_look
from xmemcore.engine.config import EngineConfig
from xmemcore.engine.frames import Annotation, Frame, Padding, at_hand
from xmemcore.engine.planes import Whole
from xmemcore.engine.propagation import Propagation, plan_gaps
from xmemcore.engine.second_look import LONG_SWEEP_FRAMES, enlarged, given_back, halved, halved_annotation, halved_image
from xmemcore.engine.sweep import Prediction, Sweep

ODDS = hnp.arrays(np.float32, (1, 2, 9, 11), elements=st.floats(0, 1, width=32))


def alone(picture: Tensor) -> Tensor:
    """Give a second look without a rim."""
    return torch.cat((picture, picture))


@given(ODDS, ODDS)
@settings(max_examples=50)
def test_it_only_adds_and_only_where_it_is_sure(first: np.ndarray, second: np.ndarray) -> None:
    found, seen = torch.from_numpy(first), torch.from_numpy(second)
    raised = given_back(found, alone(seen))
    assert (raised >= found).all() and (raised <= torch.maximum(found, seen) + 1e-3).all()
    assert torch.equal(raised[seen <= 0.5], found[seen <= 0.5])


def test_what_is_barely_seen_becomes_the_object_and_what_is_surely_none_stays_none() -> None:
    barely, surely_not = given_back(torch.tensor([0.25, 0.002]).view(1, 2, 1, 1), torch.ones(2, 2, 1, 1)).flatten()
    assert barely > 0.5 and surely_not < 0.1


def test_a_blurred_outline_adds_no_rim_but_a_part_that_was_lost_comes_back_whole() -> None:
    padding = Padding(64, 64)
    objects = torch.zeros(1, 32, 32)
    objects[:, 4:14, 4:14] = objects[:, 18:26, 18:26] = 1  # the first is seen a pixel too large
    first = torch.full((1, 1, 64, 64), 0.25)
    first[..., 10:26, 10:26] = 1
    raised = given_back(first, enlarged(objects, padding)) > 0.5
    assert torch.equal(raised[..., :30, :30], first[..., :30, :30] > 0.5), "no rim"
    assert raised[..., 38:50, 38:50].all(), "the second part"


@pytest.mark.parametrize("pixels", [1, 2, 4])
@pytest.mark.parametrize("shape", [(2, 9, 11), (1, 3, 5, 2), (1, 1, 1), (3, 7, 1)])
def test_what_is_grown_is_the_most_within_so_many_pixels(shape: tuple[int, ...], pixels: int) -> None:
    planes = torch.randn(shape)
    side = 2 * pixels + 1
    assert torch.equal(second_look._grown(planes, pixels), F.max_pool2d(planes, side, stride=1, padding=pixels))


@pytest.mark.parametrize(("height", "width"), [(480, 854), (479, 853), (16, 16)])
def test_half_the_size_covers_the_same_picture(height: int, width: int) -> None:
    padding = Padding(height, width)
    half = halved(padding)
    assert (half.height, half.width) == (-(-height // 2), -(-width // 2))
    ramp = torch.linspace(0, 1, width).expand(1, 3, height, width)
    small = halved_image(ramp, padding)
    noise = torch.rand(1, 3, height, width)
    assert torch.equal(halved_image(noise, padding), F.interpolate(noise, size=(half.height, half.width), mode="area"))
    assert small.shape == (1, 3, half.height, half.width)
    assert torch.allclose(small.mean(), ramp.mean(), atol=2e-3)


def test_masks_in_half_the_size_keep_their_area_and_their_absence() -> None:
    mask = torch.zeros(HEIGHT, WIDTH)
    mask[4:13, 7:20] = 1
    masks = halved_annotation(Annotation({0: mask, 2: None})).masks
    assert list(masks) == [0, 2] and len(masks) == 2 and masks[2] is None
    small = masks[0]
    assert small is not None and small.shape == (HEIGHT // 2, WIDTH // 2)
    assert float(small.sum()) == pytest.approx(float(mask.sum()) / 4)


class HalvedShot(MadeUpShot):
    """The made-up shot in half the size."""

    @property
    def padding(self) -> Padding:
        return halved(Padding(HEIGHT, WIDTH))

    def frame(self, index: int) -> Frame:
        whole = MadeUpShot(self.network, self.length)
        image = self.padding.pad(halved_image(whole.padding.unpad(whole.frame(index).image), whole.padding))
        with torch.inference_mode():
            return Frame(at_hand(image), self.network.encode_key(image))


class TwiceSeen(MadeUpShot):
    """The made-up shot, which can be looked at twice."""

    @property
    def half(self) -> HalvedShot:
        return HalvedShot(self.network, self.length)


def propagated(length: int, config: EngineConfig) -> list[Prediction]:
    shot = TwiceSeen(small_network(), length)
    annotations = {0: Annotation({0: shot.mask(0)})}
    propagation = Propagation(shot.network, shot, annotations, 1, config)
    assert len(propagation.looks) == len(propagation.memories) == 1 + config.second_look
    for look in propagation.looks:
        look.learn(0)
    (gap,) = plan_gaps(length, annotations, 1, config)
    return [prediction for _, prediction in propagation.run(gap)]


def test_a_long_sweep_looks_twice_and_a_short_one_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    step = Sweep.step

    def noted(self, index, frame, annotation=None, last=False, second=None):
        if self.padding == Padding(HEIGHT, WIDTH):
            seen.append(second is not None)
        return step(self, index, frame, annotation, last, second)

    monkeypatch.setattr(propagating.Sweep, "step", noted)
    config = EngineConfig(boxes=True, second_look=True)
    propagated(LONG_SWEEP_FRAMES - 1, config)
    assert seen == [False] * (LONG_SWEEP_FRAMES - 1)
    seen.clear()
    propagated(LONG_SWEEP_FRAMES, config)
    assert seen == [True] * LONG_SWEEP_FRAMES


def test_what_the_second_look_is_sure_of_is_in_the_matte() -> None:
    shot = MadeUpShot(small_network(), 3)
    propagation = Propagation(shot.network, shot, {0: Annotation({0: shot.mask(0)})}, 1, EngineConfig(boxes=True))
    propagation.learn(0)
    found = torch.zeros(1, HEIGHT // 2, WIDTH // 2)
    found[:, 10:18, 18:26] = 1
    padding = halved(shot.padding)
    second = Prediction(Whole.of(padding.pad(torch.cat((1 - found, found)))[None]), padding)
    mattes = []
    for again in (None, second):
        sweep = Sweep(shot.network, propagation.permanent, shot.padding, propagation.config)
        sweep.step(0, None, propagation.annotations[0])
        mattes.append(sweep.step(1, shot.frame(1), second=again).objects[0])
    alone, together = mattes
    sure = F.interpolate(found[None], scale_factor=2)[0, 0] > 0
    assert (together[sure] >= alone[sure] - 1e-6).all() and together[sure].mean() > alone[sure].mean()


def test_another_thread_shares_both_memories() -> None:
    shot = TwiceSeen(small_network(), 8)
    propagation = Propagation(shot.network, shot, {0: Annotation({0: shot.mask(0)})}, 1, EngineConfig(boxes=True, second_look=True))
    other = propagation.beside(TwiceSeen(shot.network, 8))
    assert all(mine is theirs for mine, theirs in zip(propagation.memories, other.memories, strict=True))
    assert other.second is not None and other.second.config == replace(other.config, second_look=False)
