"""MobileNetV2 as a CPU computes it fastest: activations and sums inside the convolutions, wide blocks in strips that fit its cache.

Every output is that of `mobilenet`, up to rounding. On this kind of network a CPU waits for memory, not for arithmetic.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xmemcore.network.mobilenet import FEATURE_SCALE, InvertedResidual, MobileNetFeatures, StridedConv

WIDE_BYTES = 20 << 20
"""Size of a block's widest tensor from which the block is computed in strips."""
STRIP_BYTES = 3 << 20
"""Size of that tensor in one strip."""
WIDEST_BLOCKS = (1, 2)
"""Blocks that may compute in half the bits. They take half of the encoder's time, and their rounding moves the keys by 2 %. The block
before them would move the keys by 4 %."""


class FusedMobileNet(nn.Module):
    """MobileNetV2 with the same weights, channels last."""

    def __init__(self, network: MobileNetFeatures) -> None:
        """Take a network, whose convolutions are changed to others that compute the same."""
        super().__init__()
        for module in network.modules():
            if isinstance(module, StridedConv) and module.second:
                _sample_the_second(module)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def halve_wide_blocks(self, half: torch.dtype) -> None:
        """Compute inside the widest blocks in half the bits; what goes from block to block keeps its own."""
        for number in WIDEST_BLOCKS:
            self.network.blocks[number].to(half)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map (B, 3, H, W), normalised, to f16 (B, 96, h, w), f8 (B, 32, 2h, 2w), f4 (B, 24, 4h, 4w)."""
        x = torch.empty_like(image, memory_format=torch.channels_last)
        torch.addcmul(self.network.offset, image, self.network.gain, out=x)
        x = _activated(x, self.network.stem)
        levels = {}
        for number, block in enumerate(self.network.blocks):
            assert isinstance(block, InvertedResidual)
            bits = block.project.weight.dtype
            if bits == x.dtype:
                x = _block(x, block, block.adds)
            else:
                y = _block(x.to(bits), block, False).to(x.dtype)
                x = x + y if block.adds else y
            if number in self.network.layout.levels:
                levels[self.network.layout.levels[number]] = x * FEATURE_SCALE
        return levels["f16"], levels["f8"], levels["f4"]


def can_fuse() -> bool:
    """Say whether this torch has convolutions with an activation inside."""
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def _sample_the_second(conv: StridedConv) -> None:
    """Let a convolution sample the second of each pair of pixels by a kernel that is 0 at its first row and column.

    A picture with a row and a column more would be a copy, which takes longer than the convolution.
    """
    conv.weight = nn.Parameter(F.pad(conv.weight, (1, 0, 1, 0)), requires_grad=False)
    conv.padding = tuple(side + 1 for side in conv.padding if isinstance(side, int))
    conv.second = False


def _block(x: Tensor, block: InvertedResidual, adds: bool) -> Tensor:
    row_bytes = block.depthwise.in_channels * x.shape[3] * x.element_size()
    if block.expand is None or row_bytes * x.shape[2] < WIDE_BYTES:
        return _project(_activated(x if block.expand is None else _activated(x, block.expand), block.depthwise), block, x if adds else None)
    stride = block.depthwise.stride[0]
    height = x.shape[2] // stride
    rows = max(4, STRIP_BYTES // (row_bytes * stride))
    return torch.cat([_strip(x, block, adds, first, min(first + rows, height)) for first in range(0, height, rows)], dim=2)


def _strip(x: Tensor, block: InvertedResidual, adds: bool, first: int, end: int) -> Tensor:
    """Compute rows [first, end) of a block's output."""
    depthwise = block.depthwise
    kernel, stride, padding, height = depthwise.weight.shape[2], depthwise.stride[0], int(depthwise.padding[0]), x.shape[2]
    top = first * stride - padding
    bottom = (end - 1) * stride - padding + kernel
    assert block.expand is not None, "a block that does not widen is computed whole"
    hidden = _activated(x[:, :, max(top, 0) : min(bottom, height)], block.expand)
    if top < 0 or bottom > height:
        hidden = F.pad(hidden, (0, 0, max(-top, 0), max(bottom - height, 0)))
    return _project(_activated(hidden, depthwise, rows=0), block, x[:, :, first:end] if adds else None)


def _project(hidden: Tensor, block: InvertedResidual, x: Tensor | None) -> Tensor:
    conv = block.project
    shape = (conv.weight, conv.bias, [0, 0], [1, 1], [1, 1], 1)
    if x is not None:
        x = x.contiguous(memory_format=torch.channels_last)
        added: Tensor = torch.ops.mkldnn._convolution_pointwise.binary(hidden, x, *shape, "add", 1.0, None, [], None)
        return added
    projected: Tensor = torch.ops.mkldnn._convolution_pointwise(hidden, *shape, "none", [], "")
    return projected


def _activated(x: Tensor, conv: nn.Conv2d, rows: int | None = None) -> Tensor:
    """Convolve, and clip to [0, 6]; `rows` of 0 above and below, None: as many as the convolution has."""
    padding = [int(side) for side in conv.padding]
    if rows is not None:
        padding[0] = rows
    shape = (conv.weight, conv.bias, padding, list(conv.stride), list(conv.dilation), conv.groups)
    activated: Tensor = torch.ops.mkldnn._convolution_pointwise(x, *shape, "hardtanh", [0.0, 6.0], "")
    return activated
