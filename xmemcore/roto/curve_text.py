"""The numbers of a curves text: constants, key lists and expressions, as animated curves.

CURVE = NUM | {KEY ..} | {=expression NUM} | {=expression {KEY ..}} | {} | {curve ..}
KEY   = {T V [TAN]}; where the times are given once for all, {V [TAN]} and {x N {V [TAN]}} (the same key N times)
TAN   = - (flat) | LSLOPE LLENGTH RSLOPE RLENGTH [INTERPOLATION]
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

from xmemcore.roto.animation import CUBIC, LINEAR, STEP, ZERO, Curve, Key, keyed
from xmemcore.roto.braces import Block, Word, broken

HEXADECIMAL = re.compile(r"0?x([0-9a-fA-F]{8})\Z")
LETTERS = {"K": STEP, "L": LINEAR, "S": CUBIC, "R": CUBIC, "C": CUBIC}


def number(text: str, item: Word | Block) -> float:
    """Read an integer, a decimal, or the eight hexadecimal digits of a 32-bit float after an `x`.

    Raises:
        CurvesTextBroken.
    """
    if isinstance(item, Word):
        bits = HEXADECIMAL.match(item)
        if bits:
            return float(struct.unpack(">f", bytes.fromhex(bits[1]))[0])
        try:
            return float(item)
        except ValueError:
            pass
    raise broken(text, item.position, f"a number was expected, not {_shown(item)}")


def curve(text: str, item: Word | Block, times: Sequence[float] | None = None) -> Curve:
    """Read a curve.

    Args:
        text: the whole text, for the place of an error.
        item: what stands where a curve is expected.
        times: frames of its keys, where they are given once for many curves.

    Raises:
        CurvesTextBroken.
    """
    if isinstance(item, Word):
        value = number(text, item)
        return Curve(keys=(Key(times[0], value, 0.0, 0.0),)) if times and len(times) == 1 else Curve(value)
    if not item:
        return ZERO
    head = item.head
    if head is not None and head.startswith("="):
        fallback = curve(text, item[1], times) if len(item) > 1 else ZERO
        return Curve(fallback.constant, fallback.keys, str(head[1:]))
    if head == "curve":
        return knob_curve(text, item)
    keys = [key for one in item for key in _keys(text, one, times is None)]
    if times is None:
        return keyed([Key(key[0], *key[1]) for key in keys])
    values = [key[1] for key in keys]
    if len(values) == 1 and len(times) > 1:
        values *= len(times)  # A value that never changes is written once.
    if len(values) > len(times):
        raise broken(text, item.position, f"{len(values)} keys for {len(times)} frames")
    return keyed([Key(time, *value) for time, value in zip(times, values)])


def knob_curve(text: str, block: Block) -> Curve:
    """Read `{curve x1 0 x20 1}`, the way knobs write animation (NDK, "Curve serialisation format").

    Letters K, L, S, R, C set the interpolation from a key on, `xN` the time of the next key, `s` and `t` its slopes,
    `u` and `v` its handle lengths. R and C, splines of their own, are evaluated as smooth.
    """
    keys: list[Key] = []
    interpolation, time = CUBIC, None
    for item in block[1:]:
        word = str(item) if isinstance(item, Word) else ""
        letter, rest = word[:1], Word(word[1:], item.position)
        if word in LETTERS:
            interpolation = LETTERS[word]
        elif word in ("k", "l", "i", "I"):
            continue  # extrapolation is constant; i and I only say how it is shown
        elif letter == "x" and rest and not HEXADECIMAL.match(word):
            time = number(text, rest)
        elif letter in "stuv" and letter and rest and keys:
            keys[-1] = _bent(keys[-1], letter, number(text, rest))
        else:
            if time is None:
                time = 0.0 if not keys else keys[-1].time + (keys[-1].time - keys[-2].time if len(keys) > 1 else 1.0)
            keys.append(Key(time, number(text, item), interpolation=interpolation))
            time = None
    return keyed(keys)


def _keys(text: str, item: Word | Block, timed: bool) -> list[tuple[float, tuple]]:
    """Read one entry of a key list: (time, (value, slopes, lengths, interpolation)), repeated where it says so."""
    if isinstance(item, Word):
        raise broken(text, item.position, f"a key was expected, not {_shown(item)}")
    if not timed and item.head == "x":
        if len(item) != 3 or not isinstance(item[2], Block):
            raise broken(text, item.position, "a repeated key is {x count {key}}")
        return _keys(text, item[2], timed) * int(number(text, item[1]))
    wanted = 2 if timed else 1
    if len(item) < wanted:
        raise broken(text, item.position, "a key without a value")
    time = number(text, item[0]) if timed else 0.0
    value = number(text, item[wanted - 1])
    return [(time, (value, *_tangents(text, item[wanted:])))]


def _tangents(text: str, items: Sequence[Word | Block]) -> tuple:
    """Read what follows a key's value: left slope, right slope, left length, right length, interpolation."""
    if not items:
        return (None, None, 1.0, 1.0, CUBIC)
    if items[0] == "-":
        return (0.0, 0.0, 1.0, 1.0, CUBIC)
    numbers = [number(text, item) for item in items]
    if len(numbers) not in (4, 5):
        raise broken(text, items[0].position, "a key's tangents are two slopes with their lengths")
    interpolation = {0: STEP, 1: LINEAR}.get(int(numbers[4]) & 255, CUBIC) if len(numbers) == 5 else CUBIC
    return (numbers[0], numbers[2], numbers[1], numbers[3], interpolation)


def _bent(key: Key, letter: str, value: float) -> Key:
    """Give a key a slope (`s` left, and right too unless `t` follows) or a handle length (`u` left, `v` right)."""
    left, right = (value, value) if letter == "s" else (key.left_slope, value if letter == "t" else key.right_slope)
    lengths = (value if letter == "u" else key.left_length, value if letter == "v" else key.right_length)
    return Key(key.time, key.value, left, right, *lengths, key.interpolation)


def _shown(item: Word | Block) -> str:
    return f"'{item[:40]}'" if isinstance(item, Word) else "a block"
