"""The same network, laid out to run fast; what it computes differs by rounding alone."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from xmemcore.network.xmem import XMem


def prepared(network: XMem) -> XMem:
    """Copy a network with batch norms folded into their convolutions and the key encoder in channels-last layout."""
    network = copy.deepcopy(network).eval()
    for module in list(network.modules()):
        _fold(module)
    # Depthwise convolutions are five times as fast in this layout on a CPU; wide ones do not mind.
    network.key_encoder.to(memory_format=torch.channels_last)
    return network


def _fold(module: nn.Module) -> None:
    if isinstance(module, nn.Sequential) and len(module) == 2 and isinstance(module[1], nn.BatchNorm2d):
        module[0], module[1] = fuse_conv_bn_eval(module[0], module[1]), nn.Identity()
        return
    for number in (1, 2, 3):
        norm = getattr(module, f"bn{number}", None)
        if isinstance(norm, nn.BatchNorm2d):
            setattr(module, f"conv{number}", fuse_conv_bn_eval(getattr(module, f"conv{number}"), norm))
            setattr(module, f"bn{number}", nn.Identity())
