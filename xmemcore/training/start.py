"""Set up a network for training: load its start, freeze parts, and give each part its rate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from xmemcore.network.checkpoint import read_state
from xmemcore.network.config import COMPACT
from xmemcore.network.mobilenet import MobileNetFeatures
from xmemcore.network.xmem import XMem
from xmemcore.protocol.failures import RequestError
from xmemcore.training.folded import folded
from xmemcore.training.recipe import Recipe

_KEY_GAIN = 1.2
"""Gain of the key's first projection.

Features reach it scaled to an rms of about 1; distances between unlike cells then come to about 10."""


def new_network(recipe: Recipe) -> XMem:
    """Build a compact network from a recipe's seed, its key encoder from a file where the recipe names one.

    Raises:
        RequestError: part of an encoder that begins from nothing would not learn, or the encoder's file does not fit.
    """
    if recipe.frozen_blocks and not recipe.encoder:
        raise RequestError(
            f"The recipe freezes {recipe.frozen_blocks} blocks of a key encoder that begins from nothing. "
            "Give its start with --encoder, or set frozen_blocks to 0."
        )
    torch.manual_seed(recipe.seed)
    network = XMem(replace(COMPACT, key_encoder=recipe.key_encoder))
    spread(network.value_encoder)
    spread(network.decoder)
    if recipe.encoder:
        load_encoder(network, recipe.encoder)
    elif recipe.key_encoder != "small_resnet":
        # That one has batch norm, which keeps the size of its signal by itself.
        spread(network.key_encoder)
    with torch.no_grad():
        weight = network.key_proj.key_proj.weight
        weight.zero_()
        nn.init.orthogonal_(weight[:, :, 1, 1], gain=_KEY_GAIN)
        nn.init.zeros_(network.key_proj.key_proj.bias)  # type: ignore[arg-type]
    return network


def spread(part: nn.Module) -> None:
    """Give every layer weights that keep the size of its signal.

    The layers' own defaults shrink it by two thirds each: eleven of them lie between a mask and a logit, and the network
    would spend its first thousand steps looking for salient things instead of annotated ones.
    """
    for name, layer in part.named_modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
            # The second half of a residual block adds to its skip; logits begin near 0.
            layer.weight.data *= 0.5 if name.endswith("conv2") else 0.1 if name == "pred" else 1.0


def load_encoder(network: XMem, path: str) -> None:
    """Load the key encoder's start; raises RequestError where a tensor is missing."""
    state = read_state(Path(path))
    if any(name.endswith("running_var") for name in state) and isinstance(network.key_encoder, MobileNetFeatures):
        state = folded(state, network.key_encoder)
    wanted = network.key_encoder.state_dict()
    missing = [name for name in wanted if name not in state or state[name].shape != wanted[name].shape]
    if missing:
        raise RequestError(
            f"The encoder {path} has no {missing[0]} of the right shape. It must be that of the recipe's key_encoder, "
            f"{network.config.key_encoder}, with batch norm folded, or as torchvision names MobileNetV2."
        )
    network.key_encoder.load_state_dict({name: state[name] for name in wanted})


def freeze(network: XMem, blocks: int) -> None:
    """Keep the key encoder's stem and first blocks as they are."""
    if blocks <= 0:
        return
    for part in (network.key_encoder.stem, *network.key_encoder.blocks[:blocks]):  # type: ignore[index]
        part.requires_grad_(False)


def optimiser(network: XMem, recipe: Recipe) -> torch.optim.AdamW:
    """Make AdamW with the encoder at its own rate; weight decay leaves biases alone."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = recipe.encoder_rate if name.startswith("key_encoder.") else recipe.rate
        decay = recipe.weight_decay if parameter.dim() > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": parameters, "lr": rate, "peak": rate, "weight_decay": decay} for (rate, decay), parameters in groups.items()]
    )
