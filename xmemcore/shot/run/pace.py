"""How fast this machine computes, as earlier runs found out: `<cache>/pace.json`, by model, device, precision, working size and objects.

{"version": 2, "paces": {"<hash of what was computed with>": {"step_seconds": ..., "begin_seconds": ..., "peak_mb": ...}}}
"""

from __future__ import annotations

import json
import platform
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from xmemcore.memory.config import MemoryConfig
from xmemcore.network.catalogue import parameters_of
from xmemcore.protocol.names import PACE
from xmemcore.protocol.outside import NotUsable, number, read_object
from xmemcore.protocol.whole_file import write_text
from xmemcore.shot.inputs.opened import OpenedShot
from xmemcore.shot.machine.footprint import peak_mb
from xmemcore.shot.store.cache import digest

VERSION = 2
LEAST_STEPS = 8
"""Least steps of a run that is measured; fewer say little about how long a step takes."""
MOST_KEPT = 200

PROGRAM_MB = 320.0
"""Memory of the interpreter with torch, before a shot is opened; measured on Linux."""
NETWORK_PLANES = {"resnet50": 350}
"""Numbers for each pixel of the working size while a network with this key encoder computes; measured with one of the official widths."""
USUAL_PLANES = 160
"""The same for other key encoders; measured with the compact model."""
BYTES = 4
"""Size of a number in float32."""
STRIDE = 16
"""Pixels of the working size along one side of a memory element."""
VALUE_CHANNELS, KEY_CHANNELS = 512, 66
"""Channels of a memory element: its value for each object; its key, shrinkage and selection together."""
PLANES_AT_PLATE = 12
"""Pictures of the plate's size that are held at a time, beside one for each object: read ahead, being refined, waiting for the disk."""
MATTING_MB = 400.0
"""Memory for solving the largest tile in closed form; measured."""


@dataclass(frozen=True)
class Pace:
    """What a run found out."""

    step_seconds: float
    """Time for one frame that a sweep steps through, if it looks at all of it, once; see `Plan.effort`."""
    begin_seconds: float
    """Time before the first step: the network is loaded, the keyframes are learned."""
    peak_mb: float | None
    """Largest memory of the process; None where the system does not tell."""


class PaceClock:
    """Measure the pace of one run."""

    def __init__(self) -> None:
        """Begin to count the time before the first step."""
        self._began = time.monotonic()
        self._begin_seconds = self._stepping_seconds = 0.0
        self._steps = 0.0

    def begin_stepping(self) -> None:
        """Note that the first step comes now; later calls change nothing."""
        self._begin_seconds = self._begin_seconds or time.monotonic() - self._began

    def stepped(self, steps: float, seconds: float) -> None:
        """Count steps that were taken, as `Plan.effort` does."""
        self._steps += steps
        self._stepping_seconds += seconds

    def pace(self) -> Pace | None:
        """Give the pace; None where too few steps were taken."""
        if self._steps < LEAST_STEPS:
            return None
        return Pace(self._stepping_seconds / self._steps, self._begin_seconds, peak_mb())


def pace_key(opened: OpenedShot, device: torch.device) -> str:
    """Name what a pace holds for, on this machine: edges are solved as asked for, and pictures held, at the plate's size."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    padding, canvas = opened.content.padding, opened.shot.plate.canvas
    working, plate = (padding.height, padding.width), (canvas.height, canvas.width)
    objects = len(opened.shot.annotations.objects)
    chosen = opened.request.edges, opened.request.plain, opened.request.augment
    return digest(opened.model_sha256, device.type, name, opened.precision, working, objects, plate, *chosen)


def keep_pace(root: Path, key: str, pace: Pace) -> None:
    """Write a pace; a cache that cannot be written forgets it."""
    paces = _stored(root)
    paces.pop(key, None)
    newest = dict([*paces.items(), (key, asdict(pace))][-MOST_KEPT:])
    with suppress(OSError):
        write_text(root / PACE, json.dumps({"version": VERSION, "paces": newest}))


def find_pace(root: Path, key: str) -> Pace | None:
    """Read a pace; None where no run has found one."""
    stored: Any = _stored(root).get(key)
    try:
        peak = stored["peak_mb"]
        return Pace(
            number(stored["step_seconds"], "a pace", 0),
            number(stored["begin_seconds"], "a pace", 0),
            None if peak is None else number(peak, "a peak", 0),
        )
    except (TypeError, KeyError, NotUsable):
        return None


def expected_mb(model: Path, plate_pixels: int, elements: int, keyframes: int, objects: int, device: str, matted: bool) -> float:
    """Estimate a worker's memory: the model, the memories in full, the network at work, the pictures at the plate's size.

    Args:
        model: its file.
        plate_pixels: of the canvas.
        elements: memory elements of one frame: h * w.
        keyframes: frames in permanent memory, variants counted.
        objects: in all groups together.
        device: on a GPU, model and memories lie there; the sum of both is given.
        matted: whether edges are solved in closed form.
    """
    memory = MemoryConfig()
    remembered = (keyframes + memory.max_working_frames) * elements + memory.max_long_term_elements
    at_work = remembered * (KEY_CHANNELS + VALUE_CHANNELS * objects) * BYTES
    pictures = plate_pixels * (PLANES_AT_PLATE + objects) * BYTES
    parameters, key_encoder = parameters_of(model)
    network = elements * STRIDE**2 * NETWORK_PLANES.get(key_encoder, USUAL_PLANES) * BYTES
    program = PROGRAM_MB * (2 if device != "cpu" else 1) + (MATTING_MB if matted else 0)
    # While it is loaded, a model is there twice, in single precision.
    return program + (2 * BYTES * parameters + at_work + network + pictures) / 1e6


def _stored(root: Path) -> dict[str, Any]:
    content = read_object(root / PACE) or {}
    paces = content.get("paces")
    return dict(paces) if content.get("version") == VERSION and isinstance(paces, dict) else {}
