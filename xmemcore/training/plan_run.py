"""Turn the options of `xmem-roto train` into a plan for the trainer, checked before anything is written."""

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
from xmemcore.protocol.failures import RequestError, not_written
from xmemcore.protocol.outside import NotUsable, parse_json, read_json, read_object
from xmemcore.protocol.whole_file import probe, write_text
from xmemcore.shot.machine.device import choose_device
from xmemcore.training import record
from xmemcore.training.clips import ClipSource
from xmemcore.training.recipe import Recipe, read_recipe, recipe_of
from xmemcore.training.rendered import GENERATED, Scenes
from xmemcore.training.sources import FromNothing, FromStills
from xmemcore.training.start import new_network
from xmemcore.training.state import CHECKPOINT, MODEL, read_state_of
from xmemcore.training.stills import TERMS, Stills
from xmemcore.training.validate import Yardstick

RECIPE, BEFORE, FORMER_WEIGHTS = "recipe.json", "before.json", "before.safetensors"
"""Files in the folder of a training: its recipe and options; the metadata of the model that it began from; that model's weights, where the
recipe keeps a share of them."""

TERMS_STILLS = (
    "research photographs (ECSSD, BSDS500: no licence for commercial use given; CCP: photographs of third parties); start: ImageNet"
)
TERMS_NOTHING = "generated pictures alone in training"


@dataclass(frozen=True)
class RunPlan:
    """The plan of a training."""

    name: str
    recipe: Recipe
    network: XMem
    device: torch.device
    make_source: Callable[[], ClipSource]
    yardstick: Yardstick | None
    terms: str
    """The pictures that the weights learned from, and what these permit; the training of the model that it began from is included."""
    before: dict[str, Any] | None
    """Name, terms and training record of the model that it began from."""
    former: Path | None
    """Weights of that model, when a share of them is kept."""
    state: dict[str, Any] | None
    """State of a resumed training."""


def plan_run(arguments: argparse.Namespace, folder: Path) -> RunPlan:
    """Read the recipe (a resumed run's own), build the network, choose pictures and device; writes nothing."""
    chosen = [bool(arguments.stills), arguments.procedural, bool(arguments.finetune)]
    if sum(chosen) != 1:
        raise RequestError("A training learns from one of --stills DIR, --procedural, or --finetune PLATES MATTES.")
    if arguments.scenes and arguments.finetune:
        raise RequestError("--scenes are staged over the pictures of --stills or --procedural. Leave them out of a --finetune.")
    device = choose_device(arguments.device)
    state = read_state_of(folder) if arguments.resume else None
    if state is None:
        _require_free(folder)
    recipe = _recipe(arguments, folder)
    yardstick = _yardstick(arguments)
    make_source, terms, name = _source(arguments, recipe)
    network, before = _network(arguments, recipe) if state is None else (_shaped_as(state), _before(folder))
    if before and before["terms"] not in terms:
        terms = f"{terms}; begun from {before['name']}: {before['terms']}"
    former = folder / FORMER_WEIGHTS if before and recipe.keep else None
    return RunPlan(name, recipe, network, device, make_source, yardstick, terms, before, former, state)


def open_folder(plan: RunPlan, folder: Path) -> None:
    """Make a new training's folder and write its recipe and request there; raises RequestError, DiskFailed."""
    try:
        probe(folder)
        if plan.state is None:
            # Of a training that was killed before its first checkpoint.
            for name in (record.LOSSES, record.VALIDATIONS, BEFORE, FORMER_WEIGHTS):
                (folder / name).unlink(missing_ok=True)
            if plan.before is not None:
                write_text(folder / BEFORE, json.dumps(plan.before, indent=1))
            if plan.former is not None:
                save_network(plan.former, plan.network, {})
        write_text(folder / RECIPE, json.dumps(plan.recipe.as_json(), indent=1))
    except OSError as error:
        raise not_written(folder, error) from error


def _require_free(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"{folder} is a file. Name a folder with --out.")
    if (folder / CHECKPOINT).exists():
        raise RequestError(f"{folder} holds a training. Add --resume to go on with it, or name another folder.")
    if (folder / MODEL).exists():
        raise RequestError(f"{folder} holds the model of a training. Name another folder.")


def _recipe(arguments: argparse.Namespace, folder: Path) -> Recipe:
    if arguments.resume and (folder / RECIPE).exists():
        try:
            written = read_json(folder / RECIPE)
        except (OSError, ValueError) as error:
            raise RequestError(f"Cannot read what the training was told, {folder / RECIPE}: {error}. Begin another.") from error
        return recipe_of(written, str(folder / RECIPE))
    default = "finetune" if arguments.finetune else "compact-generated" if arguments.procedural else "compact"
    recipe = read_recipe(arguments.config or default)
    changes: dict[str, Any] = {"encoder": str(Path(arguments.encoder).resolve())} if arguments.encoder else {}
    return dataclasses.replace(recipe, **changes, **({} if arguments.seed is None else {"seed": arguments.seed}))


def _yardstick(arguments: argparse.Namespace) -> Yardstick | None:
    if arguments.validate is not None and not arguments.clips:
        raise RequestError("--validate names clips of a folder. Name the folder too, with --clips DIR.")
    if not arguments.clips:
        return None
    names = tuple(name.strip() for name in (arguments.validate or "").split(",") if name.strip())
    if arguments.validate is not None and not names:
        raise RequestError("--validate names no clip. Leave it out to validate on all of --clips.")
    yardstick = Yardstick(arguments.clips, names)
    yardstick.clips()
    return yardstick


def _source(arguments: argparse.Namespace, recipe: Recipe) -> tuple[Callable[[], ClipSource], str, str]:
    """Give where clips come from, its terms and the model's name; what is wrong with folders is said here, and not by a process."""
    scenes = str(Path(arguments.scenes).resolve()) if arguments.scenes else ""
    skins = Scenes(scenes).skins if scenes else GENERATED
    if arguments.stills:
        stills = FromStills(str(Path(arguments.stills).resolve()), recipe, scenes)
        terms = Stills(stills.folder).terms
        if terms is None:
            return stills, TERMS_STILLS, "compact"
        if skins not in (GENERATED, terms):
            raise RequestError(
                f"The bodies in {arguments.scenes} wear other pictures than those that {TERMS} in {arguments.stills} speaks of. "
                f"Render others with --stills {arguments.stills}."
            )
        return stills, terms if not recipe.encoder else f"{terms}; start: {Path(recipe.encoder).name}", "compact-clean"
    if arguments.procedural:
        if skins != GENERATED:
            raise RequestError(
                f"The bodies in {arguments.scenes} wear photographs; --procedural promises none. Render others without --stills."
            )
        return FromNothing(recipe, scenes), TERMS_NOTHING, "compact-generated"
    from xmemcore.training.finetune import FromShots, find_shot

    shots = FromShots(tuple((plates, mattes) for plates, mattes in arguments.finetune), recipe)
    for plates, mattes in shots.shots:
        find_shot(plates, mattes)
    return shots, "the studio's own shots", "finetuned"


def _network(arguments: argparse.Namespace, recipe: Recipe) -> tuple[XMem, dict[str, Any] | None]:
    """Build a network to begin with, and give what the model that it comes from says of itself."""
    if arguments.model is None and not arguments.finetune:
        return new_network(recipe), None
    from xmemcore.network.catalogue import resolve

    model = resolve(arguments.model)
    try:
        training = parse_json(read_metadata(model.path).get("training", "{}"))
    except NotUsable:
        training = {}  # what a model says of itself is for the record alone
    network = load_network(model.path)
    torch.manual_seed(recipe.seed)
    return network.requires_grad_(True), {"name": model.name, "terms": model.terms, "training": training}


def _shaped_as(state: dict[str, Any]) -> XMem:
    """Build the network of a state; the weights themselves come with the rest of it."""
    return XMem(NetworkConfig.of_state(state["network"]))


def _before(folder: Path) -> dict[str, Any] | None:
    return read_object(folder / BEFORE)
