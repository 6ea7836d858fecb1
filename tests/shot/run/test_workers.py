"""Many workers on one result: the same mattes as of one, no frame lost, none computed twice."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.shot.made_shot import FIRST, sent_to, write_shot
from tests.shot.written import mattes, same
from xmemcore.protocol.failures import Busy
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.result_file import ResultFile
from xmemcore.shot.propagate import propagate
from xmemcore.shot.run import computation
from xmemcore.shot.store.at_work import AtWork

LAST = FIRST + 23
KEYS = tuple(range(FIRST, LAST + 1, 4))
WORKER = """
import json, sys, torch
torch.set_num_threads(1)
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.propagate import propagate
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps(propagate(PropagateRequest(**json.loads(sys.argv[1]))).written))
"""


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> PropagateRequest:
    """A shot of six gaps, and the mattes of one undisturbed run."""
    folder = tmp_path_factory.mktemp("shot")
    request = sent_to(write_shot(folder, LAST, body_keys=KEYS, sleeve_keys=KEYS), folder)
    assert len(propagate(request).written) == LAST - FIRST + 1
    return request


def require_whole(request: PropagateRequest, shot: PropagateRequest) -> None:
    folder = Path(request.out).parent
    assert same(mattes(request.out), mattes(shot.out))
    assert sorted(ResultFile(Path(request.out)).records) == list(range(FIRST, LAST + 1)), "no record is lost"
    left = [path.name for path in folder.iterdir() if not path.name.startswith("matte.")]
    assert left == ["result.json"], "no lock, no half-written file"


def start(request: PropagateRequest) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, json.dumps(asdict(request))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_two_workers_share_a_shot_and_a_third_that_is_killed_costs_nothing(shot: PropagateRequest, tmp_path: Path) -> None:
    request = replace(shot, out=str(tmp_path / "out" / "matte.%04d.exr"), cache=str(tmp_path / "cache"), wait=60)
    workers = [start(request) for _ in range(3)]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    deadline = time.monotonic() + 120
    while len(list((tmp_path / "out").glob("matte.*.exr"))) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    workers[2].kill()
    answers = [worker.communicate(timeout=120)[0] for worker in workers]
    first, second = (json.loads(answer) for answer in answers[:2])
    assert not set(first) & set(second), "no frame is computed twice"
    assert first and second
    assert propagate(request).written == ()
    require_whole(request, shot)


@pytest.mark.parametrize("share_cache", [True, False])
def test_chunks_in_any_order_give_the_mattes_of_one_run(shot: PropagateRequest, tmp_path: Path, share_cache: bool) -> None:
    """Permanent memory is computed once and shared, or computed by each."""
    out = str(tmp_path / "out" / "matte.%04d.exr")
    written: list[int] = []
    encoded = []
    for number in (3, 1, 2):
        cache = str(tmp_path / ("cache" if share_cache else f"cache{number}"))
        result = propagate(replace(shot, out=out, cache=cache, chunk=f"{number}/3"))
        assert result.written == result.frames
        written += result.written
        encoded.append(result.encoded_annotations)
    assert sorted(written) == list(range(FIRST, LAST + 1)), "every frame once"
    assert encoded[1:] == ([0, 0] if share_cache else encoded[:1] * 2)
    require_whole(replace(shot, out=out), shot)


def test_more_chunks_than_gaps_leave_some_with_nothing_to_do(shot: PropagateRequest, tmp_path: Path) -> None:
    result = propagate(replace(shot, out=str(tmp_path / "out" / "matte.%04d.exr"), chunk="99/99"))
    assert result.written == () and "nothing in this one" in " ".join(result.warnings)


def test_frames_in_work_elsewhere_are_left_out_and_then_busy(shot: PropagateRequest, tmp_path: Path) -> None:
    request = replace(shot, out=str(tmp_path / "out" / "matte.%04d.exr"), wait=0)
    place = AtWork.on_mattes(Path(request.out))
    with place.claim(FIRST + 6, FIRST + 6), pytest.raises(Busy, match="Another propagate writes these mattes") as refused:
        propagate(request)
    assert refused.value.exit_code == 75
    written = sorted(ResultFile(Path(request.out)).records)
    assert written == [frame for frame in range(FIRST, LAST + 1) if not FIRST + 4 <= frame < FIRST + 8]
    assert propagate(request).written == tuple(range(FIRST + 4, FIRST + 8))
    require_whole(request, shot)


def test_another_roto_waits_for_the_result(shot: PropagateRequest, tmp_path: Path) -> None:
    request = replace(shot, out=str(tmp_path / "out" / "matte.%04d.exr"), wait=0, node_id="other")
    place = AtWork.on_mattes(Path(request.out))
    with place.joined("0123", "x"), pytest.raises(Busy, match="with other settings or annotations"):
        propagate(request)


def test_where_nothing_is_to_be_done_no_network_is_loaded(shot: PropagateRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("the network was loaded")

    monkeypatch.setattr(computation, "load_network", refused)
    result = propagate(shot)
    assert result.written == () and len(result.frames) == LAST - FIRST + 1
