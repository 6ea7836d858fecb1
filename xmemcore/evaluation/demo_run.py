"""The demo: draw a shot, roto two of its frames, propagate, suggest, score, and leave everything in one folder to look at."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xmemcore.evaluation import metrics
from xmemcore.evaluation.clips import nearest
from xmemcore.evaluation.demo_shot import PLATES, DemoShot
from xmemcore.evaluation.picture import require_writable
from xmemcore.evaluation.report import draw_report
from xmemcore.evaluation.untrained import model_or_untrained
from xmemcore.protocol.failures import RequestError, not_written
from xmemcore.protocol.requests import PropagateRequest, SuggestRequest
from xmemcore.shot.files.sequence import frame_path
from xmemcore.shot.listener import Listener
from xmemcore.shot.mattes.mattes import read_mattes
from xmemcore.shot.propagate import propagate
from xmemcore.shot.suggest import suggest


@dataclass(frozen=True)
class DemoResult:
    """The files and figures of a demo."""

    folder: str
    plates: str
    script: str
    mattes: str
    contact_sheet: str
    model: str
    trained: bool
    """False: no model was installed, and the mattes are meaningless."""
    keyframes: tuple[int, ...]
    suggested: tuple[int, ...]
    j: float
    f: float
    """Mean J and F over the frames that were not keyed."""
    j_hold: float
    f_hold: float
    """The same for the nearest key, copied."""
    seconds: float
    """Time of the propagation."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def run_demo(folder: Path, model: str | None, device: str, listener: Listener, shot: DemoShot | None = None, size: int = 360) -> DemoResult:
    """Run the demo.

    Args:
        folder: where everything goes; files of an earlier demo there are replaced, and no plate or picture of another program.
        model: name or file; None: the default model, or untrained weights when none is installed.
        device: auto, cpu, cuda or mps.
        listener: told of the progress.
        shot: the shot to draw; None for the usual one.
        size: short side that the network sees; the shot has 360 lines.

    Raises:
        RequestError, MachineError, Cancelled.
    """
    shot = shot or DemoShot()
    folder = folder.absolute()
    script, sheet = folder / "demo_roto.nk", folder / "contact-sheet.png"
    plates = (folder / "plates" / PLATES).as_posix()
    if not script.is_file():  # beside it plates and sheet are an earlier demo's; sheets of 0.2.0 do not say so
        require_writable(sheet)
        foreign = [path for path in (frame_path(plates, frame) for frame in shot.frames) if os.path.lexists(path)]
        if foreign:
            raise RequestError(f"{foreign[0]} is there, and no demo has made it: it stays as it is. Name another folder (--out).")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        script.write_text(shot.script(plates), encoding="utf-8")  # first, so that plates of a demo that was stopped are known
    except OSError as error:
        raise not_written(script, error) from error
    listener.message(f"Drawing a shot of {shot.length} frames, {shot.width}x{shot.height}, into {folder / 'plates'}")
    shot.write_plates(folder / "plates")
    chosen, trained = model_or_untrained(model, folder)
    listener.message(f"Propagating the roto of frames {' and '.join(map(str, shot.keyframes))} with {chosen or 'the default model'}")
    out = (folder / "mattes" / "matte.%04d.exr").as_posix()
    common: dict[str, Any] = {
        "plate": plates,
        "roto": str(script),
        "model": chosen,
        "device": device,
        "size": size,
        "cache": str(folder / "cache"),
    }
    result = propagate(PropagateRequest(**common, out=out), listener)
    listener.message("Suggesting the next frames to key")
    picks = suggest(SuggestRequest(**common, mattes=out, count=3), listener)
    suggested = tuple(pick.frame for pick in picks.suggestions)
    propagated, held = score(shot, out)
    notes = [
        f"Keyed: {', '.join(map(str, shot.keyframes))}.   Suggested next: {', '.join(map(str, suggested)) or 'none'}.",
        f"J (overlap) {propagated.j:.3f}, F (outline) {propagated.f:.3f} of 1 over the other frames; "
        f"the nearest key copied: J {held.j:.3f}, F {held.f:.3f}.",
    ]
    if not trained:
        notes.append("UNTRAINED WEIGHTS: these mattes are meaningless.")
    draw_report(plates, out, sheet, suggested=suggested, notes=notes)
    return DemoResult(
        folder=str(folder),
        plates=plates,
        script=str(script),
        mattes=out,
        contact_sheet=str(sheet),
        model=result.model,
        trained=trained,
        keyframes=shot.keyframes,
        suggested=suggested,
        j=round(propagated.j, 4),
        f=round(propagated.f, 4),
        j_hold=round(held.j, 4),
        f_hold=round(held.f, 4),
        seconds=result.seconds,
    )


def score(shot: DemoShot, mattes: str) -> tuple[metrics.Score, metrics.Score]:
    """Score mattes against the drawn truth, and the nearest key copied, over the frames that were not keyed."""
    sequence = read_mattes(mattes)
    truth = {frame: shot.matte(frame) >= 0.5 for frame in shot.frames}
    propagated, held = [], []
    for frame in shot.frames:
        if frame in shot.keyframes:
            continue
        propagated.append(metrics.score(np.asarray(sequence.read(frame).union) >= 0.5, truth[frame]))
        held.append(metrics.score(truth[nearest(frame, shot.keyframes)], truth[frame]))
    return metrics.mean(propagated), metrics.mean(held)
