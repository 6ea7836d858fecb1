"""Evaluation end to end on tiny clips: what is scored, what stands beside it, and how it is resumed."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.shot.made_shot import write_model
from xmemcore.cli.main import main, make_parser
from xmemcore.cli.progress import TerminalListener
from xmemcore.engine.selection import STRATEGIES
from xmemcore.evaluation import clip_shot, clips, evaluate
from xmemcore.evaluation.clip_shot import ClipShot, decided
from xmemcore.evaluation.clips import Clip
from xmemcore.evaluation.evaluate import ClipResult, EvaluationSettings, Keys, Table
from xmemcore.evaluation.metrics import Score
from xmemcore.protocol.failures import Cancelled, RequestError
from xmemcore.protocol.requests import PropagateRequest, SuggestRequest
from xmemcore.protocol.results import SuggestResult
from xmemcore.protocol.settings import rows
from xmemcore.shot.files.sequence import Sequence
from xmemcore.shot.mattes.mattes import Matte, read_mattes

LENGTH, HEIGHT, WIDTH = 7, 48, 64


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_model(tmp_path_factory.mktemp("model")))


@pytest.fixture
def choices(model: str) -> PropagateRequest:
    return PropagateRequest(plate="", model=model, device="cpu", size=64)


@pytest.fixture
def small(choices: PropagateRequest) -> EvaluationSettings:
    return EvaluationSettings(annotations=(1, 3), choices=choices)


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


def test_frames_below_the_carried_key_are_counted(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of seven frames two keys are exact; of the others one is lost, where the carried key is right."""

    class Shot:
        def __init__(self) -> None:
            self.clip = clip

        def labels(self, run: object) -> dict[int, np.ndarray]:
            truth = {index: clip.labels(index) for index in clip.masks}
            return {**truth, 2: np.zeros_like(truth[2])}

    run = SimpleNamespace(out="o", annotated=(0, 6), fps=1.0, encoded_frames=0)
    monkeypatch.setattr(evaluate, "carried", lambda clip, annotated, flows: {index: clip.labels(index) for index in clip.masks})
    figures = evaluate.Scorer(Shot()).score(run).as_json()  # type: ignore[arg-type]
    assert figures["JF_carried"] == 1 and figures["JF"] < 1
    assert figures["frames_below_carried"] == 1 and figures["most_below_carried"] >= 0.5


def test_prediction_that_copies_the_nearest_key_scores_as_the_baseline(clip: Clip) -> None:
    from xmemcore.evaluation.clips import hold

    result = evaluate.score_clip(clip, hold(clip, (0, 6)), (0, 6), fps=1)
    assert result.scored == result.held
    assert 0 < result.held.j < 1


def test_missing_object_costs_its_share(clip: Clip) -> None:
    """Two objects of one clip weigh alike: one perfect and one lost make one half."""
    predicted = {index: np.where(clip.labels(index) == 1, 1, 0).astype(np.uint8) for index in clip.masks}
    assert evaluate.score_clip(clip, predicted, (0,), fps=1).scored == Score(0.5, 0.5)


def test_table_of_a_run_has_every_figure(small: EvaluationSettings, clip: Clip) -> None:
    content = evaluate.evaluate([clip], small, Table("seeded", "abc", small))
    assert {key: content[key] for key in ("model", "mode", "size", "select")} == {
        "model": "seeded", "mode": "xmem++", "size": 64, "select": "uniform",
    }  # fmt: skip
    figures = content["clips"]["pair"]
    assert set(figures) == {"1", "3"}
    assert figures["3"]["annotated"] == [0, 3, 6]
    assert set(figures["1"]) >= {"J", "F", "JF", "JF_all", "JF_hold", "annotated", "fps"}
    assert figures["1"]["JF"] == pytest.approx((figures["1"]["J"] + figures["1"]["F"]) / 2, abs=1e-4)
    assert content["mean"]["3"]["J"] == figures["3"]["J"]
    assert set(content["mean"]["3"]) >= {"J", "F", "JF", "JF_hold"}


def test_figures_are_those_of_the_mattes_that_propagate_writes(small: EvaluationSettings, folder: Path, tmp_path: Path) -> None:
    """The command line from end to end: what `propagate --no-cache` writes for the same keyframes scores as `evaluate` says."""
    table = tmp_path / "table.json"
    words = ["--model", str(small.choices.model), "--device", "cpu", "--size", "64", "--order", "forward"]
    assert main(["evaluate", str(folder), "--annotations", "3", *words, "--json", str(table)]) == 0
    shot = [str(folder / "pair/frames"), "--masks", str(folder / "pair/masks"), "--keyframes", "0,3,6"]
    out = tmp_path / "mattes" / "matte.%04d.exr"
    assert main(["propagate", *shot, *words, "--no-cache", "--out", str(out), "--json"]) == 0
    (clip,) = clips.find_clips(folder)
    mattes = read_mattes(str(out))
    predicted = {index: decided(mattes.read(index), {"obj_1": 1, "obj_2": 2}) for index in clip.masks}
    expected = evaluate.score_clip(clip, predicted, (0, 3, 6), fps=1).as_json()
    figures = json.loads(table.read_text())["clips"]["pair"]["3"]
    assert {name: figures[name] for name in ("J", "F", "JF_all")} == {name: expected[name] for name in ("J", "F", "JF_all")}
    assert 0 < figures["J"] < 1, "a figure at an end would prove nothing"


def test_kept_features_change_no_label_and_are_made_once(choices: PropagateRequest, clip: Clip) -> None:
    found = {}
    for keep in (True, False):
        with ClipShot(clip, keep) as shot:
            shot.propagate((0,), choices)
            run = shot.propagate((0, 6), choices)
            found[keep] = run.encoded_frames, shot.labels(run)
    assert found[True][0] == 0 and found[False][0] >= LENGTH
    assert all(np.array_equal(found[True][1][index], found[False][1][index]) for index in clip.masks)


def test_nothing_of_an_evaluation_stays_on_disk_or_in_the_users_cache(
    small: EvaluationSettings, clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, temporary = tmp_path / "cache", tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("XMEM_ROTO_CACHE", str(cache))
    monkeypatch.setattr(clip_shot.tempfile, "tempdir", str(temporary))
    evaluate.evaluate([clip], small, Table("seeded", "abc", small))
    assert not cache.exists() and not list(temporary.iterdir())


def test_two_runs_give_the_same_figures(small: EvaluationSettings, clip: Clip) -> None:
    def figures() -> dict:
        content = evaluate.evaluate([clip], small, Table("seeded", "abc", small))
        return {k: {name: value for name, value in row.items() if name != "fps"} for k, row in content["clips"]["pair"].items()}

    assert figures() == figures()


def test_xmem_and_xmem_plus_plus_agree_at_one_annotation(choices: PropagateRequest, clip: Clip) -> None:
    with ClipShot(clip) as shot:
        ours = shot.labels(shot.propagate((0,), replace(choices, order="forward")))
        theirs = shot.labels(shot.propagate((0,), replace(choices, mode="xmem")))
    assert all(np.array_equal(ours[index], theirs[index]) for index in clip.masks)


def test_annotated_frames_come_back_as_annotated(choices: PropagateRequest, clip: Clip) -> None:
    with ClipShot(clip) as shot:
        predicted = shot.labels(shot.propagate((0, 4), choices))
    assert sorted(predicted) == list(range(LENGTH))
    assert np.array_equal(predicted[4], clip.labels(4))


@pytest.mark.parametrize("select", [name for name, strategy in STRATEGIES.items() if not strategy.beforehand])
def test_keys_begin_with_the_first_and_are_added_one_by_one(select: str, choices: PropagateRequest, clip: Clip) -> None:
    settings = EvaluationSettings(select=select, min_pixels=0, choices=choices)
    with ClipShot(clip) as shot:
        keys = Keys(shot, settings)
        picked = [keys.annotated(k) for k in (1, 2, 4)]
        assert Keys(shot, settings).annotated(4) == picked[2], "the numbers that are asked for in between change nothing"
    assert picked[0] == (0,) and len(set(picked[2])) == 4 and list(picked[2]) == sorted(picked[2])
    assert set(picked[0]) < set(picked[1]) < set(picked[2])


def test_first_key_can_be_the_best_first_frame(clip: Clip, choices: PropagateRequest) -> None:
    with ClipShot(clip) as shot:
        best = (
            evaluate.suggest(SuggestRequest(clip.plate, model=choices.model, device="cpu", size=64, use_cache=False)).suggestions[0].frame
        )
        keys = Keys(shot, EvaluationSettings(select="coverage", first="best", choices=choices))
        assert best != 0 and keys.annotated(1) == (best,) and best in keys.annotated(3)


def test_strategy_that_sees_is_asked_after_a_propagation_with_the_keys_so_far(
    choices: PropagateRequest, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    propagated: list[tuple[int, ...]] = []
    whole = evaluate.suggest

    def asked(request: SuggestRequest, listener: object) -> SuggestResult:
        propagated.append(request.keyframes or ())
        assert read_mattes(str(request.mattes)).frames == tuple(range(LENGTH))
        return whole(request, listener)  # type: ignore[arg-type]

    monkeypatch.setattr(evaluate, "suggest", asked)
    with ClipShot(clip) as shot:
        final = Keys(shot, EvaluationSettings(select="published", min_pixels=0, choices=choices)).annotated(3)
    assert [len(keys) for keys in propagated] == [1, 2] and set(propagated[1]) < set(final)


def test_keys_that_two_strategies_choose_are_propagated_and_scored_once(
    choices: PropagateRequest, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[object] = []
    whole = clip_shot.propagate

    def counted(request: PropagateRequest, listener: object) -> object:
        runs.append(request.keyframes)
        return whole(request, listener)  # type: ignore[arg-type]

    monkeypatch.setattr(clip_shot, "propagate", counted)
    with ClipShot(clip) as shot:
        scorer = evaluate.Scorer(shot)
        first = [
            Keys(shot, EvaluationSettings(select=select, choices=choices), scorer=scorer).result(1) for select in ("uniform", "random")
        ]
        shot.propagate((0, 3), choices)
        again = Keys(shot, EvaluationSettings(choices=choices)).result(1)
    assert runs == [(0,), (0, 3)] and first[0] is first[1]
    assert again == first[0], "another run left its mattes alone"


def test_random_keys_differ_by_seed_and_by_clip(folder: Path, choices: PropagateRequest) -> None:
    (folder / "pair").rename(folder / "a")
    shutil.copytree(folder / "a", folder / "b")
    picks = set()
    for clip in clips.find_clips(folder):
        for seed in range(3):
            with ClipShot(clip) as shot:
                picks.add(Keys(shot, EvaluationSettings(select="random", seed=seed, choices=choices)).annotated(4))
    assert len(picks) > 3


def test_key_where_nothing_is_worth_keying_is_the_farthest(clip: Clip, choices: PropagateRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    with ClipShot(clip) as shot:
        # With no matte as large as that, suggestion names nothing.
        assert Keys(shot, EvaluationSettings(select="published", min_pixels=10**6, choices=choices)).annotated(3) == (0, 3, 6)


def test_clip_with_too_few_masks_is_skipped_with_its_reason(small: EvaluationSettings, folder: Path) -> None:
    for index in (1, 2, 4, 5):
        (folder / f"pair/masks/{index:05d}.png").unlink()
    content = evaluate.evaluate(clips.find_clips(folder), small, Table("seeded", "abc", small))
    assert content["skipped"] == {"pair": {"3": "pair has 3 masks: 3 annotations leave no frame to score."}}
    assert list(content["mean"]) == ["1"]


def test_clip_whose_annotated_masks_are_empty_is_skipped_with_its_reason(small: EvaluationSettings, folder: Path) -> None:
    Image.new("L", (WIDTH, HEIGHT)).save(folder / "pair/masks/00000.png")
    content = evaluate.evaluate(clips.find_clips(folder), small, Table("seeded", "abc", small))
    assert content["skipped"] == {"pair": {"1": "pair shows no object on frame 0: there is nothing to propagate."}}


def test_nothing_at_all_to_score_is_an_error(small: EvaluationSettings, clip: Clip) -> None:
    settings = replace(small, annotations=(7,))
    with pytest.raises(clips.NothingToScore, match="No clip could be scored"):
        evaluate.evaluate([clip], settings, Table("seeded", "abc", settings))


RESULT = ClipResult(Score(0.5, 0.7), Score(0.6, 0.8), Score(0.2, 0.3), (0,), 2.0, 7)


def test_resumed_table_computes_only_what_is_missing(
    small: EvaluationSettings, clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "table.json"
    asked: list[int] = []

    def pretend(keys: Keys, k: int) -> ClipResult:
        asked.append(k)
        if asked == [1, 3]:
            raise KeyboardInterrupt
        return RESULT

    monkeypatch.setattr(Keys, "result", pretend)
    with pytest.raises(KeyboardInterrupt):
        evaluate.evaluate([clip], small, Table("m", "abc", small, file))
    assert list(json.loads(file.read_text())["clips"]["pair"]) == ["1"]
    content = evaluate.evaluate([clip], small, Table("m", "abc", small, file, resume=True))
    assert asked == [1, 3, 3]
    assert content["mean"]["3"]["JF"] == 0.6 and content["mean"]["1"]["JF_hold"] == 0.25
    assert json.loads(file.read_text()) == content


def test_table_of_other_settings_is_not_resumed(tmp_path: Path) -> None:
    file = tmp_path / "table.json"
    plain = EvaluationSettings()
    Table("m", "abc", plain, file).put("pair", 1, RESULT)
    Table("m", "abc", EvaluationSettings(annotations=(10,)), file, resume=True)
    for other in ({"size": 96}, {"plain": True}, {"mode": "xmem"}, {"colorspace": "linear"}):
        with pytest.raises(RequestError, match="made with other settings"):
            Table("m", "abc", replace(plain, choices=replace(plain.choices, **other)), file, resume=True)
    with pytest.raises(RequestError, match="made with other weights"):
        Table("m", "def", plain, file, resume=True)
    file.write_text("{")
    with pytest.raises(RequestError, match="it is no table of figures. Name another place"):
        Table("m", "abc", plain, file, resume=True)


def test_every_setting_that_changes_mattes_is_an_option_and_counts_for_the_table() -> None:
    (commands,) = (action for action in make_parser()._actions if isinstance(action, argparse._SubParsersAction))
    options = commands.choices["evaluate"]._option_string_actions
    wanted = [row for row in rows(PropagateRequest) if row.mattes and row.group != "propagate"]
    assert {row.option for row in wanted} <= set(options)
    assert {row.name for row in wanted} - {"model"} <= set(EvaluationSettings().as_json())


def test_labels_are_decided_for_the_most_probable_object_or_the_background() -> None:
    sleeve, body = np.float32([[0.5, 0.2, 0.4, 0.0]]), np.float32([[0.1, 0.3, 0.4, 0.0]])
    matte = Matte(1 - (1 - sleeve) * (1 - body), {"sleeve": sleeve, "body": body}, None)
    assert decided(matte, {"sleeve": 5, "body": 2}).tolist() == [[5, 0, 5, 0]]


@pytest.mark.parametrize(("values", "pattern"), [(range(7), "[0-6]"), ((0, 3, 6), "[0-6x3]"), ((0, 1, 2, 6), "[0-2,6]"), ((5,), "[5-5]")])
def test_plate_of_a_clip_is_its_frames_and_no_other(clip: Clip, values: Iterable[int], pattern: str) -> None:
    thinned = replace(clip, frames=tuple(clip.frames[value] for value in values), masks={0: clip.masks[next(iter(values))]})
    assert Path(thinned.plate).name == f"{pattern}.jpg"
    assert [path.name for path in Sequence.find(thinned.plate).paths.values()] == [path.name for path in thinned.frames]


def test_frames_without_numbers_are_refused(folder: Path) -> None:
    for name in ("frames/00003.jpg", "masks/00003.png"):
        path = folder / "pair" / name
        path.rename(path.with_stem("three"))
    with pytest.raises(RequestError, match="not numbered in one way"):
        _ = clips.find_clips(folder)[0].plate


def test_masks_that_propagate_reads_as_one_matte_are_refused(folder: Path, choices: PropagateRequest) -> None:
    for path in (folder / "pair/masks").iterdir():
        Image.fromarray(np.asarray(Image.open(path)) * np.uint8(80)).save(path)
    with ClipShot(clips.find_clips(folder)[0]) as shot, pytest.raises(RequestError, match="hold the labels 80, 160, but propagate"):
        shot.propagate((0,), choices)


def test_unreadable_frame_is_named(choices: PropagateRequest, folder: Path) -> None:
    (folder / "pair/frames/00003.jpg").write_bytes(b"no picture")
    with ClipShot(clips.find_clips(folder)[0]) as shot, pytest.raises(RequestError, match=r"Frame 3 cannot be read: .*00003\.jpg"):
        shot.propagate((0,), choices)


def test_wish_to_stop_is_heard_between_frames(choices: PropagateRequest, clip: Clip) -> None:
    with ClipShot(clip) as shot, pytest.raises(Cancelled):
        shot.propagate((0,), choices, lambda: True)


@pytest.mark.parametrize(
    ("words", "sentence"), [((), "with --json FILE it would be"), (("--json", "table.json"), "stay in table.json; --resume goes on")]
)
def test_cancelled_evaluation_says_what_became_of_its_figures(
    words: tuple[str, ...], sentence: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(TerminalListener, "cancelled", lambda _: True)
    assert main(["evaluate", str(folder), "--size", "64", "--device", "cpu", *words]) == 130
    assert (
        f"xmem-roto: Cancelled. {'Nothing was kept' if not words else 'The figures'}" in (err := capsys.readouterr().err)
        and sentence in err
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--resume",), "Add --json FILE."),
        (("--select", "random", "--seed", "-1"), "'-1' must be a whole number of at least 0"),
        (("--size", "10"), "The working size 10 is out of range."),
    ],
)
def test_wrong_requests_are_refused(words: tuple[str, ...], sentence: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(folder), *words]) == 2
    assert sentence in capsys.readouterr().err
