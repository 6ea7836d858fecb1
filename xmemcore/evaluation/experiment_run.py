"""Fill the tables of the experiments. A run that is stopped goes on later where it was.

The clips are the outer loop, so that a clip's frames are encoded once for all rows. Several processes share the work where there are
cores for them: a core each is quicker than all cores for one frame after the other.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch

from xmemcore.evaluation.clip_shot import ClipShot
from xmemcore.evaluation.clips import Clip, NothingToScore
from xmemcore.evaluation.evaluate import ClipResult, EvaluationSettings, Keys, Scorer, Table, line
from xmemcore.evaluation.experiments import EXPERIMENTS, FEW_CLIPS, Experiment, Row, chosen, table_path
from xmemcore.network.catalogue import Model
from xmemcore.protocol.failures import Cancelled, MachineError
from xmemcore.shot.listener import Listener

LISTEN_SECONDS = 0.2
"""Seconds between two looks at whether to stop, with several processes."""


@dataclass(frozen=True)
class Question:
    """One figure that is wanted."""

    clip: Clip
    k: int
    """Number of annotations."""
    settings: EvaluationSettings


Answer = ClipResult | str
"""A figure, or the reason why there is none."""


class Measurer:
    """Answer questions one after the other; keeps features and runs of the clip asked for last. Use it as a context manager."""

    def __init__(self, cancelled: Callable[[], bool]) -> None:
        self._cancelled = cancelled
        self._shot: ClipShot | None = None
        self._scorer: Scorer | None = None
        self._keys: Keys | None = None

    def __enter__(self) -> Measurer:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shot is not None:
            self._shot.__exit__()

    def answer(self, question: Question) -> Answer:
        """Measure one figure; raises Cancelled between two frames."""
        if self._shot is None or self._shot.clip.name != question.clip.name:
            self.__exit__()
            self._shot = ClipShot(question.clip)
            self._scorer = Scorer(self._shot)
            self._keys = None
        if self._keys is None or self._keys.settings != question.settings:
            self._keys = Keys(self._shot, question.settings, self._cancelled, self._scorer)
        try:
            # Keys that were chosen one by one are not chosen again for the next number of them.
            return self._keys.result(question.k)
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
        RequestError: a table in `out` is of another model or size.
        Cancelled, MachineError: the figures that were finished are kept.
    """
    rows = [
        _Filled(experiment, row, _settings(model, device, row, size), _table(model, row, size, table_path(out, experiment, row)))
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
    for (question, asking), answer in zip(wanted.values(), _answers(questions, jobs, listener.cancelled)):
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


def _answers(questions: Sequence[Question], jobs: int, cancelled: Callable[[], bool]) -> Iterator[Answer]:
    """Answer in the order of the questions."""
    if not questions:
        return
    if jobs == 1:
        with Measurer(cancelled) as measurer:
            yield from map(measurer.answer, questions)
        return
    threads = max(1, torch.get_num_threads() // jobs)
    # Spawned, not forked: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    with ProcessPoolExecutor(jobs, context, _begin, (threads, stop)) as pool:
        try:
            for future in [pool.submit(_answer_here, question) for question in questions]:
                yield _awaited(future, cancelled)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def _awaited(future: Future[Answer], cancelled: Callable[[], bool]) -> Answer:
    """Wait for an answer; raises Cancelled, or MachineError."""
    done = False
    while not done:
        # Cancel is looked at first, also while answers keep coming.
        if cancelled():
            raise Cancelled
        done = bool(wait([future], LISTEN_SECONDS).done)
    try:
        return future.result()
    except BrokenProcessPool as error:
        if cancelled():
            raise Cancelled from error
        raise MachineError("A process that measures was stopped from outside, perhaps for want of memory. Try fewer --jobs.") from error


_here: Measurer | None = None
"""The measurer of this process, where it is one of a pool."""


class _Flag(Protocol):
    def is_set(self) -> bool: ...


def _begin(threads: int, stop: _Flag) -> None:
    global _here
    # Ctrl-C reaches every process of a terminal; only the main one may react.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    _here = Measurer(stop.is_set)


def _answer_here(question: Question) -> Answer:
    assert _here is not None
    return _here.answer(question)


def _settings(model: Model, device: str, row: Row, size: int) -> EvaluationSettings:
    """Give a row's settings with what this run was asked."""
    return replace(row.settings, choices=replace(row.settings.choices, model=str(model.path), device=device, size=size))


def _table(model: Model, row: Row, size: int, path: Path) -> Table:
    assert model.sha256 is not None
    return Table(model.name, model.sha256, _settings(model, "auto", row, size), path, resume=True)


def _measured(out: Path, model: Model, filled: _Filled, clip: Clip, k: int) -> dict[str, Any] | None:
    """Look for a figure that a row with the same settings has on disk; the default is a row of nearly every experiment."""
    for experiment in EXPERIMENTS:
        for row in experiment.rows:
            path = table_path(out, experiment, row)
            size = filled.settings.choices.size
            twin = _settings(model, "auto", row, size).as_json() == filled.settings.as_json()
            if twin and path != filled.table.file and path.exists():
                figures = _table(model, row, size, path).content["clips"].get(clip.name, {}).get(str(k))
                if figures is not None:
                    return figures
    return None


def _few(clips: Sequence[Clip]) -> list[Clip]:
    named = [clip for clip in clips if clip.name in FEW_CLIPS]
    return named if len(named) == len(FEW_CLIPS) else [clip for clip in clips if not clip.sparse][:6]
