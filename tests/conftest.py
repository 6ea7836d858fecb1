"""Where tests find the shared data, and what they skip without it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import torch

from tests import shared_data
from xmemcore.network import backend, inference
from xmemcore.network.xmem import XMem

SMALL_NUMBERS = 3_000_000
"""Numbers of a network up to which a test process keeps it; those of the tests have a tenth."""

PROCESSORS = Path("/proc/cpuinfo")
if PROCESSORS.is_file() and "GenuineIntel" in PROCESSORS.read_text():
    # With wider registers MKL rounds products otherwise, and the witness of 0.2.0 was made without them.
    os.environ.setdefault("MKL_CBWR", "AVX2")

# A busy machine is slow, and no fault of the code: speed is measured by `bench`, never in a test.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of clips, golden cases and Nuke samples: $XMEM_ROTO_SHARED, else ../shared.

    Absent, the test skips; with CI=true it fails, so that a green run means that parity was checked.
    """
    reason = shared_data.what_is_missing()
    if reason is None:
        return shared_data.folder()
    if shared_data.required():
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(autouse=True, scope="module")
def threads(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compute on one thread: networks of the tests are tiny, and two threads would wait for each other. Golden cases take all cores
    that no other test process works on."""
    before = torch.get_num_threads()
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // processes) if request.path.parent.name == "parity" else 1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True, scope="session")
def prepared_once() -> Iterator[None]:
    """Let runs of small networks with the same weights share the one that is prepared: to copy it takes a quarter of a run of a few frames.

    `inference.prepared` itself always makes a new one.
    """
    make = inference.prepared
    kept: dict[object, XMem] = {}

    def prepared(network: XMem, level: str = inference.FLOAT32) -> XMem:
        state = network.state_dict()
        if sum(tensor.numel() for tensor in state.values()) > SMALL_NUMBERS or any(
            tensor.device.type != "cpu" for tensor in state.values()
        ):
            return make(network, level)
        digest = hashlib.blake2b()
        for name, tensor in state.items():
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.contiguous().numpy().data)
        on_cpu = torch.device("cpu")
        key = (
            digest.digest(),
            str(network.config),
            level,
            inference.can_fuse(),
            inference.computes_in_half(on_cpu),
            torch.is_grad_enabled(),
        )
        if key not in kept:
            if len(kept) >= 8:
                kept.pop(next(iter(kept)))
            kept[key] = make(network, level)
        return kept[key]

    backend.prepared = prepared
    yield
    backend.prepared = make


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep tests that share a fixture of their module in one test process, so that it is made once, and begin with the slow ones.

    A slow test that comes last would keep one process at work while the others have nothing left to do.
    """
    if not config.pluginmanager.hasplugin("xdist"):
        return
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    for item in items:
        fixtures = getattr(item, "_fixtureinfo", None)
        fixtures_made = [found[-1] for found in fixtures.name2fixturedefs.values()] if fixtures is not None else []
        if any(fixture.scope == "module" and fixture.argname != "threads" for fixture in fixtures_made):
            item.add_marker(pytest.mark.xdist_group(str(item.path)))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--temper",
        choices=("plain", "hostile", "both"),
        default="plain",
        help="of the stand-in for Nuke in the plugin's tests; see tests/nukesim/README.md",
    )
    parser.addoption("--parity-cases", help="folder of golden cases for tests/parity; default: parity/ of the shared data")
