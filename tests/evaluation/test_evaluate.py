"""Evaluation end to end on tiny clips: what is scored, what stands beside it, and how it is resumed."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from xmemcore.cli.main import main
from xmemcore.cli.progress import TerminalListener
from xmemcore.engine.config import EngineConfig
from xmemcore.evaluation import clips, evaluate
from xmemcore.evaluation.clip_frames import AREA, PUBLISHED, ClipFrames, labels_at, resized, working_size
from xmemcore.evaluation.clips import Clip
from xmemcore.evaluation.evaluate import ClipResult, EvaluationSettings, ResumeMismatch, Table
from xmemcore.evaluation.metrics import Score
from xmemcore.evaluation.untrained import untrained
from xmemcore.network.xmem import XMem

LENGTH, HEIGHT, WIDTH = 7, 48, 64
SMALL = EvaluationSettings(annotations=(1, 3), size=48)


@pytest.fixture(scope="module")
def network() -> XMem:
    return untrained()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One clip, `pair`: two patches that move apart over noise; the second one is missing from frame 0."""
    noise = np.random.default_rng(3).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for name in ("frames", "masks"):
        (tmp_path / "pair" / name).mkdir(parents=True)
    for index in range(LENGTH):
        picture, label = noise.copy(), np.zeros((HEIGHT, WIDTH), np.uint8)
        for number, (y, x) in enumerate(((8 + 2 * index, 10), (8, 34 + 2 * index)), start=1):
            if (number, index) != (2, 0):
                picture[y : y + 14, x : x + 14] = (200, 40 * number, 90)
                label[y : y + 14, x : x + 14] = number
        cv2.imwrite(str(tmp_path / f"pair/frames/{index:05d}.jpg"), picture)
        Image.fromarray(label, "L").save(tmp_path / f"pair/masks/{index:05d}.png")
    return tmp_path


@pytest.fixture
def clip(folder: Path) -> Clip:
    return clips.find_clips(folder)[0]


def test_annotated_frames_do_not_count(clip: Clip) -> None:
    """Wrong labels on annotated frames change nothing but the figure over all frames."""
    perfect = {index: clip.labels(index) for index in clip.masks}
    spoilt = {**perfect, 0: np.zeros_like(perfect[0]), 3: np.zeros_like(perfect[3])}
    result = evaluate.score_clip(clip, spoilt, (0, 3), fps=1)
    assert result.scored == Score(1.0, 1.0)
    assert result.over_all.jf < 1
    assert evaluate.score_clip(clip, perfect, (0, 3), fps=1).over_all == Score(1.0, 1.0)


def test_prediction_that_copies_the_nearest_key_scores_as_the_baseline(clip: Clip) -> None:
    from xmemcore.evaluation.hold import hold

    result = evaluate.score_clip(clip, hold(clip, (0, 6)), (0, 6), fps=1)
    assert result.scored == result.held
    assert 0 < result.held.j < 1


def test_missing_object_costs_its_share(clip: Clip) -> None:
    """Two objects of one clip weigh alike: one perfect and one lost make one half."""
    predicted = {index: np.where(clip.labels(index) == 1, 1, 0).astype(np.uint8) for index in clip.masks}
    assert evaluate.score_clip(clip, predicted, (0,), fps=1).scored == Score(0.5, 0.5)


def test_table_of_a_run_has_every_figure(network: XMem, clip: Clip) -> None:
    content = evaluate.evaluate(network, [clip], SMALL, Table("seeded", "abc", SMALL))
    assert {key: content[key] for key in ("model", "mode", "size", "select")} == {
        "model": "seeded", "mode": "xmem++", "size": 48, "select": "uniform",
    }  # fmt: skip
    figures = content["clips"]["pair"]
    assert set(figures) == {"1", "3"}
    assert figures["3"]["annotated"] == [0, 3, 6]
    assert set(figures["1"]) >= {"J", "F", "JF", "JF_all", "JF_hold", "annotated", "fps"}
    assert figures["1"]["JF"] == pytest.approx((figures["1"]["J"] + figures["1"]["F"]) / 2, abs=1e-4)
    assert content["mean"]["3"]["J"] == figures["3"]["J"]
    assert set(content["mean"]["3"]) >= {"J", "F", "JF", "JF_hold"}


def test_two_runs_give_the_same_figures(network: XMem, clip: Clip) -> None:
    def figures() -> dict:
        content = evaluate.evaluate(network, [clip], SMALL, Table("seeded", "abc", SMALL))
        return {k: {name: value for name, value in row.items() if name != "fps"} for k, row in content["clips"]["pair"].items()}

    assert figures() == figures()


def test_xmem_and_xmem_plus_plus_agree_at_one_annotation(network: XMem, clip: Clip) -> None:
    frames = ClipFrames(clip, network, 48)
    ours = evaluate.propagate_clip(network, frames, (0,), EngineConfig(order="forward"))
    theirs = evaluate.propagate_clip(network, frames, (0,), EngineConfig(mode="xmem"))
    assert all(np.array_equal(ours[index], theirs[index]) for index in clip.masks)


def test_annotated_frames_come_back_as_annotated(network: XMem, clip: Clip) -> None:
    predicted = evaluate.propagate_clip(network, ClipFrames(clip, network, 32), (0, 4), EngineConfig())
    assert sorted(predicted) == list(range(LENGTH))
    assert np.array_equal(predicted[4], clip.labels(4))


def test_suggested_annotations_begin_with_the_first_and_do_not_repeat(network: XMem, clip: Clip) -> None:
    frames = ClipFrames(clip, network, 48)
    settings = EvaluationSettings(select="suggested", size=48, min_pixels=0)
    picked = evaluate.choose_annotations(network, frames, 4, settings)
    assert picked[0] == 0 and len(set(picked)) == 4 and list(picked) == sorted(picked)
    assert evaluate.choose_annotations(network, frames, 1, settings) == (0,)


def test_clip_with_too_few_masks_is_skipped_with_its_reason(network: XMem, folder: Path) -> None:
    for index in (1, 2, 4, 5):
        (folder / f"pair/masks/{index:05d}.png").unlink()
    content = evaluate.evaluate(network, clips.find_clips(folder), SMALL, Table("seeded", "abc", SMALL))
    assert content["skipped"] == {"pair": {"3": "pair has 3 masks: 3 annotations leave no frame to score."}}
    assert list(content["mean"]) == ["1"]


def test_nothing_at_all_to_score_is_an_error(network: XMem, clip: Clip) -> None:
    settings = EvaluationSettings(annotations=(7,), size=48)
    with pytest.raises(clips.NothingToScore, match="No clip could be scored"):
        evaluate.evaluate(network, [clip], settings, Table("seeded", "abc", settings))


RESULT = ClipResult(Score(0.5, 0.7), Score(0.6, 0.8), Score(0.2, 0.3), (0,), 2.0)


def test_resumed_table_computes_only_what_is_missing(network: XMem, clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "table.json"
    asked: list[int] = []

    def pretend(network: XMem, frames: ClipFrames, k: int, settings: object, cancelled: object) -> ClipResult:
        asked.append(k)
        if asked == [1, 3]:
            raise KeyboardInterrupt
        return RESULT

    monkeypatch.setattr(evaluate, "evaluate_clip", pretend)
    with pytest.raises(KeyboardInterrupt):
        evaluate.evaluate(network, [clip], SMALL, Table("m", "abc", SMALL, file))
    assert list(json.loads(file.read_text())["clips"]["pair"]) == ["1"]
    content = evaluate.evaluate(network, [clip], SMALL, Table("m", "abc", SMALL, file, resume=True))
    assert asked == [1, 3, 3]
    assert content["mean"]["3"]["JF"] == 0.6 and content["mean"]["1"]["JF_hold"] == 0.25
    assert json.loads(file.read_text()) == content


def test_table_of_other_settings_is_not_resumed(tmp_path: Path) -> None:
    file = tmp_path / "table.json"
    Table("m", "abc", SMALL, file).put("pair", 1, RESULT)
    Table("m", "abc", EvaluationSettings(annotations=(10,), size=48), file, resume=True)
    with pytest.raises(ResumeMismatch, match="made with other settings"):
        Table("m", "abc", EvaluationSettings(size=96), file, resume=True)
    with pytest.raises(ResumeMismatch, match="made with other weights"):
        Table("m", "def", SMALL, file, resume=True)
    file.write_text("{")
    with pytest.raises(ResumeMismatch, match="it is no table of figures. Name another place"):
        Table("m", "abc", SMALL, file, resume=True)


def test_absent_object_is_taught_as_absent_and_others_as_masks(network: XMem, clip: Clip) -> None:
    annotations = ClipFrames(clip, network, 48).annotations([0, 1])
    assert annotations[0].masks[1] is None
    mask = annotations[1].masks[1]
    assert mask is not None and mask.shape == (48, 64) and float(mask.sum()) == 14 * 14


def test_thin_object_keeps_its_best_covered_pixels(network: XMem, clip: Clip) -> None:
    frames = ClipFrames(clip, network, 16)
    thread = np.zeros((HEIGHT, WIDTH), bool)
    thread[:, 20] = True
    assert frames._reduced(thread).sum() == 16


def test_working_size_keeps_proportion_and_rounds_down() -> None:
    assert working_size(480, 854, 480) == (480, 854)
    assert working_size(853, 480, 240) == (426, 240)
    assert working_size(1080, 1920, 480) == (480, 853)


def test_area_resampling_averages_and_published_does_not() -> None:
    stripes = np.zeros((8, 8), np.float32)
    stripes[:, ::4] = 1
    assert np.allclose(resized(stripes, (2, 2), AREA), 0.25)
    assert not np.allclose(resized(stripes, (2, 2), PUBLISHED), 0.25)
    assert resized(stripes, (8, 8), AREA) is stripes


def test_labels_are_decided_at_plate_size() -> None:
    planes = torch.tensor([[[0.6, 0.4]], [[0.4, 0.6]]])
    labels = labels_at(planes, (1, 8), [5])
    assert labels.tolist() == [[0, 0, 0, 0, 5, 5, 5, 5]]


def test_unreadable_frame_is_named(network: XMem, folder: Path) -> None:
    (folder / "pair/frames/00003.jpg").write_bytes(b"no picture")
    frames = ClipFrames(clips.find_clips(folder)[0], network, 48)
    with pytest.raises(clips.ClipUnreadable, match=r"Cannot read the frame .*00003\.jpg"):
        frames.frame(3)


@pytest.mark.parametrize(
    ("words", "said"), [((), "with --json FILE it would be"), (("--json", "table.json"), "stay in table.json; --resume goes on")]
)
def test_cancelled_evaluation_says_what_became_of_its_figures(
    words: tuple[str, ...], said: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(TerminalListener, "cancelled", lambda _: True)
    assert main(["evaluate", str(folder), "--size", "64", "--device", "cpu", *words]) == 130
    assert f"xmem-roto: Cancelled. {'Nothing was kept' if not words else 'The figures'}" in (err := capsys.readouterr().err) and said in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--resume",), "Add --json FILE."),
        (("--select", "random", "--seed", "-1"), "'-1' must be a whole number of at least 0"),
        (("--size", "10"), "The working size 10 is out of range."),
    ],
)
def test_wrong_requests_are_refused(words: tuple[str, ...], said: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(folder), *words]) == 2
    assert said in capsys.readouterr().err
