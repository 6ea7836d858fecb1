"""What `xmem-roto train` refuses: one sentence, the right exit code, and nothing written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from xmemcore.cli.main import main
from xmemcore.network.config import COMPACT
from xmemcore.network.xmem import XMem
from xmemcore.protocol.failures import RequestError
from xmemcore.training.plan_run import RunPlan
from xmemcore.training.record import entries
from xmemcore.training.validate import Yardstick, measure

SMALL = "frozen_blocks = 0\n[[phases]]\nuntil = 1.0\nsize = 32\nframes = 2\nbatch = 1\n"


@pytest.fixture()
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a recipe, an empty folder and a file that is none of the things asked for."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL)
    (tmp_path / "afile").write_text("hello")
    (tmp_path / "empty").mkdir()
    return tmp_path


def _train(words: str, out: str = "run") -> int:
    return main(["train", "--config", "small.toml", "--device", "cpu", "--workers", "0", "--out", out, *words.split()])


def _refused(words: str, capsys: pytest.CaptureFixture[str], out: str = "run") -> str:
    """Train, expect exit code 2 and one sentence; gives the sentence."""
    assert _train(words, out) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("xmem-roto: ") and printed.count("\n") == 1, printed
    return printed


@pytest.mark.parametrize(
    "words",
    [
        "--steps 0",
        "--steps -1",
        "--steps 1.5",
        "--minutes 0",
        "--minutes -1",
        "--minutes nan",
        "--minutes inf",
        "--minutes soon",
        "--workers -1",
        "--workers 99999",
        "--seed -1",
        f"--seed {2**63}",
        "--checkpoint-minutes -1",
        "--checkpoint-minutes nan",
        "--threads 0",
        "--threads 99999",
    ],
)
def test_numbers_that_make_no_sense_are_refused(place: Path, capsys: pytest.CaptureFixture[str], words: str) -> None:
    name, value = words.split()
    printed = _refused(f"--procedural {words}", capsys)
    assert f"Argument {name}: '{value}' must be" in printed
    assert not (place / "run").exists()


@pytest.mark.parametrize("words", ["--no-such-option", "--procedural --device gpu", "--finetune one"])
def test_a_wrong_option_is_answered_in_one_line(place: Path, capsys: pytest.CaptureFixture[str], words: str) -> None:
    assert "See `xmem-roto train --help`." in _refused(words, capsys)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--stills nowhere", "There is no folder"),
        ("--stills empty", "No photograph with a mask under"),
        ("--stills afile", "There is no folder"),
        ("--finetune nowhere.%04d.exr empty", "There are no files nowhere.%04d.exr"),
        ("--finetune empty empty", "holds no numbered images. Choose the folder of the plate."),
        ("--finetune frames nowhere", "where the mattes should be"),
        ("--finetune frames empty", "holds no numbered images. Choose the folder of the mattes."),
        ("--finetune frames afile", "afile"),
        ("--procedural --clips nowhere", "There is no folder nowhere"),
        ("--procedural --validate dog", "Name the folder too, with --clips DIR."),
        ("--procedural --clips empty --validate ,", "--validate names no clip"),
    ],
)
def test_what_is_not_there_is_refused_before_anything_is_written(
    place: Path, capsys: pytest.CaptureFixture[str], words: str, sentence: str
) -> None:
    (place / "frames").mkdir()
    for number in (1, 2):
        cv2.imwrite(str(place / "frames" / f"f.{number}.png"), np.zeros((32, 32, 3), np.uint8))
    assert sentence in _refused(words, capsys)
    assert not (place / "run").exists()


@pytest.mark.parametrize(("out", "sentence"), [("afile", "afile is a file"), ("afile/run", "Cannot write afile/run")])
def test_a_folder_that_cannot_be_made_is_said(place: Path, capsys: pytest.CaptureFixture[str], out: str, sentence: str) -> None:
    assert sentence in _refused("--procedural --steps 1", capsys, out)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder in which nobody can make another")
def test_a_folder_that_nobody_can_make_is_said(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Cannot write /proc/run" in _refused("--procedural --steps 1", capsys, "/proc/run")


def test_a_folder_that_holds_a_training_is_left_as_it_is(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _train("--procedural --steps 2 --seed 4") == 0
    before = {path.name: path.read_bytes() for path in (place / "run").iterdir()}
    capsys.readouterr()
    assert "run holds a training. Add --resume to go on with it, or name another folder." in _refused("--procedural --steps 3", capsys)
    (place / "run" / "training.pt").unlink()
    assert "run holds the model of a training. Name another folder." in _refused("--procedural --steps 3", capsys)
    del before["training.pt"]
    assert {path.name: path.read_bytes() for path in (place / "run").iterdir()} == before


def test_a_training_begun_after_one_that_was_killed_early_has_its_own_losses(place: Path) -> None:
    (place / "run").mkdir()
    (place / "run" / "losses.jsonl").write_text(json.dumps({"step": 0, "loss": 9.0, "clips": 1}) + "\n")
    assert _train("--procedural --steps 2") == 0
    assert [entry["step"] for entry in entries(place / "run" / "losses.jsonl")] == [0, 1]
    assert entries(place / "run" / "losses.jsonl")[0]["loss"] < 9


def test_a_training_that_cannot_be_read_is_not_resumed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "There is no training to resume in afile" in _refused("--procedural --resume", capsys, "afile")
    assert _train("--procedural --steps 1") == 0
    capsys.readouterr()
    (place / "run" / "recipe.json").write_text("{")
    assert "Cannot read what the training was told" in _refused("--procedural --resume --steps 2", capsys)
    torch.save({"network": {}}, place / "run" / "training.pt")
    assert "is not the state of a training" in _refused("--procedural --resume --steps 2", capsys)


def _write_clip(folder: Path, frames: int = 8) -> None:
    for name in ("frames", "masks"):
        (folder / name).mkdir(parents=True)
    for index in range(frames):
        picture = np.zeros((32, 32), np.uint8)
        picture[8:24, 4 + index : 20 + index] = 1
        cv2.imwrite(str(folder / "frames" / f"{index:04d}.png"), np.dstack([picture * 200] * 3))
        cv2.imwrite(str(folder / "masks" / f"{index:04d}.png"), picture)


def test_clips_to_validate_on_are_refused_before_the_training(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write_clip(place / "clips" / "long")
    _write_clip(place / "clips" / "short", frames=4)
    printed = _refused("--procedural --clips clips --validate nobody,long,noone", capsys)
    assert "There is no clip nobody, noone in clips. These exist: long, short." in printed
    assert "short has 4 masks" in _refused("--procedural --clips clips --validate short", capsys)
    for number in range(1, 4):
        os.remove(place / "clips" / "long" / "masks" / f"{number:04d}.png")
        os.remove(place / "clips" / "short" / "masks" / f"{number:04d}.png")
    assert "Name clips with --validate." in _refused("--procedural --clips clips", capsys)
    assert not (place / "run").exists()


def test_a_validation_that_is_stopped_gives_no_figures(tmp_path: Path) -> None:
    _write_clip(tmp_path / "clip")
    torch.manual_seed(0)
    yardstick = Yardstick(str(tmp_path), size=64)
    network = XMem(COMPACT).eval()
    assert measure(network, yardstick.clips(), yardstick, lambda: True) is None
    figures = measure(network, yardstick.clips(), yardstick, lambda: False)
    assert figures is not None and set(figures) == {"J1", "J5"}


@pytest.mark.parametrize(("cuda", "mps", "kind"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_auto_takes_cuda_then_apple_then_the_cpu(place: Path, monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, kind: str) -> None:
    taken: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: int(cuda))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    def enough(run_plan: RunPlan, folder: Path) -> None:
        taken.append(run_plan.device.type)
        raise RequestError("Enough.")

    monkeypatch.setattr("xmemcore.training.plan_run.open_folder", enough)
    assert main(["train", "--config", "small.toml", "--device", "auto", "--procedural", "--steps", "1", "--out", "run"]) == 2
    assert taken == [kind]


def test_a_device_that_is_not_here_is_the_machines_failure(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.device_count() > 7:
        pytest.skip("there are that many cards here")
    assert main(["train", "--config", "small.toml", "--device", "cuda:7", "--procedural", "--out", "run"]) == 3
    assert "There is no device cuda:7 here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("train pictures set --root nowhere", "Under nowhere is none of the listed pictures"),
        ("train pictures set --survey --root nowhere", "Under nowhere is none of the packages"),
        ("train scenes set --stills nowhere", "nowhere"),
        ("train scenes set --size 8", "--size"),
        ("train scenes set --frames 1", "--frames"),
        ("train shots set --stills nowhere", "nowhere"),
        ("train shots set --size 8", "--size"),
        ("train edges set --files 5", "--files"),
        ("train edges set --photographs nowhere", "There are no JPEGs in nowhere"),
    ],
)
def test_what_makes_a_trainings_pictures_refuses_in_one_sentence(
    words: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words.split()) == 2
    refused = capsys.readouterr().err
    assert refused.startswith("xmem-roto: ") and refused.count("\n") == 1 and said in refused
    assert not list(tmp_path.iterdir()), "nothing is begun"
