"""The whole XMem network. It does three things: encode a frame, encode its objects, decode."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xmemcore.network.config import NetworkConfig
from xmemcore.network.decoder import Decoder, enlarge
from xmemcore.network.features import Box, Features, finer
from xmemcore.network.fusion import Surroundings
from xmemcore.network.key_encoder import KeyProjection, key_encoder
from xmemcore.network.value_encoder import value_encoder

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_DEVIATION = (0.229, 0.224, 0.225)
"""Mean and deviation of display-encoded RGB in [0, 1], by which every checkpoint expects its images to be normalised."""

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
"""First words in the names of the weights that a frame's features and plate terms depend on. Learning a shot leaves these weights as they
are."""


def part(x: Tensor, box: Box, cell: int = 1) -> Tensor:
    """Cut (..., h, w) to a box in cells of `cell` pixels."""
    top, left, bottom, right = (side * cell for side in box)
    return x[..., top:bottom, left:right]


def _framed(x: Tensor, box: Box, cell: int) -> Tensor:
    """Cut as `part`, with one pixel more on every side, which is 0 outside of the frame, as a convolution's padding."""
    top, left, bottom, right = (side * cell for side in box)
    height, width = x.shape[-2:]
    inside = x[..., max(top - 1, 0) : bottom + 1, max(left - 1, 0) : right + 1]
    return F.pad(inside, (int(left == 0), int(right == width), int(top == 0), int(bottom == height)))


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

    @property
    def is_small(self) -> bool:
        """Whether operations are small; see `NetworkConfig`."""
        return self.config.is_small

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

    def part_of(self, features: Features, box: Box) -> Features:
        """Cut a frame's features to a box, and compute the decoder's plate terms there; asked a second time, give the same again."""
        h, w = features.key.shape[-2:]
        if box not in features.parts:
            whole = box == (0, 0, h, w)
            features.parts[box] = self.plate_terms(features) if whole else self._part_of(features, box)
        return features.parts[box]

    def _part_of(self, features: Features, box: Box) -> Features:
        cut = {name: part(level, box, finer(name)) for name, level in features.tensors().items()}
        if features.skip4 is None:
            up8, up4 = self.decoder.up_16_8.skip_conv, self.decoder.up_8_4.skip_conv
            cut["fuse16"] = self.decoder.fuser.image_half(_framed(features.f16, box, 1), padding=0)
            cut["skip8"] = F.conv2d(_framed(features.f8, box, 2), up8.weight, up8.bias)
            cut["skip4"] = F.conv2d(_framed(features.f4, box, 4), up4.weight, up4.bias)
        return Features(**cut)

    def encode_value(
        self, image: Tensor, features: Features, masks: Tensor, others: Tensor, sensory: Tensor, deep_update: bool
    ) -> tuple[Tensor, Tensor]:
        """Encode the objects of a frame whose masks are known; see `ValueEncoder`."""
        image, masks, others = (x.to(self.dtype) for x in (image, masks, others))
        return self.value_encoder(image, features, masks, others, sensory, deep_update)

    def reinforce(self, value: Tensor, sensory: Tensor) -> Tensor:
        """Give the sensory state (B, K, Ch, h, w) after a memory frame whose value (B, K, Cv, h, w) is known."""
        return self.value_encoder.hidden_reinforce(value.to(self.dtype), sensory)

    def decode(
        self,
        features: Features,
        readout: Tensor,
        sensory: Tensor,
        update_sensory: bool,
        inner: Box | None = None,
        around: Surroundings | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Decode objects in a frame, or in a part of it: features, readout and state are then those of the part.

        Args:
            features: (B, ., h, w), of `part_of` or of the whole frame.
            readout: (B, K, Cv, h, w).
            sensory: (B, K, Ch, h, w).
            update_sensory: whether the state takes in this frame.
            inner: box in the part that is asked for; what is around it is seen at stride 16 alone. None: all of it.
            around: what these objects' fusion is like around the part; None: as in the part.

        Returns:
            The sensory state (B, K, Ch, ., .) and logits (B, K, ., .), before the sigmoid, of the inner box; both at least float32.
        """
        features = self.plate_terms(features)
        fused = self.decoder.fuse(features, readout.to(self.dtype), sensory, around)
        assert features.skip8 is not None and features.skip4 is not None
        skip8, skip4 = features.skip8, features.skip4
        if inner is not None:
            fused, sensory, skip8, skip4 = part(fused, inner), part(sensory, inner), part(skip8, inner, 2), part(skip4, inner, 4)
        sensory, logits = self.decoder.climb(skip8, skip4, fused, sensory, update_sensory)
        return sensory, enlarge(logits.to(sensory.dtype), 4)

    def surroundings(self, features: Features, readout: Tensor, sensory: Tensor, inside: Box) -> Surroundings:
        """Look at objects' fusion in a frame outside a box that is smaller than it.

        Args:
            features: of the frame, (1, ., h, w).
            readout: (1, K, Cv, h, w).
            sensory: (1, K, Ch, h, w).
            inside: the box.
        """
        half = self.decoder.fuser.image_half(features.f16) if features.fuse16 is None else features.fuse16
        readout = readout.to(self.dtype)
        return self.decoder.fuser.surroundings(half, torch.cat((readout, sensory.to(readout.dtype)), dim=2), inside)

    def empty_sensory(self, objects: int, height: int, width: int) -> Tensor:
        """Start the sensory state at nothing, (1, K, Ch, h, w), for a padded image of height x width pixels."""
        weight = self.key_proj.key_proj.weight
        shape = (1, objects, self.config.sensory_dim, height // STRIDE, width // STRIDE)
        return torch.zeros(shape, dtype=weight.dtype, device=weight.device)
