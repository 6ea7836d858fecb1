"""The stand-in runs in every Python that a supported Nuke has: its other tests, in other interpreters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pythons import find_python

HERE = Path(__file__).resolve().parent


@pytest.mark.exhaustive
@pytest.mark.parametrize("version", ["3.9", "3.10", "3.13"])
def test_all_other_tests_pass_in_another_python(version):
    python = find_python(version)
    if python is None:
        pytest.skip(f"Python {version} is not installed here")
    tcl = subprocess.run([python, "-c", "import tkinter; tkinter.Tcl()"], capture_output=True, text=True)
    if tcl.returncode:
        pytest.skip(f"Python {version} here has no tkinter: {tcl.stderr.strip().splitlines()[-1]}")
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    environment.setdefault("NUKESIM_RENDER_PYTHON", sys.executable)
    done = subprocess.run([python, str(HERE / "plain_pytest.py")], capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " 0 failed" in done.stdout and not done.stdout.strip().endswith("0 passed")
