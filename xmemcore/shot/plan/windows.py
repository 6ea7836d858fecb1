"""Windows: where objects are small, a gap is computed in a part of the canvas, at the same working size.

This module is geometry alone. A window keeps its size over a gap and follows the objects; so the network sees one scale, in memory and
in the frame. Which gaps may have a window is known from the annotations; which window it is, from a coarse pass over the whole frame
(`run/close_ups`). Boxes are in pixels of the plate, counted from the canvas's corner.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import cv2
import numpy as np

from xmemcore.engine.frames import Padding
from xmemcore.engine.order import Gap
from xmemcore.protocol.choices import CROPS
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.annotations.objects import Group
from xmemcore.shot.files.box import Box
from xmemcore.shot.plate.canvas import Canvas

VERSION = 2
"""Raised whenever the same inputs would get other windows: it is part of signatures."""

ZOOMS = (4.0, 3.5, 3.0, 2.6, 2.3, 2.0, 1.75, 1.5, 1.3)
"""Enlargements that a window may have, beside the whole frame. They are few, because the keyframes are encoded anew for each one used."""
FINEST = 1.0
"""Most working pixels for a pixel of the plate. Enlarged beyond the plate's own pixels a small object is found less surely: a person on
a bicycle lost J 0.26 at a third more than its own pixels, in windows that held all of it."""
MOST_GROUPS = 4
"""Most groups of a shot with windows: each group encodes its own window, while whole frames are encoded once for all groups."""
SLIMMEST = 0.5
"""Least ratio of a window's sides."""
ROOM = 0.05
"""Free space that objects need to each side, as a share of the window's mean side."""
SMOOTH_FRAMES = 3
"""Frames to either side over which a window's path is averaged."""
PINNED_FRAMES = 6
"""Frames over which the path comes to the place that a keyframe's own window has."""
LOST_SHARE = 0.5
"""A gap has no window when the coarse pass finds nothing on more of its frames."""
SMALL_PART = 0.1
"""Share of an object's largest piece below which a piece may be a speck of the coarse pass."""
SURE, LEAST_CELLS = 0.8, 9
"""What a smaller piece must reach, and on how many cells it must be seen, to count all the same. In 30 frames each of six clips with one
key, of 15 specks that were not of the object none did, and of 78 small pieces of it 19: a ball, a hand or a wheel stays in the window."""
STRIDE = 16
"""Working pixels in a cell of the network."""
COARSE_SHARE = 0.5
"""Short side of the coarse pass over the working size: it costs a quarter of a whole one."""
LEAST_COARSE = 128
"""Least short side of the coarse pass: below, objects that are worth a window are hardly seen."""
LEAST_SIZE = 192
"""Least working size of a shot with windows: below, the coarse pass would cost half of a whole one."""


@dataclass(frozen=True)
class Lens:
    """One size of window."""

    rows: int
    """Rows of the plate that it shows."""
    columns: int
    size: tuple[int, int]
    """Height and width of the network's image of them."""
    canvas: tuple[int, int]
    """Height and width of the canvas."""

    @property
    def room(self) -> float:
        """Free space around objects, in pixels of the plate."""
        return ROOM * math.sqrt(self.rows * self.columns)

    def around(self, row: float, column: float) -> Box:
        """Place the window around a point, within the canvas, on a grid of the network's cells: so what stands still in the plate stands
        still in the window, and a window that is nearly the same has the same features."""
        down, across = max(round(STRIDE * self.rows / self.size[0]), 1), max(round(STRIDE * self.columns / self.size[1]), 1)
        top = min(max(down * round((row - self.rows / 2) / down), 0), self.canvas[0] - self.rows)
        left = min(max(across * round((column - self.columns / 2) / across), 0), self.canvas[1] - self.columns)
        return Box(left, top, left + self.columns, top + self.rows)

    def holds(self, window: Box, box: Box) -> bool:
        """Say whether a window shows a box with room around it; none is needed where the canvas ends."""
        height, width = self.canvas
        return (
            (window.x0 == 0 or box.x0 - self.room >= window.x0)
            and (window.y0 == 0 or box.y0 - self.room >= window.y0)
            and (window.x1 == width or box.x1 + self.room <= window.x1)
            and (window.y1 == height or box.y1 + self.room <= window.y1)
        )

    def fits(self, box: Box) -> bool:
        """Say whether the window around the middle of a box holds it."""
        return self.holds(self.around(*_middle(box)), box)


@dataclass(frozen=True)
class GroupWindows:
    """The windows that one competition group may have."""

    canvas: Canvas
    padding: Padding
    """Padding of the whole frame's working image."""
    keys: Mapping[int, Box | None]
    """Box of what is drawn, by annotated index; None: nothing is drawn there."""
    begins: frozenset[int]
    """Annotated indices from which sweeps begin, or that they pass with the artist's masks alone."""

    @cached_property
    def lenses(self) -> tuple[Lens, ...]:
        """List the sizes, the closest one first."""
        drawn = [box for box in self.keys.values() if box is not None]
        if not drawn:
            return ()
        size = self.canvas.height, self.canvas.width
        scale = self.padding.height / size[0], self.padding.width / size[1]
        area = self.padding.padded[0] * self.padding.padded[1]
        # The shape of what is drawn, in square pixels.
        shape = max(box.height for box in drawn) * scale[0] / (max(box.width for box in drawn) * scale[1])
        shape = min(max(shape, SLIMMEST), 1 / SLIMMEST)
        finest = FINEST / max(scale)
        zooms = [zoom for zoom in ZOOMS if zoom < finest / 1.05]
        if ZOOMS[-1] <= finest <= ZOOMS[0]:
            zooms = [finest, *zooms]
        lenses = []
        for zoom in zooms:
            rows, columns = math.sqrt(area * shape) / (zoom * scale[0]), math.sqrt(area / shape) / (zoom * scale[1])
            # Length that one side of the canvas does not have is given to the other side.
            rows, columns = rows * max(columns / size[1], 1), columns * max(rows / size[0], 1)
            rows, columns = min(rows, size[0]), min(columns, size[1])
            seen = _in_strides(rows * zoom * scale[0]), _in_strides(columns * zoom * scale[1])
            covered = min(round(seen[0] / (zoom * scale[0])), size[0]), min(round(seen[1] / (zoom * scale[1])), size[1])
            lenses.append(Lens(*covered, seen, size))
        return tuple(lenses)

    @property
    def whole(self) -> Lens:
        """The lens that shows the whole canvas."""
        height, width = self.canvas.height, self.canvas.width
        return Lens(height, width, (self.padding.height, self.padding.width), (height, width))

    def candidates(self, gap: Gap) -> list[Lens]:
        """List the sizes that hold what is drawn on the keyframes of a gap, the closest one first; none: it has no window."""
        if self.begins.issuperset(gap.delivers):
            return []  # all its mattes are the artist's own
        boxes = [self.keys[index] for index in self.begins & _span(gap)]
        return [lens for lens in self.lenses if all(box is None or lens.fits(box) for box in boxes)]

    def of_key(self, index: int, lens: Lens) -> tuple[Lens, Box]:
        """Give the window in which a keyframe is remembered: of a size, or a larger one where that does not hold what is drawn."""
        box = self.keys[index]
        if box is None:
            return lens, lens.around(*self.middle_of(index))
        after = self.lenses[self.lenses.index(lens) :]
        fitting = next((lens for lens in after if lens.fits(box)), self.whole)
        return fitting, fitting.around(*_middle(box))

    def path(self, gap: Gap, seen: Mapping[int, Box | None]) -> tuple[Lens, dict[int, Box]] | None:
        """Choose a gap's window.

        Args:
            gap: one that has candidates.
            seen: box of what the coarse pass found, by the indices that the gap delivers; None where it found nothing.

        Returns:
            The closest size that holds all that was seen, and the window's place by index, on every frame that the gap's sweeps see.
            None: the whole frame is needed.
        """
        if sum(box is None for box in seen.values()) > LOST_SHARE * len(seen):
            return None
        known = {**{index: self.keys[index] for index in self.begins & _span(gap)}, **seen}
        span = sorted(_span(gap))
        boxes = {index: box for index, box in sorted(known.items()) if box is not None}
        if not boxes:
            return None
        middles = np.array([_middle(box) for box in boxes.values()])
        # Where nothing is seen the window goes straight on to where something is seen again.
        course = np.stack([np.interp(span, list(boxes), middles[:, axis]) for axis in (0, 1)], axis=1)
        smooth = _averaged(course)
        for lens in self.candidates(gap):
            places = self._pinned(span, smooth, gap, lens)
            if all(lens.holds(places[index], box) for index, box in boxes.items()):
                return lens, places
        return None

    def _pinned(self, span: Sequence[int], course: np.ndarray, gap: Gap, lens: Lens) -> dict[int, Box]:
        """Lead a path (n, 2) to the keyframes' own windows: memory and sensory state begin there."""
        pulled = course.copy()
        for key in self.begins & _span(gap):
            place = self.of_key(key, lens)[1]
            off = np.array([(place.y0 + place.y1) / 2, (place.x0 + place.x1) / 2]) - course[span.index(key)]
            weight = np.clip(1 - np.abs(np.array(span) - key) / PINNED_FRAMES, 0, 1)
            pulled += weight[:, None] * off
        places = {index: lens.around(*middle) for index, middle in zip(span, pulled)}
        return {**places, **{key: self.of_key(key, lens)[1] for key in self.begins & _span(gap)}}

    def middle_of(self, index: int) -> tuple[float, float]:
        """Give the middle of what the nearest keyframe shows."""
        shown = {key: box for key, box in self.keys.items() if box is not None}
        return _middle(shown[min(shown, key=lambda key: (abs(key - index), key))])


def group_windows(group: Group, canvas: Canvas, padding: Padding, begins: Collection[int]) -> GroupWindows:
    """Measure what is drawn on a group's keyframes."""
    scale = canvas.height / padding.height, canvas.width / padding.width
    keys = {index: None if box is None else on_plate(box, scale) for index, box in group.drawn.items()}
    return GroupWindows(canvas, padding, keys, frozenset(begins))


def wants_windows(request: PropagateRequest, groups: int) -> bool:
    """Say whether a shot of so many groups may have windows at all."""
    return request.crop == CROPS[0] and not request.plain and groups <= MOST_GROUPS and request.size >= LEAST_SIZE


def coarse_size(size: int) -> int:
    """Give the short side of the coarse pass for a working size."""
    return max(LEAST_COARSE, STRIDE * round(COARSE_SHARE * size / STRIDE))


def seen_in(objects: np.ndarray) -> Box | None:
    """Give the box of cells around all objects (K, h, w) of a coarse matte, but for small unsure pieces; None where there is nothing."""
    boxes: list[Box] = []
    for plane in objects:
        _, labels, found, _ = cv2.connectedComponentsWithStats((plane > 0.5).astype(np.uint8), connectivity=8)
        pieces = found[1:]  # the first is the background
        if len(pieces):
            areas = pieces[:, cv2.CC_STAT_AREA]
            sure = np.isin(np.arange(1, len(found)), labels[plane >= SURE]) & (areas >= LEAST_CELLS)
            for left, top, width, height, _ in pieces[sure | (areas >= SMALL_PART * areas.max())]:
                boxes.append(Box(int(left), int(top), int(left + width), int(top + height)))
    return reduce(Box.union, boxes) if boxes else None


def on_plate(box: Box, scale: tuple[float, float]) -> Box:
    """Bring a box of cells to the plate, which has so many pixels for one of them, down and across."""
    down, across = scale
    return Box(math.floor(box.x0 * across), math.floor(box.y0 * down), math.ceil(box.x1 * across), math.ceil(box.y1 * down))


def _middle(box: Box) -> tuple[float, float]:
    return (box.y0 + box.y1) / 2, (box.x0 + box.x1) / 2


def _span(gap: Gap) -> set[int]:
    """Name the frames that a gap's sweeps see."""
    return {index for sweep in gap.sweeps for index in sweep}


def _in_strides(pixels: float) -> int:
    return max(STRIDE * round(pixels / STRIDE), STRIDE)


def _averaged(course: np.ndarray) -> np.ndarray:
    """Average a path (n, 2) over neighbouring frames."""
    padded = np.pad(course, ((SMOOTH_FRAMES, SMOOTH_FRAMES), (0, 0)), mode="edge")
    kernel = np.ones(2 * SMOOTH_FRAMES + 1) / (2 * SMOOTH_FRAMES + 1)
    return np.stack([np.convolve(padded[:, axis], kernel, "valid") for axis in (0, 1)], axis=1)
