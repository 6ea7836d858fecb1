"""The papers' experiments on our clips, one factor at a time from the default; stopped at any time, they go on where they were.

Each row of an experiment is a table of `evaluate` in its own file. The clips are the outer loop, so that a clip's frames are encoded once
for all rows. `measurements` makes a page of the tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xmemcore.engine.augmentation import AUGMENTATIONS
from xmemcore.engine.config import EngineConfig
from xmemcore.evaluation.clip_frames import ClipFrames
from xmemcore.evaluation.clips import Clip, NothingToScore
from xmemcore.evaluation.evaluate import EvaluationSettings, Table, evaluate_clip, line
from xmemcore.network.catalogue import Model
from xmemcore.network.xmem import XMem
from xmemcore.protocol.failures import RequestError
from xmemcore.shot.listener import Listener

FEW_CLIPS = ("bmx-trees", "chair", "dance-twirl", "dog", "dogs-jump", "libby")
"""Enough for what has many rows; where they are not, the first six."""

PLUS = EngineConfig()
XMEM_MODE = EngineConfig(mode="xmem", order="forward")


class ExperimentUnknown(RequestError):
    """No experiment has that name."""


@dataclass(frozen=True)
class Row:
    """One setting that an experiment tries."""

    label: str
    settings: EvaluationSettings


@dataclass(frozen=True)
class Experiment:
    """A question to the clips."""

    name: str
    question: str
    source: str
    """Table or figure of XMem++ that asks the same."""
    rows: tuple[Row, ...]
    few: bool = False
    """Six clips are enough."""


def _row(label: str, annotations: Sequence[int], engine: EngineConfig = PLUS, **others: object) -> Row:
    return Row(label, EvaluationSettings(annotations=tuple(annotations), engine=engine, **others))  # type: ignore[arg-type]


CURVE = (1, 2, 3, 5, 10)

EXPERIMENTS = (
    Experiment(
        "annotations",
        "How good are the mattes with so many annotated frames, in both modes?",
        "Tables 1 and 2, Figure 14",
        (_row("xmem++", CURVE), _row("xmem", CURVE, XMEM_MODE)),
    ),
    Experiment(
        "order",
        "Outward from every keyframe, or forward as the papers?",
        "our own question",
        (_row("outward", (1, 2, 5, 10)), _row("forward", (1, 2, 5, 10), EngineConfig(order="forward"))),
    ),
    Experiment(
        "temporary",
        "What does temporary memory add to the annotations?",
        "appendix D",
        (_row("with", (1, 5, 10)), _row("without", (1, 5, 10), EngineConfig(temporary_memory=False))),
    ),
    Experiment(
        "interval",
        "A memory frame every 5 frames, or every 10?",
        "the paper's 5 against its public program's 10",
        (_row("5", (1, 5, 10)), _row("10", (1, 5, 10), EngineConfig(mem_every=10))),
    ),
    Experiment(
        "augment",
        "Do augmented annotations help, with and without temporary memory?",
        "Table 5",
        (
            _row("none", (1, 2, 5)),
            _row("all", (1, 2, 5), EngineConfig(augment=True)),
            _row("none, no temporary memory", (1, 2, 5), EngineConfig(temporary_memory=False)),
            _row("all, no temporary memory", (1, 2, 5), EngineConfig(augment=True, temporary_memory=False)),
        ),
        few=True,
    ),
    Experiment(
        "single-augmentations",
        "Which augmentation helps by itself, at 2 annotations?",
        "Table 5",
        (_row("none", (2,)), *(_row(name, (2,), EngineConfig(augment=True, augmentations=(name,))) for name in AUGMENTATIONS)),
        few=True,
    ),
    Experiment(
        "selection",
        "Frame 0 and five more: chosen by suggestion, uniformly, or at random?",
        "Figure 12 and Table 4",
        (
            _row("suggested", (6,), select="suggested"),
            _row("uniform", (6,)),
            *(_row(f"random {seed}", (6,), select="random", seed=seed) for seed in range(5)),
        ),
        few=True,
    ),
    Experiment(
        "needed",
        "How many annotations does xmem need for what xmem++ has at 5?",
        "Table 3",
        (_row("xmem++", (5,)), _row("xmem", (5, 6, 8, 10, 12, 15, 20), XMEM_MODE)),
    ),
)


def chosen(names: Sequence[str] | None) -> list[Experiment]:
    """Give the experiments of these names, or all.

    Raises:
        ExperimentUnknown: a name is none.
    """
    if names is None:
        return list(EXPERIMENTS)
    known = {experiment.name: experiment for experiment in EXPERIMENTS}
    for name in names:
        if name not in known:
            raise ExperimentUnknown(f"There is no experiment {name}. These exist: {', '.join(known)}.")
    return [known[name] for name in names]


def table_path(out: Path, experiment: Experiment, row: Row) -> Path:
    """Give the file of a row's table."""
    return out / experiment.name / (row.label.replace(" ", "-").replace(",", "") + ".json")


def run_all(
    network: XMem, model: Model, clips: Sequence[Clip], out: Path, names: Sequence[str] | None, size: int, listener: Listener
) -> None:
    """Fill the tables that are not full yet.

    Raises:
        ExperimentUnknown, ResumeMismatch: a table in `out` is of another model or size.
    """
    experiments = chosen(names)
    assert model.sha256 is not None
    tasks = []
    for experiment, row in [(asked, row) for asked in experiments for row in asked.rows]:
        settings = replace(row.settings, size=size)
        table = Table(model.name, model.sha256, settings, table_path(out, experiment, row), resume=True)
        tasks.append(_Task(experiment, row, settings, table))
    few = _few(clips)
    work = [_Work(clip, [task for task in tasks if clip in few or not task.experiment.few]) for clip in clips]
    total, done = sum(item.count for item in work), 0
    for item in work:
        done += item.count - len(item.missing())
        frames = ClipFrames(item.clip, network, size) if item.missing() else None
        for task, k in item.missing():
            assert frames is not None
            if (figures := _measured(out, task, item.clip, k)) is not None:
                task.table.adopt(item.clip.name, k, figures)
            else:
                _measure(network, frames, k, task, listener)
            done += 1
            listener.progress(done, total)


@dataclass(frozen=True)
class _Task:
    """One row, and where its figures go."""

    experiment: Experiment
    row: Row
    settings: EvaluationSettings
    table: Table


@dataclass(frozen=True)
class _Work:
    """What is to be done on one clip."""

    clip: Clip
    tasks: list[_Task]

    @property
    def count(self) -> int:
        return sum(len(task.settings.annotations) for task in self.tasks)

    def missing(self) -> list[tuple[_Task, int]]:
        return [(task, k) for task in self.tasks for k in task.settings.annotations if not task.table.has(self.clip.name, k)]


def _measure(network: XMem, frames: ClipFrames, k: int, task: _Task, listener: Listener) -> None:
    try:
        result = evaluate_clip(network, frames, k, task.settings, listener.cancelled)
    except NothingToScore as reason:
        task.table.skip(frames.clip.name, k, str(reason))
    else:
        task.table.put(frames.clip.name, k, result)
        figures = task.table.content["clips"][frames.clip.name][str(k)]
        listener.message(f"{task.experiment.name}, {task.row.label}: " + line(frames.clip.name, k, figures))


def _measured(out: Path, task: _Task, clip: Clip, k: int) -> dict[str, Any] | None:
    """Look for a figure that another row with the same settings has already; the default is a row of nearly every experiment."""
    for experiment in EXPERIMENTS:
        for row in experiment.rows:
            path = table_path(out, experiment, row)
            if path != task.table.file and path.exists() and replace(row.settings, size=task.settings.size).agrees_with(task.settings):
                twin = Table(task.table.content["model"], task.table.content["model_sha256"], task.settings, path, resume=True)
                if (figures := twin.content["clips"].get(clip.name, {}).get(str(k))) is not None:
                    return figures
    return None


def _few(clips: Sequence[Clip]) -> list[Clip]:
    named = [clip for clip in clips if clip.name in FEW_CLIPS]
    return named if len(named) == len(FEW_CLIPS) else [clip for clip in clips if not clip.sparse][:6]
