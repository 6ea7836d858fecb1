"""Motion blur: an edge that moves while the shutter is open is as wide as its way, and mostly the network answers it narrower.

The plate's flow to the frame that was predicted before says how far and where to the edge moves. Where the plate's colours change over
that way as evenly as a sharp edge that was blurred along it, the prediction becomes such an edge, so that all of the blur is undecided
and solved from the plate. Where they change at once, or by another width, nothing changes: the shutter was short, the edge is out of
focus, or the flow is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from xmemcore.shot.mattes.edges import ROOM_CELLS, cells_of, fitted, undecided
from xmemcore.shot.mattes.planes import Planes, share_out
from xmemcore.shot.plate.flow import squared

VERSION = 2
"""Raised whenever the same inputs would be blurred in another way: it is part of every signature."""

LEAST_CELLS = 4.0
"""Length of a blur up to which nothing changes, at working size: so much is undecided anyway. From twice that on all changes."""
MOST_APART = 2
"""Frames up to which a neighbour may be off: plates on twos have none that is nearer, and over a longer hole motion is guessed."""
SHUTTERS = (1.0, 0.5)
"""Shares of the time between two frames for which a shutter may have been open, the longest first."""
CLEARER = (0.4, 0.7)
"""By how much a blurred edge must be nearer to the plate than a sharp one, as a share of both distances: up to the first the plate
counts as sharp, from the second on as blurred."""
AROUND_CELLS = 31
"""Side of the square over which motion is averaged, and the two are compared."""
HARDNESS = 2.5
"""Factor by which the network's edge is made harder before it is blurred, because its own softness is no motion."""
MOVED_CELLS = 9
"""Side of the square in which a line of cells on the other side of one half says that a part is thinner than its way."""
SAMPLES = 9
"""Places along a way that are averaged."""


def blurred(planes: Planes, motion: np.ndarray, picture: Callable[[], np.ndarray], soft: Planes | None = None) -> Planes:
    """Make edges as wide as they move, where the plate's are; planes still sum to 1.

    Args:
        planes: (1 + K, h, w) float32, at working size.
        motion: (h, w, 2) float32, the way of each cell over one frame, in cells.
        picture: gives the plate's frame, (H, W, 3) float32; not asked where nothing moves fast.
        soft: (K, h, w) in [0, 1], where each object's edge is as soft as the artist wants it; None: nowhere.

    Returns:
        The same planes where nothing moves by more than `LEAST_CELLS`.
    """
    moving = [_edge_motion(plane, motion) for plane in planes[1:]]
    if all(moves is None for moves in moving):
        return planes
    plate, changed = picture(), planes.copy()
    for obj, moves in enumerate(moving):
        if moves is not None:
            plane = changed[obj + 1]
            change = _change(plane[moves.part], moves.ways, _colours(plate, plane.shape, moves.part))
            plane[moves.part] += change if soft is None else (1 - soft[obj][moves.part]) * change
            changed[obj + 1] = plane
    return share_out(changed)


@dataclass(frozen=True)
class _EdgeMotion:
    """How an edge moves, in the part of the frame where it is."""

    part: tuple[slice, slice]
    """Rows and columns of the working size, with room for what the edge may become."""
    ways: np.ndarray
    """(h, w, 2) of the part: the motion of the edge around each cell."""


def _edge_motion(plane: np.ndarray, motion: np.ndarray) -> _EdgeMotion | None:
    """Find how the edge of a plane (h, w) moves, given the motion (h, w, 2) of all cells; None where it moves too little."""
    edge = undecided(plane[None])
    places = [np.flatnonzero(edge.any(axis=axis)) for axis in (1, 0)]
    if not places[0].size:
        return None
    tight = tuple(slice(int(place[0]), int(place[-1]) + 1) for place in places)
    most = float((edge[tight] * squared(motion[tight])).max())
    if most <= LEAST_CELLS**2:
        return None
    room = math.ceil(math.sqrt(most) / 2) + ROOM_CELLS
    part = tuple(slice(max(side.start - room, 0), side.stop + room) for side in tight)
    # What moves counts more: beside an edge lies what stands still behind it.
    weight = (edge[part] * squared(motion[part])).astype(np.float32)
    total = np.maximum(_around(weight), 1e-6)
    ways = [_around(weight * motion[part][..., axis]) / total for axis in (0, 1)]
    return _EdgeMotion((part[0], part[1]), np.stack(ways, axis=-1))


def _colours(picture: np.ndarray, size: tuple[int, ...], part: tuple[slice, slice]) -> Sequence[np.ndarray]:
    """Average a picture (H, W, 3) over the cells of a part of the working size, a plane for each channel."""
    pixels, cells = [], []
    for side, length, count in zip(part, picture.shape, size):
        start, stop, _ = side.indices(count)
        pixels.append(slice(round(start * length / count), round(stop * length / count)))
        cells.append(stop - start)
    return cv2.split(cells_of(picture[tuple(pixels)], (cells[0], cells[1])))


def _change(plane: np.ndarray, ways: np.ndarray, colours: Sequence[np.ndarray]) -> np.ndarray:
    """Say what an open shutter makes of a plane (h, w) whose edge moves along ways (h, w, 2): nothing but to make it wider."""
    sharp = (HARDNESS * (plane - 0.5) + 0.5).clip(0, 1)
    length = np.hypot(ways[..., 0], ways[..., 1])
    edges = [_along(sharp, shutter * ways) for shutter in SHUTTERS]
    near = undecided(np.stack((edges[0], plane)))
    function, trust = fitted(colours, edges[0], near)
    seen = (sum(function[..., channel] * colours[channel] for channel in range(3)) + function[..., 3]).clip(0, 1)
    to_sharp = _around(near * np.abs(seen - sharp))
    change, most = np.zeros_like(plane), np.zeros_like(plane)
    for shutter, wide in zip(SHUTTERS, edges):
        to_wide = _around(near * np.abs(seen - wide))
        clearer = (to_sharp - to_wide) / np.maximum(to_sharp + to_wide, 1e-4)
        share = ((clearer - CLEARER[0]) / (CLEARER[1] - CLEARER[0])).clip(0, 1)
        share *= trust * _without_thin_parts(sharp, wide) * (shutter * length / LEAST_CELLS - 1).clip(0, 1)
        share = cv2.blur(share.astype(np.float32), (5, 5))
        better = share > most
        change[better], most[better] = (share * (wide - plane))[better], share[better]
    wider = np.abs(plane + change - 0.5) < np.abs(plane - 0.5)
    return np.where(wider, change, 0)


def _without_thin_parts(sharp: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """Say where an edge stays in its place when it gets wide, (h, w) in [0, 1]: a part that is thinner than its way would be gone."""
    moved = cv2.blur(((sharp >= 0.5) != (wide >= 0.5)).astype(np.float32), (MOVED_CELLS, MOVED_CELLS))
    return 1 - (moved * MOVED_CELLS).clip(0, 1)


def _along(plane: np.ndarray, ways: np.ndarray) -> np.ndarray:
    """Average a plane (h, w) along the way (h, w, 2) through each cell, which lies in its middle."""
    rows, columns = (axis.astype(np.float32) for axis in np.indices(plane.shape))
    total = np.zeros_like(plane)
    for place in np.linspace(-0.5, 0.5, SAMPLES, dtype=np.float32):
        at = columns + place * ways[..., 0], rows + place * ways[..., 1]
        total += cv2.remap(plane, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return total / SAMPLES


def _around(plane: np.ndarray) -> np.ndarray:
    return cv2.blur(plane.astype(np.float32), (AROUND_CELLS, AROUND_CELLS), borderType=cv2.BORDER_REFLECT)
