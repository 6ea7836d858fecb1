"""The papers' experiments on our clips, one factor at a time from the default.

Each row of an experiment is a table of `evaluate` in its own file. `experiment_run` fills the tables, `measurements` makes a page of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xmemcore.engine.augmentation import AUGMENTATIONS
from xmemcore.evaluation.evaluate import EvaluationSettings
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.requests import PropagateRequest

FEW_CLIPS = ("bmx-trees", "chair", "dance-twirl", "dog", "dogs-jump", "libby")
"""Clips for experiments with many rows. Where these clips are missing, the first six are taken."""

PLUS = PropagateRequest(plate="")
XMEM_MODE = PropagateRequest(plate="", mode="xmem", order="forward")


@dataclass(frozen=True)
class Row:
    """One setting that an experiment tries."""

    label: str
    settings: EvaluationSettings
    few: bool = False
    """Whether six clips are enough."""


@dataclass(frozen=True)
class Experiment:
    """A question to the clips."""

    name: str
    question: str
    source: str
    """Table or figure of XMem++ that asks the same."""
    rows: tuple[Row, ...]


def _row(
    label: str,
    annotations: Sequence[int],
    choices: PropagateRequest = PLUS,
    *,
    few: bool = False,
    select: str = "uniform",
    first: str = "mask",
    seed: int = 0,
) -> Row:
    return Row(label, EvaluationSettings(annotations=tuple(annotations), choices=choices, select=select, first=first, seed=seed), few)


def _with(**choices: Any) -> PropagateRequest:
    return replace(PLUS, **choices)


CURVE = (1, 2, 3, 5, 10)
SOME = (1, 2, 3, 4, 5, 6)

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
        (_row("outward", (1, 2, 5, 10)), _row("forward", (1, 2, 5, 10), _with(order="forward"))),
    ),
    Experiment(
        "temporary",
        "What does temporary memory add to the annotations?",
        "appendix D",
        (_row("with", (1, 5, 10)), _row("without", (1, 5, 10), _with(temporary_memory=False))),
    ),
    Experiment(
        "interval",
        "A memory frame every 5 frames, or every 10?",
        "the paper's 5 against its public program's 10",
        (_row("5", (1, 5, 10)), _row("10", (1, 5, 10), _with(mem_every=10))),
    ),
    Experiment(
        "augment",
        "Do augmented annotations help, with and without temporary memory?",
        "Table 5",
        (
            _row("none", (1, 2, 5)),
            _row("all", (1, 2, 5), _with(augment=True)),
            _row("none, no temporary memory", (1, 2, 5), _with(temporary_memory=False)),
            _row("all, no temporary memory", (1, 2, 5), _with(augment=True, temporary_memory=False)),
        ),
    ),
    Experiment(
        "single-augmentations",
        "Which augmentation helps by itself, at 2 annotations?",
        "Table 5",
        (
            _row("none", (2,), few=True),
            *(_row(name, (2,), _with(augment=True, augmentations=(name,)), few=True) for name in AUGMENTATIONS),
        ),
    ),
    Experiment(
        "selection",
        "Five keys after the first, one by one: chosen by coverage, by Algorithm 1, uniformly, or at random?",
        "Figure 12 and Table 4",
        (
            _row("coverage", SOME, select="coverage"),
            _row("coverage, best first frame", SOME, select="coverage", first="best"),
            _row("published", SOME, select="published"),
            _row("uniform", SOME),
            *(_row(f"random {seed}", SOME, few=True, select="random", seed=seed) for seed in range(5)),
        ),
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
        RequestError: a name is none.
    """
    if names is None:
        return list(EXPERIMENTS)
    known = {experiment.name: experiment for experiment in EXPERIMENTS}
    for name in names:
        if name not in known:
            raise RequestError(f"There is no experiment {name}. These exist: {', '.join(known)}.")
    return [known[name] for name in names]


def table_path(out: Path, experiment: Experiment, row: Row) -> Path:
    """Give the file of a row's table."""
    return out / experiment.name / (row.label.replace(" ", "-").replace(",", "") + ".json")
