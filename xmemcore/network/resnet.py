"""Residual networks without their last stage: the published key encoder (50) and value encoder (18), and a small key encoder.

Source: He et al., arXiv 1512.03385; module names are the checkpoint's.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class Bottleneck(nn.Module):
    """1x1, 3x3 (which carries the stride), 1x1 to four times the width."""

    expansion = 4

    def __init__(self, in_dim: int, mid_dim: int, stride: int) -> None:
        super().__init__()
        out_dim = mid_dim * self.expansion
        self.conv1 = nn.Conv2d(in_dim, mid_dim, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(mid_dim)
        self.conv2 = nn.Conv2d(mid_dim, mid_dim, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(mid_dim)
        self.conv3 = nn.Conv2d(mid_dim, out_dim, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_dim)
        self.downsample = _projection(in_dim, out_dim, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, h, w) to (N, 4 * mid, h / stride, w / stride)."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        skip = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn3(self.conv3(y)) + skip)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, the first of which carries the stride."""

    expansion = 1

    def __init__(self, in_dim: int, mid_dim: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_dim, mid_dim, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(mid_dim)
        self.conv2 = nn.Conv2d(mid_dim, mid_dim, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(mid_dim)
        self.downsample = _projection(in_dim, mid_dim, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, h, w) to (N, mid, h / stride, w / stride)."""
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        skip = x if self.downsample is None else self.downsample(x)
        return F.relu(y + skip)


def stage(block: type[Bottleneck] | type[BasicBlock], in_dim: int, mid_dim: int, blocks: int, stride: int) -> nn.Sequential:
    """Chain `blocks` blocks, the first of which changes stride and width."""
    out_dim = mid_dim * block.expansion
    return nn.Sequential(block(in_dim, mid_dim, stride), *(block(out_dim, mid_dim, 1) for _ in range(blocks - 1)))


class ResNet50Features(nn.Module):
    """The published key encoder: ResNet-50 to stride 16."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.res2 = stage(Bottleneck, 64, 64, 3, 1)
        self.layer2 = stage(Bottleneck, 256, 128, 4, 2)
        self.layer3 = stage(Bottleneck, 512, 256, 6, 2)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map (B, 3, H, W), normalised, to f16 (B, 1024, h, w), f8 (B, 512, 2h, 2w), f4 (B, 256, 4h, 4w)."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(image))), 3, 2, padding=1)
        f4 = self.res2(x)
        f8 = self.layer2(f4)
        return self.layer3(f8), f8, f4


FEATURE_SCALE = 0.6
"""Two blocks after a batch norm have an rms of 1.3 to 1.7; what reads them expects less than 1."""


class SmallResNetFeatures(nn.Module):
    """A key encoder that is trained from nothing: ResNet-18 of half the width, to stride 16."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.layer1 = stage(BasicBlock, 32, 32, 2, 1)
        self.layer2 = stage(BasicBlock, 32, 64, 2, 2)
        self.layer3 = stage(BasicBlock, 64, 128, 2, 2)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map (B, 3, H, W), normalised, to f16 (B, 128, h, w), f8 (B, 64, 2h, 2w), f4 (B, 32, 4h, 4w)."""
        f4 = self.layer1(F.max_pool2d(F.relu(self.bn1(self.conv1(image))), 3, 2, padding=1))
        f8 = self.layer2(f4)
        return self.layer3(f8) * FEATURE_SCALE, f8 * FEATURE_SCALE, f4 * FEATURE_SCALE


def _projection(in_dim: int, out_dim: int, stride: int) -> nn.Sequential | None:
    if in_dim == out_dim and stride == 1:
        return None
    return nn.Sequential(nn.Conv2d(in_dim, out_dim, 1, stride, bias=False), nn.BatchNorm2d(out_dim))
