"""The second look of a run: frames are read once for both, what was seen is kept, and the mattes are those of the shot, not of the run."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.shot.made_shot import sent_to, write_shot
from tests.shot.set_up import depends
from tests.shot.written import Recorder, mattes, same
from xmemcore.engine import second_look
from xmemcore.engine.order import outward_gaps
from xmemcore.engine.propagation import Propagation
from xmemcore.engine.second_look import LONG_SWEEP_FRAMES
from xmemcore.network.xmem import XMem
from xmemcore.protocol.failures import Cancelled
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot import propagate as propagating
from xmemcore.shot.inputs.opened import open_propagate
from xmemcore.shot.plan import plan as planning
from xmemcore.shot.plan.dependencies import PredictionHashes
from xmemcore.shot.plan.plan import LEAST_SECOND_LOOK, plan
from xmemcore.shot.plate import frame_source
from xmemcore.shot.plate.frame_source import PlateContent
from xmemcore.shot.propagate import propagate
from xmemcore.shot.store.cache import FEATURES, cache_files
from xmemcore.shot.store.state import clear_node

LAST = 1034
FRAMES = range(1001, LAST + 1)
KEYS = (1001, 1012)


@pytest.fixture(autouse=True)
def at_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look twice at the small size at which shots are made here."""
    monkeypatch.setattr(planning, "LEAST_SECOND_LOOK", 32)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> PropagateRequest:
    return write_shot(tmp_path_factory.mktemp("written"), LAST, body_keys=KEYS, sleeve_keys=KEYS)


@pytest.fixture
def request_of(written: PropagateRequest, tmp_path: Path) -> PropagateRequest:
    return sent_to(replace(written, device="cpu"), tmp_path)


def elsewhere(request: PropagateRequest, folder: Path) -> PropagateRequest:
    return replace(request, out=str(folder / "matte.%04d.exr"), cache=str(folder / "cache"))


def test_mattes_are_the_same_for_any_number_of_workers_after_a_cancel_and_from_the_cache(
    request_of: PropagateRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    propagate(request_of)
    monkeypatch.setattr(propagating, "workers_for", lambda gaps, device, cores: 3)
    other = elsewhere(request_of, tmp_path / "other")
    with pytest.raises(Cancelled):
        propagate(other, Recorder(stop_after=4))
    propagate(other)
    assert same(mattes(other.out), mattes(request_of.out))
    again = replace(other, out=str(tmp_path / "again" / "matte.%04d.exr"))
    propagate(again)
    assert same(mattes(again.out), mattes(request_of.out))


def test_a_frame_alone_has_the_matte_that_the_whole_run_gives_it(request_of: PropagateRequest, tmp_path: Path) -> None:
    propagate(request_of)
    alone = replace(elsewhere(request_of, tmp_path / "alone"), frames="1014,1030")
    propagate(alone)
    found, expected = mattes(alone.out), mattes(request_of.out)
    assert len(found) == 2 and same(found, {name: expected[name] for name in found})


def test_once_features_are_kept_only_pictures_of_frames_that_are_remembered_are_made(
    request_of: PropagateRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: Counter[str] = Counter()
    for name in ("normalise", "halved_image"):
        make = getattr(frame_source, name)
        monkeypatch.setattr(frame_source, name, lambda *given, name=name, make=make: (made.update([name]), make(*given))[1])
    propagate(request_of)
    first = made.copy()
    again = replace(request_of, out=str(tmp_path / "again" / "matte.%04d.exr"))
    propagate(again)
    assert same(mattes(again.out), mattes(request_of.out))
    assert len(first) == 2 and all(0 < 2 * (made[name] - count) < count for name, count in first.items()), (first, made)


def test_a_plate_that_grows_makes_mattes_stale_when_their_sweep_becomes_long() -> None:
    def hashes(length: int, second_look: bool) -> list[str]:
        gaps = outward_gaps(length, [0])
        predictions = PredictionHashes("base", gaps, lambda index: f"frame {index}", (), second_look)
        return [predictions.hash(index) for index in range(LONG_SWEEP_FRAMES - 1)]

    short, long = LONG_SWEEP_FRAMES - 1, LONG_SWEEP_FRAMES
    assert hashes(short, True) == hashes(short, False) == hashes(long, False)
    assert not set(hashes(long, True)) & set(hashes(short, True))
    assert hashes(long + 5, True) == hashes(long, True)


def test_it_changes_the_mattes_of_long_sweeps_alone_and_they_say_so(request_of: PropagateRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    once = replace(request_of, second_look=False)
    propagate(once)
    before = mattes(once.out)
    twice = propagate(request_of)
    assert twice.written == tuple(range(KEYS[-1] + 1, LAST + 1)), "the sweep between the keys is short"
    assert not same(mattes(request_of.out), before)
    assert depends(once).manifest().settings["second_look"] is False and depends(request_of).manifest().settings["second_look"] is True
    short, long = (signature_of(request_of, index) for index in (5, 20))
    monkeypatch.setattr(second_look, "VERSION", second_look.VERSION + 1)
    assert short == signature_of(request_of, 5) and long != signature_of(request_of, 20), "another version"


def signature_of(request: PropagateRequest, index: int) -> str:
    return depends(request).signature(index)


def test_frames_are_read_once_for_both_looks_and_encoded_once_for_all_runs(
    request_of: PropagateRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    encoded: list[tuple[int, ...]] = []
    read_image, encode_key = PlateContent._read, XMem.encode_key

    def noted(self, index, seen):
        reads.append(index)
        return read_image(self, index, seen)

    def counted(self, image):
        encoded.append(tuple(image.shape[-2:]))
        return encode_key(self, image)

    monkeypatch.setattr(PlateContent, "_read", noted)
    monkeypatch.setattr(XMem, "encode_key", counted)
    request = replace(request_of, precision="float32")
    propagate(request)
    wholes, halves = (encoded.count(size) for size in sorted(set(encoded), reverse=True))
    assert wholes >= len(FRAMES) - len(KEYS) and 0 < halves <= wholes
    with_both = len(reads)
    reads.clear()
    propagate(replace(elsewhere(request, tmp_path / "once"), second_look=False))
    assert with_both <= len(reads) + 2 * len(KEYS), "keyframes alone are read again"
    encoded.clear()
    propagate(replace(request, out=str(tmp_path / "again" / "matte.%04d.exr")))
    assert not encoded, "features of both sizes and both memories are kept"


def test_who_looks_once(request_of: PropagateRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    assert planned(request_of)
    assert not planned(replace(request_of, plain=True))
    assert not planned(replace(request_of, second_look=False))
    with monkeypatch.context() as official:
        official.setattr(planning, "parameters_of", lambda path: (62_000_000, "resnet50"))
        assert not planned(request_of)
    monkeypatch.setattr(planning, "LEAST_SECOND_LOOK", LEAST_SECOND_LOOK)
    assert not planned(request_of) and planned(replace(request_of, size=LEAST_SECOND_LOOK))


def planned(request: PropagateRequest) -> bool:
    config = plan(open_propagate(request)).config
    assert not config.second_look or not request.plain
    return config.second_look


def test_a_new_key_teaches_both_looks(request_of: PropagateRequest, written: PropagateRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    propagate(replace(request_of, keyframes=KEYS[:1]))
    learned: list[tuple[int, bool]] = []
    learn = Propagation.learn

    def noted(self, index, encoded=None):
        learned.append((index, self.second is not None))
        return learn(self, index, encoded)

    monkeypatch.setattr(Propagation, "learn", noted)
    propagate(request_of)
    assert {(0, True), (0, False), (KEYS[1] - 1001, True), (KEYS[1] - 1001, False)} <= set(learned)


def test_clear_takes_what_was_kept_of_both_looks(request_of: PropagateRequest) -> None:
    propagate(request_of)
    cache = Path(request_of.cache or "")
    assert len([file for file in cache_files(cache) if file.path.parent.parent.name == FEATURES]) > len(FRAMES)
    clear_node("node1", request_of.cache)
    assert not list(cache_files(cache))


def test_where_no_sweep_is_long_the_second_look_learns_nothing(request_of: PropagateRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: set[tuple[int, ...]] = set()
    encode_key = XMem.encode_key

    def noted(self, image):
        sizes.add(tuple(image.shape[-2:]))
        return encode_key(self, image)

    monkeypatch.setattr(XMem, "encode_key", noted)
    monkeypatch.setattr(second_look, "LONG_SWEEP_FRAMES", LAST)
    propagate(replace(request_of, precision="float32"))
    assert len(sizes) == 1
