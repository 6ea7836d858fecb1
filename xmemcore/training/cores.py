"""As many threads as others leave room for.

Threads of one operation wait for each other. On a machine that is shared, one that is put aside holds up all: two threads on two cores
of which one is taken were measured three times slower than one thread.
"""

from __future__ import annotations

import time

import torch

_CONTENDED = 0.8
"""Share of the threads' time that a free machine gives."""
_PROBE_SECONDS = 20.0


class Cores:
    """Choose the number of threads from what recent steps were given."""

    def __init__(self, most: int) -> None:
        self.most = max(1, most)
        self.threads = self.most
        self._wall, self._cpu, self._steps = time.perf_counter(), time.process_time(), 0
        self._probe_at = 0.0
        torch.set_num_threads(self.threads)

    def after_step(self) -> None:
        """Look at what the last steps got, and choose for the next ones."""
        if self.most == 1:
            return
        self._steps += 1
        now = time.perf_counter()
        if self._steps < 3:
            return
        got = (time.process_time() - self._cpu) / ((now - self._wall) * self.threads)
        if self.threads > 1 and got < _CONTENDED:
            self._choose(self.threads - 1)
            self._probe_at = now + _PROBE_SECONDS
        elif self.threads < self.most and now >= self._probe_at:
            self._choose(self.threads + 1)
        self._wall, self._cpu, self._steps = now, time.process_time(), 0

    def _choose(self, threads: int) -> None:
        self.threads = threads
        torch.set_num_threads(threads)
