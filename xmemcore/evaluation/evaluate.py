"""Propagate annotated clips and score the result, with the hold baseline beside each figure.

What comes out is one JSON object:
    {"model", "mode", "size", "select", ..., "clips": {name: {"k": {"J", "F", "JF", "JF_all", "JF_hold", "annotated", "fps", ...}}},
     "mean": {"k": {"J", "F", "JF", "JF_all", "JF_hold", "clips"}}, "skipped": {name: {"k": reason}}}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from xmemcore.engine.selection import STRATEGIES
from xmemcore.evaluation import metrics
from xmemcore.evaluation.carried import carried
from xmemcore.evaluation.clip_shot import ClipRun, ClipShot, StopsWhenAsked, never
from xmemcore.evaluation.clips import VOID, Clip, NothingToScore, hold, require_scorable, spread
from xmemcore.evaluation.flicker import flicker, flows_of
from xmemcore.protocol.choices import FIRSTS
from xmemcore.protocol.failures import RequestError, not_written
from xmemcore.protocol.outside import read_json
from xmemcore.protocol.requests import PropagateRequest, ShotRequest, SuggestRequest
from xmemcore.protocol.settings import values
from xmemcore.protocol.whole_file import write_text
from xmemcore.shot.listener import Listener, Silence
from xmemcore.shot.suggest import suggest


@dataclass(frozen=True)
class EvaluationSettings:
    """Settings that may differ between two evaluations."""

    annotations: tuple[int, ...] = (1, 5, 10)
    """Numbers of annotated frames to try."""
    select: str = "uniform"
    """Strategy that chooses them, a name of `engine.selection`. All but `uniform` begin with one frame and add one at a time."""
    first: str = FIRSTS[0]
    """The frame that they begin with: `mask`, the first that has a mask, or `best`, the one that `suggest` names where there is no key."""
    seed: int = 0
    """Seed of the random choice."""
    alpha: float = SuggestRequest.alpha
    """As in SuggestRequest."""
    min_pixels: int = SuggestRequest.min_pixels
    """See SuggestRequest."""
    choices: PropagateRequest = PropagateRequest(plate="")
    """Settings of `propagate`, without the clip."""

    def as_json(self) -> dict[str, Any]:
        """Give everything that a figure depends on, but the model and the number of annotations."""
        how = {"select": self.select, "first": self.first, "seed": self.seed, "alpha": self.alpha, "min_pixels": self.min_pixels}
        choices = {**values(self.choices), "augmentations": self.choices.augmentations}
        del choices["model"]  # the table names it, by its hash
        return json.loads(json.dumps({**how, **choices}))


@dataclass(frozen=True)
class ClipResult:
    """The figures of one clip with one number of annotations."""

    scored: metrics.Score
    """Score over the frames that were not annotated."""
    over_all: metrics.Score
    """Score over all frames that have a mask."""
    held: metrics.Score
    """Score of the hold baseline, over the same frames as `scored`."""
    annotated: tuple[int, ...]
    """Frame numbers, as in the file names."""
    fps: float
    """Frames a second, reading and writing included."""
    encoded_frames: int
    """How often the run had to encode a frame; 0 where all features were kept from this clip's run before."""
    f_at_one_pixel: float = 0.0
    """Boundary F over the frames that were not annotated, where a boundary may be off by one pixel of the plate alone."""
    flicker: float | None = None
    """How far boundaries lie from those of the frame before, brought along the flow, in pixels; None where it was not measured."""
    carried: metrics.Score | None = None
    """Score of the nearest annotation, carried along the flow, over the same frames as `scored`; None where it was not measured."""
    below_carried: tuple[float, ...] = ()
    """How far each frame's J&F lies below that of the nearest annotation, carried; of the frames on which it does."""

    def as_json(self) -> dict[str, Any]:
        """Give a row of the table."""
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
            "encoded_frames": self.encoded_frames,
            "F_1px": round(self.f_at_one_pixel, 4),
            **({} if self.flicker is None else {"flicker": round(self.flicker, 4)}),
            **({} if self.carried is None else {"JF_carried": round(self.carried.jf, 4), **self._below_carried()}),
        }

    def _below_carried(self) -> dict[str, Any]:
        return {"frames_below_carried": len(self.below_carried), "most_below_carried": round(max(self.below_carried, default=0.0), 4)}


class Scorer:
    """Score the runs of one clip, each once: two strategies may choose the same keys."""

    def __init__(self, shot: ClipShot) -> None:
        self._shot = shot
        self._flows = flows_of(shot.clip)
        self._known: dict[str, ClipResult] = {}

    def score(self, run: ClipRun) -> ClipResult:
        """Score a run of the clip's shot."""
        if run.out not in self._known:
            clip, labels = self._shot.clip, self._shot.labels(run)
            score = score_clip(clip, labels, run.annotated, run.fps, run.encoded_frames)
            trembles = flicker(clip, labels, self._flows)
            mine, theirs = (
                scores_unannotated(clip, predicted, run.annotated) for predicted in (labels, carried(clip, run.annotated, self._flows))
            )
            below = [metrics.mean(theirs[index].values()).jf - metrics.mean(mine[index].values()).jf for index in mine]
            self._known[run.out] = replace(
                score,
                flicker=trembles,
                carried=metrics.clip_score(theirs.values()),
                below_carried=tuple(by for by in below if by > 0),
            )
        return self._known[run.out]


class Keys:
    """Choose the annotated frames of one clip, and score the run with them."""

    def __init__(
        self, shot: ClipShot, settings: EvaluationSettings, cancelled: Callable[[], bool] = never, scorer: Scorer | None = None
    ) -> None:
        self.shot = shot
        self.settings = settings
        self._scorer = scorer or Scorer(shot)
        self._cancelled = cancelled
        self._keys: list[int] = []

    def annotated(self, k: int) -> tuple[int, ...]:
        """Choose k indices.

        Raises:
            NothingToScore: the clip has too few masks.
        """
        if STRATEGIES[self.settings.select].beforehand:
            return spread(self.shot.clip, k)
        require_scorable(self.shot.clip, k)
        while len(self._keys) < k:
            self._keys.append(self._next() if self._keys else self._first())
        return tuple(sorted(self._keys[:k]))

    def result(self, k: int) -> ClipResult:
        """Score the clip with k annotations.

        Raises:
            NothingToScore: the clip has too few masks, or those that are annotated show nothing.
        """
        return self._scorer.score(self.shot.propagate(self.annotated(k), self.settings.choices, self._cancelled))

    def _first(self) -> int:
        """Choose the first frame to key, as an artist would: one that shows an object."""
        clip = self.shot.clip
        if self.settings.first == FIRSTS[0]:
            return next(iter(clip.masks))
        shown = [index for index in clip.masks if np.isin(clip.labels(index), clip.objects).any()]
        found = self._suggested(shown, self.shot.inputs(()) | {"masks": None, "keyframes": None}, "coverage", None)
        return shown[0] if found is None else found

    def _next(self) -> int:
        """Ask for one more frame to key, as an artist would after a propagate with the keys so far."""
        strategy, clip, choices = STRATEGIES[self.settings.select], self.shot.clip, self.settings.choices
        mattes = self.shot.propagate(self._keys, choices, self._cancelled).out if strategy.sees else None
        left = [index for index in clip.masks if index not in self._keys]
        found = self._suggested(left, self.shot.inputs(self._keys), self.settings.select, mattes)
        if found is None:
            # Where nothing seems worth keying, or the mattes are lost, an artist keys the frame farthest from every key.
            return max(left, key=lambda index: min(abs(index - key) for key in self._keys))
        return found

    def _suggested(self, among: Sequence[int], inputs: dict[str, Any], method: str, mattes: str | None) -> int | None:
        """Ask which of some indices to key; None where nothing is worth keying."""
        clip, choices = self.shot.clip, self.settings.choices
        shared = {name: getattr(choices, name) for name in ShotRequest.__dataclass_fields__}
        # The name makes clips differ from each other, in a way that does not depend on which clips are evaluated together.
        seed = int(np.random.SeedSequence([self.settings.seed, *clip.name.encode()]).generate_state(1)[0])
        request = SuggestRequest(
            **{**shared, **inputs},
            mattes=mattes,
            count=1,
            alpha=self.settings.alpha,
            min_pixels=self.settings.min_pixels,
            method=method,
            seed=seed,
            frames=",".join(str(clip.frame_number(index)) for index in among),
        )
        picks = suggest(request, StopsWhenAsked(self._cancelled)).suggestions
        return next((index for index in among if picks and clip.frame_number(index) == picks[0].frame), None)


def score_clip(clip: Clip, predicted: dict[int, np.ndarray], annotated: Sequence[int], fps: float, encoded_frames: int = 0) -> ClipResult:
    """Score predicted labels against the truth, over the frames that were not annotated and over all."""
    scores = {index: metrics.score_labels(predicted[index], clip.labels(index), clip.objects, VOID) for index in clip.masks}
    left = [index for index in clip.masks if index not in annotated]
    return ClipResult(
        scored=metrics.clip_score(scores[index] for index in left),
        over_all=metrics.clip_score(scores.values()),
        held=metrics.clip_score(scores_unannotated(clip, hold(clip, annotated), annotated).values()),
        annotated=tuple(clip.frame_number(index) for index in annotated),
        fps=fps,
        encoded_frames=encoded_frames,
        f_at_one_pixel=metrics.clip_score(metrics.score_labels(predicted[i], clip.labels(i), clip.objects, VOID, radius=1) for i in left).f,
    )


def scores_unannotated(clip: Clip, predicted: Mapping[int, np.ndarray], annotated: Sequence[int]) -> dict[int, dict[int, metrics.Score]]:
    """Score labels against the truth on the frames that were not annotated: by index, then by object."""
    left = [index for index in clip.masks if index not in annotated]
    return {index: metrics.score_labels(predicted[index], clip.labels(index), clip.objects, VOID) for index in left}


class Table:
    """The figures of an evaluation, clip by clip; kept in a file after each clip, so that it can be resumed."""

    def __init__(self, model: str, model_sha256: str, settings: EvaluationSettings, file: Path | None = None, resume: bool = False) -> None:
        """Begin a table, or go on with the one in `file`.

        Raises:
            RequestError: the file was made with another model or other settings.
        """
        self.file = file
        self.content: dict[str, Any] = {
            "model": model,
            "model_sha256": model_sha256,
            "mode": settings.choices.mode,
            "size": settings.choices.size,
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
            before = read_json(file)
        except (OSError, ValueError) as error:
            raise RequestError(f"Cannot go on with {file}: it is no table of figures. Name another place, or move it away.") from error
        for key, difference in (("model", "another model"), ("model_sha256", "other weights"), ("settings", "other settings")):
            if not isinstance(before, dict) or before.get(key) != self.content[key]:
                raise RequestError(f"Cannot go on with {file}: it was made with {difference}. Name another place, or move it away.")
        for key in ("clips", "skipped", "mean"):
            self.content[key] = before[key]

    def _take_means(self) -> None:
        clips: dict[str, dict[str, dict[str, Any]]] = self.content["clips"]
        self.content["mean"] = {}
        for k in sorted({k for figures in clips.values() for k in figures}, key=int):
            figures = [by_k[k] for by_k in clips.values() if k in by_k]
            figure_names = ("J", "F", "JF", "JF_all", "J_hold", "F_hold", "JF_hold", "F_1px", "flicker", "JF_carried")
            names = [n for n in figure_names if all(n in f for f in figures)]
            means = {name: round(sum(f[name] for f in figures) / len(figures), 4) for name in names}
            self.content["mean"][k] = {**means, "clips": len(figures)}

    def _keep(self) -> None:
        if self.file is None:
            return
        try:
            write_text(self.file, json.dumps(self.content, indent=1))
        except OSError as error:
            raise not_written(self.file, error) from error


def evaluate(clips: Sequence[Clip], settings: EvaluationSettings, table: Table, listener: Listener | None = None) -> dict[str, Any]:
    """Fill a table, clip by clip, and leave its existing figures alone.

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
        if not missing:
            continue
        with ClipShot(clip, keep=len(missing) > 1 or not STRATEGIES[settings.select].beforehand) as shot:
            keys = Keys(shot, settings, listener.cancelled)
            for k in missing:
                try:
                    result = keys.result(k)
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
    """Write one row of the table."""
    # Kept features make a run quicker than an artist's first one, so its speed would mislead.
    speed = f"  {figures['fps']:.1f} frames/s" if figures.get("encoded_frames") else ""
    return (
        f"{name:24s} {k:>3} annotated  J {figures['J']:.3f}  F {figures['F']:.3f}  J&F {figures['JF']:.3f}  "
        f"(all frames {figures['JF_all']:.3f}, hold {figures['JF_hold']:.3f}){speed}"
    )
