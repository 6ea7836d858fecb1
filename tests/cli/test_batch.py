"""Many shots in a queue: what is finished is not done again, what fails has a row, one page tells of all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.make_data import write_picture
from tests.shot.made_shot import FIRST, HEIGHT, WIDTH, write_frame, write_model, write_plate, write_roto
from xmemcore.cli.batch import command
from xmemcore.cli.batch.shot_list import read_shots
from xmemcore.cli.main import main
from xmemcore.protocol import job
from xmemcore.protocol.job import JobShot
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.files.sequence import frame_path
from xmemcore.shot.store.at_work import AtWork

LAST = FIRST + 5


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """A list of two shots that can be made, and one whose plate is gone."""
    write_plate(tmp_path / "plate", last=LAST, holes=())
    write_roto(tmp_path / "roto.nk", (FIRST,), (FIRST,))
    write_model(tmp_path)
    lines = ["[settings]", "size = 64", f'model = "{tmp_path / "small.safetensors"}"', 'cache = "cache"', "wait = 0"]
    for name, plate in (("one", "plate"), ("two", "plate"), ("gone", "nowhere")):
        lines += ["[[shot]]", f'name = "{name}"', f'plate = "{plate}/plate.%04d.exr"', 'roto = "roto.nk"']
    path = tmp_path / "shots.toml"
    path.write_text("\n".join(lines))
    return path


def answer(capsys: pytest.CaptureFixture[str]) -> dict:
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)["shots"]}


def test_a_batch_makes_what_can_be_made_and_tells_of_all(shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["batch", str(shots), "--json"]) == 2
    rows = answer(capsys)
    assert {name: row["state"] for name, row in rows.items()} == {"one": "done", "two": "done", "gone": "failed"}
    assert rows["one"]["frames"] == rows["one"]["written"] == LAST - FIRST + 1 and "nowhere" in rows["gone"]["text"]
    assert FIRST not in [frame for frame, _ in rows["one"]["worst"]] and len(rows["one"]["worst"]) == 5
    page = (shots.with_suffix(".batch") / "report.html").read_text()
    assert page.count("<tr id=") == 3 and "one.png" in page and (shots.with_suffix(".batch") / "one.png").is_file()
    mattes = {path: path.stat().st_mtime_ns for path in shots.parent.glob("mattes/*/matte.*.exr")}
    assert len(mattes) == 2 * (LAST - FIRST + 1)

    # The plate comes back, and a matte is lost: only these are made.
    lost = shots.parent / "mattes" / "two" / f"matte.{LAST}.exr"
    lost.unlink()
    write_plate(shots.parent / "nowhere", last=LAST, holes=())
    assert main(["batch", str(shots), "--json"]) == 0
    rows = answer(capsys)
    assert [rows[name]["written"] for name in ("one", "two", "gone")] == [LAST - FIRST + 1, 1, LAST - FIRST + 1]
    del mattes[lost]
    assert {path: path.stat().st_mtime_ns for path in mattes} == mattes, "nothing is done twice"


def test_a_finished_shot_is_opened_again_when_a_file_has_changed_in_whatever_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Masks lie in a folder an object, views in a folder each, and the mattes of a job come home to where its script is."""
    write_plate(tmp_path / "left", last=FIRST + 1, holes=())
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[16:48, 8:40] = 255
    masks = [write_picture(tmp_path / "masks" / name / f"{name}.{FIRST}.png", mask) for name in ("arm", "leg")]
    place = tmp_path / "job" / "b"
    place.mkdir(parents=True)
    request = PropagateRequest(
        plate=str(tmp_path / "left" / "plate.%04d.exr"),
        roto=write_roto(place / "roto.nk", (FIRST,), (FIRST,)),
        model=str(write_model(tmp_path)),
        size=64,
        out=str(place / "mattes" / "matte.%04d.exr"),
    )
    home = tmp_path / "home" / "matte.%04d.exr"
    job.keep(tmp_path / "job", JobShot("b", job.for_job(request, tmp_path / "job"), str(home)))
    shots = tmp_path / "shots.toml"
    shots.write_text(
        f'[[shot]]\nname = "a"\nplate = "%V/plate.%04d.exr"\nview = "left"\nmasks = "masks"\nmodel = "{request.model}"\nsize = 64\n'
        '[[shot]]\nname = "b"\njob = "job"\n'
    )

    def batch() -> list[str]:
        assert main(["batch", str(shots), "--no-sheets", "--json"]) == 0
        told = capsys.readouterr().err
        return [name for name in ("a", "b") if f"{name}: done" in told]

    assert batch() == ["a", "b"] and batch() == []
    write_picture(masks[0], mask // 2)
    assert batch() == ["a"]
    shutil.copytree(masks[1].parent, tmp_path / "masks" / "tail")
    assert batch() == ["a"]
    write_frame(tmp_path / "left" / f"plate.{FIRST + 1}.exr", FIRST + 1, brightness=0.5)
    assert batch() == ["a", "b"]
    frame_path(home, FIRST).unlink()
    assert batch() == ["b"] and frame_path(home, FIRST).is_file() and batch() == []
    config = tmp_path / "config.ocio"
    for text in ("ocio_profile_version: 2\n", "ocio_profile_version: 2\n\n"):
        config.write_text(text)
        monkeypatch.setenv("OCIO", str(config))
        assert batch() == ["a", "b"], "colours may be others"
    monkeypatch.setattr(command, "VERSION", "another")
    assert batch() == ["a", "b"] and batch() == []


@pytest.mark.parametrize("name", ["report.html", "one.json"])
def test_a_report_replaces_no_file_of_somebody_elses(shots: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (shots.parent / name).write_text('{"objects": []}')
    assert main(["batch", str(shots), "--report", str(shots.parent)]) == 2
    assert f"{name} is there and is no report of a batch: it stays as it is" in capsys.readouterr().err
    assert (shots.parent / name).read_text() == '{"objects": []}'
    assert not (shots.parent / "mattes").exists(), "the night has not begun"


def test_a_contact_sheet_of_a_batch_replaces_no_picture_of_somebody_elses(shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = shots.parent / "report" / "one.png"
    sheet.parent.mkdir()
    sheet.write_bytes(b"a picture")
    main(["batch", str(shots), "--report", str(sheet.parent)])
    assert "one.png is there and is no picture of this program" in capsys.readouterr().err
    assert sheet.read_bytes() == b"a picture"
    main(["batch", str(shots), "--report", str(sheet.parent)])
    assert sheet.read_bytes() == b"a picture", "and a later run replaces its own page and rows"


def test_a_shot_that_somebody_else_works_at_comes_last_and_then_is_busy(shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = AtWork.on_mattes(shots.parent / "mattes" / "one" / "matte.%04d.exr")
    text = shots.read_text()
    shots.write_text(text[: text.index('[[shot]]\nname = "gone"')])
    with place.claim(FIRST, LAST):
        assert main(["batch", str(shots), "--json", "--no-sheets"]) == 75
    rows = answer(capsys)
    assert (rows["one"]["state"], rows["two"]["state"]) == ("busy", "done")
    assert main(["batch", str(shots), "--json", "--no-sheets"]) == 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"has no \[\[shot\]\]"),
        ("[[shot]", "is no TOML"),
        ("[other]\n[[shot]]\nname='a'", "has other, which means nothing"),
        ("[[shot]]\nplate='p'", "a shot is called None"),
        ("[[shot]]\nname='../a'\nplate='p'", "Use letters"),
        ("[[shot]]\nname='a'", "a has no plate"),
        ("[[shot]]\nname='a'\nplate='p'\nsize='big'", "size is 'big'"),
        ("[[shot]]\nname='a'\nplate='p'\nsizes=3", "has sizes, which no propagate knows"),
        ("[[shot]]\nname='a'\nplate='p'\n[[shot]]\nname='A'\nplate='p'", "two shots called a"),
        (
            "[[shot]]\nname='a'\nplate='p'\nout='m'\n[[shot]]\nname='b'\nplate='p'\nout='x/../m/matte.####.exr'",
            "a and b write the same mattes",
        ),
        ("settings = 1\n[[shot]]\nname='a'\nplate='p'", "settings"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused_before_the_night_begins(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "shots.toml").write_text(text)
    with pytest.raises(match=sentence):
        read_shots(tmp_path / "shots.toml")


def test_a_list_that_windows_wrote_is_read(tmp_path: Path) -> None:
    (tmp_path / "shots.toml").write_bytes("[[shot]]\r\nname='a'\r\nplate='p'\r\n".encode("utf-8-sig"))
    assert [shot.name for shot in read_shots(tmp_path / "shots.toml")] == ["a"]


def test_a_list_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["batch", str(tmp_path / "none.toml")]) == 2
    assert "none.toml cannot be read" in capsys.readouterr().err
