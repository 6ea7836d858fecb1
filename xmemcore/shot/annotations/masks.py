"""Masks as annotations: one file for each keyframe, and what it says of each object."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.words import listed
from xmemcore.shot.annotations.annotations import network_mask_from_matte
from xmemcore.shot.annotations.bit_masks import BitMask
from xmemcore.shot.annotations.mask_files import MaskFiles
from xmemcore.shot.annotations.mask_folders import mask_sequences, open_masks
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.sequence import Sequence, frame_path, has_number
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.plate.plate import Plate
from xmemcore.shot.store.cache import digest


class MaskAnnotations:
    """What mask files tell the engine; see Annotations."""

    def __init__(self, files: MaskFiles, canvas: Canvas, keyframes: Iterable[int], warnings: Iterable[str] = ()) -> None:
        self.objects = self.originals = files.objects
        self.keyframes = tuple(sorted(set(keyframes)))
        self.warnings = tuple(warnings)
        self._files = files
        self._canvas = canvas
        self._signatures: dict[tuple[int, int], str] = {}

    @classmethod
    def open(cls, pattern: str, plate: Plate, keyframes: Iterable[int] | None = None, view: str | None = None) -> MaskAnnotations:
        """Look through the masks once, to learn which objects there are: those of all files, so that they stay when keyframes change.

        Args:
            pattern: a folder or a sequence, or a folder for each object; the files' numbers are the plate's frames.
            plate: what they are masks of.
            keyframes: those that count; None: all.
            view: stands in for %V and %v in the pattern.

        Raises:
            SequenceNotFound, RequestError.
        """
        sequences = mask_sequences(pattern, view, plate.sequence)
        frames = tuple(sorted({frame for sequence in sequences.values() for frame in sequence.frames}))
        chosen = frames if keyframes is None else tuple(keyframes)
        for frame in chosen:
            if frame not in frames:
                raise RequestError(f"There is no mask for keyframe {frame} in {pattern}. Masks exist for {listed(frames)}.")
        files = open_masks(sequences, plate.canvas, frozenset(chosen))
        for sequence in sequences.values():
            _require_frame(sequence, plate)
        annotations = cls(files, plate.canvas, chosen, files.warnings)
        if not annotations._shows_anything():
            raise RequestError(f"The masks in {pattern} are all empty. Paint the object on at least one keyframe.")
        return annotations

    def known(self, frame: int) -> frozenset[int]:
        """Name the objects that a keyframe's file has, the absent ones included; none elsewhere."""
        if frame not in self.keyframes:
            return frozenset()
        names = self._files.known(frame)
        return frozenset(obj for obj, name in enumerate(self.objects) if name in names)

    def absent(self, frame: int) -> frozenset[int]:
        """Masks say nothing about frames that have none."""
        return frozenset()

    def approved(self, frame: int) -> frozenset[int]:
        """Name no object: what is drawn needs no mark."""
        return frozenset()

    def matte(self, frame: int, obj: int) -> np.ndarray:
        """Give an object's mask, soft as it is, (H, W) float32 of the canvas."""
        return self._files.mask(frame, self.objects[obj])

    def network_mask(
        self, frame: int, obj: int, working_size: tuple[int, int], resampling: str = "area", part: Box | None = None
    ) -> BitMask | None:
        """Reduce an object's mask to working size; None when it has no pixel."""
        return network_mask_from_matte(self.matte(frame, obj), working_size, resampling, part)

    def signature(self, frame: int, obj: int) -> str:
        """Hash an object's mask, as it is on the canvas."""
        if (frame, obj) not in self._signatures:
            content = self.matte(frame, obj)
            self._signatures[frame, obj] = digest(content.shape, content.tobytes())
        return self._signatures[frame, obj]

    def _shows_anything(self) -> bool:
        return any(self.matte(frame, obj).any() for frame in self.keyframes for obj in self.known(frame))


def _require_frame(masks: Sequence, plate: Plate) -> None:
    """Raise RequestError for a single file whose name says no frame, where the plate is no still."""
    path = masks.path(masks.frames[0])
    if not has_number(path) and masks.paths.keys().isdisjoint(plate.frames):
        raise RequestError(
            f"{path.name} in {path.parent} has no frame number, so nobody can tell of which frame it is the mask. "
            f"Call it, for example, {frame_path(path, plate.frames[0]).name}."
        )
