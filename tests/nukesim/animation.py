"""Keys and curves of ordinary knobs: `curve x1 0 x20 1` in text, AnimationCurve and AnimationKey in Python."""

from __future__ import annotations

import re
from typing import Any

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


class AnimationKey:
    """One key; interpolation 256 smooth, 257 constant, 258 linear (numbers seen in the API, meaning [C])."""

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

    def setKey(self, x: float, y: float) -> AnimationKey:
        return self._set_key(x, y)

    def addKey(self, keys: Any) -> None:
        for key in keys if isinstance(keys, (list, tuple)) else [keys]:
            made = self._set_key(key.x, key.y)
            made.interpolation = key.interpolation

    def removeKey(self, keys: Any) -> None:
        for key in keys if isinstance(keys, (list, tuple)) else [keys]:
            self._keys = [k for k in self._keys if k.x != key.x]

    def clear(self) -> None:
        self._keys = []

    def evaluate(self, t: float) -> float:
        return self._evaluate(t)

    def constant(self) -> bool:
        return len({key.y for key in self._keys}) <= 1

    def knob(self) -> Any:
        return self._owner

    def knobIndex(self) -> int:
        return self._index

    def _set_key(self, x: float, y: float) -> AnimationKey:
        for key in self._keys:
            if key.x == x:
                key.y = float(y)
                return key
        key = AnimationKey(x, y)
        self._keys.append(key)
        self._keys.sort(key=lambda k: k.x)
        return key

    def _slope(self, i: int) -> float:
        """Smooth slope of a key: towards its neighbours, flat at extremes and ends."""
        if i == 0 or i == len(self._keys) - 1:
            return 0.0
        before, key, after = self._keys[i - 1], self._keys[i], self._keys[i + 1]
        if (key.y - before.y) * (after.y - key.y) <= 0:
            return 0.0
        return (after.y - before.y) / (after.x - before.x)

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
        if a.interpolation == 257:
            return a.y
        if a.interpolation == 258:
            return a.y + (b.y - a.y) * (t - a.x) / (b.x - a.x)
        return hermite(t, a.x, a.y, self._slope(i), 1.0, b.x, b.y, self._slope(i + 1), 1.0)

    def _text(self) -> str:
        words, letter = ["curve"], 256
        for key in self._keys:
            if key.interpolation != letter:
                words.append({256: "C", 257: "K", 258: "L"}.get(key.interpolation, "C"))
                letter = key.interpolation
            words.append(f"x{number(key.x)}")
            words.append(number(key.y))
        return " ".join(words)

    @classmethod
    def _parse(cls, words: list[str]) -> AnimationCurve:
        """Read the words after `curve`; x sets the time (default: the last plus one), letters set the interpolation."""
        made = cls()
        time, interpolation = 0.0, 256
        started = False
        for word in words:
            match = _TOKEN.match(word)
            if match:
                letter, value = match.groups()
                if letter == "x" and value:
                    time, started = float(value), True
                elif letter in "CSKLR" and not value:
                    interpolation = {"K": 257, "L": 258}.get(letter, 256)
                continue
            try:
                value_here = float(word)
            except ValueError:
                continue
            if not started:
                time, started = 1.0, True
            made._set_key(time, value_here).interpolation = interpolation
            time += 1
        return made

    def _copy(self) -> AnimationCurve:
        return AnimationCurve._parse(self._text().split()[1:])


def number(value: float) -> str:
    """Write a number as Nuke does: integers bare, others short."""
    if value != value or value in (float("inf"), float("-inf")):
        return repr(value)
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(round(value, 9)) if abs(value) >= 1e-6 else f"{value:.9g}"
