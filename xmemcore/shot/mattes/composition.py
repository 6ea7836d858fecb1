"""Compose the mattes of one frame from the predictions of its groups and from the artist's own mattes.

Each group's prediction goes through the chain to the plate's size. An object that the artist keyed has the artist's matte, an absent one
has none. The union is what no group leaves showing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, reduce

import cv2
import numpy as np

from xmemcore.shot.annotations.annotations import Annotations
from xmemcore.shot.annotations.host_alpha import HostAlpha, difference
from xmemcore.shot.annotations.objects import Group
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.layers import FAINTEST, Drawn, Layer
from xmemcore.shot.mattes.planes import Planes
from xmemcore.shot.mattes.steps import Chain, Predicted, finished
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.plate.plate import Plate


@dataclass(frozen=True)
class View:
    """How the predictions of a gap lie on the canvas, where they cover a part of it."""

    chain: Chain
    """Steps that the predictions go through, on a canvas of the part's size."""
    canvas: Canvas
    """Canvas of the part's size."""
    parts: Mapping[int, Box]
    """Part of the canvas by index, counted from the canvas's corner."""


@dataclass(frozen=True)
class GroupPrediction:
    """One group's prediction for one frame."""

    group: int
    """Number of the group."""
    planes: Planes
    """(1 + K, h, w) of half precision."""
    around: Mapping[int, Planes]
    """Planes of neighbouring frames by index, where the chain asks for them."""
    view: View | None
    """The part of the canvas that the planes cover; None: the whole canvas."""


@dataclass(frozen=True)
class FrameMattes:
    """The mattes of one frame, ready to be written."""

    layers: tuple[Layer, ...]
    union: Layer
    keyframe: bool
    """Whether any object is annotated on the frame."""
    margin: np.ndarray
    """(h, w): how sure the least sure group is of each pixel, in [0, 1]."""
    areas: tuple[float, ...]
    """Share of the canvas that each object covers, in [0, 1]."""
    sureness: float
    """Mean margin around the objects, in [0, 1]."""
    sure_of: tuple[float, ...]
    """The same around each object; 1 where it is keyed or absent."""
    remark: str | None
    """What the artist should know about this frame, in a sentence."""


class Composer:
    """Compose the mattes of a shot, frame by frame."""

    def __init__(
        self,
        plate: Plate,
        annotations: Annotations,
        groups: Sequence[Group],
        chain: Chain,
        host_alpha: HostAlpha | None,
        working_size: tuple[int, int],
    ) -> None:
        """Prepare.

        Args:
            plate: of the shot.
            annotations: the artist's mattes, which stand on their keyframes.
            groups: whose predictions each frame needs.
            chain: what each group's prediction goes through.
            host_alpha: the host's own renders of the roto.
            working_size: height and width of whole frames' predictions.
        """
        self.plate = plate
        self.groups = groups
        self._annotations = annotations
        self._chain = tuple(chain)
        self._host_alpha = host_alpha
        self._working_size = working_size

    def compose(self, index: int, predictions: Iterable[GroupPrediction]) -> FrameMattes:
        """Compose a frame from the predictions of all groups, which come in the order of the groups."""
        word = _ArtistsWord.at(self._annotations, self.plate.frames[index])
        composition = _Composition(len(self._annotations.objects), self.plate.canvas)
        picture = cache(lambda: self.plate.read(word.frame))  # once a frame, when a step asks for it
        for prediction in predictions:
            values = prediction.planes.astype(np.float32)
            predicted = Predicted(values, index, picture, prediction.group, around=prediction.around)
            self._judge(composition, predicted, prediction.view, word)
            self._draw(composition, predicted, prediction.view, word)
        complete = len(word.settled) == len(self._annotations.objects)
        remark = self._take_hosts_union(composition, word.frame) if complete else None
        margin = np.ones_like(composition.margin) if complete else composition.margin
        pixels = self.plate.canvas.width * self.plate.canvas.height
        return FrameMattes(
            layers=tuple(composition.layers),
            union=composition.alpha(),
            keyframe=bool(word.known),
            margin=margin,
            areas=tuple(layer.area(pixels) for layer in composition.layers),
            sureness=1.0 if complete else _around_objects(margin, 1 - composition.elsewhere),
            sure_of=tuple(composition.sure_of),
            remark=remark,
        )

    def at_plate(self, plane: np.ndarray) -> np.ndarray:
        """Enlarge a plane (h, w) to the canvas, bilinear."""
        return cv2.resize(plane, (self.plate.canvas.width, self.plate.canvas.height), interpolation=cv2.INTER_LINEAR)

    def _judge(self, composition: _Composition, predicted: Predicted, view: View | None, word: _ArtistsWord) -> None:
        """Take note of how sure a group's prediction is, at working size."""
        margin, behind = _margin(predicted.values), predicted.values[0]
        for place, obj in enumerate(self.groups[predicted.group].objects):
            if obj not in word.settled:
                composition.sure_of[obj] = _around_objects(margin, predicted.values[place + 1])
        if view is not None:
            margin, behind = (self._placed(plane, view.parts[predicted.index]) for plane in (margin, behind))
        composition.judge(margin, behind)

    def _draw(self, composition: _Composition, predicted: Predicted, view: View | None, word: _ArtistsWord) -> None:
        """Draw the mattes of a group's objects: the artist's where there is one, else the predicted one."""
        objects = self.groups[predicted.group].objects
        keyed = word.known.intersection(objects)
        drawn = {obj: Drawn.of(self._annotations.matte(word.frame, obj)) for obj in objects if obj in keyed}
        for part, large in self._chained(predicted, view, [matte.box for matte in drawn.values()]):
            mattes = np.zeros_like(large[1:])
            for place, obj in enumerate(objects):
                if obj in keyed:
                    mattes[place] = drawn[obj].part(part)
                elif obj in word.absent:
                    large[0] += large[place + 1]  # what is not there shows what is behind it
                else:
                    mattes[place] = large[place + 1]
                composition.layers[obj].add(part.y0, mattes[place], part.x0)
            if not word.absent.issuperset(objects):
                composition.cover(part, self._behind(word.frame, mattes, keyed, large[0]))

    def _take_hosts_union(self, composition: _Composition, frame: int) -> str | None:
        """Let the host's own render of the roto be the union, where there is one; give what is to be said of it."""
        if self._host_alpha is None or frame not in self._host_alpha.frames:
            return None
        rendered = composition.hosts_union = self._host_alpha.read(frame)
        return self._host_alpha.unusable(frame) or difference(rendered, composition.union, self.plate.canvas, frame)

    def _chained(self, predicted: Predicted, view: View | None, also: Sequence[Box]) -> Iterator[tuple[Box, np.ndarray]]:
        """Send one group's prediction through its chain; see `finished`."""
        # Of all groups together, what is left out is still less than what is written.
        faint = FAINTEST / (2 * len(self.groups))
        if view is None:
            yield from finished(self._chain, self.plate.canvas, predicted, faint, also)
            return
        part = view.parts[predicted.index]
        # The chain of a view is that of its group alone.
        seen = replace(predicted, group=0, picture=lambda: np.ascontiguousarray(predicted.picture()[part.slices]))
        inside = [box.intersection(part).moved(-part.x0, -part.y0) for box in also]
        for box, planes in finished(view.chain, view.canvas, seen, faint, inside):
            yield box.moved(part.x0, part.y0), planes
        for box in _beside(part, also):
            empty = np.zeros((len(predicted.values), box.height, box.width), np.float32)
            empty[0] = 1
            yield box, empty

    def _placed(self, plane: np.ndarray, part: Box) -> np.ndarray:
        """Bring a plane (h, w) of a part to the whole working image; beside the part it is 1, for there surely is no object."""
        canvas = self.plate.canvas
        down, across = self._working_size[0] / canvas.height, self._working_size[1] / canvas.width
        top, left = round(part.y0 * down), round(part.x0 * across)
        bottom, right = max(round(part.y1 * down), top + 1), max(round(part.x1 * across), left + 1)
        whole = np.ones(self._working_size, np.float32)
        whole[top:bottom, left:right] = cv2.resize(plane, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
        return whole

    def _behind(self, frame: int, mattes: np.ndarray, known: frozenset[int], predicted: np.ndarray) -> np.ndarray:
        """Say how much of what is behind a group's objects shows, (n, m): `predicted`, but where the artist knows objects of the group."""
        if not known:
            return predicted
        if known <= self._annotations.approved(frame):
            return np.maximum(1 - mattes.sum(axis=0), 0)  # neighbours share the pixels of their edge, as in the run that made them
        return np.prod(1 - mattes, axis=0)


@dataclass(frozen=True)
class _ArtistsWord:
    """The objects of one frame that the artist has decided on."""

    frame: int
    known: frozenset[int]
    """Objects that are annotated: keyed or declared absent."""
    absent: frozenset[int]
    """Objects that are hidden and not annotated."""

    @classmethod
    def at(cls, annotations: Annotations, frame: int) -> _ArtistsWord:
        """Ask annotations about a frame."""
        known = annotations.known(frame)
        return cls(frame, known, annotations.absent(frame) - known)

    @property
    def settled(self) -> frozenset[int]:
        """Objects of which nothing is predicted."""
        return self.known | self.absent


class _Composition:
    """The mattes of one frame, to which its groups are added one after another."""

    def __init__(self, objects: int, canvas: Canvas) -> None:
        """Begin empty."""
        self.layers = [Layer() for _ in range(objects)]
        self.sure_of = [1.0] * objects
        """How sure the matte of each object is; what is keyed or absent is the artist's word."""
        # Memory that stays 0 is not taken by the system.
        self.union = np.zeros((canvas.height, canvas.width), np.float32)
        self.hosts_union: np.ndarray | None = None
        """The host's own render, which takes the place of `union`."""
        self._box = Box(0, 0, 0, 0)
        self._margin: np.ndarray | None = None
        self._elsewhere: np.ndarray | None = None

    @property
    def margin(self) -> np.ndarray:
        """(h, w): how sure the least sure group is of each pixel."""
        assert self._margin is not None, "a shot has at least one group"
        return self._margin

    @property
    def elsewhere(self) -> np.ndarray:
        """(h, w): how much of what is behind all objects the network sees."""
        assert self._elsewhere is not None, "a shot has at least one group"
        return self._elsewhere

    def judge(self, margin: np.ndarray, behind: np.ndarray) -> None:
        """Add a group's margin and its background, (h, w) of the whole working image."""
        self._margin = margin if self._margin is None else np.minimum(self._margin, margin)
        self._elsewhere = behind if self._elsewhere is None else self._elsewhere * behind

    def cover(self, part: Box, shows: np.ndarray) -> None:
        """Let a group cover what is behind it, but for the share (n, m) of it that shows."""
        share = self.union[part.slices]
        np.subtract(1, share, out=share)
        share *= shows
        np.subtract(1, share, out=share)
        self._box = part if self._box.empty else self._box.union(part)

    def alpha(self) -> Layer:
        """Give the union as a layer."""
        if self.hosts_union is not None:
            return Layer.of(self.hosts_union, cut_faint=False)  # what the host rendered is the artist's, its faintest values too
        alpha = Layer()
        alpha.add(self._box.y0, self.union[self._box.slices], self._box.x0)
        return alpha


def _beside(part: Box, boxes: Sequence[Box]) -> list[Box]:
    """Cut what lies around some boxes and outside of a part of the canvas into rectangles; none where the part holds them."""
    shown = [box for box in boxes if not box.empty]
    if not shown:
        return []
    around = reduce(Box.union, shown)
    top, bottom = max(around.y0, min(around.y1, part.y0)), min(around.y1, max(around.y0, part.y1))
    pieces = [
        Box(around.x0, around.y0, around.x1, top),
        Box(around.x0, bottom, around.x1, around.y1),
        Box(around.x0, top, min(around.x1, part.x0), bottom),
        Box(max(around.x0, part.x1), top, around.x1, bottom),
    ]
    return [piece for piece in pieces if not piece.empty]


def _margin(planes: Planes) -> np.ndarray:
    """Say how sure each pixel is: the best plane minus the second best, in [0, 1]."""
    best, second = np.maximum(planes[0], planes[1]), np.minimum(planes[0], planes[1])
    for plane in planes[2:]:
        np.maximum(second, np.minimum(best, plane), out=second)
        np.maximum(best, plane, out=best)
    return np.clip(best - second, 0, 1)


def _around_objects(margin: np.ndarray, objects: np.ndarray) -> float:
    """Average the margin (h, w) where there is anything to be unsure about: where objects (h, w) are seen."""
    inside = objects > 0.05
    return round(float(margin[inside].mean()) if inside.any() else float(margin.min()), 4)
