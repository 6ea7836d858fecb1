"""Estimate how wrong the mattes of a shot are, frame by frame and object by object, and why.

No true masks are needed. The signs are a matte that is soft inside, ragged, far from a key, gone, split or suddenly of another size.
The weights were fitted on clips with known masks; docs/measurements.md has the quality on other clips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from xmemcore.shot.suggestion.likeness import Likeness

CERTAIN = 0.5
"""Matte value from which a pixel counts as the object's."""
LEAST_PIXELS = 4.0
"""Area in working pixels below which an object counts as not seen."""
PIECE_SHARE = 0.08
"""Share of the object's area below which a piece does not count as a part."""
SUDDEN = 1.8
"""Factor of a change of area between two frames that counts as a fault."""
LONGEST_LEAP = 24
"""Frames after which a matte that leapt and did not leap back counts as moved."""
FAR_FRAMES = 30.0
"""Distance to the nearest key, from which on more of it makes a matte no worse."""
WIDE_EDGE = 1.8
"""Half-transparent pixels for each pixel of the outline, from which an edge counts as unsure. A true mask has 1 to 1.35, thin or not."""
FAR_PIECE = 0.75
"""Gap between two pieces, beside the object's extent, from which they count as two places; a post in front leaves less."""
SIGHT_NUMBERS = 8
"""Length of `Sight.numbers`."""
LOST = "lost"
"""Sign of an object that is missing between frames that show it."""
TWO_CANDIDATES = "two candidates"
"""Sign of a matte beside another place that looks like the object at its keys."""
TURNED = "turned away"
"""Sign of a matte whose object looks like none of its keys. The matte may well be right; a key there shows what no other does."""
UNSURE_INSIDE, UNSURE_EDGE = "unsure inside", "edge unsure"
"""Signs of a matte that is half transparent within the object, and around it."""
IN_PLACES = "in "
"""Beginning of the signs of a matte in so many places."""
WEAK_SIGNS = (UNSURE_INSIDE, UNSURE_EDGE, IN_PLACES)
"""Beginnings of the signs that a right matte can show too."""
ALARM = 0.15
"""Expected error from which on a frame's sign is called wrong."""
WEAK_ALARM = 0.4
"""The same for signs that right mattes show too: a blurred object is soft at its edge, spokes are soft inside, and an object behind a tree
is in two places."""
BRIDGED_FRAMES = 2
"""Frames without a sign that do not part those on either side."""
SECOND_PLACE = 0.5
"""Size of the other place beside the matte's, from which there are two candidates. True masks of six clips reach it on one frame of 414,
mattes that lie elsewhere on nearly every one."""
UNLIKE = 0.5
"""Share of a matte that looks like its keys, below which the object has turned away."""

TOLD_ERRORS, SEEN_ERRORS = (0.0, 0.4, 1.0), (0.0, 0.22, 1.0)
"""Expected errors, and the errors that mattes with them had; see `expected_j`."""

GIVE_OR_TAKE = 0.1
"""How far the J that is told of a shot may lie from the true one: 61 of 64 measured runs lay within it."""

_SOFT, _RAGGED, _FAR, _HOLLOW, _ALWAYS = 0.13, 0.97, 0.06, 1.0, -0.025
"""Weights of the expected 1 - J; see `expected_error`."""


@dataclass(frozen=True)
class Sight:
    """One object's matte at one frame, at working size, in a few numbers."""

    area: float
    """Pixels that are the object's."""
    softness: float
    """Half-transparent pixels beside the area, in [0, 1]: 0 when every pixel is decided."""
    raggedness: float
    """Pixels along the outline, beside the area, in [0, 1]."""
    hollowness: float
    """1 minus the mean matte well inside the object, in [0, 1]."""
    place: tuple[float, float]
    """Centre, column and row, in pixels."""
    pieces: int
    """Parts that do not touch, crumbs left out."""
    gap: float = 0.0
    """Distance of the farthest part from the largest one, beside the square root of the area; 0 where there is one part."""

    @property
    def seen(self) -> bool:
        """Whether the object is visible."""
        return self.area >= LEAST_PIXELS

    def numbers(self) -> list[float]:
        """Give the fields in a row, for keeping."""
        return [self.area, self.softness, self.raggedness, self.hollowness, *self.place, float(self.pieces), self.gap]

    @classmethod
    def of_numbers(cls, numbers: Sequence[float]) -> Sight:
        """Read what `numbers` gave."""
        area, softness, raggedness, hollowness, column, row, pieces, gap = numbers
        return cls(area, softness, raggedness, hollowness, (column, row), round(pieces), gap)


def sight(matte: np.ndarray) -> Sight:
    """Reduce an object's matte (h, w), in [0, 1], at working size."""
    inside = (matte >= CERTAIN).astype(np.uint8)
    area = float(inside.sum())
    if area == 0:
        return Sight(0.0, 0.0, 0.0, 1.0 - float(matte.max(initial=0.0)), (0.0, 0.0), 0)
    outline = area - float(cv2.erode(inside, np.ones((3, 3), np.uint8), borderValue=1).sum())
    core = cv2.erode(inside, np.ones((5, 5), np.uint8), borderValue=1) > 0
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    parts = [label for label in range(1, count) if stats[label, cv2.CC_STAT_AREA] >= PIECE_SHARE * area]
    moments = cv2.moments(inside, binaryImage=True)
    return Sight(
        area=area,
        softness=min(1.0, float(4 * (matte * (1 - matte)).sum()) / max(area, 20.0)),
        raggedness=min(1.0, outline / area),
        hollowness=1.0 - float(matte[core].mean() if core.any() else matte[inside > 0].mean()),
        place=(moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]),
        pieces=len(parts),
        gap=_gap(labels, sorted(parts, key=lambda label: -stats[label, cv2.CC_STAT_AREA])) / float(np.sqrt(area)),
    )


def _gap(labels: np.ndarray, parts: Sequence[int]) -> float:
    """Give the distance in pixels of the farthest part from the first one; labels (h, w)."""
    if len(parts) < 2:
        return 0.0
    away = cv2.distanceTransform((labels != parts[0]).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return max(float(away[labels == part].min()) for part in parts[1:])


@dataclass(frozen=True)
class Doubt:
    """The expected error of one object's matte at one frame."""

    error: float
    """Expected 1 - J, in [0, 1]."""
    reason: str
    """The strongest sign, in words for an artist; empty when there is none."""
    keyed: bool = False
    """Whether the artist's word decides the frame."""

    @property
    def beyond(self) -> float:
        """How far the error is above what its sign is tolerated for; below 0 where the frame is not called wrong."""
        return self.error - (WEAK_ALARM if self.reason.startswith(WEAK_SIGNS) else ALARM)


@dataclass(frozen=True)
class Stretch:
    """Neighbouring frames on which one object is wrong, in whatever ways, or shows one sign."""

    first: int
    """Index of the first frame."""
    last: int
    """Index of the last frame."""
    reason: str
    """Its sign; of several, the one that weighs most."""
    error: float
    """Summed over the frames that show a sign."""
    wrong: int
    """Frames that say that the matte is wrong; 0 where the sign is tolerated."""

    def __len__(self) -> int:
        return self.last - self.first + 1


def stretches(found: Sequence[Doubt]) -> list[Stretch]:
    """Join what an object is doubted for into stretches, in the order of their first frames.

    Frames that are wrong belong together, whatever their signs: a matte that fails is soft on one frame and jumps on the next. A lost
    object and a turned one are told apart from that. So are signs that are tolerated, and a matte in so many places where nothing else
    is wrong: a right one behind a tree is in two places on one frame and in four on the next. A key parts what is wrong on either side.
    """
    keys = [index for index, doubt in enumerate(found) if doubt.keyed]
    told_apart = ("", LOST, TURNED)
    wrong = [index for index, doubt in enumerate(found) if doubt.reason not in told_apart and doubt.beyond >= 0]
    joined: list[Stretch] = []
    taken: set[int] = set()
    for some in _runs(wrong, keys):
        count = sum(not found[index].reason.startswith(IN_PLACES) for index in some)
        if count:
            within = [index for index in range(some[0], some[-1] + 1) if found[index].reason not in told_apart]
            joined.append(_stretch(within, found, count))
            taken.update(within)
    of_sign: dict[str, list[int]] = {}
    for index, doubt in enumerate(found):
        if doubt.reason and index not in taken:
            of_sign.setdefault(doubt.reason, []).append(index)
    for sign, indices in of_sign.items():
        joined += [_stretch(some, found, 0 if sign == TURNED else some[-1] - some[0] + 1) for some in _runs(indices, keys)]
    return sorted(joined, key=lambda stretch: stretch.first)


def _runs(indices: Sequence[int], keys: Sequence[int]) -> list[list[int]]:
    """Split ascending indices where more frames lie between two of them than are bridged, or a key does."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and index - runs[-1][-1] <= BRIDGED_FRAMES + 1 and not any(runs[-1][-1] < key < index for key in keys):
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs


def _stretch(indices: Sequence[int], found: Sequence[Doubt], count: int) -> Stretch:
    """Make the stretch of some frames; it is told by the sign that is farthest beyond what is tolerated, summed over its frames.

    Args:
        indices: ascending; frames between them show no sign, or one that is told apart.
        found: of every frame.
        count: frames that say that the matte is wrong, if the mean error from the first frame to the last is not tolerated.
    """
    weights: dict[str, float] = {}
    for index in indices:
        weights[found[index].reason] = weights.get(found[index].reason, 0.0) + found[index].beyond
    error = sum(found[index].error for index in indices)
    mean = error / (indices[-1] - indices[0] + 1)
    wrong = count if any(Doubt(mean, sign).beyond >= 0 for sign in weights) else 0
    return Stretch(indices[0], indices[-1], max(weights, key=weights.__getitem__), error, wrong)


@dataclass(frozen=True)
class Judgement:
    """What all objects' mattes are expected to be wrong by."""

    doubts: Sequence[Sequence[Doubt]]
    """For each object, of every frame; empty where no mattes were judged."""

    def errors(self) -> list[float]:
        """Give the expected error of each frame, the mean over the objects; [] where nothing was judged."""
        return np.mean([[doubt.error for doubt in found] for found in self.doubts], axis=0).tolist() if self.doubts else []

    def expected(self) -> list[float]:
        """Give the expected J of each frame, the mean over the objects; [] where nothing was judged."""
        return np.mean([[expected_j(doubt.error) for doubt in found] for found in self.doubts], axis=0).tolist() if self.doubts else []

    def lost(self) -> list[list[int]]:
        """List, for each object, the frames on which it is lost."""
        return [[index for index, doubt in enumerate(found) if doubt.reason == LOST] for found in self.doubts]


def doubts(
    sights: Sequence[Sight | None],
    keyed: Mapping[int, bool],
    alike: Sequence[Likeness | None] | None = None,
    fades: Sequence[Sequence[int]] = (),
) -> list[Doubt]:
    """Judge an object along a shot.

    Args:
        sights: by index; None where no matte is known.
        keyed: indices that are annotated, and whether the object is seen there; False: it is absent.
        alike: by index, how the matte compares with the object's keys; None: unknown.
        fades: for each gap, the indices over which its two sweeps are cross-faded.

    Returns:
        One for each index; on annotated frames without error.
    """
    shown_at = [index for index, seen in enumerate(sights) if seen is not None and seen.seen or keyed.get(index)]
    result = []
    for index, seen in enumerate(sights):
        if index in keyed:
            result.append(Doubt(0.0, "", keyed=True))
            continue
        distance = min((abs(index - key) for key in keyed), default=len(sights))
        if seen is None:
            result.append(Doubt(min(1.0, 0.1 + _FAR * distance / FAR_FRAMES), ""))
        elif not seen.seen:
            between = bool(shown_at) and shown_at[0] < index < shown_at[-1] and not _said_absent(index, keyed)
            result.append(Doubt(1.0, LOST) if between else Doubt(0.02, ""))
        else:
            result.append(_judged(sights, index, seen, distance, keyed, None if alike is None else alike[index]))
    for index, apart in _sweeps_apart(sights, keyed, fades).items():
        result[index] = replace(result[index], error=max(result[index].error, apart))
    for index, reason in _sudden(sights, keyed).items():
        result[index] = Doubt(min(1.0, result[index].error + 0.5), reason)
    return result


def expected_error(seen: Sight, distance: float) -> float:
    """Give the expected 1 - J of a matte, from itself and its distance in frames to the nearest key."""
    error = _SOFT * seen.softness + _RAGGED * seen.raggedness + _HOLLOW * seen.hollowness + _FAR * min(distance, FAR_FRAMES) / FAR_FRAMES
    return float(np.clip(error + _ALWAYS, 0.0, 1.0))


def expected_j(error: float) -> float:
    """Give the J that an artist is told of an expected error: what such mattes had on clips with known masks.

    The weights were fitted on runs without carried keys, refined edges and windows; today's mattes have about half of that error. A matte
    that is lost or swapped is as wrong as it was.
    """
    return 1.0 - float(np.interp(error, TOLD_ERRORS, SEEN_ERRORS))


def _judged(
    sights: Sequence[Sight | None], index: int, seen: Sight, distance: int, keyed: Mapping[int, bool], alike: Likeness | None
) -> Doubt:
    error, reason = expected_error(seen, distance), ""
    if seen.hollowness > 0.08:
        reason = UNSURE_INSIDE
    elif seen.softness > 0.6 and seen.softness > WIDE_EDGE * seen.raggedness:
        reason = UNSURE_EDGE
    nearest = min((key for key, shown in keyed.items() if shown), key=lambda key: abs(key - index), default=None)
    reference = None if nearest is None else sights[nearest]
    if alike is not None and alike.elsewhere >= SECOND_PLACE:
        error, reason = min(1.0, error + 0.25), TWO_CANDIDATES
    elif reference is not None and seen.pieces > max(reference.pieces, 1) and seen.gap > FAR_PIECE:
        error, reason = min(1.0, error + 0.1), f"{IN_PLACES}{'two' if seen.pieces == 2 else seen.pieces} places"
    elif alike is not None and alike.own < UNLIKE and not reason:
        reason = TURNED
    return Doubt(error, reason)


def _sweeps_apart(sights: Sequence[Sight | None], keyed: Mapping[int, bool], fades: Sequence[Sequence[int]]) -> dict[int, float]:
    """Give the least error that the disagreement of two sweeps shows, by index; it falls towards the keys that they begin at.

    In the middle of their cross-fade, pixels that one sweep gives to the object and the other does not are half transparent. What is so
    there and not beside the cross-fade is what they disagree on; one of the two is wrong in it, half of it on the average.
    """
    found: dict[int, float] = {}
    for fade in fades:
        inside, beside = ([sights[index] for index in some if 0 <= index < len(sights)] for some in (fade, (fade[0] - 1, fade[-1] + 1)))
        usual = max((seen.softness for seen in beside if seen is not None), default=0.0)
        apart = max((seen.softness - usual for seen in inside if seen is not None and seen.seen), default=0.0) / 2
        before, after = _keys_around(keyed, fade[0], fade[-1])
        if apart > 0 and before is not None and after is not None:
            middle = (fade[0] + fade[-1]) / 2
            for index in range(before + 1, after):
                reach = middle - before if index < middle else after - middle
                found[index] = apart * (1 - abs(index - middle) / reach)
    return found


def _sudden(sights: Sequence[Sight | None], keyed: Mapping[int, bool]) -> dict[int, str]:
    """Find frames whose matte leaps: all frames between a leap and the leap back, the frame behind a leap that has none.

    A leap is far beside the object's size and beside what it usually moves from frame to frame; a frame with a key never leaps.
    """
    pairs = [
        (index, before, after)
        for index, (before, after) in enumerate(zip(sights, sights[1:]))
        if before is not None and after is not None and before.seen and after.seen
    ]
    usual = float(np.median([_apart(before, after) for _, before, after in pairs])) if pairs else 0.0
    leaps: list[tuple[int, str]] = []
    for index, before, after in pairs:
        if max(before.area, after.area) > SUDDEN * min(before.area, after.area):
            leaps.append((index + 1, "suddenly smaller" if after.area < before.area else "suddenly larger"))
        elif _apart(before, after) > max(0.6 * np.sqrt(min(before.area, after.area)), 4 * usual, 4.0):
            leaps.append((index + 1, "jumps to another place"))
    found: dict[int, str] = {}
    place = 0
    while place < len(leaps):
        start, reason = leaps[place]
        back = leaps[place + 1][0] if place + 1 < len(leaps) else None
        if back is not None and back - start <= LONGEST_LEAP and not any(index in keyed for index in range(start, back)):
            found.update(dict.fromkeys(range(start, back), reason))
            place += 2
        else:
            if start not in keyed:
                found[start] = reason
            place += 1
    return found


def _apart(first: Sight, other: Sight) -> float:
    return float(np.hypot(first.place[0] - other.place[0], first.place[1] - other.place[1]))


def _said_absent(index: int, keyed: Mapping[int, bool]) -> bool:
    """Say whether the nearest key on either side has the object absent."""
    return any(key is not None and not keyed[key] for key in _keys_around(keyed, index, index))


def _keys_around(keyed: Mapping[int, bool], first: int, last: int) -> tuple[int | None, int | None]:
    """Give the nearest key on either side of some frames; None where there is none."""
    return max((key for key in keyed if key < first), default=None), min((key for key in keyed if key > last), default=None)
