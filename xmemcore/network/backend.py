"""Backends that compute the network, behind the few calls that a propagation makes. Plain torch is the only one today.

Another backend (compiled, quantised, another library) is a class with these calls, made in `backend_of`.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from xmemcore.network.features import Box, Features
from xmemcore.network.fusion import Surroundings
from xmemcore.network.inference import prepared
from xmemcore.network.xmem import XMem


class Backend(Protocol):
    """Computes one XMem. Tensors are on the device that it was made for; shapes are those of `XMem`, which says what each call means."""

    @property
    def dtype(self) -> torch.dtype:
        """What the decoder and the value encoder compute in."""

    @property
    def is_small(self) -> bool:
        """Whether its operations are so small that two of them side by side gain more than two cores in each."""

    def encode_key(self, image: Tensor) -> Features:
        """Encode a frame, (1, 3, H, W), normalised."""

    def part_of(self, features: Features, box: Box) -> Features:
        """Cut a frame's features to a box, with the decoder's plate terms."""

    def encode_value(
        self, image: Tensor, features: Features, masks: Tensor, others: Tensor, sensory: Tensor, deep_update: bool
    ) -> tuple[Tensor, Tensor]:
        """Encode the objects of a frame whose masks are known."""

    def reinforce(self, value: Tensor, sensory: Tensor) -> Tensor:
        """Give the sensory state after a memory frame whose value is known."""

    def decode(
        self,
        features: Features,
        readout: Tensor,
        sensory: Tensor,
        update_sensory: bool,
        inner: Box | None = None,
        around: Surroundings | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Decode objects in a part of a frame."""

    def surroundings(self, features: Features, readout: Tensor, sensory: Tensor, inside: Box) -> Surroundings:
        """Look at objects' fusion outside a part of a frame."""

    def empty_sensory(self, objects: int, height: int, width: int) -> Tensor:
        """Make an empty sensory state."""


def backend_of(network: XMem, level: str, plain: bool = False) -> Backend:
    """Make the backend of a network.

    Args:
        network: in float32, on its device.
        level: of rounding; see `inference`.
        plain: compute exactly as the papers describe, with the network itself.
    """
    return network if plain else prepared(network, level)
