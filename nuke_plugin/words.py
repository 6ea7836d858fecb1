"""Write sizes and durations for sentences: `15.0 MB`, `3 min`."""

from __future__ import annotations


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
