"""Compare an object's matte with its keys, cell by cell: does what it covers look like the object, and does another place look like it too?

Cells are compared by the network's keys, reduced as for the choice of keyframes. A cell looks like an object when it is nearer to one of
the object's cells at its keys than to all that lies around the object there: what a memory that holds the keys alone would answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

OWN, OTHER = 0.5, 0.2
"""Share of a cell that is an object's, from which it counts as the object's; and up to which it counts as none of it."""
LEAST_CELLS = 3
"""Cells of a matte below which nothing is said of it, and cells below which a place elsewhere does not count."""
KEYS_COMPARED = 8
"""Keys that a frame is compared with: those nearest in time."""


@dataclass(frozen=True)
class Likeness:
    """One object's matte at one frame, compared with the object's keys."""

    own: float
    """Share of its cells that look like the object, in [0, 1]."""
    elsewhere: float
    """Cells of the largest place apart from it, and from other objects, that look like the object, beside its own."""


class KeyLooks:
    """What the objects look like at their keys."""

    def __init__(self, looks: Mapping[int, Tensor], cells: Mapping[int, np.ndarray]) -> None:
        """Take the keys.

        Args:
            looks: (Ck, h, w) by index, of `coverage.look`; those of other frames do not matter.
            cells: (K, h, w) by index of a key: the share of each cell that is an object's; NaN for an object that is not keyed there.
        """
        self._keys = {index: (_elements(looks[index]), some.reshape(len(some), -1)) for index, some in cells.items() if index in looks}

    def likenesses(self, index: int, seen: Tensor, cells: np.ndarray) -> list[Likeness | None]:
        """Compare a frame's mattes with the keys that are nearest in time.

        Args:
            index: of the frame.
            seen: its look (Ck, h, w).
            cells: (K, h, w), the share of each cell that is an object's; NaN for an object without a matte.

        Returns:
            One for each object; None where its matte has too few cells, or the keys show no object or nothing else.
        """
        nearest = sorted(self._keys, key=lambda key: abs(key - index))[:KEYS_COMPARED]
        apart = [torch.cdist(self._keys[key][0], _elements(seen)).numpy() for key in nearest]
        return [self._likeness(obj, apart, nearest, cells) for obj in range(len(cells))]

    def _likeness(self, obj: int, apart: Sequence[np.ndarray], keys: Sequence[int], cells: np.ndarray) -> Likeness | None:
        inside = cells[obj] >= OWN
        shares = [self._keys[key][1][obj] for key in keys]
        # Comparisons with NaN are false: such a key says nothing of the object.
        own = [distances[share >= OWN] for distances, share in zip(apart, shares)]
        around = [distances[share <= OTHER] for distances, share in zip(apart, shares)]
        if inside.sum() < LEAST_CELLS or not any(map(len, own)) or not any(map(len, around)):
            return None
        alike = (np.concatenate(own).min(axis=0) < np.concatenate(around).min(axis=0)).reshape(inside.shape)
        others = np.nan_to_num(np.delete(cells, obj, axis=0)).sum(axis=0)
        free = alike & (others <= OTHER) & (cv2.dilate(inside.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
        _, _, stats, _ = cv2.connectedComponentsWithStats(free.astype(np.uint8), connectivity=8)
        largest = max(stats[1:, cv2.CC_STAT_AREA], default=0)
        return Likeness(float(alike[inside].mean()), float(largest / inside.sum()) if largest >= LEAST_CELLS else 0.0)


def along(compared: Mapping[int, Likeness | None], length: int, reach: int) -> list[Likeness | None]:
    """Give each frame of a shot the likeness of the nearest compared frame, where that is at most `reach` frames away.

    Each is the median of three neighbours, because a single frame may be blurred.
    """
    frames = sorted(index for index, found in compared.items() if found is not None)
    steady = {}
    for place, index in enumerate(frames):
        near = [compared[other] for other in frames[max(place - 1, 0) : place + 2] if abs(other - index) <= 2 * reach + 1]
        steady[index] = Likeness(*(float(np.median([getattr(some, name) for some in near])) for name in ("own", "elsewhere")))
    nearest = [min(frames, key=lambda other: abs(other - index), default=None) for index in range(length)]
    return [None if other is None or abs(other - index) > reach else steady[other] for index, other in enumerate(nearest)]


def cells_of(matte: Tensor, size: Sequence[int]) -> np.ndarray:
    """Reduce a padded matte (H, W) to the share of each of the cells (h, w) that is covered."""
    rows, columns = size
    return torch.nn.functional.adaptive_avg_pool2d(matte[None, None].float(), (rows, columns))[0, 0].numpy()


def _elements(look: Tensor) -> Tensor:
    """Lay out a look as (h * w, Ck)."""
    return look.float().flatten(1).T.contiguous()
