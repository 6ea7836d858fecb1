"""XMem whole: one network with three questions, encode a frame, encode its objects, decode."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from xmemcore.network.config import NetworkConfig
from xmemcore.network.decoder import Decoder, enlarge
from xmemcore.network.features import Features
from xmemcore.network.key_encoder import KeyProjection, key_encoder
from xmemcore.network.value_encoder import value_encoder

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_DEVIATION = (0.229, 0.224, 0.225)
"""Of display-encoded RGB in [0, 1]; what every checkpoint expects its images to be normalised by."""

STRIDE = 16
"""Pixels of the working image along one side of a memory element; images are padded to multiples of it."""

PLATE_PARTS = (
    "key_encoder.",
    "key_proj.",
    "decoder.fuser.block1.downsample.",
    "decoder.fuser.block1.conv1.",
    "decoder.up_16_8.skip_conv.",
    "decoder.up_8_4.skip_conv.",
)
"""How the names of all weights begin that a frame's kept features depend on. Where these stay as they are, the features stay valid."""


def part(x: Tensor, box: tuple[int, int, int, int], cell: int = 1) -> Tensor:
    """Cut (..., h, w) to a box in cells of `cell` pixels: top, left, bottom, right, half-open."""
    top, left, bottom, right = (side * cell for side in box)
    return x[..., top:bottom, left:right]


class XMem(nn.Module):
    """The network of XMem, in the published or the compact dimensions.

    Source: Cheng & Schwing, "XMem", arXiv 2207.07115.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.key_encoder = key_encoder(config)
        self.value_encoder = value_encoder(config)
        self.key_proj = KeyProjection(config.level_channels[0], config.key_dim)
        self.decoder = Decoder(config)

    @property
    def dtype(self) -> torch.dtype:
        """What the decoder and the value encoder compute in."""
        return self.decoder.pred.weight.dtype

    def encode_key(self, image: Tensor) -> Features:
        """Encode a frame, without the decoder's plate terms.

        Args:
            image: (B, 3, H, W), normalised, H and W multiples of 16.
        """
        f16, f8, f4 = self.key_encoder(image.to(next(self.key_encoder.parameters()).dtype))
        key, shrinkage, selection = self.key_proj(f16.to(self.key_proj.key_proj.weight.dtype))
        return Features(key, shrinkage, selection, f16=f16.to(self.dtype), f8=f8.to(self.dtype), f4=f4.to(self.dtype))

    def plate_terms(self, features: Features) -> Features:
        """Add what the decoder computes from the plate alone; done once a frame, whatever the objects and sweeps."""
        if features.skip4 is not None:
            return features
        return replace(
            features,
            fuse16=self.decoder.fuser.image_half(features.f16),
            skip8=self.decoder.up_16_8.skip_conv(features.f8),
            skip4=self.decoder.up_8_4.skip_conv(features.f4),
        )

    def kept(self, features: Features) -> Features:
        """Leave out the levels that nothing asks for once the plate terms are there."""
        features = self.plate_terms(features)
        return features if self.config.value_encoder == "light" else replace(features, f8=None, f4=None)

    def encode_value(
        self, image: Tensor, features: Features, masks: Tensor, others: Tensor, sensory: Tensor, deep_update: bool
    ) -> tuple[Tensor, Tensor]:
        """Encode the objects of a frame whose masks are known; see `ValueEncoder`."""
        image, masks, others = (x.to(self.dtype) for x in (image, masks, others))
        return self.value_encoder(image, features, masks, others, sensory, deep_update)

    def reinforce(self, value: Tensor, sensory: Tensor) -> Tensor:
        """Give the sensory state (B, K, Ch, h, w) after a memory frame whose value (B, K, Cv, h, w) is known."""
        return self.value_encoder.hidden_reinforce(value.to(self.dtype), sensory)

    def decode(self, features: Features, readout: Tensor, sensory: Tensor, update_sensory: bool) -> tuple[Tensor, Tensor]:
        """Decode every object of a frame.

        Returns:
            The sensory state (B, K, Ch, h, w) and logits (B, K, H, W), before the sigmoid; both at least float32.
        """
        h, w = sensory.shape[-2:]
        return self.climb(features, self.fuse(features, readout, sensory), sensory, (0, 0, h, w), update_sensory)

    def fuse(self, features: Features, readout: Tensor, sensory: Tensor) -> Tensor:
        """Begin to decode: (B, K, dim16, h, w), what `climb` goes on from in any part of the frame."""
        return self.decoder.fuse(self.plate_terms(features), readout.to(self.dtype), sensory)

    def climb(
        self, features: Features, fused: Tensor, sensory: Tensor, box: tuple[int, int, int, int], update_sensory: bool
    ) -> tuple[Tensor, Tensor]:
        """Go on decoding in a part of the frame.

        Args:
            features: of the whole frame.
            fused: of the whole frame, from `fuse`; of any objects.
            sensory: of the whole frame and these objects.
            box: top, left, bottom, right in cells of stride 16, half-open.
            update_sensory: whether the state takes in this frame.

        Returns:
            The sensory state of the box and logits of its pixels.
        """
        features = self.plate_terms(features)
        assert features.skip8 is not None and features.skip4 is not None
        skip8, skip4 = (part(level, box, STRIDE // stride) for level, stride in ((features.skip8, 8), (features.skip4, 4)))
        sensory, logits = self.decoder.climb(skip8, skip4, part(fused, box), part(sensory, box), update_sensory)
        return sensory, enlarge(logits.to(sensory.dtype), 4)

    def empty_sensory(self, objects: int, height: int, width: int) -> Tensor:
        """Start the sensory state at nothing, (1, K, Ch, h, w), for a padded image of height x width pixels."""
        weight = self.key_proj.key_proj.weight
        shape = (1, objects, self.config.sensory_dim, height // STRIDE, width // STRIDE)
        return torch.zeros(shape, dtype=weight.dtype, device=weight.device)
