"""A shot of twelve frames with two keyed shapes, each keyed on frames of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.shot.made_shot import sent_to, write_shot
from xmemcore.protocol.requests import PropagateRequest

LAST = 1012


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> PropagateRequest:
    return write_shot(tmp_path_factory.mktemp("written"), LAST, body_keys=(1001, LAST), sleeve_keys=(1002, 1010))


@pytest.fixture
def request_(written: PropagateRequest, tmp_path: Path) -> PropagateRequest:
    return sent_to(replace(written, device="cpu", node_id=None), tmp_path)
