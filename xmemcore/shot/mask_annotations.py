"""Masks from images: index PNGs, or EXR and PNG with one channel or layer for each object."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from xmemcore.protocol.failures import RequestError
from xmemcore.shot.annotations import network_mask_from_coverage
from xmemcore.shot.canvas import Box, Canvas
from xmemcore.shot.exr import read_channels, read_header
from xmemcore.shot.plate import PUBLISHED, Plate
from xmemcore.shot.sequence import Sequence

VOID = 255
"""Index of pixels that nobody labelled, in DAVIS and its likes."""


class MaskUnreadable(RequestError):
    """A mask file cannot be read, or does not fit the plate."""


@dataclass(frozen=True)
class _Masks:
    """The masks of one file."""

    planes: dict[str, np.ndarray]
    """By object, (h, w) float32 in [0, 1]."""
    window: Box
    """Where the planes are, in the plate's coordinates."""


class MaskAnnotations:
    """Every object is known on every frame that has a file; one without a pixel there is absent."""

    def __init__(self, sequence: Sequence, canvas: Canvas, objects: Iterable[str], keyframes: Iterable[int]) -> None:
        self.objects = tuple(objects)
        self.keyframes = tuple(sorted(keyframes))
        self.warnings: tuple[str, ...] = ()
        self._sequence = sequence
        self._canvas = canvas
        # Neighbouring calls ask for the objects of one frame.
        self._masks = lru_cache(maxsize=4)(self._read)

    @classmethod
    def open(cls, pattern: str, plate: Plate, keyframes: Iterable[int] | None = None) -> MaskAnnotations:
        """Read the masks once, to learn which objects there are.

        Args:
            pattern: a folder or a sequence; the files' numbers are the plate's frames.
            plate: what they are masks of.
            keyframes: those that count; None: all.

        Raises:
            SequenceNotFound, MaskUnreadable.
        """
        sequence = Sequence.find(pattern, "masks")
        chosen = sequence.frames if keyframes is None else tuple(keyframes)
        for frame in chosen:
            if frame not in sequence.paths:
                raise MaskUnreadable(f"There is no mask for keyframe {frame} in {pattern}. Masks exist for {_listed(sequence.frames)}.")
        annotations = cls(sequence, plate.canvas, (), chosen)
        names: dict[str, None] = {}
        for frame in chosen:
            names.update(dict.fromkeys(annotations._read(frame).planes))
        annotations.objects = tuple(sorted(names, key=lambda name: (int(name) if name.isdigit() else -1, name)))
        if not annotations.objects:
            raise MaskUnreadable(f"The masks in {pattern} are all empty. Paint the object on at least one frame.")
        return annotations

    def known(self, frame: int) -> frozenset[int]:
        """Name the known objects: all on a keyframe, none elsewhere."""
        return frozenset(range(len(self.objects))) if frame in self.keyframes else frozenset()

    def matte(self, frame: int, obj: int) -> np.ndarray:
        """Give an object's mask, (H, W) float32 of the canvas."""
        masks = self._masks(frame)
        plane = masks.planes.get(self.objects[obj])
        if plane is None:
            return np.zeros((self._canvas.height, self._canvas.width), np.float32)
        return self._canvas.placed(plane, masks.window)

    def network_mask(self, frame: int, obj: int, working_size: tuple[int, int], resampling: str = "area") -> np.ndarray | None:
        """Reduce an object's mask to working size, (h, w) float32 of 0 and 1; None when it has no pixel."""
        matte = self.matte(frame, obj)
        if not matte.any():
            return None
        if matte.shape == working_size:
            return network_mask_from_coverage(matte)
        if resampling == PUBLISHED:
            rows = np.arange(working_size[0]) * matte.shape[0] // working_size[0]
            columns = np.arange(working_size[1]) * matte.shape[1] // working_size[1]
            return (matte[np.ix_(rows, columns)] >= 0.5).astype(np.float32)
        reduces = working_size[0] < matte.shape[0]
        coverage = cv2.resize(matte, working_size[::-1], interpolation=cv2.INTER_AREA if reduces else cv2.INTER_LINEAR)
        return network_mask_from_coverage(coverage)

    def signature(self, frame: int, obj: int) -> str:
        """Hash an object's mask."""
        return hashlib.blake2b(self.matte(frame, obj).tobytes(), digest_size=20).hexdigest()

    def _read(self, frame: int) -> _Masks:
        path = self._sequence.path(frame)
        return _read_exr(path) if path.suffix.lower() == ".exr" else _read_png(path, self._canvas.display)


def _read_png(path: Path, display: Box) -> _Masks:
    """Read index planes, or one plane from a grey picture, or one for each colour channel that is not a copy of red."""
    try:
        with Image.open(path) as file:
            palette = file.mode == "P"
            pixels = np.asarray(file if file.mode in ("P", "L", "1", "I;16", "RGB", "RGBA", "LA") else file.convert("RGB"))
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise MaskUnreadable(f"The mask {path.name} in {path.parent} is damaged or no image. Save it as PNG or EXR.") from error
    height, width = pixels.shape[:2]
    if (height, width) != (display.height, display.width):
        raise MaskUnreadable(
            f"The mask {path.name} in {path.parent} is {width}x{height}, but the plate's format is {display.width}x{display.height}. "
            "Save masks at the plate's size."
        )
    if pixels.ndim == 2 and (palette or _is_index(pixels)):
        return _Masks({str(index): (pixels == index).astype(np.float32) for index in np.unique(pixels) if index not in (0, VOID)}, display)
    top = np.float32(65535 if pixels.dtype == np.uint16 else 1 if pixels.dtype == bool else 255)
    values = pixels.astype(np.float32) / top
    if pixels.ndim == 2:
        return _Masks({"mask": values}, display)
    colours = values[..., : 3 if values.shape[2] >= 3 else 1]
    if colours.shape[2] == 1 or (np.array_equal(colours[..., 0], colours[..., 1]) and np.array_equal(colours[..., 0], colours[..., 2])):
        return _Masks({"mask": colours[..., 0]}, display)
    return _Masks({name: colours[..., place] for place, name in enumerate(("red", "green", "blue")) if colours[..., place].any()}, display)


def _is_index(pixels: np.ndarray) -> bool:
    """Tell indices that were saved as grey from a grey matte: few values, all small, or nothing but 0 and void."""
    values = np.unique(pixels)
    return bool(pixels.dtype == np.uint8 and values[values != VOID].max(initial=0) <= 32 and values[values != VOID].max(initial=0) > 0)


def _read_exr(path: Path) -> _Masks:
    header = read_header(path)
    for part in header.parts:
        names = [name for name in part.channels if name.rsplit(".", 1)[-1] not in ("Z", "u", "v")]
        if not names:
            continue
        planes = {
            name: np.clip(np.nan_to_num(plane.astype(np.float32)), 0, 1)
            for name, plane in read_channels(header, part, names).channels.items()
        }
        layers = {
            name.rsplit(".", 1)[0]: plane for name, plane in planes.items() if "." in name and name.split(".")[0] not in ("confidence",)
        }
        if layers:
            return _Masks(layers, part.data_window)
        if "A" in planes:
            return _Masks({"mask": planes["A"]}, part.data_window)
        return _Masks({"mask" if len(planes) == 1 else name: plane for name, plane in planes.items()}, part.data_window)
    raise MaskUnreadable(f"The mask {path.name} in {path.parent} has no channels. Write one channel or layer for each object.")


def _listed(frames: tuple[int, ...]) -> str:
    return ", ".join(str(frame) for frame in frames[:8]) + (", ..." if len(frames) > 8 else "")
