"""Every damaged and hostile input of the shared cases: a right result or one sentence, quickly, and nothing on stderr."""

from __future__ import annotations

import resource
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from tests import shared_data
from tests.shot.made_shot import write_model, write_plate
from xmemcore.protocol.failures import Failure, RequestError
from xmemcore.protocol.messages import decode
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.result_file import ResultFile
from xmemcore.roto import read_roto
from xmemcore.shot.annotations.roto import RotoAnnotations
from xmemcore.shot.files.box import Box
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.propagate import propagate
from xmemcore.shot.store.state import NodeManifest, clear_node
from xmemcore.training.recipe import read_recipe

CPU_SECONDS, LONGEST_SENTENCE, GROWTH_KB = 20, 600, 2 << 20
FOLDER = shared_data.folder() / "cases" / "damage"
CANVAS = Canvas(Box(0, 0, 192, 108), Box(0, 0, 192, 108))


def cases(kind: str) -> list[str]:
    return shared_data.names("cases/damage", f"{kind}-*")


@pytest.fixture(autouse=True)
def cheap_and_quiet(shared: Path, capfd: pytest.CaptureFixture[str]):
    began, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.process_time() - began < CPU_SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GROWTH_KB
    assert capfd.readouterr() == ("", "")


def sentence(failure: Failure, path: Path) -> None:
    text = str(failure)
    assert "\n" not in text and len(text) <= LONGEST_SENTENCE and text.endswith("."), text


@pytest.mark.parametrize("name", cases("nk") + cases("json"))
def test_damaged_roto_gives_finite_mattes_or_a_sentence(name: str) -> None:
    path = next((FOLDER / name).iterdir())
    try:
        masks_of_roto = RotoAnnotations(read_roto(path), CANVAS, frames=range(1001, 1013))
        for frame in masks_of_roto.keyframes[:3]:
            for obj in sorted(masks_of_roto.known(frame))[:8]:
                matte = masks_of_roto.matte(frame, obj)
                assert np.isfinite(matte).all() and matte.min() >= 0 and matte.max() <= 1
                masks_of_roto.network_mask(frame, obj, (108, 192))
    except RequestError as refusal:
        sentence(refusal, path)


@pytest.mark.parametrize("name", cases("recipe"))
def test_damaged_recipe_is_a_sentence_that_names_it(name: str) -> None:
    path = next((FOLDER / name).iterdir())
    with pytest.raises(RequestError, match="recipe") as refusal:
        read_recipe(path)
    sentence(refusal.value, path)


@pytest.mark.parametrize("name", cases("result"))
def test_damaged_record_beside_mattes_stops_nothing(name: str, tmp_path: Path) -> None:
    shutil.copy(FOLDER / name / "result.json", tmp_path)
    assert all(0 <= record.confidence <= 1 for record in ResultFile(tmp_path / "matte.%04d.exr").records.values())


def test_lines_that_are_no_messages_are_told_apart() -> None:
    for path in (FOLDER / "protocol-lines").iterdir():
        for line in path.read_text(errors="replace").splitlines():
            try:
                decode(line)
            except Failure as refusal:
                assert len(str(refusal)) <= LONGEST_SENTENCE
            except ValueError as refusal:
                assert len(str(refusal)) <= LONGEST_SENTENCE


def test_manifest_that_names_files_elsewhere_deletes_nothing(tmp_path: Path) -> None:
    precious = tmp_path / "precious.safetensors"
    precious.write_text("mine")
    node = tmp_path / "cache" / "node1"
    node.mkdir(parents=True)
    shutil.copy(FOLDER / "manifest-traversal" / "manifest.json", node)
    NodeManifest.load(node)
    clear_node("node1", str(tmp_path / "cache"))
    assert precious.read_text() == "mine"


def test_whole_propagate_on_a_damaged_roto_writes_mattes_or_says_one_sentence(tmp_path: Path) -> None:
    request = PropagateRequest(
        plate=write_plate(tmp_path / "plate", last=1004, holes=()),
        model=str(write_model(tmp_path)),
        size=64,
        use_cache=False,
        out=str(tmp_path / "out" / "m.%04d.exr"),
    )
    for name in ("nk-repeat-bomb", "nk-point-nan", "json-deep"):
        path = next((FOLDER / name).iterdir())
        try:
            result = propagate(PropagateRequest(**{**vars(request), "roto": str(path)}))
        except RequestError as refusal:
            sentence(refusal, path)
        else:
            assert result.written or result.frames, name
