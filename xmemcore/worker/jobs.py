"""The queue of requests from several nodes. They are done one after another, and each can be cancelled at any time."""

from __future__ import annotations

import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from xmemcore.protocol import failures, foreign
from xmemcore.protocol.messages import (
    Approve,
    Cancelled,
    Cancelling,
    Clear,
    Failed,
    Finished,
    Fit,
    FrameDone,
    Log,
    Models,
    Progress,
    Propagate,
    Queued,
    Started,
    Status,
    Suggest,
    Warned,
)  # fmt: skip
from xmemcore.protocol.results import Result
from xmemcore.protocol.words import one_line
from xmemcore.worker.wire import Wire, failed

Request = Propagate | Suggest | Fit | Approve | Status | Clear | Models
REQUESTS = (Propagate, Suggest, Fit, Approve, Status, Clear, Models)
Work = Callable[[Request, "JobListener"], Result]
"""Does one request and returns the `result` of Finished; raises to fail."""


@dataclass(frozen=True)
class Job:
    """One request with its own stop sign."""

    request: Request
    stop: threading.Event = field(default_factory=threading.Event)


class JobListener:
    """Puts on the wire what a shot reports while it works, and tells it when to stop."""

    def __init__(self, job: Job, wire: Wire) -> None:
        self._job, self._wire, self._number = job, wire, job.request.job

    def message(self, text: str) -> None:
        self._wire.send(Log(self._number, one_line(text)))

    def warning(self, text: str) -> None:
        self._wire.send(Warned(self._number, one_line(text)))

    def progress(self, done: int, total: int) -> None:
        self._wire.send(Progress(self._number, int(done), int(total)))

    def frame_done(self, frame: int, path: str | Path) -> None:
        self._wire.send(FrameDone(self._number, int(frame), str(Path(path).absolute())))

    def cancelled(self) -> bool:
        return self._job.stop.is_set()


class Jobs:
    """Take requests from the reading thread and do them in the thread that calls `run`."""

    def __init__(self, wire: Wire, work: Work) -> None:
        self._wire, self._work = wire, work
        self._waiting: deque[Job] = deque()
        self._current: Job | None = None
        self._change = threading.Condition()
        self._closing = False

    def add(self, request: Request) -> None:
        """Queue a request. A short question goes ahead of propagates and suggestions: an artist looks at it."""
        with self._change:
            ahead = len(self._waiting) + (self._current is not None)
            if isinstance(request, (Approve, Status, Models)):
                self._waiting.appendleft(Job(request))
            else:
                self._waiting.append(Job(request))
            if ahead:
                self._wire.send(Queued(request.job, ahead))
            self._change.notify()

    def cancel(self, number: int) -> None:
        """Acknowledge at once; a waiting job ends here, the one in work after its frame. An unknown job is over already."""
        with self._change:
            self._wire.send(Cancelling(number))
            if self._current is not None and self._current.request.job == number:
                self._current.stop.set()
            for job in [job for job in self._waiting if job.request.job == number]:
                self._waiting.remove(job)
                self._wire.send(Cancelled(number))

    def close(self) -> None:
        """Let `run` return after the frame in work."""
        with self._change:
            self._closing = True
            self._waiting.clear()
            if self._current is not None:
                self._current.stop.set()
            self._change.notify()

    def run(self) -> None:
        """Do jobs until closed."""
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._closing)
                if self._closing:
                    return
                job = self._current = self._waiting.popleft()
            self._do(job)
            with self._change:
                self._current = None

    def _do(self, job: Job) -> None:
        number = job.request.job
        self._wire.send(Started(number))
        try:
            answer: Finished | Cancelled | Failed = Finished(number, self._work(job.request, JobListener(job, self._wire)))
        except failures.Cancelled:
            answer = Cancelled(number)
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            answer = failed(number, foreign.of(error))
        with self._change:
            # Under the lock, so that a cancel that arrives now cannot hit the next job.
            self._current = None
            self._wire.send(answer)
