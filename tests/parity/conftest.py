"""Golden cases become test parameters; the seeded weights (249 MB) are made once per run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import shared_data
from tests.parity.golden import seeded_network
from xmemcore.network.xmem import XMem


def cases_folder(config: pytest.Config) -> Path:
    """Give the folder of golden cases: --parity-cases, else the shared one."""
    chosen = config.getoption("--parity-cases")
    if chosen:
        return Path(chosen)
    return shared_data.folder() / "parity"


LARGE = ("chair_480", "caps_2obj", "chair_longterm", "chair_no_temporary")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, kind in (("clip_case", _is_clip), ("module_case", _is_modules), ("selection_case", _is_selection)):
        if name in metafunc.fixturenames:
            paths = [path for path in sorted(cases_folder(metafunc.config).glob("*.npz")) if kind(path)]
            metafunc.parametrize(name, [_marked(path) for path in paths])
    if "whole" in metafunc.fixturenames:
        # Every change is held against the beginnings and the small pictures; what comes after computes as they do.
        metafunc.parametrize("whole", [pytest.param(False, id="beginning"), pytest.param(True, id="whole", marks=pytest.mark.exhaustive)])


def _marked(path: Path) -> Any:
    """The large ones take longer than all others, and compute as they do; long-term memory's arithmetic has golden arrays of its own."""
    return pytest.param(path, id=path.stem, marks=[pytest.mark.exhaustive] if path.stem in LARGE else [])


@pytest.fixture(scope="session")
def network(shared: Path) -> XMem:
    """The published network with the seeded weights."""
    return seeded_network(shared / "parity")


def _names(path: Path) -> list[str]:
    with np.load(path) as case:
        return case.files


def _is_clip(path: Path) -> bool:
    return "memory_sizes" in _names(path)


def _is_modules(path: Path) -> bool:
    return any(name.endswith("/readout") or name.startswith("synthetic/mk") for name in _names(path))


def _is_selection(path: Path) -> bool:
    return any(name.endswith("/chosen") for name in _names(path))
