"""Words in sentences: numbers of things, lists cut to a readable length, and texts that stay on one line."""

from __future__ import annotations

import os
import re
import shlex
from typing import Sequence

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def plural(number: int, noun: str) -> str:
    """Write a number of things whose plural ends in s: `1 frame`, `2 frames`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def of_them_new(number: int, new: int) -> str:
    """Say how many of a number of things are new, after that number: `2 mattes, 1 of them new`, `1 matte, new`, `3 mattes, all new`."""
    if 0 < new < number:
        return f"{new} of them new"
    if number == 1:
        return "new" if new else "not new"
    return "all new" if new else "none new"


def listed(items: Sequence[object], most: int = 8, between: str = ", ") -> str:
    """Write the first things of a list and how many follow: `a, b, c and 4 more`."""
    rest = len(items) - most
    return between.join(map(str, items[:most])) + (f" and {rest} more" if rest > 0 else "")


def argument(text: str) -> str:
    """Write a path so that it can be pasted into a terminal behind an option."""
    if os.name == "nt":
        return f'"{text}"' if " " in text else text
    return shlex.quote(text)


def one_line(text: str) -> str:
    """Write a blank for control characters: a name from a file must neither break a line nor command a terminal."""
    return _CONTROL.sub(" ", text)
