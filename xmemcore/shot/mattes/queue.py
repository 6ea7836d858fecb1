"""Make mattes on disk from predictions at working size, while the propagation goes on.

A frame waits here until every competition group has given its prediction. Another thread enlarges and writes it.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, reduce
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np

from xmemcore.engine.sweep import Prediction
from xmemcore.protocol.failures import MachineError
from xmemcore.protocol.result_file import MatteRecord
from xmemcore.shot.annotations.annotations import Annotations
from xmemcore.shot.annotations.host_alpha import HostAlpha, difference
from xmemcore.shot.annotations.objects import Group
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.layers import FAINTEST, Drawn, Layer
from xmemcore.shot.mattes.matte_proof import metadata
from xmemcore.shot.mattes.mattes import MatteWriter
from xmemcore.shot.mattes.steps import Chain, finished
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.plate.plate import Plate

FRAMES_BEHIND = 3
"""Frames that may wait for the disk; more would only fill the memory."""


@dataclass(frozen=True)
class Written:
    """One frame that is on disk."""

    index: int
    path: Path
    record: MatteRecord
    remark: str | None = None
    """What the artist should know about this frame, in a sentence."""


@dataclass(frozen=True)
class View:
    """How the predictions of a gap lie on the canvas, where they cover a part of it."""

    chain: Chain
    """Steps that the predictions go through, on a canvas of the part's size."""
    canvas: Canvas
    """Canvas of the part's size."""
    parts: Mapping[int, Box]
    """Part of the canvas by index, counted from the canvas's corner."""


class MatteQueue:
    """Collect predictions, write mattes."""

    def __init__(
        self,
        plate: Plate,
        annotations: Annotations,
        groups: Sequence[Group],
        writer: MatteWriter,
        with_confidence: bool,
        waiting_room: Path,
        signature: Callable[[int], str],
        chain: Chain,
        host_alpha: HostAlpha | None = None,
        working_size: tuple[int, int] | None = None,
    ) -> None:
        """Prepare to write.

        Args:
            plate: of the shot.
            annotations: the artist's mattes, which stand on their keyframes.
            groups: whose predictions each frame needs.
            writer: of the files.
            with_confidence: whether that layer is written too.
            waiting_room: folder of this run alone, for predictions that wait for another group.
            signature: hash of all that the matte of an index depends on.
            chain: what each group's prediction goes through.
            host_alpha: the host's own renders of the roto.
            working_size: height and width of whole frames' predictions; only where some cover a part of the canvas.
        """
        self._working_size = working_size
        self._views: dict[tuple[int, int], View] = {}
        self._host_alpha = host_alpha
        self._plate = plate
        self._annotations = annotations
        self._groups = groups
        self._writer = writer
        self._with_confidence = with_confidence
        self._waiting: dict[int, set[int]] = {}
        self._waiting_room = waiting_room
        self._signature = signature
        self._chain = tuple(chain)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="matte-writer")
        self._pending: deque[Future[Written]] = deque()

    def __enter__(self) -> MatteQueue:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()

    def put(
        self,
        group: int,
        index: int,
        planes: np.ndarray,
        around: Mapping[int, np.ndarray] = MappingProxyType({}),
        view: View | None = None,
    ) -> list[Written]:
        """Hand in one group's prediction; give the frames that were finished meanwhile.

        Args:
            group: its number.
            index: of the frame.
            planes: of `handed`.
            around: planes of neighbouring frames, by index, where the chain asks for them.
            view: the part of the canvas that the planes cover; None: the whole canvas.

        Raises:
            What writing raised, for this frame or an earlier one; MachineError.
        """
        missing = self._waiting.setdefault(index, set(range(len(self._groups))))
        missing.discard(group)
        if view is not None:
            self._views[group, index] = view
        if missing:
            self._spill(group, index, planes, around)
        else:
            del self._waiting[index]
            views = [self._views.pop((number, index), None) for number in range(len(self._groups))]
            self._pending.append(self._executor.submit(self._write, index, group, (planes, around), self._signature(index), views))
        return self._finished(wait_down_to=FRAMES_BEHIND)

    def drain(self) -> list[Written]:
        """Wait for everything that was handed in."""
        return self._finished(wait_down_to=0)

    def _finished(self, wait_down_to: int) -> list[Written]:
        finished = []
        while self._pending and (self._pending[0].done() or len(self._pending) > wait_down_to):
            finished.append(self._pending.popleft().result())
        return finished

    def _write(
        self,
        index: int,
        last_group: int,
        last: tuple[np.ndarray, Mapping[int, np.ndarray]],
        signature: str,
        views: Sequence[View | None],
    ) -> Written:
        canvas = self._plate.canvas
        frame = self._plate.frames[index]
        known = self._annotations.known(frame)
        absent = self._annotations.absent(frame) - known
        layers = [Layer() for _ in self._annotations.objects]
        # Memory that stays 0 is not taken by the system.
        union, box = np.zeros((canvas.height, canvas.width), np.float32), Box(0, 0, 0, 0)
        # Of all groups together, what is left out is still less than what is written.
        faint = FAINTEST / (2 * len(self._groups))
        margin: np.ndarray | None = None
        elsewhere: np.ndarray | None = None  # how much of what is behind all objects the network sees
        sure_of = [1.0] * len(self._annotations.objects)  # what is keyed or absent is the artist's word
        picture = cache(lambda: self._plate.read(frame))  # once a frame, when a step asks for it
        for number, group in enumerate(self._groups):
            planes, around = last if number == last_group else self._unspilled(number, index)
            small = planes.astype(np.float32)
            own = _margin(small)
            view = views[number]
            wide, behind = (plane if view is None else self._placed(plane, view, index) for plane in (own, small[0]))
            margin = wide if margin is None else np.minimum(margin, wide)
            elsewhere = behind if elsewhere is None else elsewhere * behind
            for place, obj in enumerate(group.objects):
                if obj not in known | absent:
                    sure_of[obj] = _around_objects(own, small[place + 1])
            drawn = {obj: Drawn.of(self._annotations.matte(frame, obj)) for obj in group.objects if obj in known}
            also = [matte.box for matte in drawn.values()]
            for part, large in self._chained(view, small, index, picture, number, around, faint, also):
                mattes = np.zeros_like(large[1:])
                for place, obj in enumerate(group.objects):
                    if obj in known:
                        mattes[place] = drawn[obj].part(part)
                    elif obj in absent:
                        large[0] += large[place + 1]  # what is not there shows what is behind it
                    else:
                        mattes[place] = large[place + 1]
                    layers[obj].add(part.y0, mattes[place], part.x0)
                if not absent.issuperset(group.objects):
                    shows = self._behind(frame, mattes, known.intersection(group.objects), large[0])
                    share = union[part.slices]
                    np.subtract(1, share, out=share)
                    share *= shows
                    np.subtract(1, share, out=share)
                    box = part if box.empty else box.union(part)
        assert margin is not None and elsewhere is not None, "a shot has at least one group"
        complete = len(known | absent) == len(self._annotations.objects)
        remark, host_union = None, None
        if complete and self._host_alpha is not None and frame in self._host_alpha.frames:
            host_union = self._host_alpha.read(frame)
            remark = self._host_alpha.unusable(frame) or difference(host_union, union, canvas, frame)
            union = host_union
        if complete:
            margin = np.ones_like(margin)
        confidence = cv2.resize(margin, (canvas.width, canvas.height), interpolation=cv2.INTER_LINEAR) if self._with_confidence else None
        areas = tuple(layer.area(canvas.width * canvas.height) for layer in layers)
        sureness = 1.0 if complete else _around_objects(margin, 1 - elsewhere)
        if host_union is None:
            alpha = Layer()
            alpha.add(box.y0, union[box.slices], box.x0)
        else:
            alpha = Layer.of(host_union, cut_faint=False)  # what the host rendered is the artist's, its faintest values too
        path = self._writer.write(
            frame,
            layers,
            alpha,
            keyframe=bool(known),
            confidence=confidence,
            proof=metadata(signature, areas, sureness, tuple(sure_of)),
        )
        return Written(index, path, MatteRecord(signature, path.stat().st_size, bool(known), areas, sureness, tuple(sure_of)), remark)

    def _chained(
        self,
        view: View | None,
        small: np.ndarray,
        index: int,
        picture: Callable[[], np.ndarray],
        number: int,
        around: Mapping[int, np.ndarray],
        faint: float,
        also: Sequence[Box],
    ) -> Iterator[tuple[Box, np.ndarray]]:
        """Send one group's prediction through its chain; see `finished`."""
        if view is None:
            yield from finished(self._chain, self._plate.canvas, small, index, picture, number, around, faint, also)
            return
        part = view.parts[index]

        def seen() -> np.ndarray:
            return np.ascontiguousarray(picture()[part.slices])

        inside = [box.intersection(part).moved(-part.x0, -part.y0) for box in also]
        for box, planes in finished(view.chain, view.canvas, small, index, seen, 0, around, faint, inside):
            yield box.moved(part.x0, part.y0), planes
        for box in _beside(part, also):
            empty = np.zeros((len(small), box.height, box.width), np.float32)
            empty[0] = 1
            yield box, empty

    def _placed(self, plane: np.ndarray, view: View, index: int) -> np.ndarray:
        """Bring a plane (h, w) of a part to the whole working image; beside the part it is 1, for there surely is no object."""
        assert self._working_size is not None, "it is given where there are parts"
        part, canvas = view.parts[index], self._plate.canvas
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

    def _spill(self, group: int, index: int, planes: np.ndarray, around: Mapping[int, np.ndarray]) -> None:
        content = io.BytesIO()
        named: dict[str, Any] = {"planes": planes, **{str(other): neighbour for other, neighbour in around.items()}}
        np.savez(content, **named)
        try:
            self._spilled(group, index).write_bytes(content.getbuffer())
        except OSError as error:
            raise MachineError(
                f"Predictions that wait for other objects cannot be kept in {self._waiting_room}: {error.strerror}. "
                "Free some disk there or point $TMPDIR at another, then run this again; the mattes that were finished stay."
            ) from error

    def _spilled(self, group: int, index: int) -> Path:
        return self._waiting_room / f"{index}.{group}.npz"

    def _unspilled(self, group: int, index: int) -> tuple[np.ndarray, dict[int, np.ndarray]]:
        path = self._spilled(group, index)
        with np.load(path) as content:
            planes, around = content["planes"], {int(name): content[name] for name in content.files if name != "planes"}
        path.unlink()
        return planes, around


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


def handed(prediction: Prediction) -> np.ndarray:
    """Give a prediction's planes (1 + K, h, w) as the queue takes them."""
    # Half is what the matte is written in, and what a spilled prediction is kept in: both paths give the same bits.
    return prediction.planes.half().cpu().numpy()


def _margin(planes: np.ndarray) -> np.ndarray:
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
