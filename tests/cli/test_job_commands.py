"""`plan`, `run` and `collect` on a job folder, and `--log`."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.shot.made_shot import FIRST, write_model, write_plate, write_roto
from xmemcore.cli.main import main
from xmemcore.network.catalogue import hash_file
from xmemcore.protocol import job
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.job import JobShot
from xmemcore.protocol.matte_header import SIGNATURE
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.result_lock import lock, unlock
from xmemcore.shot.files import exr
from xmemcore.shot.mattes.pictures import pictures_are_of
from xmemcore.shot.store.at_work import AtWork

LAST = FIRST + 11
KEYS = (FIRST, FIRST + 4, FIRST + 8)


@pytest.fixture(scope="module")
def job_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job folder of one shot, whose plate lies outside of it."""
    folder = tmp_path_factory.mktemp("made")
    write_plate(folder / "shots" / "plate", last=LAST, holes=())
    place = folder / "job" / "a"
    place.mkdir(parents=True)
    model = write_model(folder)
    request = PropagateRequest(
        plate="/show/plate/plate.%04d.exr",
        roto=write_roto(place / "roto.nk", KEYS, KEYS),
        model=str(model),
        size=64,
        node_id="node1",
        frames=f"{FIRST}-{LAST}",
        out=str(place / "mattes" / "matte.%04d.exr"),
        precision="float32",
        pictures="index",
    )
    record = {"stamp": "", "complete": False, "node_name": "a"}
    shot = JobShot("a", job.for_job(request, folder / "job"), "/show/mattes/matte.%04d.exr", (), hash_file(model), "/show/a.nk", record)
    job.keep(folder / "job", shot)
    return folder


def save_png(path: Path, signature: str | None) -> None:
    """Save a small PNG that says which matte it was read from; None: it says nothing."""
    path.parent.mkdir(parents=True)
    says = PngInfo()
    if signature is not None:
        says.add_text(SIGNATURE, signature)
    Image.new("L", (4, 4)).save(path, pnginfo=says)


def options(job_folder: Path) -> list[str]:
    return ["--path-map", f"/show={job_folder / 'shots'}", "--cache", str(job_folder / "cache")]


def test_a_job_is_planned_run_in_chunks_and_collected(job_folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = str(job_folder / "job")
    assert main(["plan", folder, *options(job_folder), "--workers", "2", "--pace", "2", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["stale"] == plan["frames"] == f"{FIRST}-{LAST}" and plan["seconds_from"] == "the pace that was given"
    assert [gap["frames"] for gap in plan["gaps"]] == ["1001-1004", "1005-1008", "1009-1012"]
    assert plan["seconds"] == sum(gap["seconds"] for gap in plan["gaps"])
    assert plan["steps"] == sum(gap["steps"] for gap in plan["gaps"]) > plan["seconds"] / 2, "keyframes are stepped through, not looked at"
    assert [chunk["chunk"] for chunk in plan["chunks"]] == ["1/2", "2/2"]

    assert main(["collect", folder, *options(job_folder)]) == 2
    assert "no finished matte of this job" in capsys.readouterr().err
    log = tmp_path / "logs" / "run.log"
    for chunk in ("2/2", "1/2"):
        assert main(["run", folder, *options(job_folder), "--chunk", chunk, "--log", str(log)]) == 0
    assert not (job_folder / "shots" / "mattes").exists(), "a chunk brings nothing home"
    home = job_folder / "shots" / "mattes"
    home.mkdir()
    lock(str(home / "matte.%04d.exr"))
    assert main(["collect", folder, *options(job_folder)]) == 2
    assert "are locked by" in capsys.readouterr().err and not list(home.glob("*.exr"))
    unlock(str(home / "matte.%04d.exr"))
    index, other = (home / "png" / name / f"matte.{FIRST}.png" for name in ("index", "A"))
    for path, signature in ((index, None), (other, "of an earlier matte")):
        save_png(path, signature)
    assert main(["collect", folder, *options(job_folder)]) == 2
    assert "which XMem Roto has not made" in capsys.readouterr().err
    index.unlink()
    assert main(["collect", folder, *options(job_folder), "--json"]) == 0
    printed = capsys.readouterr()
    assert f"PNGs of earlier mattes of frame {FIRST}. " in printed.err
    other.unlink()
    (answer,) = json.loads(printed.out)["shots"]
    assert answer["frames"] == answer["copied"] == list(range(FIRST, LAST + 1))
    for frame in range(FIRST, LAST + 1):
        name = f"matte.{frame}.exr"
        assert (home / name).read_bytes() == (job_folder / "job" / "a" / "mattes" / name).read_bytes()
    assert pictures_are_of(home / "matte.%04d.exr", (), FIRST, "index") and len(list(home.glob("png/index/*.png"))) == 12
    node_record = json.loads((home / "nuke.json").read_text())["mattes"]["matte.%04d.exr"]
    assert (
        node_record["node_id"] == "node1"
        and node_record["record"]["complete"]
        and node_record["record"]["stamp"]
        and node_record["record"]["node_name"] == "a"
    )
    assert main(["collect", folder, *options(job_folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shots"][0]["copied"] == []

    assert main(["plan", folder, *options(job_folder), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["stale"] == "" and plan["seconds"] == 0 and plan["seconds_from"] == "earlier runs here"
    assert main(["plan", folder, *options(job_folder), "--workers", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("0 mattes to compute")
    assert all(line.endswith(": nothing to compute") for line in lines if line.startswith("  "))
    stamped = [re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4} (.*)", line) for line in log.read_text().splitlines()]
    assert all(stamped) and any("100 %" in line[1] for line in stamped if line)


def test_another_model_is_a_reason_to_try_another_machine(job_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("plan", "run"):
        assert main([command, str(job_folder / "job"), *options(job_folder), "--model", "compact"]) == 3
        assert "is for a model of SHA-256" in capsys.readouterr().err


def test_a_matte_whose_plate_frame_is_gone_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plate = write_plate(tmp_path / "plate", last=FIRST + 2, holes=())
    roto = write_roto(tmp_path / "roto.nk", (FIRST, FIRST + 2), (FIRST, FIRST + 2))
    request = PropagateRequest(
        plate=plate, roto=roto, model=str(write_model(tmp_path)), size=64, edges="plain", out=str(tmp_path / "job" / "a" / "m.%04d.exr")
    )
    (tmp_path / "job").mkdir()
    job.keep(tmp_path / "job", JobShot("a", job.for_job(request, tmp_path / "job"), str(tmp_path / "home" / "m.%04d.exr")))
    command = [str(tmp_path / "job"), "--cache", str(tmp_path / "cache")]
    assert main(["run", *command]) == 0
    assert "earlier run" not in capsys.readouterr().out
    Path(plate % (FIRST + 1)).unlink()
    for word in ("run", "collect"):
        assert main([word, *command]) == 0
        assert f"Mattes of frame {FIRST + 1} lie there from an earlier run" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"v/1\x01\x02\0\0\0 an EXR", b"version 15.0 v1\nRoot {\n}\n", b"2026"])
def test_a_log_is_added_to_no_file_of_another_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    other = tmp_path / "other"
    other.write_bytes(content)
    (tmp_path / "link").symlink_to(other)
    for name in ("other", "link"):
        assert main(["run", str(tmp_path), "--log", str(tmp_path / name)]) == 2
        assert "is no log of this program: it stays as it is" in capsys.readouterr().err
    assert other.read_bytes() == content


@pytest.mark.parametrize("name", ["plate.%04d.exr", "plate.1002.EXR", "sheet.png"])
def test_a_log_is_called_like_no_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main(["run", str(tmp_path), "--log", str(tmp_path / name)]) == 2
    assert "A log is text" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_a_log_is_added_to_and_may_be_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "run.log"
    log.touch()
    for log_file in (log, log, Path(os.devnull)):
        assert main(["run", str(tmp_path), "--log", str(log_file)]) == 2
        assert "is no job folder" in capsys.readouterr().err
    assert log.read_text().count("is no job folder") == 2


def test_a_failure_is_in_the_log_too(job_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "run.log"
    assert main(["run", str(tmp_path), "--log", str(log)]) == 2
    assert "is no job folder" in log.read_text() and "is no job folder" in capsys.readouterr().err
    assert main(["run", str(tmp_path), "--log", str(tmp_path)]) == 2
    assert f"Cannot write {tmp_path}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "JOB", "--shot", "b"], "The job has no shot called b"),
        (["run", "JOB", "--chunk", "3"], "is no chunk"),
        (["plan", "JOB", "--roto", "x.nk"], "brings its own annotations"),
        (["run", "JOB", "--path-map", "nonsense"], "Write FROM=TO"),
        (["plan", "PLATE"], "one of --roto and --masks"),
    ],
)
def test_a_wrong_call_is_one_sentence(job_folder: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    places = {"JOB": str(job_folder / "job"), "PLATE": str(job_folder / "shots" / "plate")}
    rest = options(job_folder) if words[0] == "run" and "--path-map" not in words else []
    assert main([places.get(word, word) for word in words] + rest) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="a drive is a path of this machine there")
def test_a_path_of_another_kind_of_machine_is_refused_and_nothing_is_written(
    job_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for field, value in (("result", r"Z:\\shots\\m.%04d.exr"), ("plate", "Z:/shots/p.%04d.exr")):
        folder = copied(job_folder, tmp_path / field)
        text = (folder / job.NAME).read_text()
        former = "/show/mattes/matte.%04d.exr" if field == "result" else "/show/plate/plate.%04d.exr"
        (folder / job.NAME).write_text(text.replace(former, value))
        assert main(["run", str(folder), *options(job_folder)]) == 2
        printed = capsys.readouterr().err
        assert "no path of this kind of machine" in printed and "--path-map" in printed and "Traceback" not in printed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plate", "result"]


def test_a_job_may_be_named_by_its_file_and_another_file_is_none(
    job_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(job_folder, tmp_path / "job")
    assert main(["plan", str(folder / job.NAME), *options(job_folder)]) == 0
    assert main(["run", str(folder / job.NAME), "--shot", "nobody"]) == 2
    assert "The job has no shot called nobody" in capsys.readouterr().err
    (folder / "other.json").write_text("{}")
    assert main(["run", str(folder / "other.json"), "--no-cache"]) == 2
    assert "is a file, and no job folder" in capsys.readouterr().err


def test_what_this_machine_lacks_is_its_own_fault_and_another_may_have_it(
    job_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = ["--cache", str(tmp_path / "cache")]
    assert main(["run", str(tmp_path / "unmounted" / "job"), *cache]) == 3
    assert "no folder" in capsys.readouterr().err
    folder = copied(job_folder, tmp_path / "job")
    for command in ("run", "collect"):
        assert main([command, str(folder), "--path-map", f"/show={tmp_path / 'unmounted'}", *cache]) == 3
        assert f"no folder {tmp_path / 'unmounted' / 'plate'}, where the plate of a is" in capsys.readouterr().err
    assert not (tmp_path / "unmounted").exists()
    # The plate is seen, but not the script's disk: no folder is made in its place.
    text = (folder / job.NAME).read_text()
    (folder / job.NAME).write_text(text.replace("/show/mattes", "/home/mattes").replace("/show/a.nk", "/home/a.nk"))
    elsewhere = ["--path-map", f"/home={tmp_path / 'unmounted'}"]
    assert main(["run", str(folder), *options(job_folder), *elsewhere]) == 3
    assert f"no folder {tmp_path / 'unmounted'}, where the script of a is" in capsys.readouterr().err
    assert not (tmp_path / "unmounted").exists() and len(list((folder / "a" / "mattes").glob("*.exr"))) == LAST - FIRST + 1
    # The disk is there, and this machine may not write to it.
    (tmp_path / "unmounted").mkdir()
    monkeypatch.setattr(exr, "probe", refused)
    assert main(["collect", str(folder), *options(job_folder), *elsewhere]) == 3
    assert "cannot be written: Permission denied" in capsys.readouterr().err


def refused(folder: Path) -> None:
    raise PermissionError(errno.EACCES, "Permission denied", str(folder))


def test_collect_waits_for_who_works_at_the_mattes_and_is_busy_then(
    job_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(job_folder, tmp_path / "job")
    place = folder / "a" / "mattes"
    place.mkdir(parents=True, exist_ok=True)
    with AtWork.on_mattes(place / "matte.%04d.exr").joined("0123", "{holder}{folder}"):
        assert main(["collect", str(folder), *options(job_folder), "--wait", "0"]) == 75
    assert "Somebody works at the mattes of this job" in capsys.readouterr().err
    assert main(["collect", str(folder), *options(job_folder), "--wait", "0"]) == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": "a\nb"}, "cannot be printed"),
        ({"model_sha256": "zz"}, "in place of a hash"),
        ({"request": {"frames": ""}}, "frame range"),
        ({"request": {"roto": None}}, "neither a roto nor masks"),
    ],
    ids=["name", "hash", "frames", "annotations"],
)
def test_what_no_export_writes_is_refused_by_the_jobs_name(job_folder: Path, tmp_path: Path, change: dict, sentence: str) -> None:
    folder = copied(job_folder, tmp_path / "job")
    content = json.loads((folder / job.NAME).read_text())
    shot = content["shots"][0]
    shot["request"].update(change.pop("request", {}))
    shot.update(change)
    (folder / job.NAME).write_text(json.dumps(content))
    with pytest.raises(RequestError, match=sentence) as refused:
        job.read(folder)
    assert str(folder / job.NAME) in str(refused.value)


def test_two_shots_that_write_the_same_mattes_are_refused(job_folder: Path, tmp_path: Path) -> None:
    folder = copied(job_folder, tmp_path / "job")
    content = json.loads((folder / job.NAME).read_text())
    content["shots"].append({**content["shots"][0], "name": "b"})
    (folder / job.NAME).write_text(json.dumps(content))
    with pytest.raises(RequestError, match="two shots write the same mattes"):
        job.read(folder)


def test_a_folder_that_is_no_job_is_called_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(tmp_path)]) == 2
    assert "is no job folder: it has no job.json" in capsys.readouterr().err
    (tmp_path / job.NAME).mkdir()
    for command in ("plan", "run", "collect"):
        assert main([command, str(tmp_path)]) == 2
        printed = capsys.readouterr().err
        assert str(tmp_path / job.NAME) in printed and "it is a folder" in printed


@pytest.mark.parametrize("words", [("--pace", "-1"), ("--pace", "nan"), ("--workers", "1000000000"), ("--path-map", "rel=/x")])
def test_numbers_and_rules_out_of_range_are_refused(job_folder: Path, words: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(job_folder / "job"), *words]) == 2
    assert words[1] in capsys.readouterr().err


def copied(job_folder: Path, folder: Path) -> Path:
    """Copy the job without its results."""
    shutil.copytree(job_folder / "job", folder, ignore=shutil.ignore_patterns("mattes"))
    return folder
