"""Write sizes and durations for sentences: `15.0 MB`, `3 min`, `about 3 min left`."""

from __future__ import annotations

import time
from typing import Callable, Optional, Tuple


def duration(seconds: float) -> str:
    """Write a rough duration."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size(bytes_on_disk: int) -> str:
    """Write a size on disk."""
    if bytes_on_disk < 1e5:
        return "under 0.1 MB"
    return f"{bytes_on_disk / 1e6:.1f} MB" if bytes_on_disk < 1e9 else f"{bytes_on_disk / 1e9:.1f} GB"


class Pace:
    """Measures the pace of a job, to tell how long it still takes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the clock, which gives seconds."""
        self._clock = clock
        self._began: Optional[Tuple[float, int]] = None

    def left(self, done: int, total: int) -> str:
        """Say how long the rest takes, from the second step on; the first step may have waited for other work."""
        if self._began is None or done < self._began[1]:
            self._began = (self._clock(), done)
        since, first = self._began
        if done == first or done >= total:
            return ""
        return f", about {duration((self._clock() - since) / (done - first) * (total - done))} left"
