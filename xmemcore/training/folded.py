"""Published weights of a key encoder, batch norm and all, as a compact network takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from xmemcore.network.mobilenet import FEATURE_SCALE, MOBILENET_V2, MobileNetFeatures

_Folded = tuple[Tensor, Tensor, float]
"""A convolution's weight and bias, and the mean square of what it gives on the pictures that it was trained on."""


def folded(state: Mapping[str, Tensor], encoder: MobileNetFeatures) -> dict[str, Tensor]:
    """Fold every batch norm into the convolution before it, and give the levels the size that the network wants.

    Names do not matter, the order does: stem, then each block's expansion, depthwise convolution and projection, each with its batch norm
    behind it. So torchvision's file is read like others of the same network; what comes after stride 16 is left out.
    MobileNetV2 is taken to expect ImageNet's normalisation, as torchvision's does, EfficientNet-Lite pixels in [-1, 1].

    Args:
        state: of the published network, in the order in which it was saved.
        encoder: the one that it is meant for.

    Returns:
        tensors as `encoder` names them; fewer where `state` ends too early.
    """
    is_mobilenet = encoder.layout == MOBILENET_V2
    convolutions = _convolutions(state, 1e-5 if is_mobilenet else 1e-3)
    result: dict[str, Tensor] = {}
    powers: dict[str, float] = {}
    for name, (weight, bias, power) in zip(_names(encoder), convolutions):
        result[f"{name}.weight"], result[f"{name}.bias"], powers[name] = weight, bias, power
    if is_mobilenet and "stem.weight" in result:
        _expect_other_pixels(result, encoder.gain.flatten(), encoder.offset.flatten())
    for stream, last in _streams(encoder):
        projections = [f"blocks.{number}.project" for number in stream]
        power = sum(powers.get(name, 0.0) for name in projections)
        gain = (1 / FEATURE_SCALE) / power**0.5 if power > 0 else 1.0
        for name in projections:
            _scale(result, gain, f"{name}.weight", f"{name}.bias")
        for number in range(stream[0] + 1, last + 1):
            _scale(result, 1 / gain, f"blocks.{number}.expand.weight")
    return result


def _names(encoder: MobileNetFeatures) -> list[str]:
    names = ["stem"]
    for number, block in enumerate(encoder.layout.blocks):
        names += [f"blocks.{number}.{part}" for part in ("expand", "depthwise", "project") if part != "expand" or block.expansion > 1]
    return names


def _convolutions(state: Mapping[str, Tensor], epsilon: float) -> Iterator[_Folded]:
    tensors = [(name, tensor) for name, tensor in state.items() if not name.endswith("num_batches_tracked")]
    for place, (_, weight) in enumerate(tensors):
        if weight.dim() != 4 or not tensors[place + 3 : place + 5] or not tensors[place + 4][0].endswith("running_var"):
            continue
        gain, shift, mean, variance = (tensor for _, tensor in tensors[place + 1 : place + 5])
        factor = gain / torch.sqrt(variance + epsilon)
        yield weight * factor[:, None, None, None], shift - mean * factor, float((gain.square() + shift.square()).mean())


def _expect_other_pixels(result: dict[str, Tensor], gain: Tensor, offset: Tensor) -> None:
    """Let a stem that expects ImageNet's normalisation take `pixel * gain + offset` of it, away from the picture's border."""
    weight = result["stem.weight"] / gain[None, :, None, None]
    result["stem.bias"] = result["stem.bias"] - (weight.sum(dim=(2, 3)) * offset).sum(dim=1)
    result["stem.weight"] = weight


def _streams(encoder: MobileNetFeatures) -> Iterator[tuple[list[int], int]]:
    """Give the blocks that add to one stream, and the last block that reads it. No activation touches a stream, so its size is free."""
    blocks = encoder.layout.blocks
    first = 0
    for number in range(1, len(blocks) + 1):
        if number == len(blocks) or not (blocks[number].stride == 1 and blocks[number].in_dim == blocks[number].out_dim):
            yield list(range(first, number)), min(number, len(blocks) - 1)
            first = number


def _scale(result: dict[str, Tensor], gain: float, *names: str) -> None:
    for name in names:
        if name in result:
            result[name] = result[name] * gain
