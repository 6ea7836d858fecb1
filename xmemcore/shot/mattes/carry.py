"""No pop at keyed frames: what the artist's shape and the network's own answer differ by is carried to the frames around, and fades.

The network answers a keyed frame too, as if it were the next one of a shot that stands still. What the artist drew and the network did
not find there (a strap, a spoke, the exact line of a sleeve), it will not find on the next frame either; so the difference goes along with
the optical flow, weaker from frame to frame, from the keys on both sides of an object.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from xmemcore.shot.plate.flow import Flows, Way

VERSION = 1
"""Raised whenever the same inputs would be carried in another way: it is part of every signature."""

REACH = 24
"""Frames after which nothing of a key's difference is left, or the distance to the object's next key where that is nearer."""
FAINT = 1 / 64
"""Differences below this are the network's softness; they are not carried."""


@dataclass(frozen=True)
class _Difference:
    """One object's difference at one key, where there is any."""

    values: np.ndarray
    """(h, w) float32, the artist's shape minus the network's own."""
    row: int
    column: int
    """Of its first pixel."""

    def at(self, way: Way) -> np.ndarray:
        """Bring it to another frame; 0 around it."""
        return cv2.remap(self.values, way.columns - self.column, way.rows - self.row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


class KeyDifferences:
    """The differences of one competition group, and which keys count for a frame."""

    def __init__(self, keyed: Mapping[int, frozenset[int]], objects: int, grey: Callable[[int], np.ndarray]) -> None:
        """Prepare.

        Args:
            keyed: by plate index, the objects that are known there, counted as the group does.
            objects: K.
            grey: gives the grey picture (h, w) uint8 of an index.
        """
        self._keys = [sorted(index for index, known in keyed.items() if obj in known) for obj in range(objects)]
        self._flows = Flows(grey)
        self._found: dict[int, dict[int, _Difference]] = {}

    def keys_for(self, index: int) -> list[int]:
        """Name the keys whose difference counts at a frame."""
        return sorted({key for obj in range(len(self._keys)) for key, _ in self._weights(obj, index)})

    def looked_at(self, index: int) -> list[int]:
        """Name the frames whose pictures decide what is carried to a frame."""
        keys = self.keys_for(index)
        return list(range(min([index, *keys]), max([index, *keys]) + 1)) if keys else []

    def has(self, key: int) -> bool:
        """Say whether a key's difference is there."""
        return key in self._found

    def put(self, key: int, given: Mapping[int, np.ndarray], own: np.ndarray) -> None:
        """Take in a key's difference.

        Args:
            key: plate index.
            given: by object, the artist's soft shape (h, w).
            own: (1 + K, h, w), the network's own answer.
        """
        self._found[key] = {}
        for obj, shape in given.items():
            values = shape - own[obj + 1].astype(np.float32)
            there = np.abs(values) > FAINT
            if there.any():
                rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
                part = np.where(there, values, 0)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
                self._found[key][obj] = _Difference(np.ascontiguousarray(part, np.float32), int(rows[0]), int(columns[0]))

    def added_to(self, planes: np.ndarray, index: int) -> np.ndarray:
        """Add to a prediction (1 + K, h, w) what the keys around it say; the planes still sum to 1."""
        ways: dict[int, Way] = {}
        objects = planes[1:].astype(np.float32)
        for obj in range(len(objects)):
            for key, weight in self._weights(obj, index):
                difference = self._found[key].get(obj)
                if difference is not None:
                    if key not in ways:
                        ways[key] = self._flows.way(index, key, (planes.shape[1], planes.shape[2]))
                    objects[obj] += weight * difference.at(ways[key])
        if not ways:
            return planes
        objects = objects.clip(0, 1)
        total = objects.sum(axis=0)
        np.divide(objects, total, out=objects, where=total > 1)
        return np.concatenate((np.maximum(1 - objects.sum(axis=0, keepdims=True), 0), objects))

    def _weights(self, obj: int, index: int) -> Sequence[tuple[int, float]]:
        """Name the keys of an object that count at a frame, each with its weight in (0, 1]; none where the object is keyed."""
        keys = self._keys[obj]
        place = bisect.bisect_left(keys, index)
        if place < len(keys) and keys[place] == index:
            return []
        around = keys[max(place - 1, 0) : place + 1]
        gap = around[1] - around[0] if len(around) == 2 else REACH + 1
        weights = [(key, 1 - abs(index - key) / min(REACH + 1, gap)) for key in around]
        return [(key, weight) for key, weight in weights if weight > 0]
