"""The memory that a process says it uses is its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from xmemcore.shot.machine.footprint import peak_mb

PARENT = """
import subprocess, sys
held = bytearray(b"x") * 400_000_000
subprocess.run([sys.executable, "-c", "from xmemcore.shot.machine.footprint import peak_mb; print(peak_mb())"], check=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process begin with its parent's count")
def test_the_peak_of_a_process_leaves_out_what_its_parent_held() -> None:
    answer = subprocess.run([sys.executable, "-c", PARENT], capture_output=True, text=True, check=True)
    assert 1 < float(answer.stdout) < 200


def test_the_peak_counts_what_was_let_go() -> None:
    before = peak_mb()
    held = bytearray(b"x") * 300_000_000
    del held
    after = peak_mb()
    assert before is not None and after is not None
    assert after > 200 and after >= before
