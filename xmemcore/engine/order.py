"""The order of frames: gaps between keyframes, and the sweeps that fill each of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

MAX_BLEND_FRAMES = 8
"""Frames over which two sweeps that meet are cross-faded."""


@dataclass(frozen=True)
class Gap:
    """Frames that are computed together and depend on no other gap: the unit of work."""

    sweeps: tuple[tuple[int, ...], ...]
    """One or two sweeps, each the indices in the order in which they are stepped, beginning with a keyframe. The second runs against the
    first."""
    blend: tuple[int, ...] = ()
    """Indices that both sweeps give, ascending."""
    delivers: tuple[int, ...] = ()
    """Indices that this gap gives, ascending; a keyframe is delivered by the gap that follows it."""

    def sweeps_for(self, wanted: Collection[int]) -> list[tuple[int, ...]]:
        """Cut each sweep behind the last frame that is wanted; a sweep of which no frame is wanted becomes empty."""
        cut = []
        for sweep in self.sweeps:
            asked = [place for place, index in enumerate(sweep) if index in wanted and index in self.delivers]
            cut.append(sweep[: asked[-1] + 1] if asked else ())
        return cut

    def weight(self, number: int, index: int) -> float:
        """Say how much sweep `number` counts at an index that it steps through, in [0, 1]."""
        if index not in self.blend:
            return 1.0
        second = (self.blend.index(index) + 1) / (len(self.blend) + 1)
        return second if number == 1 else 1.0 - second


def forward_gap(length: int) -> Gap:
    """Plan the papers' order: every frame once, first to last."""
    everything = tuple(range(length))
    return Gap((everything,), delivers=everything)


def outward_gaps(length: int, keyframes: Collection[int]) -> list[Gap]:
    """Plan one sweep from each side of every gap, and one sweep before the first and after the last keyframe.

    Args:
        length: frames in the shot.
        keyframes: indices from which sweeps may begin, not empty.

    Returns:
        Gaps in the order of the shot; every index is delivered by exactly one.
    """
    places = sorted(keyframes)
    first, last = places[0], places[-1]
    gaps = [Gap((tuple(range(first, -1, -1)),), delivers=tuple(range(first)))] if first > 0 else []
    gaps += [_between(left, right) for left, right in zip(places, places[1:])]
    gaps.append(Gap((tuple(range(last, length)),), delivers=tuple(range(last, length))))
    return gaps


def _between(left: int, right: int) -> Gap:
    inner = right - left - 1
    if inner == 0:
        return Gap(((left,),), delivers=(left,))
    # A third of the gap at most: frames of the cross-fade are computed twice.
    fade = min(MAX_BLEND_FRAMES, -(-inner // 3))
    start = left + 1 + (inner - fade) // 2
    blend = tuple(range(start, start + fade))
    return Gap(
        (tuple(range(left, start + fade)), tuple(range(right, start - 1, -1))),
        blend,
        delivers=tuple(range(left, right)),
    )
