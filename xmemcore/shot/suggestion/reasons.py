"""Write why a frame is suggested, for an artist: the object, its fault, and the frames that have it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from xmemcore.protocol.words import listed, plural
from xmemcore.shot.suggestion.doubt import LOST, TURNED, TWO_CANDIDATES, WEAK_SIGNS, Doubt, Stretch, stretches

REACH_FRAMES = 24
"""Farthest stretch, in frames, that can be the reason for a suggested frame."""
WEAK_FRAMES = 3
"""Frames that such a sign must last, and one that a blurred frame can show."""
NEAR_FRAMES = 2
"""A key this close to a stretch puts it right."""
FAR_FRAMES = 8
"""From here on the distance to the nearest key is reason enough; nearer, what the mattes show there is named too, where it is something."""
LESS_SURE = 1.25
"""Mean expected error of a stretch, beside that of all frames without a key, from which the stretch is called less sure."""
BESIDES_SHOWN = 3
"""Stretches that a reason names beside the worst one."""


@dataclass(frozen=True)
class Reason:
    """The reason for a suggested frame."""

    sentence: str
    object: str | None
    """Whom it is about; None: all, or the picture."""
    first: int
    """Index of the first frame of the stretch that looks wrong; the suggested frame itself where none does."""
    last: int
    """Index of the last frame of that stretch."""
    wrong: bool
    """Whether something looks wrong, and not only far from a key."""
    besides: tuple[tuple[str, int, int], ...] = ()
    """What else looks wrong that a key on the frame puts right, as far as the sentence names it: whose, first and last index."""

    def tells(self, name: str, index: int) -> bool:
        """Say whether the sentence names a stretch of an object that holds a frame."""
        stretches = ((self.object, self.first, self.last), *self.besides) if self.wrong else ()
        return any(name == whose and first <= index <= last for whose, first, last in stretches)


def mended(index: int, doubts: Sequence[Sequence[Doubt]]) -> list[int]:
    """List the frames that a key at an index puts right: those of the stretches that it lies in, or next to.

    Args:
        index: of the key.
        doubts: for each object, of every frame.
    """
    found = [stretch for _, stretch in _stretches(doubts) if stretch.reason != TURNED and _mends(index, stretch)]
    return sorted({frame for stretch in found for frame in range(stretch.first, stretch.last + 1)})


def wrong_stretches(doubts: Sequence[Sequence[Doubt]], names: Sequence[str], frames: Sequence[int]) -> list[str]:
    """Say what looks wrong anywhere, the worst first; arguments as for `reason`."""
    found = sorted(((obj, stretch) for obj, stretch in _stretches(doubts) if _alarms(stretch)), key=lambda each: -each[1].error)
    return [f"{names[obj]}: {_on(stretch, frames)}" for obj, stretch in found]


def reason(
    index: int,
    keys: Sequence[Collection[int]],
    keyed: Sequence[int],
    doubts: Sequence[Sequence[Doubt]],
    names: Sequence[str],
    frames: Sequence[int],
    suggested: Sequence[int] = (),
    told: Sequence[Reason] = (),
) -> Reason:
    """Say why a frame is suggested.

    Args:
        index: of the suggested frame.
        keys: for each object, the indices on which the artist's word decides it.
        keyed: indices that have a key of any object, or are suggested before this one.
        doubts: for each object, of every frame; empty where there are no mattes.
        names: of the objects.
        frames: the plate's frame numbers.
        suggested: indices of all suggestions, in their order; a stretch is named by the first that puts it right. It names the worst of
            those that it puts right, and the others behind it.
        told: reasons of those before this one. What none puts right is named by the first that is near, and not again.
    """
    named = [(said.object, said.first, said.last) for said in told]
    unnamed = [(obj, stretch) for obj, stretch in _stretches(doubts) if (names[obj], stretch.first, stretch.last) not in named]
    own = [(obj, stretch) for obj, stretch in unnamed if next((other for other in suggested if _mends(other, stretch)), index) == index]
    wrong = _worst(index, keyed, own)
    if wrong is not None:
        obj, stretch = wrong
        right_too = [other for other in own if other != wrong and _mends(index, other[1]) and _alarms(other[1])]
        right_too.sort(key=lambda each: -each[1].error)
        sentence = listed([f"{names[whose]}: {_on(some, frames)}" for whose, some in [wrong, *right_too]], 1 + BESIDES_SHOWN, "; ")
        besides = tuple((names[whose], some.first, some.last) for whose, some in right_too[:BESIDES_SHOWN])
        return Reason(sentence, names[obj], stretch.first, stretch.last, True, besides)
    turned = _turned(index, unnamed)
    if turned is not None:
        obj, stretch = turned
        return Reason(
            f"{names[obj]}: {TURNED}, like none of its keys, on {_span(stretch, frames)}", names[obj], stretch.first, stretch.last, False
        )
    earlier = set(keyed).difference(*keys)
    reach = [_Reach.of(index, found, earlier, frames) for found in keys or [()]]
    sentence, whom = _helps(index, reach, doubts, names, frames)
    return Reason(sentence, whom, index, index, False)


def first_key_reason(share: float) -> str:
    """Say why a frame is the best first key, when `share` of the shot is explained by it."""
    return f"it looks most like the rest of the shot; a key here explains about {100 * share:.0f} % of it"


@dataclass(frozen=True)
class _Reach:
    """Where a key of one object would be, beside those that it has or is suggested to get."""

    nearest: int
    """Index of the nearest of them."""
    distance: int
    """Frames to it as an artist counts them, over the holes of the plate too."""
    suggested: bool
    """Whether that one is only suggested."""
    first: int
    """Index of the first frame that is nearer to the new key than to any other."""
    last: int
    """Index of the last such frame."""

    @classmethod
    def of(cls, index: int, keys: Collection[int], earlier: Collection[int], frames: Sequence[int]) -> _Reach | None:
        """Find it among an object's keys and what is suggested before; None where the object is known already, or has no key anywhere."""
        others = sorted({*keys, *earlier})
        if index in others or not others:
            return None
        before = max((other for other in others if other < index), default=None)
        after = min((other for other in others if other > index), default=None)
        distance, nearest = min((abs(frames[other] - frames[index]), other) for other in others)
        first = 0 if before is None else (before + index) // 2 + 1
        last = len(frames) - 1 if after is None else (index + after + 1) // 2 - 1
        return cls(nearest, distance, nearest not in keys, first, last)


def _helps(
    index: int, reach: Sequence[_Reach | None], doubts: Sequence[Sequence[Doubt]], names: Sequence[str], frames: Sequence[int]
) -> tuple[str, str | None]:
    """Say whom a key would help where nothing looks wrong, how far it is from the next one, and which frames it helps.

    The object that is farthest from its own keys counts; of several, the one that is least sure. The nearest key of all may be a frame
    away, and be another object's.
    """
    found = [(obj, there) for obj, there in enumerate(reach) if there is not None]
    if not found:
        return "its objects are known there already", None
    distance = max(there.distance for _, there in found)
    alike = [(obj, there) for obj, there in found if there.distance == distance]
    obj, there = max(alike, key=lambda each: _mean_error(doubts[each[0]], each[1].first, each[1].last) if doubts else 0.0)
    everyone = not doubts and len(alike) == len(names) > 1 and len({each.nearest for _, each in alike}) == 1
    who = "all objects: " if everyone else f"{names[obj]}: " if names else ""
    near = f"{'their' if everyone else 'its'} nearest key ({frames[there.nearest]})"
    beside = f"{frames[there.nearest]}, suggested before it" if there.suggested else near
    sign = _mild(doubts[obj], there, frames) if doubts and distance < FAR_FRAMES else ""
    first, last = (max(each.first for _, each in alike), min(each.last for _, each in alike)) if everyone else (there.first, there.last)
    sentence = f"{who}{sign}{plural(distance, 'frame')} from {beside}; a key here helps {_numbers(first, last, frames)} most"
    return sentence, None if everyone or not names else names[obj]


def _mild(doubts: Sequence[Doubt], there: _Reach, frames: Sequence[int]) -> str:
    """Say what an object's mattes show around a suggested frame that is no fault; empty where they show nothing."""
    shown = [
        stretch for stretch in stretches(doubts) if stretch.reason != TURNED and stretch.first <= there.last and there.first <= stretch.last
    ]
    worst = max(shown, key=lambda stretch: stretch.error, default=None)
    if worst is not None:
        return f"{worst.reason} on {_span(worst, frames)}, as right mattes can be; "
    unkeyed = [doubt.error for doubt in doubts if doubt.error > 0]
    if _mean_error(doubts, there.first, there.last) > LESS_SURE * float(np.mean(unkeyed or [0.0])):
        return "less sure there than elsewhere; "
    return ""


def _mean_error(doubts: Sequence[Doubt], first: int, last: int) -> float:
    return round(float(np.mean([doubt.error for doubt in doubts[first : last + 1]])), 4)


def _stretches(doubts: Sequence[Sequence[Doubt]]) -> list[tuple[int, Stretch]]:
    """List every object's stretches, each with the number of its object."""
    return [(obj, stretch) for obj, doubts_of_object in enumerate(doubts) for stretch in stretches(doubts_of_object)]


def _worst(index: int, keyed: Sequence[int], unnamed: Sequence[tuple[int, Stretch]]) -> tuple[int, Stretch] | None:
    """Find the stretch between the keys around an index whose error weighs most, nearer ones more, and the number of its object."""
    before = max((key for key in keyed if key < index), default=-np.inf)
    after = min((key for key in keyed if key > index), default=np.inf)
    found = [
        (obj, stretch)
        for obj, stretch in unnamed
        if before < stretch.last and stretch.first < after and _apart(index, stretch) <= REACH_FRAMES and _alarms(stretch)
    ]
    return max(found, key=lambda each: each[1].error * float(np.exp(-_apart(index, each[1]) / REACH_FRAMES)), default=None)


def _apart(index: int, stretch: Stretch) -> int:
    """Count the frames from an index to a stretch; 0 inside it."""
    return max(stretch.first - index, index - stretch.last, 0)


def _mends(index: int, stretch: Stretch) -> bool:
    return _apart(index, stretch) <= NEAR_FRAMES


def _alarms(stretch: Stretch) -> bool:
    """Say whether a stretch is called wrong, and not only doubted."""
    return stretch.wrong >= (WEAK_FRAMES if stretch.reason.startswith((*WEAK_SIGNS, TWO_CANDIDATES)) else 1)


def _turned(index: int, unnamed: Sequence[tuple[int, Stretch]]) -> tuple[int, Stretch] | None:
    """Find the longest stretch around an index on which an object looks like none of its keys, and the number of the object."""
    found = [
        (obj, stretch)
        for obj, stretch in unnamed
        if stretch.reason == TURNED and len(stretch) >= WEAK_FRAMES and stretch.first <= index <= stretch.last
    ]
    return max(found, key=lambda each: len(each[1]), default=None)


def _on(stretch: Stretch, frames: Sequence[int]) -> str:
    if stretch.reason == LOST and len(stretch) > 1:
        return f"{LOST} for {len(stretch)} frames ({_span(stretch, frames)})"
    return f"{stretch.reason} on {_span(stretch, frames)}"


def _span(stretch: Stretch, frames: Sequence[int]) -> str:
    return _numbers(stretch.first, stretch.last, frames)


def _numbers(first: int, last: int, frames: Sequence[int]) -> str:
    return str(frames[first]) if first == last else f"{frames[first]}-{frames[last]}"
