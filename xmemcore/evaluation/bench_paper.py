"""`bench --paper`: the frames a second that XMem++ tells, for several objects and sizes, in one table.

The paper's measurement is a shot of 500 frames of 854x480 with five annotations. The preload is the encoding of the annotations: counted
or not. The network's speed is measured alone: frames come from files, mattes go nowhere, nothing is kept.

Source: Bekuzarov et al., "XMem++", arXiv 2307.15958.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from xmemcore.engine.config import XMEM, XMEM_PLUS_PLUS
from xmemcore.evaluation.bench_ratios import demo_clip, engine_seconds, evenly_keyed, in_strips
from xmemcore.network.catalogue import resolve
from xmemcore.protocol.failures import Cancelled, RequestError
from xmemcore.shot.listener import Listener
from xmemcore.shot.machine.device import choose_device, choose_precision

ANNOTATIONS = 5
SIZES = ((854, 480), (1920, 1080))
OBJECTS = (1, 3, 8)
WAYS = (("xmem++", XMEM_PLUS_PLUS, 0), ("xmem++, preload not counted", XMEM_PLUS_PLUS, ANNOTATIONS), ("xmem", XMEM, 0))
"""Name, mode, and annotations that are learned before the clock starts."""


def paper_table(
    frames: int,
    model: str | None,
    device: str,
    precision: str,
    listener: Listener,
    sizes: Sequence[tuple[int, int]] = SIZES,
    objects: Sequence[int] = OBJECTS,
) -> dict[str, Any]:
    """Measure a drawn shot at every size, number of objects and way.

    Args:
        frames: of the shot, at least as many as annotations; 500 in the paper.
        model: name or file; None: the default.
        device: auto, cpu, cuda or mps.
        precision: level of rounding.
        listener: told of the progress.
        sizes: widths and heights of the plate; the network sees its height.
        objects: the drawn object is cut into so many.

    Returns:
        `paper`: a row for each, with frames a second and the card's memory at its peak, in MB; None on a CPU.

    Raises:
        RequestError, MachineError; Cancelled, between two rows.
    """
    if frames < ANNOTATIONS:
        raise RequestError(f"The table is measured with {ANNOTATIONS} annotations. Give it as many frames (--frames).")
    found = resolve(model)
    device = str(choose_device(device))
    on_card = torch.device(device).type == "cuda"
    precision = choose_precision(precision, device)
    rows: list[dict[str, Any]] = []
    total = len(sizes) * len(objects) * len(WAYS)
    with tempfile.TemporaryDirectory(prefix="xmem-roto-bench-") as name:
        for width, height in sizes:
            shot = demo_clip(Path(name) / f"{height}", width, height, frames)
            for count in objects:
                clip = in_strips(shot, count, frames, Path(name) / f"{height}-{count}")
                for way, mode, known in WAYS:
                    if listener.cancelled():
                        raise Cancelled("Cancelled. Nothing was kept.")
                    asked = evenly_keyed(clip, frames, ANNOTATIONS, frames)
                    request = replace(asked, model=str(found.path), device=device, size=height, precision=precision, mode=mode)
                    if on_card:
                        torch.cuda.reset_peak_memory_stats(device)
                    seconds = engine_seconds(request, known=known)
                    peak = round(torch.cuda.max_memory_allocated(device) / 1e6) if on_card else None
                    fps = round(frames / seconds, 2)
                    rows.append({"lines": height, "objects": count, "way": way, "fps": fps, "seconds": round(seconds, 3), "gpu_mb": peak})
                    listener.progress(len(rows), total)
    return {"paper": rows, "frames": frames, "annotations": ANNOTATIONS, "device": device, "precision": precision, "model": found.name}


def text(content: dict[str, Any]) -> str:
    """Print the table."""
    head = f"{content['frames']} frames, {content['annotations']} annotations, {content['device']}, {content['precision']}; frames a second"
    lines = [head, f"{'lines':>5}  {'objects':>7}  {'':28s}{'fps':>8}"]
    for row in content["paper"]:
        memory = "" if row["gpu_mb"] is None else f"  card {row['gpu_mb']} MB"
        lines.append(f"{row['lines']:5d}  {row['objects']:7d}  {row['way']:28s}{row['fps']:8.2f}{memory}")
    return "\n".join(lines)
