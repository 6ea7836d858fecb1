"""The engine's inputs: frames with their features, and annotations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from xmemcore.memory.searches import Searches
from xmemcore.network.features import Features
from xmemcore.network.xmem import IMAGE_DEVIATION, IMAGE_MEAN, STRIDE


@dataclass(frozen=True)
class Frame:
    """One frame at working size, padded."""

    make: Callable[[], Tensor]
    """Makes `image`."""
    features: Features
    searches: Searches | None = None
    """What memory has found for this frame, to be kept; None: nothing is."""

    @cached_property
    def image(self) -> Tensor:
        """(1, 3, H, W), normalised, H and W multiples of 16. Only a frame that is remembered needs it once it has its features."""
        return self.make()


class FrameSource(Protocol):
    """Give frames by index, in any order; some twice, some never."""

    def __len__(self) -> int:
        """Count the frames that exist."""

    def frame(self, index: int) -> Frame:
        """Give one frame; raises what reading the plate raises."""

    def name(self, index: int) -> str | None:
        """Name a frame's features; None where nothing is kept of it."""

    @property
    def padding(self) -> Padding:
        """How the working images were padded; the same for all."""

    @property
    def lane(self) -> Executor | None:
        """A thread that computes ahead of the one that asks for frames; None: nothing is computed ahead."""

    @property
    def half(self) -> FrameSource:
        """The same frames in half the size; asked for only where a second look is taken."""


@dataclass(frozen=True)
class Annotation:
    """The masks of one frame. An object that is not in `masks` is unknown there."""

    masks: Mapping[int, Tensor | None]
    """Object to mask (H, W) in [0, 1] at working size, unpadded; None: the object is absent."""

    @property
    def known(self) -> frozenset[int]:
        """Name the objects that are known here."""
        return frozenset(self.masks)


@dataclass(frozen=True)
class Padding:
    """Zeros around a working image that make its sides multiples of 16. Half are on each side, the odd one comes last, as in XMem."""

    height: int
    width: int

    @property
    def sides(self) -> tuple[int, int, int, int]:
        """Left, right, top, bottom, in pixels."""
        left, right = _halves(-self.width % STRIDE)
        top, bottom = _halves(-self.height % STRIDE)
        return left, right, top, bottom

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width with padding."""
        return self.height + -self.height % STRIDE, self.width + -self.width % STRIDE

    def pad(self, x: Tensor) -> Tensor:
        """Map (..., H, W) to its padded size."""
        return F.pad(x, self.sides)

    def unpad(self, x: Tensor) -> Tensor:
        """Take the padding off (..., H, W)."""
        left, _, top, _ = self.sides
        return x[..., top : top + self.height, left : left + self.width]


def at_hand(image: Tensor) -> Callable[[], Tensor]:
    """Give an image to whoever asks for it."""
    return lambda: image


def normalise(image: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    """Turn a display-encoded picture into what the network takes.

    Args:
        image: (H, W, 3) in [0, 1], row 0 at the top.

    Returns:
        (1, 3, H, W), not yet padded.
    """
    x = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).to(device).unsqueeze(0)
    mean, deviation = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (IMAGE_MEAN, IMAGE_DEVIATION))
    return (x - mean) / deviation


def _halves(total: int) -> tuple[int, int]:
    return total // 2, total - total // 2
