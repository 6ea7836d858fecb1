"""Many objects are computed some at a time, and give what they give together."""

from __future__ import annotations

import pytest
import torch

from tests.engine.small import MadeUpShot, propagate, small_network
from tests.engine.test_second_look import TwiceSeen
from xmemcore.engine import aggregation, boxes, permanent, planes, second_look
from xmemcore.engine.aggregation import aggregate
from xmemcore.engine.config import EngineConfig
from xmemcore.engine.frames import Annotation, Padding
from xmemcore.engine.planes import Boxed, Whole, drawn
from xmemcore.engine.propagation import Propagation, plan_gaps
from xmemcore.engine.second_look import Enlarged
from xmemcore.engine.sweep import Prediction

OBJECTS = 5


@torch.inference_mode()
def test_values_are_encoded_some_at_a_time_beside_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    network = small_network()
    features, masks = network.encode_key(torch.randn(1, 3, 48, 64)), torch.rand(1, 7, 48, 64)
    image, sensory = torch.randn(1, 3, 48, 64), torch.randn(1, 7, 8, 3, 4)
    whole = permanent.encoded(network, image, features, Whole(masks), sensory, True)
    together: list[int] = []
    network.value_encoder.register_forward_pre_hook(lambda module, args: together.append(args[2].shape[1]))
    monkeypatch.setattr(permanent, "OBJECTS_AT_ONCE", 3)
    for found, expected in zip(permanent.encoded(network, image, features, Whole(masks), sensory, True), whole):
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
    prediction = Prediction(Whole(Padding(20, 26).pad(found)[None]), Padding(20, 26))
    whole = Enlarged(prediction, padding)
    monkeypatch.setattr(second_look, "OBJECTS_AT_ONCE", 2)
    some = Enlarged(prediction, padding)
    assert torch.equal(whole.of([3, 1]), some.of([3, 1])) and torch.equal(whole.cells(), some.cells())


def test_a_plane_is_cleared_outside_a_box_and_wholly_without_one() -> None:
    plane = torch.ones(1, 48, 64)
    boxes.clear_outside(plane, (1, 1, 2, 3))
    assert plane.sum() == 16 * 32 and plane[0, 16:32, 16:48].all()
    boxes.clear_outside(plane, None)
    assert not plane.any()


def shot_of_strips() -> tuple[MadeUpShot, Annotation]:
    shot = MadeUpShot(small_network(), 6)
    masks: dict[int, torch.Tensor | None] = {}
    for obj in range(OBJECTS):
        masks[obj] = torch.zeros(40, 52)
        masks[obj][4 + 6 * obj : 10 + 6 * obj, 5:40] = 1.0  # type: ignore[index]
    return shot, Annotation(masks)


@pytest.mark.parametrize("in_boxes", [False, True])
def test_a_sweep_that_decodes_one_object_at_a_time_gives_what_it_gives_for_all_together(
    in_boxes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot, annotation = shot_of_strips()

    def found() -> torch.Tensor:
        predictions = propagate(shot, {0: annotation}, OBJECTS, EngineConfig(boxes=in_boxes))
        return torch.stack([predictions[index].planes for index in range(6)])

    together = found()
    monkeypatch.setattr(boxes, "CELLS_AT_ONCE", 1)
    monkeypatch.setattr(permanent, "OBJECTS_AT_ONCE", 1)
    monkeypatch.setattr(aggregation, "VALUES_AT_ONCE", 1)
    torch.testing.assert_close(found(), together, atol=2e-4, rtol=0)


@pytest.mark.parametrize("second", [False, True])
def test_planes_in_boxes_give_the_mattes_of_whole_planes(second: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a key in the middle that knows some objects, and two sweeps that cross-fade, of which one begins without an object."""
    strips, annotation = shot_of_strips()
    shot = TwiceSeen(strips.network, 44)
    annotations = {
        0: annotation,
        21: Annotation({0: annotation.masks[0], 3: None}),
        43: Annotation({**annotation.masks, 2: None}),
    }

    def found() -> torch.Tensor:
        propagation = Propagation(shot.network, shot, annotations, OBJECTS, EngineConfig(boxes=True, second_look=second))
        for look in propagation.looks:
            for index in annotations:
                look.learn(index)
        gaps = plan_gaps(len(shot), annotations, OBJECTS, propagation.config)
        predictions = {index: prediction for gap in gaps for index, prediction in propagation.run(gap)}
        return torch.stack([predictions[index].planes for index in range(len(shot))])

    whole = found()
    monkeypatch.setattr(planes, "MOST_TOGETHER", 1)
    monkeypatch.setattr(planes, "VALUES_AT_ONCE", 1)
    torch.testing.assert_close(found(), whole, atol=2e-4, rtol=0)


@torch.inference_mode()
def test_many_small_objects_take_the_memory_of_their_boxes() -> None:
    objects, size = 100, (160, 256)
    masks: dict[int, torch.Tensor | None] = {obj: torch.zeros(size) for obj in range(objects)}
    for obj in range(objects):
        masks[obj][16 * (obj // 10) : 16 * (obj // 10) + 12, 24 * (obj % 10) : 24 * (obj % 10) + 12] = 1  # type: ignore[index]
    annotation, padding = Annotation(masks), Padding(*size)
    kept, whole = (drawn(annotation, objects, padding, torch.device("cpu"), boxed) for boxed in (True, False))
    assert isinstance(kept, Boxed) and kept.nbytes < whole.planes.nbytes / 20
    torch.testing.assert_close(kept.planes, whole.planes, atol=1e-4, rtol=0)
    torch.testing.assert_close(kept.coverage(), whole.coverage(), atol=1e-4, rtol=0)
    torch.testing.assert_close(kept.total(), whole.total(), atol=1e-4, rtol=0)
    assert torch.equal(kept.cells(), whole.cells())


@torch.inference_mode()
def test_permanent_memory_holds_each_value_once() -> None:
    shot, annotation = shot_of_strips()
    propagation = Propagation(shot.network, shot, {0: annotation, 3: annotation}, OBJECTS, EngineConfig())
    for index in (0, 3):
        propagation.learn(index)
    entry = propagation.permanent.entry(3)
    assert entry is not None
    before = {obj: value.clone() for obj, value in entry.values.items()}
    segment, kept = propagation.permanent.segment(), propagation.permanent.entry(3)
    assert segment is not None and kept is not None
    for obj, value in before.items():
        assert torch.equal(kept.values[obj], value)
        assert kept.values[obj].untyped_storage().data_ptr() == segment.value.untyped_storage().data_ptr()
