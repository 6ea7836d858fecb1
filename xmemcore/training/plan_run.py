"""From the options of `xmem-roto train` to what a trainer needs."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from xmemcore.network.checkpoint import load_network, read_metadata, save_network
from xmemcore.network.config import NetworkConfig
from xmemcore.network.xmem import XMem
from xmemcore.protocol.failures import MachineError, RequestError
from xmemcore.training.clips import ClipSource
from xmemcore.training.recipe import Recipe, read_recipe, recipe_of
from xmemcore.training.sources import FromNothing, FromStills
from xmemcore.training.start import new_network
from xmemcore.training.state import read_state_of
from xmemcore.training.validate import Yardstick

RECIPE, BEFORE, FORMER_WEIGHTS = "recipe.json", "before.json", "before.safetensors"
"""In the folder of a training: what it was told; what the model that it began from says of itself; that model's weights, where the
recipe keeps a share of them."""

TERMS_STILLS = (
    "research photographs (ECSSD, BSDS500: no licence for commercial use given; CCP: photographs of third parties); start: ImageNet"
)
TERMS_NOTHING = "generated pictures alone in training"


class SourceMissing(RequestError):
    """Nothing was named to learn from, or too much."""


class DeviceMissing(MachineError):
    """The device that was asked for is not there."""


@dataclass(frozen=True)
class RunPlan:
    """What a trainer needs."""

    name: str
    recipe: Recipe
    network: XMem
    device: torch.device
    make_source: Callable[[], ClipSource]
    yardstick: Yardstick | None
    terms: str
    """What the weights learned from, those of the model that it began from included."""
    before: dict[str, Any] | None
    """Name, terms and training record of the model that it began from."""
    former: Path | None
    """Weights of that model, when a share of them is kept."""


def plan_run(arguments: argparse.Namespace, folder: Path) -> RunPlan:
    """Read the recipe (a resumed run's own), build the network, choose pictures and device; writes the recipe to the folder."""
    chosen = [bool(arguments.stills), arguments.procedural, bool(arguments.finetune)]
    if sum(chosen) != 1:
        raise SourceMissing("A training learns from one of --stills DIR, --procedural, or --finetune PLATES MATTES.")
    recipe = _recipe(arguments, folder)
    make_source, terms, name = _source(arguments, recipe)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECIPE).write_text(json.dumps(recipe.as_json(), indent=1), encoding="utf-8")
    network = _network(arguments, recipe, folder)
    names = tuple(arguments.validate.split(",")) if arguments.validate else ()
    yardstick = Yardstick(arguments.clips, names) if arguments.clips else None
    before = _before(folder)
    if before and before["terms"] not in terms:
        terms = f"{terms}; begun from {before['name']}: {before['terms']}"
    former = folder / FORMER_WEIGHTS if before and recipe.keep else None
    return RunPlan(name, recipe, network, _device(arguments.device), make_source, yardstick, terms, before, former)


def _recipe(arguments: argparse.Namespace, folder: Path) -> Recipe:
    if arguments.resume and (folder / RECIPE).exists():
        return recipe_of(json.loads((folder / RECIPE).read_text(encoding="utf-8")), str(folder / RECIPE))
    default = "finetune" if arguments.finetune else "compact-clean" if arguments.procedural else "compact"
    recipe = read_recipe(arguments.config or default)
    changes = {"encoder": str(Path(arguments.encoder).resolve())} if arguments.encoder else {}
    return dataclasses.replace(recipe, **changes, **({} if arguments.seed is None else {"seed": arguments.seed}))


def _source(arguments: argparse.Namespace, recipe: Recipe) -> tuple[Callable[[], ClipSource], str, str]:
    if arguments.stills:
        return FromStills(str(Path(arguments.stills).resolve()), recipe), TERMS_STILLS, "compact"
    if arguments.procedural:
        return FromNothing(recipe), TERMS_NOTHING, "compact-clean"
    from xmemcore.training.finetune import FromShots

    return FromShots(tuple((plates, mattes) for plates, mattes in arguments.finetune), recipe), "the studio's own shots", "finetuned"


def _network(arguments: argparse.Namespace, recipe: Recipe, folder: Path) -> XMem:
    if arguments.resume:
        # The weights themselves come with the rest of the state.
        return XMem(NetworkConfig.of_state(read_state_of(folder)["network"]))
    if arguments.model is None and not arguments.finetune:
        (folder / BEFORE).unlink(missing_ok=True)
        return new_network(recipe)
    from xmemcore.network.catalogue import resolve

    model = resolve(arguments.model)
    said = {**read_metadata(model.path)}
    training = json.loads(said.get("training", "{}"))
    (folder / BEFORE).write_text(json.dumps({"name": model.name, "terms": model.terms, "training": training}, indent=1), encoding="utf-8")
    network = load_network(model.path)
    if recipe.keep:
        save_network(folder / FORMER_WEIGHTS, network, {})
    torch.manual_seed(recipe.seed)
    return network.requires_grad_(True)


def _before(folder: Path) -> dict[str, Any] | None:
    try:
        return json.loads((folder / BEFORE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available() or name == "mps" and not torch.backends.mps.is_available():
        raise DeviceMissing(f"There is no {name} device here. Use --device cpu.")
    return torch.device(name)
