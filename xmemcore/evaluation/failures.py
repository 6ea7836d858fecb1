"""Measure whether `suggest` finds failures: on shots with a wrong stretch, planted or the model's own, and on shots that are right.

A case is found when one of the first two suggestions lies in the stretch, or names a stretch that overlaps it. For comparison, two frames
that are evenly spaced between the keys are judged in the same way. A failure is planted in a run that is right, so that there is one to
find. A false alarm is a suggestion that calls something wrong in a right shot.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from xmemcore.evaluation.clip_shot import ClipRun, ClipShot, StopsWhenAsked
from xmemcore.evaluation.clips import VOID, Clip, NothingToScore, require_scorable, spread
from xmemcore.evaluation.earlier import earlier
from xmemcore.evaluation.metrics import score_labels
from xmemcore.network.catalogue import Model
from xmemcore.protocol.names import layer_names
from xmemcore.protocol.requests import PropagateRequest, ShotRequest, SuggestRequest
from xmemcore.protocol.whole_file import write_text
from xmemcore.shot.inputs.inputs import open_shot
from xmemcore.shot.listener import Listener
from xmemcore.shot.mattes.mattes import MatteWriter, read_mattes
from xmemcore.shot.suggest import SuggestResult, suggest

PLANTED = ("lost", "swapped", "bled")
GOOD_KEYS = 5
"""Keys of the run in which a failure is planted, where its mattes are right."""
FEW_KEYS, DRAWN_KEYS = (1, 2), (1, 2, 1)
"""Keys of the runs that may fail by themselves, and find their way into the study where they do: those with a key on the first mask, and
those whose keys are all drawn. So about half of the failures are the model's own."""
FAILS, RIGHT = 0.5, 0.7
"""J below which a frame is wrong, and J that every frame of a right shot has at least."""
LEAST_FRAMES = 3
"""Length of the shortest stretch that counts."""
NEAR_FRAMES = 2
"""A suggestion this close to a stretch is within it: its key mends the stretch."""


@dataclass(frozen=True)
class Case:
    """One shot, and the verdict on it."""

    clip: str
    kind: str
    """`lost`, `swapped`, `bled`, `own`, or `right` for a shot without a failure."""
    keys: tuple[int, ...]
    first: int | None
    """Index of the stretch's first frame; None: the shot is right."""
    last: int | None
    found: bool
    """Whether the first two suggestions have the stretch; of a right shot, whether one of them is a false alarm."""
    by_chance: bool
    """Whether two evenly spaced frames have the stretch."""
    said: tuple[str, ...]
    rank_correlation: float | None
    """Correlation of expected and true J over the frames without a key, in a run as it is; None for a planted failure."""
    expected_j: float | None = None
    """Mean expected J over those frames; None for a planted failure."""
    true_j: float | None = None
    """Mean true J over them."""


def run_failures(model: Model, device: str, clips: Sequence[Clip], out: Path, size: int, seed: int, listener: Listener) -> list[Path]:
    """Make the cases, ask for suggestions, and write a table and a report after each clip; a stopped run goes on behind the last one.

    Raises:
        NothingToScore: no clip has enough masks.
    """
    choices = PropagateRequest(plate="", model=str(model.path), device=device, size=size)
    file, page = out / "failures.json", out / "failures.md"
    content = earlier(file, "clips", model, size=size, seed=seed)
    for number, clip in enumerate(clips):
        listener.progress(number, len(clips))
        try:
            require_scorable(clip, GOOD_KEYS)
        except NothingToScore:
            continue
        if clip.name in content["clips"]:
            continue
        cases = []
        with ClipShot(clip) as shot:
            for case in _Clip(shot, choices, out / "failures" / clip.name, seed, listener.cancelled).cases():
                outcome = "" if case.kind == "right" else " found" if case.found else " missed"
                listener.message(f"{case.clip}, {case.kind}{outcome}: {' | '.join(case.said) or 'quiet'}")
                cases.append(asdict(case))
        content["clips"][clip.name] = cases
        write_text(file, json.dumps(content, indent=1))
        write_text(page, page_text([Case(**case) for some in content["clips"].values() for case in some]))
    if not content["clips"]:
        raise NothingToScore(f"No clip has {GOOD_KEYS} masks and a frame to score.")
    return [page]


class _Clip:
    """The cases of one clip."""

    def __init__(self, shot: ClipShot, choices: PropagateRequest, folder: Path, seed: int, cancelled: Callable[[], bool]) -> None:
        self._shot, self._clip, self._choices = shot, shot.clip, choices
        self._folder, self._cancelled = folder, cancelled
        # The name makes clips differ, in a way that does not depend on which clips are looked at together.
        self._random = np.random.default_rng([seed, *shot.clip.name.encode()])

    def cases(self) -> Iterator[Case]:
        """Make and judge every case."""
        masks = list(self._clip.masks)
        for count in FEW_KEYS:
            keys = tuple(sorted({masks[0], *self._random.choice(masks[1:], count - 1, replace=False).tolist()}))
            yield from self._as_it_is(keys)
        yield from self._of_a_good_run()
        shown = [index for index in masks if np.isin(self._clip.labels(index), self._clip.objects).any()]
        for count in DRAWN_KEYS:
            yield from self._as_it_is(tuple(sorted(self._random.choice(shown, min(count, len(shown) - 1), replace=False).tolist())))

    def _of_a_good_run(self) -> Iterator[Case]:
        """Judge a run with many keys, and failures that are planted in it where it is right."""
        keys = spread(self._clip, GOOD_KEYS)
        run = self._shot.propagate(keys, self._choices, self._cancelled)
        yield from self._as_it_is(keys)
        truth = _worst(self._truth(run))
        if min(value for index, value in truth.items() if index not in keys) < RIGHT:
            return  # what is wrong there by itself would be suggested first, and rightly so
        for kind in PLANTED:
            stretch = self._stretch(keys, truth)
            if stretch is None:
                continue
            mattes = self._planted(run, kind, *stretch)
            if mattes is not None:
                yield self._judged(kind, keys, stretch, self._asked(keys, mattes), None)

    def _as_it_is(self, keys: tuple[int, ...]) -> Iterator[Case]:
        """Judge a run of the model by its worst stretch, if it has one. A shot that is neither right nor clearly wrong is left out."""
        run = self._shot.propagate(keys, self._choices, self._cancelled)
        scores = self._truth(run)
        truth, mean = _worst(scores), {index: float(np.mean(by_object)) for index, by_object in scores.items()}
        suggested = self._asked(keys, run.out)
        expected = {self._place(frame): value for frame, value in suggested.expected.items()}
        left = [index for index in truth if index not in keys]
        correlation = rank_correlation([expected[index] for index in left], [mean[index] for index in left])
        wrong = failing(truth, keys)
        if wrong:
            worst = max(wrong, key=lambda stretch: sum(1 - truth[index] for index in range(stretch[0], stretch[1] + 1)))
            case = self._judged("own", keys, worst, suggested, correlation)
        elif min(truth[index] for index in left) >= RIGHT:
            case = self._judged("right", keys, None, suggested, correlation)
        else:
            return
        means = [round(float(np.mean([values[index] for index in left])), 3) for values in (expected, mean)]
        yield replace(case, expected_j=means[0], true_j=means[1])

    def _truth(self, run: ClipRun) -> dict[int, list[float]]:
        """Give the J of each object on each frame that has a mask."""
        labels = self._shot.labels(run)
        return {
            index: [score.j for score in score_labels(labels[index], self._clip.labels(index), self._clip.objects, VOID).values()]
            for index in self._clip.masks
        }

    def _stretch(self, keys: Sequence[int], truth: dict[int, float]) -> tuple[int, int] | None:
        """Draw a stretch between two keys on which the mattes are right; None where there is no room."""
        for _ in range(50):
            place = int(self._random.integers(len(keys) - 1))
            length = int(self._random.integers(LEAST_FRAMES + 1, 9))
            room = keys[place + 1] - keys[place] - 1 - length
            if room < 0:
                continue
            first = keys[place] + 1 + int(self._random.integers(room + 1))
            if all(truth.get(index, 0) >= RIGHT for index in range(first, first + length)):
                return first, first + length - 1
        return None

    def _planted(self, run: ClipRun, kind: str, first: int, last: int) -> str | None:
        """Write a run's mattes with a failure of one object in them; None where a matte has no room for it."""
        folder = self._folder / kind
        folder.mkdir(parents=True, exist_ok=True)
        shot = open_shot(ShotRequest(**self._shot.inputs(run.annotated)))
        layers = layer_names(shot.annotations.objects)
        writer = MatteWriter(folder / "matte.%04d.exr", shot.plate.canvas, list(zip(layers, shot.annotations.originals)), {})
        mattes = read_mattes(run.out)
        victim = int(self._random.integers(len(layers)))
        for index, frame in enumerate(shot.plate.frames):
            matte = mattes.read(frame, shot.plate.canvas)
            planes = np.stack([matte.layers[layer] for layer in layers])
            if first <= index <= last:
                spoiled = planted(planes, kind, victim)
                if spoiled is None:
                    return None
                planes = spoiled
            writer.write(frame, planes, 1 - np.prod(1 - planes, axis=0), keyframe=index in run.annotated)
        return str(folder)

    def _asked(self, keys: tuple[int, ...], mattes: str) -> SuggestResult:
        shared = {name: getattr(self._choices, name) for name in ShotRequest.__dataclass_fields__}
        request = SuggestRequest(**{**shared, **self._shot.inputs(keys)}, mattes=mattes, count=2)
        return suggest(request, StopsWhenAsked(self._cancelled))

    def _judged(
        self, kind: str, keys: tuple[int, ...], stretch: tuple[int, int] | None, suggested: SuggestResult, correlation: float | None
    ) -> Case:
        sentences = tuple(f"{pick.frame} {pick.reason}" for pick in suggested.suggestions if pick.wrong)
        first, last = stretch if stretch is not None else (None, None)
        if stretch is None:
            return Case(self._clip.name, kind, keys, None, None, bool(sentences), False, sentences, correlation)
        near = range(stretch[0] - NEAR_FRAMES, stretch[1] + NEAR_FRAMES + 1)
        hits = [
            self._place(pick.frame) in near or (pick.wrong and self._place(pick.first) <= near[-1] and self._place(pick.last) >= near[0])
            for pick in suggested.suggestions
        ]
        return Case(
            self._clip.name, kind, keys, first, last, any(hits), any(index in near for index in self._blind(keys)), sentences, correlation
        )

    def _blind(self, keys: Sequence[int]) -> list[int]:
        """Give two frames that halve the longest stretches between the keys."""
        known = list(keys)
        for _ in range(2):
            known.append(max(range(len(self._clip)), key=lambda index: min(abs(index - key) for key in known)))
        return known[len(keys) :]

    def _place(self, frame: int | None) -> int:
        assert frame is not None, "coverage names a stretch"
        return next(index for index in range(len(self._clip)) if self._clip.frame_number(index) == frame)


def planted(planes: np.ndarray, kind: str, victim: int) -> np.ndarray | None:
    """Spoil one object of a frame's mattes.

    Args:
        planes: (K, H, W) in [0, 1].
        kind: `lost`: it is gone; `swapped`: it lies on another object, or beside itself where there is none; `bled`: it has run over as
            much again, half transparent.
        victim: the object that is spoiled.

    Returns:
        (K, H, W); None where an object that is alone has no room beside itself.
    """
    result = planes.copy()
    victims = planes[victim]
    if kind == "lost":
        result[victim] = 0
    elif kind == "swapped":
        other = planes[(victim + 1) % len(planes)] if len(planes) > 1 else _beside(victims)
        if other is None:
            return None
        result[victim] = other
    else:
        across = max(1, int(np.sqrt(max((victims >= 0.5).sum(), 1))))
        run_over = np.maximum.reduce([np.roll(victims, (step, step // 2), (0, 1)) for step in range(0, across, max(1, across // 12))])
        result[victim] = np.maximum(victims, run_over * 0.6)
    return result


def _beside(plane: np.ndarray) -> np.ndarray | None:
    """Move an object (H, W) by its own extent to the side where most of it stays in the picture; None where less than half of it does."""
    moved = []
    for axis, places in enumerate(np.nonzero(plane >= 0.5)):
        extent = int(np.ptp(places)) + 1 if len(places) else 0
        moved += [_shifted(plane, step, axis) for step in (extent, -extent)]
    best = max(moved, key=lambda each: float(each.sum()))
    return best if best.sum() >= plane.sum() / 2 else None


def _shifted(plane: np.ndarray, step: int, axis: int) -> np.ndarray:
    """Move a plane along an axis; what leaves the picture is cut off."""
    result = np.zeros_like(plane)
    kept = plane.shape[axis] - abs(step)
    from_, to = (max(-step, 0), max(step, 0))
    np.moveaxis(result, axis, 0)[to : to + kept] = np.moveaxis(plane, axis, 0)[from_ : from_ + kept]
    return result


def failing(truth: dict[int, float], keys: Sequence[int]) -> list[tuple[int, int]]:
    """List the stretches of frames whose J says that they are wrong, as first and last index."""
    found: list[tuple[int, int]] = []
    for index in sorted(truth):
        if truth[index] >= FAILS or index in keys:
            continue
        if found and found[-1][1] == index - 1:
            found[-1] = (found[-1][0], index)
        else:
            found.append((index, index))
    return [stretch for stretch in found if stretch[1] - stretch[0] + 1 >= LEAST_FRAMES]


def rank_correlation(expected: Sequence[float], true: Sequence[float]) -> float | None:
    """Give Spearman's correlation; None where one of the two never changes."""
    ranks = [_ranks(values) for values in (expected, true)]
    if any(rank.std() < 1e-12 for rank in ranks):
        return None
    return round(float(np.corrcoef(ranks[0], ranks[1])[0, 1]), 3)


def _worst(scores: dict[int, list[float]]) -> dict[int, float]:
    """Give the J of the worst object on each frame."""
    return {index: min(by_object) for index, by_object in scores.items()}


def _ranks(values: Sequence[float]) -> np.ndarray:
    """Rank values; equal ones share the mean of their ranks."""
    array = np.asarray(values, np.float64)
    _, group, counts = np.unique(array, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts + 1) / 2)[group]


def page_text(cases: Sequence[Case]) -> str:
    """Write the figures."""
    lines = ["| failure | cases | found by the first two suggestions | by two evenly spaced frames |", "|---|---|---|---|"]
    kinds = [*PLANTED, "own"]
    groups: list[tuple[str, list[Case]]] = [(kind, [case for case in cases if case.kind == kind]) for kind in kinds]
    groups.append(("all", [case for case in cases if case.kind in kinds]))
    for name, some in groups:
        if some:
            lines.append(f"| {name} | {len(some)} | {_share(some, 'found')} | {_share(some, 'by_chance')} |")
    right = [case for case in cases if case.kind == "right"]
    lines.append(f"\nFalse alarms: {sum(case.found for case in right)} of {len(right)} right shots.\n")
    lines += ["| clip | rank correlation of expected and true J, by run: expected, true mean |", "|---|---|"]
    by_clip: dict[str, list[str]] = {}
    for case in cases:
        if case.rank_correlation is not None:
            means = "" if case.expected_j is None else f": {case.expected_j:.2f}, {case.true_j:.2f}"
            run = f"{case.rank_correlation:.2f} ({len(case.keys)} key{'s' * (len(case.keys) > 1)}{means})"
            by_clip.setdefault(case.clip, []).append(run)
    lines += [f"| {clip} | {', '.join(values)} |" for clip, values in by_clip.items()]
    return "\n".join(lines) + "\n"


def _share(cases: Sequence[Case], name: str) -> str:
    return f"{sum(getattr(case, name) for case in cases)} ({sum(getattr(case, name) for case in cases) / len(cases):.0%})"
