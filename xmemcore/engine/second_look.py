"""The second look: a sweep also sees its frames in half the size, and what the first look loses is given back.

A small network understands best what is as large in the frame as what it was trained on. At half the size it keeps an object whole that
falls apart at the full one, and it misses thin things; so it only adds, and where it is sure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from xmemcore.engine.boxes import cells_of
from xmemcore.engine.frames import Annotation, Padding
from xmemcore.engine.permanent import OBJECTS_AT_ONCE

VERSION = 1
"""Raised whenever the same looks would give other mattes: it is part of signatures."""

WEIGHT = 0.3
"""How far an object's log odds go from the first look's to the second's, where the second is sure of it."""
LEAST = 0.001
"""Probabilities nearer than this to 0, or to 1, count as equally sure."""
RIM_PIXELS = 2
"""Width of the second look's outline, in its own pixels, which does not count beside what the first look finds: the outline is blurred."""
BESIDE_PIXELS = 4
"""Side of the squares, in the first look's pixels, in which it is told what is beside that which it finds."""
BESIDE_SQUARES = 2
"""How many squares around one that holds some of the object are beside it too."""
LONG_SWEEP_FRAMES = 20
"""Shorter sweeps do without: so near to a keyframe little is lost."""


def takes_second_look(sweep: Collection[int]) -> bool:
    """Say whether a sweep over these indices looks twice; all of it, however much of it is asked for."""
    return len(sweep) >= LONG_SWEEP_FRAMES


def halved(padding: Padding) -> Padding:
    """Give the size of the second look's pictures, with their padding."""
    return Padding(-(-padding.height // 2), -(-padding.width // 2))


def halved_image(image: Tensor, padding: Padding) -> Tensor:
    """Reduce a working image (1, 3, H, W), unpadded, to half the size."""
    half = halved(padding)
    if padding == Padding(2 * half.height, 2 * half.width):
        # The same sum of the same four pixels, in the same order, in a quarter of the time.
        upper, lower = image[..., ::2, :], image[..., 1::2, :]
        return (upper[..., ::2] + upper[..., 1::2]).add_(lower[..., ::2]).add_(lower[..., 1::2]).div_(4)
    return F.interpolate(image, size=(half.height, half.width), mode="area")


class HalvedMasks(Mapping[int, "Tensor | None"]):
    """The masks of an annotation in half the size, each made when it is asked for."""

    def __init__(self, masks: Mapping[int, Tensor | None]) -> None:
        self._masks = masks

    def __getitem__(self, obj: int) -> Tensor | None:
        mask = self._masks[obj]
        return None if mask is None else halved_image(mask[None, None].float(), Padding(*mask.shape))[0, 0]

    def __iter__(self) -> Iterator[int]:
        return iter(self._masks)

    def __len__(self) -> int:
        return len(self._masks)


def halved_annotation(annotation: Annotation) -> Annotation:
    """Give an annotation as the second look sees it."""
    return replace(annotation, masks=HalvedMasks(annotation.masks))


def enlarged(objects: Tensor, padding: Padding) -> Tensor:
    """Bring objects (K, h, w) of the second look to the first one's padded size.

    Returns:
        (2, K, H, W): as they were found, and without their rim.
    """
    both = torch.stack((objects, -_grown(-objects, RIM_PIXELS)))
    return padding.pad(F.interpolate(both, size=(padding.height, padding.width), mode="bilinear", align_corners=False))


class Found(Protocol):
    """What a second look finds on a frame, in its own size."""

    def __len__(self) -> int:
        """Count the objects."""

    def some(self, objects: Sequence[int]) -> Tensor:
        """Give planes of objects, (n, h, w), without padding."""


class Enlarged:
    """What a second look finds, as `enlarged` gives it, for some objects at a time; that of few objects is made once."""

    def __init__(self, found: Found, padding: Padding) -> None:
        """Take what is found, and the first look's padding."""
        self._found, self._padding = found, padding
        self._whole = enlarged(found.some(range(len(found))), padding) if len(found) <= OBJECTS_AT_ONCE else None

    def of(self, objects: list[int]) -> Tensor:
        """Give (2, len(objects), H, W)."""
        return enlarged(self._found.some(objects), self._padding) if self._whole is None else self._whole[:, objects]

    def cells(self) -> Tensor:
        """Say in which cells each object is found: booleans (K, h, w)."""
        everything = list(range(len(self._found)))
        some = (everything[first : first + OBJECTS_AT_ONCE] for first in range(0, len(everything), OBJECTS_AT_ONCE))
        return torch.cat([cells_of(self.of(objects)[:1]) for objects in some])


def given_back(probabilities: Tensor, second: Tensor) -> Tensor:
    """Raise what the first look finds towards what the second is sure of.

    Args:
        probabilities: (1, K, H, W), the first look's.
        second: (2, K, H, W), the second look's, as `enlarged` gives it.

    Returns:
        (1, K, H, W), nowhere lower than `probabilities`.
    """
    squares = _grown(F.max_pool2d(probabilities, BESIDE_PIXELS, ceil_mode=True), BESIDE_SQUARES) > 0.5
    beside = F.interpolate(squares.float(), scale_factor=BESIDE_PIXELS)[..., : probabilities.shape[-2], : probabilities.shape[-1]] > 0
    seen = torch.where(beside, second[1:], second[:1])
    first, other = (torch.logit(x, eps=LEAST) for x in (probabilities, seen))
    sure = (2 * seen - 1).clamp(0, 1)
    raised = torch.sigmoid(first + WEIGHT * sure * (other - first).clamp(min=0))
    return torch.where(sure > 0, torch.maximum(probabilities, raised), probabilities)


def _grown(planes: Tensor, pixels: int) -> Tensor:
    """Give the most that is found so many pixels around each pixel, down and across, (..., h, w)."""
    # A pooling gives the same in ten times the time, since it looks at every pixel's neighbours anew.
    for axis in (-2, -1):
        most, size = planes.clone(), planes.shape[axis]
        for step in range(1, min(pixels, size - 1) + 1):
            for place, neighbour in ((0, step), (step, 0)):
                kept = most.narrow(axis, place, size - step)
                torch.maximum(kept, planes.narrow(axis, neighbour, size - step), out=kept)
        planes = most
    return planes
