"""Pictures of the renderer: named float planes that are computed when somebody looks; y up, row 0 is the bottom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Picture:
    """A format, a box of pixels that exist, planes by full channel name (`rgba.red`), and metadata."""

    def __init__(
        self, form: list[Any], box: tuple[int, int, int, int], planes: dict[str, Any] | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        self.format = list(form)
        self.box = tuple(int(v) for v in box)
        self.planes: dict[str, Any] = planes or {}
        self.metadata = dict(metadata or {})

    @property
    def shape(self) -> tuple[int, int]:
        x, y, r, t = self.box
        return max(t - y, 0), max(r - x, 0)

    def plane(self, name: str) -> np.ndarray:
        """One channel over the picture's own box, float32 (h, w); zeros when there is no such channel."""
        plane = self.planes.get(name)
        if plane is None:
            return np.zeros(self.shape, np.float32)
        if callable(plane):
            plane = np.ascontiguousarray(plane(), dtype=np.float32)
            if plane.shape != self.shape:
                raise AssertionError(f"plane {name} is {plane.shape}, its box wants {self.shape}")
            self.planes[name] = plane
        return plane  # type: ignore[no-any-return]

    def over(self, name: str, box: tuple[int, int, int, int]) -> np.ndarray:
        """One channel over any box; black outside the pixels that exist (Nuke repeats the edge there: crop first)."""
        if box == self.box:
            return self.plane(name)
        x, y, r, t = box
        out = np.zeros((max(t - y, 0), max(r - x, 0)), np.float32)
        common = intersect(box, self.box)
        if common is not None and name in self.planes:
            cx, cy, cr, ct = common
            out[cy - y : ct - y, cx - x : cr - x] = self.plane(name)[
                cy - self.box[1] : ct - self.box[1], cx - self.box[0] : cr - self.box[0]
            ]
        return out

    def with_planes(self, changes: dict[str, Callable[[], np.ndarray]], box: tuple[int, int, int, int] | None = None) -> Picture:
        """The same picture with some channels replaced or added; over another box when one is given."""
        if box is None or box == self.box:
            planes = dict(self.planes)
            for name in self.planes:
                planes[name] = _later(self, name, self.box)
            planes.update(changes)
            return Picture(self.format, self.box, planes, self.metadata)
        planes = {name: _later(self, name, box) for name in self.planes}
        planes.update(changes)
        return Picture(self.format, box, planes, self.metadata)


def _later(picture: Picture, name: str, box: Any) -> Callable[[], np.ndarray]:
    return lambda: picture.over(name, box)


def intersect(a: Any, b: Any) -> Any | None:
    """Common box, or None."""
    box = (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    return box if box[0] < box[2] and box[1] < box[3] else None


def union(a: Any, b: Any) -> Any:
    """Smallest box around both; an empty one does not count."""
    if a[0] >= a[2] or a[1] >= a[3]:
        return b
    if b[0] >= b[2] or b[1] >= b[3]:
        return a
    return (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))


def format_box(form: list[Any]) -> tuple[int, int, int, int]:
    """The box of a whole format."""
    return (0, 0, int(form[0]), int(form[1]))
