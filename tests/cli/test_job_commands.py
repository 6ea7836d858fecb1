"""`plan`, `run` and `collect` on a job folder, and `--log`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.shot.made_shot import FIRST, write_model, write_plate, write_roto
from xmemcore.cli.main import main
from xmemcore.network.catalogue import hash_file
from xmemcore.protocol import job
from xmemcore.protocol.job import JobShot
from xmemcore.protocol.requests import PropagateRequest

LAST = FIRST + 11
KEYS = (FIRST, FIRST + 4, FIRST + 8)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
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
    )
    record = {"stamp": "", "complete": False, "node_name": "a"}
    shot = JobShot("a", job.for_job(request, folder / "job"), "/show/mattes/matte.%04d.exr", (), hash_file(model), "/show/a.nk", record)
    job.keep(folder / "job", shot)
    return folder


def options(made: Path) -> list[str]:
    return ["--path-map", f"/show={made / 'shots'}", "--cache", str(made / "cache")]


def test_a_job_is_planned_run_in_chunks_and_collected(made: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = str(made / "job")
    assert main(["plan", folder, *options(made), "--workers", "2", "--pace", "2", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["stale"] == plan["frames"] == f"{FIRST}-{LAST}" and plan["seconds_from"] == "the pace that was given"
    assert [gap["frames"] for gap in plan["gaps"]] == ["1001-1004", "1005-1008", "1009-1012"]
    assert plan["seconds"] == 2 * plan["steps"] == 2 * sum(gap["steps"] for gap in plan["gaps"])
    assert [chunk["chunk"] for chunk in plan["chunks"]] == ["1/2", "2/2"]

    assert main(["collect", folder, *options(made)]) == 2
    assert "no finished matte of this job" in capsys.readouterr().err
    log = tmp_path / "logs" / "run.log"
    for chunk in ("2/2", "1/2"):
        assert main(["run", folder, *options(made), "--chunk", chunk, "--log", str(log)]) == 0
    assert not (made / "shots" / "mattes").exists(), "a chunk brings nothing home"
    capsys.readouterr()
    assert main(["collect", folder, *options(made), "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["shots"]
    home = made / "shots" / "mattes"
    assert answer["frames"] == answer["copied"] == list(range(FIRST, LAST + 1))
    for frame in range(FIRST, LAST + 1):
        name = f"matte.{frame}.exr"
        assert (home / name).read_bytes() == (made / "job" / "a" / "mattes" / name).read_bytes()
    kept = json.loads((home / "nuke.json").read_text())["mattes"]["matte.%04d.exr"]
    assert kept["node_id"] == "node1" and kept["record"]["complete"] and kept["record"]["stamp"] and kept["record"]["node_name"] == "a"
    assert main(["collect", folder, *options(made), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shots"][0]["copied"] == []

    assert main(["plan", folder, *options(made), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["stale"] == "" and plan["seconds"] == 0 and plan["seconds_from"] == "earlier runs here"
    stamped = [re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4} (.*)", line) for line in log.read_text().splitlines()]
    assert all(stamped) and any("100 %" in line[1] for line in stamped if line)


def test_another_model_is_a_reason_to_try_another_machine(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(made / "job"), *options(made), "--model", "compact"]) == 3
    assert "is for a model of SHA-256" in capsys.readouterr().err


def test_a_failure_is_in_the_log_too(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "run.log"
    assert main(["run", str(tmp_path / "nothing"), "--log", str(log)]) == 2
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
def test_a_wrong_call_is_one_sentence(made: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    places = {"JOB": str(made / "job"), "PLATE": str(made / "shots" / "plate")}
    rest = options(made) if words[0] == "run" and "--path-map" not in words else []
    assert main([places.get(word, word) for word in words] + rest) == 2
    assert sentence in capsys.readouterr().err
