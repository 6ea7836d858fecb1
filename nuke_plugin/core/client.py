"""The plugin's one core: started on first use, asked by several nodes, replaced after a crash."""

from __future__ import annotations

import atexit
import itertools
import os
import queue
import threading
import time
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, Optional

from xmem_roto_nuke.core import launch
from xmem_roto_nuke.core.process import CoreProcess
from xmemcore.protocol.failures import MachineError
from xmemcore.protocol.messages import Cancel, Cancelled, Cancelling, Failed, Finished, Message, Ping

LAST = (Finished, Failed, Cancelled)
"""One of these ends a job."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for the core before it counts as lost; every wait has a limit."""

    greeting_seconds: float = 60.0
    cancel_heard_seconds: float = 5.0
    """The core promises one second; a busy machine gets some more."""
    cancel_done_seconds: float = 120.0
    """Time for the frame in work, on a slow CPU at a large size."""
    ping_every_seconds: float = 10.0
    silence_seconds: float = 60.0
    """Time without an answer to a ping; the thread that answers needs the interpreter for a moment only."""
    leave_seconds: float = 4.0


class Conversation:
    """One job: iterate over its messages; the last one is Finished, Failed or Cancelled."""

    def __init__(
        self, process: CoreProcess, job: int, ask: Message, patience: Patience, cancelled: Optional[Callable[[], bool]] = None
    ) -> None:
        self.job = job
        self._wants_cancel = cancelled or (lambda: False)
        self._process, self._patience = process, patience
        self._box = process.listen(job)
        self._cancel_asked: Optional[float] = None
        self._cancel_heard = False
        process.send(ask)

    def cancel(self) -> None:
        """Ask to stop after the frame in work; callable from any thread, more than once."""
        if self._cancel_asked is None:
            self._cancel_asked = time.monotonic()
            self._process.send(Cancel(self.job))

    def __iter__(self) -> Iterator[Message]:
        """Yield every message about this job.

        Raises:
            CoreCrashed: the process ended, by itself or because it did not stop or answer in time.
            MachineError: as above, when it was us who ended it.
        """
        try:
            while True:
                message = self._next()
                if isinstance(message, Cancelling):
                    self._cancel_heard = True
                    continue
                yield message
                if isinstance(message, LAST):
                    return
        finally:
            self._process.forget(self.job)

    def _next(self) -> Message:
        pinged_at: Optional[float] = None
        pongs = self._process.pongs
        asked_at = time.monotonic()
        while True:
            if self._wants_cancel():
                self.cancel()
            try:
                message = self._box.get(timeout=0.25)
            except queue.Empty:
                now = time.monotonic()
                self._give_up_on_cancel(now)
                if self._process.pongs != pongs:
                    pongs, pinged_at, asked_at = self._process.pongs, None, now
                elif pinged_at is None and now - asked_at > self._patience.ping_every_seconds:
                    self._process.send(Ping())
                    pinged_at = now
                elif pinged_at is not None and now - pinged_at > self._patience.silence_seconds:
                    self._lose(f"no sign of life for {self._patience.silence_seconds:g} s")
                continue
            if message is None:
                raise self._process.crashed()
            return message

    def _give_up_on_cancel(self, now: float) -> None:
        if self._cancel_asked is None:
            return
        waited = now - self._cancel_asked
        if not self._cancel_heard and waited > self._patience.cancel_heard_seconds:
            self._lose(f"cancel was not heard within {self._patience.cancel_heard_seconds:g} s")
        if waited > self._patience.cancel_done_seconds:
            self._lose(f"it did not stop within {self._patience.cancel_done_seconds:g} s of the cancel")

    def _lose(self, why: str) -> None:
        self._process.kill(why)
        raise MachineError(f"The core was ended: {why}. Finished frames are kept; press the button again to go on.")


class Core:
    """The core of this Nuke session."""

    def __init__(
        self,
        command: Optional[Callable[[], List[str]]] = None,
        environment: Optional[Callable[[], Dict[str, str]]] = None,
        patience: Optional[Patience] = None,
    ) -> None:
        """Take how to start a core; by default as `launch` says."""
        self._command = command or (lambda: launch.worker_command(launch.interpreter()))
        self._environment = environment or launch.clean_environment
        self.patience = patience or Patience()
        self._process: Optional[CoreProcess] = None
        self._starting = threading.Lock()
        self._numbers = itertools.count(1)

    @property
    def running(self) -> bool:
        """Say whether a core is there already; asking starts none."""
        return self._process is not None and self._process.alive

    @property
    def pid(self) -> Optional[int]:
        return self._process.pid if self._process is not None and self._process.alive else None

    def ask(self, message: Callable[[int], Message], cancelled: Optional[Callable[[], bool]] = None) -> Conversation:
        """Begin a job; starts a core when there is none. Waits for its greeting, so not for Nuke's main thread.

        Args:
            message: makes the request from the job number it is to carry.
            cancelled: asked a few times a second; the job is cancelled once it says so.

        Raises:
            CoreMissing, CoreCrashed, MachineError, RequestError: no core to be had.
        """
        process = self._running_process()
        job = next(self._numbers)
        return Conversation(process, job, message(job), self.patience, cancelled)

    def close(self) -> None:
        """Let the core leave."""
        with self._starting:
            process, self._process = self._process, None
        if process is not None:
            process.close(self.patience.leave_seconds)

    def _running_process(self) -> CoreProcess:
        with self._starting:
            if self._process is None or not self._process.alive:
                log = launch.log_folder() / f"core-{os.getpid()}.log"
                self._process = CoreProcess.start(self._command(), self._environment(), self.patience.greeting_seconds, log)
            return self._process


_session: Optional[Core] = None


def session_core() -> Core:
    """Give the one core that this Nuke session has."""
    global _session
    if _session is None:
        _session = Core()
        atexit.register(_session.close)
    return _session
