"""Propagate a clip as a plate with mask annotations, and read its mattes back as labels.

Nothing of the path from plate to matte is repeated here, so that a figure says how good the product is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from xmemcore.evaluation.clips import Clip, NothingToScore
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.results import PropagateResult
from xmemcore.shot.listener import Silence
from xmemcore.shot.mattes.mattes import Matte, MatteSequence, read_mattes
from xmemcore.shot.propagate import propagate
from xmemcore.shot.store.cache import digest

Cancelled = Callable[[], bool]
"""Says whether to stop; asked before every frame."""


def never() -> bool:
    """Do not stop."""
    return False


@dataclass(frozen=True)
class ClipRun:
    """One propagate of a clip."""

    annotated: tuple[int, ...]
    """Indices that were annotated, ascending."""
    choices: PropagateRequest
    """Settings of the run."""
    out: str
    """Pattern of the mattes; they stay as long as the clip's shot."""
    fps: float
    """Frames a second, from opening the plate to the last matte on disk."""
    encoded_frames: int
    """How often a frame was encoded; 0 where all features were kept from a run before."""
    labels_of_layers: Mapping[str, int]
    """The label of the ground truth that each layer of the mattes stands for."""


class ClipShot:
    """Propagate one clip, once or several times.

    Use it as a context manager: mattes and kept features lie in a temporary folder that goes with it.
    """

    def __init__(self, clip: Clip, keep: bool = True) -> None:
        """Prepare a clip.

        Args:
            clip: the clip.
            keep: whether features are kept from one run to the next, in a cache of this clip's own. The mattes are the same either way;
                the user's cache is neither read nor written.
        """
        self.clip = clip
        self.keep = keep
        self._folder = tempfile.TemporaryDirectory(prefix="xmem-roto-evaluate-")
        self._runs: dict[tuple[tuple[int, ...], PropagateRequest], ClipRun] = {}

    def __enter__(self) -> ClipShot:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def inputs(self, annotated: Sequence[int]) -> dict[str, Any]:
        """Give the fields of a request that name this clip with the ground truth of some indices as its annotations."""
        cache = {"cache": str(Path(self._folder.name) / "cache")} if self.keep else {}
        keyframes = tuple(self.clip.frame_number(index) for index in sorted(annotated))
        return {"plate": self.clip.plate, "masks": self.clip.mask_files, "keyframes": keyframes, "use_cache": self.keep, **cache}

    def propagate(self, annotated: Sequence[int], choices: PropagateRequest, cancelled: Cancelled = never) -> ClipRun:
        """Fill the clip from the ground truth of some indices; no run is repeated.

        Args:
            annotated: indices that have a mask.
            choices: the other settings of the propagate.
            cancelled: whether to stop.

        Raises:
            NothingToScore: no annotated mask shows an object; and what `propagate` raises.
        """
        annotated = tuple(sorted(annotated))
        known = self._runs.get((annotated, choices))
        if known is not None:
            return known
        if not any(np.isin(self.clip.labels(index), self.clip.objects).any() for index in annotated):
            frames = ", ".join(str(self.clip.frame_number(index)) for index in annotated)
            raise NothingToScore(f"{self.clip.name} shows no object on frame {frames}: there is nothing to propagate.")
        out = str(Path(self._folder.name) / f"mattes-{len(self._runs)}" / "matte.%04d.exr")
        # What is learned goes on from what was learned before: each set of annotations is a node of its own, or figures would depend on
        # their order. Features are shared all the same.
        node_id = f"keys-{digest(annotated)}" if choices.learn else None
        request = replace(choices, **self.inputs(annotated), node_id=node_id, out=out, frames=None)
        result = propagate(request, StopsWhenAsked(cancelled))
        fps = len(result.frames) / max(result.seconds, 1e-3)
        run = ClipRun(annotated, choices, out, fps, result.encoded_frames, self._names(result))
        self._runs[annotated, choices] = run
        return run

    def labels(self, run: ClipRun) -> dict[int, np.ndarray]:
        """Read a run's mattes as labels (H, W) at plate size, for every index that has a mask."""
        mattes: MatteSequence = read_mattes(run.out)
        return {index: decided(mattes.read(self.clip.frame_number(index)), run.labels_of_layers) for index in self.clip.masks}

    def _names(self, result: PropagateResult) -> dict[str, int]:
        """Give the label of the ground truth that each layer of the mattes stands for."""
        of_layer = {layer: self.clip.label_of(name) for name, layer in zip(result.objects, result.layers)}
        if sorted(of_layer.values()) != list(self.clip.objects):
            raise RequestError(
                f"The masks of {self.clip.name} hold the labels {', '.join(map(str, self.clip.objects))}, but propagate reads them as "
                f"{', '.join(result.objects)}. Save them as PNGs with a palette."
            )
        return of_layer


def decided(matte: Matte, labels: Mapping[str, int]) -> np.ndarray:
    """Decide each pixel of a matte for its most probable object, or for the background.

    Args:
        matte: as it was read back.
        labels: by layer.

    Returns:
        uint8 labels (H, W), 0 the background.
    """
    best, winner = 1 - matte.union, np.zeros(matte.union.shape, np.uint8)
    for layer, label in labels.items():
        plane = matte.layers[layer]
        won = plane > best
        winner[won] = label
        np.maximum(best, plane, out=best)
    return winner


class StopsWhenAsked(Silence):
    """A listener that only passes the wish to stop on."""

    def __init__(self, cancelled: Cancelled) -> None:
        self._cancelled = cancelled

    def cancelled(self) -> bool:
        return self._cancelled()
