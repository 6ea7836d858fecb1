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


class ResNetFeatures(nn.Module):
    """A residual network to stride 16, as key encoder."""

    def __init__(self, block: type[Bottleneck] | type[BasicBlock], width: int, blocks: tuple[int, int, int], scale: float = 1.0) -> None:
        """Build one.

        Args:
            block: of its stages.
            width: channels of the first convolution, and of the first stage's inner ones.
            blocks: of each stage.
            scale: of the features that come out.
        """
        super().__init__()
        out = width * block.expansion
        self.conv1 = nn.Conv2d(3, width, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.res2 = stage(block, width, width, blocks[0], 1)
        self.layer2 = stage(block, out, 2 * width, blocks[1], 2)
        self.layer3 = stage(block, 2 * out, 4 * width, blocks[2], 2)
        self.scale = scale

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map (B, 3, H, W), normalised, to f16 (B, 4 out, h, w), f8 (B, 2 out, 2h, 2w), f4 (B, out, 4h, 4w)."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(image))), 3, 2, padding=1)
        f4 = self.res2(x)
        f8 = self.layer2(f4)
        f16 = self.layer3(f8)
        return (f16, f8, f4) if self.scale == 1 else (f16 * self.scale, f8 * self.scale, f4 * self.scale)


SMALL_SCALE = 0.6
"""Factor of the small encoder's features. After a batch norm and two blocks their rms is 1.3 to 1.7, and the layers behind an untrained
encoder expect less than 1."""


def resnet50() -> ResNetFeatures:
    """Build the published key encoder; its features have 1024, 512 and 256 channels."""
    return ResNetFeatures(Bottleneck, 64, (3, 4, 6))


def small_resnet() -> ResNetFeatures:
    """Build a ResNet-18 of half the width, which is trained from nothing; its features have 128, 64 and 32 channels."""
    return ResNetFeatures(BasicBlock, 32, (2, 2, 2), SMALL_SCALE)


def _projection(in_dim: int, out_dim: int, stride: int) -> nn.Sequential | None:
    if in_dim == out_dim and stride == 1:
        return None
    return nn.Sequential(nn.Conv2d(in_dim, out_dim, 1, stride, bias=False), nn.BatchNorm2d(out_dim))
