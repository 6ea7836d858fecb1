"""From annotations to predictions for every frame of a shot, gap by gap."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import repeat

import torch
from torch import Tensor

from xmemcore.engine.config import XMEM, EngineConfig
from xmemcore.engine.entrance import shown
from xmemcore.engine.frames import Annotation, Frame, FrameSource
from xmemcore.engine.lanes import ahead
from xmemcore.engine.order import Gap, forward_gap, outward_gaps
from xmemcore.engine.permanent import entries
from xmemcore.engine.second_look import halved_annotation, takes_second_look
from xmemcore.engine.sweep import Prediction, Sweep, is_given
from xmemcore.memory.permanent import Entry, PermanentMemory
from xmemcore.network.backend import Backend
from xmemcore.protocol.failures import Cancelled


class Propagation:
    """Propagate the objects of one competition group; each of its `looks` must `learn` every one of its `permanent_indices` before the
    first gap."""

    def __init__(
        self,
        network: Backend,
        source: FrameSource,
        annotations: Mapping[int, Annotation],
        objects: int,
        config: EngineConfig,
        where: Mapping[int, Tensor] | None = None,
        numbers: Sequence[int] | None = None,
    ) -> None:
        """Prepare; `where` and `numbers` as of `Sweep`."""
        assert annotations, "a shot has at least one annotation"
        self.network = network
        self.source = source
        self.annotations = annotations
        self.config = config
        self._where, self._numbers = where, numbers
        self.permanent = PermanentMemory(objects)
        self.second: Propagation | None = None
        """The same shot in half the size; None where no second look is taken."""
        if config.second_look:
            smaller = {index: halved_annotation(annotation) for index, annotation in annotations.items()}
            self.second = Propagation(network, source.half, smaller, objects, replace(config, second_look=False), numbers=numbers)

    @property
    def looks(self) -> tuple[Propagation, ...]:
        """This one, and the second look where one is taken; each learns for itself."""
        return (self,) if self.second is None else (self, self.second)

    @property
    def memories(self) -> tuple[PermanentMemory, ...]:
        """The permanent memory of each look."""
        return tuple(look.permanent for look in self.looks)

    def share(self, memories: Sequence[PermanentMemory]) -> None:
        """Use another propagation's `memories`."""
        for look, memory in zip(self.looks, memories):
            look.permanent = memory

    def beside(self, source: FrameSource) -> Propagation:
        """Make a propagation for another thread: it reads its own frames, and shares this one's permanent memory."""
        other = Propagation(self.network, source, self.annotations, self.permanent.objects, self.config, self._where, self._numbers)
        other.share(self.memories)
        return other

    @torch.inference_mode()
    def encode(self, index: int) -> dict[int, Entry]:
        """Encode one annotation: the frame itself as variant 0, and its augmentations."""
        frame, annotation = self.source.frame(index), self.annotations[index]
        return dict(entries(self.network, frame, annotation, self.permanent.objects, self.source.padding, self.config, self.source.lane))

    def learn(self, index: int, encoded: Mapping[int, Entry] | None = None) -> None:
        """Put one annotation into this look's permanent memory, in place of what was there; None: encode it now."""
        encoded = self.encode(index) if encoded is None else encoded
        self.permanent.remove(index)
        for variant, entry in encoded.items():
            # A variant is another picture than the frame, so its keys are not the frame's.
            self.permanent.put(index, replace(entry, name=None if variant else self.source.name(index)), variant)

    def answer(self, index: int) -> Prediction:
        """Give this look's own answer at a keyframe of permanent memory: what it would find on the next frame if nothing moved."""
        return self._sweep().answer(index, self.source.frame(index))

    def asks_for(self, index: int) -> bool:
        """Say whether a sweep that comes to an index asks for its frame."""
        return asks_for(index, self.annotations, self.permanent.objects, self.config)

    def run(
        self, gap: Gap, wanted: Collection[int] | None = None, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[int, Prediction]]:
        """Compute a gap.

        Args:
            gap: one of those that `plan_gaps` gave.
            wanted: indices that are asked for; sweeps end where nothing more is. None: all that the gap delivers.
            cancelled: asked before every frame.

        Yields:
            Index and prediction, each index once, in the order in which they are ready.

        Raises:
            Cancelled: between two frames.
        """
        for index, prediction in self.steps(gap, wanted, cancelled):
            if prediction is not None:
                yield index, prediction

    def steps(
        self, gap: Gap, wanted: Collection[int] | None = None, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[int, Prediction | None]]:
        """Compute a gap as `run` does, but stop at every frame that is stepped through.

        Groups that share a gap step through the same frames. A caller that alternates between them encodes each frame once for all.

        Yields:
            Index, and its prediction if that is ready.
        """
        wanted = set(gap.delivers if wanted is None else wanted) & set(gap.delivers)
        waiting: dict[int, Prediction] = {}
        for number, indices in enumerate(gap.sweeps_for(wanted)):
            expected = frozenset[int]() if len(gap.sweeps) == 1 else shown(self.annotations.get(gap.sweeps[1 - number][0]))
            sweep = self._sweep(expected)
            second = self.second if self.second is not None and takes_second_look(gap.sweeps[number]) else None
            seconds = repeat(None) if second is None else ahead(self.source.lane, second._stepped(indices, expected))
            for index, again in zip(indices, seconds):
                if cancelled():
                    raise Cancelled("Cancelled. The mattes that were finished stay.")
                last = index == indices[-1]
                prediction = sweep.step(index, self._frame(index), self.annotations.get(index), last, again)
                if index not in wanted:
                    yield index, None
                elif index not in gap.blend:
                    yield index, prediction
                elif index in waiting:
                    yield index, waiting.pop(index).mixed(prediction, gap.weight(number, index))
                else:
                    waiting[index] = prediction
                    yield index, None

    def _stepped(self, indices: Sequence[int], expected: frozenset[int]) -> Iterator[Prediction]:
        """Step through frames, each when it is asked for."""
        sweep = self._sweep(expected)
        for index in indices:
            yield sweep.step(index, self._frame(index), self.annotations.get(index), last=index == indices[-1])

    def _sweep(self, expected: frozenset[int] = frozenset()) -> Sweep:
        return Sweep(self.network, self.permanent, self.source.padding, self.config, self._where, expected, self._numbers, self.source.lane)

    def _frame(self, index: int) -> Frame | None:
        return self.source.frame(index) if self.asks_for(index) else None


def frames_asked(gap: Gap, wanted: Collection[int], groups: Sequence[Propagation]) -> list[int]:
    """List for which frames some groups will ask while they compute these indices of a gap together, in order."""
    return [index for sweep in gap.sweeps_for(wanted) for index in sweep if any(group.asks_for(index) for group in groups)]


def permanent_indices(annotations: Iterable[int], config: EngineConfig) -> tuple[int, ...]:
    """Say which annotated indices are permanent in a mode, ascending."""
    places = tuple(sorted(annotations))
    return places[:1] if config.mode == XMEM else places


def asks_for(index: int, annotations: Mapping[int, Annotation], objects: int, config: EngineConfig) -> bool:
    """Say whether a sweep that comes to an index asks for its frame: a keyframe that knows every object is in permanent memory."""
    return not is_given(index, annotations.get(index), objects, permanent_indices(annotations, config), config)


def plan_gaps(length: int, annotations: Mapping[int, Annotation], objects: int, config: EngineConfig) -> list[Gap]:
    """Plan the gaps of one group, in the order of the shot.

    Sweeps begin at keyframes that know every object. A sweep goes on through one that does not: the unknown object
    is predicted there like anywhere else, and would jump if its sensory state began anew. Where no keyframe knows all,
    the outermost serve.
    """
    if config.forward:
        return [forward_gap(length)]
    complete = [index for index, annotation in annotations.items() if len(annotation.known) == objects]
    return outward_gaps(length, complete or {min(annotations), max(annotations)})
