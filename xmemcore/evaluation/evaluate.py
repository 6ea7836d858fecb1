"""Propagate annotated clips and score the result, with the hold baseline beside each figure.

What comes out is one JSON object:
    {"model", "mode", "size", "select", ..., "clips": {name: {"k": {"J", "F", "JF", "JF_all", "JF_hold", "annotated", "fps", ...}}},
     "mean": {"k": {"J", "F", "JF", "JF_all", "JF_hold", "clips"}}, "skipped": {name: {"k": reason}}}
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from xmemcore.engine.config import EngineConfig
from xmemcore.engine.propagation import Propagation, permanent_indices, plan
from xmemcore.engine.selection import STRATEGIES, Situation
from xmemcore.engine.suggestion import View, suggest, view
from xmemcore.engine.sweep import Prediction
from xmemcore.evaluation import metrics
from xmemcore.evaluation.clip_frames import AREA, ClipFrames, labels_at
from xmemcore.evaluation.clips import VOID, Clip, NothingToScore, require_scorable, spread
from xmemcore.evaluation.hold import hold
from xmemcore.network.xmem import XMem
from xmemcore.protocol.failures import RequestError, not_written
from xmemcore.protocol.whole_file import write_text
from xmemcore.shot.listener import Listener, Silence

SELECTIONS = ("uniform", "suggested", "random")


class ResumeMismatch(RequestError):
    """The file to resume was made with other settings."""


@dataclass(frozen=True)
class EvaluationSettings:
    """What is varied between two evaluations."""

    annotations: tuple[int, ...] = (1, 5, 10)
    """Numbers of annotated frames to try."""
    select: str = "uniform"
    """`uniform`; `random`: the first mask and k - 1 others; `suggested`: the first mask and what suggestion picks after one propagation."""
    seed: int = 0
    """Of the random choice."""
    alpha: float = 0.5
    """Of suggestion."""
    min_pixels: int = 9
    """Of suggestion."""
    size: int = 480
    resampling: str = AREA
    engine: EngineConfig = field(default_factory=EngineConfig)

    def as_json(self) -> dict[str, Any]:
        """Give everything that a figure depends on, but the model and the number of annotations."""
        settings = asdict(self)
        del settings["annotations"]
        return json.loads(json.dumps(settings))


@dataclass(frozen=True)
class ClipResult:
    """The figures of one clip with one number of annotations."""

    scored: metrics.Score
    """Over the frames that were not annotated."""
    over_all: metrics.Score
    """Over all frames that have a mask."""
    held: metrics.Score
    """Of the hold baseline, over the same frames as `scored`."""
    annotated: tuple[int, ...]
    """Frame numbers, as in the file names."""
    fps: float
    """Frames a second, reading and encoding included."""

    def as_json(self) -> dict[str, Any]:
        return {
            "J": round(self.scored.j, 4),
            "F": round(self.scored.f, 4),
            "JF": round(self.scored.jf, 4),
            "JF_all": round(self.over_all.jf, 4),
            "J_hold": round(self.held.j, 4),
            "F_hold": round(self.held.f, 4),
            "JF_hold": round(self.held.jf, 4),
            "annotated": list(self.annotated),
            "fps": round(self.fps, 3),
        }


def propagate_clip(
    network: XMem, frames: ClipFrames, annotated: Sequence[int], config: EngineConfig, cancelled: Callable[[], bool] = lambda: False
) -> dict[int, np.ndarray]:
    """Propagate the ground truth of some indices to all frames.

    Returns:
        Labels (H, W) at plate size, for every index that has a mask; an annotated frame's are the annotation itself, as in the product.
    """
    clip = frames.clip
    labels = {index: clip.labels(index) for index in annotated}
    for index, prediction in predictions(network, frames, annotated, config, cancelled):
        if index in clip.masks and index not in labels:
            labels[index] = labels_at(prediction.planes, (frames.height, frames.width), clip.objects)
    return labels


def predictions(
    network: XMem, frames: ClipFrames, annotated: Sequence[int], config: EngineConfig, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[tuple[int, Prediction]]:
    """Propagate the ground truth of some indices; gives every index once, gap by gap."""
    annotations, objects = frames.annotations(annotated), len(frames.clip.objects)
    propagation = Propagation(network, frames, annotations, objects, config)
    for index in permanent_indices(annotations, config):
        propagation.learn(index)
    for gap in plan(len(frames), annotations, objects, config):
        yield from propagation.run(gap, cancelled=cancelled)


def suggested(
    network: XMem, frames: ClipFrames, k: int, settings: EvaluationSettings, cancelled: Callable[[], bool] = lambda: False
) -> tuple[int, ...]:
    """Choose the first mask, and k - 1 frames with a mask that suggestion picks from the mattes of one propagation.

    Raises:
        NothingToScore: too few masks.
    """
    clip = frames.clip
    require_scorable(clip, k)
    first = next(iter(clip.masks))
    if k == 1:
        return (first,)
    predicted = dict(predictions(network, frames, [first], settings.engine, cancelled))
    unions = [1 - predicted[index].planes[0] for index in range(len(clip))]
    eligible = [index in clip.masks and float((unions[index] > 0.5).sum()) >= settings.min_pixels for index in range(len(clip))]
    views = [view(frames.frame(index).features, frames.padding.pad(unions[index]), settings.alpha) for index in range(len(clip))]
    picks = suggest(views.__getitem__, eligible, [first], k - 1, cancelled=cancelled)
    return tuple(sorted([first, *(pick.index for pick in picks)]))


def choose_annotations(
    network: XMem, frames: ClipFrames, k: int, settings: EvaluationSettings, cancelled: Callable[[], bool] = lambda: False
) -> tuple[int, ...]:
    """Choose the k indices to annotate as the settings say; raises NothingToScore."""
    clip = frames.clip
    if settings.select == "suggested":
        return suggested(network, frames, k, settings, cancelled)
    if settings.select == "random":
        require_scorable(clip, k)
        first = next(iter(clip.masks))
        # The name makes clips differ from each other, in a way that does not depend on which clips are evaluated together.
        seed = int(np.random.SeedSequence([settings.seed, *clip.name.encode()]).generate_state(1)[0])
        situation = Situation((first,), [index in clip.masks for index in range(len(clip))], _unseen, seed)
        return tuple(sorted([first, *(pick.index for pick in STRATEGIES["random"].picks(situation, k - 1))]))
    return spread(clip, k)


def _unseen(index: int) -> View:
    raise AssertionError("a random choice looks at no frame")


def evaluate_clip(
    network: XMem, frames: ClipFrames, k: int, settings: EvaluationSettings, cancelled: Callable[[], bool] = lambda: False
) -> ClipResult:
    """Score one clip with k annotations.

    Raises:
        NothingToScore: the clip has too few masks.
    """
    clip = frames.clip
    annotated = choose_annotations(network, frames, k, settings, cancelled)
    encoding_before, began = frames.encoding_seconds, time.perf_counter()
    predicted = propagate_clip(network, frames, annotated, settings.engine, cancelled)
    seconds = time.perf_counter() - began
    if frames.keep:
        # Frames that an earlier run encoded cost this one nothing; their time is counted all the same.
        seconds += encoding_before
    return score_clip(clip, predicted, annotated, len(clip) / seconds)


def score_clip(clip: Clip, predicted: dict[int, np.ndarray], annotated: Sequence[int], fps: float) -> ClipResult:
    """Score predicted labels against the truth, over the frames that were not annotated and over all."""
    scores = {index: metrics.score_labels(predicted[index], clip.labels(index), clip.objects, VOID) for index in clip.masks}
    left = [index for index in clip.masks if index not in annotated]
    held = hold(clip, annotated)
    return ClipResult(
        scored=metrics.clip_score(scores[index] for index in left),
        over_all=metrics.clip_score(scores.values()),
        held=metrics.clip_score(metrics.score_labels(held[index], clip.labels(index), clip.objects, VOID) for index in left),
        annotated=tuple(clip.frame_number(index) for index in annotated),
        fps=fps,
    )


class Table:
    """The figures of an evaluation, clip by clip; kept in a file after each clip, so that it can be resumed."""

    def __init__(self, model: str, model_sha256: str, settings: EvaluationSettings, file: Path | None = None, resume: bool = False) -> None:
        """Begin a table, or go on with the one in `file`.

        Raises:
            ResumeMismatch: the file was made with another model or other settings.
        """
        engine = settings.engine
        self.file = file
        self.content: dict[str, Any] = {
            "model": model,
            "model_sha256": model_sha256,
            "mode": engine.mode,
            "size": settings.size,
            "select": settings.select,
            "settings": settings.as_json(),
            "clips": {},
            "skipped": {},
            "mean": {},
        }
        if resume and file is not None and file.exists():
            self._go_on(file)

    def has(self, clip: str, k: int) -> bool:
        """Tell whether a figure is there, or known to be impossible."""
        return str(k) in self.content["clips"].get(clip, {}) or str(k) in self.content["skipped"].get(clip, {})

    def put(self, clip: str, k: int, result: ClipResult) -> None:
        """Add a figure and keep the table."""
        self.adopt(clip, k, result.as_json())

    def adopt(self, clip: str, k: int, figures: dict[str, Any]) -> None:
        """Add figures as another table has them, and keep the table."""
        self.content["clips"].setdefault(clip, {})[str(k)] = figures
        self._take_means()
        self._keep()

    def skip(self, clip: str, k: int, reason: str) -> None:
        """Note why there is no figure."""
        self.content["skipped"].setdefault(clip, {})[str(k)] = reason
        self._keep()

    def _go_on(self, file: Path) -> None:
        try:
            before = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ResumeMismatch(f"Cannot go on with {file}: it is no table of figures. Name another place, or move it away.") from error
        for key, what in (("model", "another model"), ("model_sha256", "other weights"), ("settings", "other settings")):
            if not isinstance(before, dict) or before.get(key) != self.content[key]:
                raise ResumeMismatch(f"Cannot go on with {file}: it was made with {what}. Name another place, or move it away.")
        for key in ("clips", "skipped", "mean"):
            self.content[key] = before[key]

    def _take_means(self) -> None:
        clips: dict[str, dict[str, dict[str, Any]]] = self.content["clips"]
        self.content["mean"] = {}
        for k in sorted({k for figures in clips.values() for k in figures}, key=int):
            figures = [by_k[k] for by_k in clips.values() if k in by_k]
            names = ("J", "F", "JF", "JF_all", "J_hold", "F_hold", "JF_hold")
            means = {name: round(sum(f[name] for f in figures) / len(figures), 4) for name in names}
            self.content["mean"][k] = {**means, "clips": len(figures)}

    def _keep(self) -> None:
        if self.file is None:
            return
        try:
            write_text(self.file, json.dumps(self.content, indent=1))
        except OSError as error:
            raise not_written(self.file, error) from error


def evaluate(
    network: XMem, clips: Sequence[Clip], settings: EvaluationSettings, table: Table, listener: Listener | None = None
) -> dict[str, Any]:
    """Fill a table, clip by clip; what it has already is left alone.

    Returns:
        The table's content, as DESIGN says of `evaluate --json`.

    Raises:
        NothingToScore: not one clip could be scored.
    """
    listener = listener or Silence()
    total, done = len(clips) * len(settings.annotations), 0
    for clip in clips:
        missing = [k for k in settings.annotations if not table.has(clip.name, k)]
        done += len(settings.annotations) - len(missing)
        frames = ClipFrames(clip, network, settings.size, settings.resampling) if missing else None
        for k in missing:
            assert frames is not None
            try:
                result = evaluate_clip(network, frames, k, settings, listener.cancelled)
            except NothingToScore as reason:
                table.skip(clip.name, k, str(reason))
                listener.warning(str(reason))
            else:
                table.put(clip.name, k, result)
                listener.message(line(clip.name, k, table.content["clips"][clip.name][str(k)]))
            done += 1
            listener.progress(done, total)
    if not table.content["clips"]:
        raise NothingToScore("No clip could be scored: each has too few masks for these numbers of annotations.")
    return table.content


def line(name: str, k: int | str, figures: dict[str, Any]) -> str:
    """Say one row of the table."""
    speed = f"  {figures['fps']:.1f} frames/s" if "fps" in figures else ""
    return (
        f"{name:24s} {k:>3} annotated  J {figures['J']:.3f}  F {figures['F']:.3f}  J&F {figures['JF']:.3f}  "
        f"(all frames {figures['JF_all']:.3f}, hold {figures['JF_hold']:.3f}){speed}"
    )
