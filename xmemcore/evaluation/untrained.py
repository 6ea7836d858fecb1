"""Networks with seeded, untrained weights: they prove that an installation works, and how fast it is, and nothing else."""

from __future__ import annotations

from pathlib import Path

import torch

from xmemcore.network.catalogue import NoModel, resolve
from xmemcore.network.checkpoint import save_network
from xmemcore.network.config import COMPACT, NetworkConfig
from xmemcore.network.xmem import XMem


def untrained(config: NetworkConfig = COMPACT, seed: int = 0) -> XMem:
    """Make a network whose weights depend on the seed alone."""
    before = torch.get_rng_state()
    try:
        torch.manual_seed(seed)
        return XMem(config).eval().requires_grad_(False)
    finally:
        torch.set_rng_state(before)


def write_untrained(path: Path, config: NetworkConfig = COMPACT) -> Path:
    """Write such a network as a model file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_network(path, untrained(config), {"training": "none: seeded weights", "terms": "untrained: its mattes are meaningless"})
    return path


def is_trained(model: str | None) -> bool:
    """Say whether there is a trained model to take; raises RequestError for a name that does not exist."""
    try:
        resolve(model)
    except NoModel:
        if model is not None:
            raise
        return False
    return True


def model_or_untrained(model: str | None, folder: Path) -> tuple[str | None, bool]:
    """Give a model, and whether it is trained: the one that is named, None for the default, or one that is written into a folder where
    none is installed."""
    if is_trained(model):
        return model, True
    return str(write_untrained(folder / "untrained.safetensors")), False
