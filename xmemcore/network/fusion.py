"""Fusion of image features with object features: the residual block, CBAM attention and the fusion block.

Object features carry an object axis after the batch axis, (B, K, C, h, w). The image half of a fusion is the same
for every object and for every memory, so it is computed apart and can be kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xmemcore.network.features import Box


def fold(x: Tensor) -> Tensor:
    """Fold the object axis into the batch: (B, K, C, h, w) to (B*K, C, h, w)."""
    return x.flatten(0, 1)


def unfold(x: Tensor, objects: int) -> Tensor:
    """Give the object axis back: (B*K, C, h, w) to (B, K, C, h, w)."""
    return x.unflatten(0, (-1, objects))


def shared_by(x: Tensor, objects: int) -> Tensor:
    """Give every object what is the same for all of a frame: (B, ...) to (B*K, ...). Of a single frame nothing is copied."""
    return x.expand(objects, *x.shape[1:]) if x.shape[0] == 1 else x.repeat_interleave(objects, dim=0)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions before each of which the input is rectified, and a skip from the raw input."""

    def __init__(self, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.downsample = nn.Conv2d(in_dim, out_dim, 3, padding=1) if in_dim != out_dim else None
        self.conv1 = nn.Conv2d(in_dim, out_dim, 3, padding=1)
        self.conv2 = nn.Conv2d(out_dim, out_dim, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, h, w) to (N, out, h, w)."""
        skip = x if self.downsample is None else self.downsample(x)
        return skip + self.conv2(F.relu(self.conv1(F.relu(x))))

    def share(self, x: Tensor, channels: slice, padding: int = 1) -> Tensor:
        """Compute what the skip and the first convolution draw from some channels of the input, which objects may have in common.

        Args:
            x: (B, C, h, w), these channels; with padding 0 one cell more on every side.
            channels: which of the input's they are.
            padding: zeros around it.

        Returns:
            (B, 2 * out_dim, h, w): the skip's share, then the first convolution's, biases included.
        """
        skip, conv = self.downsample, self.conv1
        assert skip is not None, "only a block that changes the width is computed in shares"
        return torch.cat(
            (
                F.conv2d(x, skip.weight[:, channels], skip.bias, padding=padding),
                F.conv2d(F.relu(x), conv.weight[:, channels], conv.bias, padding=padding),
            ),
            dim=1,
        )

    def joined(self, share: Tensor, x: Tensor, channels: slice) -> Tensor:
        """Map the other channels of objects' inputs, (B * K, C, h, w), beside a `share`, to (B * K, out_dim, h, w)."""
        assert self.downsample is not None, "only a block that changes the width is computed in shares"
        shared_skip, shared_conv = shared_by(share, x.shape[0] // share.shape[0]).chunk(2, dim=1)
        skip = shared_skip + F.conv2d(x, self.downsample.weight[:, channels], padding=1)
        hidden = shared_conv + F.conv2d(F.relu(x), self.conv1.weight[:, channels], padding=1)
        return skip + self.conv2(F.relu(hidden))


@dataclass(frozen=True)
class Surroundings:
    """Mean and peak of each channel of some objects' fusion, outside a part of the frame."""

    mean: Tensor
    """(N, C)."""
    peak: Tensor
    """(N, C)."""
    share: float
    """Share of the frame that is outside the part, in [0, 1)."""


class ChannelGate(nn.Module):
    """Weigh each channel by a shared two-layer perceptron of its mean and its maximum."""

    def __init__(self, dim: int, reduction: int = 16) -> None:
        super().__init__()
        # The public checkpoint counts a flatten and a ReLU, so its linear layers are number 1 and 3.
        self.mlp = nn.Sequential(nn.Flatten(), nn.Linear(dim, dim // reduction), nn.ReLU(), nn.Linear(dim // reduction, dim))

    def forward(self, x: Tensor, around: Surroundings | None = None) -> Tensor:
        """Scale (N, C, h, w) by one weight in (0, 1) for each channel; `around`: of the frame, when x is a part of it."""
        mean, peak = x.mean(dim=(2, 3)), x.amax(dim=(2, 3))
        if around is not None:
            mean, peak = torch.lerp(mean, around.mean, around.share), torch.maximum(peak, around.peak)
        weight = torch.sigmoid(self.mlp(mean) + self.mlp(peak))
        return x * weight[:, :, None, None]


class SpatialConv(nn.Module):
    """The one convolution of the spatial gate, a module of its own for the checkpoint's name."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3)


class SpatialGate(nn.Module):
    """Weigh each cell by a convolution of the channels' maximum and mean."""

    def __init__(self) -> None:
        super().__init__()
        self.spatial = SpatialConv()

    def forward(self, x: Tensor) -> Tensor:
        """Scale (N, C, h, w) by one weight in (0, 1) for each cell."""
        pooled = torch.stack((x.amax(dim=1), x.mean(dim=1)), dim=1)
        return x * torch.sigmoid(self.spatial.conv(pooled))


class Attention(nn.Module):
    """CBAM: the channel gate, then the spatial gate.

    Source: Woo et al., arXiv 1807.06521.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.ChannelGate = ChannelGate(dim)
        self.SpatialGate = SpatialGate()

    def forward(self, x: Tensor, around: Surroundings | None = None) -> Tensor:
        """Scale (N, C, h, w) per channel, then per cell; `around` as of the channel gate."""
        return self.SpatialGate(self.ChannelGate(x, around))


class FusionBlock(nn.Module):
    """Join the image's features with each object's.

    Source: XMem, Cheng & Schwing, arXiv 2207.07115, after STCN's feature fusion.
    """

    def __init__(self, image_dim: int, object_dim: int, out_dim: int) -> None:
        super().__init__()
        assert image_dim + object_dim != out_dim, "the first block of a fusion always changes the width"
        self.image_dim = image_dim
        self.block1 = ResidualBlock(image_dim + object_dim, out_dim)
        self.attention = Attention(out_dim)
        self.block2 = ResidualBlock(out_dim, out_dim)

    def image_half(self, image_features: Tensor, padding: int = 1) -> Tensor:
        """Compute what block1 draws from the image alone.

        Args:
            image_features: (B, image_dim, h, w); with padding 0 one cell more on every side.
            padding: zeros around it.

        Returns:
            (B, 2 * out_dim, h, w): the skip's share, then the first convolution's, biases included.
        """
        return self.block1.share(image_features, slice(self.image_dim), padding)

    def forward(self, image_half: Tensor, object_features: Tensor, around: Surroundings | None = None) -> Tensor:
        """Fuse.

        Args:
            image_half: (B, 2 * out_dim, h, w), from `image_half`.
            object_features: (B, K, object_dim, h, w).
            around: of the frame, when these are a part of it; the attention weighs channels by the whole frame.

        Returns:
            (B, K, out_dim, h, w).
        """
        joined = self._joined(image_half, object_features)
        return unfold(self.block2(joined + self.attention(joined, around)), object_features.shape[1])

    def surroundings(self, image_half: Tensor, object_features: Tensor, inside: Box) -> Surroundings:
        """Look at a whole frame, as `forward` takes it, outside a box that is smaller."""
        joined = self._joined(image_half, object_features)
        top, left, bottom, right = inside
        outside = torch.ones(joined.shape[-2:], dtype=torch.bool, device=joined.device)
        outside[top:bottom, left:right] = False
        found = joined[:, :, outside]
        return Surroundings(found.mean(dim=2), found.amax(dim=2), found.shape[2] / outside.numel())

    def _joined(self, image_half: Tensor, object_features: Tensor) -> Tensor:
        """Send both halves through the first block, (B * K, out_dim, h, w)."""
        return self.block1.joined(image_half, fold(object_features), slice(self.image_dim, None))
