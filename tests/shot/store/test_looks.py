"""A second suggestion looks only at what has changed since the first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.shot.made_shot import write_frame, write_model, write_plate, write_roto
from xmemcore.protocol.requests import PropagateRequest, SuggestRequest
from xmemcore.shot import suggest as suggesting
from xmemcore.shot.mattes.mattes import MatteSequence
from xmemcore.shot.plate.frame_source import ShotFrames
from xmemcore.shot.propagate import propagate
from xmemcore.shot.store.cache import LOOKS, cache_files
from xmemcore.shot.store.looks import Looks
from xmemcore.shot.store.state import clear_node

LAST = 1010


@pytest.fixture
def asked(tmp_path: Path) -> SuggestRequest:
    write_plate(tmp_path / "plate", last=LAST, holes=())
    write_model(tmp_path)
    write_roto(tmp_path / "roto.nk", body_keys=(1001,), sleeve_keys=(1002,))
    shared = {
        "plate": str(tmp_path / "plate" / "plate.%04d.exr"),
        "roto": str(tmp_path / "roto.nk"),
        "model": str(tmp_path / "small.safetensors"),
        "size": 64,
        "device": "cpu",
        "cache": str(tmp_path / "cache"),
        "node_id": "node",
    }
    propagate(PropagateRequest(**shared, out=str(tmp_path / "mattes" / "matte.%04d.exr")))
    return SuggestRequest(**shared, mattes=str(tmp_path / "mattes"), count=3)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[int]]:
    """What is looked at: mattes that are decoded, and plate frames."""
    looked: dict[str, list[int]] = {"mattes": [], "frames": []}
    read, frame = MatteSequence.read, ShotFrames.frame

    def counting_read(self, number, canvas=None):
        looked["mattes"].append(number)
        return read(self, number, canvas)

    def counting_frame(self, index):
        looked["frames"].append(self.content.plate.frames[index])
        return frame(self, index)

    monkeypatch.setattr(MatteSequence, "read", counting_read)
    monkeypatch.setattr(ShotFrames, "frame", counting_frame)
    return looked


def test_a_second_suggestion_looks_at_nothing_and_says_the_same(asked: SuggestRequest, counted: dict[str, list[int]]) -> None:
    first = suggesting.suggest(asked)
    assert counted["frames"] == list(range(1001, LAST + 1)) and len(counted["mattes"]) == LAST - 1000
    counted["frames"].clear(), counted["mattes"].clear()
    second = suggesting.suggest(asked)
    assert counted == {"mattes": [], "frames": []}
    assert replace(second, seconds=0, encoded_frames=0) == replace(first, seconds=0, encoded_frames=0)


def test_what_has_changed_is_looked_at_again(asked: SuggestRequest, counted: dict[str, list[int]]) -> None:
    suggesting.suggest(asked)
    write_frame(Path(asked.plate.replace("%04d", "1006")), 1006, brightness=0.5)
    shared = {name: getattr(asked, name) for name in ("plate", "roto", "model", "size", "device", "cache", "node_id")}
    written = propagate(PropagateRequest(**shared, out=f"{asked.mattes}/matte.%04d.exr")).written
    counted["frames"].clear(), counted["mattes"].clear()
    suggesting.suggest(asked)
    assert counted["frames"] == [1006] and sorted(counted["mattes"]) == list(written)


def test_without_a_cache_everything_is_looked_at(asked: SuggestRequest, counted: dict[str, list[int]]) -> None:
    suggesting.suggest(asked)
    counted["frames"].clear(), counted["mattes"].clear()
    alone = suggesting.suggest(replace(asked, use_cache=False))
    assert len(counted["frames"]) == LAST - 1000 and len(counted["mattes"]) == LAST - 1000
    cached = suggesting.suggest(asked)
    assert [pick.frame for pick in alone.suggestions] == [pick.frame for pick in cached.suggestions]


def test_what_is_kept_is_the_nodes_own_and_goes_with_it(asked: SuggestRequest, tmp_path: Path) -> None:
    suggesting.suggest(asked)
    files = [file for file in cache_files(tmp_path / "cache", "node") if file.path.parent.name == LOOKS]
    assert len(files) == 3
    files[0].path.write_bytes(b"damaged")
    suggesting.suggest(asked)
    clear_node("node", str(tmp_path / "cache"))
    assert not any(file.path.parent.name == LOOKS for file in cache_files(tmp_path / "cache"))
    assert not (tmp_path / "cache" / "node" / LOOKS).exists()


def test_a_long_shot_is_thinned_before_it_is_looked_at(
    asked: SuggestRequest, counted: dict[str, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xmemcore.engine.coverage.FRAMES_COMPARED", 5)
    suggesting.suggest(asked)
    assert len(counted["frames"]) < LAST - 1000 and {1001, 1002} <= set(counted["frames"])


def test_looks_give_what_was_put_and_forget_what_is_not_asked_for(tmp_path: Path) -> None:
    looks = Looks(tmp_path, "node", "glimpses")
    tensor = torch.rand(3, 4).half()
    for name in ("a", "b"):
        assert torch.equal(looks.put(name, tensor), tensor.float())
    looks.save()
    again = Looks(tmp_path, "node", "glimpses")
    assert torch.equal(again.get("a"), tensor.float()) and again.get("c") is None
    again.save()
    assert Looks(tmp_path, "node", "glimpses").get("b") is None
    assert Looks(tmp_path, "node", "sights").get("a") is None
