"""The cache that somebody deletes while a run works costs that run a recomputation, and nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.shot.made_shot import FIRST, sent_to, write_shot
from tests.shot.written import mattes, same
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.listener import Silence
from xmemcore.shot.propagate import propagate
from xmemcore.shot.status import node_status

LAST = FIRST + 11


@pytest.fixture
def request_of(tmp_path: Path) -> PropagateRequest:
    return sent_to(write_shot(tmp_path, LAST, body_keys=(FIRST, FIRST + 9), sleeve_keys=(FIRST, FIRST + 5)), tmp_path / "whole")


class Deleting(Silence):
    """Deletes the cache whenever the run says something."""

    def __init__(self, cache: Path, moments: tuple[str, ...]) -> None:
        self.cache, self.moments, self.deleted, self.warnings = cache, moments, 0, []

    def message(self, text: str) -> None:
        self._delete("message")

    def frame_done(self, frame: int, path: Path) -> None:
        self._delete("frame")

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def _delete(self, moment: str) -> None:
        if moment in self.moments and self.cache.exists():
            shutil.rmtree(self.cache, ignore_errors=True)
            self.deleted += 1


@pytest.mark.parametrize("moments", [("message",), ("frame",), ("message", "frame")])
def test_run_ends_with_the_same_mattes(request_of: PropagateRequest, tmp_path: Path, moments: tuple[str, ...]) -> None:
    propagate(request_of)
    request = replace(request_of, cache=str(tmp_path / "cache"), out=str(tmp_path / "out" / "matte.%04d.exr"))
    deleting = Deleting(tmp_path / "cache", moments)
    propagate(request, deleting)
    assert deleting.deleted and same(mattes(request.out), mattes(request_of.out))
    assert all("cache" in warning for warning in deleting.warnings)
    assert node_status(request).stale == () and propagate(request).written == ()


def test_a_deleting_process_stops_no_run(request_of: PropagateRequest, tmp_path: Path) -> None:
    propagate(request_of)
    cache = tmp_path / "cache"
    request = replace(request_of, cache=str(cache), out=str(tmp_path / "out" / "matte.%04d.exr"))
    code = "import json, sys; from xmemcore.protocol.requests import PropagateRequest; from xmemcore.shot.propagate import propagate\n"
    code += "import torch; torch.set_num_threads(1); propagate(PropagateRequest(**json.loads(sys.argv[1])))"
    deadline = time.monotonic() + 120
    with subprocess.Popen([sys.executable, "-c", code, json.dumps(asdict(request))], stderr=subprocess.PIPE) as run:
        while run.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
            shutil.rmtree(cache, ignore_errors=True)
        assert run.returncode == 0, run.stderr.read() if run.stderr else ""
    assert same(mattes(str(tmp_path / "out" / "matte.%04d.exr")), mattes(request_of.out))
