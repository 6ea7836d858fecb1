"""One sweep: frames in one direction, with a sensory state and a temporary memory of its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from xmemcore.engine.boxes import area, boxes, by_box, positions, shared, some_by_box, some_of, widened, within
from xmemcore.engine.config import XMEM, EngineConfig
from xmemcore.engine.entrance import Entrance
from xmemcore.engine.frames import Annotation, Frame, Padding
from xmemcore.engine.lanes import beside
from xmemcore.engine.permanent import elements_first, encoded
from xmemcore.engine.planes import Boxed, Planes, Whole, are_boxed, drawn
from xmemcore.engine.second_look import Enlarged, given_back
from xmemcore.memory.permanent import PermanentMemory
from xmemcore.memory.reading import Readout, ShotMemory
from xmemcore.memory.temporary import TemporaryMemory, newborn
from xmemcore.network.backend import Backend
from xmemcore.network.features import Box, Features
from xmemcore.network.fusion import Surroundings
from xmemcore.network.xmem import STRIDE, part


@dataclass(frozen=True)
class Prediction:
    """The objects of one competition group at one frame."""

    kept: Planes
    """Planes at working size with padding; they sum to 1."""
    padding: Padding

    @property
    def planes(self) -> Tensor:
        """(K + 1, H, W), unpadded, background first; of many objects they are made anew."""
        return self.padding.unpad(self.kept.planes)

    @property
    def objects(self) -> Tensor:
        """(K, H, W), as `planes`."""
        return self.planes[1:]

    def __len__(self) -> int:
        """Count the objects."""
        return len(self.kept)

    def some(self, objects: Sequence[int]) -> Tensor:
        """Give objects, (n, H, W)."""
        return self.padding.unpad(self.kept.some(objects)[0])

    def mixed(self, other: Prediction, weight: float) -> Prediction:
        """Go a share of the way to another prediction of the same frame."""
        first, second = self.kept, other.kept
        if isinstance(first, Boxed) and isinstance(second, Boxed):
            return Prediction(first.mixed(second, weight), self.padding)
        assert isinstance(first, Whole) and isinstance(second, Whole), "a group's planes are all of one kind"
        return Prediction(first.mixed(second, weight), self.padding)


def is_given(index: int, annotation: Annotation | None, objects: int, permanent: Collection[int], config: EngineConfig) -> bool:
    """Say whether a sweep needs nothing of a frame but its annotation and its entry in permanent memory."""
    return config.reuse and annotation is not None and len(annotation.known) == objects and index in permanent


class Sweep:
    """Carry the objects of one group from frame to frame.

    Source: XMem, arXiv 2207.07115, and XMem++, arXiv 2307.15958; the steps are those of the public programs.
    """

    def __init__(
        self,
        network: Backend,
        permanent: PermanentMemory,
        padding: Padding,
        config: EngineConfig,
        where: Mapping[int, Tensor] | None = None,
        expected: frozenset[int] = frozenset(),
        numbers: Sequence[int] | None = None,
        lane: Executor | None = None,
    ) -> None:
        """Begin a sweep.

        Args:
            network: segments.
            permanent: memory that is shared.
            padding: of the frames.
            config: which variant runs.
            where: cells (K, h, w) of each object by index, taken in place of those that are found: to measure weights that find nothing.
            expected: objects that the keyframe shows which the sweep runs towards.
            numbers: of the frames, by index, where some do not exist; None: they follow one another.
            lane: helps where there are several objects; None: nobody does.
        """
        self.network = network
        self.config = config
        self.padding = padding
        self.objects = permanent.objects
        self.memory = ShotMemory(permanent, TemporaryMemory(config.memory, permanent.objects), partial(beside, lane))
        self.sensory = network.empty_sensory(self.objects, *padding.padded)
        self._where = where
        self._numbers = numbers
        self._lane = lane
        self._trace: Tensor | None = None
        """(K, h, w) booleans, the cells of each object's last matte."""
        self._around: dict[int, tuple[Tensor, Tensor]] = {}
        """Mean and peak, (C,) each, of every object's fusion outside its box, when that was last computed."""
        self._since_memory = 0
        self._passing = False
        """Whether the last frame that is remembered is there only until the next one is."""
        self._begun = False
        self._entrance = Entrance(expected) if config.boxes and not config.forward else None
        """Keeps absent objects out; None: as the papers."""

    @torch.inference_mode()
    def step(
        self,
        index: int,
        frame: Frame | None,
        annotation: Annotation | None = None,
        last: bool = False,
        second: Prediction | None = None,
    ) -> Prediction:
        """Segment the next frame of the sweep.

        Args:
            index: of the frame in the shot.
            frame: the frame; None where `is_given` says so.
            annotation: of the frame; None for a frame without one.
            last: whether the sweep ends here, so that nothing need be remembered.
            second: what the second look finds here; None where none was taken.
        """
        begins, number = not self._begun, index if self._numbers is None else self._numbers[index]
        if self._entrance is not None:
            self._entrance.reach(number)
            self._passing = self._passing and bool(self._entrance)
        self._since_memory += self._begun
        self._begun = True
        given = annotation is not None and len(annotation.known) == self.objects
        readout = None if given else self._read(frame)
        if self._entrance and readout is not None and readout.presence is not None:
            came_in = self._entrance.look(readout.presence.amax(dim=1).tolist(), self._fullest)
            if came_in and self._passing:
                # A part of the object may have been there already, unseen: that was no frame without it.
                self._forget_passing()
                readout = self._read(frame)
        due = annotation is not None or (self.config.temporary_memory and self._since_memory >= self.config.mem_every)
        its_turn = due or (self.config.temporary_memory and bool(self._entrance))
        remembers = its_turn and not last
        if given:
            assert annotation is not None, "what is given is annotated"
            planes = self._drawn(annotation).with_what_is_left()
        else:
            assert frame is not None, "only a frame that `is_given` is left out"
            again = None if second is None else Enlarged(second, self.padding)
            probabilities, places = self._decode(index, frame, readout, not remembers and not last, looks_around=its_turn, second=again)
            if self._entrance:
                self._entrance.clear(probabilities, self.padding, self._usual_area)
            planes = probabilities.aggregated(places) if annotation is None else self._corrected(probabilities, annotation)
        if self._entrance is not None and annotation is not None:
            self._entrance.keyed(annotation, number)
        if self.config.boxes and not last:
            self._trace = planes.cells()
        if remembers:
            self._forget_passing()
            self._passing = not due and bool(self._entrance)
            if due:
                self._since_memory = 0
        if remembers and is_given(index, annotation, self.objects, self.memory.permanent.frames, self.config):
            self._begin_at(index, begins)
        elif remembers:
            assert frame is not None, "only a frame that `is_given` is left out"
            self._remember(index, frame, planes, annotation)
        return Prediction(planes, self.padding)

    @torch.inference_mode()
    def answer(self, index: int, frame: Frame) -> Prediction:
        """Segment a keyframe of permanent memory without its masks, with the sensory state after it."""
        entry = self.memory.permanent.entry(index)
        if entry is not None and entry.sensory is not None:
            self.sensory = entry.sensory.unsqueeze(0)
        probabilities, places = self._decode(index, frame, self._read(frame), update_sensory=False)
        return Prediction(probabilities.aggregated(places), self.padding)

    def _read(self, frame: Frame | None) -> Readout | None:
        """Ask memory about a frame; None when nothing is remembered."""
        assert frame is not None, "only a frame that `is_given` is left out"
        features = frame.features
        return self.memory.read(elements_first(features.key), elements_first(features.selection), frame.searches)

    def _decode(
        self,
        index: int,
        frame: Frame,
        readout: Readout | None,
        update_sensory: bool,
        looks_around: bool = False,
        second: Enlarged | None = None,
    ) -> tuple[Planes, list[Box | None]]:
        """Give the objects' own probabilities, and the boxes outside which they are 0.

        Args:
            index: of the frame.
            frame: with its features.
            readout: memory's answer for it.
            update_sensory: whether the state takes in this frame.
            looks_around: whether the surroundings of the boxes are computed anew. Those that were never computed are computed in any case.
            second: what the second look finds.
        """
        features = frame.features
        h, w = features.key.shape[-2:]
        probabilities = self._nothing(features.key.device)
        if readout is None:
            return probabilities, [None] * self.objects
        places = self._places(index, features, readout, second)
        sensory = self.sensory.clone() if update_sensory else self.sensory
        wide = {box: widened(box, h, w) for box in by_box(places)}
        together = shared(wide.values())
        for outer in set(together.values()):
            self.network.part_of(features, outer)  # once, for all that share it

        @torch.inference_mode()
        def decode(box: Box, objects: list[int]) -> None:
            outer = wide[box]
            plate = self.network.part_of(self.network.part_of(features, together[outer]), within(outer, together[outer]))
            value = _value(features, readout, objects, outer)
            around = self._surroundings(features, readout, objects, outer, looks_around)
            inner = None if box == outer else within(box, outer)
            state, logits = self.network.decode(plate, value, part(self.sensory[:, objects], outer), update_sensory, inner, around)
            answers = readout.answered[objects].view(1, -1, 1, 1)
            top, left, bottom, right = box
            if update_sensory:
                sensory[:, objects, :, top:bottom, left:right] = state
            found = torch.sigmoid(logits.float()) * answers
            if second is not None:
                found = given_back(found, part(second.of(objects), box, STRIDE))
            probabilities.put(objects, box, found)

        beside(self._lane, [partial(decode, box, objects) for box, objects in some_by_box(places)])
        self.sensory = sensory
        return probabilities, places

    def _fullest(self, obj: int) -> float:
        """Give the largest share of a cell that an object has on a keyframe, in [0, 1]."""
        entries = [self.memory.permanent.entry(index) for index in self.memory.permanent.frames]
        return max((float(entry.coverage[obj].max()) for entry in entries if entry is not None and entry.coverage is not None), default=0.0)

    def _usual_area(self, obj: int) -> float:
        """Give the mean area in pixels of an object on the keyframes that show it; 0 where none does."""
        entries = [self.memory.permanent.entry(index) for index in self.memory.permanent.frames]
        areas = [float(entry.coverage[obj].sum()) * STRIDE**2 for entry in entries if entry is not None and entry.coverage is not None]
        shown = [area for area in areas if area >= 1]  # an empty mask leaves a trace of rounding
        return sum(shown) / len(shown) if shown else 0.0

    def _places(self, index: int, features: Features, readout: Readout, second: Enlarged | None = None) -> list[Box | None]:
        """Give the box in which each object can be; None for an object that is not in the frame."""
        h, w = features.key.shape[-2:]
        if self._where is not None and index in self._where:
            return boxes(self._where[index], torch.zeros_like(self._where[index], dtype=torch.float32))
        if self.config.boxes and self._trace is not None and readout.presence is not None:
            trace = self._trace if second is None else self._trace | second.cells()
            return boxes(trace, readout.presence.unflatten(1, (h, w)))
        return [(0, 0, h, w)] * self.objects

    def _surroundings(self, features: Features, readout: Readout, objects: list[int], box: Box, anew: bool) -> Surroundings | None:
        """Say what these objects' fusion is like outside a box; None where the box is the frame.

        It changes little from frame to frame and costs a fusion of the whole frame. So the last answer is taken, unless `anew` is set.
        """
        whole = 0, 0, *features.key.shape[-2:]
        if box == whole:
            return None
        anew_of = [obj for obj in objects if anew or obj not in self._around]
        for asked in some_of(anew_of, area(whole)):
            found = self.network.surroundings(features, _value(features, readout, asked, whole), self.sensory[:, asked], box)
            self._around.update({obj: (found.mean[place], found.peak[place]) for place, obj in enumerate(asked)})
        means, peaks = [self._around[obj][0] for obj in objects], [self._around[obj][1] for obj in objects]
        return Surroundings(torch.stack(means), torch.stack(peaks), 1 - area(box) / area(whole))

    def _nothing(self, device: torch.device) -> Planes:
        """Make planes of 0."""
        if are_boxed(self.objects, self.config.boxes):
            return Boxed(self.objects, self.padding.padded, device)
        return Whole(torch.zeros(1, self.objects, *self.padding.padded, device=device))

    def _drawn(self, annotation: Annotation) -> Planes:
        """Give the artist's masks as planes."""
        return drawn(annotation, self.objects, self.padding, self.sensory.device, are_boxed(self.objects, self.config.boxes))

    def _corrected(self, probabilities: Planes, annotation: Annotation) -> Planes:
        """Put the artist's masks in place of the known objects, clear the others beneath them, and aggregate."""
        known, masks = sorted(annotation.known), self._drawn(annotation)
        if isinstance(probabilities, Boxed) and isinstance(masks, Boxed):
            return probabilities.corrected(masks, known)
        assert isinstance(probabilities, Whole) and isinstance(masks, Whole), "a group's planes are all of one kind"
        return probabilities.corrected(masks, known)

    def _begin_at(self, index: int, anew: bool) -> None:
        """Take the sensory state after a keyframe from what permanent memory keeps of it."""
        entry = self.memory.permanent.entry(index)
        assert entry is not None, "`is_given` asks for frames of permanent memory alone"
        if anew and entry.sensory is not None:
            self.sensory = entry.sensory.unsqueeze(0)
        else:
            h, w = self.sensory.shape[-2:]
            value = torch.stack([entry.values[obj].T.unflatten(1, (h, w)) for obj in range(self.objects)])
            self.sensory = self.network.reinforce(value.unsqueeze(0), self.sensory)

    def _forget_passing(self) -> None:
        """Forget the last frame that is remembered, where it is there only until now."""
        if self._passing:
            self.memory.temporary.forget_last()
        self._passing = False

    def _remember(self, index: int, frame: Frame, masks: Planes, annotation: Annotation | None) -> None:
        features = frame.features
        value, self.sensory = encoded(self.network, frame.image, features, masks, self.sensory, deep_update=True, lane=self._lane)
        annotated_elsewhere = annotation is not None and (self.config.mode != XMEM or index in self.memory.permanent.frames)
        if self.config.temporary_memory and not annotated_elsewhere:
            self.memory.temporary.add(
                newborn(
                    elements_first(features.key),
                    features.shrinkage.flatten(),
                    value[0].flatten(2).flatten(0, 1).T.to(features.key.dtype),  # memory copies it to where it is kept
                    elements_first(features.selection),
                    masks.coverage().T.contiguous(),
                ),
                None if frame.searches is None else frame.searches.name,
            )


def _value(features: Features, readout: Readout, objects: list[int], box: Box) -> Tensor:
    """Give memory's answer for objects in a box of a frame, (1, len(objects), Cv, ., .)."""
    top, left, bottom, right = box
    h, w = features.key.shape[-2:]
    cells = None if box == (0, 0, h, w) else positions(box, w).to(features.key.device)
    return readout.value(objects, cells).unflatten(2, (bottom - top, right - left)).unsqueeze(0)
