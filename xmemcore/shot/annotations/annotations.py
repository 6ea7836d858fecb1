"""The interface of annotations, which roto and masks share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.names import layer_names
from xmemcore.protocol.words import listed
from xmemcore.shot.annotations.bit_masks import BitMask
from xmemcore.shot.files.box import Box
from xmemcore.shot.plate.resampling import PUBLISHED, nearest, resampled

MAX_OBJECTS = 500
"""Most objects of a shot: each is compared with each, and each is computed in each frame."""
SHOWN_OBJECTS = 20
"""Most names that a sentence lists."""


class Annotations(Protocol):
    """Objects are positions in `objects`; frames are the plate's numbers; pixels are those of the canvas, row 0 at the top."""

    objects: tuple[str, ...]
    """The artist's names for the objects, made unique, in the order of the layers."""
    originals: tuple[str, ...]
    """The names as the artist wrote them; two objects may share one."""
    keyframes: tuple[int, ...]
    """Frames at which at least one object is known, ascending."""
    warnings: tuple[str, ...]
    """Sentences about what could not be honoured."""

    def known(self, frame: int) -> frozenset[int]:
        """Name the objects that are known at a frame: keyed, or said to be absent."""

    def absent(self, frame: int) -> frozenset[int]:
        """Name the objects that the artist makes absent at a frame, keyed or not: hidden, or out of their lifetime."""

    def approved(self, frame: int) -> frozenset[int]:
        """Name the known objects whose mask at a frame is an approved matte of a run."""

    def matte(self, frame: int, obj: int) -> np.ndarray:
        """Give the artist's own soft matte of a known object, (H, W) float32 in [0, 1]; zeros when absent."""

    def network_mask(
        self, frame: int, obj: int, working_size: tuple[int, int], resampling: str = "area", part: Box | None = None
    ) -> BitMask | None:
        """Give the mask of a known object for the network; None when absent.

        Args:
            frame: of the plate.
            obj: its position.
            working_size: height and width of the mask.
            resampling: how it is reduced.
            part: of the canvas, in pixels counted from its corner, that is shown; None: all of it.
        """

    def signature(self, frame: int, obj: int) -> str:
        """Hash the annotation of a known object at a frame."""


class NothingAnnotated:
    """Annotations of a shot that nobody has keyed yet; see Annotations. No frame is known, so no matte is ever asked for."""

    objects: tuple[str, ...] = ()
    originals: tuple[str, ...] = ()
    keyframes: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()

    def known(self, frame: int) -> frozenset[int]:
        """Name no object."""
        return frozenset()

    def absent(self, frame: int) -> frozenset[int]:
        """Name no object."""
        return frozenset()

    def approved(self, frame: int) -> frozenset[int]:
        """Name no object."""
        return frozenset()

    def matte(self, frame: int, obj: int) -> np.ndarray:
        """Refuse: there is none."""
        raise KeyError(frame)

    def network_mask(
        self, frame: int, obj: int, working_size: tuple[int, int], resampling: str = "area", part: Box | None = None
    ) -> BitMask | None:
        """Refuse: there is none."""
        raise KeyError(frame)

    def signature(self, frame: int, obj: int) -> str:
        """Refuse: there is none."""
        raise KeyError(frame)


def require_computable(count: int, source: str | Path | None) -> None:
    """Raise RequestError where the annotations of a file have more objects than a shot may."""
    if count > MAX_OBJECTS:
        raise RequestError(
            f"{source} has {count} objects; up to {MAX_OBJECTS} are computed at once. Choose some of them by name (--object)."
        )


def undrawn(annotations: Annotations) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Find the keyframes on which nothing that is seen is drawn.

    Returns:
        Those on which all that are known are absent, and those on which some are approved; both ascending.
    """
    absent, approved = [], []
    for frame in annotations.keyframes:
        seen = annotations.known(frame) - annotations.absent(frame)
        if not seen:
            absent.append(frame)
        elif seen <= annotations.approved(frame):
            approved.append(frame)
    return tuple(absent), tuple(approved)


def position(name: str, objects: Sequence[str]) -> int:
    """Find an object by its name, or by the name of its layer, which is what an artist reads in Nuke (`obj_1` of the object `1`).

    Raises:
        RequestError.
    """
    for names in (objects, layer_names(objects)):
        if name in names:
            return list(names).index(name)
    shown = listed([f"'{obj}'" for obj in objects], SHOWN_OBJECTS)
    raise RequestError(f"No object is called '{name}'. The annotations have: {shown}.")


def positions(names: Iterable[str], objects: Sequence[str]) -> list[int]:
    """Find objects by name, see `position`, in the objects' own order; raises RequestError."""
    return sorted({position(name, objects) for name in names})


class ChosenAnnotations:
    """Some objects of annotations; see Annotations."""

    def __init__(self, annotations: Annotations, names: Iterable[str]) -> None:
        """Choose by name; raises RequestError."""
        self._all = annotations
        self._chosen = positions(names, annotations.objects)
        self.objects = tuple(annotations.objects[place] for place in self._chosen)
        self.originals = tuple(annotations.originals[place] for place in self._chosen)
        self.keyframes = tuple(frame for frame in annotations.keyframes if self.known(frame))
        self.warnings = annotations.warnings

    def known(self, frame: int) -> frozenset[int]:
        """Name the chosen objects that are known at a frame."""
        return self._of(self._all.known(frame))

    def absent(self, frame: int) -> frozenset[int]:
        """Name the chosen objects that are absent at a frame."""
        return self._of(self._all.absent(frame))

    def approved(self, frame: int) -> frozenset[int]:
        """Name the chosen objects whose matte was marked as right at a frame."""
        return self._of(self._all.approved(frame))

    def matte(self, frame: int, obj: int) -> np.ndarray:
        """Give a chosen object's matte."""
        return self._all.matte(frame, self._chosen[obj])

    def network_mask(
        self, frame: int, obj: int, working_size: tuple[int, int], resampling: str = "area", part: Box | None = None
    ) -> BitMask | None:
        """Give the mask of a chosen object for the network."""
        return self._all.network_mask(frame, self._chosen[obj], working_size, resampling, part)

    def signature(self, frame: int, obj: int) -> str:
        """Hash the annotation of a chosen object."""
        return self._all.signature(frame, self._chosen[obj])

    def _of(self, objects: frozenset[int]) -> frozenset[int]:
        return frozenset(place for place, obj in enumerate(self._chosen) if obj in objects)


class AddedAnnotations:
    """Annotations with additions on some frames; see Annotations. Subclasses answer for their additions and hand on the rest."""

    def __init__(self, annotations: Annotations, keyframes: Iterable[int], warnings: Iterable[str]) -> None:
        """Add keyframes and warnings."""
        self._before = annotations
        self.objects, self.originals = annotations.objects, annotations.originals
        self.keyframes = tuple(sorted({*annotations.keyframes, *keyframes}))
        self.warnings = (*annotations.warnings, *warnings)

    def known(self, frame: int) -> frozenset[int]:
        """Name the objects that are known at a frame."""
        return self._before.known(frame)

    def absent(self, frame: int) -> frozenset[int]:
        """Name the objects that are absent at a frame."""
        return self._before.absent(frame)

    def approved(self, frame: int) -> frozenset[int]:
        """Name the objects whose matte was marked as right at a frame."""
        return self._before.approved(frame)

    def matte(self, frame: int, obj: int) -> np.ndarray:
        """Give a known object's matte."""
        return self._before.matte(frame, obj)

    def network_mask(
        self, frame: int, obj: int, working_size: tuple[int, int], resampling: str = "area", part: Box | None = None
    ) -> BitMask | None:
        """Give the mask of a known object for the network."""
        return self._before.network_mask(frame, obj, working_size, resampling, part)

    def signature(self, frame: int, obj: int) -> str:
        """Hash the annotation of a known object."""
        return self._before.signature(frame, obj)


def network_mask_from_matte(matte: np.ndarray, working_size: tuple[int, int], resampling: str, part: Box | None = None) -> BitMask | None:
    """Reduce a matte (H, W) to the mask that the network gets.

    Args:
        matte: of the canvas, in [0, 1].
        working_size: height and width.
        resampling: `area`, or `published` for nearest neighbour.
        part: of the canvas, in pixels counted from its corner, that is shown; None: all of it.

    Returns:
        None when the object has no pixel.
    """
    if part is not None:
        matte = np.ascontiguousarray(matte[part.slices])
    if not matte.any():
        return None
    if resampling == PUBLISHED:
        return BitMask.of(nearest(matte, working_size) >= 0.5)
    return BitMask.of(network_mask_from_coverage(resampled(matte, working_size)))


def network_mask_from_coverage(coverage: np.ndarray) -> np.ndarray:
    """Decide which working pixels are the object's.

    Args:
        coverage: (h, w) in [0, 1], how much of each working pixel the object covers.

    Returns:
        (h, w) float32: 1 where at least half is covered. An object that would vanish or fall apart (a wire, smoke) keeps
        its best-covered pixels: as many as its area is worth, and those that are at least half as well covered as these,
        so that a wire stays in one piece.
    """
    # A shape covers a small part of the picture, and a shot may have thousands of masks.
    rows, columns = np.flatnonzero(coverage.any(axis=1)), np.flatnonzero(coverage.any(axis=0))
    if not rows.size:
        return np.zeros(coverage.shape, np.float32)
    whole = np.zeros(coverage.shape, np.float32)
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    coverage = coverage[box]
    mask = coverage >= 0.5
    worth = int(np.ceil(coverage.sum(dtype=np.float64) - 1e-6))
    if mask.sum() < worth / 2:
        least = np.partition(coverage, -worth, axis=None)[-worth]
        mask |= coverage >= max(least / 2, 1e-6)
    whole[box] = mask
    return whole
