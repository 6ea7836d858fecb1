"""The planes of a frame's objects: together in one tensor, or, of many objects, each in a box outside which it is 0.

Many objects are small. Two hundred of them take a third of a gigabyte for every tensor of whole planes at 480 lines, and a tenth of
that in boxes. Both kinds answer the same questions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from xmemcore.engine.aggregation import aggregate
from xmemcore.engine.boxes import cells_of, clear_outside, union, within
from xmemcore.engine.frames import Annotation, Padding
from xmemcore.network.features import Box
from xmemcore.network.xmem import STRIDE, part

MOST_TOGETHER = 16
"""Most objects whose planes are kept whole, where there are boxes at all."""
VALUES_AT_ONCE = 2_000_000
"""Values of boxes that are aggregated at a time; the steps of it hold five times as much."""


class Whole:
    """Planes in one tensor."""

    def __init__(self, objects: Tensor, planes: Tensor | None = None) -> None:
        """Take objects (1, K, H, W), and the same behind the plane of the background (1, K + 1, H, W), where there is one."""
        self.tensor = objects
        self._planes = planes

    def __len__(self) -> int:
        """Count the objects."""
        return self.tensor.shape[1]

    @classmethod
    def of(cls, planes: Tensor) -> Whole:
        """Take planes (1, K + 1, H, W), the background first."""
        return cls(planes[:, 1:], planes)

    @property
    def planes(self) -> Tensor:
        """(K + 1, H, W), the background first."""
        assert self._planes is not None, "probabilities have no background before they are aggregated"
        return self._planes[0]

    def put(self, objects: Sequence[int], box: Box, found: Tensor) -> None:
        """Write what was found of objects, (1, n, h, w), into their box of cells."""
        top, left, bottom, right = (STRIDE * side for side in box)
        self.tensor[:, objects, top:bottom, left:right] = found

    def plane(self, obj: int) -> Tensor:
        """Give one object's plane (H, W); `keep` it where it was changed."""
        return self.tensor[0, obj]

    def keep(self, obj: int, plane: Tensor) -> None:
        """Take an object's `plane` back."""
        assert plane.data_ptr() == self.tensor[0, obj].data_ptr(), "a plane of a whole tensor is changed in place"

    def clear(self, obj: int) -> None:
        """Set an object to 0."""
        self.tensor[:, obj] = 0

    def aggregated(self, places: Sequence[Box | None]) -> Whole:
        """Aggregate where any object can be; elsewhere, and outside its own box, an object is exactly 0."""
        around = union(list(places))
        h, w = (side // STRIDE for side in self.tensor.shape[-2:])
        if all(box == (0, 0, h, w) for box in places):
            return Whole.of(aggregate(self.tensor))
        planes = torch.cat((torch.ones_like(self.tensor[:, :1]), torch.zeros_like(self.tensor)), dim=1)
        if around is not None:
            inside = aggregate(part(self.tensor, around, STRIDE), out=part(planes, around, STRIDE))
            for obj, box in enumerate(places):
                clear_outside(inside[:, obj + 1], None if box is None else within(box, around))
        return Whole.of(planes)

    def corrected(self, masks: Whole, known: Sequence[int]) -> Whole:
        """Put the artist's masks in place of the known objects, clear the others beneath them, and aggregate."""
        drawn = masks.tensor[:, known]
        probabilities = self.tensor * (drawn.amax(dim=1, keepdim=True) < 0.5)
        probabilities[:, known] = drawn
        return Whole.of(aggregate(probabilities))

    def with_what_is_left(self) -> Whole:
        """Let the background be what the objects leave."""
        self.planes[:1] = 1 - self.planes[1:].sum(dim=0, keepdim=True)
        return self

    def mixed(self, other: Whole, weight: float) -> Whole:
        """Go a share of the way to other planes."""
        return Whole.of(torch.lerp(self.planes, other.planes, weight).unsqueeze(0))

    def total(self) -> Tensor:
        """Sum the objects, (1, 1, H, W)."""
        return self.tensor.sum(dim=1, keepdim=True)

    def some(self, objects: Sequence[int]) -> Tensor:
        """Give the planes of objects, (1, n, H, W)."""
        return self.tensor[:, objects.start : objects.stop] if isinstance(objects, range) else self.tensor[:, list(objects)]

    def cells(self) -> Tensor:
        """Say in which cells each object has left a trace: booleans (K, h, w)."""
        return cells_of(self.tensor)

    def coverage(self) -> Tensor:
        """Say how much of each memory cell each object covers, (K, h * w)."""
        return F.avg_pool2d(self.tensor, STRIDE)[0].flatten(1)


class Boxed:
    """Planes of many objects, each in a box of cells outside which it is 0."""

    def __init__(self, objects: int, size: tuple[int, int], device: torch.device) -> None:
        """Begin with planes of 0, of a size in pixels."""
        self.size, self.device = size, device
        self.behind: Tensor | None = None
        """(H, W), the background; None before the objects are aggregated."""
        self.parts: list[tuple[Box, Tensor] | None] = [None] * objects
        """Box and (h, w) of each object; None: all of it is 0."""

    def __len__(self) -> int:
        """Count the objects."""
        return len(self.parts)

    @property
    def nbytes(self) -> int:
        """Bytes that the parts take."""
        behind = 0 if self.behind is None else self.behind.nbytes
        return behind + sum(values.nbytes for _, _, values in self._present())

    @property
    def planes(self) -> Tensor:
        """(K + 1, H, W), the background first; made anew."""
        assert self.behind is not None, "probabilities have no background before they are aggregated"
        return torch.cat((self.behind.unsqueeze(0), self.some(range(len(self)))[0]))

    def put(self, objects: Sequence[int], box: Box, found: Tensor) -> None:
        """Take what was found of objects, (1, n, h, w), in their box of cells."""
        for place, obj in enumerate(objects):
            self.parts[obj] = box, found[0, place]

    def plane(self, obj: int) -> Tensor:
        """Give one object's plane (H, W); `keep` it where it was changed."""
        return self.some([obj])[0, 0]

    def keep(self, obj: int, plane: Tensor) -> None:
        """Take an object's `plane` back, which is still 0 outside its box."""
        kept = self.parts[obj]
        if kept is not None:
            self.parts[obj] = kept[0], part(plane, kept[0], STRIDE).clone()

    def clear(self, obj: int) -> None:
        """Set an object to 0."""
        self.parts[obj] = None

    def aggregated(self, places: Sequence[Box | None] = ()) -> Boxed:
        """Aggregate each pixel's objects, some rows at a time; `places` are where the parts lie anyway."""
        shared = self._like()
        shared.behind = torch.ones(self.size, device=self.device)
        for obj, box, values in self._present():
            shared.parts[obj] = box, torch.empty_like(values, dtype=torch.float32)
        height, width = (side // STRIDE for side in self.size)
        rows = max(1, VALUES_AT_ONCE // (STRIDE**2 * width * max(1, len(self))))
        for top in range(0, height, rows):
            strip = top, 0, min(top + rows, height), width
            inside = [obj for obj, box, _ in self._present() if box[0] < strip[2] and strip[0] < box[2]]
            if not inside:
                continue
            planes = aggregate(self._some(inside, strip))
            part(shared.behind, strip, STRIDE).copy_(planes[0, 0])
            for place, obj in enumerate(inside):
                kept = shared.parts[obj]
                assert kept is not None, "only objects that are there are aggregated"
                common = _common(kept[0], strip)
                assert common is not None, "only objects that lie in the strip are aggregated"
                part(kept[1], within(common, kept[0]), STRIDE).copy_(part(planes[0, place + 1], within(common, strip), STRIDE))
        return shared

    def corrected(self, masks: Boxed, known: Sequence[int]) -> Boxed:
        """Put the artist's masks in place of the known objects, clear the others beneath them, and aggregate."""
        drawn, probabilities = torch.zeros(self.size, device=self.device), self._like()
        for obj, box, values in masks._present():
            if obj in known:
                probabilities.parts[obj] = box, values
                under = part(drawn, box, STRIDE)
                torch.maximum(under, values, out=under)
        for obj, box, values in self._present():
            if obj not in known:
                probabilities.parts[obj] = box, values * (part(drawn, box, STRIDE) < 0.5)
        return probabilities.aggregated()

    def with_what_is_left(self) -> Boxed:
        """Let the background be what the objects leave."""
        self.behind = 1 - self.total()[0, 0]
        return self

    def mixed(self, other: Boxed, weight: float) -> Boxed:
        """Go a share of the way to other planes."""
        assert self.behind is not None and other.behind is not None, "what is mixed is aggregated"
        mixed = self._like()
        mixed.behind = torch.lerp(self.behind, other.behind, weight)
        for obj, pair in enumerate(zip(self.parts, other.parts)):
            box = union([None if kept is None else kept[0] for kept in pair])
            if box is not None:
                mixed.parts[obj] = box, torch.lerp(self._some([obj], box)[0, 0], other._some([obj], box)[0, 0], weight)
        return mixed

    def total(self) -> Tensor:
        """Sum the objects, (1, 1, H, W)."""
        total = torch.zeros(1, 1, *self.size, device=self.device)
        for _, box, values in self._present():
            part(total, box, STRIDE).add_(values)
        return total

    def some(self, objects: Sequence[int]) -> Tensor:
        """Give the planes of objects, (1, n, H, W)."""
        return self._some(objects, (0, 0, self.size[0] // STRIDE, self.size[1] // STRIDE))

    def cells(self) -> Tensor:
        """Say in which cells each object has left a trace: booleans (K, h, w)."""
        found = torch.zeros(len(self), *(side // STRIDE for side in self.size), dtype=torch.bool, device=self.device)
        for obj, (top, left, bottom, right), values in self._present():
            found[obj, top:bottom, left:right] = cells_of(values[None, None])[0]
        return found

    def coverage(self) -> Tensor:
        """Say how much of each memory cell each object covers, (K, h * w)."""
        covered = torch.zeros(len(self), *(side // STRIDE for side in self.size), device=self.device)
        for obj, (top, left, bottom, right), values in self._present():
            covered[obj, top:bottom, left:right] = F.avg_pool2d(values[None, None], STRIDE)[0, 0]
        return covered.flatten(1)

    def _like(self) -> Boxed:
        return Boxed(len(self), self.size, self.device)

    def _present(self) -> Iterator[tuple[int, Box, Tensor]]:
        for obj, kept in enumerate(self.parts):
            if kept is not None:
                yield obj, *kept

    def _some(self, objects: Sequence[int], box: Box) -> Tensor:
        """Give what lies in a box of some objects, (1, n, h, w)."""
        planes = torch.zeros(1, len(objects), STRIDE * (box[2] - box[0]), STRIDE * (box[3] - box[1]), device=self.device)
        for place, obj in enumerate(objects):
            kept = self.parts[obj]
            if kept is not None and (common := _common(kept[0], box)) is not None:
                part(planes[0, place], within(common, box), STRIDE).copy_(part(kept[1], within(common, kept[0]), STRIDE))
        return planes


Planes = Whole | Boxed


def are_boxed(objects: int, boxes: bool) -> bool:
    """Say whether the planes of so many objects are kept in boxes, where the engine computes in boxes."""
    return boxes and objects > MOST_TOGETHER


def drawn(annotation: Annotation, objects: int, padding: Padding, device: torch.device, boxed: bool) -> Planes:
    """Turn the artist's masks into planes, padded and softly aggregated; an unknown or absent object is 0 before that."""
    if not boxed:
        whole = torch.zeros(1, objects, *padding.padded, device=device)
        inside = padding.unpad(whole)
        for obj, mask in annotation.masks.items():
            if mask is not None:
                inside[0, obj] = mask.to(device)
        return Whole.of(aggregate(whole))
    planes = Boxed(objects, padding.padded, device)
    for obj, mask in annotation.masks.items():
        if mask is not None and mask.any():
            plane = padding.pad(mask.to(device, torch.float32))
            box = _around(plane)
            planes.parts[obj] = box, part(plane, box, STRIDE).clone()
    return planes.aggregated()


def _around(plane: Tensor) -> Box:
    """Give the box of cells that holds all of a plane (H, W) that is not 0."""
    rows, columns = (plane.any(dim=axis).nonzero() // STRIDE for axis in (1, 0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _common(first: Box, second: Box) -> Box | None:
    """Give the box that two boxes have in common; None where they have none."""
    top, left, bottom, right = (choose(a, b) for choose, a, b in zip((max, max, min, min), first, second))
    return (top, left, bottom, right) if top < bottom and left < right else None
