"""What keys and mattes show of a shot's objects, frame by frame, at working size."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch

from xmemcore.protocol.failures import Cancelled
from xmemcore.protocol.names import layer_names
from xmemcore.shot.doubt import SIGHT_NUMBERS, Judgement, Sight, doubts, sight
from xmemcore.shot.inputs import Shot
from xmemcore.shot.mattes import matte_proof
from xmemcore.shot.mattes.mattes import MatteSequence
from xmemcore.shot.store.cache import digest
from xmemcore.shot.store.looks import Looks


class ShotMasks:
    """All objects, or one, at every frame where they are keyed or have a matte."""

    def __init__(self, shot: Shot, obj: int | None, size: tuple[int, int], mattes: MatteSequence | None, looks: Looks | None) -> None:
        """Open nothing yet.

        Args:
            shot: whose objects are looked at.
            obj: the only object that counts; None: all count.
            size: height and width, the working size.
            mattes: of the shot; None: only keys are known.
            looks: keep what is seen of mattes; None: nothing is kept.
        """
        self.shot = shot
        self.objects = list(range(len(shot.annotations.objects))) if obj is None else [obj]
        """Numbers of the objects that count."""
        self._size = size
        self._mattes = mattes
        self._looks = looks
        self._layers = layer_names(shot.annotations.objects)
        self._layer = None if obj is None else self._layers[obj]
        self._areas: dict[int, int | None] = {}

    def mask(self, index: int) -> np.ndarray | None:
        """Give the union of the objects at a frame, (h, w) in [0, 1]; None where it is unknown."""
        frame, annotations = self.shot.plate.frames[index], self.shot.annotations
        matte = None
        shown = [obj for obj in self.objects if obj not in annotations.absent(frame)]
        if not shown:
            return np.zeros(self._size, np.float32)
        if annotations.known(frame).issuperset(shown):
            matte = np.maximum.reduce([annotations.matte(frame, obj) for obj in shown])
        elif self._mattes is not None and frame in self._mattes.frames:
            found = self._mattes.read(frame, self.shot.plate.canvas)
            matte = found.union if self._layer is None else found.layers.get(self._layer)
        return None if matte is None else self._at_working_size(matte)

    def pixels(self, index: int) -> int | None:
        """Count mask pixels at working size; None where it is unknown."""
        if index not in self._areas:
            mask = self.mask(index)
            self._areas[index] = None if mask is None else int((mask > 0.5).sum())
        return self._areas[index]

    def lost(self) -> list[int]:
        """Find frames where the object is missing between frames that show it, and is not declared absent."""
        keyed = self.shot.indices.values()
        shown = [index for index in range(len(self.shot.plate.frames)) if (self.pixels(index) or 0) > 0]
        if not shown:
            return []
        return [index for index in range(shown[0], shown[-1]) if self.pixels(index) == 0 and index not in keyed and not self.hidden(index)]

    def hidden(self, index: int) -> bool:
        """Say whether the artist's word makes every object that is looked at absent: there is nothing to key."""
        return self.shot.annotations.absent(self.shot.plate.frames[index]).issuperset(self.objects)

    def judged(self, cancelled: Callable[[], bool]) -> Judgement:
        """Say what every object's mattes are expected to be wrong by; raises Cancelled."""
        annotations, frames = self.shot.annotations, self.shot.plate.frames
        seen: list[dict[int, Sight]] = []
        for index in range(len(frames)):
            if cancelled():
                raise Cancelled("Cancelled. Nothing was changed.")
            seen.append(self._sights(index))
        found = []
        for obj in self.objects:
            sights, keyed = [sights.get(obj) for sights in seen], {}
            for index, frame in enumerate(frames):
                if obj in annotations.absent(frame):
                    keyed[index] = False
                elif obj in annotations.known(frame):
                    drawn = sights[index]
                    keyed[index] = drawn is not None and drawn.seen
            found.append(doubts(sights, keyed))
        return Judgement(found)

    def _sights(self, index: int) -> dict[int, Sight]:
        """Reduce each object's mask or matte at a frame; without those that are unknown."""
        frame, annotations = self.shot.plate.frames[index], self.shot.annotations
        known, names = annotations.known(frame), self._kept_names(frame)
        sights = {obj: kept for obj, name in names.items() if (kept := self._kept(name)) is not None}
        for obj in known.intersection(self.objects):
            mask = annotations.network_mask(frame, obj, self._size)
            sights[obj] = sight(np.zeros(self._size, np.float32) if mask is None else mask.unpacked())
        new = [obj for obj in self.objects if obj not in sights]
        if new and self._mattes is not None and frame in self._mattes.frames:
            layers = self._mattes.read(frame, self.shot.plate.canvas).layers
            for obj in new:
                if self._layers[obj] in layers:
                    sights[obj] = self._keep(names.get(obj), sight(self._at_working_size(layers[self._layers[obj]])))
        return sights

    def _kept_names(self, frame: int) -> dict[int, str]:
        """Name what is seen of each object's matte at a frame, by what the matte says that it was made from; {} where it proves nothing."""
        if self._looks is None or self._mattes is None or frame not in self._mattes.frames:
            return {}
        matte = matte_proof.read(self._mattes.path(frame))
        if matte is None or matte.record is None:
            return {}
        made_of = matte.record.signature, self.shot.plate.canvas.key, self._size
        return {obj: digest(*made_of, self._layers[obj]) for obj in self.objects}

    def _kept(self, name: str) -> Sight | None:
        numbers = None if self._looks is None else self._looks.get(name)
        return None if numbers is None or len(numbers) != SIGHT_NUMBERS else Sight.of_numbers(numbers.tolist())

    def _keep(self, name: str | None, found: Sight) -> Sight:
        """Give what is seen of a matte as the next suggestion will find it kept."""
        if self._looks is None or name is None:
            return found
        return Sight.of_numbers(self._looks.put(name, torch.tensor(found.numbers())).tolist())

    def _at_working_size(self, matte: np.ndarray) -> np.ndarray:
        return cv2.resize(matte, self._size[::-1], interpolation=cv2.INTER_AREA)
