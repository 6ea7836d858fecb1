"""The numbers of a curves text: constants, key lists and expressions, as animated curves.

CURVE = NUM | {KEY ..} | {=expression [NUM]} | {=expression {KEY ..}} | {} | {curve ..}
KEY   = {T V [TAN]}; where the times are given once for all, {V [TAN]} and {x N KEY} (the same key N times)
TAN   = - | LSLOPE LLENGTH RSLOPE RLENGTH [INTERPOLATION]

A list of one number may stand without its braces, and numbers that are 0 may be missing at a list's end: `5` is the key
{5}, `{1004}` the key {1004 0}. `-` stands for the slopes that a smooth key has by itself. Slopes that are written count for inner keys:
they are what Nuke computed, or what an artist drew. A real Nuke never uses those of the first and the last key.
"""

from __future__ import annotations

import math
import re
import struct
from array import array
from typing import Dict, List, Optional, Sequence, Tuple, Union

from xmemcore.curves.animation import CATMULL_ROM, CUBIC, LINEAR, SMOOTH, STEP, USER, ZERO, Curve, Key, keyed
from xmemcore.curves.braces import Block, Word, broken

HEXADECIMAL = re.compile(r"0?x([0-9a-fA-F]{8})\Z")
DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\Z", re.ASCII)
LETTERS = {"K": STEP, "L": LINEAR, "S": SMOOTH, "R": CATMULL_ROM, "C": CUBIC}
CODES = {0: STEP, 1: LINEAR, 2: USER, 3: CATMULL_ROM, 4: CUBIC, 5: USER}
"""Low byte of a key's interpolation. 0 to 2 are those of Nuke's page on the roto format, against the API's; none was seen in a file."""
FRESH_CODE = 256
"""Code of an untouched key in Nuke's API, which files leave out: smooth."""
MAX_NUMBER = 1e10
"""Largest coordinate that is read. Computing with larger ones gives no finite numbers."""
MAX_FRAME = 1e7
MAX_KEYS = 20_000_000
"""Most keys of one text, at 8 bytes each. Runs could make billions of few characters."""
_OPERATORS = tuple("+-*/%^<>=!&|?:,(")
SPECIAL_COST = 10
"""A key with its own slopes counts as so many keys."""


def number(text: str, item: Union[Word, Block]) -> float:
    """Read an integer, a decimal, or the eight hexadecimal digits of a 32-bit float after an `x`.

    Raises:
        CurvesTextBroken: also for what is not finite, or over MAX_NUMBER.
    """
    if isinstance(item, Word):
        bits = HEXADECIMAL.match(item)
        if bits:
            value = float(struct.unpack(">f", bytes.fromhex(bits[1]))[0])
        elif DECIMAL.match(item) and len(item) <= 400:
            value = float(item)
        elif item.lower().lstrip("+-") in ("nan", "inf", "infinity"):
            value = math.nan
        else:
            raise broken(text, item.position, f"a number was expected, not {shown(item)}")
        if abs(value) <= MAX_NUMBER:
            return value
        raise broken(text, item.position, f"{shown(item)} is no number from {-MAX_NUMBER:.0e} to {MAX_NUMBER:.0e}")
    if not item:
        return 0.0
    raise broken(text, item.position, f"a number was expected, not {shown(item)}")


def frame_number(text: str, item: Union[Word, Block]) -> float:
    """Read the time of a key; raises CurvesTextBroken."""
    time = number(text, item)
    if abs(time) > MAX_FRAME:
        raise broken(text, item.position, f"{shown(item)} is no frame")
    return time


class Budget:
    """How many keys a text may still have."""

    def __init__(self, keys: int = MAX_KEYS) -> None:
        self._left = keys

    def spend(self, text: str, item: Union[Word, Block], count: int) -> None:
        """Take some keys; raises CurvesTextBroken when none are left."""
        self._left -= count
        if self._left < 0:
            raise broken(text, item.position, f"over {MAX_KEYS} keys in one roto")


def curve(text: str, item: Union[Word, Block], times: Optional[Sequence[float]] = None, budget: Optional[Budget] = None) -> Curve:
    """Read a curve.

    Args:
        text: the whole text, for the place of an error.
        item: the word or block to read as a curve.
        times: frames of its keys, where they are given once for many curves.
        budget: of keys; None: a fresh one.

    Raises:
        CurvesTextBroken.
    """
    budget = budget or Budget()
    if isinstance(item, Word):
        value = number(text, item)
        return Curve(times=tuple(times), values=(value,)) if times and len(times) == 1 else Curve(value)
    if not item:
        return Curve(times=tuple(times), values=(0.0,)) if times and len(times) == 1 else ZERO
    head = item.head
    if head is not None and head.startswith("="):
        expression, beside_text = _expression(item)
        beside = ZERO if beside_text is None else curve(text, beside_text, times, budget)
        return Curve(beside.constant, beside.times, beside.values, beside.special, expression)
    if head == "curve":
        budget.spend(text, item, len(item))
        return knob_curve(text, item)
    if times is not None:
        return _curve_at(text, item, times, budget)
    budget.spend(text, item, len(item))
    keys = [_key(text, key, timed=True) for key in item]
    return _with_smooth_ends(keyed(keys))


def _expression(item: Block) -> Tuple[str, Optional[Union[Word, Block]]]:
    """Part an expression, which may have spaces and brackets in it, from the value or keys that stand beside it."""
    parts = list(item)
    last, before = parts[-1], parts[-2] if len(parts) > 1 else None
    is_value = isinstance(last, Block) or HEXADECIMAL.match(last) or DECIMAL.match(last)
    # A number behind an operator belongs to the expression; one that is quoted is a single word.
    goes_on = len(parts) > 2 and isinstance(before, Word) and before.endswith(_OPERATORS)
    beside = parts.pop() if before is not None and is_value and not goes_on else None
    return " ".join(str(part) if isinstance(part, Word) else "{...}" for part in parts)[1:].strip(), beside


def _curve_at(text: str, block: Block, times: Sequence[float], budget: Budget) -> Curve:
    """Read a list of keys whose times are given."""
    values = array("d")
    special: Dict[int, Key] = {}
    for key_text, count in _runs(text, block, len(times)):
        key = _key(text, key_text, timed=False)
        if len(values) + count > len(times):
            raise broken(text, block.position, f"{len(values) + count} keys for {len(times)} frames")
        budget.spend(text, block, count if key.interpolation == SMOOTH else SPECIAL_COST * count)
        if key.interpolation != SMOOTH:
            special.update(dict.fromkeys(range(len(values), len(values) + count), key))
        values.extend([key.value] * count)
    in_order = all(a < b for a, b in zip(times, times[1:]))
    if len(values) == 1 and len(times) > 1:
        # A value that never changes is written once.
        budget.spend(text, block, len(times))
        times = times if in_order else tuple(sorted(set(times)))
        return Curve(times=times, values=array("d", values) * len(times))
    found = Curve(times=times if len(values) == len(times) else times[: len(values)], values=values, special=special)
    return _with_smooth_ends(found if in_order else keyed(found.keys))


def _runs(text: str, block: Block, most: int) -> List[Tuple[Union[Word, Block], int]]:
    """List the keys of a list with how often each comes; the list may itself be one run."""
    listed = []
    for part in [block] if block.head == "x" else block:
        if isinstance(part, Block) and part.head == "x":
            if len(part) not in (2, 3):
                raise broken(text, part.position, "a repeated key is {x count {key}}")
            count = number(text, part[1])
            if not 0 <= count <= most or count != int(count):
                raise broken(text, part.position, f"a key that comes {shown(part[1])} times, with {most} frames")
            listed.append((part[2] if len(part) == 3 else Block(part.position), int(count)))
        else:
            listed.append((part, 1))
    return listed


def _key(text: str, item: Union[Word, Block], timed: bool) -> Key:
    """Read one key; where its time is given elsewhere, it is 0."""
    parts: Sequence[Union[Word, Block]] = [item] if isinstance(item, Word) else item
    time = frame_number(text, parts[0]) if timed and parts else 0.0
    rest = parts[1:] if timed else parts
    value = number(text, rest[0]) if rest else 0.0
    tangents = rest[1:]
    if not tangents or tangents[0] == "-":
        return Key(time, value)
    numbers = [number(text, word) for word in tangents]
    if len(numbers) > 5:
        raise broken(text, item.position, "a key's tangents are two slopes with their lengths")
    code = int(numbers[4]) if len(numbers) == 5 else FRESH_CODE
    interpolation = USER if code == FRESH_CODE else CODES.get(code & 255, SMOOTH)
    if interpolation == SMOOTH:
        return Key(time, value)
    left, left_length, right, right_length = (numbers + [0.0, 1.0, 0.0, 1.0][len(numbers) :])[:4]
    return Key(time, value, interpolation, left, right, _length(left_length), _length(right_length))


def _with_smooth_ends(found: Curve) -> Curve:
    """Let the first and the last key be smooth where slopes were written for them: Nuke never uses those."""
    for place in (0, len(found.times) - 1):
        key = found.special.get(place)
        if key is not None and key.interpolation == USER:
            del found.special[place]
    return found


def knob_curve(text: str, block: Block) -> Curve:
    """Read `{curve x1 0 x20 1}`, the way knobs write animation (NDK, "Curve serialisation format").

    Letters K, L, S, R, C set the interpolation from a key on, `xN` the time of the next key, `s` and `t` its slopes,
    `u` and `v` its handle lengths.
    """
    keys: List[Key] = []
    interpolation, time = SMOOTH, None
    for item in block[1:]:
        word = str(item) if isinstance(item, Word) else ""
        letter, rest = word[:1], Word(word[1:], item.position)
        if word in LETTERS:
            interpolation = LETTERS[word]
        elif word in ("k", "l", "i", "I"):
            continue  # extrapolation is constant; i and I are about display
        elif letter == "x" and rest and not HEXADECIMAL.match(word):
            time = frame_number(text, rest)
        elif letter in ("s", "t", "u", "v") and rest and keys:
            keys[-1] = _bent(keys[-1], letter, number(text, rest))
        else:
            if time is None:
                time = 0.0 if not keys else keys[-1].time + (keys[-1].time - keys[-2].time if len(keys) > 1 else 1.0)
            keys.append(Key(time, number(text, item), interpolation))
            time = None
    return keyed(keys)


def _bent(key: Key, letter: str, value: float) -> Key:
    """Give a key a slope (`s` left, and right too unless `t` follows) or a handle length (`u` left, `v` right)."""
    if letter == "u":
        return key._replace(left_length=_length(value))
    if letter == "v":
        return key._replace(right_length=_length(value))
    bent = key._replace(interpolation=USER, right_slope=value)
    return bent._replace(left_slope=value) if letter == "s" else bent


def _length(value: float) -> float:
    return min(max(value, 0.0), 3.0)


CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")


def shown(item: Union[Word, Block]) -> str:
    """Quote an item for an error, no longer than a line."""
    return f"'{CONTROLS.sub(' ', item[:40])}'" if isinstance(item, Word) else "a block"
