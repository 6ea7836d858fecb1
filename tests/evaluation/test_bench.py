"""The benchmark runs what it says it runs, and the stream shows what memory holds."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.shot.made_shot import write_model
from xmemcore.cli.main import main
from xmemcore.evaluation import bench, bench_exr, bench_paper, bench_ratios, bench_stream
from xmemcore.evaluation.clips import find_clips
from xmemcore.protocol.failures import Cancelled, MachineError
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.listener import Silence


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_model(tmp_path_factory.mktemp("model")))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    for name in ("frames", "masks"):
        (tmp_path / "clip" / name).mkdir(parents=True)
    for index in range(5):
        picture = np.random.default_rng(index).integers(0, 255, (64, 96, 3), dtype=np.uint8)
        label = np.zeros((64, 96), np.uint8)
        label[20:40, 20 + index : 50 + index] = 1
        cv2.imwrite(str(tmp_path / f"clip/frames/{index:05d}.jpg"), picture)
        Image.fromarray(label, "L").save(tmp_path / f"clip/masks/{index:05d}.png")
    return tmp_path / "clip"


@pytest.mark.exhaustive
def test_product_and_plain_mode_run_on_the_same_frames(clip: Path, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "bench.json"
    command = ["bench", str(clip), "--frames", "4", "--size", "64", "--model", model, "--device", "cpu", "--json", str(table)]
    assert main(command) == 0
    content = json.loads(table.read_text())
    assert [row["name"] for row in content["rows"]] == ["product", "plain"]
    assert all(row["frames"] == 4 and row["fps"] == pytest.approx(4 / row["seconds"], rel=0.01) for row in content["rows"])
    assert 0 <= content["iou_product_plain"] <= 1
    out = capsys.readouterr().out
    assert "product" in out and "plain" in out and "frames/s" in out


@pytest.mark.slow
def test_full_has_every_ratio_of_the_table(clip: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_ratios, "TWO_K", (96, 64))
    monkeypatch.setattr(bench_ratios, "FOUR_K", (128, 80))
    monkeypatch.setattr(bench_ratios, "FRAMES_IN_4K", 8)
    monkeypatch.setattr(bench_ratios, "REPEATS", 1)
    content = bench_ratios.ratios(find_clips(clip)[0], 5, model, model, "cpu", 64, Silence())
    names = "official_1_first official_3_first official_1_second compact_1_first compact_20_keys compact_8_objects compact_4k_io"
    assert set(names.split()) <= set(content["ratios"]) and all(ratio > 0 for ratio in content["ratios"].values())
    assert 0 < content["measured"]["official_share_of_boxes"] <= 1
    for name in names.split()[:-1]:
        sides = content["measured"][name]
        assert content["ratios"][name] == pytest.approx(sides["plain"] / sides["ours"], rel=0.05, abs=0.01)


def test_ratio_is_measured_by_itself_at_the_precision_that_was_chosen(clip: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["bench", str(clip), "--frames", "3", "--size", "64", "--model", model, "--device", "cpu", "--precision", "float32"]
    assert main([*command, "--only", "compact_3_objects", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert list(content["ratios"]) == ["compact_3_objects"] and content["rows"] == []
    assert content["precision"] == "float32" and content["measured"]["peak_mb"] > 0
    assert main([*command, "--only", "compact_3_objects,unknown"]) == 2
    assert "There is no ratio unknown." in capsys.readouterr().err


def test_product_computes_at_the_precision_that_was_chosen(clip: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(bench, "choose_precision", lambda name, device: "fast")
    monkeypatch.setattr(bench.subprocess, "Popen", lambda command, **_: commands.append(command) or pytest.fail("a first run is enough"))
    with pytest.raises(pytest.fail.Exception):
        bench.compare(str(clip), 2, model, "cpu", 64, plain_only=False, full=False, listener=Silence(), precision="fast")
    assert commands[0][commands[0].index("--precision") + 1] == "fast"


def test_plain_alone_is_one_row(clip: Path, model: str) -> None:
    content = bench.compare(str(clip), 3, model, "cpu", 64, plain_only=True, full=False, listener=Silence())
    assert [row["name"] for row in content["rows"]] == ["plain"] and content["iou_product_plain"] is None


def test_run_that_fails_has_its_own_sentence(clip: Path, model: str) -> None:
    (clip / "frames" / "00002.jpg").write_bytes(b"no picture")
    with pytest.raises(MachineError, match="The plain run failed: .*00002|The plain run failed: .*frame 2"):
        bench.compare(str(clip), 4, model, "cpu", 64, plain_only=True, full=False, listener=Silence())


def test_exr_handling_is_measured_beside_the_same_shot_at_working_size(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_exr, "WIDTH", 128)
    monkeypatch.setattr(bench_exr, "HEIGHT", 72)
    content = bench_exr.exr_overhead(9, 64, "cpu", Silence(), model)
    assert content["frames"] == 9 and content["exr"] == "128x72"
    assert content["overhead"] == pytest.approx(content["seconds_exr"] / content["seconds_small"] - 1, abs=0.05)
    assert "from EXR to EXR" in bench_exr.text(content)


def test_stream_can_be_stopped() -> None:
    class Impatient(Silence):
        def cancelled(self) -> bool:
            return True

    with pytest.raises(Cancelled):
        bench_stream.stream(101, 32, "cpu", Impatient())


def test_stream_tells_how_memory_grows(capsys: pytest.CaptureFixture[str]) -> None:
    content = bench_stream.stream(101, 32, "cpu", Silence())
    marks = content["checkpoints"]
    assert [mark["frame"] for mark in marks] == [100, 101]
    # 2 x 4 cells a frame: one permanent frame, at most ten working frames, and prototypes no more than what was consolidated.
    assert 8 < marks[0]["elements"] <= 8 * (1 + 10 + 100 // 5)
    assert "memory elements" in bench_stream.text(content)


def test_table_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    command = ["bench", "--stream", "3", "--size", "64", "--device", "cpu", "--json", str(tmp_path / "file" / "table.json")]
    assert main(command) == 2
    assert "Cannot write" in capsys.readouterr().err


def test_wrong_requests_are_refused_before_anything_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, code, sentence in (
        (["--stream", "5", "--exr"], 2, "Choose one."),
        (["--size", "10"], 2, "The working size 10 is out of range. Choose 64 to 4096 pixels"),
        (["--json", str(tmp_path)], 2, "it is a folder. Name a file in it"),
        (["--device", "mps"], 3, "no device mps"),
    ):
        assert main(["bench", *words]) == code
        assert sentence in capsys.readouterr().err


def test_table_of_the_paper_has_every_way_number_and_size(tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    table = tmp_path / "paper.json"
    monkeypatch.setattr(bench_paper.paper_table, "__defaults__", (((96, 64), (128, 80)), (1, 3)))
    command = ["bench", "--paper", "--frames", "8", "--model", model, "--device", "cpu", "--precision", "float32"]
    assert main([*command, "--json", str(table)]) == 0
    content = json.loads(table.read_text())
    places = [(row["lines"], row["objects"], row["way"]) for row in content["paper"]]
    assert places == [(lines, objects, way) for lines in (64, 80) for objects in (1, 3) for way, _, _ in bench_paper.WAYS]
    assert all(row["fps"] == pytest.approx(8 / row["seconds"], rel=0.05, abs=0.01) and row["gpu_mb"] is None for row in content["paper"])
    out = capsys.readouterr().out
    assert "preload not counted" in out and "5 annotations, cpu, float32" in out
    assert main([*command[:2], "--frames", "4", *command[4:]]) != 0 and "--frames" in capsys.readouterr().err


def test_large_exrs_give_the_network_the_same_to_do(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[PropagateRequest] = []
    done = bench_exr.propagate
    monkeypatch.setattr(bench_exr, "propagate", lambda request: asked.append(request) or done(request))
    bench_exr.exr_overhead(8, 64, "cpu", Silence(), model, (192, 128))
    assert {request.crop for request in asked} == {"off"} and len(asked) == 2


def test_a_clip_with_few_masks_is_measured_too(clip: Path, model: str) -> None:
    for index in (1, 2, 4):
        (clip / "masks" / f"{index:05d}.png").unlink()
    content = bench_ratios.ratios(find_clips(clip)[0], 4, model, model, "cpu", 64, Silence(), only=["compact_1_first"])
    assert content["ratios"]["compact_1_first"] > 0
