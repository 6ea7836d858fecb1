"""The demo's shot is what it says it is, and the demo goes the whole way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from xmemcore.cli import demo as demo_command
from xmemcore.cli.main import main
from xmemcore.evaluation import demo_run
from xmemcore.evaluation.demo_shot import DemoShot
from xmemcore.network import catalogue
from xmemcore.protocol.failures import RequestError
from xmemcore.shot.listener import Silence
from xmemcore.shot.mattes.mattes import read_mattes
from xmemcore.shot.plate.plate import Plate

SMALL = DemoShot(192, 112, 12)


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine on which no model is installed."""
    monkeypatch.setenv("XMEM_ROTO_MODELS", str(tmp_path / "no-models"))
    monkeypatch.setattr(catalogue.installed, "__defaults__", (None, tmp_path / "no-weights"))
    monkeypatch.setattr(catalogue.resolve, "__defaults__", (None, tmp_path / "no-weights"))


def test_shape_moves_bends_and_is_hidden_between_the_keyframes() -> None:
    shot = DemoShot()
    first, second = shot.keyframes
    areas = [float(shot.matte(frame).sum()) for frame in shot.frames]
    hidden = [float(((shot._coverage(frame) > 0.5) & (shot._post(frame) > 0.5)).sum()) for frame in shot.frames]
    assert hidden[0] == 0 and hidden[second - first] == 0 and max(hidden) > 1000
    assert max(areas) > 1.3 * areas[0]
    a, b = (shot.matte(frame) > 0.5 for frame in (first, second))
    assert (a & b).sum() < 0.5 * a.sum()


def test_plate_is_scene_linear_with_highlights_and_the_same_every_time() -> None:
    plate = DemoShot().plate(1005)
    assert plate.dtype == np.float32 and plate.min() >= 0 and plate.max() > 1.5
    assert np.array_equal(plate, DemoShot().plate(1005))


def test_plates_are_written_as_half_float_exr_under_their_numbers(tmp_path: Path) -> None:
    pattern = SMALL.write_plates(tmp_path / "plates")
    plate = Plate.open(pattern)
    assert plate.frames == tuple(SMALL.frames) and plate.colorspace == "linear"
    assert (plate.canvas.width, plate.canvas.height) == (192, 112)


def test_roto_of_the_script_is_the_drawn_shape(tmp_path: Path) -> None:
    """Nuke's curves, read and rasterised by the product, against polygons drawn by opencv."""
    from xmemcore.shot.annotations.roto import open_roto

    shot = DemoShot()
    script = tmp_path / "roto.nk"
    script.write_text(shot.script("plate.%04d.exr"))
    plate = Plate.open(DemoShot(shot.width, shot.height, 1).write_plates(tmp_path / "plates"))
    annotations = open_roto(str(script), plate.canvas, node=None, keyframes=None)
    assert annotations.objects == ("shape",)
    assert annotations.keyframes == shot.keyframes
    for frame in shot.keyframes:
        drawn, read = shot.matte(frame), annotations.matte(frame, 0)
        wrong = ((drawn > 0.5) != (read > 0.5)).sum()
        assert wrong < 0.01 * (drawn > 0.5).sum()


def test_demo_goes_the_whole_way_even_without_a_model_and_beside_an_earlier_one(tmp_path: Path, no_model: None) -> None:
    (tmp_path / "out").mkdir()
    for name in ("demo_roto.nk", "contact-sheet.png"):
        (tmp_path / "out" / name).write_text("of a demo of 0.2.0")
    result = demo_run.run_demo(tmp_path / "out", None, "cpu", Silence(), SMALL, size=64)
    assert not result.trained and result.keyframes == SMALL.keyframes
    mattes = read_mattes(result.mattes)
    assert tuple(mattes.frames) == tuple(SMALL.frames)
    assert list(mattes.read(1001).layers) == ["shape"]
    assert Path(result.contact_sheet).stat().st_size > 10_000
    assert Path(result.script).exists() and 0 <= result.j <= 1
    assert 0 < result.j_hold < 1 and 0 < result.f_hold < 1
    assert json.loads(json.dumps(result.as_json()))["trained"] is False


def test_demo_replaces_no_picture_of_another_program(tmp_path: Path, no_model: None) -> None:
    (tmp_path / "contact-sheet.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(RequestError, match="contact-sheet.png is there and is no picture of this program"):
        demo_run.run_demo(tmp_path, None, "cpu", Silence(), SMALL, size=64)
    assert [path.name for path in tmp_path.iterdir()] == ["contact-sheet.png"]


def test_demo_replaces_no_plate_of_somebody_elses(tmp_path: Path, no_model: None) -> None:
    plate = tmp_path / "plates" / "demo.1003.exr"
    plate.parent.mkdir()
    plate.write_bytes(b"a plate")
    with pytest.raises(RequestError, match="demo.1003.exr is there, and no demo has made it: it stays as it is"):
        demo_run.run_demo(tmp_path, None, "cpu", Silence(), SMALL, size=64)
    assert plate.read_bytes() == b"a plate" and [path.name for path in tmp_path.rglob("*")] == ["plates", "demo.1003.exr"]


def test_keyed_mattes_score_one_and_the_truth_scores_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Truth:
        def __init__(self, union: np.ndarray) -> None:
            self.union = union

    class Sequence:
        def read(self, frame: int) -> Truth:
            return Truth(SMALL.matte(frame))

    monkeypatch.setattr(demo_run, "read_mattes", lambda pattern: Sequence())
    ours, held = demo_run.score(SMALL, "anything")
    assert (ours.j, ours.f) == (1.0, 1.0) and held.j < 0.9


def test_untrained_demo_says_so_in_its_first_and_last_line(
    tmp_path: Path, no_model: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, made = demo_run.run_demo, []

    def once(*arguments) -> demo_run.DemoResult:
        """The second command prints what the first has made."""
        made.append(made[0] if made else whole(*arguments, SMALL, 64))
        return made[0]

    monkeypatch.setattr(demo_run, "run_demo", once)
    assert main(["demo", "--out", str(tmp_path / "out"), "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == lines[-1] == demo_command.UNTRAINED
    assert any(line.startswith("Contact sheet") and line.endswith("contact-sheet.png") for line in lines)
    assert main(["demo", "--out", str(tmp_path / "out"), "--device", "cpu", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["trained"] is False and demo_command.UNTRAINED in err


def test_named_model_that_is_missing_is_refused_not_replaced(tmp_path: Path, no_model: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--out", str(tmp_path / "out"), "--model", "xmem"]) == 2
    assert "models get xmem" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_folder_that_cannot_be_written_is_exit_code_2(tmp_path: Path, no_model: None, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["demo", "--out", str(tmp_path / "file")]) == 2
    assert "Name another file or folder" in capsys.readouterr().err
