"""A running stand-in for each test; in CI and without pytest alike (see plain_pytest.py)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
if str(TESTS) not in sys.path:
    sys.path.insert(0, str(TESTS))

import nukesim  # noqa: E402


@pytest.fixture
def host():
    """A Nuke 16 with an interface."""
    with nukesim.start() as running:
        yield running


@pytest.fixture
def terminal():
    """A Nuke 16 under -t."""
    with nukesim.start(gui=False) as running:
        yield running


@pytest.fixture
def samples():
    """Folder of real gizmos and scripts."""
    folder = Path(os.environ.get("XMEM_ROTO_SHARED", TESTS.parent.parent / "shared")) / "nuke-samples"
    if not folder.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"No Nuke samples at {folder}")
        pytest.skip(f"No Nuke samples at {folder}: set XMEM_ROTO_SHARED")
    return folder
