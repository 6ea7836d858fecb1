"""Lists in sentences, which must not become longer than anybody reads."""

from __future__ import annotations

from typing import Sequence


def listed(things: Sequence[object], most: int = 8) -> str:
    """Name things, the first ones of many: `a, b, c and 4 more`."""
    rest = len(things) - most
    return ", ".join(map(str, things[:most])) + (f" and {rest} more" if rest > 0 else "")
