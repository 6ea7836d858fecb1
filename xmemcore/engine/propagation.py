"""From annotations to predictions for every frame of a shot, gap by gap."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

import torch

from xmemcore.engine.config import XMEM, EngineConfig
from xmemcore.engine.frames import Annotation, FrameSource
from xmemcore.engine.order import Gap, forward_gap, nearest_first, outward_gaps
from xmemcore.engine.permanent import entries
from xmemcore.engine.sweep import Prediction, Sweep
from xmemcore.memory.permanent import PermanentMemory
from xmemcore.network.xmem import XMem
from xmemcore.protocol.failures import Cancelled


class Propagation:
    """Propagate the objects of one competition group.

    Permanent memory is filled before the first frame, by `learn`, or put there by a caller who kept it.
    """

    def __init__(
        self, network: XMem, source: FrameSource, annotations: Mapping[int, Annotation], objects: int, config: EngineConfig
    ) -> None:
        assert annotations, "a shot has at least one annotation"
        self.network = network
        self.source = source
        self.annotations = annotations
        self.config = config
        self.permanent = PermanentMemory(objects)

    @property
    def permanent_indices(self) -> tuple[int, ...]:
        """Indices whose annotation is permanent in this mode, ascending."""
        places = tuple(sorted(self.annotations))
        return places[:1] if self.config.mode == XMEM else places

    @torch.inference_mode()
    def learn(self, index: int) -> None:
        """Encode one annotation into permanent memory, in place of what was there for that frame."""
        frame, annotation = self.source.frame(index), self.annotations[index]
        self.permanent.remove(index)
        for variant, entry in entries(self.network, frame, annotation, self.permanent.objects, self.source.padding, self.config):
            self.permanent.put(index, entry, variant)

    def gaps(self, first: int | None = None) -> list[Gap]:
        """Plan the work; the gap that holds index `first` comes first."""
        if self.config.forward:
            return [forward_gap(len(self.source))]
        return nearest_first(outward_gaps(len(self.source), self._turning_points()), first)

    def run(self, gap: Gap, wanted: Collection[int] | None = None, cancelled: Callable[[], bool] = lambda: False) -> Iterator[tuple[int, Prediction]]:
        """Compute a gap.

        Args:
            gap: one of `gaps`.
            wanted: indices that are asked for; sweeps end where nothing more is. None: all that the gap delivers.
            cancelled: asked before every frame.

        Yields:
            Index and prediction, each index once, in the order in which they are ready.

        Raises:
            Cancelled: between two frames.
        """
        wanted = set(gap.delivers if wanted is None else wanted) & set(gap.delivers)
        waiting: dict[int, Prediction] = {}
        for number, sweep_pass in enumerate(gap.passes):
            asked = [place for place, index in enumerate(sweep_pass.indices) if index in wanted]
            if not asked:
                continue
            sweep = Sweep(self.network, self.permanent, self.source.padding, self.config)
            indices = sweep_pass.indices[: asked[-1] + 1]
            for index in indices:
                if cancelled():
                    raise Cancelled("Cancelled. The mattes that were finished stay.")
                prediction = sweep.step(index, self.source.frame(index), self.annotations.get(index), last=index == indices[-1])
                if index not in wanted:
                    continue
                if index not in gap.blend:
                    yield index, prediction
                elif index in waiting:
                    yield index, _mixed(waiting.pop(index), prediction, gap.weight(number, index))
                else:
                    waiting[index] = prediction

    def _turning_points(self) -> list[int]:
        """Choose the keyframes that sweeps begin at.

        A keyframe that does not know every object is passed through instead: the unknown one is predicted there like
        anywhere else, and would jump if its sensory state began anew. Where no frame knows all, the outermost serve.
        """
        complete = {index for index, annotation in self.annotations.items() if len(annotation.known) == self.permanent.objects}
        if complete:
            return sorted(complete)
        return sorted({min(self.annotations), max(self.annotations)})


def _mixed(first: Prediction, second: Prediction, weight: float) -> Prediction:
    return Prediction(torch.lerp(first.planes, second.planes, weight))
