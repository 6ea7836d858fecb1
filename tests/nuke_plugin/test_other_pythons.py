"""The plugin's suite in every Python that a supported Nuke has, without pytest; what needs a package of the core's is skipped there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pythons import find_python

HERE = Path(__file__).resolve().parent
RUNNER = HERE.parent / "nukesim_tests" / "plain_pytest.py"
LONGEST_SECONDS = 3000
FEWEST = 200
"""Tests that pass at least: with fewer something keeps most of them from being found."""

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(LONGEST_SECONDS + 60)]


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.13"])
def test_the_suite_passes_in_another_python(version, temper):
    python = find_python(version)
    if python is None or subprocess.run([python, "-c", "import tkinter; tkinter.Tcl()"], capture_output=True).returncode:
        pytest.skip(f"Python {version} with tkinter is not installed")
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "NUKESIM_TEMPER")}
    environment.setdefault("NUKESIM_RENDER_PYTHON", sys.executable)
    done = subprocess.run(
        [python, str(RUNNER), "--temper", temper, str(HERE)], capture_output=True, text=True, timeout=LONGEST_SECONDS, env=environment
    )
    summary = re.search(r"(\d+) passed, \d+ skipped, 0 failed on Python", done.stdout)
    failed = "\n".join(line for line in done.stdout.splitlines() if line.startswith("FAIL"))
    assert done.returncode == 0 and summary is not None, failed + done.stdout[-6000:] + done.stderr[-2000:]
    assert int(summary[1]) >= FEWEST
