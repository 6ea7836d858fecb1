"""What a propagation promises, whatever the weights."""

from __future__ import annotations

import pytest
import torch

from tests.engine.small import HEIGHT, WIDTH, MadeUpShot, propagate, small_network
from xmemcore.engine.augmentation import AUGMENTATIONS
from xmemcore.engine.config import FORWARD, XMEM, EngineConfig
from xmemcore.engine.frames import Annotation
from xmemcore.engine.propagation import Propagation, permanent_indices, plan_gaps
from xmemcore.memory.config import MemoryConfig
from xmemcore.protocol.failures import Cancelled

QUICK = EngineConfig(
    mem_every=2, memory=MemoryConfig(top_k=8, min_working_frames=1, max_working_frames=3, prototypes=6, max_long_term_elements=40)
)


@pytest.fixture(scope="module")
def network():
    return small_network()


@pytest.fixture
def shot(network) -> MadeUpShot:
    return MadeUpShot(network, 14)


def keyed(shot: MadeUpShot, *indices: int) -> dict[int, Annotation]:
    return {index: Annotation({0: shot.mask(index)}) for index in indices}


def configured(**changes) -> EngineConfig:
    return EngineConfig(**{**vars(QUICK), **changes})


@pytest.mark.parametrize("config", [QUICK, configured(order=FORWARD), configured(mode=XMEM), configured(temporary_memory=False)])
def test_every_frame_comes_once_and_planes_sum_to_one(shot: MadeUpShot, config: EngineConfig) -> None:
    predictions = propagate(shot, keyed(shot, 2, 9), 1, config)
    assert sorted(predictions) == list(range(14))
    for prediction in predictions.values():
        assert prediction.planes.shape == (2, HEIGHT, WIDTH)
        assert torch.allclose(prediction.planes.sum(dim=0), torch.ones(HEIGHT, WIDTH), atol=1e-5)


def test_mattes_are_the_same_whichever_gap_runs_first(shot: MadeUpShot) -> None:
    forth = propagate(shot, keyed(shot, 2, 6, 11), 1, QUICK)
    back = propagate(shot, keyed(shot, 2, 6, 11), 1, QUICK, order=lambda gaps: gaps[::-1])
    assert all(torch.equal(forth[index].planes, back[index].planes) for index in range(14))


def test_mattes_of_a_part_are_those_of_the_whole(shot: MadeUpShot) -> None:
    annotations = keyed(shot, 2, 11)
    whole = propagate(shot, annotations, 1, QUICK)
    propagation = Propagation(shot.network, shot, annotations, 1, QUICK)
    for index in permanent_indices(annotations, QUICK):
        propagation.learn(index)
    for gap in plan_gaps(14, annotations, 1, QUICK):
        for index, prediction in propagation.run(gap, wanted={5, 7, 13}):
            assert index in {5, 7, 13}
            assert torch.equal(prediction.planes, whole[index].planes)


def test_annotated_frame_gives_the_annotation(shot: MadeUpShot) -> None:
    predictions = propagate(shot, keyed(shot, 2, 9), 1, QUICK)
    for index in (2, 9):
        assert torch.allclose(predictions[index].objects[0], shot.mask(index), atol=1e-5)


def test_one_annotation_gives_the_same_mattes_in_both_modes(shot: MadeUpShot) -> None:
    plus = propagate(shot, keyed(shot, 0), 1, configured(order=FORWARD))
    plain = propagate(shot, keyed(shot, 0), 1, configured(mode=XMEM))
    assert all(torch.equal(plus[index].planes, plain[index].planes) for index in range(14))


def test_later_annotations_change_frames_before_them_in_xmem_plus_plus_only(shot: MadeUpShot) -> None:
    first, second = keyed(shot, 0), keyed(shot, 0, 9)
    forward = configured(order=FORWARD)
    assert not torch.equal(propagate(shot, first, 1, forward)[4].planes, propagate(shot, second, 1, forward)[4].planes)
    plain = configured(mode=XMEM)
    assert torch.equal(propagate(shot, first, 1, plain)[4].planes, propagate(shot, second, 1, plain)[4].planes)


def test_object_without_a_key_is_predicted_while_the_keyed_one_is_the_artists(shot: MadeUpShot) -> None:
    both = {index: Annotation({0: shot.mask(index), 1: shot.mask(index, dx=12)}) for index in (0, 13)}
    predictions = propagate(shot, {**both, 6: Annotation({0: shot.mask(6)})}, 2, QUICK)
    assert torch.allclose(predictions[6].objects[0], shot.mask(6), atol=0.05)
    assert predictions[6].objects[1].max() > 0.01, "unknown is not absent"


def test_sweeps_pass_through_a_keyframe_that_does_not_know_every_object(shot: MadeUpShot) -> None:
    both = {index: Annotation({0: shot.mask(index), 1: shot.mask(index, dx=12)}) for index in (0, 13)}
    partly = {**both, 6: Annotation({0: shot.mask(6)})}
    starts = {indices[0] for gap in plan_gaps(14, partly, 2, QUICK) for indices in gap.sweeps}
    assert starts == {0, 13}, "beginning anew at 6 would make the unknown object jump there"


def test_shot_whose_keyframes_each_know_one_object_is_filled(shot: MadeUpShot) -> None:
    annotations = {3: Annotation({0: shot.mask(3)}), 9: Annotation({1: shot.mask(9, dx=12)})}
    predictions = propagate(shot, annotations, 2, QUICK)
    assert sorted(predictions) == list(range(14))
    assert torch.allclose(predictions[3].objects[0], shot.mask(3), atol=0.05)


def test_absent_object_is_empty_on_its_keyframe(shot: MadeUpShot) -> None:
    annotations = {0: Annotation({0: shot.mask(0), 1: shot.mask(0, dx=12)}), 9: Annotation({0: shot.mask(9), 1: None})}
    assert propagate(shot, annotations, 2, QUICK)[9].objects[1].max() < 1e-5


def test_objects_are_treated_alike(shot: MadeUpShot) -> None:
    first, second = shot.mask(0), shot.mask(0, dx=12)
    ab = propagate(shot, {0: Annotation({0: first, 1: second})}, 2, QUICK)
    ba = propagate(shot, {0: Annotation({0: second, 1: first})}, 2, QUICK)
    for index in range(14):
        assert torch.allclose(ab[index].objects, ba[index].objects.flip(0), atol=1e-4)


def test_augmented_memory_holds_twelve_times_the_elements(shot: MadeUpShot) -> None:
    annotations = keyed(shot, 0, 5, 9)
    propagation = Propagation(shot.network, shot, annotations, 1, configured(augment=True))
    for index in annotations:
        propagation.learn(index)
    height, width = shot.padding.padded
    assert len(AUGMENTATIONS) == 11
    assert len(propagation.permanent) == 12 * 3 * (height // 16) * (width // 16)


def test_keyframe_is_encoded_once_and_its_value_once(shot: MadeUpShot, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = []
    real = shot.network.encode_value
    monkeypatch.setattr(shot.network, "encode_value", lambda image, *rest, **named: encoded.append(image) or real(image, *rest, **named))
    annotations = keyed(shot, 2, 6, 9)
    rare = configured(mem_every=100)
    predictions = propagate(shot, annotations, 1, rare)
    assert len(encoded) == 3 and [index for index in shot.asked if index in annotations] == [2, 6, 9]
    shot.asked.clear()
    again = propagate(shot, annotations, 1, configured(mem_every=100, reuse=False))
    assert len(encoded) > 6 and len([index for index in shot.asked if index in annotations]) > 3
    for index in range(14):
        assert torch.allclose(predictions[index].planes, again[index].planes, atol=1e-5)


def test_keyframe_within_a_sweep_gives_its_kept_value(shot: MadeUpShot) -> None:
    annotations = keyed(shot, 2, 6)
    resumed = propagate(shot, annotations, 1, configured(order=FORWARD))
    anew = propagate(shot, annotations, 1, configured(order=FORWARD, reuse=False))
    assert [index for index in shot.asked if index == 6] == [6] * 3, "once to learn it, and in a sweep only where nothing is kept"
    for index in range(14):
        assert torch.allclose(resumed[index].planes, anew[index].planes, atol=1e-5)


def test_cancelling_stops_before_the_next_frame(shot: MadeUpShot) -> None:
    annotations = keyed(shot, 0)
    propagation = Propagation(shot.network, shot, annotations, 1, QUICK)
    propagation.learn(0)
    came = []
    with pytest.raises(Cancelled):
        for index, _ in propagation.run(plan_gaps(14, annotations, 1, QUICK)[0], cancelled=lambda: len(came) == 3):
            came.append(index)
    assert came == [0, 1, 2]
