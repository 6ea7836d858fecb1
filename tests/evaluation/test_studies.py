"""Clips that are put together: what they hold, and how they are judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.evaluation.made_clip import made
from tests.shot.made_shot import write_model
from xmemcore.evaluation import studies, study_run
from xmemcore.evaluation.clip_shot import ClipShot
from xmemcore.protocol.requests import PropagateRequest


def test_to_and_fro_turns_without_showing_a_frame_twice() -> None:
    assert studies.to_and_fro(4, 9) == [0, 1, 2, 3, 2, 1, 0, 1, 2]


def test_long_shot_shows_one_object_twice_and_another_between(tmp_path: Path) -> None:
    clip = studies.long_shot(made(tmp_path / "a", 8, (0, 0, 255)), made(tmp_path / "b", 6, (0, 255, 0)), tmp_path / "long", 40)
    assert len(clip) == 40 and clip.objects == (1, 2)
    present = [set(np.unique(clip.labels(index))) - {0} for index in range(40)]
    assert present == [{1}] * 17 + [{2}] * 6 + [{1}] * 17
    assert all(np.array_equal(clip.labels(index), clip.labels(index + 23)) for index in range(17))


def test_look_alike_leaves_one_of_two_equal_copies_behind(tmp_path: Path) -> None:
    clip = studies.look_alike(made(tmp_path / "a", 5, (0, 0, 255)), made(tmp_path / "b", 5, (90, 90, 90)), tmp_path / "look", 30)
    visible = [bool(clip.labels(index).any()) for index in range(30)]
    assert visible[0] and visible[10] and not any(visible[20:])

    def red(index: int) -> int:
        picture = cv2.imread(str(clip.frames[index])).astype(int)
        return int(((picture[..., 2] > 180) & (picture[..., 1] < 90)).sum())

    assert red(25) == pytest.approx(red(0) / 2, rel=0.15)


def test_absence_and_drift_are_judged_over_frames_that_are_not_annotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choices = PropagateRequest(plate="", model=str(write_model(tmp_path)), device="cpu", size=64)
    clip = studies.look_alike(made(tmp_path / "a", 5, (0, 0, 255)), made(tmp_path / "b", 5, (90, 90, 90)), tmp_path / "look", 18)
    monkeypatch.setattr(studies, "LONG_STRETCH", 5)
    right_then_wrong = {i: clip.labels(i) if i < 9 else np.ones_like(clip.labels(i)) for i in range(18)}
    monkeypatch.setattr(ClipShot, "labels", lambda *_: right_then_wrong)
    # Right up to frame 8, then everything is taken for the object, which leaves after two thirds of the shot.
    judged = [i for i in range(18) if clip.labels(i).any() and i not in (0, 4, 16)]
    result = studies.absence(clip, (0, 4), (16,), choices)
    expected = np.mean([1.0 if i < 9 else (clip.labels(i) == 1).mean() for i in judged])
    assert result.j_present == pytest.approx(expected) and result.wrong_share == 1.0 and result.wrong_pixels == clip.labels(0).size
    ends = studies.drift(clip, 2, choices)
    assert ends.annotated == (0, 17) and ends.j_first == 1.0 and ends.j_last == 0.0


def test_annotated_absence_is_a_frame_without_the_object(tmp_path: Path) -> None:
    """At the frame that is annotated as empty, and only there, an untrained network is told that nothing is there."""
    choices = PropagateRequest(plate="", model=str(write_model(tmp_path)), device="cpu", size=64)
    clip = studies.look_alike(made(tmp_path / "a", 5, (0, 0, 255)), made(tmp_path / "b", 5, (90, 90, 90)), tmp_path / "look", 18)
    with ClipShot(clip) as shot:
        labels = shot.labels(shot.propagate((0, 16), choices))
        ranged = shot.labels(shot.propagate((0,), replace(choices, absent=("1:13-16",))))
    assert not labels[16].any() and np.array_equal(labels[0], clip.labels(0))
    assert not any(ranged[index].any() for index in range(13, 17)) and np.array_equal(ranged[0], clip.labels(0))


@pytest.mark.parametrize("way", studies.WAYS)
def test_object_is_away_for_a_while_and_back(way: str, tmp_path: Path) -> None:
    clip = studies.away(made(tmp_path / "a", 8, (0, 0, 255)), made(tmp_path / "b", 5, (90, 90, 90)), tmp_path / "away", way)
    areas = [int((clip.labels(index) == 1).sum()) for index in range(len(clip))]
    assert len(clip) == 72 and not any(areas[28:44]) and all(areas[:28]) and all(areas[44:])
    assert {areas[index] for index in (0, 20, 22, 59, 71)} == {500}
    slowly = sum(0 < area < 450 for area in areas[44:59])
    assert {"cut": slowly == 0, "board": slowly >= 8, "pan": slowly >= 3}[way]
    for index in (0, 25, 35, 50, 70):  # truth is where the red patch is
        picture = studies.picture_of(clip, index).astype(int)
        red = (picture[..., 2] > 150) & (picture[..., 1] < 110)
        assert abs(int(red.sum()) - areas[index]) <= 60, index


def test_page_tells_what_a_word_about_an_absent_object_costs() -> None:
    def said(overlap: float, worst: float, pixels: int) -> dict:
        return {"overlaps": {"0": 0.9, "1": overlap, "2": worst}, "wrong": {"3": pixels, "4": 0}}

    answers = dict(zip(study_run.WORDS, (said(0.9, 0.9, 400), said(0.9, 0.6, 40), said(0.96, 0.9, 0))))
    content = {"model": "m", "size": 240, "answers": {f"away, dog, board, {word}": answer for word, answer in answers.items()}}
    assert "| dog, board | 0.900 | -0.100 | +0.020 | -0.300 (2) | +0.000 (0) | 200 | 20 | 0 |" in study_run.page_text(content)
    del content["answers"]["away, dog, board, a range"]
    assert "Away" not in study_run.page_text(content), "a row has all three"
