"""The network prepared to run fast. Results differ by rounding alone.

Three levels of rounding: `float32`; `mixed`, whose key encoder stays in float32, because memory matches by differences of large
numbers, while the decoder, the value encoder and the compact key encoder's two widest blocks compute in half the bits; `fast`, all of it
in half the bits but the projection to keys.
"""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from xmemcore.network.fused import FusedMobileNet, can_fuse
from xmemcore.network.mobilenet import MOBILENET_V2, MobileNetFeatures
from xmemcore.network.xmem import XMem

FLOAT32, MIXED, FAST = "float32", "mixed", "fast"


def prepared(network: XMem, level: str = FLOAT32) -> XMem:
    """Copy a network with batch norms folded into their convolutions, and in the memory layout that its convolutions want.

    Args:
        network: in float32, on the device where it will run.
        level: of rounding; half the bits are bfloat16 on a CPU, and float16 elsewhere.
    """
    network = copy.deepcopy(network).eval()
    for module in list(network.modules()):
        _fold(module)
    on_cpu = next(network.parameters()).device.type == "cpu"
    # Depthwise convolutions are five times as fast in this layout on a CPU; wide ones are as fast in both.
    network.key_encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    fuses = can_fuse() and (level != FAST or computes_in_half(torch.device("cpu")))
    if on_cpu and fuses and isinstance(network.key_encoder, MobileNetFeatures) and network.key_encoder.layout == MOBILENET_V2:
        network.key_encoder = FusedMobileNet(network.key_encoder)
    half = torch.bfloat16 if on_cpu else torch.float16
    # A CPU's convolutions want this layout, and turn every other one into it and back: up to a third of their time.
    layout = torch.channels_last if on_cpu else torch.preserve_format
    bits = torch.float32 if level == FLOAT32 else half
    network.decoder.to(bits, memory_format=layout)  # type: ignore[call-overload]
    network.value_encoder.to(bits, memory_format=layout)  # type: ignore[call-overload]
    if level == MIXED and isinstance(network.key_encoder, FusedMobileNet):
        network.key_encoder.halve_wide_blocks(half)
    if level == FAST:
        network.key_encoder.to(half)
    return network


def computes_in_half(device: torch.device) -> bool:
    """Say whether a device can compute in half the bits."""
    return device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def is_faster_in_half(device: torch.device) -> bool:
    """Say whether a device computes faster in half the bits than in float32."""
    if device.type != "cpu":
        return True
    if not computes_in_half(device):
        return False
    traits = torch.cpu.get_capabilities()
    if "avx512_bf16" not in traits:
        return True  # no x86
    # Where AVX-512 has no such instructions they are made up of others. Intel's, without AMX (some virtual machines hide it), multiply
    # bfloat16 at 0.56 times the speed of float32; AMD's at twice.
    return bool(traits["amx_bf16"] or (traits["avx512_bf16"] and not str(traits["cpu_name"]).startswith("Intel")))


def _fold(module: nn.Module) -> None:
    if isinstance(module, nn.Sequential) and len(module) == 2 and isinstance(module[1], nn.BatchNorm2d):
        module[0], module[1] = fuse_conv_bn_eval(module[0], module[1]), nn.Identity()  # type: ignore[type-var]
        return
    for number in (1, 2, 3):
        norm = getattr(module, f"bn{number}", None)
        if isinstance(norm, nn.BatchNorm2d):
            setattr(module, f"conv{number}", fuse_conv_bn_eval(getattr(module, f"conv{number}"), norm))
            setattr(module, f"bn{number}", nn.Identity())
