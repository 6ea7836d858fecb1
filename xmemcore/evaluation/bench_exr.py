"""Measure the cost of 2K EXRs: a shot from EXR to EXR, beside the same shot at the network's own size, where files cost almost nothing."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from xmemcore.evaluation.demo_shot import DemoShot
from xmemcore.evaluation.untrained import write_untrained
from xmemcore.network.config import FULL
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.listener import Listener
from xmemcore.shot.propagate import propagate

WIDTH, HEIGHT = 2048, 1152
NETWORK_ALONE = PropagateRequest("", use_cache=False, edges="plain", carry=False, crop="off")
"""Settings of a run of which the network is measured: nothing is kept or done to a matte afterwards, and the network sees whole frames."""


def exr_overhead(
    frames: int, size: int, device: str, listener: Listener, model: str | None = None, shape: tuple[int, int] | None = None
) -> dict[str, Any]:
    """Propagate one shot twice, as large EXRs and at working size: the network has the same to do, reading and writing have not.

    Args:
        frames: of the shot.
        size: short side that the network sees.
        device: auto, cpu, cuda or mps.
        listener: told of the progress.
        model: name or file; None: an untrained network of the official size.
        shape: width and height of the EXRs; None: 2048x1152.

    Returns:
        Seconds of both, loading the network included, and their ratio.
    """
    with tempfile.TemporaryDirectory(prefix="xmem-roto-bench-") as name:
        folder = Path(name)
        model = model or str(write_untrained(folder / "full-untrained.safetensors", FULL))
        seconds = {}
        wide, high = shape or (WIDTH, HEIGHT)
        for done, (called, width, height) in enumerate((("small", wide * size // high, size), ("exr", wide, high))):
            listener.message(f"Measuring: {width}x{height}")
            shot = DemoShot(width, height, max(frames, 8))
            plates = shot.write_plates(folder / called / "plates")
            script = folder / called / "roto.nk"
            script.write_text(shot.script(plates), encoding="utf-8")
            out = str(folder / called / "mattes" / "matte.%04d.exr")
            # A plate at working size has no window, so with windows the network would not have the same to do.
            request = replace(NETWORK_ALONE, plate=plates, roto=str(script), model=model, device=device, size=size, out=out)
            seconds[called] = propagate(request).seconds
            listener.progress(done + 1, 2)
    return {
        "exr": f"{wide}x{high}",
        "size": size,
        "frames": len(shot.frames),
        "seconds_small": seconds["small"],
        "seconds_exr": seconds["exr"],
        "overhead": round(seconds["exr"] / seconds["small"] - 1, 4),
    }


def text(content: dict[str, Any]) -> str:
    """Print what `exr_overhead` measured."""
    took = f"{content['seconds_exr']:.1f} s from EXR to EXR, {content['seconds_small']:.1f} s at working size"
    return f"{content['frames']} frames of {content['exr']}, short side {content['size']}: {took}: {content['overhead']:+.1%}"
