"""Steady edges: where a matte is undecided, it is averaged with its neighbours in time, brought here along the optical flow.

The network answers each frame by itself, so an edge trembles. Of the values of all frames the least and the largest do not count, so that
one frame that is far off does not draw the edge along. Where the matte is decided nothing changes, and neither does a keyed frame; a
neighbour that has no edge near says something else altogether (the object is hidden there, or the flow is wrong), and does not count.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import cv2
import numpy as np

from xmemcore.shot.mattes.edges import undecided
from xmemcore.shot.mattes.planes import Planes, share_out
from xmemcore.shot.plate.flow import Ways

VERSION = 2
"""Raised whenever the same inputs would be steadied in another way: it is part of every signature."""

REACH = 2
"""Frames before and after that count; what lies farther off behind a hole of the plate does not."""
NEAR_CELLS = 4
"""How far a neighbour's edge may lie from this frame's."""


def steadied(planes: Planes, index: int, around: Mapping[int, Planes], flows: Ways) -> Planes:
    """Steady a prediction (1 + K, h, w) by those of neighbouring frames, where it is undecided; planes still sum to 1."""
    size = (planes.shape[1], planes.shape[2])
    ways = {neighbour: flows.way(index, neighbour, size) for neighbour in around}
    steady = planes.astype(np.float32)
    for obj, plane in enumerate(steady[1:], 1):
        band = undecided(plane[None])
        seen = [plane[band]]
        for neighbour, way in ways.items():
            neighbours = around[neighbour][obj].astype(np.float32)
            brought = cv2.remap(neighbours, way.columns, way.rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            seen.append(np.where(_near_edge(brought), brought, plane)[band])
        plane[band] = _middle(np.sort(seen, axis=0))
        steady[obj] = plane
    return share_out(steady)


def _near_edge(plane: np.ndarray) -> np.ndarray:
    """Say which cells (h, w) have both in and out around them."""
    around = np.ones((2 * NEAR_CELLS + 1,) * 2, np.uint8)
    return (cv2.dilate(plane, around) >= 0.5) & (cv2.erode(plane, around) < 0.5)


def _middle(values: np.ndarray) -> np.ndarray:
    """Average sorted values (frames, n) but for a quarter at either end, less one frame."""
    left_out = (len(values) - 1) // 4
    return values[left_out : len(values) - left_out].mean(axis=0)


def neighbours(index: int, delivers: Collection[int], frames: Sequence[int]) -> list[int]:
    """Name the frames of a gap that count for one of its frames; `frames` has the number of each frame of the plate."""
    near = (place for place in range(index - REACH, index + REACH + 1) if place != index and place in delivers)
    return [place for place in near if abs(frames[place] - frames[index]) <= REACH]


class Waiting:
    """Predictions of one group in one gap, until their neighbours are there."""

    def __init__(self, todo: Collection[int], delivers: Collection[int], frames: Sequence[int]) -> None:
        """Expect every frame of `todo` and its neighbours among those that the gap delivers; `frames` as of `neighbours`."""
        self._left, self._delivers, self._frames = set(todo), delivers, frames
        self._held: dict[int, Planes] = {}

    def put(self, index: int, planes: Planes) -> list[tuple[int, Planes, dict[int, Planes]]]:
        """Take a prediction; give those that are complete now, each with its neighbours by index."""
        self._held[index] = planes
        ready = []
        for place in sorted({index, *neighbours(index, self._delivers, self._frames)} & self._left & self._held.keys()):
            around = neighbours(place, self._delivers, self._frames)
            if all(other in self._held for other in around):
                ready.append((place, self._held[place], {other: self._held[other] for other in around}))
                self._left.discard(place)
        needed = {other for place in self._left for other in (place, *neighbours(place, self._delivers, self._frames))}
        self._held = {place: planes for place, planes in self._held.items() if place in needed}
        return ready
