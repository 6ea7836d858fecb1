"""Learning a shot, as an artist meets it: kept per node, part of every signature, stopped and gone on with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch

from tests.shot.made_shot import sent_to, write_roto, write_shot
from tests.shot.set_up import round_of
from xmemcore.engine import learning
from xmemcore.engine.learning import Learned, LearningConfig
from xmemcore.protocol.failures import Cancelled, RequestError
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.plan import plan as plan_module
from xmemcore.shot.propagate import propagate
from xmemcore.shot.run.learned import LearnedStore, LearningRound
from xmemcore.shot.status import node_status
from xmemcore.shot.store.cache import CacheFolder, cache_files
from xmemcore.shot.store.state import clear_node


@dataclass
class Recorder:
    """A listener that remembers what was said, and stops at a sentence."""

    stop_at: str = "\0"
    said: list[str] = field(default_factory=list)

    def message(self, text: str) -> None:
        self.said.append(text)

    def warning(self, text: str) -> None:
        self.said.append(text)

    def progress(self, done: int, total: int) -> None: ...

    def frame_done(self, frame: int, path: Path) -> None: ...

    def cancelled(self) -> bool:
        return any(self.stop_at in text for text in self.said)

    def steps(self) -> int:
        return sum("steps" in text for text in self.said)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> PropagateRequest:
    return replace(write_shot(tmp_path_factory.mktemp("written"), 1008, body_keys=(1001, 1005), sleeve_keys=(1001, 1005)), learn=12)


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The roto with one key more."""
    return write_roto(tmp_path_factory.mktemp("more") / "roto.nk", (1001, 1005, 1008), (1001, 1005, 1008))


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Learn in few and small steps."""
    monkeypatch.setattr(plan_module, "LearningConfig", lambda steps: LearningConfig(steps=min(steps, 12), clips=1, frames=3, size=32))


@pytest.fixture
def helps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every answer be better than the one before."""
    answers = iter(range(1, 100_000))
    monkeypatch.setattr(learning, "recall", lambda network, question: next(answers) * 0.01)


@pytest.fixture
def request_of(written: PropagateRequest, tmp_path: Path) -> PropagateRequest:
    return sent_to(written, tmp_path)


def test_a_shot_is_learned_once_and_its_mattes_stay_fresh(request_of: PropagateRequest, helps: None) -> None:
    first, again = Recorder(), Recorder()
    assert propagate(request_of, first).written
    assert first.steps() and any("Learned this shot" in text for text in first.said)
    assert propagate(request_of, again).written == ()
    assert not again.steps()
    assert node_status(request_of).stale == ()


def test_learned_mattes_are_others_and_both_kinds_know_their_own(request_of: PropagateRequest, helps: None) -> None:
    plain = replace(request_of, learn=0.0)
    propagate(plain)
    predicted = set(propagate(request_of, Recorder()).written)
    assert predicted == {1002, 1003, 1004, 1006, 1007, 1008}
    assert set(node_status(plain).stale) == predicted
    assert any("learn" in reason for reason in node_status(plain).reasons)


def test_where_learning_would_not_help_the_mattes_are_the_same_as_without(
    request_of: PropagateRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "recall", lambda network, question: 0.5)
    propagate(replace(request_of, learn=0.0))
    recorder, again = Recorder(), Recorder()
    assert propagate(request_of, recorder).written == ()
    assert recorder.steps() and any("would not help" in text for text in recorder.said)
    assert propagate(request_of, again).written == () and not again.steps()


def test_a_learning_that_is_cancelled_goes_on_where_it_was(request_of: PropagateRequest, helps: None, tmp_path: Path) -> None:
    stopped = Recorder(stop_at="3 of 12")
    with pytest.raises(Cancelled):
        propagate(request_of, stopped)
    resumed = Recorder()
    propagate(request_of, resumed)
    assert not any("Learning this shot: 2 of" in text for text in resumed.said)
    assert any("Learning this shot: 4 of" in text for text in resumed.said)
    # The weights, and the note which round was last; nothing of the half-done one.
    assert len(list((tmp_path / "cache" / "node1" / "learned").iterdir())) == 2


def test_a_second_round_goes_on_from_the_first_and_says_so_in_its_hash(
    request_of: PropagateRequest, more: str, helps: None, tmp_path: Path
) -> None:
    propagate(request_of)
    first = round_of(request_of)
    keyed_more = replace(request_of, roto=more)
    second = round_of(keyed_more)
    assert first is not None and second is not None and second.parent == first.hash
    propagate(keyed_more)
    assert round_of(keyed_more) == second
    alone = round_of(replace(keyed_more, cache=str(tmp_path / "other")))
    assert alone is not None and alone.inputs == second.inputs and alone.hash != second.hash


def test_other_seconds_keys_and_models_are_learned_anew(request_of: PropagateRequest, more: str) -> None:
    plans = [request_of, replace(request_of, learn=10), replace(request_of, roto=more), replace(request_of, size=80)]
    assert len({round_of(plan) for plan in plans}) == len(plans)
    assert round_of(replace(request_of, learn=0.0)) is None


def test_without_a_cache_the_shot_is_learned_all_the_same(request_of: PropagateRequest, helps: None, tmp_path: Path) -> None:
    recorder = Recorder()
    propagate(replace(request_of, use_cache=False, frames="1002"), recorder)
    assert recorder.steps() and not (tmp_path / "cache").exists()


def test_what_was_learned_and_damaged_is_learned_again(request_of: PropagateRequest, helps: None, tmp_path: Path) -> None:
    propagate(request_of)
    learning = round_of(request_of)
    assert learning is not None
    path = CacheFolder(tmp_path / "cache" / "node1" / "learned").path(learning.hash)
    path.write_bytes(path.read_bytes()[:-7] + b"damaged")
    recorder = Recorder()
    propagate(request_of, recorder)
    assert recorder.steps() and any("damaged" in text for text in recorder.said)


def test_a_lost_round_is_begun_anew_where_what_it_went_on_from_is_lost_too(tmp_path: Path) -> None:
    store, files = LearnedStore(tmp_path, "node1"), CacheFolder(tmp_path / "node1" / "learned")
    first = store.next_round("a")
    store.save(first, Learned({"w": torch.zeros(2).half()}, 0.1))
    second = store.next_round("b")
    assert second == LearningRound("b", first.hash)
    store.save(second, Learned({"w": torch.ones(2).half()}, 0.1))
    assert store.next_round("b") == second
    files.forget(second.hash)
    assert store.next_round("b") == second
    files.forget(first.hash)
    assert store.next_round("b") == LearningRound("b", None)


def test_what_was_learned_counts_against_the_limit_and_goes_with_clear(request_of: PropagateRequest, helps: None, tmp_path: Path) -> None:
    root = tmp_path / "cache"
    propagate(request_of)
    learned = {file.path for file in cache_files(root, "node1") if file.path.parent.name == "learned"}
    assert len(learned) == 2
    clear_node("node1", str(root))
    assert not (root / "node1").exists()


@pytest.mark.parametrize(
    ("changes", "words"), [({"learn": -1.0}, "0 to"), ({"learn": float("nan")}, "0 to"), ({"plain": True}, "Plain mode")]
)
def test_a_wish_that_cannot_be_met_is_refused_in_a_sentence(request_of: PropagateRequest, changes: dict, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        propagate(replace(request_of, **changes))
