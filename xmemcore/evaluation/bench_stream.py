"""`bench --stream`: send many frames through one sweep, and watch that its memory does not grow with the shot."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from xmemcore.engine.config import EngineConfig
from xmemcore.engine.frames import Annotation, Frame, Padding, at_hand, normalise
from xmemcore.engine.permanent import entries
from xmemcore.engine.sweep import Sweep
from xmemcore.evaluation.untrained import untrained
from xmemcore.memory.permanent import PermanentMemory
from xmemcore.network.inference import prepared
from xmemcore.protocol.failures import Cancelled
from xmemcore.shot.listener import Listener
from xmemcore.shot.machine.device import choose_device
from xmemcore.shot.machine.footprint import resident_mb


def stream(frames: int, size: int, device: str, listener: Listener) -> dict[str, Any]:
    """Send made-up frames through one forward sweep and watch its memory and the size of the process.

    Args:
        frames: how many; the footprint of the last must be near that of frame 300.
        size: height of the made-up frames, a multiple of 16; they are 16:9.
        device: auto, cpu, cuda or mps.
        listener: hears of the progress.

    Raises:
        Cancelled: between two frames.
    """
    on_device = choose_device(device)
    network = prepared(untrained().to(on_device))
    padding = Padding(size, size * 16 // 9)
    noise = np.random.default_rng(0).random((size, 2 * padding.width, 3), dtype=np.float32)
    config, permanent = EngineConfig(order="forward"), PermanentMemory(1)

    def frame(index: int) -> Frame:
        left = index * 3 % padding.width
        image = padding.pad(normalise(noise[:, left : left + padding.width], on_device))
        with torch.inference_mode():
            return Frame(at_hand(image), network.encode_key(image))

    mask = torch.zeros(size, padding.width, device=on_device)
    mask[size // 4 : size // 2, size // 4 : size // 2] = 1
    annotation = Annotation({0: mask})
    with torch.inference_mode():
        for variant, entry in entries(network, frame(0), annotation, 1, padding, config):
            permanent.put(0, entry, variant)
    sweep = Sweep(network, permanent, padding, config)
    marks = sorted({100, 300, 1000, 3000, frames} & set(range(frames + 1)))
    checkpoints, began = [], time.perf_counter()
    for index in range(frames):
        if listener.cancelled():
            raise Cancelled("Cancelled. Nothing was kept.")
        sweep.step(index, frame(index), annotation if index == 0 else None)
        if index + 1 in marks:
            elements = len(sweep.memory.temporary) + len(permanent)
            checkpoints.append({"frame": index + 1, "elements": elements, "resident_mb": round(resident_mb() or 0.0, 1)})
        listener.progress(index + 1, frames)
    return {"size": size, "frames": frames, "fps": round(frames / (time.perf_counter() - began), 2), "checkpoints": checkpoints}


def text(content: dict[str, Any]) -> str:
    """Print what `stream` measured."""
    lines = [f"{'frames':>8}  {'memory elements':>15}  {'resident MB':>11}"]
    lines += [f"{c['frame']:8d}  {c['elements']:15d}  {c['resident_mb']:11.1f}" for c in content["checkpoints"]]
    return "\n".join([*lines, f"{content['fps']:.1f} frames/s at short side {content['size']}"])
