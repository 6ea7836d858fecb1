"""Gaps side by side: threads that each compute one gap after another, with weights and permanent memory in common.

Every gap is computed on the same number of cores, whatever the number of workers, so that the mattes are the same to the bit. A worker
holds what one sweep holds: the temporary memory of each look, the frames that it reads ahead, and those of one cross-fade.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from queue import Empty, Full, Queue

import torch

from xmemcore.engine.order import Gap
from xmemcore.engine.propagation import Propagation, frames_asked
from xmemcore.engine.sweep import Prediction
from xmemcore.protocol.failures import Cancelled
from xmemcore.shot.mattes.composition import View
from xmemcore.shot.plate.frame_source import ShotFrames
from xmemcore.shot.run.close_ups import CloseUps
from xmemcore.shot.run.turns import CANCELLED

CORES_OF_A_GAP = 4
"""Cores that one gap is computed on; a network as small as the bundled one gains little from more."""
MOST_WORKERS = 8
"""A bound for memory on machines of many cores."""
WAITING_PREDICTIONS = 2
"""Predictions of each worker that may wait to be written."""
LISTEN_SECONDS = 0.1


@dataclass(frozen=True)
class Job:
    """One gap to compute."""

    gap: Gap
    groups: tuple[int, ...]
    """Numbers of the groups that share it."""
    indices: frozenset[int]
    """Indices of the frames that are asked for."""


@dataclass(frozen=True)
class GapPrediction:
    """The prediction of one group on one frame."""

    gap: Gap
    group: int
    """Number of the group."""
    index: int
    prediction: Prediction
    view: View | None = None
    """The part of the canvas that it covers; None: the whole canvas."""


class GapWorker:
    """Compute gaps, one after another."""

    def __init__(
        self,
        frames: ShotFrames,
        propagations: Sequence[Propagation],
        before: Callable[[Sequence[Propagation], Job], None],
        close_ups: CloseUps,
    ) -> None:
        """Prepare.

        Args:
            frames: of this worker alone.
            propagations: one for each group, which take their frames from there.
            before: called before whole frames of a gap are computed.
            close_ups: compute gaps in windows, where they have one.
        """
        self.frames = frames
        self._propagations = propagations
        self._before = before
        self._close_ups = close_ups

    def compute(self, job: Job, cancelled: Callable[[], bool]) -> Iterator[GapPrediction]:
        """Compute one gap of all groups that share it: those that need whole frames together, so that each frame is finished before the
        next, then each of the others in its window."""
        close = self._close_ups.find(job.groups, job.gap, cancelled)
        whole = tuple(number for number in job.groups if number not in close)
        if whole:
            yield from self._whole(replace(job, groups=whole), cancelled)
        for number, found in close.items():
            for index, prediction in self._close_ups.compute(found, job.indices, cancelled):
                yield GapPrediction(job.gap, number, index, prediction, found.view)

    def _whole(self, job: Job, cancelled: Callable[[], bool]) -> Iterator[GapPrediction]:
        self._before(self._propagations, job)
        taking_part = [self._propagations[number] for number in job.groups]
        self.frames.expect(frames_asked(job.gap, job.indices, taking_part), twice=job.gap.blend)
        for steps in zip(*(propagation.steps(job.gap, job.indices, cancelled) for propagation in taking_part)):
            for number, (index, prediction) in zip(job.groups, steps):
                if prediction is not None:
                    yield GapPrediction(job.gap, number, index, prediction)


def workers_for(gaps: int, device: torch.device, cores: int) -> int:
    """Say how many workers pay for so many gaps: as many as there are cores for; one on a device that computes side by side itself."""
    return max(1, min(gaps, MOST_WORKERS, cores // CORES_OF_A_GAP)) if device.type == "cpu" else 1


@contextmanager
def cores_of_a_gap(lane: bool) -> Iterator[int]:
    """Compute on the cores of one gap.

    Args:
        lane: whether two threads share them; see `engine.lanes`.

    Yields:
        The cores that there are.
    """
    all_cores = torch.get_num_threads()
    of_a_gap = min(all_cores, CORES_OF_A_GAP)
    torch.set_num_threads(max(1, of_a_gap // 2) if lane else of_a_gap)
    try:
        yield all_cores
    finally:
        torch.set_num_threads(all_cores)


def side_by_side(workers: Sequence[GapWorker], jobs: Sequence[Job], cancelled: Callable[[], bool]) -> Generator[GapPrediction, None, None]:
    """Compute gaps, the first ones first. Close it, so that no worker goes on.

    Args:
        workers: at least one; the only one computes in this thread.
        jobs: in the order in which they are begun.
        cancelled: asked in this thread alone.

    Yields:
        Predictions, in the order in which they are ready.

    Raises:
        Cancelled, or what a worker raised; no worker computes any more then.
    """
    if len(workers) == 1:
        for job in jobs:
            yield from workers[0].compute(job, cancelled)
        return
    ready: Queue[GapPrediction | BaseException | None] = Queue(WAITING_PREDICTIONS * len(workers))
    waiting, taking, stop = iter(jobs), threading.Lock(), threading.Event()

    def put(entry: GapPrediction | BaseException | None) -> None:
        while not stop.is_set():
            try:
                return ready.put(entry, timeout=LISTEN_SECONDS)
            except Full:
                continue

    def work(worker: GapWorker) -> None:
        try:
            while not stop.is_set():
                with taking:
                    job = next(waiting, None)
                if job is None:
                    break
                for prediction in worker.compute(job, stop.is_set):
                    put(prediction)
        except BaseException as error:
            put(error)
        put(None)

    threads = [threading.Thread(target=work, args=(worker,), name=f"gap-worker-{number}") for number, worker in enumerate(workers)]
    for thread in threads:
        thread.start()
    try:
        at_work = len(threads)
        while at_work:
            if cancelled():
                raise Cancelled(CANCELLED)
            try:
                entry = ready.get(timeout=LISTEN_SECONDS)
            except Empty:
                continue
            if isinstance(entry, BaseException):
                raise entry
            if entry is None:
                at_work -= 1
            else:
                yield entry
    finally:
        stop.set()
        for thread in threads:
            thread.join()
