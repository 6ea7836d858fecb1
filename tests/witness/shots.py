"""The three shots of the witness, small and made up: what they show never changes, so what is computed of them must not either."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import OpenEXR
import torch
from PIL import Image

from tests.engine.small import SMALL
from tests.make_data import write_exr, write_index_mask
from tests.shot.made_shot import write_frame, write_roto
from xmemcore.network.checkpoint import save_network
from xmemcore.network.xmem import XMem
from xmemcore.protocol.requests import PropagateRequest

ROTO_FIRST, ROTO_LAST, ROTO_HOLE = 1001, 1022, 1009
SHOTS = ("roto", "pictures", "anamorphic")


def write_network(folder: Path) -> Path:
    """Save a network whose weights hang on their names alone: neither torch's generator nor the order of modules has a part in them."""
    network = XMem(SMALL).eval()
    state = network.state_dict()
    for name, tensor in state.items():
        if tensor.dtype.is_floating_point and tensor.ndim > 1:
            rng = np.random.default_rng(zlib.crc32(name.encode()))
            weights = rng.normal(0, (2 / tensor[0].numel()) ** 0.5, tensor.shape)
            # Filters that sum to zero answer to contrast; otherwise every pixel would get the same saturated answer.
            weights -= weights.mean(axis=tuple(range(1, tensor.ndim)), keepdims=True) if tensor[0].numel() > 1 else 0
            state[name] = torch.from_numpy(weights).float()
        elif tensor.dtype.is_floating_point:
            state[name] = torch.ones_like(tensor) if name.endswith(("weight", "running_var")) else torch.zeros_like(tensor)
    network.load_state_dict(state)
    save_network(folder / "witness.safetensors", network, {"terms": "test"})
    return folder / "witness.safetensors"


@dataclass(frozen=True)
class WitnessShot:
    """A shot on disk and what is asked of it."""

    request: PropagateRequest
    corrected: PropagateRequest
    """The second round: one keyframe more."""
    cut: tuple[str, str]
    """The frame range in two parts."""
    window: tuple[int, int, int, int]
    """The canvas: x0, y0, x1, y1, half-open."""


def write_shot(name: str, folder: Path) -> WitnessShot:
    """Write one of `SHOTS`; every setting that decides on pixels is named, so that another default changes nothing here."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "plate": str(folder / "plate"),
        "model": str(write_network(folder)),
        "device": "cpu",
        "precision": "float32",
        "size": 64,
        "cache": str(folder / "cache"),
        "node_id": f"witness-{name}",
        "out": str(folder / "out" / "matte.%04d.exr"),
        "mem_every": 3,
        "temporary_memory": True,
    }
    (folder / "plate").mkdir(exist_ok=True)
    return {"roto": _roto, "pictures": _pictures, "anamorphic": _anamorphic}[name](folder, settings)


def _roto(folder: Path, settings: dict) -> WitnessShot:
    """EXRs with overscan and a hole; two overlapping shapes, keyed on frames of their own; outward, with confidence."""
    for frame in range(ROTO_FIRST, ROTO_LAST + 1):
        if frame != ROTO_HOLE:
            write_frame(folder / "plate" / f"plate.{frame}.exr", frame)
    first = write_roto(folder / "roto.nk", (1001, 1020), (1006, 1015))
    second = write_roto(folder / "corrected.nk", (1001, 1012, 1020), (1006, 1015))
    common = {**settings, "edges": "plain", "carry": False, "mode": "xmem++", "order": "outward", "augment": False, "confidence": True}
    request = PropagateRequest(roto=first, **common)
    return WitnessShot(request, PropagateRequest(roto=second, **common), ("1001-1010", "1011-1022"), (-8, -8, 104, 72))


def _pictures(folder: Path, settings: dict) -> WitnessShot:
    """PNGs and index masks of two objects, one of which leaves; the mode of the former paper."""
    noise = np.random.default_rng(5).integers(0, 90, (48, 64, 3), np.uint8)
    for frame in range(12):
        picture, mask = noise.copy(), np.zeros((48, 64), np.uint8)
        picture[10:30, 5 + 3 * frame : 20 + 3 * frame] = (220, 60, 20)
        mask[10:30, 5 + 3 * frame : 20 + 3 * frame] = 1
        picture[36:44, 40:52] = (20, 200, 90)
        mask[36:44, 40:52] = 2 if frame != 11 else 0
        Image.fromarray(picture).save(folder / "plate" / f"p.{frame:04d}.png")
        for part, frames in (("masks", (0, 6)), ("corrected", (0, 6, 11))):
            if frame in frames:
                (folder / part).mkdir(exist_ok=True)
                write_index_mask(folder / part / f"m.{frame:04d}.png", mask)
    common = {**settings, "edges": "plain", "carry": False, "mode": "xmem", "order": "forward", "augment": False, "confidence": False}
    request = PropagateRequest(masks=str(folder / "masks"), **common)
    return WitnessShot(request, PropagateRequest(masks=str(folder / "corrected"), **common), ("0-4", "5-11"), (0, 0, 64, 48))


def _anamorphic(folder: Path, settings: dict) -> WitnessShot:
    """EXRs of pixel aspect 2 and soft masks in EXR; every augmentation, one sweep."""
    noise = np.random.default_rng(9).random((64, 48, 3)) * 0.3
    for frame in range(20, 31):
        picture, mask = noise.copy(), np.zeros((64, 48), np.float16)
        place = slice(4 + 2 * (frame - 20), 24 + 2 * (frame - 20))
        picture[20:44, place] = (0.1, 0.9, 3.0)
        mask[20:44, place] = 1
        mask[18:20, place] = 0.5
        write_exr(
            folder / "plate" / f"a.{frame}.exr", _planes(picture), (0, 0, 48, 64), pixel_aspect=2.0, compression=OpenEXR.ZIPS_COMPRESSION
        )
        for part, frames in (("masks", (20, 27)), ("corrected", (20, 24, 27))):
            if frame in frames:
                write_exr(folder / part / f"m.{frame}.exr", {"thing.alpha": mask}, (0, 0, 48, 64), pixel_aspect=2.0)
    common = {**settings, "edges": "plain", "carry": False, "mode": "xmem++", "order": "forward", "augment": True, "confidence": False}
    request = PropagateRequest(masks=str(folder / "masks"), **common)
    return WitnessShot(request, PropagateRequest(masks=str(folder / "corrected"), **common), ("20-24", "25-30"), (0, 0, 48, 64))


def _planes(picture: np.ndarray) -> dict[str, np.ndarray]:
    return {name: picture[..., place].astype(np.float16) for place, name in enumerate("RGB")}
