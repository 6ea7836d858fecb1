"""The planes of a matte: what is behind the objects first, then the objects. They sum to 1 at every pixel.

Few objects lie in one array. Of many, which are small then, each plane is kept where it is not 0, and is made whole when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, overload

import numpy as np


class Scattered:
    """Planes (n, h, w) of many objects, each kept in the box of what is not 0. It is read as an array of them is, plane by plane."""

    def __init__(self, size: tuple[int, int], pieces: Iterable[tuple[int, int, np.ndarray]]) -> None:
        """Take the size of a plane, and of each plane its first row, first column, and values."""
        self.size = size
        self._pieces = list(pieces)

    @classmethod
    def of(cls, planes: Iterable[np.ndarray], size: tuple[int, int]) -> Scattered:
        """Cut whole planes (h, w)."""
        return cls(size, map(_cut, planes))

    @classmethod
    def blank(cls, count: int, size: tuple[int, int]) -> Scattered:
        """Make planes of 0."""
        return cls(size, [(0, 0, np.zeros((0, 0), np.float32))] * count)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of planes, height, width."""
        return len(self), *self.size

    @property
    def nbytes(self) -> int:
        """Bytes that the values take."""
        return sum(values.nbytes for _, _, values in self._pieces)

    def __len__(self) -> int:
        return len(self._pieces)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[place] for place in range(len(self)))

    @overload
    def __getitem__(self, place: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, place: slice) -> Scattered: ...

    def __getitem__(self, place: int | slice) -> np.ndarray | Scattered:
        """Give one plane (h, w), made anew, or some planes, which are still kept as they were."""
        if isinstance(place, slice):
            return Scattered(self.size, self._pieces[place])
        return self.part(place, slice(0, self.size[0]))

    def __setitem__(self, place: int, plane: np.ndarray) -> None:
        """Replace a plane by another one (h, w)."""
        self._pieces[place] = _cut(plane)

    def part(self, place: int, rows: slice) -> np.ndarray:
        """Give some rows of a plane, (n, w), made anew."""
        top, left, values = self._pieces[place]
        height, width = values.shape
        part = np.zeros((rows.stop - rows.start, self.size[1]), values.dtype)
        first, last = max(top, rows.start), min(top + height, rows.stop)
        if first < last:
            part[first - rows.start : last - rows.start, left : left + width] = values[first - top : last - top]
        return part

    def blank_in(self, place: int, rows: slice) -> bool:
        """Say whether a plane is 0 in some rows."""
        top, _, values = self._pieces[place]
        return not values.size or top >= rows.stop or top + len(values) <= rows.start

    def astype(self, kind: type) -> Scattered:
        """Copy the planes as another type."""
        return Scattered(self.size, [(top, left, values.astype(kind)) for top, left, values in self._pieces])

    def copy(self) -> Scattered:
        """Copy the planes."""
        return Scattered(self.size, [(top, left, values.copy()) for top, left, values in self._pieces])

    def clip(self, least: float, most: float) -> Scattered:
        """Give the planes within bounds, of which the lower one is at most 0."""
        assert least <= 0, "what is not kept is 0"
        return Scattered(self.size, [(top, left, values.clip(least, most)) for top, left, values in self._pieces])

    def share_out(self) -> None:
        """Make the planes sum to 1, in place; as `share_out`."""
        total = self._total()
        for top, left, values in self._pieces[1:]:
            under = total[top : top + values.shape[0], left : left + values.shape[1]]
            np.divide(values, under, out=values, where=under > 1)
        self._pieces[0] = 0, 0, np.maximum(1 - self._total(), 0)

    def _total(self) -> np.ndarray:
        """Sum the objects, one after another, as a sum over the first axis of an array does."""
        total = np.zeros(self.size, np.float32)
        for top, left, values in self._pieces[1:]:
            total[top : top + values.shape[0], left : left + values.shape[1]] += values
        return total

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """Give all that is kept as arrays, to be written to a file."""
        places = np.array([(top, left, *values.shape) for top, left, values in self._pieces], np.int64)
        return {
            f"{name}.size": np.array(self.size),
            f"{name}.places": places,
            f"{name}.values": np.concatenate([v.ravel() for *_, v in self._pieces]),
        }

    @classmethod
    def from_arrays(cls, arrays: Any, name: str) -> Scattered:
        """Read what `arrays` gave."""
        height, width = (int(side) for side in arrays[f"{name}.size"])
        places, values = arrays[f"{name}.places"], arrays[f"{name}.values"]
        pieces = np.split(values, np.cumsum(places[:-1, 2] * places[:-1, 3]))
        return cls((height, width), [(int(t), int(c), piece.reshape(h, w)) for (t, c, h, w), piece in zip(places, pieces)])


Planes = np.ndarray | Scattered
"""Planes (n, h, w) at working size."""
AnyPlanes = TypeVar("AnyPlanes", bound=np.ndarray | Scattered)


def share_out(planes: AnyPlanes) -> AnyPlanes:
    """Make planes sum to 1, in place: objects of more than 1 together share the pixel, and what they leave is behind them.

    Args:
        planes: (1 + K, h, w) float32, each object in [0, 1]; the first plane is replaced.

    Returns:
        The same planes.
    """
    if isinstance(planes, Scattered):
        planes.share_out()
        return planes
    objects = planes[1:]
    total = objects.sum(axis=0)
    np.divide(objects, total, out=objects, where=total > 1)
    planes[0] = np.maximum(1 - objects.sum(axis=0), 0)
    return planes


def blank(planes: Planes, behind: bool = False) -> Planes:
    """Make a plane of 0 for each object, and one for what is behind them where that is wanted, kept in the same way; float32."""
    if isinstance(planes, Scattered):
        return Scattered.blank(len(planes) - (not behind), planes.size)
    return np.zeros_like(planes if behind else planes[1:], np.float32)


def as_kept(found: Iterable[np.ndarray], planes: Planes) -> list[np.ndarray] | Scattered:
    """Keep a plane (h, w) for each object in the way in which the planes are kept."""
    return Scattered.of(found, planes.size) if isinstance(planes, Scattered) else list(found)


def _cut(plane: np.ndarray) -> tuple[int, int, np.ndarray]:
    """Cut a plane to what is not 0; give its first row, its first column, and its values."""
    down, across = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
    if not down.size:
        return 0, 0, plane[:0, :0].copy()
    return int(down[0]), int(across[0]), plane[down[0] : down[-1] + 1, across[0] : across[-1] + 1].copy()
