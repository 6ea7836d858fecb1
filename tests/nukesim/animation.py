"""Keys and curves of ordinary knobs: `curve x1 0 x20 1` in text, AnimationCurve and AnimationKey in Python."""

from __future__ import annotations

import re
from typing import Any

from . import state
from .guard import public_class

_TOKEN = re.compile(r"([xstuvklCSKLRM])(-?[0-9.eE+\-]+)?$")


def hermite(t: float, t0: float, v0: float, slope0: float, length0: float, t1: float, v1: float, slope1: float, length1: float) -> float:
    """Evaluate the cubic between two keys; slopes are values per frame, lengths scale the handle of a third of the gap."""
    gap = t1 - t0
    if gap <= 0:
        return v1
    p1, p2 = t0 + length0 * gap / 3, t1 - length1 * gap / 3
    q1, q2 = v0 + slope0 * length0 * gap / 3, v1 - slope1 * length1 * gap / 3
    low, high = 0.0, 1.0
    for _ in range(60):  # the time of a cubic with handles inside the gap rises, so halving finds it
        u = (low + high) / 2
        w = 1 - u
        if w**3 * t0 + 3 * w * w * u * p1 + 3 * w * u * u * p2 + u**3 * t1 < t:
            low = u
        else:
            high = u
    u = (low + high) / 2
    w = 1 - u
    return w**3 * v0 + 3 * w * w * u * q1 + 3 * w * u * u * q2 + u**3 * v1


SMOOTH, CONSTANT, LINEAR, CATMULL_ROM, CUBIC, USER = 0, 1, 2, 3, 4, 5
"""Low byte of a key's code, nuke's own constants; 5 is seen in the API only (NUKE_MEASURED 2.3). The byte above is extrapolation."""
_LETTERS = {SMOOTH: "S", CONSTANT: "K", LINEAR: "L", CATMULL_ROM: "R", CUBIC: "C"}
"""Interpolation letters of a knob's text (NUKE_MEASURED 2.3, F)."""


def code_of(number: int) -> int:
    """Give the interpolation of a key's code: 0 and 256 are smooth, 257 holds, 258 is linear."""
    if number < 0 or number & 0xFF > USER:
        raise state.SimError(f"what key code {number} does is not measured (NUKE_MEASURED 2.3)")
    return number & 0xFF


def chords(times: list[float], values: list[float]) -> list[float]:
    """Slope of the straight line of each span."""
    return [(values[i + 1] - values[i]) / (times[i + 1] - times[i]) for i in range(len(times) - 1)]


def natural_slopes(times: list[float], values: list[float]) -> list[float]:
    """Slopes of the natural cubic spline, whose second derivative is zero at both ends: Gauss over three diagonals."""
    count, lines = len(times), chords(times, values)
    span = [times[i + 1] - times[i] for i in range(count - 1)]
    low = [0.0, *(1 / span[i - 1] for i in range(1, count - 1)), 1.0]
    high = [1.0, *(1 / span[i] for i in range(1, count - 1)), 0.0]
    middle = [2.0, *(2 / span[i - 1] + 2 / span[i] for i in range(1, count - 1)), 2.0]
    right = [3 * lines[0], *(3 * (lines[i - 1] / span[i - 1] + lines[i] / span[i]) for i in range(1, count - 1)), 3 * lines[-1]]
    for i in range(1, count):
        factor = low[i] / middle[i - 1]
        middle[i] -= factor * high[i - 1]
        right[i] -= factor * right[i - 1]
    found = [0.0] * count
    for i in reversed(range(count)):
        found[i] = (right[i] - (high[i] * found[i + 1] if i + 1 < count else 0.0)) / middle[i]
    return found


def computed_slopes(codes: list[int], times: list[float], values: list[float], clamped: bool = True) -> list[float]:
    """Slope of each key by its code, from its neighbours alone; NUKE_MEASURED 2.3 (fits the readings within 3.2e-4).

    Args:
        codes: of `code_of`; for CONSTANT the slope is that of arriving, for USER the caller knows better.
        times: rising.
        values: at them.
        clamped: SMOOTH stays within the values of its neighbours (F15, AnimationKey).
    """
    count = len(times)
    if count < 3:
        return [chords(times, values)[0]] * 2 if count == 2 else [0.0] * count
    lines = chords(times, values)
    cubic = natural_slopes(times, values) if CUBIC in codes else []
    slopes = [0.0] * count
    for i in range(1, count - 1):
        if codes[i] == CUBIC:
            slopes[i] = cubic[i]
        elif codes[i] != CONSTANT:
            slopes[i] = (values[i + 1] - values[i - 1]) / (times[i + 1] - times[i - 1])
            if clamped and codes[i] != CATMULL_ROM:
                limit = 3 * min(abs(lines[i - 1]), abs(lines[i])) if lines[i - 1] * lines[i] > 0 else 0.0
                slopes[i] = max(-limit, min(limit, slopes[i]))
    slopes[0], slopes[-1] = (3 * lines[0] - slopes[1]) / 2, (3 * lines[-1] - slopes[-2]) / 2
    return slopes


class AnimationKey:
    """One key of an ordinary knob; 256 smooth, 257 constant, 258 linear."""

    def __init__(self, x: float = 0.0, y: float = 0.0) -> None:
        self.x, self.y = float(x), float(y)
        self.lslope = self.rslope = 0.0
        self.la = self.ra = 1.0
        self.interpolation = 256
        self.extrapolation = 0
        self.selected = False


@public_class
class AnimationCurve:
    """An animated field of a knob."""

    def __init__(self) -> None:
        self._keys: list[AnimationKey] = []
        self._owner: Any = None
        self._index = 0

    def keys(self) -> list[AnimationKey]:
        return list(self._keys)

    def size(self) -> int:
        return len(self._keys)

    def addKey(self, keys: Any) -> None:
        for key in keys if isinstance(keys, (list, tuple)) else [keys]:
            copy = self._set_key(key.x, key.y)
            copy.interpolation = key.interpolation

    def clear(self) -> None:
        self._keys = []

    def evaluate(self, t: float) -> float:
        return self._evaluate(t)

    def constant(self) -> bool:
        return len({key.y for key in self._keys}) <= 1

    def knob(self) -> Any:
        return self._owner

    def _set_key(self, x: float, y: float) -> AnimationKey:
        for key in self._keys:
            if key.x == x:
                key.y = float(y)
                return key
        key = AnimationKey(x, y)
        self._keys.append(key)
        self._keys.sort(key=lambda k: k.x)
        return key

    def _slopes(self) -> list[float]:
        keys = self._keys
        return computed_slopes([code_of(key.interpolation) for key in keys], [key.x for key in keys], [key.y for key in keys])

    def _evaluate(self, t: float) -> float:
        keys = self._keys
        if not keys:
            return 0.0
        if t <= keys[0].x:
            return keys[0].y
        if t >= keys[-1].x:
            return keys[-1].y
        i = max(n for n, key in enumerate(keys) if key.x <= t)
        a, b = keys[i], keys[i + 1]
        if code_of(a.interpolation) == CONSTANT:
            return a.y
        if LINEAR in (code_of(a.interpolation), code_of(b.interpolation)):
            return a.y + (b.y - a.y) * (t - a.x) / (b.x - a.x)
        slopes = self._slopes()
        return hermite(t, a.x, a.y, slopes[i], 1.0, b.x, b.y, slopes[i + 1], 1.0)

    def _text(self) -> str:
        words, letter = ["curve"], 256
        for key in self._keys:
            if key.interpolation != letter:
                words.append(_LETTERS[code_of(key.interpolation)])
                letter = key.interpolation
            words.append(f"x{number(key.x)}")
            words.append(number(key.y))
        return " ".join(words)

    @classmethod
    def _parse(cls, words: list[str]) -> AnimationCurve:
        """Read the words after `curve`; x sets the time (default: the last plus one), letters set the interpolation."""
        curve = cls()
        time, interpolation = 0.0, 256
        started = False
        for word in words:
            match = _TOKEN.match(word)
            if match:
                letter, value = match.groups()
                if letter == "x" and value:
                    time, started = float(value), True
                elif letter in "CSKLR" and not value:
                    interpolation = 256 + {letter: code for code, letter in _LETTERS.items()}[letter]
                continue
            try:
                value_here = float(word)
            except ValueError:
                continue
            if not started:
                time, started = 1.0, True
            curve._set_key(time, value_here).interpolation = interpolation
            time += 1
        return curve

    def _copy(self) -> AnimationCurve:
        return AnimationCurve._parse(self._text().split()[1:])


def number(value: float) -> str:
    """Write a number as Nuke does: integers bare, others short."""
    if value != value or value in (float("inf"), float("-inf")):
        return repr(value)
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(round(value, 9)) if abs(value) >= 1e-6 else f"{value:.9g}"
