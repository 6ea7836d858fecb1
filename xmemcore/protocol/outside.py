"""Readers for content from outside: JSON that may be deep, huge or of other types, and numbers that may be NaN."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Dict, Optional, Union

from xmemcore.protocol.whole_file import read_ordinary
from xmemcore.protocol.words import one_line

MAX_JSON_BYTES = 256 << 20
"""Larger files and lines are refused before they are parsed; ours are smaller."""
MAX_DIGITS = 40
"""Longest whole number that is read: parsing takes time that grows with the square of its length."""


class NotUsable(ValueError):
    """Content from outside cannot be used. The sentence says why, without the file's name."""


def parse_json(text: Union[str, bytes], finite: bool = True) -> Any:
    """Parse JSON from outside.

    Args:
        text: UTF-8 where it is bytes, with or without the mark that Windows' tools put in front.
        finite: refuse NaN and infinite numbers; otherwise the caller checks each with `number`.

    Raises:
        NotUsable.
    """
    if len(text) > MAX_JSON_BYTES:
        raise NotUsable(f"it has more than {MAX_JSON_BYTES >> 20} MB")
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        return json.loads(decoded, parse_int=_whole, parse_float=_finite if finite else float, parse_constant=_constant(finite))
    except NotUsable:
        raise
    except RecursionError as error:
        raise NotUsable("its brackets are nested too deeply") from error
    except (ValueError, MemoryError) as error:
        raise NotUsable(f"it is no JSON ({short(error)})") from error


def read_json(path: Path, finite: bool = True) -> Any:
    """Read a JSON file; raises OSError, NotUsable."""
    return parse_json(read_ordinary(path, MAX_JSON_BYTES), finite)


def read_object(path: Path) -> Optional[Dict[str, Any]]:
    """Read a file that should hold a JSON object; None when it is missing, damaged or holds something else."""
    try:
        content = read_json(path)
    except (OSError, NotUsable):
        return None
    return content if isinstance(content, dict) else None


def number(value: Any, name: str, least: float = -math.inf, most: float = math.inf) -> float:
    """Give a number that is finite and in [least, most]; raises NotUsable, which says `name`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise NotUsable(f"{name} is {short(value)}, which is no number")
    try:
        usable = float(value)
    except OverflowError:
        usable = math.inf
    if not math.isfinite(usable):
        raise NotUsable(f"{name} is {short(value)}, which is no finite number")
    if not least <= usable <= most:
        raise NotUsable(f"{name} is {short(value)}, but must be {_between(least, most)}")
    return usable


def whole_number(value: Any, name: str, least: int, most: int) -> int:
    """Give a whole number in [least, most]; raises NotUsable, which says `name`."""
    usable = number(value, name, least, most)
    if usable != int(usable):
        raise NotUsable(f"{name} is {short(value)}, which is no whole number")
    return int(value)


def short(value: object, most: int = 60) -> str:
    """Write a value from outside on one line of bounded length."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 4 * MAX_DIGITS:
        return "a number of very many digits"
    if isinstance(value, (list, tuple, dict)):
        return "an object" if isinstance(value, dict) else "a list"
    return cut(str(value) if isinstance(value, BaseException) else repr(value), most)


def cut(text: str, most: int = 60) -> str:
    """Cut a text from outside to one line of bounded length."""
    text = one_line(text[: 4 * most])
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _between(least: float, most: float) -> str:
    if math.isinf(most):
        return f"at least {least:g}"
    return f"at most {most:g}" if math.isinf(least) else f"in {least:g} to {most:g}"


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise NotUsable(f"it holds a number of {len(digits)} digits")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise NotUsable(f"it holds the number {short(digits)}, which is too large")
    return value


def _constant(finite: bool) -> Any:
    def refuse(name: str) -> float:
        raise NotUsable(f"it holds {name}, which is no number")

    return refuse if finite else float
