"""What is done to a prediction between the network and the file: a chain of steps, each of which takes planes and gives planes.

Some steps come before all others and work at working size (`Before`). The others work at the plate's size, band by band: some rows of all
planes at a time, because a plate may be large and have many objects. A new step is a class below with a `key` and a `begun` (or a
`changed`), and its place in `chain_of`. The keys of a chain are part of every matte's signature, so a step that changes needs another key.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, reduce
from typing import Protocol, runtime_checkable

import cv2
import numpy as np

from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.layers import Drawn
from xmemcore.shot.mattes import carry, edges, key_edges, matting, shutter, steady
from xmemcore.shot.mattes.carry import KeyDifferences, feather_of
from xmemcore.shot.mattes.drawn_keys import DrawnKeys
from xmemcore.shot.mattes.key_edges import BroughtEdge, KeyEdge, differing
from xmemcore.shot.mattes.planes import Planes, Scattered, blank, share_out
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.plate.flow import Way, Ways
from xmemcore.shot.plate.resampling import resampled

PLAIN = "plain"
"""The choice of `edges` that only enlarges."""
BAND_PIXELS = 1 << 20
"""Pixels of one plane of a band, where a group has few objects: 4 MB of floats."""
BAND_PLANES = 16
"""Planes up to which bands have so many pixels."""
MANY_BAND_PLANES = 4
"""Planes of so many pixels that a band of more planes is as large as: of many objects half a dozen such arrays are held."""
KEPT_KEYS = 4
"""Keys whose edges stay in memory, some megabytes for each object."""

Rows = Callable[[slice, np.ndarray], np.ndarray]
"""Takes rows of the plate, and the planes of the step before for these rows; gives new planes for them. Planes are (1 + K, n, W) float32 in
[0, 1]: first what is behind the objects, then the objects. They sum to 1 at every pixel."""


@dataclass(frozen=True)
class Predicted:
    """One competition group's prediction for one frame."""

    values: Planes
    """(1 + K, h, w) float32 at working size: the network's own answer, and what steps before have made of it."""
    index: int
    """Plate index of the frame."""
    picture: Callable[[], np.ndarray]
    """Reads the plate's frame, (H, W, 3) float32, display-encoded in [0, 1]; a step that does not ask for it costs no reading."""
    group: int = 0
    """Number of the competition group."""
    soft: Planes | None = None
    """(K, h, w) in [0, 1]: where each object's edge is soft by the artist's will; None: nowhere."""
    around: Mapping[int, Planes] = field(default_factory=dict)
    """Predictions of neighbouring frames by index; only for a chain with `Steady`."""
    columns: slice = field(default_factory=lambda: slice(None))
    """Columns of the plate that are asked for."""


@runtime_checkable
class Before(Protocol):
    """A step at working size. It must keep the sum over planes at 1."""

    @property
    def key(self) -> str | None:
        """As of `Step`."""

    def changed(self, predicted: Predicted) -> Predicted:
        """Give the prediction with other values; called from the thread that writes mattes."""


class Step(Protocol):
    """One step of the chain. It must keep the sum over planes at 1."""

    @property
    def key(self) -> str | None:
        """What the step does, with all that decides about its result, for the signature; None when it is what every matte goes through."""

    def begun(self, predicted: Predicted) -> Rows:
        """Look at one group's prediction as a whole; called from the thread that writes mattes."""


@dataclass(frozen=True)
class Carry:
    """Add the differences between the artist's shapes and the network's own answers at the keys around a frame."""

    differences: Sequence[KeyDifferences]
    """Differences at keys, of each group."""
    key: str | None = f"carry {carry.VERSION}"

    def changed(self, predicted: Predicted) -> Predicted:
        """Add the differences of the prediction's group, to the neighbours too."""
        differences = self.differences[predicted.group]
        around = {index: differences.added_to(planes, index)[0] for index, planes in predicted.around.items()}
        values, soft = differences.added_to(predicted.values, predicted.index)
        return replace(predicted, values=values, soft=soft, around=around)


@dataclass(frozen=True)
class Steady:
    """Average with the neighbours in time, where the prediction is undecided."""

    flows: Ways
    key: str | None = f"steady {steady.VERSION}"

    def changed(self, predicted: Predicted) -> Predicted:
        """Average one group's planes."""
        return replace(predicted, values=steady.steadied(predicted.values, predicted.index, predicted.around, self.flows))


@dataclass(frozen=True)
class Shutter:
    """Make edges that move fast as wide as the plate's own motion blur."""

    flows: Ways
    came_from: Sequence[Mapping[int, tuple[int, int]]]
    """Index of the frame at which a frame's motion is looked at, and how many frames it is off, by index, of each group: one that the
    frame's prediction depends on anyway."""
    key: str | None = f"shutter {shutter.VERSION}"

    def changed(self, predicted: Predicted) -> Predicted:
        """Blur one group's planes along the motion."""
        found = self.came_from[predicted.group].get(predicted.index)
        if found is None:
            return predicted
        neighbour, apart = found
        size = predicted.values.shape[1], predicted.values.shape[2]
        motion = self.flows.motion(predicted.index, neighbour, size, shutter.LEAST_CELLS * apart)
        if motion is None:
            return predicted
        return replace(predicted, values=shutter.blurred(predicted.values, motion / apart, predicted.picture, predicted.soft))


@dataclass(frozen=True)
class Enlarge:
    """Bring the planes to the plate's size, bilinear: the first step, which looks at no earlier one."""

    canvas: Canvas
    key: str | None = None

    def begun(self, predicted: Predicted) -> Rows:
        """Give rows of the enlarged planes."""
        small, width, columns = predicted.values, self.canvas.width, predicted.columns
        count = small.shape[1]
        # The middle of row r lies over the row (r + 0.5) * scale - 0.5 of the small plane.
        place = (np.arange(self.canvas.height) + 0.5) * (count / self.canvas.height) - 0.5
        above = np.clip(np.floor(place), 0, count - 1).astype(np.int64)
        share = np.clip(place - above, 0, 1).astype(np.float32)[:, None]
        share[above == count - 1] = 0

        def rows(band: slice, _: np.ndarray) -> np.ndarray:
            first, last = int(above[band][0]), min(int(above[band][-1]) + 2, count)
            upper, lower = above[band] - first, np.minimum(above[band] + 1, count - 1) - first
            enlarged = np.zeros((len(small), len(upper), len(range(*columns.indices(width)))), np.float32)
            for place, plane in _rows_of(small, slice(first, last)):
                wide = np.ascontiguousarray(cv2.resize(plane, (width, last - first), interpolation=cv2.INTER_LINEAR)[:, columns])
                np.add(wide[upper] * (1 - share[band]), wide[lower] * share[band], out=enlarged[place])
            return enlarged

        return rows


@dataclass(frozen=True)
class Refine:
    """Move the edges of the enlarged planes to the edges of the plate."""

    key: str | None = f"edges {edges.VERSION}"
    refinement: type[edges.Refinement] = edges.Refinement

    @classmethod
    def in_closed_form(cls) -> Refine:
        """Make the step that solves alpha in closed form.

        Raises:
            RequestError: the package for it is not installed.
        """
        return cls(f"edges {edges.VERSION} matting {matting.VERSION} {matting.PACKAGE} {matting.version()}", edges.Matting)

    def begun(self, predicted: Predicted) -> Rows:
        """Explain the prediction by the plate's colours, to ask the plate's own pixels row by row."""
        return self.refinement(predicted.values, predicted.picture(), predicted.soft).rows


@dataclass(frozen=True)
class CarryEdges:
    """Add what the artist's edges at the keys around a frame have otherwise than the plate would draw them."""

    differences: Sequence[KeyDifferences]
    """Keys of each group."""
    canvas: Canvas
    refine: Step
    """What draws edges by the plate."""
    key: str | None = f"key edges {key_edges.VERSION}"
    _kept: OrderedDict[tuple[int, int], Mapping[int, KeyEdge]] = field(default_factory=OrderedDict, compare=False)
    """The last keys' edges by group and key: a gap is filled between two keys."""

    def begun(self, predicted: Predicted) -> Rows:
        """Bring the edges of the keys around; only the thread that writes mattes asks."""
        differences, shapes = self.differences[predicted.group], predicted.values
        ways: dict[int, Way] = {}
        brought: list[tuple[int, BroughtEdge]] = []
        for obj in range(len(shapes) - 1):
            for key, weight in differences.weights(obj, predicted.index):
                edge = self._at(predicted.group, key, shapes).get(obj)
                if edge is None:
                    continue
                if key not in ways:
                    ways[key] = differences.flows.way(predicted.index, key, (shapes.shape[1], shapes.shape[2]))
                there = edge.at(ways[key], shapes[obj + 1], weight)
                if there is not None:
                    brought.append((obj, there))

        def rows(band: slice, planes: np.ndarray) -> np.ndarray:
            changed = [part for obj, edge in brought for part in edge.add_to(planes[obj + 1], band)]
            for part in changed:
                there = slice(None), *part
                planes[there] = share_out(planes[there].clip(0, 1))
            return planes

        return rows

    def _at(self, group: int, key: int, predictions: Planes) -> Mapping[int, KeyEdge]:
        """Give the edges of a group's objects at a key, compared in planes like these predictions."""
        if (group, key) not in self._kept:
            self._kept[group, key] = self._compared(self.differences[group].drawn, key, predictions)
            if len(self._kept) > KEPT_KEYS:
                self._kept.popitem(last=False)
        self._kept.move_to_end((group, key))
        return self._kept[group, key]

    def _compared(self, drawn: DrawnKeys, key: int, predictions: Planes) -> Mapping[int, KeyEdge]:
        """Send the artist's shapes at a key through what predictions go through, and compare what comes out with what was drawn."""
        shapes, soft = blank(predictions, behind=True), blank(predictions)
        size = predictions.shape[1], predictions.shape[2]
        mattes: dict[int, Drawn] = {}
        for obj in sorted(drawn.known[key]):
            plane = drawn.matte(key, obj)
            shapes[obj + 1], soft[obj], mattes[obj] = resampled(plane, size), feather_of(plane, size), Drawn.of(plane)
        seen = Predicted(share_out(shapes), key, cache(lambda: drawn.picture(key)), soft=soft)
        pieces: dict[int, list[tuple[Box, np.ndarray]]] = {}
        for part, planes in finished((Enlarge(self.canvas), self.refine), self.canvas, seen):
            for obj, matte in mattes.items():
                piece = differing(part, matte.part(part) - planes[obj + 1])
                if piece is not None:
                    pieces.setdefault(obj, []).append(piece)
        return {obj: KeyEdge(shapes[obj + 1], found, (self.canvas.height, self.canvas.width)) for obj, found in pieces.items()}


Chain = Sequence[Before | Step]
"""Steps in order; those at working size come first."""


def chain_of(
    request: PropagateRequest,
    canvas: Canvas,
    differences: Sequence[KeyDifferences] = (),
    flows: Ways | None = None,
    came_from: Sequence[Mapping[int, tuple[int, int]]] = (),
) -> Chain:
    """Choose the steps that a request asks for, in order.

    Args:
        request: the choices.
        canvas: of the plate, or of a window.
        differences: at keys, of each group.
        flows: of the shot; None: no step looks along it.
        came_from: neighbours in which motion is seen, of each group; see `Shutter`.

    Raises:
        RequestError: a package that a step needs is not installed.
    """
    if request.plain:
        return (Enlarge(canvas),)
    before: tuple[Before, ...] = (Carry(differences),) if request.carry and differences else ()
    before += (Steady(flows),) if request.steady and flows is not None else ()
    if request.edges == PLAIN:
        return (*before, Enlarge(canvas))
    before += (Shutter(flows, came_from),) if flows is not None else ()
    refine = Refine.in_closed_form() if matting.wanted(request) else Refine()
    after: tuple[Step, ...] = (CarryEdges(differences, canvas, refine),) if request.carry and differences else ()
    return (*before, Enlarge(canvas), refine, *after)


def keys_of(chain: Chain) -> list[str]:
    """List what a signature needs to know about a chain; empty for the plain one."""
    return [step.key for step in chain if step.key is not None]


def finished(
    chain: Chain, canvas: Canvas, predicted: Predicted, faint: float | None = None, also: Iterable[Box] = ()
) -> Iterator[tuple[Box, np.ndarray]]:
    """Send one group's prediction through a chain, band by band.

    Args:
        chain: of `chain_of`.
        canvas: of the plate.
        predicted: as the network gave it; its arrays are not changed.
        faint: largest value of objects that counts as nothing. Only the box around larger values is given, where the steps allow it.
            None: the whole canvas is given.
        also: boxes that are given in any case.

    Yields:
        Bands from top to bottom, as boxes counted from the canvas's corner, and their planes (1 + K, n, m) float32, the caller's own.
    """
    after: list[Step] = []
    for step in chain:
        if isinstance(step, Before):
            predicted = step.changed(predicted)
        else:
            after.append(step)
    box = Box(0, 0, canvas.width, canvas.height)
    if faint is not None and all(isinstance(step, Enlarge) for step in after):
        # Other steps may move an object beyond where it was.
        boxes = [box for box in (_reached(predicted.values, canvas, faint), *also) if not box.empty]
        if not boxes:
            return
        box = reduce(Box.union, boxes)
    steps = [step.begun(replace(predicted, columns=slice(box.x0, box.x1))) for step in after]
    planes_together = len(predicted.values)
    pixels = BAND_PIXELS if planes_together <= BAND_PLANES else BAND_PIXELS * MANY_BAND_PLANES // planes_together
    height = max(pixels // box.width, 1)
    for top in range(box.y0, box.y1, height):
        band = slice(top, min(top + height, box.y1))
        planes = np.empty((len(predicted.values), 0, box.width), np.float32)
        for rows in steps:
            planes = rows(band, planes)
        yield Box(box.x0, band.start, box.x1, band.stop), planes


def _rows_of(planes: Planes, rows: slice) -> Iterator[tuple[int, np.ndarray]]:
    """Give some rows of each plane, with its number; those that are kept nowhere there are left out, for they are 0."""
    for place in range(len(planes)):
        if not isinstance(planes, Scattered):
            yield place, planes[place][rows]
        elif not planes.blank_in(place, rows):
            yield place, planes.part(place, rows)


def _reached(planes: Planes, canvas: Canvas, faint: float) -> Box:
    """Give the box of the canvas in which objects are more than faint once they are enlarged; empty where they are so nowhere."""
    covered = planes[0] < 1 - faint
    for plane in planes[1:]:
        covered |= plane > faint
    sides: list[tuple[int, int]] = []
    for axis, size in ((0, canvas.width), (1, canvas.height)):
        cells = np.flatnonzero(covered.any(axis=axis))
        if not cells.size:
            return Box(0, 0, 0, 0)
        scale = size / covered.shape[1 - axis]
        # A cell is seen up to the middles of its neighbours.
        start, stop = math.floor((cells[0] - 0.5) * scale) - 1, math.ceil((cells[-1] + 1.5) * scale) + 1
        sides.append((max(start, 0), min(stop, size)))
    (left, right), (top, bottom) = sides
    return Box(left, top, right, bottom)
