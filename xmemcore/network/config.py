"""The dimensions of one XMem, and how they are read back from its checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor

from xmemcore.protocol.failures import RequestError

LEVEL_CHANNELS = {
    "resnet50": (1024, 512, 256),
    "mobilenet_v2": (96, 32, 24),
    "efficientnet_lite0": (112, 40, 24),
    "small_resnet": (128, 64, 32),
}
"""Channels of f16, f8 and f4 for each key encoder."""

VALUE_ENCODERS = ("resnet18", "light")

DIMENSIONS = "dimensions"
"""Metadata of our own model files that describe the network; official files are recognised by their tensors."""


class ForeignCheckpoint(RequestError):
    """The tensors are not those of an XMem."""


@dataclass(frozen=True)
class NetworkConfig:
    """Say how wide every part of the network is."""

    key_encoder: str = "resnet50"
    """`resnet50`; for compact models `mobilenet_v2`, `efficientnet_lite0`, or `small_resnet`, which needs no start."""
    value_encoder: str = "resnet18"
    """`resnet18` looks at the image itself; `light` lets the masks join the key encoder's features."""
    key_dim: int = 64
    value_dim: int = 512
    sensory_dim: int = 64
    object_dim: int = 256
    """Channels of the value encoder before its fuser."""
    decoder_dims: tuple[int, int, int] = (512, 256, 256)
    """Channels of the decoder at strides 16, 8 and 4."""
    update_dim: int = 256
    """Channels in which the decoder's levels meet to update the sensory memory."""

    @property
    def level_channels(self) -> tuple[int, int, int]:
        """Channels of f16, f8 and f4."""
        return LEVEL_CHANNELS[self.key_encoder]

    @property
    def is_small(self) -> bool:
        """Whether its operations are so small that two of them side by side gain more than two cores in each."""
        return self.value_encoder == "light"

    @classmethod
    def of_metadata(cls, text: str) -> NetworkConfig:
        """Read the dimensions from the metadata of one of our own model files.

        Raises:
            ForeignCheckpoint: they are not those of a network that this version knows.
        """
        try:
            values = json.loads(text)
            kinds = {field.name: type(field.default) for field in fields(cls)}
            dimensions: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
            if set(dimensions) != set(kinds) or any(type(value) is not kinds[name] for name, value in dimensions.items()):
                raise ValueError(text)
            config = cls(**dimensions)
            if config.key_encoder not in LEVEL_CHANNELS or config.value_encoder not in VALUE_ENCODERS:
                raise ValueError(text)
        except (ValueError, AttributeError, TypeError) as error:
            reason = "its dimensions are those of another kind of network, or of a later version"
            raise ForeignCheckpoint(f"{reason} ({text[:120]}). Update XMem Roto, or choose another model.") from error
        return config

    @classmethod
    def of_state(cls, state: Mapping[str, Tensor]) -> NetworkConfig:
        """Read the dimensions from the tensors of a checkpoint.

        Raises:
            ForeignCheckpoint: a tensor that every XMem has is missing, or has another shape.
        """
        try:
            key_encoder = _key_encoder(state)
            object_dim, value_dim = _fuser_dims(state, key_encoder)
            return cls(
                key_encoder=key_encoder,
                value_encoder="light" if "value_encoder.to2.weight" in state else "resnet18",
                key_dim=state["key_proj.key_proj.weight"].shape[0],
                value_dim=value_dim,
                sensory_dim=state["decoder.hidden_update.transform.weight"].shape[0] // 3,
                object_dim=object_dim,
                decoder_dims=(
                    state["decoder.up_16_8.skip_conv.weight"].shape[0],
                    state["decoder.up_8_4.skip_conv.weight"].shape[0],
                    state["decoder.pred.weight"].shape[1],
                ),
                update_dim=state["decoder.hidden_update.g16_conv.weight"].shape[0],
            )
        except KeyError as error:
            raise ForeignCheckpoint(f"this is not an XMem checkpoint: it has no tensor {error}. Choose a file such as XMem.pth.") from error
        except (IndexError, ValueError) as error:
            reason = "its tensors have fewer dimensions than an XMem's"
            raise ForeignCheckpoint(f"this is not an XMem checkpoint: {reason}. Choose a file such as XMem.pth.") from error


FULL = NetworkConfig()
"""The published XMem, 62.2 M parameters."""

COMPACT = NetworkConfig(
    key_encoder="mobilenet_v2",
    value_encoder="light",
    value_dim=128,
    object_dim=128,
    decoder_dims=(128, 80, 48),
    update_dim=64,
)
"""The bundled model's dimensions."""


def _key_encoder(state: Mapping[str, Tensor]) -> str:
    if "key_encoder.stem.weight" in state:
        return "mobilenet_v2" if "key_encoder.blocks.12.project.weight" in state else "efficientnet_lite0"
    return "resnet50" if "key_encoder.res2.0.conv3.weight" in state else "small_resnet"


def _fuser_dims(state: Mapping[str, Tensor], key_encoder: str) -> tuple[int, int]:
    out_dim, in_dim = state["value_encoder.fuser.block1.conv1.weight"].shape[:2]
    return in_dim - LEVEL_CHANNELS[key_encoder][0], out_dim
