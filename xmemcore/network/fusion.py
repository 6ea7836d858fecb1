"""Fusion of image features with object features: the residual block, CBAM attention and the fusion block.

Object features carry an object axis after the batch axis, (B, K, C, h, w). The image half of a fusion is the same
for every object and for every memory, so it is computed apart and can be kept.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def fold(x: Tensor) -> Tensor:
    """Fold the object axis into the batch: (B, K, C, h, w) to (B*K, C, h, w)."""
    return x.flatten(0, 1)


def unfold(x: Tensor, objects: int) -> Tensor:
    """Give the object axis back: (B*K, C, h, w) to (B, K, C, h, w)."""
    return x.unflatten(0, (-1, objects))


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


class ChannelGate(nn.Module):
    """Weigh each channel by a shared two-layer perceptron of its mean and its maximum."""

    def __init__(self, dim: int, reduction: int = 16) -> None:
        super().__init__()
        # The public checkpoint counts a flatten and a ReLU, so its linear layers are number 1 and 3.
        self.mlp = nn.Sequential(nn.Flatten(), nn.Linear(dim, dim // reduction), nn.ReLU(), nn.Linear(dim // reduction, dim))

    def forward(self, x: Tensor) -> Tensor:
        """Scale (N, C, h, w) by one weight in (0, 1) for each channel."""
        weight = torch.sigmoid(self.mlp(x.mean(dim=(2, 3))) + self.mlp(x.amax(dim=(2, 3))))
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

    def forward(self, x: Tensor) -> Tensor:
        """Scale (N, C, h, w) per channel, then per cell."""
        return self.SpatialGate(self.ChannelGate(x))


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
        skip, conv = self.block1.downsample, self.block1.conv1
        assert skip is not None, "the first block of a fusion always changes the width"
        return torch.cat(
            (
                F.conv2d(image_features, skip.weight[:, : self.image_dim], skip.bias, padding=padding),
                F.conv2d(F.relu(image_features), conv.weight[:, : self.image_dim], conv.bias, padding=padding),
            ),
            dim=1,
        )

    def forward(self, image_half: Tensor, object_features: Tensor) -> Tensor:
        """Fuse.

        Args:
            image_half: (B, 2 * out_dim, h, w), from `image_half`.
            object_features: (B, K, object_dim, h, w).

        Returns:
            (B, K, out_dim, h, w).
        """
        objects = object_features.shape[1]
        g = fold(object_features)
        image_skip, image_conv = image_half.repeat_interleave(objects, dim=0).chunk(2, dim=1)
        assert self.block1.downsample is not None
        skip = image_skip + F.conv2d(g, self.block1.downsample.weight[:, self.image_dim :], padding=1)
        hidden = image_conv + F.conv2d(F.relu(g), self.block1.conv1.weight[:, self.image_dim :], padding=1)
        joined = skip + self.block1.conv2(F.relu(hidden))
        return unfold(self.block2(joined + self.attention(joined)), objects)
