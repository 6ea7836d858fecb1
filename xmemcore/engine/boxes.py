"""Boxes in which objects can be, in cells of stride 16, from the last matte and from what memory finds in the frame."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import torch
from torch import Tensor

from xmemcore.network.features import Box
from xmemcore.network.xmem import STRIDE

MARGIN = 3
"""Cells added around the cells found: 48 pixels, the field of view of the decoder's last layer at strides 8 and 4."""
CONTEXT = 2
"""Cells around a box that the decoder needs at stride 16, where its field of view is larger."""
STEP = 4
"""Box sides are multiples of this many cells, so that few shapes occur."""
MOST = 0.7
"""A box that covers this share of the frame becomes the whole frame: a smaller one would save less than its copies cost."""
TRACE = 0.05
"""A cell of the last matte counts when a pixel of it has this probability."""
CELLS_AT_ONCE = 13_000
"""Cells of all objects that are decoded together: eight frames of 854 x 480. The compact decoder holds 20 KB for each."""
SEEN = 0.2
"""A cell counts when the elements that answer it are this much the object, on average."""


def cells_of(planes: Tensor) -> Tensor:
    """Say in which cells each object's matte has left a trace: (1, K, H, W) to booleans (K, h, w)."""
    height, width = (side // STRIDE for side in planes.shape[-2:])
    rows = planes[0].unflatten(1, (height, STRIDE)).amax(dim=2)  # the same as one pooling, in a third of the time
    return rows.unflatten(2, (width, STRIDE)).amax(dim=3) > TRACE


def boxes(trace: Tensor, presence: Tensor) -> list[Box | None]:
    """Give the box in which each object can be.

    Args:
        trace: (K, h, w) booleans, cells of the last matte.
        presence: (K, h, w), what memory finds.

    Returns:
        A box for each object; None for an object that is not in the frame.
    """
    found = (trace | (presence > SEEN)).cpu()
    return [_around(cells) for cells in found]


def _around(cells: Tensor) -> Box | None:
    """Give the box around some cells, with its margin and in steps; the whole frame when it is most of it."""
    height, width = cells.shape
    rows, columns = cells.any(dim=1).nonzero(), cells.any(dim=0).nonzero()
    if not len(rows):
        return None
    top, bottom = _side(int(rows[0]), int(rows[-1]) + 1, height)
    left, right = _side(int(columns[0]), int(columns[-1]) + 1, width)
    if (bottom - top) * (right - left) >= MOST * height * width:
        return 0, 0, height, width
    return top, left, bottom, right


def _side(first: int, last: int, size: int) -> tuple[int, int]:
    """Widen a half-open range by the margin, then to a multiple of the step, within [0, size)."""
    first, last = max(0, first - MARGIN), min(size, last + MARGIN)
    wanted = min(size, last - first + -(last - first) % STEP)
    first = max(0, min(first, size - wanted))
    return first, first + wanted


def by_box(places: list[Box | None]) -> dict[Box, list[int]]:
    """Group the objects that share a box, to be decoded together; objects without a box are left out."""
    shared: dict[Box, list[int]] = {}
    for obj, box in enumerate(places):
        if box is not None:
            shared.setdefault(box, []).append(obj)
    return shared


def some_by_box(places: list[Box | None]) -> Iterator[tuple[Box, list[int]]]:
    """Give boxes with the objects that share them, as many at a time as are decoded together."""
    for box, objects in by_box(places).items():
        for some in some_of(objects, area(box)):
            yield box, some


def some_of(objects: list[int], cells: int) -> Iterator[list[int]]:
    """Give as many objects at a time as are computed together in a box of so many cells."""
    together = max(1, CELLS_AT_ONCE // cells)
    for first in range(0, len(objects), together):
        yield objects[first : first + together]


def clear_outside(plane: Tensor, box: Box | None) -> None:
    """Set a plane (..., H, W) to 0 outside a box in cells; None: everywhere."""
    top, left, bottom, right = (0, 0, 0, 0) if box is None else (side * STRIDE for side in box)
    plane[..., :top, :] = 0
    plane[..., bottom:, :] = 0
    plane[..., top:bottom, :left] = 0
    plane[..., top:bottom, right:] = 0


def union(places: list[Box | None]) -> Box | None:
    """Give the box around all boxes; None when there is none."""
    boxes = [box for box in places if box is not None]
    if not boxes:
        return None
    tops, lefts, bottoms, rights = zip(*boxes)
    return min(tops), min(lefts), max(bottoms), max(rights)


def widened(box: Box, height: int, width: int) -> Box:
    """Add the context around a box, within the frame."""
    top, left, bottom, right = box
    return max(0, top - CONTEXT), max(0, left - CONTEXT), min(height, bottom + CONTEXT), min(width, right + CONTEXT)


def within(inner: Box, outer: Box) -> Box:
    """Give a box in the cells of another one that contains it."""
    top, left = outer[:2]
    return inner[0] - top, inner[1] - left, inner[2] - top, inner[3] - left


def positions(box: Box, width: int) -> Tensor:
    """Number the cells of a box in a frame so wide, row by row."""
    top, left, bottom, right = box
    return (torch.arange(top, bottom).unsqueeze(1) * width + torch.arange(left, right)).flatten()


def shared(boxes: Collection[Box]) -> dict[Box, Box]:
    """Say for each box in which larger one its plate terms are computed: boxes share one where that is no more work than each alone."""
    around: list[Box] = []
    for box in boxes:
        grown = True
        while grown:
            grown = False
            for other in around:
                joined = union([box, other])
                assert joined is not None, "two boxes have one around them"
                if area(joined) <= area(box) + area(other):
                    around.remove(other)
                    box, grown = joined, True
                    break
        around.append(box)
    return {box: next(outer for outer in around if union([box, outer]) == outer) for box in boxes}


def area(box: Box) -> int:
    """Count the cells of a box."""
    return (box[2] - box[0]) * (box[3] - box[1])
