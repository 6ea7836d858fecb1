"""Edges on the contact sheet: flicker along the shot, and crops of the worst edges at the plate's own resolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from xmemcore.evaluation.flicker import displacement
from xmemcore.shot.plate.flow import Flows, flow_size, grey_of
from xmemcore.shot.plate.resampling import resampled

LOOKED_AT = 120
"""Frames that are looked at; of longer shots an even spread of neighbours. A frame costs a plate and a matte that are read."""
CROP_PIXELS = 280
"""Side of a crop."""
CROPS = 5
LINE_PIXELS = 2
"""An edge whose in-between values are wider than this counts; a sharp one does not."""


@dataclass(frozen=True)
class Crop:
    """A part of one frame at the plate's resolution."""

    frame: int
    plate: np.ndarray
    """(n, n, 3) float32 in [0, 1]."""
    matte: np.ndarray
    """(n, n) float32."""


@dataclass(frozen=True)
class EdgeReport:
    """What was found of a shot's edges."""

    crops: tuple[Crop, ...]
    """Crops of the worst edges, the worst first, at most one a frame."""
    flicker: dict[int, float]
    """Flicker of each frame against the frame before, in pixels of the plate; only where both have an edge."""


def look_at_edges(frames: Sequence[int], picture: Callable[[int], np.ndarray], union: Callable[[int], np.ndarray]) -> EdgeReport:
    """Read plates and mattes, and judge their edges.

    Args:
        frames: that have a matte, ascending.
        picture: gives a frame of the plate, (H, W, 3) float32 in [0, 1].
        union: gives its matte, (H, W).
    """
    greys: dict[int, np.ndarray] = {}
    small: dict[int, np.ndarray] = {}
    flows = Flows(lambda index: greys[index])
    flicker: dict[int, float] = {}
    crops: list[tuple[float, Crop]] = []
    for frame in _spread(frames):
        plate, matte = picture(frame), union(frame)
        size = flow_size(*matte.shape)
        greys[frame] = grey_of(plate)
        small[frame] = resampled(matte, size)
        if frame - 1 in small:
            found = displacement(small[frame], small[frame - 1], flows.way(frame, frame - 1, size))
            if found is not None:
                flicker[frame] = found * matte.shape[0] / size[0]
            del greys[frame - 1], small[frame - 1]
        worst = _worst_of(frame, plate, matte)
        crops = sorted(crops if worst is None else [*crops, worst], key=lambda pair: -pair[0])[:CROPS]
    return EdgeReport(tuple(crop for _, crop in crops), flicker)


def _spread(frames: Sequence[int]) -> list[int]:
    """Choose the frames to look at, ascending: of a long shot pairs of neighbours, since an edge trembles against the frame before."""
    if len(frames) <= LOOKED_AT:
        return list(frames)
    firsts = np.linspace(0, len(frames) - 2, LOOKED_AT // 2).astype(int)
    return [frames[place] for place in np.unique((firsts, firsts + 1))]


def _worst_of(frame: int, plate: np.ndarray, matte: np.ndarray) -> tuple[float, Crop] | None:
    """Find the square of a frame with the widest undecided edges, and how much of it is undecided; None: nothing is."""
    between = ((matte > 0.05) & (matte < 0.95)).astype(np.uint8)
    wide = cv2.erode(between, np.ones((LINE_PIXELS + 1,) * 2, np.uint8))
    if not wide.any():
        return None
    side = min(CROP_PIXELS, *matte.shape)
    share = cv2.boxFilter(wide.astype(np.float32), -1, (side, side), borderType=cv2.BORDER_CONSTANT)
    # Many squares hold the same edges; the one in the middle of them shows the edges in its own middle.
    best = np.argwhere(share >= share.max() * (1 - 1e-6))
    row, column = best[np.square(best - best.mean(axis=0)).sum(axis=1).argmin()]
    top, left = (int(np.clip(place - side // 2, 0, length - side)) for place, length in zip((row, column), matte.shape))
    part = slice(top, top + side), slice(left, left + side)
    return float(share.max()), Crop(frame, plate[part].copy(), matte[part].copy())
