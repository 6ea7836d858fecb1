"""Where tests find the shared data, and what they skip without it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

CHECKOUT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of clips, golden cases and Nuke samples: $XMEM_ROTO_SHARED, else ../shared.

    Absent, the test skips; with CI=true it fails, so that a green run means that parity was checked.
    """
    folder = Path(os.environ.get("XMEM_ROTO_SHARED", CHECKOUT.parent / "shared"))
    if folder.is_dir():
        return folder
    reason = f"No shared data at {folder}. Set XMEM_ROTO_SHARED to the folder that holds clips/ and parity/."
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(autouse=True, scope="module")
def threads(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compute on one thread: networks of the tests are tiny, and two threads would wait for each other. Golden cases take all."""
    before = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1 if request.path.parent.name == "parity" else 1)
    yield
    torch.set_num_threads(before)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--parity-cases", help="folder of golden cases for tests/parity; default: parity/ of the shared data")
