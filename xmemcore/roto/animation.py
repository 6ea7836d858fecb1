"""One animated number: its keys, and its value between them.

A span between two keys is a cubic: each key has a slope (units per frame) and a handle length on either side, where
1 is a third of the span (NDK, "Curve serialisation format"; nuke.AnimationKey). With both lengths 1 time is linear in
the cubic's parameter. Before the first and after the last key the value holds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

CUBIC, LINEAR, STEP = "cubic", "linear", "step"


@dataclass(frozen=True, slots=True)
class Key:
    """A value at a time."""

    time: float
    """Frame, may be fractional."""
    value: float
    left_slope: float | None = None
    """Units per frame; None: smooth, see `smoothed`."""
    right_slope: float | None = None
    left_length: float = 1.0
    """Handle length in thirds of the span, in [0, 3]."""
    right_length: float = 1.0
    interpolation: str = CUBIC
    """Of the span that begins here."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A number over time."""

    constant: float = 0.0
    """Its value where there are no keys."""
    keys: tuple[Key, ...] = ()
    """By ascending time."""
    expression: str | None = None
    """Nuke would evaluate this; we take the value that the file holds beside it."""

    def at(self, frame: float) -> float:
        """Evaluate."""
        keys = self.keys
        if not keys:
            return self.constant
        place = bisect_right(keys, frame, key=lambda key: key.time)
        if place == 0:
            return keys[0].value
        if place == len(keys) or keys[place - 1].time == frame:
            return keys[place - 1].value
        return _between(keys[place - 1], keys[place], frame)

    @property
    def key_times(self) -> tuple[float, ...]:
        """Frames on which it is keyed; none where an expression rules."""
        return () if self.expression is not None else tuple(key.time for key in self.keys)


ZERO = Curve()


def keyed(keys: Sequence[Key], expression: str | None = None) -> Curve:
    """Make a curve of keys in any order; the later of two at one time counts, and missing slopes become smooth."""
    by_time = {key.time: key for key in keys}
    return Curve(keys=smoothed([by_time[time] for time in sorted(by_time)]), expression=expression)


def smoothed(keys: Sequence[Key]) -> tuple[Key, ...]:
    """Give keys without slopes Nuke's default ones.

    A middle key takes the slope between its neighbours (Catmull-Rom), limited so that the curve stays between its
    keys (nuke.AnimationKey, SMOOTH). The span at either end begins or ends without curvature; outwards the slope is 0.
    Measured on keys that Nuke wrote: at an end it is (3 x chord - the neighbour's slope) / 2.
    """
    if all(key.left_slope is not None and key.right_slope is not None for key in keys):
        return tuple(keys)
    chords = [_chord(first, second) for first, second in zip(keys, keys[1:])]
    through = [0.0] * len(keys)
    for place in range(1, len(keys) - 1):
        through[place] = _limited(_chord(keys[place - 1], keys[place + 1]), chords[place - 1], chords[place])
    if len(keys) == 2:
        through = [chords[0], chords[0]]
    elif len(keys) > 2:
        through[0] = _limited((3 * chords[0] - through[1]) / 2, chords[0], chords[0])
        through[-1] = _limited((3 * chords[-1] - through[-2]) / 2, chords[-1], chords[-1])
    filled = []
    for place, key in enumerate(keys):
        left = through[place] if place > 0 else 0.0
        right = through[place] if place + 1 < len(keys) else 0.0
        filled.append(
            replace(
                key,
                left_slope=left if key.left_slope is None else key.left_slope,
                right_slope=right if key.right_slope is None else key.right_slope,
            )
        )
    return tuple(filled)


def _limited(slope: float, before: float, after: float) -> float:
    """Keep a handle between the values of the keys beside it."""
    limit = 3 * min(abs(before), abs(after)) if before * after > 0 else 0.0
    return max(-limit, min(limit, slope))


def _chord(first: Key, second: Key) -> float:
    return (second.value - first.value) / (second.time - first.time)


def _between(first: Key, second: Key, frame: float) -> float:
    if first.interpolation == STEP:
        return first.value
    span = second.time - first.time
    u = (frame - first.time) / span
    if first.interpolation == LINEAR:
        return first.value + u * (second.value - first.value)
    a, b = first.right_length / 3, 1 - second.left_length / 3
    if (first.right_length, second.left_length) != (1.0, 1.0):
        u = _parameter(u, a, b)
    start = first.value + (first.right_slope or 0.0) * a * span
    end = second.value - (second.left_slope or 0.0) * (1 - b) * span
    v = 1 - u
    return v * v * v * first.value + 3 * v * v * u * start + 3 * v * u * u * end + u * u * u * second.value


def _parameter(time: float, a: float, b: float) -> float:
    """Find u in [0, 1] with 3 u (1-u)^2 a + 3 u^2 (1-u) b + u^3 = time.

    Halving, because handles longer than the span let time run backwards, where Newton's method jumps away.
    """
    low, high = 0.0, 1.0
    for _ in range(60):
        u = (low + high) / 2
        if 3 * u * (1 - u) ** 2 * a + 3 * u * u * (1 - u) * b + u**3 < time:
            low = u
        else:
            high = u
    return (low + high) / 2
