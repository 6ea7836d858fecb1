"""Gaps side by side: the same mattes for any number of workers, the viewer's first, and a clean end when one fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.shot.made_shot import sent_to, write_plate, write_shot
from tests.shot.written import Recorder, mattes, same
from xmemcore.engine.order import outward_gaps
from xmemcore.protocol.failures import Cancelled, RequestError
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot import propagate as propagating
from xmemcore.shot.propagate import propagate
from xmemcore.shot.run import gap_workers
from xmemcore.shot.run.turns import parts_of

BODY, SLEEVE = (1001, 1008, 1014, 1022), (1001, 1006, 1018)
LAST = 1024
FRAMES = range(1001, LAST + 1)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> PropagateRequest:
    return write_shot(tmp_path_factory.mktemp("written"), LAST, body_keys=BODY, sleeve_keys=SLEEVE)


@pytest.fixture
def request_of(written: PropagateRequest, tmp_path: Path) -> PropagateRequest:
    return sent_to(replace(written, device="cpu"), tmp_path)


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    return lambda count: monkeypatch.setattr(propagating, "workers_for", lambda gaps, device, cores: count)


@pytest.mark.parametrize("viewer", [17, 18, 19])
def test_both_gaps_beside_the_key_that_the_artist_looks_at_come_first(viewer: int) -> None:
    gaps = outward_gaps(40, [0, 12, 18, 24, 36])
    first, second, *_ = parts_of([gaps], set(range(40)), viewer)
    assert {index for part in (first, second) for index in part.wanted} == set(range(12, 24))


def test_mattes_are_the_same_for_any_number_of_workers(request_of: PropagateRequest, workers, tmp_path: Path) -> None:
    runs = []
    for count in (1, 2, 5):
        workers(count)
        run = replace(
            request_of, out=str(tmp_path / f"out{count}" / "m.%04d.exr").replace("m.", "matte."), cache=str(tmp_path / f"c{count}")
        )
        result = propagate(run)
        assert result.written == tuple(FRAMES) and result.encoded_frames >= len(FRAMES) - len(set(BODY) & set(SLEEVE))
        runs.append(mattes(run.out))
    assert all(same(runs[0], other) for other in runs[1:])


def test_cancelled_run_of_several_workers_goes_on_to_the_same_mattes(request_of: PropagateRequest, workers, tmp_path: Path) -> None:
    workers(3)
    with pytest.raises(Cancelled, match="The mattes that were finished stay."):
        propagate(request_of, Recorder(stop_after=5))
    finished = propagate(request_of)
    assert 0 < len(finished.written) < len(FRAMES) and finished.frames == tuple(FRAMES)
    workers(1)
    undisturbed = replace(request_of, out=str(tmp_path / "whole" / "matte.%04d.exr"), cache=str(tmp_path / "other"))
    propagate(undisturbed)
    assert same(mattes(request_of.out), mattes(undisturbed.out))


def test_frame_that_cannot_be_read_ends_all_workers_with_its_sentence(request_of: PropagateRequest, workers, tmp_path: Path) -> None:
    plate = write_plate(tmp_path / "plate", last=LAST, holes=())
    damaged = tmp_path / "plate" / "plate.1011.exr"
    damaged.write_bytes(damaged.read_bytes()[:-300])
    workers(3)
    with pytest.raises(RequestError, match="1011"):
        propagate(replace(request_of, plate=plate))
    assert not [thread for thread in gap_workers.threading.enumerate() if thread.name.startswith("gap-worker")]


def test_gap_of_the_viewer_is_begun_first(request_of: PropagateRequest, workers, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[range] = []
    compute = gap_workers.GapWorker.compute

    def noted(self, job, cancelled):
        begun.append(range(min(job.gap.delivers), max(job.gap.delivers) + 1))
        return compute(self, job, cancelled)

    monkeypatch.setattr(gap_workers.GapWorker, "compute", noted)
    workers(2)
    propagate(replace(request_of, viewer_frame=1016))
    assert 15 in begun[0]


def test_a_gap_takes_the_same_cores_whatever_the_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, of_a_gap, of_a_thread, workers in ((1, 1, 1, 1), (2, 2, 1, 1), (8, 4, 2, 2), (64, 4, 2, 8)):
        monkeypatch.setattr(torch, "get_num_threads", lambda cores=cores: cores)
        chosen: list[int] = []
        monkeypatch.setattr(torch, "set_num_threads", chosen.append)
        for lane in (False, True):
            with gap_workers.cores_of_a_gap(lane) as there:
                assert there == cores
        assert chosen == [of_a_gap, cores, of_a_thread, cores]
        assert gap_workers.workers_for(20, torch.device("cpu"), cores) == workers
        assert gap_workers.workers_for(1, torch.device("cpu"), cores) == 1
        assert gap_workers.workers_for(20, torch.device("cuda"), cores) == 1


def test_a_run_has_the_workers_that_all_cores_are_enough_for(request_of: PropagateRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(propagating, "workers_for", lambda gaps, device, cores: asked.append(cores) or 1)
    before = torch.get_num_threads()
    torch.set_num_threads(8)
    try:
        propagate(request_of)
        assert asked == [8] and torch.get_num_threads() == 8
    finally:
        torch.set_num_threads(before)
