"""MobileNetV2 to stride 16, the compact model's key encoder; batch norm is folded into the convolutions.

Source: Sandler et al., arXiv 1801.04381.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_BLOCKS = (
    # expansion, in, out, stride
    (1, 32, 16, 1),
    (6, 16, 24, 2),
    (6, 24, 24, 1),
    (6, 24, 32, 2),
    (6, 32, 32, 1),
    (6, 32, 32, 1),
    (6, 32, 64, 2),
    (6, 64, 64, 1),
    (6, 64, 64, 1),
    (6, 64, 64, 1),
    (6, 64, 96, 1),
    (6, 96, 96, 1),
    (6, 96, 96, 1),
)
LEVELS = {2: "f4", 5: "f8", 12: "f16"}

FEATURE_SCALE = 1 / 6
"""The trained features have an rms of 4 to 7; scaled to about 1 they suit the layers that follow and half precision."""


class StridedConv(nn.Conv2d):
    """A 3x3 convolution of stride 2 that samples the first or the second of each pair of pixels.

    A stride of 2 cannot be centred on a 3x3 kernel. Always padding on one side moves features by s - 1 pixels at
    stride s against the mask; alternating the sides from stage to stage keeps every level within a fifth of a cell.
    """

    def __init__(self, in_dim: int, out_dim: int, groups: int, second: bool) -> None:
        # With even sides the last column and row of a padding on both sides are never read: that is "the first".
        super().__init__(in_dim, out_dim, 3, stride=2, groups=groups, padding=0 if second else 1)
        self.second = second

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W), sides even, to (N, out, H / 2, W / 2)."""
        return super().forward(F.pad(x, (0, 1, 0, 1)) if self.second else x)


class InvertedResidual(nn.Module):
    """Expand 1x1, filter each channel 3x3, project 1x1; add the input where the sizes agree."""

    def __init__(self, expansion: int, in_dim: int, out_dim: int, stride: int, second: bool) -> None:
        super().__init__()
        hidden = in_dim * expansion
        self.expand = nn.Conv2d(in_dim, hidden, 1) if expansion > 1 else None
        if stride == 2:
            self.depthwise: nn.Conv2d = StridedConv(hidden, hidden, hidden, second)
        else:
            self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.project = nn.Conv2d(hidden, out_dim, 1)
        self.adds = stride == 1 and in_dim == out_dim

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, h, w) to (N, out, h / stride, w / stride)."""
        y = x if self.expand is None else F.relu6(self.expand(x), inplace=True)
        y = self.project(F.relu6(self.depthwise(y), inplace=True))
        return x + y if self.adds else y


class MobileNetFeatures(nn.Module):
    """The compact key encoder. It takes the same normalised image as the published one."""

    gain: Tensor
    offset: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = StridedConv(3, 32, 1, second=True)
        sides = iter((False, True, False))
        self.blocks = nn.ModuleList(InvertedResidual(*block, second=next(sides) if block[-1] == 2 else False) for block in _BLOCKS)
        # From ImageNet's normalisation to the (pixel - 128) / 128 that the weights were trained on.
        self.register_buffer("gain", torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1) * 255 / 128, persistent=False)
        self.register_buffer("offset", torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1) * 255 / 128 - 1, persistent=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map (B, 3, H, W), normalised, to f16 (B, 96, h, w), f8 (B, 32, 2h, 2w), f4 (B, 24, 4h, 4w)."""
        x = F.relu6(self.stem(image * self.gain + self.offset), inplace=True)
        levels = {}
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in LEVELS:
                levels[LEVELS[number]] = x * FEATURE_SCALE
        return levels["f16"], levels["f8"], levels["f4"]
