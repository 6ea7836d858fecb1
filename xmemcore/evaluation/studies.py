"""Questions that no clip asks by itself, put together from clips: long shots, look-alikes, objects that are away, and parts of objects.

A study writes clips in our own layout (`<name>/{frames,masks}`), so that `evaluate` and a person can look at them like at any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from xmemcore.engine.jaccard import jaccard
from xmemcore.engine.selection import evenly
from xmemcore.evaluation.clip_shot import ClipShot, never
from xmemcore.evaluation.clips import Clip, find_clips
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.requests import PropagateRequest

LONG_STRETCH = 100
"""Frames at either end of a long shot that are compared."""
WAYS = ("cut", "board", "pan")
"""How an object is away for a while: the shot cuts to another clip and back; a board slides before it; the camera turns away."""
AWAY_AT = (22, 28, 43, 59)
"""Indices on which an object of `away` begins to leave, is gone, begins to come back, and is back."""


def write_clip(folder: Path, frames: Iterable[np.ndarray], labels: Iterable[np.ndarray]) -> Clip:
    """Write a clip, one frame after the other.

    Args:
        folder: `frames` and `masks` are made in it.
        frames: (H, W, 3) BGR uint8.
        labels: (H, W) uint8.
    """
    for name in ("frames", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for index, (frame, label) in enumerate(zip(frames, labels, strict=True)):
        cv2.imwrite(str(folder / "frames" / f"{index:05d}.jpg"), frame, [cv2.IMWRITE_JPEG_QUALITY, 95])
        Image.fromarray(label, "L").save(folder / "masks" / f"{index:05d}.png")
    return find_clips(folder)[0]


def picture_of(clip: Clip, index: int) -> np.ndarray:
    """Read a frame as BGR uint8 (H, W, 3); raises RequestError."""
    picture = cv2.imread(str(clip.frames[index]), cv2.IMREAD_COLOR)
    if picture is None:
        raise RequestError(f"Cannot read the frame {clip.frames[index]}. Is the data set complete?")
    return picture


def to_and_fro(length: int, count: int) -> list[int]:
    """Play a clip forward and backward until there are `count` indices, without showing a turning point twice."""
    round_trip = [*range(length), *range(length - 2, 0, -1)]
    return [round_trip[position % len(round_trip)] for position in range(count)]


def long_shot(first: Clip, second: Clip, folder: Path, length: int = 400) -> Clip:
    """Join one clip, played to and fro, around another: object 1 is there at both ends, object 2 in the middle.

    Args:
        first: of whose objects all become object 1.
        second: of whose objects all become object 2; of the same size.
        folder: where the clip goes.
        length: frames in all, or one more.
    """
    middle = len(second)
    before = -(-(length - middle) // 2)
    steps = to_and_fro(len(first), before)
    # Both halves run the same way: mirrored, a propagation from both sides would end as it began whatever it did between.
    parts = [(first, i, 1) for i in steps] + [(second, i, 2) for i in range(middle)] + [(first, i, 1) for i in steps]
    size = picture_of(first, 0).shape[1::-1]
    frames = [cv2.resize(picture_of(clip, index), size, interpolation=cv2.INTER_AREA) for clip, index, _ in parts]
    masks = [((clip.labels(index) > 0) * label).astype(np.uint8) for clip, index, label in parts]
    labels = [cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST) for mask in masks]
    return write_clip(folder, frames, labels)


@dataclass(frozen=True)
class LongShotResult:
    """How well a long shot ends, compared with how it begins."""

    frames: int
    annotated: tuple[int, ...]
    j_first: float
    """Mean J of object 1 over the first hundred frames that are not annotated."""
    j_last: float
    """The same over the last hundred."""


def drift(clip: Clip, annotations: int, choices: PropagateRequest, cancelled: Callable[[], bool] = never) -> LongShotResult:
    """Propagate a long shot from evenly spread annotations, and compare its ends; raises Cancelled."""
    annotated = evenly(len(clip), annotations)
    with ClipShot(clip, keep=False) as shot:
        predicted = shot.labels(shot.propagate(annotated, choices, cancelled))

    def mean_j(indices: range) -> float:
        return float(np.mean([jaccard(predicted[i] == 1, clip.labels(i) == 1) for i in indices if i not in annotated]))

    ends = range(LONG_STRETCH), range(len(clip) - LONG_STRETCH, len(clip))
    return LongShotResult(len(clip), tuple(annotated), mean_j(ends[0]), mean_j(ends[1]))


def look_alike(actor: Clip, stage: Clip, folder: Path, length: int = 60) -> Clip:
    """Paste two copies of an object over another clip; the one that counts leaves the picture after two thirds of the shot.

    Args:
        actor: whose object is pasted, twice.
        stage: what it is pasted over.
        folder: where the clip goes.
        length: frames.
    """
    frames, labels = [], []
    steps, grounds = to_and_fro(len(actor), length), to_and_fro(len(stage), length)
    for position, (step, ground) in enumerate(zip(steps, grounds)):
        plate = picture_of(stage, ground)
        height, width = plate.shape[:2]
        picture, mask = _cut_out(actor, step, height * 45 // 100)
        floor = height * 85 // 100
        # The first copy walks out on the left; the second stays on the right, and never meets it.
        leaving = width * 30 // 100 - int(max(0, position - length // 3) * (width * 30 // 100 + mask.shape[1]) / (length // 3))
        label = np.zeros((height, width), np.uint8)
        _paste(plate, label, picture, mask, leaving - mask.shape[1] // 2, floor, 1)
        _paste(plate, label, picture, mask, width * 75 // 100 - mask.shape[1] // 2, floor, 0)
        frames.append(plate)
        labels.append(label)
    return write_clip(folder, frames, labels)


def _cut_out(clip: Clip, index: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Take a clip's objects out of a frame, scaled to a height: picture (h, w, 3) and soft mask (h, w) in [0, 1]."""
    mask = (clip.labels(index) > 0).astype(np.float32)
    picture = picture_of(clip, index)
    if not mask.any():
        return np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.float32)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    picture, mask = picture[box], mask[box]
    size = max(1, mask.shape[1] * height // mask.shape[0]), height
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA), cv2.resize(mask, size, interpolation=cv2.INTER_AREA)


def _paste(plate: np.ndarray, label: np.ndarray, picture: np.ndarray, mask: np.ndarray, left: int, floor: int, value: int) -> None:
    """Lay a cut-out over a plate with its lower edge on the floor, and write its label; what is outside is lost."""
    height, width = plate.shape[:2]
    top = floor - mask.shape[0]
    y0, y1, x0, x1 = max(0, top), min(height, floor), max(0, left), min(width, left + mask.shape[1])
    if y0 >= y1 or x0 >= x1:
        return
    soft = mask[y0 - top : y1 - top, x0 - left : x1 - left]
    piece = picture[y0 - top : y1 - top, x0 - left : x1 - left]
    plate[y0:y1, x0:x1] = np.round(plate[y0:y1, x0:x1] * (1 - soft[..., None]) + piece * soft[..., None]).astype(np.uint8)
    label[y0:y1, x0:x1][soft >= 0.5] = value


def away(actor: Clip, stage: Clip, folder: Path, way: str, length: int = 72) -> Clip:
    """Take a clip's objects, as object 1, away for a while and bring them back slowly; another clip is seen in their place.

    Args:
        actor: whose objects go.
        stage: what is seen then.
        folder: where the clip goes.
        way: of WAYS.
        length: frames.
    """
    frames, labels = [], []
    for position, (step, ground) in enumerate(zip(to_and_fro(len(actor), length), to_and_fro(len(stage), length))):
        picture, label = picture_of(actor, step), (actor.labels(step) > 0).astype(np.uint8)
        height, width = label.shape
        columns = np.flatnonzero(label.any(axis=0))
        left, right = (int(columns[0]), int(columns[-1]) + 1) if len(columns) else (0, 0)
        gone = float(np.interp(position, AWAY_AT, (0.0, 1.0, 1.0, 0.0)))
        other = cv2.resize(picture_of(stage, ground), (width, height), interpolation=cv2.INTER_AREA)
        if way == "pan":  # the camera turns away to the left: what is over there comes in as the object leaves on the right
            shift = round(gone * (width - left))
            picture = np.concatenate((other[:, width - shift :], picture[:, : width - shift]), axis=1)
            label = np.concatenate((np.zeros((height, shift), np.uint8), label[:, : width - shift]), axis=1)
        else:  # a board comes from the left
            edge = (left + round(gone * (right - left)) if gone else 0) if way == "board" else width * (gone == 1)
            picture = np.concatenate((other[:, width - edge :], picture[:, edge:]), axis=1)
            label[:, :edge] = 0
        frames.append(picture)
        labels.append(label)
    return write_clip(folder, frames, labels)


@dataclass(frozen=True)
class Judged:
    """Frame by frame, by index: what an object's mattes are worth. Annotated frames are left out."""

    overlaps: dict[int, float]
    """J where the object is in the picture."""
    wrong: dict[int, int]
    """Pixels that are taken for the object where it is not."""


@dataclass(frozen=True)
class LookAlikeResult:
    """Figures of a shot where a look-alike stays behind: what it gains from explicit absence."""

    j_present: float
    """Mean J while the object is in the picture."""
    wrong_share: float
    """Share of the frames after it left in which more than 64 pixels are taken for it."""
    wrong_pixels: float
    """Mean number of pixels that are taken for it after it left."""


def absence(
    clip: Clip, present: Sequence[int], absent: Sequence[int], choices: PropagateRequest, cancelled: Callable[[], bool] = never
) -> LookAlikeResult:
    """Propagate annotations as `judged` does, and sum up."""
    found = judged(clip, present, absent, choices, cancelled)
    gone = list(found.wrong.values())
    return LookAlikeResult(float(np.mean(list(found.overlaps.values()))), float(np.mean([n > 64 for n in gone])), float(np.mean(gone)))


def judged(
    clip: Clip, present: Sequence[int], absent: Sequence[int], choices: PropagateRequest, cancelled: Callable[[], bool] = never
) -> Judged:
    """Propagate annotations of frames with object 1 and, perhaps, of frames that it has left.

    Args:
        clip: from `look_alike` or `away`.
        present: indices that are annotated with its mask.
        absent: indices that are annotated with an empty mask, which says "not in this frame".
        choices: everything else that a propagate can be asked.
        cancelled: asked before each frame.

    Raises:
        Cancelled: it said so.
    """
    annotations = (*present, *absent)
    with ClipShot(clip, keep=False) as shot:
        predicted = shot.labels(shot.propagate(annotations, choices, cancelled))
    overlaps, wrong = {}, {}
    for index in sorted(set(range(len(clip))) - set(annotations)):
        mask, found = clip.labels(index) == 1, predicted[index] == 1
        if mask.any():
            overlaps[index] = float(jaccard(found, mask))
        else:
            wrong[index] = int(found.sum())
    return Judged(overlaps, wrong)
