"""Compute gaps of small objects in windows: find them in a coarse pass over the whole frame, then propagate them close up.

A group's permanent memory is made once for each size of window that its gaps use. What a gap gives depends on the gap alone, not on
what was computed before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

import torch

from xmemcore.engine.config import EngineConfig
from xmemcore.engine.frames import Annotation, FrameSource
from xmemcore.engine.order import Gap
from xmemcore.engine.propagation import Propagation, frames_asked
from xmemcore.engine.sweep import Prediction
from xmemcore.memory.permanent import PermanentMemory
from xmemcore.network.backend import Backend
from xmemcore.protocol.failures import Cancelled
from xmemcore.shot.annotations.objects import Group, Unpacking
from xmemcore.shot.files.box import Box
from xmemcore.shot.inputs.opened import OpenedShot
from xmemcore.shot.mattes.carry import KeyDifferences
from xmemcore.shot.mattes.composition import View
from xmemcore.shot.mattes.queue import handed
from xmemcore.shot.mattes.steps import chain_of
from xmemcore.shot.plan.plan import GroupPlan, Plan
from xmemcore.shot.plan.windows import Lens, coarse_size, on_plate, seen_in
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.plate.flow import PartFlows
from xmemcore.shot.plate.frame_source import CoarseContent, FrameContent, PartContent, ShotFrames
from xmemcore.shot.run.turns import CANCELLED
from xmemcore.shot.store.cache import FeatureFolder
from xmemcore.shot.store.permanent import rounded


@dataclass
class _Group:
    """What the gaps of one group have in common."""

    planned: GroupPlan
    coarse: PermanentMemory | None = None
    close: dict[Lens, Sequence[PermanentMemory]] = field(default_factory=dict)
    """The memory of each look by size of window."""


@dataclass(frozen=True)
class CloseUp:
    """One group's gap in its window."""

    group: _Group
    gap: Gap
    lens: Lens
    parts: dict[int, Box]
    """The window's place by index: on every frame that the gap's sweeps see, and on keyframes elsewhere."""
    view: View
    differences: KeyDifferences
    """Differences between the artist's shapes and the network's own answers at keys, in the window."""


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
            store: keeps features of windows and of the coarse pass; None: nothing is kept.
            warn: told what the artist should know.
        """
        self._opened, self._plan, self._network, self._device, self._store, self._warn = opened, plan, network, device, store, warn
        self._groups = [_Group(planned) for planned in plan.groups]
        self._lock = Lock()
        self.encoded_frames = 0
        """Key encodings of windows. Those of the coarse pass, a quarter as dear, are left out."""

    def find(self, numbers: Iterable[int], gap: Gap, cancelled: Callable[[], bool]) -> dict[int, CloseUp]:
        """Look for the windows of the groups that share a gap; those that need the whole frame are left out.

        Raises:
            Cancelled.
        """
        found: dict[int, CloseUp] = {}
        for number in numbers:
            group = self._groups[number]
            close = self._close_up(group, gap, self._seen(group, gap, cancelled)) if group.planned.may_crop(gap) else None
            if close is not None:
                found[number] = close
        return found

    def compute(self, close: CloseUp, indices: frozenset[int], cancelled: Callable[[], bool]) -> Iterator[tuple[int, Prediction]]:
        """Compute one group's gap in its window.

        Args:
            close: the gap.
            indices: that are asked for.
            cancelled: asked before every frame.

        Yields:
            Index and prediction, as `Propagation.run`.

        Raises:
            Cancelled.
        """
        group = close.group.planned.group
        memories = self._close_memories(close.group, close.lens, cancelled)
        with self._frames(PartContent(self._opened.content, close.parts, close.lens.size)) as frames:
            annotations = {
                index: self._annotation(group, index, close.parts[index], close.lens.size)
                for index in group.annotations
                if index in close.parts
            }
            propagation = self._propagation(close.group, frames, annotations, memories)
            if self._plan.carries:
                self._compare_keys(close, propagation, indices)
            yield from _predictions(propagation, frames, close.gap, indices, cancelled)
            with self._lock:
                self.encoded_frames += frames.encoded_frames

    def _seen(self, state: _Group, gap: Gap, cancelled: Callable[[], bool]) -> dict[int, Box | None]:
        """Find objects in a coarse pass over a gap: by index their box, in pixels of the plate; None where there is nothing."""
        group, canvas = state.planned.group, self._opened.shot.plate.canvas
        coarse = CoarseContent(self._opened.content, coarse_size(self._opened.content.encoding.size))
        cells = coarse.padding.height, coarse.padding.width
        scale = canvas.height / cells[0], canvas.width / cells[1]
        seen: dict[int, Box | None] = {}
        with self._frames(coarse) as frames:
            annotations = {index: self._annotation(group, index, None, cells) for index in group.annotations}
            memory = self._coarse_memory(state, frames, annotations, cancelled)
            propagation = self._propagation(state, frames, annotations, [memory], self._coarse_config)
            for index, prediction in _predictions(propagation, frames, gap, frozenset(gap.delivers), cancelled):
                box = seen_in(prediction.objects.cpu().numpy())
                seen[index] = None if box is None else on_plate(box, scale)
        return seen

    def _close_up(self, state: _Group, gap: Gap, seen: Mapping[int, Box | None]) -> CloseUp | None:
        """Lay a window around what was seen; None where the whole frame is needed."""
        planned, canvas = state.planned, self._opened.shot.plate.canvas
        assert planned.windows is not None, "only such a group may be cropped"
        path = planned.windows.path(gap, seen)
        if path is None:
            return None
        lens, places = path
        elsewhere = {key: lens.around(*planned.windows.middle_of(key)) for key in planned.group.annotations if key not in places}
        parts = {**elsewhere, **places}
        flows = PartFlows(self._plan.flows, parts, (canvas.height, canvas.width))
        differences = planned.differences(self._opened.shot, flows, parts)
        window = Canvas(Box(0, 0, lens.columns, lens.rows), Box(0, 0, lens.columns, lens.rows), canvas.pixel_aspect)
        came_from = planned.came_from(self._opened.shot.plate.frames)
        view = View(chain_of(self._opened.request, window, [differences], flows, [came_from]), window, places)
        return CloseUp(state, gap, lens, parts, view, differences)

    def _coarse_memory(
        self, state: _Group, frames: ShotFrames, annotations: dict[int, Annotation], cancelled: Callable[[], bool]
    ) -> PermanentMemory:
        with self._lock:
            if state.coarse is None:
                memory = PermanentMemory(len(state.planned.group.objects))
                teacher = self._propagation(state, frames, annotations, [memory], self._coarse_config)
                for index in state.planned.permanent:
                    if cancelled():
                        raise Cancelled(CANCELLED)
                    teacher.learn(index)
                memory.segment()  # laid out before several threads read it
                state.coarse = memory
            return state.coarse

    def _close_memories(self, state: _Group, lens: Lens, cancelled: Callable[[], bool]) -> Sequence[PermanentMemory]:
        """Give the permanent memory at one size of window, each keyframe in a window of its own."""
        planned = state.planned
        assert planned.windows is not None, "only such a group may be cropped"
        with self._lock:
            if lens not in state.close:
                memories = [PermanentMemory(len(planned.group.objects)) for _ in range(1 + self._plan.config_of(planned).second_look)]
                for index in planned.permanent:
                    if cancelled():
                        raise Cancelled(CANCELLED)
                    at_keys, part = planned.windows.of_key(index, lens)
                    annotations = {index: self._annotation(planned.group, index, part, at_keys.size)}
                    with self._frames(PartContent(self._opened.content, {index: part}, at_keys.size)) as frames:
                        for look in self._propagation(state, frames, annotations, memories).looks:
                            look.learn(index, {variant: rounded(entry) for variant, entry in look.encode(index).items()})
                        self.encoded_frames += frames.encoded_frames
                for memory in memories:
                    memory.segment()
                state.close[lens] = memories
            return state.close[lens]

    def _compare_keys(self, close: CloseUp, propagation: Propagation, indices: frozenset[int]) -> None:
        """Let the network answer the keyframes around frames, and keep the differences from the artist's shapes."""
        for key in sorted({key for index in indices for key in close.differences.keys_for(index)}):
            close.differences.compare(key, handed(propagation.answer(key)))

    def _annotation(self, group: Group, index: int, part: Box | None, size: tuple[int, int]) -> Annotation:
        """Draw a group's objects for a part of a keyframe; None: for all of it."""
        annotations, frame = self._opened.shot.annotations, self._opened.shot.plate.frames[index]
        known = sorted(group.annotations[index].known)
        return Annotation(Unpacking({place: annotations.network_mask(frame, group.objects[place], size, part=part) for place in known}))

    @property
    def _coarse_config(self) -> EngineConfig:
        return replace(self._plan.config, second_look=False)

    def _propagation(
        self,
        state: _Group,
        frames: FrameSource,
        annotations: dict[int, Annotation],
        memories: Sequence[PermanentMemory],
        config: EngineConfig | None = None,
    ) -> Propagation:
        config = config or self._plan.config_of(state.planned)
        objects, numbers = len(state.planned.group.objects), self._opened.shot.plate.frames
        propagation = Propagation(self._network, frames, annotations, objects, config, numbers=numbers)
        propagation.share(memories)
        return propagation

    def _frames(self, content: FrameContent) -> ShotFrames:
        return ShotFrames(content, self._network, self._device, self._store, self._warn)


def _predictions(
    propagation: Propagation, frames: ShotFrames, gap: Gap, indices: frozenset[int], cancelled: Callable[[], bool]
) -> Iterator[tuple[int, Prediction]]:
    """Compute a gap from frames that are read ahead."""
    frames.expect(frames_asked(gap, indices, [propagation]), twice=gap.blend)
    yield from propagation.run(gap, indices, cancelled)
