"""Fill the tables of the experiments; stopped at any time, they go on where they were.

The clips are the outer loop, so that a clip's frames are encoded once for all rows. Several processes share the work where there are
cores for them: a core each is quicker than all cores for one frame after the other.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from xmemcore.evaluation.clip_frames import ClipFrames
from xmemcore.evaluation.clips import Clip, NothingToScore
from xmemcore.evaluation.evaluate import ClipResult, EvaluationSettings, Table, evaluate_clip, line
from xmemcore.evaluation.experiments import EXPERIMENTS, FEW_CLIPS, Experiment, Row, chosen, table_path
from xmemcore.evaluation.installed import load_installed
from xmemcore.network.catalogue import Model
from xmemcore.network.xmem import XMem
from xmemcore.shot.listener import Listener


@dataclass(frozen=True)
class Question:
    """One figure that is wanted."""

    clip: Clip
    k: int
    """Annotations."""
    settings: EvaluationSettings


Answer = ClipResult | str
"""A figure, or why there is none."""


class Measurer:
    """Answer questions one after the other; keeps the frames of the clip asked for last."""

    def __init__(self, network: XMem) -> None:
        self._network = network
        self._frames: ClipFrames | None = None

    def answer(self, question: Question) -> Answer:
        """Measure one figure."""
        if self._frames is None or self._frames.clip.name != question.clip.name:
            self._frames = ClipFrames(question.clip, self._network, question.settings.size)
        try:
            return evaluate_clip(self._network, self._frames, question.k, question.settings)
        except NothingToScore as reason:
            return str(reason)


def run_all(
    model: Model, device: str, clips: Sequence[Clip], out: Path, names: Sequence[str] | None, size: int, jobs: int, listener: Listener
) -> None:
    """Fill the tables that are not full yet.

    Args:
        model: whose figures.
        device: auto, cpu, cuda or mps.
        clips: to measure on.
        out: folder of the tables.
        names: of the experiments; None: all.
        size: short side that the network sees.
        jobs: processes, 1 or more; each takes its share of the cores.
        listener: hears of every figure.

    Raises:
        ExperimentUnknown, ResumeMismatch: a table in `out` is of another model or size.
    """
    rows = [
        _Filled(experiment, row, replace(row.settings, size=size), _table(model, row, size, table_path(out, experiment, row)))
        for experiment in chosen(names)
        for row in experiment.rows
    ]
    few = _few(clips)
    wanted: dict[tuple[str, int, str], tuple[Question, list[_Filled]]] = {}
    total = done = 0
    for clip in clips:
        for filled in rows:
            if filled.row.few and clip not in few:
                continue
            for k in filled.settings.annotations:
                total += 1
                if filled.table.has(clip.name, k):
                    done += 1
                elif (figures := _measured(out, model, filled, clip, k)) is not None:
                    filled.table.adopt(clip.name, k, figures)
                    done += 1
                else:
                    key = clip.name, k, json.dumps(filled.settings.as_json())
                    wanted.setdefault(key, (Question(clip, k, filled.settings), []))[1].append(filled)
    questions = [question for question, _ in wanted.values()]
    for (question, asking), answer in zip(wanted.values(), _answers(model, device, questions, jobs)):
        for filled in asking:
            if isinstance(answer, str):
                filled.table.skip(question.clip.name, question.k, answer)
            else:
                filled.table.put(question.clip.name, question.k, answer)
        if not isinstance(answer, str):
            listener.message(
                f"{asking[0].experiment.name}, {asking[0].row.label}: " + line(question.clip.name, question.k, answer.as_json())
            )
        done += len(asking)
        listener.progress(done, total)


@dataclass(frozen=True)
class _Filled:
    """One row, and where its figures go."""

    experiment: Experiment
    row: Row
    settings: EvaluationSettings
    table: Table


def _answers(model: Model, device: str, questions: Sequence[Question], jobs: int) -> Iterator[Answer]:
    """Answer in the order of the questions."""
    if not questions:
        return
    if jobs == 1:
        yield from _alone(model, device, questions)
        return
    threads = max(1, torch.get_num_threads() // jobs)
    # Spawned, not forked: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, _begin, (str(model.path), device, threads)) as pool:
        try:
            yield from pool.map(_answer_here, questions)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _alone(model: Model, device: str, questions: Iterable[Question]) -> Iterator[Answer]:
    yield from map(Measurer(load_installed(str(model.path), device)[1]).answer, questions)


_here: Measurer | None = None
"""Of a process of the pool."""


def _begin(path: str, device: str, threads: int) -> None:
    global _here
    torch.set_num_threads(threads)
    _here = Measurer(load_installed(path, device)[1])


def _answer_here(question: Question) -> Answer:
    assert _here is not None
    return _here.answer(question)


def _table(model: Model, row: Row, size: int, path: Path) -> Table:
    assert model.sha256 is not None
    return Table(model.name, model.sha256, replace(row.settings, size=size), path, resume=True)


def _measured(out: Path, model: Model, filled: _Filled, clip: Clip, k: int) -> dict[str, Any] | None:
    """Look for a figure that a row with the same settings has on disk; the default is a row of nearly every experiment."""
    for experiment in EXPERIMENTS:
        for row in experiment.rows:
            path = table_path(out, experiment, row)
            twin = replace(row.settings, size=filled.settings.size).as_json() == filled.settings.as_json()
            if twin and path != filled.table.file and path.exists():
                found = _table(model, row, filled.settings.size, path).content["clips"].get(clip.name, {}).get(str(k))
                if found is not None:
                    return found
    return None


def _few(clips: Sequence[Clip]) -> list[Clip]:
    named = [clip for clip in clips if clip.name in FEW_CLIPS]
    return named if len(named) == len(FEW_CLIPS) else [clip for clip in clips if not clip.sparse][:6]
