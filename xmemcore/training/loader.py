"""Make batches ahead in other processes. This module must not import torch, which those processes do not need."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from xmemcore.protocol.failures import Failure, MachineError
from xmemcore.training.clips import ClipSource, PlannedClip, StagedClips
from xmemcore.training.scene import ClipShape

_PATIENCE_SECONDS = 5.0
"""Seconds between two looks at whether the parent is still there."""
_GLANCE_SECONDS = 0.5
"""Seconds between two looks at whether the process is still there, and whether the training is to stop."""


@dataclass(frozen=True)
class Batch:
    """The clips of one step: drawn, or to be drawn."""

    step: int
    frames: np.ndarray | None
    """(B, T, S, S, 3) uint8; None: to be drawn from `plans`."""
    labels: np.ndarray | None
    """(B, T, S, S) uint8."""
    plans: tuple[PlannedClip, ...] = ()


@dataclass(frozen=True)
class Order:
    """The order for one step's clips."""

    step: int
    first: int
    """Number of the first clip."""
    clips: int
    shape: ClipShape
    in_order: bool
    planned: bool = False
    """Whether an accelerator draws; asked only of clips that are staged."""


def make_batch(clips: ClipSource, order: Order) -> Batch:
    """Make the clips of one step."""
    if order.planned and isinstance(clips, StagedClips):
        plans = tuple(clips.planned(order.first + n, order.shape, order.in_order) for n in range(order.clips))
        return Batch(order.step, None, None, plans)
    made_clips = [clips.clip(order.first + n, order.shape, order.in_order) for n in range(order.clips)]
    return Batch(order.step, np.stack([clip.frames for clip in made_clips]), np.stack([clip.labels for clip in made_clips]))


class Loader:
    """Processes that make batches, in the order in which they were asked for."""

    def __init__(self, make_source: Callable[[], ClipSource], workers: int) -> None:
        """Start; `make_source` must be picklable. With no workers, batches are made when they are taken."""
        self._source = make_source() if workers == 0 else None
        self._waiting: list[Order] = []
        context = multiprocessing.get_context("spawn")
        self._orders = [context.Queue() for _ in range(workers)]
        self._batches = [context.Queue() for _ in range(workers)]
        self._processes = [
            context.Process(target=_work, args=(make_source, orders, batches, os.getpid()), daemon=True)
            for orders, batches in zip(self._orders, self._batches)
        ]
        with _interrupts_held():
            for process in self._processes:
                process.start()

    def ask(self, order: Order) -> None:
        """Ask for a batch."""
        if self._source is not None:
            self._waiting.append(order)
        else:
            self._orders[order.step % len(self._orders)].put(order)

    def take(self, step: int, stopped: Callable[[], bool]) -> Batch | None:
        """Wait for the batch of a step, which must have been asked for in turn.

        Returns:
            The batch; None where `stopped` says so before it is there.

        Raises:
            MachineError; what the pictures made the process refuse.
        """
        if self._source is not None:
            return make_batch(self._source, self._waiting.pop(0))
        worker = step % len(self._processes)
        while not stopped():
            try:
                batch = self._batches[worker].get(timeout=_GLANCE_SECONDS)
            except queue.Empty:
                # A training may be ended with all its processes at once.
                if not self._processes[worker].is_alive() and not stopped():
                    raise MachineError(
                        "The process that makes training clips has ended; see its message above. Go on with --resume."
                    ) from None
                continue
            if isinstance(batch, Failure):
                raise batch
            assert batch.step == step
            return batch
        return None

    def close(self) -> None:
        """Stop the processes."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(timeout=10)


def _work(
    make_source: Callable[[], ClipSource], orders: multiprocessing.Queue[Any], batches: multiprocessing.Queue[Any], parent: int
) -> None:
    # A terminal's Ctrl-C reaches every process of the command; the training answers it, with the batches that it still needs.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    source: ClipSource | None = None
    while os.getppid() == parent:
        try:
            order = orders.get(timeout=_PATIENCE_SECONDS)
        except queue.Empty:
            continue
        try:
            source = source or make_source()
            batches.put(make_batch(source, order))
        except Failure as failure:
            batches.put(failure)
    # The rest in the pipe is not read any more; without this the process would wait for a reader for ever.
    batches.cancel_join_thread()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Keep Ctrl-C until later, also from processes that start meanwhile: until they ignore it, it would end them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
