"""Training beside others: threads give way, and no process outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.processes import runs
from xmemcore.training.cores import Cores


@pytest.fixture()
def threads_restored():  # noqa: ANN201
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_a_thread_is_added_only_where_a_core_is_idle(threads_restored: None) -> None:
    cores = Cores(2)
    cores.choose(1.0, 0.1, 100.0)
    assert cores.threads == 1
    cores.choose(1.0, 0.9, 101.0)
    assert cores.threads == 2 == torch.get_num_threads()


def test_one_contended_step_takes_a_thread_away_and_each_time_for_longer(threads_restored: None) -> None:
    cores, now, waits = Cores(2), 0.0, []
    for _ in range(4):
        while cores.threads == 1:
            now += 1
            cores.choose(1.0, None, now)
        cores.choose(0.5, None, now)
        assert cores.threads == 1
        began = now
        while cores.threads == 1:
            now += 1
            cores.choose(1.0, None, now)
        waits.append(now - began)
        cores.choose(0.5, None, now)
    assert waits == sorted(waits) and waits[-1] > waits[0]


def test_a_free_machine_keeps_its_threads(threads_restored: None) -> None:
    cores = Cores(2)
    for step in range(20):
        cores.choose(0.97, 0.9 if cores.threads == 1 else 0.0, float(step))
    assert cores.threads == 2


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_the_process_that_makes_clips_leaves_with_a_killed_parent(tmp_path: Path) -> None:
    config = tmp_path / "small.toml"
    config.write_text("frozen_blocks = 0\n[[phases]]\nuntil = 1.0\nsize = 128\nframes = 4\nbatch = 4\n")
    words = [
        "--procedural",
        "--out",
        str(tmp_path / "run"),
        "--config",
        str(config),
        "--steps",
        "5000",
        "--device",
        "cpu",
        "--threads",
        "1",
    ]
    parent = subprocess.Popen([sys.executable, "-m", "xmemcore", "train", *words], stderr=subprocess.DEVNULL)
    losses = tmp_path / "run" / "losses.jsonl"
    _until(lambda: losses.exists() and losses.stat().st_size > 0 or parent.poll() is not None, 120)
    children = _children(parent.pid)
    assert children
    parent.send_signal(signal.SIGKILL)
    parent.wait(timeout=30)
    # Twice its patience between two looks at its parent, and what it was just making.
    _until(lambda: not any(runs(pid) for pid in children), 40)
    assert not [pid for pid in children if runs(pid)]


def _until(reached, seconds: float) -> None:  # noqa: ANN001
    deadline = time.monotonic() + seconds
    while not reached() and time.monotonic() < deadline:
        time.sleep(0.1)


def _children(parent: int) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(stat[1]) == parent:
                found.append(int(entry))
    return found
