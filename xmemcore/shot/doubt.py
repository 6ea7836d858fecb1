"""How wrong the mattes of a shot are expected to be, frame by frame and object by object, and why.

No truth is needed: a matte that is soft inside, ragged, far from a key, gone, split or suddenly of another size tells by itself.
The weights of the expectation were fitted on clips with known masks; docs/measurements.md has how well they do on others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

CERTAIN = 0.5
"""Matte value from which a pixel counts as the object's."""
LEAST_PIXELS = 4.0
"""Area in working pixels below which an object counts as not seen."""
PIECE_SHARE = 0.08
"""Of the object's area: smaller pieces are crumbs, not parts."""
SUDDEN = 1.8
"""Times by which an area changes from one frame to the next when something is wrong."""
FAR_FRAMES = 30.0

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

    @property
    def seen(self) -> bool:
        """Whether there is anything."""
        return self.area >= LEAST_PIXELS


def sight(matte: np.ndarray) -> Sight:
    """Reduce an object's matte (h, w), in [0, 1], at working size."""
    inside = (matte >= CERTAIN).astype(np.uint8)
    area = float(inside.sum())
    if area == 0:
        return Sight(0.0, 0.0, 0.0, 1.0 - float(matte.max(initial=0.0)), (0.0, 0.0), 0)
    outline = area - float(cv2.erode(inside, np.ones((3, 3), np.uint8), borderValue=1).sum())
    core = cv2.erode(inside, np.ones((5, 5), np.uint8), borderValue=1) > 0
    count, _, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    sizes = stats[1:count, cv2.CC_STAT_AREA]
    moments = cv2.moments(inside, binaryImage=True)
    return Sight(
        area=area,
        softness=min(1.0, float(4 * (matte * (1 - matte)).sum()) / max(area, 20.0)),
        raggedness=min(1.0, outline / area),
        hollowness=1.0 - float(matte[core].mean() if core.any() else matte[inside > 0].mean()),
        place=(moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]),
        pieces=int((sizes >= PIECE_SHARE * area).sum()),
    )


@dataclass(frozen=True)
class Doubt:
    """What is expected of one object's matte at one frame."""

    error: float
    """Expected 1 - J, in [0, 1]."""
    reason: str
    """The strongest sign, in words for an artist; empty when there is none."""


def doubts(sights: Sequence[Sight | None], keyed: Mapping[int, bool]) -> list[Doubt]:
    """Judge an object along a shot.

    Args:
        sights: by index; None where no matte is known.
        keyed: indices that are annotated, and whether the object is seen there; False: it is absent.

    Returns:
        One for each index; on annotated frames without error.
    """
    there = [index for index, seen in enumerate(sights) if seen is not None and seen.seen or keyed.get(index)]
    result = []
    for index, seen in enumerate(sights):
        if index in keyed:
            result.append(Doubt(0.0, ""))
            continue
        distance = min((abs(index - key) for key in keyed), default=len(sights))
        if seen is None:
            result.append(Doubt(min(1.0, 0.1 + _FAR * distance / FAR_FRAMES), ""))
        elif not seen.seen:
            between = bool(there) and there[0] < index < there[-1] and not _said_absent(index, keyed)
            result.append(Doubt(1.0, "lost") if between else Doubt(0.02, ""))
        else:
            result.append(_judged(sights, index, seen, distance, keyed))
    return result


def expected_error(seen: Sight, distance: float) -> float:
    """Give the expected 1 - J of a matte, from itself and its distance in frames to the nearest key."""
    error = _SOFT * seen.softness + _RAGGED * seen.raggedness + _HOLLOW * seen.hollowness + _FAR * min(distance, FAR_FRAMES) / FAR_FRAMES
    return float(np.clip(error + _ALWAYS, 0.0, 1.0))


def _judged(sights: Sequence[Sight | None], index: int, seen: Sight, distance: int, keyed: Mapping[int, bool]) -> Doubt:
    error, reason = expected_error(seen, distance), ""
    if seen.hollowness > 0.08:
        reason = "unsure inside"
    elif seen.softness > 0.6:
        reason = "edge unsure"
    nearest = min((key for key, shown in keyed.items() if shown), key=lambda key: abs(key - index), default=None)
    reference = None if nearest is None else sights[nearest]
    if reference is not None and seen.pieces > max(reference.pieces, 1):
        error, reason = min(1.0, error + 0.1), "in two places" if seen.pieces == 2 else f"in {seen.pieces} places"
    for step in (-1, 1):
        neighbour = sights[index + step] if 0 <= index + step < len(sights) else None
        if neighbour is None or not neighbour.seen:
            continue
        ratio = max(seen.area, neighbour.area) / min(seen.area, neighbour.area)
        apart = float(np.hypot(*np.subtract(seen.place, neighbour.place)))
        if ratio > SUDDEN:
            error, reason = min(1.0, error + 0.2), "suddenly " + ("smaller" if seen.area < neighbour.area else "larger")
        elif apart > 0.6 * np.sqrt(seen.area) and apart > 4:
            error, reason = min(1.0, error + 0.2), "jumps to another place"
    return Doubt(error, reason)


def _said_absent(index: int, keyed: Mapping[int, bool]) -> bool:
    """Say whether the nearest key on either side has the object absent."""
    before = max((key for key in keyed if key < index), default=None)
    after = min((key for key in keyed if key > index), default=None)
    return any(key is not None and not keyed[key] for key in (before, after))
