"""Choose the number of threads by the cores that other processes leave idle.

Threads of one operation wait for each other, so a suspended thread delays all. Measured: two threads on two cores, one of them taken,
are three times slower than one thread; with both taken, thirteen times. So a thread is added only where a core has been idle. One slow
step takes it away again, and each failure makes the next try later.
"""

from __future__ import annotations

import time
from pathlib import Path

import torch

_CONTENDED = 0.8
"""Share of the threads' time below which the machine counts as busy."""
_ROOM = 0.6
"""Idle cores that make room for one more thread."""
_FIRST_WAIT_SECONDS = 20.0
_LONGEST_WAIT_SECONDS = 320.0
_TICKS = 100
"""Ticks a second of Linux' /proc/stat."""


class Cores:
    """Choose the number of threads from what recent steps were given."""

    def __init__(self, most: int) -> None:
        self.most = max(1, most)
        self.threads = 1
        self._wait = _FIRST_WAIT_SECONDS
        self._try_at = 0.0
        self._wall, self._cpu, self._idle = time.perf_counter(), time.process_time(), idle_seconds()
        torch.set_num_threads(self.threads)

    def after_step(self) -> None:
        """Look at what the last step got, and choose for the next one."""
        if self.most == 1:
            return
        now, cpu, idle = time.perf_counter(), time.process_time(), idle_seconds()
        wall = max(now - self._wall, 1e-6)
        share = (cpu - self._cpu) / (wall * self.threads)
        idle_cores = None if idle is None or self._idle is None else (idle - self._idle) / wall
        self.choose(share, idle_cores, now)
        self._wall, self._cpu, self._idle = time.perf_counter(), time.process_time(), idle_seconds()

    def choose(self, share: float, idle_cores: float | None, now: float) -> None:
        """Decide.

        Args:
            share: share of the threads' time that they ran, in [0, 1].
            idle_cores: cores that were idle meanwhile; None where the system does not tell.
            now: seconds of any steady clock.
        """
        if self.threads > 1 and share < _CONTENDED:
            self._set(self.threads - 1)
            self._try_at = now + self._wait
            self._wait = min(2 * self._wait, _LONGEST_WAIT_SECONDS)
        elif self.threads > 1:
            self._wait = _FIRST_WAIT_SECONDS
        if self.threads < self.most and now >= self._try_at and (idle_cores is None or idle_cores >= _ROOM):
            self._set(self.threads + 1)

    def _set(self, threads: int) -> None:
        self.threads = threads
        torch.set_num_threads(threads)


def idle_seconds() -> float | None:
    """Give the seconds that all cores together have been idle since the start; None where the system does not tell."""
    try:
        return int(Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[4]) / _TICKS
    except (OSError, ValueError, IndexError):
        return None
