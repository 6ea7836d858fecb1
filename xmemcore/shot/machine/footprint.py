"""Measure the memory that this process uses."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path


def resident_mb() -> float | None:
    """Give this process's resident memory now, in MB; its peak where only that is known; None on Windows."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, ValueError, AttributeError):
        return peak_mb()


def peak_mb() -> float | None:
    """Give this process's largest resident memory so far, in MB; None on Windows."""
    try:
        # What Linux counts as used by a process began with what its parent held, Nuke for one; this count is the process's own.
        return int(re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[0]) * 1024 / 1e6
    except (OSError, IndexError):
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
