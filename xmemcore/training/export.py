"""Export a training's last state as a model file whose metadata say where it comes from."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xmemcore.network.checkpoint import read_state, save_network
from xmemcore.network.config import NetworkConfig
from xmemcore.network.xmem import XMem
from xmemcore.protocol.outside import read_json
from xmemcore.protocol.version import VERSION
from xmemcore.training import record
from xmemcore.training.state import read_state_of


def export(
    run: Path,
    path: Path,
    name: str,
    terms: str,
    licence: str = "Apache-2.0",
    before: Mapping[str, Any] | None = None,
    former: Path | None = None,
) -> Path:
    """Write a run's averaged weights as half-precision safetensors.

    Args:
        run: folder of the training.
        path: file to write.
        name: of the model.
        terms: its training material and what that allows, in one line.
        licence: of the weights.
        before: what the model that the training began from says of its own training.
        former: that model's weights, of which the recipe keeps a share.
    """
    state = read_state_of(run)
    recipe = read_json(run / "recipe.json")
    weights = state["average"] if former is None else _mixed(state["average"], read_state(former), recipe["keep"])
    network = XMem(NetworkConfig.of_state(weights))
    network.load_state_dict(weights)
    losses = record.entries(run / record.LOSSES)
    training = {
        "recipe": recipe,
        "steps": state["step"],
        "clips": sum(entry["clips"] for entry in losses),
        "hours": round(state["seconds"] / 3600, 2),
        "hardware": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "validations": record.entries(run / record.VALIDATIONS),
        "last_losses": [entry["loss"] for entry in losses[-20:]],
    }
    # The encoder's path on the machine that trained it is of no use elsewhere.
    training["recipe"]["encoder"] = Path(training["recipe"].get("encoder") or "").name
    if before:
        training["before"] = before["training"]
    metadata = {
        "name": name,
        "dimensions": dataclasses.asdict(network.config),
        "training": training,
        "terms": terms,
        "licence": licence,
        "made_by": f"xmem-roto {VERSION}",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_network(path, network, metadata)
    # The library writes files for their owner alone; a package's files are read by all users.
    path.chmod(0o644)
    return path


def _mixed(learned: Mapping[str, Tensor], former: Mapping[str, Tensor], keep: float) -> dict[str, Tensor]:
    """Mix two models, each as it would be shipped."""
    return {
        name: torch.lerp(former[name], tensor.half().float(), 1 - keep) if tensor.is_floating_point() else tensor
        for name, tensor in learned.items()
    }
