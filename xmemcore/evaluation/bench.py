"""Measure speed: this program beside its own plain mode, each in its own process, from plate to matte."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xmemcore.engine.jaccard import jaccard
from xmemcore.evaluation.bench_ratios import demo_clip, ratios
from xmemcore.evaluation.clips import find_clips
from xmemcore.evaluation.demo_shot import DemoShot
from xmemcore.evaluation.untrained import model_or_untrained, write_untrained
from xmemcore.network.catalogue import resolve
from xmemcore.network.config import FULL
from xmemcore.protocol.failures import MachineError
from xmemcore.shot.listener import Listener
from xmemcore.shot.machine.device import choose_device, choose_precision
from xmemcore.shot.mattes.mattes import read_mattes

RUN_LIMIT_SECONDS = 4 * 3600


@dataclass(frozen=True)
class Row:
    """One measured run."""

    name: str
    model: str
    frames: int
    seconds: float
    """Time from opening the plate to the last matte on disk, without starting Python and importing torch."""
    fps: float
    peak_mb: float | None
    """Largest resident memory of the process; None where the system does not tell."""


@dataclass(frozen=True)
class _Contender:
    name: str
    model: str
    plain: bool


def compare(
    clip: str | None,
    frames: int,
    model: str | None,
    device: str,
    size: int,
    plain_only: bool,
    full: bool,
    listener: Listener,
    precision: str = "auto",
    only: Collection[str] = (),
) -> dict[str, Any]:
    """Measure the product and its plain mode on the same frames.

    Args:
        clip: folder with frames and masks; None: a made-up shot of 854x480.
        frames: how many of them, from the start.
        model: name or file; None: the default, or untrained weights when none is installed.
        device: auto, cpu, cuda or mps.
        size: short side that the network sees.
        plain_only: leave the product out.
        full: also a network of the official size, with untrained weights, and the ratios of `bench_ratios`.
        listener: hears of the progress.
        precision: level of rounding of the product.
        only: ratios of `bench_ratios.MEASUREMENTS` to measure, and nothing else; empty: everything.

    Raises:
        MachineError: a run failed; the text has its sentence.
        DeviceMissing, RequestError: before anything is measured.
    """
    device = str(choose_device(device))
    precision = choose_precision(precision, device)
    with tempfile.TemporaryDirectory(prefix="xmem-roto-bench-") as name:
        folder = Path(name)
        shot = _made_up(folder, frames) if clip is None else _from_clip(clip, frames)
        chosen, trained = model_or_untrained(model, folder)
        weights = str(resolve(chosen).path)
        sides = (True,) if plain_only else (False, True)
        contenders = [] if only else [_Contender("plain" if plain else "product", weights, plain) for plain in sides]
        official = str(write_untrained(folder / "full-untrained.safetensors", FULL)) if full or only else ""
        if full and not only:
            contenders += [_Contender(f"official size, {'plain' if plain else 'product'}", official, plain) for plain in sides]
        rows = []
        for number, contender in enumerate(contenders):
            listener.message(f"Measuring: {contender.name}")
            rows.append(_measure(contender, shot, folder / f"mattes{number}", device, size, precision))
            listener.progress(number + 1, len(contenders))
        more = {}
        if only or full and not plain_only:
            measured_on = demo_clip(folder / "clip", 854, 480, frames) if clip is None else find_clips(clip)[0]
            more = ratios(measured_on, frames, weights, official, device, size, listener, precision, only)
        overlap = None if plain_only or only else _overlap(folder / "mattes0", folder / "mattes1")
    return {
        "clip": clip or "made-up, 854x480",
        "size": size,
        "device": device,
        "precision": precision,
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "trained": trained,
        "rows": [asdict(row) for row in rows],
        "iou_product_plain": overlap,
        **more,
    }


def text(content: dict[str, Any]) -> str:
    """Print what `compare` measured."""
    lines = [f"{content['clip']}, short side {content['size']}, {content['device']}, {content['precision']}, {content['threads']} threads"]
    slowest = min((row["fps"] for row in content["rows"]), default=1.0)
    for row in content["rows"]:
        memory = "" if row["peak_mb"] is None else f"  peak {row['peak_mb']:.0f} MB"
        lines.append(f"{row['name']:24s} {row['fps']:7.2f} frames/s  {row['fps'] / slowest:5.2f}x  {row['seconds']:8.1f} s{memory}")
    lines += [f"{name:24s} {ratio:7.2f}x" for name, ratio in content.get("ratios", {}).items()]
    if content["iou_product_plain"] is not None and content["trained"]:
        lines.append(f"Overlap of product and plain mattes (IoU): {content['iou_product_plain']:.4f}")
    if not content["trained"]:
        lines.append("No model is installed: untrained weights, whose speed alone means anything.")
    return "\n".join(lines)


def _made_up(folder: Path, frames: int) -> list[str]:
    """Draw the shot of the demo at 854x480; returns the arguments that name it."""
    shot = DemoShot(854, 480, max(frames, 8))
    plates = shot.write_plates(folder / "plates")
    script = folder / "roto.nk"
    script.write_text(shot.script(plates), encoding="utf-8")
    return [plates, "--roto", str(script), "--frames", f"{shot.frames[0]}-{shot.frames[0] + frames - 1}"]


def _from_clip(folder: str, frames: int) -> list[str]:
    """Name a clip, annotated where its first mask is."""
    clip = find_clips(folder)[0]
    first = next(iter(clip.masks))
    last = min(frames, len(clip)) - 1
    return [
        clip.plate, "--masks", clip.mask_files, f"--keyframes={clip.frame_number(first)}",
        f"--frames={clip.frame_number(0)}-{clip.frame_number(last)}",
    ]  # fmt: skip


def _measure(contender: _Contender, shot: Sequence[str], out: Path, device: str, size: int, precision: str) -> Row:
    command = [
        sys.executable, "-m", "xmemcore", "propagate", *shot, "--out", str(out / "matte.%04d.exr"), "--model", contender.model,
        "--device", device, "--size", str(size), "--no-cache", "--json", *(["--plain"] if contender.plain else ["--precision", precision]),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        out_text, err_text = child.communicate(timeout=RUN_LIMIT_SECONDS)
    if child.returncode != 0:
        last = err_text.strip().splitlines()[-1] if err_text.strip() else f"exit code {child.returncode}"
        raise MachineError(f"The {contender.name} run failed: {last.removeprefix('xmem-roto: ')}")
    answer = json.loads(out_text)
    frames, seconds = len(answer["written"]), answer["seconds"]
    return Row(contender.name, answer["model"], frames, seconds, round(frames / seconds, 3), answer.get("peak_mb"))


def _overlap(product: Path, plain: Path) -> float:
    """Average the IoU of the unions of two matte sequences, over all frames."""
    a, b = (read_mattes(str(folder / "matte.%04d.exr")) for folder in (product, plain))
    unions = [(np.asarray(a.read(frame).union) >= 0.5, np.asarray(b.read(frame).union) >= 0.5) for frame in a.frames]
    return round(float(np.mean([jaccard(x, y) for x, y in unions])), 4)
