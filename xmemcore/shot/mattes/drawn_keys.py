"""What the artist drew at the keys of a competition group, and the plate there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from xmemcore.shot.annotations.annotations import Annotations
from xmemcore.shot.annotations.objects import Group
from xmemcore.shot.files.box import Box
from xmemcore.shot.plate.plate import Plate


class DrawnKeys(Protocol):
    """The keys of one group. They are plate indices; objects are counted as the group counts them."""

    @property
    def known(self) -> Mapping[int, frozenset[int]]:
        """Objects that are known, by key."""

    def matte(self, key: int, obj: int) -> np.ndarray:
        """Give an object's matte at the plate's size, (H, W) float32 in [0, 1]."""

    def picture(self, key: int) -> np.ndarray:
        """Read the plate, (H, W, 3) float32, display-encoded in [0, 1]."""


@dataclass(frozen=True)
class GroupKeys:
    """The keys of one group of a shot; see DrawnKeys."""

    plate: Plate
    annotations: Annotations
    group: Group
    known: Mapping[int, frozenset[int]]
    parts: Mapping[int, Box] = field(default_factory=dict)
    """Part of the canvas that is seen, by key, in pixels counted from its corner; without one all of it."""

    def matte(self, key: int, obj: int) -> np.ndarray:
        """Give an object's matte of what is seen."""
        return np.asarray(self._seen(key, self.annotations.matte(self.plate.frames[key], self.group.objects[obj])), np.float32)

    def picture(self, key: int) -> np.ndarray:
        """Read what is seen."""
        return self._seen(key, self.plate.read(self.plate.frames[key]))

    def _seen(self, key: int, plane: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(plane[self.parts[key].slices]) if key in self.parts else plane
