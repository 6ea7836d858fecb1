"""The installed model, ready to compute."""

from __future__ import annotations

from dataclasses import replace

from xmemcore.network.catalogue import Model, resolve, verify
from xmemcore.network.checkpoint import load_network
from xmemcore.network.inference import prepared
from xmemcore.network.xmem import XMem
from xmemcore.shot.device import choose_device


def load_installed(name: str | None, device: str, plain: bool = False) -> tuple[Model, XMem]:
    """Load a model by name or file, as `propagate` would; its hash is filled in.

    Args:
        name: of an installed model, or a file; None: the default.
        device: auto, cpu, cuda or mps.
        plain: leave the network as published, without what makes it faster.
    """
    model = resolve(name)
    model = replace(model, sha256=verify(model))
    network = load_network(model.path, choose_device(device))
    return model, network if plain else prepared(network)
