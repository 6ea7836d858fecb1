"""Which keys are chosen for long shots, and which the truth would choose."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.evaluation.made_clip import made
from tests.shot.made_shot import write_model
from xmemcore.cli.main import main
from xmemcore.evaluation import key_study
from xmemcore.evaluation.clip_shot import ClipShot


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two small clips; the studies ask for three keys of them."""
    for name, length in (("a", 9), ("b", 4)):
        made(tmp_path / "clips" / name, length, (0, 0, 255))
    monkeypatch.setattr(key_study, "LONG_SHOTS", (("a", "b"),))
    monkeypatch.setattr(key_study, "ORACLE_CLIPS", ("a",))
    monkeypatch.setattr(key_study, "LONG_FRAMES", 14)
    monkeypatch.setattr(key_study, "KEYS", 3)
    told = ["experiments", str(tmp_path / "clips"), "--keys", "--out", str(tmp_path / "out"), "--size", "64", "--device", "cpu"]
    return [*told, "--model", str(write_model(tmp_path))]


def test_the_best_key_is_the_best_of_every_fourth_frame(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(words) == 0
    answers = json.loads((tmp_path / "out" / "keys.json").read_text())["answers"]
    assert set(answers) == {"a around b: coverage", "a around b: uniform", "a: best", "a: mean of what was tried"}
    best, mean = answers["a: best"], answers["a: mean of what was tried"]
    assert best["2"]["annotated"] in ([0, 4], [0, 8]) and set(best["2"]["annotated"]) < set(best["3"]["annotated"])
    assert best["2"]["JF"] >= mean["2"]["JF"] and best["3"]["annotated"] == [0, 4, 8]
    assert len(answers["a around b: coverage"]["3"]["annotated"]) == 3
    page = (tmp_path / "out" / "keys.md").read_text()
    assert page.count("\n| a") == 4
    # What is known is not measured again.
    monkeypatch.setattr(ClipShot, "propagate", lambda *_: pytest.fail("a clip was measured again"))
    assert main(words) == 0


def test_clips_that_are_not_there_are_named(words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_study, "LONG_SHOTS", (("x", "y"),))
    monkeypatch.setattr(key_study, "ORACLE_CLIPS", ("x",))
    assert main(words) != 0
    assert "None of the clips is there" in capsys.readouterr().err
