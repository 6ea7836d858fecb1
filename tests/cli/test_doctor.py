"""The page for a bug report: what it calls wrong, and under which heading."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xmemcore.cli import doctor
from xmemcore.cli.main import main


def page(capsys: pytest.CaptureFixture[str], *subjects: str) -> tuple[int, list[dict[str, str]]]:
    """Run the doctor with some of its checks; gives its exit code and findings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "CHECKS", {subject: doctor.CHECKS[subject] for subject in subjects})
        code = main(["doctor", "--json"])
    return code, json.loads(capsys.readouterr().out)["findings"]


@pytest.mark.parametrize(("subject", "variable"), [("cache", "XMEM_ROTO_CACHE"), ("models folder", "XMEM_ROTO_MODELS")])
@pytest.mark.parametrize("below", [False, True])
def test_folder_that_is_a_file_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], subject: str, variable: str, below: bool
) -> None:
    (tmp_path / "afile").write_text("")
    monkeypatch.setenv(variable, str(tmp_path / "afile" / "deeper" if below else tmp_path / "afile"))
    code, (finding,) = page(capsys, subject)
    assert (code, finding["state"]) == (3, "wrong")
    assert f"{tmp_path / 'afile'} is no folder. Name another one, or move that file away." in finding["text"]


@pytest.mark.parametrize(
    ("states", "summed", "code"), [(("ok",), "ok", 0), (("ok", "note"), "note", 0), (("note", "wrong", "ok"), "wrong", 3)]
)
def test_a_fleet_check_gets_one_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], states: tuple[str, ...], summed: str, code: int
) -> None:
    monkeypatch.setattr(doctor, "CHECKS", {"all": lambda: [(state, "text") for state in states]})
    assert main(["doctor", "--json"]) == code
    answer = json.loads(capsys.readouterr().out)
    assert answer["state"] == summed and {"version", "machine", "findings"} <= answer.keys()


def test_folder_that_is_still_to_be_made_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XMEM_ROTO_CACHE", str(tmp_path / "new" / "cache"))
    code, (finding,) = page(capsys, "cache")
    assert code == 0 and finding["text"].startswith(f"{tmp_path / 'new' / 'cache'}, ")
    assert not (tmp_path / "new").exists()


def test_python_and_the_machine_have_their_own_headings(capsys: pytest.CaptureFixture[str]) -> None:
    _, findings = page(capsys, "python", "machine")
    assert [(finding["subject"], "CPU cores" in finding["text"]) for finding in findings] == [("python", False), ("machine", True)]
