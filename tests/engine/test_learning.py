"""Learning a shot: clips that show the keyframes truly, equal steps for equal weights, and nothing learned where it would not help."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from tests.engine.small import small_network
from xmemcore.engine import learning
from xmemcore.engine.learning import Learned, LearningConfig, Tuner, learn, recall, rehearsal_of, steps_for, tunable, with_weights
from xmemcore.engine.staging import Key, learnable, stage_clip
from xmemcore.network.config import NetworkConfig
from xmemcore.network.xmem import XMem
from xmemcore.protocol.failures import Cancelled

TINY = LearningConfig(steps=8, clips=1, frames=3, size=32)


def key(frame: int, objects: tuple[int, ...] = (0,), absent: tuple[int, ...] = ()) -> Key:
    """A picture in which object k is a square of its own grey, elsewhere in every frame."""
    picture = np.full((48, 64, 3), 20, np.uint8)
    masks: dict[int, np.ndarray | None] = dict.fromkeys(absent)
    for obj in objects:
        mask = np.zeros((48, 64), bool)
        mask[6 + frame : 22 + frame, 8 + 26 * obj + frame : 24 + 26 * obj + frame] = True
        picture[mask] = 120 + 80 * obj
        masks[obj] = mask
    return Key(frame, picture, masks)


@pytest.fixture
def network() -> XMem:
    return small_network()


@pytest.fixture
def helps(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let the rehearsal find that tuned weights gain so much."""

    def set_gain(gain: float) -> None:
        start = small_network().state_dict()["value_encoder.to2.weight"]

        def answer(asked: XMem, question: learning.Question) -> float:
            return 0.5 if torch.equal(asked.state_dict()["value_encoder.to2.weight"], start) else 0.5 + gain

        monkeypatch.setattr(learning, "recall", answer)

    return set_gain


@pytest.mark.parametrize("objects", [(0,), (0, 1)])
def test_a_staged_clip_labels_what_it_shows(objects: tuple[int, ...]) -> None:
    greys = {0: 120, 1: 200}
    for seed in range(20):
        clip = stage_clip(np.random.default_rng(seed), [[key(f, objects) for f in (0, 4, 9)]], 64, 4)
        frames, labels = clip.frames[0].numpy().astype(int).mean(-1), clip.labels[0].numpy()
        assert labels.max() <= clip.objects and clip.annotated[0] and not clip.annotated[-1]
        assert (labels[0] > 0).any()
        background = frames[labels == 0]
        shown = [np.median(frames[labels == label]) for label in range(1, clip.objects + 1) if (labels == label).any()]
        # Pixels at an edge are mixed; the middle of each region is what it is called.
        assert np.median(background) < 60
        # Light differs from frame to frame by a few tenths at most.
        assert all(any(0.65 * greys[obj] < value < 1.4 * greys[obj] for obj in objects) for value in shown)


def test_absent_objects_are_asked_for_and_unknown_ones_are_not() -> None:
    keys = [key(0), key(4, (), absent=(0,)), key(8, (1,))]
    assert learnable(keys) == [0, 1]
    seen_empty = 0
    for seed in range(30):
        clip = stage_clip(np.random.default_rng(seed), [keys], 32, 3)
        seen_empty += not all((clip.labels[0, t] > 0).any() for t in range(3))
    assert seen_empty
    _, questions = rehearsal_of([keys], TINY)
    assert all(question.obj in key.masks for question in questions for key in (question.asked, *question.known))


def test_what_is_tuned_leaves_the_features_of_the_plate_as_they_are(network: XMem) -> None:
    shaken = {name: weight + 1 for name, weight in network.named_parameters() if tunable(name)}
    assert shaken
    image = torch.randn(1, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        before, after = (n.plate_terms(n.encode_key(image)).tensors() for n in (network, with_weights(network, shaken)))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_equal_steps_give_equal_weights_and_others_give_others(network: XMem, helps: Callable[[float], None]) -> None:
    helps(0.1)
    keys = [[key(f) for f in (0, 4, 9)]]
    first, again, longer = (learn(network, keys, config).weights for config in (TINY, TINY, LearningConfig(10, clips=1, frames=3, size=32)))
    assert first and all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], longer[name]) for name in first)
    assert all(weight.dtype == torch.float16 for weight in first.values())


def test_a_learning_that_was_stopped_goes_on_as_if_it_had_not_been(network: XMem, helps: Callable[[float], None]) -> None:
    helps(0.1)
    keys = [[key(f) for f in (0, 4, 9)]]
    whole = learn(network, keys, TINY).weights
    # Rehearsal, its end, and learning.
    for stop in (1, 3, 5):
        state: dict[str, torch.Tensor] = {}
        calls = iter(range(100))
        with pytest.raises(Cancelled):
            learn(network, keys, TINY, cancelled=lambda calls=calls, stop=stop: next(calls) == stop, keep=state.update)
        resumed = learn(network, keys, TINY, unfinished=state).weights
        assert all(torch.equal(whole[name], resumed[name]) for name in whole), stop


@pytest.mark.parametrize("gain", [pytest.param(-0.2, marks=pytest.mark.exhaustive), 0.0, 0.002])
def test_nothing_is_learned_where_held_back_keyframes_gain_too_little(network: XMem, helps: Callable[[float], None], gain: float) -> None:
    helps(gain)
    learned = learn(network, [[key(f) for f in (0, 4, 9)]], TINY)
    assert not learned.used and "would not help" in learned.reason


def test_nothing_is_learned_where_one_held_back_keyframe_loses_much(network: XMem, monkeypatch: pytest.MonkeyPatch) -> None:
    start = network.state_dict()["value_encoder.to2.weight"]

    def answer(asked: XMem, question: learning.Question) -> float:
        untouched = torch.equal(asked.state_dict()["value_encoder.to2.weight"], start)
        return 0.5 if untouched else 0.45 if question.asked.frame == 4 else 0.9

    monkeypatch.setattr(learning, "recall", answer)
    assert not learn(network, [[key(f) for f in (0, 4, 9, 13)]], TINY).used


@pytest.mark.parametrize("keys", [[key(0)], [key(0), key(5, (), absent=(0,))], [key(0, (), absent=(0,))], [key(0), key(3, (1,))]])
def test_one_keyframe_that_shows_an_object_teaches_nothing_that_could_be_tested(network: XMem, keys: list[Key]) -> None:
    learned = learn(network, [keys], TINY)
    assert learned == Learned(reason=learned.reason) and "second frame" in learned.reason


def test_a_rehearsal_never_learns_from_what_it_asks_for() -> None:
    groups = [[key(f) for f in range(0, 20, 2)], [key(f) for f in (1, 5)]]
    studied, questions = rehearsal_of(groups, TINY)
    learned = {id(key) for keys in studied for key in keys}
    assert questions and len(questions) <= TINY.most_questions
    assert not any(id(question.asked) in learned for question in questions)
    assert all(id(known) in learned for question in questions for known in question.known)


def test_tuning_lowers_the_loss_on_what_it_learns_from(network: XMem) -> None:
    keys = [[key(f) for f in (0, 4, 9)]]
    config = LearningConfig(steps=120, rate=3e-3, clips=1, frames=3, size=32)
    tuner = Tuner(network, config, 60, purpose=1)
    questions = [learning.Question(keys[0][1], (keys[0][0], keys[0][2]), 0)]
    before = recall(network, questions[0])
    tuner.run(keys, 60, learning._Steps(lambda: False, lambda done, total: None, 0, 60))
    assert recall(tuner.mixed(1.0), questions[0]) > before + 0.1


def test_seconds_become_steps_once() -> None:
    assert [steps_for(seconds) for seconds in (0, 0.5, 30, 120)] == [0, 10, 30, 120]


def test_the_published_network_is_tuned_too_and_keeps_its_statistics() -> None:
    torch.manual_seed(0)
    published = NetworkConfig(value_dim=64, object_dim=64, decoder_dims=(64, 32, 32), update_dim=32)
    network = XMem(published).eval().requires_grad_(False)
    tuner = Tuner(network, LearningConfig(steps=2, rate=1e-3, clips=1, frames=2, size=32), 1, purpose=1)
    tuner.run([[key(0), key(4)]], 1, learning._Steps(lambda: False, lambda done, total: None, 0, 1))
    before, after = network.state_dict(), tuner.mixed(1.0).state_dict()
    changed = {name for name in before if not torch.equal(before[name].half(), after[name].half())}
    assert changed and all(tunable(name) for name in changed)
    assert not any("running" in name for name in changed)
    assert any(name.startswith("value_encoder.") for name in changed) and any(name.startswith("decoder.") for name in changed)


def test_learning_computes_on_one_core_and_leaves_the_others_to_what_follows(network: XMem, helps: Callable[[float], None]) -> None:
    helps(-1.0)
    seen = []
    torch.set_num_threads(2)
    learn(network, [[key(f) for f in (0, 4, 9)]], TINY, report=lambda done, total: seen.append(torch.get_num_threads()))
    assert set(seen) == {1} and torch.get_num_threads() == 2
