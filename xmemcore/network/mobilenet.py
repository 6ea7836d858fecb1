"""Networks of inverted residuals to stride 16, the compact models' key encoders; batch norm is folded into the convolutions.

Sources: MobileNetV2, Sandler et al., arXiv 1801.04381; EfficientNet, Tan & Le, arXiv 1905.11946, in its Lite form: ReLU6, and no
squeeze-and-excitation.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Block(NamedTuple):
    """The shape of one inverted residual."""

    expansion: int
    in_dim: int
    out_dim: int
    stride: int = 1
    kernel: int = 3


class Layout(NamedTuple):
    """The blocks of one network, and those after which its levels are taken."""

    blocks: tuple[Block, ...]
    levels: dict[int, str]


MOBILENET_V2 = Layout(
    (
        Block(1, 32, 16),
        Block(6, 16, 24, stride=2),
        Block(6, 24, 24),
        Block(6, 24, 32, stride=2),
        Block(6, 32, 32),
        Block(6, 32, 32),
        Block(6, 32, 64, stride=2),
        Block(6, 64, 64),
        Block(6, 64, 64),
        Block(6, 64, 64),
        Block(6, 64, 96),
        Block(6, 96, 96),
        Block(6, 96, 96),
    ),
    {2: "f4", 5: "f8", 12: "f16"},
)
EFFICIENTNET_LITE0 = Layout(
    (
        Block(1, 32, 16),
        Block(6, 16, 24, stride=2),
        Block(6, 24, 24),
        Block(6, 24, 40, stride=2, kernel=5),
        Block(6, 40, 40, kernel=5),
        Block(6, 40, 80, stride=2),
        Block(6, 80, 80),
        Block(6, 80, 80),
        Block(6, 80, 112, kernel=5),
        Block(6, 112, 112, kernel=5),
        Block(6, 112, 112, kernel=5),
    ),
    {2: "f4", 4: "f8", 10: "f16"},
)

FEATURE_SCALE = 1 / 6
"""The trained features have an rms of 4 to 7; scaled to about 1 they suit the layers that follow and half precision."""


class StridedConv(nn.Conv2d):
    """A convolution of stride 2 with an odd kernel that samples the first or the second of each pair of pixels.

    A stride of 2 cannot be centred on an odd kernel. Always padding on one side moves features by s - 1 pixels at
    stride s against the mask; alternating the sides from stage to stage keeps every level within a fifth of a cell.
    """

    def __init__(self, in_dim: int, out_dim: int, groups: int, second: bool, kernel: int = 3) -> None:
        # With even sides the last column and row of a padding on both sides are never read: that is "the first".
        half = kernel // 2
        super().__init__(in_dim, out_dim, kernel, stride=2, groups=groups, padding=half - 1 if second else half)
        self.second = second

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W), sides even, to (N, out, H / 2, W / 2)."""
        return super().forward(F.pad(x, (0, 1, 0, 1)) if self.second else x)


class InvertedResidual(nn.Module):
    """Expand 1x1, filter each channel by itself, project 1x1; add the input where the sizes agree."""

    def __init__(self, block: Block, second: bool) -> None:
        super().__init__()
        hidden = block.in_dim * block.expansion
        self.expand = nn.Conv2d(block.in_dim, hidden, 1) if block.expansion > 1 else None
        if block.stride == 2:
            self.depthwise: nn.Conv2d = StridedConv(hidden, hidden, hidden, second, block.kernel)
        else:
            self.depthwise = nn.Conv2d(hidden, hidden, block.kernel, padding=block.kernel // 2, groups=hidden)
        self.project = nn.Conv2d(hidden, block.out_dim, 1)
        self.adds = block.stride == 1 and block.in_dim == block.out_dim

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, h, w) to (N, out, h / stride, w / stride)."""
        y = x if self.expand is None else F.relu6(self.expand(x), inplace=True)
        y = self.project(F.relu6(self.depthwise(y), inplace=True))
        return x + y if self.adds else y


class MobileNetFeatures(nn.Module):
    """The compact key encoder. It takes the same normalised image as the published one."""

    gain: Tensor
    offset: Tensor

    def __init__(self, layout: Layout = MOBILENET_V2) -> None:
        super().__init__()
        self.layout = layout
        self.stem = StridedConv(3, 32, 1, second=True)
        sides = iter((False, True, False))
        self.blocks = nn.ModuleList(InvertedResidual(block, second=block.stride == 2 and next(sides)) for block in layout.blocks)
        # From ImageNet's normalisation to the (pixel - 128) / 128 that the weights were trained on.
        self.register_buffer("gain", torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1) * 255 / 128, persistent=False)
        self.register_buffer("offset", torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1) * 255 / 128 - 1, persistent=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map (B, 3, H, W), normalised, to f16 (B, C16, h, w), f8 (B, C8, 2h, 2w), f4 (B, C4, 4h, 4w)."""
        x = F.relu6(self.stem(image * self.gain + self.offset), inplace=True)
        levels = {}
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in self.layout.levels:
                levels[self.layout.levels[number]] = x * FEATURE_SCALE
        return levels["f16"], levels["f8"], levels["f4"]
