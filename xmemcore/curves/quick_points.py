"""The points of a curve as Nuke mostly writes them, read without splitting each number into a block: some twenty times faster.

Unusual points (with runs, expressions, attributes, or words that are no numbers) are left to `curve_text`, which reads everything and
alone reports faults. Where both can read a point they give the same.
"""

from __future__ import annotations

import re
import struct
from array import array
from typing import List, Optional, Sequence, Tuple

from xmemcore.curves.animation import USER, ZERO, Curve, Key
from xmemcore.curves.curve_text import MAX_NUMBER, SPECIAL_COST
from xmemcore.curves.tree import ControlPoint

COORDINATE = re.compile(r"\{((?:[^{}\"\\]*\{[^{}\"\\]*\})*[^{}\"\\]*)\}|([^\s{}\"\\]+)")
KEY = re.compile(r"\{([^{}]*)\}|([^\s{}]+)")


def quick_point(inner: str, times: Optional[Sequence[float]]) -> Optional[Tuple[ControlPoint, int]]:
    """Read a point.

    Args:
        inner: its text, the outer braces left out.
        times: frames of its keys; None: its numbers have no keys.

    Returns:
        The point, and how many keys it costs; None where it is unusual.
    """
    if "{" not in inner:
        words = inner.split()
        if len(words) > 3 or times is not None and len(times) == 1:
            return None
        values = numbers(words)
        if values is None:
            return None
        x, y = ([Curve(value) if value else ZERO for value in values[:2]] + [ZERO, ZERO])[:2]
        return ControlPoint(x, y), 0
    if times is None:
        return None
    found: List[Curve] = []
    cost, place = 0, 0
    for match in COORDINATE.finditer(inner):
        if inner[place : match.start()].strip():
            return None
        place = match.end()
        read = _curve(match[1], times) if match[1] is not None else _still(match[2], times)
        if read is None:
            return None
        found.append(read)
        cost += len(read.times) + SPECIAL_COST * len(read.special)
    if inner[place:].strip() or not 1 <= len(found) <= 3:
        return None
    x, y = (found[:2] + [ZERO])[:2]
    return ControlPoint(x, y), cost


def _still(word: str, times: Sequence[float]) -> Optional[Curve]:
    values = numbers([word])
    return None if values is None or len(times) == 1 else Curve(values[0])


def _curve(keys: str, times: Sequence[float]) -> Optional[Curve]:
    """Read a list of keys whose times are given, none of them special but by its slopes."""
    listed = [(braced or bare).split() for braced, bare in KEY.findall(keys)]
    count = len(listed)
    if not count or count > len(times) or any(not parts or parts[0] == "x" for parts in listed):
        return None
    values = numbers([parts[0] for parts in listed])
    if values is None:
        return None
    sloped = [i for i, parts in enumerate(listed) if len(parts) > 1 and parts[1] != "-"]
    special = {}
    if sloped:
        if any(len(listed[i]) != 5 for i in sloped):
            return None
        columns = [numbers([listed[i][column] for i in sloped]) for column in range(1, 5)]
        if any(column is None for column in columns):
            return None
        left, left_length, right, right_length = (column or () for column in columns)
        for i, a, b, c, d in zip(sloped, left, left_length, right, right_length):
            if 0 < i < count - 1:
                special[i] = Key(0.0, 0.0, USER, a, c, min(max(b, 0.0), 3.0), min(max(d, 0.0), 3.0))
    if count == 1 and len(times) > 1:
        return Curve(times=times, values=array("d", values) * len(times))
    return Curve(times=times if count == len(times) else times[:count], values=array("d", values), special=special)


def numbers(words: Sequence[str]) -> Optional[Sequence[float]]:
    """Read many numbers at once; None where one of them is unusual, or not in range."""
    count = len(words)
    if count > 1 and words[0] == words[-1] and len(set(words)) == 1:
        value = numbers(words[:1])
        return None if value is None else (value[0],) * count
    joined = "".join(words)
    try:
        if len(joined) == 9 * count and joined[::9] == "x" * count:
            values: Sequence[float] = struct.unpack(f">{count}f", bytes.fromhex("".join(word[1:] for word in words)))
        elif (
            "_" in joined
            or not joined.isascii()
            or "x" in joined
            and not all(word[:1] == "x" and len(word) == 9 or "x" not in word for word in words)
        ):
            return None
        else:
            values = [_number(word) for word in words]
    except ValueError:
        return None
    # One NaN or infinity makes the sum NaN or infinite.
    return values if sum(map(abs, values)) <= MAX_NUMBER else None


def _number(word: str) -> float:
    if word[0] == "x":
        return float(struct.unpack(">f", bytes.fromhex(word[1:]))[0])
    return float(word)
