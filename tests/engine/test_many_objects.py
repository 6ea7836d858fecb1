"""Many objects are computed some at a time, and give what they give together."""

from __future__ import annotations

import pytest
import torch

from tests.engine.small import MadeUpShot, propagate, small_network
from xmemcore.engine import aggregation, boxes, permanent, second_look
from xmemcore.engine.aggregation import aggregate
from xmemcore.engine.config import EngineConfig
from xmemcore.engine.frames import Annotation
from xmemcore.engine.second_look import Enlarged

OBJECTS = 5


@torch.inference_mode()
def test_values_are_encoded_some_at_a_time_beside_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    network = small_network()
    features, masks = network.encode_key(torch.randn(1, 3, 48, 64)), torch.rand(1, 7, 48, 64)
    image, sensory = torch.randn(1, 3, 48, 64), torch.randn(1, 7, 8, 3, 4)
    whole = permanent.encoded(network, image, features, masks, sensory, True)
    together: list[int] = []
    network.value_encoder.register_forward_pre_hook(lambda module, args: together.append(args[2].shape[1]))
    monkeypatch.setattr(permanent, "OBJECTS_AT_ONCE", 3)
    for found, expected in zip(permanent.encoded(network, image, features, masks, sensory, True), whole):
        assert torch.allclose(found, expected, atol=1e-5)
    assert together == [3, 3, 1]


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_rows_aggregate_as_the_frame_does(kind: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    probabilities = torch.rand(1, OBJECTS, 37, 24).to(kind)
    whole, into = aggregate(probabilities), torch.zeros(1, OBJECTS + 1, 50, 24)
    monkeypatch.setattr(aggregation, "VALUES_AT_ONCE", 5 * OBJECTS * 24)
    assert aggregate(probabilities).dtype == torch.float32
    torch.testing.assert_close(aggregate(probabilities), whole, atol=1e-6, rtol=0)
    aggregate(probabilities, out=into[:, :, 6:43])
    torch.testing.assert_close(into[:, :, 6:43], whole, atol=1e-6, rtol=0)
    assert not into[:, :, :6].any() and not into[:, :, 43:].any()


def test_the_second_look_is_enlarged_some_objects_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    found, padding = torch.rand(OBJECTS, 20, 26), MadeUpShot(small_network(), 1).padding
    whole = Enlarged(found, padding)
    monkeypatch.setattr(second_look, "OBJECTS_AT_ONCE", 2)
    some = Enlarged(found, padding)
    assert torch.equal(whole.of([3, 1]), some.of([3, 1])) and torch.equal(whole.cells(), some.cells())


def test_a_plane_is_cleared_outside_a_box_and_wholly_without_one() -> None:
    plane = torch.ones(1, 48, 64)
    boxes.clear_outside(plane, (1, 1, 2, 3))
    assert plane.sum() == 16 * 32 and plane[0, 16:32, 16:48].all()
    boxes.clear_outside(plane, None)
    assert not plane.any()


@pytest.mark.parametrize("in_boxes", [False, True])
def test_a_sweep_that_decodes_one_object_at_a_time_gives_what_it_gives_for_all_together(
    in_boxes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot = MadeUpShot(small_network(), 6)
    masks: dict[int, torch.Tensor | None] = {}
    for obj in range(OBJECTS):
        masks[obj] = torch.zeros(40, 52)
        masks[obj][4 + 6 * obj : 10 + 6 * obj, 5:40] = 1.0  # type: ignore[index]

    def planes() -> torch.Tensor:
        found = propagate(shot, {0: Annotation(masks)}, OBJECTS, EngineConfig(boxes=in_boxes))
        return torch.stack([found[index].planes for index in range(6)])

    together = planes()
    monkeypatch.setattr(boxes, "CELLS_AT_ONCE", 1)
    monkeypatch.setattr(permanent, "OBJECTS_AT_ONCE", 1)
    monkeypatch.setattr(aggregation, "VALUES_AT_ONCE", 1)
    torch.testing.assert_close(planes(), together, atol=2e-4, rtol=0)
