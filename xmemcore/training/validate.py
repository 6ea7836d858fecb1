"""Measure a network while it learns: mean J on parts of a few clips, at a reduced size.

A yardstick for the learning curve, not the measurement: that is `xmem-roto evaluate`.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from xmemcore.evaluation.clip_shot import ClipShot
from xmemcore.evaluation.clips import Clip, NothingToScore, find_clips, spread
from xmemcore.evaluation.evaluate import score_clip
from xmemcore.network.checkpoint import save_network
from xmemcore.network.xmem import XMem
from xmemcore.protocol.failures import Cancelled, RequestError
from xmemcore.protocol.requests import PropagateRequest


@dataclasses.dataclass(frozen=True)
class Yardstick:
    """The clips that are measured, and how."""

    folder: str
    names: tuple[str, ...] = ()
    """Clips; none for all whose frames all have a mask."""
    frames: int = 24
    """Frames of each clip, evenly chosen from it, so that they show as much change as the clip does."""
    size: int = 240
    annotations: tuple[int, ...] = (1, 5)

    def clips(self) -> list[Clip]:
        """Find them; raises RequestError, and NothingToScore for one with too few masks."""
        clips = find_clips(self.folder)
        names = [clip.name for clip in clips]
        if unknown := [name for name in self.names if name not in names]:
            raise RequestError(f"There is no clip {', '.join(unknown)} in {self.folder}. These exist: {', '.join(names)}.")
        chosen = [clip for clip in clips if (clip.name in self.names if self.names else not clip.sparse)]
        if not chosen:
            raise RequestError(f"No clip in {self.folder} has a mask for each of its frames. Name clips with --validate.")
        thinned = [_thinned(clip, self.frames) for clip in chosen]
        for clip in thinned:
            if len(clip.masks) <= max(self.annotations):
                raise NothingToScore(
                    f"{clip.name} has {len(clip.masks)} masks in the {len(clip)} frames that are looked at: too few to validate on. "
                    "Name other clips with --validate."
                )
        return thinned


def measure(network: XMem, clips: Sequence[Clip], yardstick: Yardstick, stopped: Callable[[], bool]) -> dict[str, float] | None:
    """Give mean J by number of annotations, as `J1`, `J5`; None where `stopped` says so before the end."""
    sums = dict.fromkeys(yardstick.annotations, 0.0)
    with tempfile.TemporaryDirectory(prefix="xmem-roto-validate-") as folder:
        # A file, because that is what the product loads; half precision, as the model will be shipped.
        model = Path(folder) / "now.safetensors"
        save_network(model, network, {"training": "under way"})
        device = next(network.parameters()).device.type
        choices = PropagateRequest(plate="", model=str(model), device=device, size=yardstick.size, mem_every=2)
        for clip in clips:
            with ClipShot(clip, keep=len(yardstick.annotations) > 1) as shot:
                for k in yardstick.annotations:
                    annotated = spread(clip, k)
                    try:
                        run = shot.propagate(annotated, choices, stopped)
                    except Cancelled:
                        return None
                    sums[k] += score_clip(clip, shot.labels(run), annotated, run.fps).scored.j
    return {f"J{k}": round(total / len(clips), 4) for k, total in sums.items()}


def _thinned(clip: Clip, count: int) -> Clip:
    step = max(1, len(clip) // count)
    chosen = list(range(0, len(clip), step))[:count]
    return dataclasses.replace(
        clip,
        frames=tuple(clip.frames[index] for index in chosen),
        masks={place: clip.masks[index] for place, index in enumerate(chosen) if index in clip.masks},
    )
