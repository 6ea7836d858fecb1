"""Write numbers for sentences: `1 frame`, `2 frames`, `15.0 MB`."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Write a rough duration."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def counted(number: int, noun: str) -> str:
    """Write a number of things whose plural ends in s."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def size(bytes_on_disk: int) -> str:
    """Write a size on disk."""
    if bytes_on_disk < 1e5:
        return "under 0.1 MB"
    return f"{bytes_on_disk / 1e6:.1f} MB" if bytes_on_disk < 1e9 else f"{bytes_on_disk / 1e9:.1f} GB"
