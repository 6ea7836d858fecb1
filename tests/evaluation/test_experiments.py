"""The experiments: one factor at a time, resumed row by row, written as tables and a picture."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.shot.made_shot import write_model
from xmemcore.evaluation import experiment_run, experiments, measurements
from xmemcore.evaluation.clips import Clip
from xmemcore.evaluation.evaluate import ClipResult, EvaluationSettings, Keys
from xmemcore.evaluation.metrics import Score
from xmemcore.evaluation.studies import write_clip
from xmemcore.network.catalogue import Model
from xmemcore.protocol.failures import Cancelled, RequestError
from xmemcore.shot.listener import Silence

MODEL = Model("seeded", Path("seeded.safetensors"), "abc", "none", "none")


def clip(name: str, masks: int = 12) -> Clip:
    return Clip(name, tuple(Path(f"{i}.jpg") for i in range(12)), {i: Path(f"{i}.png") for i in range(masks)})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, EvaluationSettings]]:
    """Replace the evaluation of a clip by figures that grow with the number of annotations; note what was asked."""
    calls: list[tuple[str, int, EvaluationSettings]] = []

    class Pretend(experiment_run.Keys):
        def result(self, k: int) -> ClipResult:
            calls.append((self.shot.clip.name, k, self.settings))
            value = 1 - 0.4 / k - (0.1 if self.settings.choices.mode == "xmem" and k > 1 else 0)
            return ClipResult(Score(value, value), Score(value, value), Score(0.3, 0.3), (0,), 1.0, 0)

    monkeypatch.setattr(experiment_run, "Keys", Pretend)
    return calls


def run(out: Path, clips: list[Clip], names: list[str] | None) -> list[Path]:
    experiment_run.run_all(MODEL, "cpu", clips, out, names, 480, 1, Silence())
    return measurements.write_page(out, MODEL)


def test_every_row_differs_from_the_default_in_one_factor() -> None:
    default = EvaluationSettings()
    for experiment in experiments.EXPERIMENTS:
        for row in experiment.rows:
            # The best first frame is asked of a way to choose that has one.
            changed = {"select"} if row.settings.select != default.select or row.settings.first != default.first else set()
            changed |= {name for name, value in vars(row.settings.choices).items() if value != getattr(default.choices, name)}
            # xmem is always forward; single augmentations are augmentation; table 5 asks for both of its factors together.
            changed -= {"order"} if "mode" in changed else set()
            changed -= {"augmentations"} if "augment" in changed else set()
            changed -= {"temporary_memory"} if experiment.name == "augment" else set()
            assert len(changed) <= 1, (experiment.name, row.label, changed)


def test_all_experiments_of_the_issue_are_there() -> None:
    names = [experiment.name for experiment in experiments.EXPERIMENTS]
    assert names == ["annotations", "order", "temporary", "interval", "augment", "single-augmentations", "selection", "needed"]
    singles = next(e for e in experiments.EXPERIMENTS if e.name == "single-augmentations")
    assert len(singles.rows) == 12
    assert sum(row.settings.select == "random" for e in experiments.EXPERIMENTS if e.name == "selection" for row in e.rows) == 5


def test_second_run_asks_nothing_again(tmp_path: Path, asked: list) -> None:
    run(tmp_path, [clip("a"), clip("b")], ["annotations"])
    assert len(asked) == 2 * 2 * 5
    written = run(tmp_path, [clip("a"), clip("b")], ["annotations"])
    assert len(asked) == 2 * 2 * 5
    assert {path.name for path in written} == {"measurements.md", "annotations.png"}


def test_row_that_another_experiment_has_measured_is_not_measured_again(tmp_path: Path, asked: list) -> None:
    run(tmp_path, [clip("a")], ["annotations"])
    del asked[:]
    run(tmp_path, [clip("a")], ["order"])
    assert {settings.choices.order for _, _, settings in asked} == {"forward"}
    outward = experiments.table_path(tmp_path, *next((e, e.rows[0]) for e in experiments.EXPERIMENTS if e.name == "order"))
    assert set(json.loads(outward.read_text())["clips"]["a"]) == {"1", "2", "5", "10"}


@pytest.fixture
def square(tmp_path: Path) -> Clip:
    """A clip of a square that moves to the right."""
    labels = [np.zeros((64, 96), np.uint8) for _ in range(12)]
    for index, label in enumerate(labels):
        label[20:45, 20 + 2 * index : 44 + 2 * index] = 1
    return write_clip(tmp_path / "clips" / "square", [60 + 120 * np.repeat(label[..., None], 3, axis=2) for label in labels], labels)


@pytest.fixture
def small(tmp_path: Path) -> Model:
    return Model("seeded", write_model(tmp_path / "model"), "abc", "none", "none")


@pytest.mark.exhaustive
def test_several_processes_measure_what_one_does(tmp_path: Path, square: Clip, small: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    interval = next(e for e in experiments.EXPERIMENTS if e.name == "interval")
    experiment = replace(interval, rows=tuple(replace(row, settings=replace(row.settings, annotations=(1, 2))) for row in interval.rows))
    monkeypatch.setattr(experiment_run, "chosen", lambda names: [experiment])
    for jobs in (1, 2):
        experiment_run.run_all(small, "cpu", [square], tmp_path / str(jobs), None, 64, jobs, Silence())
    for row in experiment.rows:
        first, second = (json.loads(experiments.table_path(tmp_path / str(jobs), experiment, row).read_text()) for jobs in (1, 2))
        figures = [{k: by_k["JF"] for k, by_k in table["clips"][square.name].items()} for table in (first, second)]
        assert figures[0] and figures[0] == figures[1]


@pytest.mark.parametrize("jobs", [1, 2])
def test_cancelled_run_stops_within_a_clip_and_keeps_what_it_has(tmp_path: Path, square: Clip, small: Model, jobs: int) -> None:
    class StopsAfterOne(Silence):
        measured = 0

        def progress(self, done: int, total: int) -> None:
            self.measured = done

        def cancelled(self) -> bool:
            return self.measured > 0

    listener = StopsAfterOne()
    with pytest.raises(Cancelled):
        experiment_run.run_all(small, "cpu", [square], tmp_path, ["order"], 64, jobs, listener)
    assert listener.measured >= 1
    tables = [json.loads(path.read_text())["clips"] for path in (tmp_path / "order").glob("*.json")]
    assert 1 <= sum(len(by_k) for clips in tables for by_k in clips.values()) < 8


def test_interrupted_run_goes_on_where_it_was(tmp_path: Path, asked: list, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = experiment_run.Keys.result

    def stops(keys: Keys, k: int) -> ClipResult:
        if len(asked) == 3:
            raise KeyboardInterrupt
        return whole(keys, k)

    monkeypatch.setattr(experiment_run.Keys, "result", stops)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, [clip("a")], ["annotations"])
    monkeypatch.setattr(experiment_run.Keys, "result", whole)
    run(tmp_path, [clip("a")], ["annotations"])
    assert len(asked) == 10 and len({(name, k, s.choices.mode) for name, k, s in asked}) == 10


def test_experiments_with_many_rows_take_six_clips(tmp_path: Path, asked: list) -> None:
    run(tmp_path, [clip(f"clip{n}") for n in range(9)], ["single-augmentations"])
    assert {name for name, _, _ in asked} == {f"clip{n}" for n in range(6)}


def test_rows_with_few_clips_are_compared_over_the_clips_of_all_rows(tmp_path: Path, asked: list) -> None:
    run(tmp_path, [clip(f"clip{n}") for n in range(9)], ["selection"])
    assert sum(settings.select == "uniform" for _, _, settings in asked) == 9 * 6
    assert sum(settings.select == "random" for _, _, settings in asked) == 5 * 6 * 6
    page = (tmp_path / "measurements.md").read_text()
    assert "Means without" not in page
    everywhere, common = page.split("The same over the clips that every row has.")
    assert "| uniform | 6 | 0.933 | 0.933 | **0.933** | 0.300 | 0.300 | 9 |" in everywhere
    assert "| uniform | 6 | 0.933 | 0.933 | **0.933** | 0.300 | 0.300 | 6 |" in common


def test_unknown_experiment_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="There is no experiment colour. These exist: annotations, order"):
        run(tmp_path, [clip("a")], ["colour"])


def test_page_tells_means_without_the_clips_that_stand_apart(tmp_path: Path, asked: list) -> None:
    run(tmp_path, [clip("a"), clip("combo-dance-dog-libby"), clip("caps", 5)], ["annotations", "needed"])
    page = (tmp_path / "measurements.md").read_text()
    assert "| xmem++ | 5 | 0.920 | 0.920 | **0.920** | 0.300 | 0.300 | 1 |" in page
    assert "Means without caps and combo-dance-dog-libby." in page
    assert "| xmem | 5 | 0.820 | 0.820 | **0.820** |" in page
    assert "0.920 0.920 **0.920** (0.300)" in page
    assert "| caps |" in page and "| combo-dance-dog-libby |" in page
    assert "xmem++ has J&F 0.920 at 5; xmem has not reached it with" in page


def test_needed_annotations_are_the_first_that_reach_the_target() -> None:
    def table(values: dict[int, float]) -> dict:
        row = {str(k): dict.fromkeys(measurements.FIGURE_NAMES, value) for k, value in values.items()}
        return {"clips": {"a": row}}

    text = measurements.needed_text({"xmem++": table({5: 0.9}), "xmem": table({5: 0.8, 8: 0.88, 10: 0.9, 12: 0.95})})
    assert text == "xmem++ has J&F 0.900 at 5; xmem reaches it with 10 annotations.\n"


def test_ways_to_choose_keys_are_summed_up_over_the_clips_of_all_rows() -> None:
    def table(**clips: dict[int, float]) -> dict:
        figures = {
            name: {str(k): dict.fromkeys(measurements.FIGURE_NAMES, value) for k, value in by_k.items()} for name, by_k in clips.items()
        }
        return {"clips": figures}

    text = measurements.selection_text(
        {
            "coverage": table(a={1: 0.5, 2: 0.8, 3: 0.92}, b={2: 0.1}),
            "uniform": table(a={2: 0.7, 3: 0.89}),
        }
    )
    assert "| coverage | 0.8600 | 3 |" in text and "| uniform | 0.7950 | more |" in text


def test_keys_of_a_chain_are_chosen_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Counted(experiment_run.Keys):
        def __init__(self, *words: object) -> None:
            made.append(self)
            super().__init__(*words)  # type: ignore[arg-type]

        def result(self, k: int) -> ClipResult:
            return ClipResult(Score(k / 10, 1.0), Score(1.0, 1.0), Score(0.3, 0.3), (0,), 1.0, 0)

    monkeypatch.setattr(experiment_run, "Keys", Counted)
    run(tmp_path, [clip("a"), clip("b")], ["selection"])
    rows = next(e for e in experiments.EXPERIMENTS if e.name == "selection").rows
    assert len(made) == 2 * len(rows)


def test_curve_shows_every_line_and_the_baseline() -> None:
    image = measurements.draw_curves({"xmem++": [(1, 0.7), (10, 0.95)], "xmem": [(1, 0.7), (10, 0.8)], "hold": [(1, 0.3), (10, 0.6)]})
    colours = {colour for _, colour in image.getcolors(1 << 20)}
    assert set(measurements.COLOURS[:3]) <= colours
