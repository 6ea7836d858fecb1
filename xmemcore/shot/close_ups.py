"""Compute gaps of small objects in windows: find them in a coarse pass over the whole frame, then propagate them close up.

A group's permanent memory is made once for each size of window that its gaps use. What a gap gives depends on the gap alone, not on
what was computed before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
import torch

from xmemcore.engine.frames import Annotation, FrameSource
from xmemcore.engine.order import Gap
from xmemcore.engine.propagation import Propagation
from xmemcore.engine.sweep import Prediction
from xmemcore.memory.permanent import PermanentMemory
from xmemcore.network.backend import Backend
from xmemcore.protocol.failures import Cancelled
from xmemcore.shot.annotations.objects import Group, Unpacking
from xmemcore.shot.files.box import Box
from xmemcore.shot.mattes.carry import KeyDifferences, feather_of
from xmemcore.shot.mattes.queue import View, handed
from xmemcore.shot.mattes.steps import chain_of
from xmemcore.shot.opened import OpenedShot
from xmemcore.shot.plan import GroupPlan, Plan
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.plate.flow import PartFlows
from xmemcore.shot.plate.frame_source import CoarseContent, FrameContent, PartContent, ShotFrames
from xmemcore.shot.plate.resampling import resampled
from xmemcore.shot.store.cache import FeatureFolder
from xmemcore.shot.store.permanent import rounded
from xmemcore.shot.turns import CANCELLED
from xmemcore.shot.windows import Lens, coarse_size, on_plate, seen_in

EARLIER_GAPS = 64
"""Of which it is still known what they were computed in."""


@dataclass(frozen=True)
class CloseUp:
    """One group's gap in its window."""

    lens: Lens
    parts: dict[int, Box]
    """By index, the window's place on every frame that the gap's sweeps see, and on keyframes elsewhere."""
    view: View
    differences: KeyDifferences
    """What the artist's shapes and the network's own answers differ by at keys, in the window."""


@dataclass
class _Group:
    """What the gaps of one group have in common."""

    planned: GroupPlan
    coarse: PermanentMemory | None = None
    close: dict[Lens, PermanentMemory] = field(default_factory=dict)
    found: dict[Gap, CloseUp | None] = field(default_factory=dict)


class CloseUps:
    """The windows of one run. Gaps may be asked for from several threads."""

    def __init__(
        self,
        opened: OpenedShot,
        plan: Plan,
        network: Backend,
        device: torch.device,
        store: FeatureFolder | None,
        warn: Callable[[str], None],
    ) -> None:
        """Prepare; nothing is computed yet.

        Args:
            opened: inputs of the run.
            plan: of its gaps.
            network: computes.
            device: on which it does.
            store: keeps features of windows; None: nothing is kept.
            warn: told what the artist should know.
        """
        self._opened, self._plan, self._network, self._device, self._store, self._warn = opened, plan, network, device, store, warn
        self._groups = [_Group(planned) for planned in plan.groups]
        self._lock = Lock()
        self.encoded_frames = 0
        """Key encodings of windows, those of the coarse pass left out: it keeps none."""

    def find(self, number: int, gap: Gap, cancelled: Callable[[], bool]) -> CloseUp | None:
        """Look for a gap's window; None where it needs the whole frame.

        Raises:
            Cancelled.
        """
        each = self._groups[number]
        if not each.planned.may_crop(gap):
            return None
        if gap not in each.found:
            found = self._found(each, gap, cancelled)
            with self._lock:
                if len(each.found) >= EARLIER_GAPS:
                    del each.found[next(iter(each.found))]
                each.found[gap] = found
        return each.found[gap]

    def view(self, number: int, gap: Gap) -> View | None:
        """Say how the predictions of a gap that was computed lie on the canvas; None: they cover it."""
        found = self._groups[number].found.get(gap)
        return None if found is None else found.view

    def compute(
        self, number: int, gap: Gap, close: CloseUp, indices: frozenset[int], cancelled: Callable[[], bool]
    ) -> Iterator[tuple[int, Prediction]]:
        """Compute one group's gap in its window.

        Args:
            number: of the group.
            gap: the gap.
            close: its window.
            indices: that are asked for.
            cancelled: asked before every frame.

        Yields:
            Index and prediction, as `Propagation.run`.

        Raises:
            Cancelled.
        """
        each = self._groups[number]
        memory = self._close_memory(each, close.lens, cancelled)
        with self._frames(PartContent(self._opened.content, close.parts, close.lens.size), self._store) as frames:
            annotations = {
                index: self._annotation(each.planned.group, index, close.parts[index], close.lens.size)
                for index in each.planned.group.annotations
                if index in close.parts
            }
            propagation = self._propagation(each, frames, annotations, memory)
            if self._plan.carries:
                self._compare_keys(each, close, propagation, indices)
            stepped = [index for sweep in gap.sweeps_for(indices) for index in sweep]
            frames.expect([index for index in stepped if propagation.asks_for(index)], twice=gap.blend)
            yield from propagation.run(gap, indices, cancelled)
            with self._lock:
                self.encoded_frames += frames.encoded_frames

    def _found(self, each: _Group, gap: Gap, cancelled: Callable[[], bool]) -> CloseUp | None:
        planned, content = each.planned, self._opened.content
        assert planned.windows is not None, "only such a group may be cropped"
        coarse = CoarseContent(content, coarse_size(content.encoding.size))
        cells = coarse.padding.height, coarse.padding.width
        canvas = self._opened.shot.plate.canvas
        scale = canvas.height / cells[0], canvas.width / cells[1]
        seen: dict[int, Box | None] = {}
        with self._frames(coarse, None) as frames:
            annotations = {index: self._annotation(planned.group, index, None, cells) for index in planned.group.annotations}
            memory = self._coarse_memory(each, frames, annotations, cancelled)
            propagation = self._propagation(each, frames, annotations, memory)
            frames.expect([i for sweep in gap.sweeps for i in sweep if propagation.asks_for(i)], twice=gap.blend)
            for index, prediction in propagation.run(gap, cancelled=cancelled):
                box = seen_in(prediction.objects.cpu().numpy())
                seen[index] = None if box is None else on_plate(box, scale)
        path = planned.windows.path(gap, seen)
        if path is None:
            return None
        lens, places = path
        elsewhere = {key: lens.around(*planned.windows.middle_of(key)) for key in planned.group.annotations if key not in places}
        parts = {**elsewhere, **places}
        flows = PartFlows(self._plan.flows, parts, (canvas.height, canvas.width))
        differences = KeyDifferences(
            {key: planned.group.annotations[key].known for key in planned.permanent}, len(planned.group.objects), flows
        )
        window = Canvas(Box(0, 0, lens.columns, lens.rows), Box(0, 0, lens.columns, lens.rows), canvas.pixel_aspect)
        view = View(chain_of(self._opened.request, window, [differences], flows), window, places)
        return CloseUp(lens, parts, view, differences)

    def _coarse_memory(
        self, each: _Group, frames: ShotFrames, annotations: dict[int, Annotation], cancelled: Callable[[], bool]
    ) -> PermanentMemory:
        with self._lock:
            if each.coarse is None:
                teacher = self._propagation(each, frames, annotations, PermanentMemory(len(each.planned.group.objects)))
                for index in each.planned.permanent:
                    if cancelled():
                        raise Cancelled(CANCELLED)
                    teacher.learn(index)
                teacher.permanent.segment()  # laid out before several threads read it
                each.coarse = teacher.permanent
            return each.coarse

    def _close_memory(self, each: _Group, lens: Lens, cancelled: Callable[[], bool]) -> PermanentMemory:
        """Give the permanent memory at one size of window, each keyframe in a window of its own."""
        planned = each.planned
        assert planned.windows is not None, "only such a group may be cropped"
        with self._lock:
            if lens not in each.close:
                memory = PermanentMemory(len(planned.group.objects))
                for index in planned.permanent:
                    if cancelled():
                        raise Cancelled(CANCELLED)
                    own, part = planned.windows.of_key(index, lens)
                    annotations = {index: self._annotation(planned.group, index, part, own.size)}
                    with self._frames(PartContent(self._opened.content, {index: part}, own.size), self._store) as frames:
                        teacher = self._propagation(each, frames, annotations, memory)
                        teacher.learn(index, {variant: rounded(entry) for variant, entry in teacher.encode(index).items()})
                        self.encoded_frames += frames.encoded_frames
                memory.segment()
                each.close[lens] = memory
            return each.close[lens]

    def _compare_keys(self, each: _Group, close: CloseUp, propagation: Propagation, indices: frozenset[int]) -> None:
        """Let the network answer the keyframes around frames, and keep what the artist's shapes differ by."""
        group, annotations, frames = each.planned.group, self._opened.shot.annotations, self._opened.shot.plate.frames
        for key in sorted({key for index in indices for key in close.differences.keys_for(index)}):
            if close.differences.has(key):
                continue
            part, size = close.parts[key], close.lens.size
            shapes, feathers = {}, {}
            for place in sorted(group.annotations[key].known):
                matte = annotations.matte(frames[key], group.objects[place]).astype(np.float32)
                matte = np.ascontiguousarray(matte[part.y0 : part.y1, part.x0 : part.x1])
                shapes[place], feathers[place] = resampled(matte, size), feather_of(matte, size)
            close.differences.put(key, shapes, handed(propagation.answer(key)), feathers)

    def _annotation(self, group: Group, index: int, part: Box | None, size: tuple[int, int]) -> Annotation:
        """Draw a group's objects for a part of a keyframe; None: for all of it."""
        annotations, frame = self._opened.shot.annotations, self._opened.shot.plate.frames[index]
        known = sorted(group.annotations[index].known)
        return Annotation(Unpacking({place: annotations.network_mask(frame, group.objects[place], size, part=part) for place in known}))

    def _propagation(self, each: _Group, frames: FrameSource, annotations: dict[int, Annotation], memory: PermanentMemory) -> Propagation:
        propagation = Propagation(self._network, frames, annotations, len(each.planned.group.objects), self._plan.config)
        propagation.permanent = memory
        return propagation

    def _frames(self, content: FrameContent, store: FeatureFolder | None) -> ShotFrames:
        return ShotFrames(content, self._network, self._device, store, self._warn)
