"""Write why a frame is suggested, for an artist: the object, its fault, and the frames that have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xmemcore.shot.suggestion.doubt import LOST, TURNED, TWO_CANDIDATES, WEAK_SIGNS, Doubt, Stretch, stretches

REACH_FRAMES = 24
"""Farthest stretch, in frames, that can be the reason for a suggested frame."""
WEAK_FRAMES = 3
"""Frames that such a sign must last, and one that a blurred frame can show."""
NEAR_FRAMES = 2
"""A key this close to a stretch puts it right."""
FAR_FRAMES = 8
"""From here on the distance to the nearest key is named; nearer, appearance is what differs."""


@dataclass(frozen=True)
class Reason:
    """The reason for a suggested frame."""

    sentence: str
    object: str | None
    """Whose matte looks wrong; None: nobody's."""
    first: int
    """Index of the first frame of the stretch that looks wrong; the suggested frame itself where none does."""
    last: int
    """Index of the last frame of that stretch."""
    wrong: bool
    """Whether something looks wrong, and not only far from a key."""


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
    nearest: int,
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
        nearest: index of the key that explains it best.
        keyed: indices that have a key, or are suggested before this one.
        doubts: for each object, of every frame; empty where there are no mattes.
        names: of the objects.
        frames: the plate's frame numbers.
        suggested: indices of all suggestions, in their order; a stretch is named by the first that puts it right.
        told: reasons of those before this one. What none puts right is named by the first that is near, and not again.
    """
    named = [(said.object, said.first, said.last) for said in told]
    unnamed = [(obj, stretch) for obj, stretch in _stretches(doubts) if (names[obj], stretch.first, stretch.last) not in named]
    own = [(obj, stretch) for obj, stretch in unnamed if next((other for other in suggested if _mends(other, stretch)), index) == index]
    wrong = _worst(index, keyed, own)
    if wrong is not None:
        obj, stretch = wrong
        return Reason(f"{names[obj]}: {_on(stretch, frames)}", names[obj], stretch.first, stretch.last, True)
    turned = _turned(index, unnamed)
    if turned is not None:
        obj, stretch = turned
        return Reason(
            f"{names[obj]}: {TURNED}, like none of its keys, on {_span(stretch, frames)}", names[obj], stretch.first, stretch.last, False
        )
    distance = abs(frames[index] - frames[nearest])  # as an artist counts, over the holes of the plate too
    if distance >= FAR_FRAMES:
        text = f"{distance} frames from the nearest key ({frames[nearest]})"
    else:
        text = f"looks different from the keys around it; closest is {frames[nearest]}"
    return Reason(text, None, index, index, False)


def first_key_reason(share: float) -> str:
    """Say why a frame is the best first key, when `share` of the shot is explained by it."""
    return f"it looks most like the rest of the shot; a key here explains about {100 * share:.0f} % of it"


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
    first, last = frames[stretch.first], frames[stretch.last]
    return str(first) if first == last else f"{first}-{last}"
