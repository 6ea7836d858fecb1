"""What reading and writing EXRs adds to a 2K shot, beside the same network on frames that are in memory already."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from xmemcore.engine.frames import Frame, Padding, normalise
from xmemcore.engine.propagation import Propagation
from xmemcore.evaluation.demo_shot import DemoShot
from xmemcore.evaluation.untrained import write_untrained
from xmemcore.network.checkpoint import load_network
from xmemcore.network.config import FULL
from xmemcore.network.inference import prepared
from xmemcore.network.xmem import XMem
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.device import choose_device
from xmemcore.shot.listener import Listener
from xmemcore.shot.plan import ShotPlan
from xmemcore.shot.propagate import propagate

WIDTH, HEIGHT = 2048, 1152


def exr_overhead(
    frames: int, size: int, device: str, listener: Listener, model: str | None = None, shape: tuple[int, int] | None = None
) -> dict[str, Any]:
    """Measure one shot twice: from EXR to EXR, and from memory to nothing.

    Args:
        frames: of the shot.
        size: short side that the network sees.
        device: auto, cpu, cuda or mps.
        listener: told of the progress.
        model: name or file; None: an untrained network of the official size.
        shape: width and height of the plate; None: 2K.

    Returns:
        Seconds of both, loading the network included, and their ratio.
    """
    with tempfile.TemporaryDirectory(prefix="xmem-roto-bench-") as name:
        folder = Path(name)
        width, height = shape or (WIDTH, HEIGHT)
        shot = DemoShot(width, height, max(frames, 8))
        plates = shot.write_plates(folder / "plates")
        script = folder / "roto.nk"
        script.write_text(shot.script(plates), encoding="utf-8")
        model = model or str(write_untrained(folder / "full-untrained.safetensors", FULL))
        out = str(folder / "mattes" / "matte.%04d.exr")
        request = PropagateRequest(plates, str(script), model=model, device=device, size=size, use_cache=False, out=out)
        listener.message("Measuring: frames in memory")
        memory = _from_memory(ShotPlan(request))
        listener.progress(1, 2)
        listener.message("Measuring: EXR in, EXR out")
        seconds = propagate(request).seconds
        listener.progress(2, 2)
    return {
        "exr": f"{width}x{height}",
        "size": size,
        "frames": len(shot.frames),
        "seconds_memory": round(memory, 2),
        "seconds_exr": seconds,
        "overhead": round(seconds / memory - 1, 4),
    }


class _Held:
    """Working images in memory, encoded when they are asked for."""

    def __init__(self, plan: ShotPlan) -> None:
        self.padding: Padding = plan.content.padding
        self.device = choose_device(plan.request.device)
        self.network: XMem | None = None
        self._images = [normalise(plan.content.read(index)) for index in range(len(plan.plate.frames))]

    def __len__(self) -> int:
        return len(self._images)

    @torch.inference_mode()
    def frame(self, index: int) -> Frame:
        assert self.network is not None
        image = self.padding.pad(self._images[index].to(self.device))
        return Frame(image, self.network.kept(self.network.encode_key(image)))


def _from_memory(plan: ShotPlan) -> float:
    held = _Held(plan)
    began = time.perf_counter()
    held.network = prepared(load_network(plan.model.path, held.device))
    for group, gaps in zip(plan.groups, plan.gaps):
        propagation = Propagation(held.network, held, group.annotations, len(group.objects), plan.config)
        for index in group.annotations:
            propagation.learn(index)
        for gap in gaps:
            for _ in propagation.run(gap):
                pass
    return time.perf_counter() - began
