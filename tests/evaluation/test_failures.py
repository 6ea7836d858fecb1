"""Failures are planted where the mattes were right, and it is told which of them were found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.made_clip import made
from tests.shot.made_shot import write_model
from xmemcore.cli.main import main
from xmemcore.evaluation import failures
from xmemcore.evaluation.clip_shot import ClipShot
from xmemcore.evaluation.failures import Case, failing, page_text, planted, rank_correlation


def test_a_planted_failure_spoils_one_object() -> None:
    planes = np.zeros((2, 40, 60), np.float32)
    planes[0, 5:15, 5:15] = planes[1, 20:30, 40:50] = 1
    spoiled = {kind: planted(planes, kind, 0) for kind in failures.PLANTED}
    assert all(found is not None and np.array_equal(found[1], planes[1]) for found in spoiled.values())
    lost, swapped, bled = (spoiled[kind][0] for kind in ("lost", "swapped", "bled"))
    assert not lost.any() and np.array_equal(swapped, planes[1])
    assert (bled >= planes[0]).all() and (bled >= 0.5).sum() > 1.5 * planes[0].sum()


def test_an_object_that_is_alone_is_swapped_for_a_place_beside_it_where_there_is_room() -> None:
    for rows, columns in ((slice(5, 15), slice(5, 15)), (slice(20, 40), slice(40, 60)), (slice(25, 40), slice(0, 60))):
        plane = np.zeros((1, 40, 60), np.float32)
        plane[0, rows, columns] = 1
        beside = planted(plane, "swapped", 0)
        assert beside is not None and beside.sum() == plane.sum() and not (beside * plane).any()
    plane[0, 5:] = 1
    assert planted(plane, "swapped", 0) is None, "what wrapped around would lie on the object itself"


def test_a_stretch_is_frames_in_a_row_that_are_wrong() -> None:
    truth = dict.fromkeys(range(20), 0.9) | dict.fromkeys((3, 4, 5, 6, 10, 11, 15, 16, 17), 0.2)
    assert failing(truth, [16]) == [(3, 6)]
    assert failing(truth, []) == [(3, 6), (15, 17)]


def test_rank_correlation_is_spearmans() -> None:
    assert rank_correlation([0.1, 0.5, 0.3, 0.9], [1, 3, 2, 4]) == 1
    assert rank_correlation([4, 3, 2, 1], [0.1, 0.2, 0.3, 0.4]) == -1
    # Ties share their ranks: (1.5, 1.5, 3) against (1, 2, 3).
    assert rank_correlation([1, 1, 2], [1, 2, 3]) == pytest.approx(np.sqrt(3) / 2, abs=1e-3)
    assert rank_correlation([1, 1, 1], [1, 2, 3]) is None


def test_page_counts_what_was_found_and_false_alarms() -> None:
    def case(kind: str, found: bool, by_chance: bool = False) -> Case:
        return Case("dog", kind, (0, 9), 3, 5, found, by_chance, (), None)

    text = page_text([case("lost", True, True), case("lost", False), case("own", True), case("right", True), case("right", False)])
    assert "| lost | 2 | 1 (50%) | 1 (50%) |" in text and "| all | 3 | 2 (67%) | 1 (33%) |" in text
    assert "False alarms: 1 of 2 right shots." in text


def test_the_command_plants_failures_and_tells_which_were_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = made(tmp_path / "clips" / "patch", 24, (0, 0, 255))
    model = write_model(tmp_path)
    # What the network answers is right: the truth stands in for it.
    monkeypatch.setattr(ClipShot, "labels", lambda self, run: {index: clip.labels(index) for index in clip.masks})
    words = ["experiments", str(tmp_path / "clips"), "--failures", "--out", str(tmp_path / "out"), "--size", "64", "--model", str(model)]
    assert main([*words, "--device", "cpu"]) == 0
    cases = json.loads((tmp_path / "out" / "failures.json").read_text())["clips"]["patch"]
    kinds = [case["kind"] for case in cases]
    assert kinds.count("right") == 6 and kinds.count("lost") == 1, "three runs with a key on the first mask, three that are drawn"
    for case in cases:
        if case["kind"] != "right":
            assert 3 < case["last"] - case["first"] + 1 < 9
            assert not any(case["first"] <= key <= case["last"] for key in case["keys"])
    assert all((case["true_j"] == 1) == (case["kind"] == "right") for case in cases)
    page = (tmp_path / "out" / "failures.md").read_text()
    assert "False alarms" in page
    # Called again, the command has nothing left to measure.
    monkeypatch.setattr(ClipShot, "propagate", lambda *_: pytest.fail("a clip was measured again"))
    assert main([*words, "--device", "cpu"]) == 0 and (tmp_path / "out" / "failures.md").read_text() == page
