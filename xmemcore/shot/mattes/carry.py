"""Carry the difference between the artist's shape and the network's answer from keyed frames to the frames around, so that nothing pops.

The network answers a keyed frame too, as if it were the next one of a shot that stands still. What the artist drew and the network did
not find there (a strap, a spoke, the exact line of a sleeve), it will not find on the next frame either; so the difference goes along with
the optical flow, weaker from frame to frame, from the keys on both sides of an object. Where the network's answer at the key, brought
along the same way, is not what it answers now, the flow is wrong or the object has turned: nothing is carried there.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from xmemcore.shot.mattes.drawn_keys import DrawnKeys
from xmemcore.shot.mattes.planes import Planes, blank, share_out
from xmemcore.shot.plate.flow import Way, Ways
from xmemcore.shot.plate.resampling import resampled

VERSION = 3
"""Raised whenever the same inputs would be carried in another way: it is part of every signature."""

REACH = 12
"""Frames over which a key's difference fades out, or the distance to the object's next key where that is nearer. Those that the plate has
not got count: over a hole the picture moves on unseen."""
AGREED, APART = 0.15, 0.3
"""Bounds of the mean difference, around a pixel, between the network's answer and its answer at the key, brought there. Up to the first
everything is carried, from the second on nothing."""
AROUND_PIXELS = 5
"""Side of the square that these means are taken over."""
NEAR = 4
"""Frames from a key within which the agreement of answers counts less the nearer the key is, because motion over one frame is sure."""
FEATHER_PIXELS = 3
"""An edge that takes more pixels of the plate from 0 to 1 is feathered; one without a feather takes one or two."""
SURE = 0.02
"""Answers within this of 0 or 1 are sure."""
TRACE, THIN_PART = 0.1, 0.25
"""Bounds of what is carried to where the network is sure that there is nothing, or nothing but the object. Up to the first it is an error
of the flow; from the second on it is a thin part that the network does not see."""
FAINT = 1 / 64
"""Differences below this are the network's softness; they are not carried."""


@dataclass(frozen=True)
class _Difference:
    """One object's difference at one key, cut to where there is any, or the object."""

    values: np.ndarray
    """(h, w, 3) float32: the artist's shape minus the network's own, the network's own, and where the artist's edge is feathered."""
    row: int
    column: int
    """Column of its first pixel."""

    @classmethod
    def of(cls, shape: np.ndarray, predicted: np.ndarray, feather: np.ndarray) -> _Difference | None:
        """Compare two planes; None where they say the same."""
        differs = np.abs(shape - predicted) > FAINT
        if not differs.any():
            return None
        values = np.stack((np.where(differs, shape - predicted, 0), predicted, feather), axis=-1)
        counts = differs | (predicted > FAINT) | (feather > 0)
        rows, columns = np.flatnonzero(counts.any(axis=1)), np.flatnonzero(counts.any(axis=0))
        part = np.ascontiguousarray(values[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], np.float32)
        return cls(part, int(rows[0]), int(columns[0]))

    def at(self, way: Way, answer: np.ndarray, distance: int) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray] | None:
        """Bring the difference to another frame. It is 0 where the network's answer there differs from its answer at the key.

        Args:
            way: from the other frame to the key.
            answer: (h, w), the network's at the other frame.
            distance: frames between the two.

        Returns:
            The part of the other frame in which any of it lies, with the difference and where the edge is feathered, as large as that
            part each; None where none of it does.
        """
        part = self._seen_from(way)
        if part is None:
            return None
        columns, rows = way.columns[part] - self.column, way.rows[part] - self.row
        at_key = cv2.remap(self.values, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        apart = cv2.blur(np.abs(at_key[..., 1] - answer[part]), (AROUND_PIXELS, AROUND_PIXELS))
        counts = ((APART - apart) / (APART - AGREED)).clip(max(0.0, 1 - (distance - 1) / (NEAR - 1)), 1)
        return part, at_key[..., 0] * counts, at_key[..., 2]

    def _seen_from(self, way: Way) -> tuple[slice, slice] | None:
        """Find the part of the other frame that comes to lie on the difference, with room for the means around its pixels."""
        height, width = self.values.shape[:2]
        inside = (way.rows > self.row - 2) & (way.rows < self.row + height + 1)
        inside &= (way.columns > self.column - 2) & (way.columns < self.column + width + 1)
        down, across = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        if not down.size:
            return None
        return tuple(slice(max(int(side[0]) - AROUND_PIXELS, 0), int(side[-1]) + 1 + AROUND_PIXELS) for side in (down, across))  # type: ignore[return-value]


class KeyDifferences:
    """The differences of one competition group, and which keys count for a frame."""

    def __init__(self, drawn: DrawnKeys, objects: int, flows: Ways, frames: Sequence[int]) -> None:
        """Prepare.

        Args:
            drawn: the keys.
            objects: K.
            flows: of the shot, or of a window.
            frames: number of each frame of the plate.
        """
        self._keys = [sorted(key for key, known in drawn.known.items() if obj in known) for obj in range(objects)]
        self.drawn, self.flows = drawn, flows
        self._frames = frames
        self._found: dict[int, dict[int, _Difference]] = {}

    def keys_for(self, index: int) -> list[int]:
        """Name the keys whose difference counts at a frame."""
        return sorted({key for obj in range(len(self._keys)) for key, _ in self.weights(obj, index)})

    def looked_at(self, index: int) -> list[int]:
        """Name the frames whose pictures decide what is carried to a frame."""
        keys = self.keys_for(index)
        return list(range(min([index, *keys]), max([index, *keys]) + 1)) if keys else []

    def has(self, key: int) -> bool:
        """Say whether a key's difference is there."""
        return key in self._found

    def put(
        self, key: int, shapes: Mapping[int, np.ndarray], predicted: np.ndarray, feathers: Mapping[int, np.ndarray] | None = None
    ) -> None:
        """Compute and keep a key's difference.

        Args:
            key: plate index.
            shapes: the artist's soft shape (h, w) of each object.
            predicted: (1 + K, h, w), the network's own answer.
            feathers: `feather_of` each object's matte; None: no edge is feathered.
        """
        drawn = ((obj, shape, np.zeros_like(shape) if feathers is None else feathers[obj]) for obj, shape in shapes.items())
        self._put(key, drawn, predicted)

    def _put(self, key: int, drawn: Iterable[tuple[int, np.ndarray, np.ndarray]], predicted: Planes) -> None:
        """Compute and keep a key's difference, object by object: its number, the artist's shape, and where that is feathered."""
        compared = ((obj, _Difference.of(shape, predicted[obj + 1].astype(np.float32), feather)) for obj, shape, feather in drawn)
        self._found[key] = {obj: difference for obj, difference in compared if difference is not None}

    def compare(self, key: int, predicted: Planes) -> None:
        """Compute and keep the difference between the artist's shapes and the network's own answer (1 + K, h, w) at a key."""
        self._put(key, _shapes_at(self.drawn, key, (predicted.shape[1], predicted.shape[2])), predicted)

    def added_to(self, planes: Planes, index: int) -> tuple[Planes, Planes]:
        """Add to a prediction (1 + K, h, w) the differences of the keys around it.

        Returns:
            Planes (1 + K, h, w), which still sum to 1; and where each object's edge is feathered, (K, h, w) in [0, 1].
        """
        soft = blank(planes)
        counting = [
            [(key, weight, self._found[key][obj]) for key, weight in self.weights(obj, index) if obj in self._found[key]]
            for obj in range(len(soft))
        ]
        if not any(counting):
            return planes, soft
        carried = planes.astype(np.float32)
        ways: dict[int, Way] = {}
        for obj, differences in enumerate(counting):
            plane, feather = carried[obj + 1], soft[obj]
            answer = plane.copy()
            for key, weight, difference in differences:
                if key not in ways:
                    ways[key] = self.flows.way(index, key, (planes.shape[1], planes.shape[2]))
                seen = difference.at(ways[key], answer, self._distance(index, key))
                if seen is None:
                    continue
                part, added, feathered = seen
                plane[part] += weight * added
                # A feather goes on until half way, then the plate takes over.
                np.maximum(feather[part], min(1.0, 2 * weight) * feathered, out=feather[part])
            carried[obj + 1], soft[obj] = _without_traces(plane, answer), feather
        return share_out(carried.clip(0, 1)), soft

    def weights(self, obj: int, index: int) -> Sequence[tuple[int, float]]:
        """Name the keys of an object that count at a frame, each with its weight in (0, 1]; none where the object is keyed."""
        keys = self._keys[obj]
        place = bisect.bisect_left(keys, index)
        if place < len(keys) and keys[place] == index:
            return []
        around = keys[max(place - 1, 0) : place + 1]
        gap = self._distance(*around) if len(around) == 2 else REACH + 1
        weights = [(key, 1 - self._distance(index, key) / min(REACH + 1, gap)) for key in around]
        return [(key, weight) for key, weight in weights if weight > 0]

    def _distance(self, index: int, other: int) -> int:
        return abs(self._frames[index] - self._frames[other])


def _shapes_at(drawn: DrawnKeys, key: int, size: tuple[int, int]) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Give a group's soft shapes at a key, one after another.

    Yields:
        The object, as the group counts them; its shape; and its `feather_of`: planes (h, w).
    """
    for obj in sorted(drawn.known[key]):
        matte = drawn.matte(key, obj)
        yield obj, resampled(matte, size), feather_of(matte, size)


def _without_traces(carried: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """Take back from a plane (h, w) what is too little for a thin part where the network's answer (h, w) is sure all around."""
    around = np.ones((AROUND_PIXELS, AROUND_PIXELS), np.uint8)
    empty, solid = cv2.dilate(answer, around) <= SURE, cv2.erode(answer, around) >= 1 - SURE
    values = np.where(empty, _above_traces(carried), carried)
    return np.where(solid, 1 - _above_traces(1 - values), values)


def _above_traces(values: np.ndarray) -> np.ndarray:
    return values * ((values - TRACE) / (THIN_PART - TRACE)).clip(0, 1)


def feather_of(matte: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Find where an artist's matte has a feathered edge.

    Args:
        matte: (H, W) in [0, 1], at the plate's size.
        size: height and width of the working size.

    Returns:
        (h, w) float32 in [0, 1]: the share of the edge's pixels around that are wider than any edge of a shape without a feather.
    """
    between, wide = np.zeros((2, *matte.shape), np.float32)
    # Only around what was drawn, with the pixel beyond that a slope looks at.
    sides = [np.flatnonzero(matte.any(axis=axis)) for axis in (1, 0)]
    if sides[0].size:
        around = tuple(slice(max(int(side[0]) - 1, 0), int(side[-1]) + 2) for side in sides)
        drawn = matte[around].astype(np.float32)
        slope = np.hypot(cv2.Sobel(drawn, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(drawn, cv2.CV_32F, 0, 1, scale=1 / 8))
        between[around] = (drawn > 0.05) & (drawn < 0.95)
        wide[around] = between[around] * (slope < 1 / FEATHER_PIXELS)
    edge, feathered = resampled(between, size), resampled(wide, size)
    side = (AROUND_PIXELS, AROUND_PIXELS)
    return np.where(cv2.blur(edge, side) > 0, cv2.blur(feathered, side) / np.maximum(cv2.blur(edge, side), 1e-6), 0).astype(np.float32)
