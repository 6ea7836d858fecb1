"""Find where pixels were at a keyed frame: dense optical flow between neighbours, joined along the shot.

Source: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016, as OpenCV has it.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from xmemcore.shot.files.box import Box
from xmemcore.shot.plate.resampling import resampled

LINES = 320
"""Short side at which flow is searched: more costs time by the square and finds little more."""
KEPT = 64
"""Flows between neighbours that stay in memory, 0.7 MB each: a gap is filled from both ends, and each end looks at the other's key."""
KEPT_FIELDS = 24
"""Flows to keys that stay in memory, 1.5 MB each: a frame's is its neighbour's and a step more; a gap has two keys within twelve frames."""


@dataclass(frozen=True)
class Way:
    """Positions of a frame's pixels at a keyed frame."""

    columns: np.ndarray
    """(h, w) float32: column at the keyed frame of each pixel."""
    rows: np.ndarray


class Ways(Protocol):
    """Whatever follows pixels."""

    def way(self, index: int, key: int, size: tuple[int, int]) -> Way:
        """Follow a frame's pixels to a keyed frame, in pixels of this height and width."""

    def motion(self, index: int, neighbour: int, size: tuple[int, int], least: float) -> np.ndarray | None:
        """Say roughly how far a frame's pixels move up to a neighbouring frame.

        Args:
            index: of the frame.
            neighbour: index of the other.
            size: height and width in whose pixels the answer is.
            least: pixels up to which motion does not matter.

        Returns:
            (h, w, 2) float32; None where nothing moves by more than `least`.
        """


class FlowStore(Protocol):
    """Keeps flows between neighbours for later runs."""

    def load(self, index: int, neighbour: int) -> np.ndarray | None:
        """Give what was saved for these two frames as they are now, (h, w, 2) float16; None where there is nothing."""

    def save(self, index: int, neighbour: int, flow: np.ndarray) -> None:
        """Keep the flow (h, w, 2) float16 from a frame to its neighbour."""


class Flows:
    """Follow pixels from any frame to a keyed frame. The answer depends on the frames between the two alone, not on earlier questions."""

    def __init__(self, grey: Callable[[int], np.ndarray], kept: int = KEPT) -> None:
        """Take what gives the picture (h, w) uint8 of an index, grey, at the size of `flow_size`, and how many flows stay in memory."""
        self._grey = grey
        self._most = kept
        self.store: FlowStore | None = None
        """Keeps flows between neighbours; None: each run searches anew."""
        self._kept: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()
        self._fields: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._quick_search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)

    def way(self, index: int, key: int, size: tuple[int, int]) -> Way:
        """Follow a frame's pixels to a keyed frame, neighbour by neighbour.

        Args:
            index: of the frame.
            key: index of the keyed frame, another one.
            size: height and width in whose pixels the answer is.
        """
        return Way(*_places(_enlarged(self.field(index, key), size)))

    def motion(self, index: int, neighbour: int, size: tuple[int, int], least: float) -> np.ndarray | None:
        """Say roughly how far a frame's pixels move; see Ways."""
        field = self.coarse(index, neighbour)
        return _enlarged(field, size) if _fastest(field) * max(_scale(field, size)) > least else None

    def coarse(self, index: int, neighbour: int) -> np.ndarray:
        """Give the flow (h, w, 2) between neighbours at half the size of `between`, in a fortieth of its time; fast motion too."""
        small = [cv2.resize(self._grey(at), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for at in (index, neighbour)]
        return self._quick_search.calc(*small, None)  # type: ignore[call-overload]

    def field(self, index: int, key: int) -> np.ndarray:
        """Give the flow (h, w, 2) from a frame to a keyed frame, at the size at which flow is searched."""
        step = 1 if index > key else -1
        known = next((at for at in range(index, key + step, -step) if (at, key) in self._fields), key + step)
        field = self._fields[known, key] if known != key + step else self.between(known, key)
        for at in range(known + step, index + step, step):
            flow = self.between(at, at - step)
            field = self._fields[at, key] = flow + _taken(field, *_places(flow))
            if len(self._fields) > KEPT_FIELDS:
                self._fields.popitem(last=False)
        return field

    def between(self, index: int, neighbour: int) -> np.ndarray:
        """Give the flow (h, w, 2) from a frame to its neighbour."""
        pair = (index, neighbour)
        if pair not in self._kept:
            self._kept[pair] = self._found(index, neighbour)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(pair)
        return self._kept[pair].astype(np.float32)

    def _found(self, index: int, neighbour: int) -> np.ndarray:
        """Load a flow between neighbours, or search it; (h, w, 2) float16, which is exact to a fiftieth of a pixel."""
        kept = None if self.store is None else self.store.load(index, neighbour)
        if kept is not None:
            return kept
        flow = self._search.calc(self._grey(index), self._grey(neighbour), None).astype(np.float16)  # type: ignore[call-overload]
        if self.store is not None:
            self.store.save(index, neighbour, flow)
        return flow


class PartFlows:
    """Follow the pixels of parts of the frames, in the pixels of these parts; see Flows."""

    def __init__(self, flows: Flows, parts: Mapping[int, Box], canvas: tuple[int, int]) -> None:
        """Choose the parts.

        Args:
            flows: of whole frames.
            parts: the part of each frame by index, in pixels counted from the canvas's corner, all of one size.
            canvas: its height and width.
        """
        self._flows, self._parts, self._canvas = flows, parts, canvas

    def way(self, index: int, key: int, size: tuple[int, int]) -> Way:
        """Follow the pixels of a frame's part, which has this height and width, to those of a keyed frame's."""
        part, key_part = self._parts[index], self._parts[key]
        columns, rows, flow = self._seen(self._flows.field(index, key), part, size)
        down, across = part.height / size[0], part.width / size[1]
        return Way(
            (columns + flow[..., 0] - key_part.x0) / np.float32(across) - 0.5,
            (rows[:, None] + flow[..., 1] - key_part.y0) / np.float32(down) - 0.5,
        )

    def motion(self, index: int, neighbour: int, size: tuple[int, int], least: float) -> np.ndarray | None:
        """Say roughly how far the pixels of a frame's part move over the plate; see Ways."""
        part = self._parts[index]
        _, _, flow = self._seen(self._flows.coarse(index, neighbour), part, size)
        moved = flow / np.array((part.width / size[1], part.height / size[0]), np.float32)
        return moved if _fastest(moved) > least else None

    def _seen(self, field: np.ndarray, part: Box, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give the middles of a part's pixels, columns (w) and rows (h), and the flow there (h, w, 2), in pixels of the canvas."""
        (height, width), (high, wide) = size, field.shape[:2]
        columns = np.float32(part.x0) + (np.arange(width, dtype=np.float32) + 0.5) * np.float32(part.width / width)
        rows = np.float32(part.y0) + (np.arange(height, dtype=np.float32) + 0.5) * np.float32(part.height / height)
        to_flow = np.array((wide / self._canvas[1], high / self._canvas[0]), np.float32)
        return columns, rows, _taken(field, *np.meshgrid(columns * to_flow[0] - 0.5, rows * to_flow[1] - 0.5)) / to_flow


def flow_size(height: int, width: int) -> tuple[int, int]:
    """Give the height and width at which flow is searched in pictures of a working size."""
    scale = min(1.0, LINES / min(height, width))
    return max(round(height * scale), 16), max(round(width * scale), 16)


def grey_of(picture: np.ndarray) -> np.ndarray:
    """Make the small grey picture (h, w) uint8 in which motion is searched, of a picture (H, W, 3) in [0, 1]."""
    return np.rint(255 * cv2.cvtColor(resampled(picture, flow_size(*picture.shape[:2])), cv2.COLOR_RGB2GRAY)).astype(np.uint8)


def _enlarged(field: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring a flow (h, w, 2) to a height and width, in whose pixels it then is."""
    enlarged = cv2.resize(field, size[::-1], interpolation=cv2.INTER_LINEAR)
    # Plane by plane, in a third of the time: a product along an axis of two goes from pixel to pixel.
    for axis, scale in enumerate(_scale(field, size)):
        enlarged[..., axis] *= scale
    return enlarged


def _scale(field: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.array((size[1] / field.shape[1], size[0] / field.shape[0]), np.float32)


def _fastest(field: np.ndarray) -> float:
    return math.sqrt(float(squared(field).max()))


def squared(field: np.ndarray) -> np.ndarray:
    """Give the squared length (h, w) of each way of a flow (h, w, 2)."""
    return np.square(field[..., 0]) + np.square(field[..., 1])


def _taken(field: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return cv2.remap(field, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _places(flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    height, width = flow.shape[:2]
    columns, rows = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    return columns + flow[..., 0], rows + flow[..., 1]
