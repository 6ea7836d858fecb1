"""One animated number: its keys, and its value between them, as measured in a real Nuke.

A span between two keys is a cubic with a slope at either end (units per frame):
- smooth (Nuke's default): an inner key's slope is that of the line through its neighbours, held within 3 times the flatter
  of the chords beside it, and 0 where the curve turns there; the first and the last key take (3 x chord - neighbour's slope) / 2,
  which is the end without curvature. Slopes that were written are replaced.
- step: the value holds until the next key; the slope towards the key is 0.
- linear: straight towards both neighbours.
- cubic: the slope of the spline without a jump in curvature.
- user: the slopes and handle lengths that were written; of the first and the last key of a roto's curve they are never used.
Two keys are a straight line, whatever they are, unless the first holds. Before the first and after the last key the value holds.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

SMOOTH, STEP, LINEAR, CUBIC, CATMULL_ROM, USER = "smooth", "step", "linear", "cubic", "catmull-rom", "user"


class Key(NamedTuple):
    """A value at a time."""

    time: float
    """Frame, may be fractional."""
    value: float
    interpolation: str = SMOOTH
    left_slope: float = 0.0
    """Units per frame; of user keys alone."""
    right_slope: float = 0.0
    left_length: float = 1.0
    """Handle length in thirds of the span, in [0, 3]; of user keys alone."""
    right_length: float = 1.0


class Curve:
    """A number over time. Keys are held as two lists, because a roto has hundreds of thousands."""

    __slots__ = ("_slopes", "constant", "expression", "link", "special", "times", "values")

    def __init__(
        self,
        constant: float = 0.0,
        times: Sequence[float] = (),
        values: Sequence[float] = (),
        special: Optional[Dict[int, Key]] = None,
        expression: Optional[str] = None,
        link: Optional[Callable[[float], float]] = None,
    ) -> None:
        """Make a curve.

        Args:
            constant: its value where there are no keys.
            times: frames of its keys, ascending.
            values: of its keys.
            special: keys that are not smooth, by position; their own time and value do not count, so that many may be one.
            expression: what Nuke would evaluate; the keys or the constant beside it hold the value of some frame.
            link: evaluates the expression, where the script holds all that it needs.
        """
        self.constant = constant
        self.times = times
        self.values = values
        self.special = special or {}
        self.expression = expression
        self.link = link
        self._slopes: Optional[Dict[int, float]] = None

    @property
    def unknown(self) -> bool:
        """Whether the value depends on an expression that is not evaluated."""
        return self.expression is not None and self.link is None

    @property
    def key_times(self) -> Sequence[float]:
        """Frames on which it is keyed; none where an expression gives the value."""
        return () if self.expression is not None else self.times

    @property
    def keys(self) -> Tuple[Key, ...]:
        """Its keys, by ascending time."""
        plain = Key(0.0, 0.0)
        pairs = enumerate(zip(self.times, self.values))
        return tuple(self.special.get(i, plain)._replace(time=time, value=value) for i, (time, value) in pairs)

    def ever(self) -> Sequence[float]:
        """Give the values of its keys, or its constant; for a followed link, only the values written beside it."""
        return self.values if self.times else (self.constant,)

    def at(self, frame: float) -> float:
        """Evaluate."""
        if self.link is not None:
            return self.link(frame)
        times, values = self.times, self.values
        if not times:
            return self.constant
        place = bisect_right(times, frame)
        if place == 0:
            return values[0]
        if place == len(times) or times[place - 1] == frame:
            return values[place - 1]
        return self._between(place - 1, frame)

    def held(self, frame: float) -> float:
        """Give the value of the key at or before a frame, or of the first key: enumerations have no values between."""
        if self.link is not None:
            return self.link(frame)
        return self.values[max(bisect_right(self.times, frame) - 1, 0)] if self.times else self.constant

    def _between(self, first: int, frame: float) -> float:
        second = first + 1
        before, after = self.special.get(first), self.special.get(second)
        start, end = self.values[first], self.values[second]
        if before is not None and before.interpolation == STEP:
            return start
        span = self.times[second] - self.times[first]
        u = (frame - self.times[first]) / span
        lengths = (
            before.right_length if before is not None and before.interpolation == USER else 1.0,
            after.left_length if after is not None and after.interpolation == USER else 1.0,
        )
        a, b = lengths[0] / 3, 1 - lengths[1] / 3
        if lengths != (1.0, 1.0):
            u = _parameter(u, a, b)
        low = start + self._slope(first, leaving=True) * a * span
        high = end - self._slope(second, leaving=False) * (1 - b) * span
        v = 1 - u
        return v * v * v * start + 3 * v * v * u * low + 3 * v * u * u * high + u * u * u * end

    def _slope(self, place: int, leaving: bool) -> float:
        """Give the slope on one side of a key."""
        key = self.special.get(place)
        if key is not None and key.interpolation == USER:
            return key.right_slope if leaving else key.left_slope
        last = len(self.times) - 1
        if last == 1:
            return self._chord(0)
        if key is not None and key.interpolation in (STEP, LINEAR):
            return 0.0 if key.interpolation == STEP else self._chord(min(place if leaving else place - 1, last - 1))
        if place == 0:
            return (3 * self._chord(0) - self._slope(1, leaving=False)) / 2
        if place == last:
            return (3 * self._chord(last - 1) - self._slope(last - 1, leaving=True)) / 2
        return self._inner_slope(place)

    def _inner_slope(self, place: int) -> float:
        key = self.special.get(place)
        kind = key.interpolation if key is not None else SMOOTH
        if kind == CUBIC:
            return self._spline_slopes()[place]
        times, values = self.times, self.values
        through = (values[place + 1] - values[place - 1]) / (times[place + 1] - times[place - 1])
        return through if kind == CATMULL_ROM else _limited(through, self._chord(place - 1), self._chord(place))

    def _chord(self, first: int) -> float:
        return (self.values[first + 1] - self.values[first]) / (self.times[first + 1] - self.times[first])

    def _spline_slopes(self) -> Dict[int, float]:
        """Solve for the slopes of runs of cubic keys, so that curvature has no jump there; the ends of the curve have none."""
        if self._slopes is None:
            slopes: Dict[int, float] = {}
            last = len(self.times) - 1
            run: List[int] = []
            for place in range(1, last + 1):
                key = self.special.get(place)
                if place < last and key is not None and key.interpolation == CUBIC:
                    run.append(place)
                elif run:
                    slopes.update(zip(run, self._solved(run)))
                    run = []
            self._slopes = slopes
        return self._slopes

    def _solved(self, run: List[int]) -> List[float]:
        last = len(self.times) - 1
        diagonal: List[float] = []
        right: List[float] = []
        upper: List[float] = []
        for place in run:
            before, after = 1 / (self.times[place] - self.times[place - 1]), 1 / (self.times[place + 1] - self.times[place])
            middle = 2 * (before + after)
            total = 3 * (self._chord(place - 1) * before + self._chord(place) * after)
            # At an end of the curve the neighbour's slope is (3 x chord - m) / 2, of this very key's slope m.
            if place == 1:
                middle, total = middle - before / 2, total - 1.5 * self._chord(0) * before
            elif place == run[0]:
                total -= before * self._slope(place - 1, leaving=True)
            if place + 1 == last:
                middle, total = middle - after / 2, total - 1.5 * self._chord(last - 1) * after
            elif place == run[-1]:
                total -= after * self._slope(place + 1, leaving=False)
            if diagonal:
                factor = before / diagonal[-1]
                middle, total = middle - factor * upper[-1], total - factor * right[-1]
            diagonal.append(middle)
            right.append(total)
            upper.append(after)
        solved = [0.0] * len(run)
        for i in range(len(run) - 1, -1, -1):
            solved[i] = (right[i] - (upper[i] * solved[i + 1] if i + 1 < len(run) else 0.0)) / diagonal[i]
        return solved


ZERO = Curve()


def keyed(keys: Iterable[Key]) -> Curve:
    """Make a curve of keys in any order; the later of two at one time counts."""
    by_time = {key.time: key for key in keys}
    ordered = [by_time[time] for time in sorted(by_time)]
    return Curve(
        times=tuple(key.time for key in ordered),
        values=tuple(key.value for key in ordered),
        special={i: key for i, key in enumerate(ordered) if key.interpolation != SMOOTH},
    )


def _limited(slope: float, before: float, after: float) -> float:
    """Keep a handle between the values of the keys beside it."""
    limit = 3 * min(abs(before), abs(after)) if before * after > 0 else 0.0
    return max(-limit, min(limit, slope))


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
