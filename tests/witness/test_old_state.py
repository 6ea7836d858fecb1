"""A cache, mattes and a result.json that version 0.2.0 wrote: never fatal, never lost, gone by Clear or the limit alone."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.witness.keep_old_state import FRAMES, NODE, request_of
from tests.witness.pixels import KEPT, decoded, differences
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.mattes.mattes import read_mattes
from xmemcore.shot.propagate import propagate
from xmemcore.shot.store.cache import make_room
from xmemcore.shot.store.state import clear_node

WINDOW = (0, 0, 32, 32)
OLD = KEPT / "state-0.2.0"


@pytest.fixture
def request_(tmp_path: Path) -> PropagateRequest:
    """A request on a copy of the old state."""
    shutil.copytree(OLD, tmp_path / "state")
    return request_of(tmp_path / "shot", tmp_path / "state")


def test_old_mattes_are_read(request_: PropagateRequest) -> None:
    mattes = read_mattes(request_.out)
    assert mattes.frames == FRAMES
    assert list(mattes.read(1).layers) == ["obj_1"] and mattes.read(1).union.max() == 1


def test_a_run_over_old_state_gives_what_a_run_without_it_gives(request_: PropagateRequest, tmp_path: Path) -> None:
    propagate(request_)
    propagate(replace(request_, cache=str(tmp_path / "new"), out=str(tmp_path / "out" / "matte.%04d.exr")))
    assert not differences(decoded(Path(request_.out).parent, WINDOW), decoded(tmp_path / "out", WINDOW))


def test_a_run_over_a_part_leaves_the_other_old_mattes_and_their_records(request_: PropagateRequest) -> None:
    mattes = Path(request_.out).parent
    before = (mattes / "matte.0004.exr").read_bytes()
    propagate(replace(request_, frames="1-2"))
    assert (mattes / "matte.0004.exr").read_bytes() == before
    record = json.loads((mattes / "result.json").read_text())["mattes"]["matte.%04d.exr"]
    assert {"1", "2", "4"} <= set(record["frames"])


def test_clear_and_the_limit_take_an_old_cache_away(request_: PropagateRequest) -> None:
    cache = Path(request_.cache)
    assert list((cache / "features").rglob("*.safetensors")) and (cache / NODE / "manifest.json").is_file()
    clear_node(NODE, request_.cache)
    assert not (cache / NODE / "manifest.json").exists() and not list((cache / NODE).rglob("*.safetensors"))
    make_room(cache, 0)
    assert not list(cache.rglob("*.safetensors"))
