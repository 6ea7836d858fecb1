"""Run a short clip through the network with gradients, in the engine's order, for learning a shot and for training a model.

Annotated frames are in memory from the start, whether they come before or after a query; predictions enter memory as they
are made, in a given share; the sensory state goes from frame to frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from xmemcore.engine.aggregation import others_of
from xmemcore.engine.losses import competing_logits
from xmemcore.memory.affinity import similarity, top_k_softmax
from xmemcore.network.features import Features
from xmemcore.network.xmem import IMAGE_DEVIATION, IMAGE_MEAN, STRIDE, XMem


@dataclass(frozen=True)
class Roles:
    """What the frames of a batch are for; the first is always annotated."""

    annotated: tuple[bool, ...]
    remembered: tuple[bool, ...]
    """Whether a frame's prediction enters memory; used only for frames that are not annotated."""


def normalised(frames: Tensor) -> Tensor:
    """Map (B, T, H, W, 3) uint8 to (B * T, 3, H, W) as the network takes it."""
    x = frames.flatten(0, 1).permute(0, 3, 1, 2).float() / 255
    mean, deviation = (torch.tensor(v, device=x.device).view(1, 3, 1, 1) for v in (IMAGE_MEAN, IMAGE_DEVIATION))
    return ((x - mean) / deviation).contiguous(memory_format=torch.channels_last)


def segment(network: XMem, frames: Tensor, labels: Tensor, objects: int, roles: Roles) -> Iterator[tuple[int, Tensor]]:
    """Predict every frame that is not annotated.

    Args:
        network: in training.
        frames: (B, T, H, W, 3) uint8, sides multiples of 16.
        labels: (B, T, H, W), 0..objects.
        objects: K.
        roles: what each frame is for.

    Yields:
        The frame's index and its competing logits (B, K + 1, H, W).
    """
    batch, length, height, width = frames.shape[:4]
    images = normalised(frames)
    features = _by_frame(network.plate_terms(network.encode_key(images)), batch)
    images = images.unflatten(0, (batch, length))
    masks = (labels.unsqueeze(2) == torch.arange(1, objects + 1, device=labels.device).view(1, 1, -1, 1, 1)).float()
    sensory = torch.zeros(batch, objects, network.config.sensory_dim, height // STRIDE, width // STRIDE, device=frames.device)
    memory = _Memory()
    values: dict[int, Tensor] = {}
    for t in range(length):
        if roles.annotated[t]:
            values[t], _ = network.encode_value(images[:, t], features[t], masks[:, t], others_of(masks[:, t]), sensory, deep_update=False)
            memory.add(features[t], values[t])
    for t in range(length):
        if roles.annotated[t]:
            sensory = network.value_encoder.hidden_reinforce(values[t], sensory)
            continue
        remembers = roles.remembered[t] and t + 1 < length
        sensory, logits = network.decode(features[t], memory.read(features[t]), sensory, update_sensory=not remembers and t + 1 < length)
        competing = competing_logits(logits)
        yield t, competing
        if remembers:
            predicted = torch.softmax(competing, dim=1)[:, 1:]
            value, sensory = network.encode_value(images[:, t], features[t], predicted, others_of(predicted), sensory, deep_update=True)
            memory.add(features[t], value)


class _Memory:
    """Elements of all remembered frames."""

    def __init__(self) -> None:
        self._keys: list[Tensor] = []
        self._shrinkages: list[Tensor] = []
        self._values: list[Tensor] = []

    def add(self, features: Features, value: Tensor) -> None:
        self._keys.append(features.key.flatten(2))
        self._shrinkages.append(features.shrinkage.flatten(2))
        self._values.append(value.flatten(3))

    def read(self, features: Features) -> Tensor:
        """Give (B, K, Cv, h, w)."""
        value = torch.cat(self._values, dim=3)
        # Squared distances cancel badly: 8 bits of mantissa would not do.
        with torch.autocast(value.device.type, enabled=False):
            scores = similarity(
                torch.cat(self._keys, dim=2).float(),
                torch.cat(self._shrinkages, dim=2).float(),
                features.key.flatten(2).float(),
                features.selection.flatten(2).float(),
            )
            affinity = top_k_softmax(scores, None)
        readout = value.flatten(1, 2) @ affinity.to(value.dtype)
        return readout.view(*value.shape[:3], *features.key.shape[-2:])


def _by_frame(features: Features, batch: int) -> list[Features]:
    """Take the features of a folded batch apart, one for each frame."""
    length = features.key.shape[0] // batch
    taken = {name: x.unflatten(0, (batch, length)) for name, x in features.tensors().items()}
    frames: list[dict[str, Any]] = [{name: x[:, t] for name, x in taken.items()} for t in range(length)]
    return [Features(**frame) for frame in frames]
