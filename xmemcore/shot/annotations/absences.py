"""Absent ranges: frames on which the artist declares an object absent. They count more than what was drawn there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from xmemcore.protocol.absences import Absence
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.frames import counted
from xmemcore.shot.annotations.annotations import AddedAnnotations, Annotations, position
from xmemcore.shot.annotations.bit_masks import BitMask
from xmemcore.shot.files.box import Box
from xmemcore.shot.plate.canvas import Canvas


class AbsentAnnotations(AddedAnnotations):
    """Annotations with absent ranges: taught to memory at both ends of each range, enforced on every frame between."""

    def __init__(self, annotations: Annotations, absences: Iterable[Absence], frames: Sequence[int], canvas: Canvas) -> None:
        """Add ranges.

        Args:
            annotations: what was drawn.
            absences: of their objects.
            frames: of the plate, ascending.
            canvas: of the plate.

        Raises:
            RequestError.
        """
        self._canvas = canvas
        self._hidden: dict[int, set[int]] = {}
        self._ends: dict[int, set[int]] = {}
        warnings = []
        for absence in absences:
            obj = position(absence.name, annotations.objects)
            hidden = {place for place, frame in enumerate(frames) if frame in absence.frames}
            if not hidden:
                raise RequestError(
                    f"{absence.name} is said to be absent on {absence.frames}, but the plate has {frames[0]}-{frames[-1]}. "
                    "Correct the range."
                )
            for place in hidden:
                self._hidden.setdefault(frames[place], set()).add(obj)
                # A frame is an end when the one before or after it is not in the range.
                if place - 1 not in hidden or place + 1 not in hidden:
                    self._ends.setdefault(frames[place], set()).add(obj)
            drawn = [frames[place] for place in sorted(hidden) if obj in annotations.known(frames[place])]
            if drawn:
                warnings.append(
                    f"{absence.name} is annotated on {counted(drawn)}, but said to be absent there ({absence.frames}): its matte is empty."
                )
        super().__init__(annotations, self._ends, warnings)

    def known(self, frame: int) -> frozenset[int]:
        """Name the objects that are known at a frame: annotated, or at an end of their absent range."""
        return self._before.known(frame).union(self._ends.get(frame, ()))

    def absent(self, frame: int) -> frozenset[int]:
        """Name the objects that are absent at a frame."""
        return self._before.absent(frame).union(self._hidden.get(frame, ()))

    def approved(self, frame: int) -> frozenset[int]:
        """Name the objects whose matte was marked as right at a frame."""
        return self._before.approved(frame).difference(self._hidden.get(frame, ()))

    def matte(self, frame: int, obj: int) -> np.ndarray:
        """Give a known object's matte: nothing in an absent range."""
        if obj in self._hidden.get(frame, ()):
            return np.zeros((self._canvas.height, self._canvas.width), np.float32)
        return self._before.matte(frame, obj)

    def network_mask(
        self, frame: int, obj: int, working_size: tuple[int, int], resampling: str = "area", part: Box | None = None
    ) -> BitMask | None:
        """Give the mask of a known object for the network; absent in an absent range."""
        if obj in self._hidden.get(frame, ()):
            return None
        return self._before.network_mask(frame, obj, working_size, resampling, part)

    def signature(self, frame: int, obj: int) -> str:
        """Hash the annotation of a known object."""
        return "absent" if obj in self._hidden.get(frame, ()) else self._before.signature(frame, obj)
