"""`xmem-roto train` from its first step to a model file, killed and resumed, on every kind of picture."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from xmemcore.cli.main import main as command_line
from xmemcore.cli.train import add_arguments, main, run
from xmemcore.engine.sequence import Roles, segment
from xmemcore.network.checkpoint import load_network, read_metadata, save_network
from xmemcore.network.config import COMPACT
from xmemcore.network.xmem import XMem
from xmemcore.protocol.failures import RequestError
from xmemcore.shot.files import exr
from xmemcore.shot.files.box import Box
from xmemcore.shot.mattes.mattes import MatteWriter
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.training.finetune import read_shot
from xmemcore.training.recipe import COMPACT_ENCODERS, Recipe
from xmemcore.training.record import entries
from xmemcore.training.start import new_network
from xmemcore.training.trainer import Average

SMALL = """
seed = 3
frozen_blocks = {frozen}
warm_up_steps = 2
[[phases]]
until = 0.6
size = 64
frames = 3
batch = 1
[[phases]]
until = 1.0
size = 48
frames = 4
batch = 1
in_order = 1.0
"""


@pytest.fixture()
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL.format(frozen=0))
    return path


def _losses(folder: Path) -> list[float]:
    return [entry["loss"] for entry in entries(folder / "losses.jsonl")]


def _train(*words: object) -> int:
    return main([str(word) for word in (*words, "--device", "cpu", "--threads", 1, "--workers", 0)])


def test_twenty_steps_on_photographs_leave_a_model_that_says_where_it_comes_from(shared: Path, small: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    encoder = shared / "pretrained" / "mobilenet_v2_imagenet.safetensors"
    _train("--stills", shared / "stills", "--out", out, "--config", small, "--encoder", encoder, "--steps", 20)
    losses = _losses(out)
    assert len(losses) == 20 and np.isfinite(losses).all()
    network = load_network(out / "model.safetensors")
    assert sum(parameter.numel() for parameter in network.parameters()) < 12e6
    assert (out / "model.safetensors").stat().st_size < 25e6
    metadata = read_metadata(out / "model.safetensors")
    training = json.loads(metadata["training"])
    assert training["steps"] == 20 and training["clips"] == 20 and training["recipe"]["encoder"] == encoder.name
    assert "ECSSD" in metadata["terms"] and metadata["licence"] == "Apache-2.0"
    assert json.loads(metadata["dimensions"])["value_dim"] == COMPACT.value_dim
    curve = cv2.imread(str(out / "curve.png"))
    assert curve is not None and curve.std() > 1
    assert list(out.glob("sheet_*.png"))


@pytest.mark.slow
def test_a_killed_training_resumes_with_the_same_losses(small: Path, tmp_path: Path) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    _train("--procedural", "--out", straight, "--config", small, "--steps", 8)
    words = ["--procedural", "--out", str(killed), "--config", str(small), "--steps", "8", "--device", "cpu", "--threads", "1"]
    process = subprocess.Popen([sys.executable, "-m", "xmemcore", "train", *words, "--checkpoint-minutes", "0"], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None and len(entries(killed / "losses.jsonl")) < 3:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    before = len(_losses(killed))
    assert 3 <= before < 8, "it must have been killed on its way"
    _train("--procedural", "--out", killed, "--resume", "--steps", 8)
    assert _losses(killed) == _losses(straight)


ASKED = [
    pytest.param(signal.SIGTERM, "one", marks=pytest.mark.exhaustive),
    pytest.param(signal.SIGTERM, "group", marks=pytest.mark.exhaustive),
    (signal.SIGINT, "group"),
]


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither process groups nor a SIGTERM that a program can answer")
@pytest.mark.parametrize(("number", "whom"), ASKED)
def test_a_training_that_is_asked_to_stop_keeps_its_last_step(small: Path, tmp_path: Path, number: int, whom: str) -> None:
    out = tmp_path / "run"
    words = ["--procedural", "--out", str(out), "--config", str(small), "--steps", "5000", "--device", "cpu", "--threads", "1"]
    command = [sys.executable, "-m", "xmemcore", "train", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None and len(entries(out / "losses.jsonl")) < 3:
        time.sleep(0.02)
    # A terminal's Ctrl-C reaches the processes that make clips as well, and so does a farm that ends the whole group.
    (os.killpg if whom == "group" else os.kill)(process.pid, number)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in printed
    assert f"what was learned stays in {out}" in printed and "--resume" in printed
    state = torch.load(out / "training.pt", weights_only=True)
    assert state["step"] == len(_losses(out)) >= 3


def test_another_seed_gives_other_losses(small: Path, tmp_path: Path) -> None:
    for seed in (3, 4):
        _train("--procedural", "--out", tmp_path / str(seed), "--config", small, "--steps", 2, "--seed", seed)
    assert _losses(tmp_path / "3") != _losses(tmp_path / "4")


def _write_shot(folder: Path, frames: int = 5) -> tuple[str, str]:
    """Write a square that moves over a ramp, and its mattes; returns the patterns."""
    canvas = Canvas(Box(0, 0, 64, 48), Box(0, 0, 64, 48))
    writer = MatteWriter(folder / "mattes" / "m.%04d.exr", canvas, [("square", "square")], {})
    writer.prepare()
    (folder / "plates").mkdir(parents=True)
    for index in range(frames):
        picture = np.tile(np.linspace(0.1, 0.6, 64, dtype=np.float32), (48, 1))
        matte = np.zeros((48, 64), np.float32)
        matte[12:32, 6 + 4 * index : 26 + 4 * index] = 1
        planes = {name: np.where(matte > 0, value, picture).astype(np.float16) for name, value in zip("RGB", (0.8, 0.2, 0.1))}
        exr.write(folder / "plates" / f"p.{1001 + index}.exr", planes, canvas.box, canvas.display, 1.0, {})
        writer.write(1001 + index, matte[None], matte, keyframe=False)
    return str(folder / "plates" / "p.%04d.exr"), str(folder / "mattes")


def test_a_finished_shot_tunes_a_model(small: Path, tmp_path: Path) -> None:
    plates, mattes = _write_shot(tmp_path)
    torch.manual_seed(0)
    start = tmp_path / "start.safetensors"
    save_network(start, XMem(COMPACT), {"terms": "borrowed photographs", "training": {"steps": 7}})
    out = tmp_path / "run"
    _train("--finetune", plates, mattes, "--model", start, "--out", out, "--config", small, "--steps", 4)
    before, after = load_network(start).state_dict(), load_network(out / "model.safetensors").state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith("decoder."))
    assert np.isfinite(_losses(out)).all()
    metadata = read_metadata(out / "model.safetensors")
    assert metadata["terms"] == "the studio's own shots; begun from start: borrowed photographs"
    assert json.loads(metadata["training"])["before"] == {"steps": 7}


def test_a_share_of_the_former_weights_is_kept(small: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    start = tmp_path / "start.safetensors"
    save_network(start, XMem(COMPACT), {"terms": "none", "training": {}})
    keeping = tmp_path / "keeping.toml"
    keeping.write_text("keep = 0.25\n" + small.read_text())
    for recipe in (small, keeping):
        _train("--procedural", "--model", start, "--out", tmp_path / recipe.stem, "--config", recipe, "--steps", 2, "--threads", 1)
    former, learned, mixed = (
        load_network(path).state_dict() for path in (start, *(tmp_path / recipe.stem / "model.safetensors" for recipe in (small, keeping)))
    )
    for name in former:
        assert torch.allclose(mixed[name], 0.25 * former[name] + 0.75 * learned[name], atol=2e-3, rtol=2e-3), name
    assert any(not torch.equal(mixed[name], learned[name]) for name in former)


def test_a_finished_shot_is_read_with_its_labels_in_place(tmp_path: Path) -> None:
    shot = read_shot(*_write_shot(tmp_path))
    assert len(shot.frames) == 5
    for frame, labels in zip(shot.frames, shot.labels):
        inside = frame[labels == 1].astype(int)
        assert (inside[:, 0] - inside[:, 2] > 60).mean() > 0.95
        assert 0.1 < (labels == 1).mean() < 0.2


def test_shots_without_common_frames_are_refused(tmp_path: Path) -> None:
    plates, _ = _write_shot(tmp_path / "a")
    _, mattes = _write_shot(tmp_path / "b", frames=1)
    with pytest.raises(RequestError, match="share 1 frames"):
        read_shot(plates, mattes)


def test_a_plate_that_a_process_cannot_read_is_said_in_one_sentence(small: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    plates, mattes = _write_shot(tmp_path)
    damaged = Path(plates % 1003)
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size * 2 // 3])
    start = tmp_path / "start.safetensors"
    save_network(start, XMem(COMPACT), {"terms": "none", "training": {}})
    words = ["--finetune", plates, mattes, "--model", start, "--out", tmp_path / "run", "--config", small, "--steps", 2, "--workers", 1]
    assert command_line(["train", *map(str, words), "--device", "cpu", "--threads", "1"]) == 2
    said = capfd.readouterr().err
    assert said.startswith("xmem-roto: Frame 1003 cannot be read: p.1003.exr") and said.count("\n") == 1, said


def test_frozen_blocks_stay_as_they_are(tmp_path: Path) -> None:
    config, encoder, out = tmp_path / "frozen.toml", tmp_path / "encoder.safetensors", tmp_path / "run"
    config.write_text(SMALL.format(frozen=6))
    start = new_network(Recipe(seed=5, frozen_blocks=0)).key_encoder.state_dict()
    save_file(start, encoder)
    _train("--procedural", "--out", out, "--config", config, "--encoder", encoder, "--steps", 2)
    trained = load_network(out / "model.safetensors").key_encoder.state_dict()
    moved = {name for name, value in start.items() if not torch.equal(trained[name], value.half().float())}
    assert moved and not any(name.startswith(("stem", *(f"blocks.{n}." for n in range(6)))) for name in moved)


def test_an_encoder_that_knows_nothing_is_not_frozen(tmp_path: Path) -> None:
    config = tmp_path / "frozen.toml"
    config.write_text(SMALL.format(frozen=6))
    with pytest.raises(RequestError, match="freezes 6 blocks of a key encoder that begins from nothing. Give its start with --encoder"):
        _train("--procedural", "--out", tmp_path / "run", "--config", config, "--steps", 2)


@pytest.mark.parametrize("key_encoder", COMPACT_ENCODERS)
def test_an_encoder_from_nothing_keeps_the_size_of_its_signal(key_encoder: str) -> None:
    network = new_network(Recipe(key_encoder=key_encoder, frozen_blocks=0)).train()
    features = network.encode_key(torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    for level in (features.f16, features.f8, features.f4, features.key):
        assert 0.1 < level.square().mean().sqrt() < 2


def test_averaged_weights_have_the_statistics_of_batch_norm() -> None:
    network = new_network(Recipe(key_encoder="small_resnet", frozen_blocks=0)).train()
    average = Average(network, 0.998)
    network.encode_key(torch.rand(2, 3, 64, 64) + 3)
    average.follow(network, 0)
    for name, buffer in network.named_buffers():
        assert torch.equal(dict(average.network.named_buffers())[name], buffer), name
    assert network.key_encoder.bn1.running_mean.abs().max() > 0.1


def test_a_new_networks_logits_depend_on_the_mask() -> None:
    network = new_network(Recipe(frozen_blocks=0)).eval()
    frames = torch.randint(0, 256, (1, 2, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    empty = torch.zeros(1, 2, 64, 64, dtype=torch.long)
    masked = empty.clone()
    masked[:, 0, 16:48, 16:48] = 1
    with torch.no_grad():
        first, second = (next(segment(network, frames, labels, 1, Roles((True, False), (False, False))))[1] for labels in (empty, masked))
    assert (first - second).abs().mean() > 0.01 * first.std()


@pytest.mark.parametrize("words", [(), ("--procedural", "--stills", "x")])
def test_exactly_one_kind_of_picture_is_asked_for(words: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(RequestError):
        _train(*words, "--out", tmp_path / "run")


def test_steps_and_minutes_exclude_each_other(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(RequestError, match="--steps or --minutes, not both"):
        run(parser.parse_args(["--procedural", "--out", str(tmp_path), "--steps", "1", "--minutes", "1"]))


def test_nothing_to_resume_is_said(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="Leave out --resume"):
        _train("--procedural", "--out", tmp_path / "none", "--resume", "--steps", 2)
