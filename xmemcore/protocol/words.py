"""Lists in sentences, cut to a readable length."""

from __future__ import annotations

from typing import Sequence


def listed(items: Sequence[object], most: int = 8) -> str:
    """Write the first things of a list and how many follow: `a, b, c and 4 more`."""
    rest = len(items) - most
    return ", ".join(map(str, items[:most])) + (f" and {rest} more" if rest > 0 else "")
