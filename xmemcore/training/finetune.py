"""Training clips from a studio's own finished shots: plates beside the mattes that were delivered for them.

Only crop and light are changed; motion, occlusion and edges are those of the shot.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from xmemcore.protocol.failures import RequestError
from xmemcore.shot.mattes.mattes import MatteSequence, read_mattes
from xmemcore.shot.plate.plate import Plate
from xmemcore.training.clips import ClipSource, TrainingClip, processing_order
from xmemcore.training.draw import developed
from xmemcore.training.recipe import Recipe
from xmemcore.training.scene import ClipShape, look

_SHORT_SIDE = 480
"""Short side at which a shot is kept, in pixels: the working size of a propagation, so that crops show the detail that it will see."""
_TRIES = 50


@dataclass(frozen=True)
class FinishedShot:
    """Frames of one shot that have a matte."""

    frames: tuple[np.ndarray, ...]
    """(h, w, 3) uint8, display-encoded."""
    labels: tuple[np.ndarray, ...]
    """(h, w) uint8: 0 the background, k + 1 where layer k covers a pixel by at least half."""


def find_shot(plates: str, mattes: str) -> tuple[Plate, MatteSequence, list[int]]:
    """Find a shot's plate, its mattes and the frames that both have, without reading pictures; arguments and errors of `read_shot`."""
    plate, matte = Plate.open(plates), read_mattes(mattes)
    common = sorted(set(plate.frames) & set(matte.frames))
    if len(common) < 2:
        raise RequestError(f"The plate {plates} and the mattes {mattes} share {len(common)} frames. Training needs at least 2.")
    return plate, matte, common


def read_shot(plates: str, mattes: str) -> FinishedShot:
    """Read a shot at working size.

    Args:
        plates: pattern or folder of the plate.
        mattes: pattern or folder of EXRs with a layer for each object, or an alpha alone.

    Raises:
        RequestError: under two frames in common, or empty mattes; SequenceNotFound, RequestError.
    """
    plate, matte, common = find_shot(plates, mattes)
    size = plate.canvas.working_size(_SHORT_SIDE)
    frames, labels = [], []
    for frame in common:
        picture = plate.working_image(frame, _SHORT_SIDE)
        frames.append(np.round(picture * 255).astype(np.uint8))
        read = matte.read(frame, plate.canvas)
        planes = np.stack([read.layers[name] for name in sorted(read.layers)] or [read.union])
        planes = np.stack([cv2.resize(plane, size[::-1], interpolation=cv2.INTER_AREA) for plane in planes])
        labels.append(np.where(planes.max(axis=0) >= 0.5, planes.argmax(axis=0) + 1, 0).astype(np.uint8))
    if not any(plane.any() for plane in labels):
        raise RequestError(f"The mattes {mattes} are empty in all frames that the plate has. Check that they belong to the plate.")
    return FinishedShot(tuple(frames), tuple(labels))


class ShotClips:
    """Clips cut from finished shots."""

    def __init__(self, shots: list[FinishedShot], seed: int) -> None:
        self._shots, self._seed = shots, seed

    def clip(self, number: int, shape: ClipShape, in_order: bool) -> TrainingClip:
        """Cut a clip; one of two objects where the shape asks for two and the shot has them, else the second stays absent."""
        rng = np.random.default_rng([self._seed, number, shape.size, shape.frames, shape.objects])
        for _ in range(_TRIES):
            shot = self._shots[rng.integers(len(self._shots))]
            present = sorted({int(v) for labels in shot.labels for v in np.unique(labels)} - {0})
            chosen = rng.permutation(present)[: shape.objects]
            frames, labels = _cut(rng, shot, chosen, shape, in_order)
            if (order := processing_order(rng, labels, len(chosen), in_order)) is not None:
                return TrainingClip(frames[order], labels[order])
        raise RequestError("In none of 50 crops all chosen objects were to be seen. Are the mattes empty in most frames?")


@dataclass(frozen=True)
class FromShots:
    """Clips from plates and mattes; each pair is (plates, mattes)."""

    shots: tuple[tuple[str, str], ...]
    recipe: Recipe

    def __call__(self) -> ClipSource:
        return ShotClips([read_shot(plates, mattes) for plates, mattes in self.shots], self.recipe.seed)


def _cut(
    rng: np.random.Generator, shot: FinishedShot, chosen: np.ndarray, shape: ClipShape, in_order: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Choose frames and one crop that shows the first chosen object, and light them."""
    indices = _moments(rng, len(shot.frames), shape.frames, in_order)
    seen = [index for index in indices if (shot.labels[index] == chosen[0]).any()]
    height, width = shot.labels[0].shape
    middle = np.array([height / 2, width / 2])
    if seen:
        ys, xs = np.nonzero(shot.labels[seen[rng.integers(len(seen))]] == chosen[0])
        pick = rng.integers(len(ys))
        middle = np.array([ys[pick], xs[pick]], np.float64)
    side = int(np.clip(np.exp(rng.uniform(np.log(0.35), 0)) * min(height, width), 32, min(height, width)))
    top, left = (int(np.clip(m - side * rng.uniform(0.3, 0.7), 0, whole - side)) for m, whole in zip(middle, (height, width)))
    flip = rng.random() < 0.5
    light = look(rng, np.linspace(0, 1, shape.frames))
    frames, labels = [], []
    for t, index in enumerate(indices):
        window = (slice(top, top + side), slice(left, left + side))
        how = cv2.INTER_AREA if side > shape.size else cv2.INTER_LINEAR
        picture = cv2.resize(shot.frames[index][window], (shape.size, shape.size), interpolation=how)
        found = cv2.resize(shot.labels[index][window], (shape.size, shape.size), interpolation=cv2.INTER_NEAREST)
        renamed = np.zeros_like(found)
        for position, label in enumerate(chosen):
            renamed[found == label] = position + 1
        picture = developed(picture, light, t)
        frames.append(picture[:, ::-1] if flip else picture)
        labels.append(renamed[:, ::-1] if flip else renamed)
    return np.stack(frames), np.stack(labels)


def _moments(rng: np.random.Generator, available: int, wanted: int, in_order: bool) -> np.ndarray:
    """Choose frames: evenly spaced ones in order, anywhere otherwise; a short shot is played to and fro."""
    if not in_order and available >= wanted:
        return np.sort(rng.choice(available, wanted, replace=False))
    stride = int(rng.integers(1, max(2, min(6, available // wanted + 1))))
    way = np.arange(rng.integers(0, available), available + wanted * stride * 2, stride)[:wanted]
    period = max(1, 2 * available - 2)
    return np.abs((way + available - 1) % period - (available - 1))
