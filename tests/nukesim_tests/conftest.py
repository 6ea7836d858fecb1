"""A running stand-in of the plain temper for each test; in CI and without pytest alike (see plain_pytest.py)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
if str(TESTS) not in sys.path:
    sys.path.insert(0, str(TESTS))

import nukesim  # noqa: E402
import shared_data  # noqa: E402


@pytest.fixture
def host():
    """A Nuke 16 with an interface."""
    with nukesim.start(hostile=False) as running:
        yield running


@pytest.fixture
def terminal():
    """A Nuke 16 under -t."""
    with nukesim.start(gui=False, hostile=False) as running:
        yield running


@pytest.fixture
def samples():
    """Folder of real gizmos and scripts."""
    reason = shared_data.what_is_missing("nuke-samples")
    if reason is None:
        return shared_data.folder() / "nuke-samples"
    if shared_data.required():
        pytest.fail(reason)
    pytest.skip(reason)
