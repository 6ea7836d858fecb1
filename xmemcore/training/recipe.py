"""The recipe of a training, read from a TOML file. Every field has the default of the shipped model."""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.outside import cut, short
from xmemcore.protocol.whole_file import read_ordinary
from xmemcore.training.clips import RoleConfig
from xmemcore.training.scene import ClipShape, SceneConfig

COMPACT_ENCODERS = ("mobilenet_v2", "efficientnet_lite0", "small_resnet")
RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class Phase:
    """A stretch of the training with clips of one kind."""

    until: float
    """Progress in (0, 1] at which it ends; the last ends at 1."""
    size: int = 192
    """Pixels of a side, a multiple of 16."""
    frames: int = 4
    """Frames of a clip."""
    batch: int = 4
    """Clips of a step."""
    in_order: float = 0.3
    """Share of batches whose frames follow time; the others are shuffled."""


@dataclass(frozen=True)
class Recipe:
    """Everything that a training depends on, without the pictures."""

    seed: int = 0
    key_encoder: str = "mobilenet_v2"
    """`mobilenet_v2`, `efficientnet_lite0` or `small_resnet`."""
    encoder: str = ""
    """File of the key encoder's start: safetensors (names without `key_encoder.`), or a `.pth` with batch norm; empty: random."""
    frozen_blocks: int = 6
    """Blocks of the key encoder, after its stem, that do not learn; 0 for one that begins from nothing."""
    rate: float = 8e-4
    encoder_rate: float = 1e-4
    weight_decay: float = 0.02
    warm_up_steps: int = 100
    cooldown: float = 1.0
    """Share of the training, at its end, over which the rate falls to nothing along a cosine; constant before."""
    clip_gradient: float = 1.0
    average: float = 0.998
    """How slowly the averaged weights follow."""
    keep: float = 0.0
    """Share, in what is exported, of the weights that the training began from, in [0, 1): the mean of both is often better than
    either (Wortsman et al., arXiv 2109.01903)."""
    precision: str = "float32"
    """`float32` or `bfloat16` (mixed: weights stay in float32)."""
    two_objects: float = 0.35
    """Share of batches with two targets."""
    procedural: float = 0.1
    """Share of clips made of generated pictures beside photographs."""
    rendered: float = 0.2
    """Share of clips whose targets are rendered bodies, where `--scenes` names some."""
    scene: SceneConfig = field(default_factory=SceneConfig)
    roles: RoleConfig = field(default_factory=RoleConfig)
    phases: tuple[Phase, ...] = (
        Phase(until=0.5, size=192, frames=4, batch=4),
        Phase(until=0.78, size=256, frames=4, batch=4),
        Phase(until=1.0, size=224, frames=8, batch=2, in_order=0.8),
    )

    def phase(self, progress: float) -> Phase:
        """Find the phase of a progress in [0, 1]."""
        return next((phase for phase in self.phases if progress < phase.until), self.phases[-1])

    def rate_at(self, step: int, progress: float) -> float:
        """Give the rate's factor at a step."""
        warm = min(1.0, (step + 1) / max(1, self.warm_up_steps))
        into = max(0.0, (progress - (1 - self.cooldown)) / self.cooldown) if self.cooldown > 0 else 0.0
        return float(warm * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * min(1.0, into)))))

    def shape(self, step: int, progress: float) -> tuple[ClipShape, Phase, bool]:
        """Give the shape of a step's clips, their phase, and whether their frames follow time."""
        rng = np.random.default_rng([self.seed, 1, step])
        phase = self.phase(progress)
        in_order = bool(rng.random() < phase.in_order)
        return ClipShape(phase.size, phase.frames, 2 if rng.random() < self.two_objects else 1, in_order), phase, in_order

    def as_json(self) -> dict[str, Any]:
        return json.loads(json.dumps(dataclasses.asdict(self)))


LARGEST_CLIP = 4096
"""Pixels of a clip's side, its frames, and clips of a batch: beyond any machine's memory."""
MOST_DOTS = 200
"""Most dots of a line: the parser's time for a name of dotted parts grows with the square of their number."""
LARGEST_BYTES = 1 << 20
"""Longest recipe; ours are a hundred times shorter."""


def read_recipe(path: Path | str) -> Recipe:
    """Read a recipe.

    Raises:
        RequestError: no such file, no TOML, or a field that does not exist.
    """
    path = Path(path)
    if not path.exists() and (RECIPES / f"{path.name}.toml").exists():
        path = RECIPES / f"{path.name}.toml"
    try:
        text = read_ordinary(path, LARGEST_BYTES).decode("utf-8-sig")
        if any(line.count(".") > MOST_DOTS for line in text.splitlines()):
            raise ValueError(f"a line has more than {MOST_DOTS} dots")
        content = tomllib.loads(text)
    except FileNotFoundError as error:
        names = ", ".join(sorted(p.stem for p in RECIPES.glob("*.toml")))
        raise RequestError(f"There is no recipe {path}. Give a TOML file, or one of: {names}.") from error
    except RecursionError as error:
        raise RequestError(f"Cannot read the recipe {path}: it is nested too deeply. Compare it with those in {RECIPES}.") from error
    except (OSError, ValueError) as error:
        # Not only TOMLDecodeError: a number of very many digits is a ValueError of another kind.
        raise RequestError(f"Cannot read the recipe {path}: {short(error, 200)}. Compare it with those in {RECIPES}.") from error
    return recipe_of(content, str(path))


def recipe_of(content: dict[str, Any], origin: str) -> Recipe:
    """Build a recipe from parsed TOML or JSON; raises RequestError for a field that does not exist, or whose value makes no sense."""
    if not isinstance(content, dict):
        raise RequestError(f"The recipe {origin} holds no fields. Compare it with those in {RECIPES}.")
    content = dict(content)
    if "scene" in content:
        content["scene"] = _built(SceneConfig, content["scene"], f"[scene] of the recipe {origin}")
    if "roles" in content:
        content["roles"] = _built(RoleConfig, content["roles"], f"[roles] of the recipe {origin}")
    phases = content.pop("phases", None)
    if isinstance(phases, list):
        content["phases"] = tuple(_built(Phase, phase, f"[[phases]] of the recipe {origin}") for phase in phases)
    elif phases is not None:
        raise RequestError(f"The recipe {origin} has phases that are none. Begin each with a line [[phases]].")
    recipe = _built(Recipe, content, f"The recipe {origin}")
    if not 0 <= recipe.seed < 2**63:
        raise RequestError(f"The recipe {origin} has the seed {recipe.seed}. Choose a whole number from 0 to {2**63 - 1}.")
    if recipe.precision not in ("float32", "bfloat16"):
        raise RequestError(f"The recipe {origin} asks for precision {recipe.precision}. Choose float32 or bfloat16.")
    if recipe.key_encoder not in COMPACT_ENCODERS:
        raise RequestError(f"The recipe {origin} asks for key_encoder {recipe.key_encoder}. Choose {' or '.join(COMPACT_ENCODERS)}.")
    if not 0 <= recipe.keep < 1:
        raise RequestError(f"The recipe {origin} keeps {recipe.keep} of the former weights. Choose a share from 0 to under 1.")
    if not recipe.phases or recipe.phases[-1].until != 1.0 or not all(_usable(phase) for phase in recipe.phases):
        raise RequestError(
            f"The recipe {origin} has bad phases: sizes are multiples of 16, clips have 2 frames or more and batches 1 clip or more, "
            f"none of them over {LARGEST_CLIP}, and the last one ends with until = 1.0."
        )
    return recipe


def _usable(phase: Phase) -> bool:
    return (
        16 <= phase.size <= LARGEST_CLIP and phase.size % 16 == 0 and 2 <= phase.frames <= LARGEST_CLIP and 1 <= phase.batch <= LARGEST_CLIP
    )


def _built(kind: type, content: Any, where: str) -> Any:
    """Build a configuration; raises RequestError for a field that does not exist, that is missing or of another type."""
    if not isinstance(content, dict):
        raise RequestError(f"{where} is no table. Write fields and their values there.")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    if unknown := [name for name in content if name not in fields]:
        raise RequestError(f"{where} has no field {cut(', '.join(unknown))}. Its fields are: {', '.join(fields)}.")
    for name, value in content.items():
        if (wanted := _wanted(str(fields[name].type), value)) is not None:
            raise RequestError(f"{where} gives {name} as {short(value)}. Write {wanted}.")
    missing = [
        name
        for name, field in fields.items()
        if name not in content and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise RequestError(f"{where} does not say {', '.join(missing)}. Add it.")
    # TOML and JSON know lists only; frozen configurations compare by tuples.
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in content.items()})


def _wanted(kind: str, value: Any) -> str | None:
    """Name the values that a field takes, for the refusal of another one."""
    if kind == "str":
        return None if isinstance(value, str) else "text in quotation marks"
    if kind == "int":
        return None if _is_number(value) and isinstance(value, int) else "a whole number"
    if kind == "float":
        return None if _is_number(value) else "a number"
    if kind.startswith("tuple[float"):
        count = None if kind.endswith("...]") else kind.count("float")
        fits = isinstance(value, list) and value and all(map(_is_number, value)) and count in (None, len(value))
        return None if fits else f"{count or 'one or more'} numbers in square brackets"
    return None


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False  # a whole number beyond every other
