"""How good a network is while it learns: mean J on parts of a few clips, at a reduced size.

A yardstick for the learning curve, not the measurement: that is `xmem-roto evaluate`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import torch

from xmemcore.engine.config import EngineConfig
from xmemcore.evaluation.clip_frames import ClipFrames
from xmemcore.evaluation.clips import Clip, ClipsNotFound, NothingToScore, find_clips, spread
from xmemcore.evaluation.evaluate import propagate_clip, score_clip
from xmemcore.network.xmem import XMem
from xmemcore.protocol.failures import Cancelled


@dataclasses.dataclass(frozen=True)
class Yardstick:
    """What is measured."""

    folder: str
    names: tuple[str, ...] = ()
    """Clips; none for all whose frames all have a mask."""
    frames: int = 24
    """Of each clip, evenly chosen from it, so that they show as much change as the clip does."""
    size: int = 240
    annotations: tuple[int, ...] = (1, 5)

    def clips(self) -> list[Clip]:
        """Find them; raises ClipsNotFound, and NothingToScore for one with too few masks."""
        there = find_clips(self.folder)
        names = [clip.name for clip in there]
        if unknown := [name for name in self.names if name not in names]:
            raise ClipsNotFound(f"There is no clip {', '.join(unknown)} in {self.folder}. These exist: {', '.join(names)}.")
        found = [clip for clip in there if (clip.name in self.names if self.names else not clip.sparse)]
        if not found:
            raise ClipsNotFound(f"No clip in {self.folder} has a mask for each of its frames. Name clips with --validate.")
        thinned = [_thinned(clip, self.frames) for clip in found]
        for clip in thinned:
            if len(clip.masks) <= max(self.annotations):
                raise NothingToScore(
                    f"{clip.name} has {len(clip.masks)} masks in the {len(clip)} frames that are looked at: too few to validate on. "
                    "Name other clips with --validate."
                )
        return thinned


@torch.no_grad()
def measure(network: XMem, clips: Sequence[Clip], yardstick: Yardstick, stopped: Callable[[], bool]) -> dict[str, float] | None:
    """Give mean J by number of annotations, as `J1`, `J5`; None where `stopped` says so before the end."""
    network = network.eval()
    engine = EngineConfig(mem_every=2)
    sums = dict.fromkeys(yardstick.annotations, 0.0)
    for clip in clips:
        frames = ClipFrames(clip, network, yardstick.size, "area")
        for k in yardstick.annotations:
            annotated = spread(clip, k)
            try:
                predicted = propagate_clip(network, frames, annotated, engine, stopped)
            except Cancelled:
                return None
            sums[k] += score_clip(clip, predicted, annotated, 0.0).scored.j
    return {f"J{k}": round(total / len(clips), 4) for k, total in sums.items()}


def _thinned(clip: Clip, count: int) -> Clip:
    step = max(1, len(clip) // count)
    chosen = list(range(0, len(clip), step))[:count]
    return dataclasses.replace(
        clip,
        frames=tuple(clip.frames[index] for index in chosen),
        masks={place: clip.masks[index] for place, index in enumerate(chosen) if index in clip.masks},
    )
