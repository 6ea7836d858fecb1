"""Masks in PNG and its likes: index pictures, grey mattes, or an object in each of red, green and blue.

All files of a sequence together decide which of these it is, because a frame without any object looks the same in each.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from xmemcore.protocol.failures import RequestError
from xmemcore.shot.annotations.mask_doubts import doubt_of_colours, doubt_of_grey, doubt_of_lossy_grey, is_soft
from xmemcore.shot.annotations.mask_files import in_layer_order, readable, require_size
from xmemcore.shot.files.pictures import read_stored
from xmemcore.shot.files.same_files import SameFiles
from xmemcore.shot.files.sequence import Sequence
from xmemcore.shot.plate.canvas import Canvas

VOID = 255
"""Index of pixels that nobody labelled, in DAVIS and its likes; an object of its own where it is the only index."""
LARGEST_GREY_INDEX = 32
"""Grey pictures whose values are all at most this (or void) hold indices: a matte that faint would be of no use."""
FAINT_MATTE = 0.25
"""Grey pictures that are nowhere brighter are doubted."""
MATTE = "mask"
"""Name of the one object of a grey sequence."""
COLOURS = ("red", "green", "blue")

MAX_VALUES = 1_000_000_000
"""Pixels times objects of a file: a hundred objects at 4K, some 20 s of processor time."""
LOSSY_CHROMA = 16
"""Red, green and blue of a grey pixel differ by so much at most after JPEG."""
LOOKED_AT = 8
"""Masks that are examined for labels; a shot may have one for every frame."""
INDICES, SMALL, GREYS, WHITE, COLOURED, ALPHA = "indices", "small numbers", "greys", "white alone", "colours", "an alpha"
"""What a file may hold."""


@dataclass(frozen=True)
class _Picture:
    """One file, as stored."""

    pixels: np.ndarray
    """(H, W) or (H, W, C), unsigned, or float in [0, 1]."""
    palette: bool
    lossy: bool = False

    @property
    def colours(self) -> np.ndarray | None:
        """(H, W, 3) when red, green and blue differ anywhere."""
        if self.pixels.ndim == 2 or self.pixels.shape[2] < 3:
            return None
        first, *others = (self.pixels[..., place] for place in range(3))
        if self.lossy:
            is_grey = all(int(np.abs(first.astype(np.int32) - other).max(initial=0)) <= LOSSY_CHROMA for other in others)
        else:
            is_grey = all(np.array_equal(first, other) for other in others)
        return None if is_grey else self.pixels[..., :3]

    @property
    def grey(self) -> np.ndarray:
        return self.pixels if self.pixels.ndim == 2 else self.pixels[..., 0]

    @property
    def has_alpha(self) -> bool:
        return self.pixels.ndim == 3 and self.pixels.shape[2] in (2, 4)

    @property
    def alpha(self) -> np.ndarray | None:
        """(H, W) when the file has an alpha that is not 1 everywhere."""
        if not self.has_alpha:
            return None
        alpha = self.pixels[..., -1]
        return None if np.all(alpha == _top(alpha)) else alpha


class PictureMasks:
    """Masks of picture files; see MaskFiles. Every file knows every object: one without a pixel is absent."""

    def __init__(self, sequence: Sequence, canvas: Canvas, needed: frozenset[int]) -> None:
        """Look through all files.

        Raises:
            RequestError: a file of a needed frame cannot be read, or the files are of several kinds.
        """
        self._sequence = sequence
        self._canvas = canvas
        self._same = SameFiles()
        # Neighbouring calls ask for the objects of one frame.
        self._picture = lru_cache(maxsize=2)(self._read)
        self._indices: set[int] = set()
        self._coloured: set[str] = set()
        self._largest_grey = 0
        self._brightest = 0.0
        self._palette = self._deep = self._use_alpha = self._any_grey = False
        self._holding: dict[str, str] = {}
        frames, self.warnings = readable(sequence.paths, needed, self._look)
        faint = not self._deep and not self._use_alpha and 0 < self._largest_grey <= LARGEST_GREY_INDEX
        self._indexed = self._palette or (faint and not self._coloured)
        self._require_one_kind()
        self.objects = self._names()
        width, height = canvas.display.width, canvas.display.height
        if len(self.objects) * width * height > MAX_VALUES:
            raise RequestError(
                f"The masks {sequence.pattern} have {len(self.objects)} objects of {width}x{height}; up to {MAX_VALUES // 10**6} million "
                "values are read. Label fewer objects, or save smaller masks with a smaller plate."
            )
        in_greys = self.objects == (MATTE,) and not self._use_alpha
        if in_greys and self._brightest < FAINT_MATTE:
            self.warnings += [
                f"The masks {Path(sequence.pattern).name} are nowhere brighter than {100 * self._brightest:.2g} % of white, as if their "
                "numbers were those of objects. Save such numbers as 8 bits, or each object in white."
            ]
        elif in_greys or self._coloured:
            self.warnings += self._doubts([frame for frame in frames if frame in needed])

    def known(self, frame: int) -> frozenset[str]:
        """Name every object."""
        return frozenset(self.objects)

    def mask(self, frame: int, name: str) -> np.ndarray:
        """Give an object's mask, (H, W) float32 of the canvas."""
        return self._canvas.placed(self._plane(self._picture(frame), name), self._canvas.display)

    def _plane(self, picture: _Picture, name: str) -> np.ndarray:
        if self._indexed:
            return (picture.grey == int(name)).astype(np.float32)
        if self._coloured:
            wide = picture.pixels if picture.pixels.ndim == 3 and picture.pixels.shape[2] >= 3 else None
            return _in_unit(picture.grey if wide is None else wide[..., COLOURS.index(name)])
        if self._use_alpha:
            alpha = picture.alpha
            if not picture.has_alpha:
                return _in_unit(picture.grey)
            # A file whose alpha is 1 everywhere shows the object everywhere.
            return np.ones(picture.pixels.shape[:2], np.float32) if alpha is None else _in_unit(alpha)
        return _in_unit(picture.grey)

    def _names(self) -> tuple[str, ...]:
        if self._indexed:
            objects = self._indices - {VOID} or self._indices
            return in_layer_order({str(index) for index in objects})
        if self._coloured:
            return tuple(name for name in COLOURS if name in self._coloured)
        return (MATTE,) if self._any_grey or self._use_alpha else ()

    def _require_one_kind(self) -> None:
        """Raise RequestError where some files would be read as what they are not, because others are of another kind."""
        kinds: tuple[str, ...] = ()
        if self._indexed:
            kinds = (INDICES if self._palette else SMALL, GREYS, WHITE, COLOURED, ALPHA)
        elif self._use_alpha and not self._coloured:
            kinds = (ALPHA, GREYS, WHITE, SMALL)
        # Small numbers beside indices are indices as well.
        found = [f"{self._holding[kind]} holds {kind}" for kind in kinds if kind in self._holding]
        if len(found) > 1 and kinds[0] in self._holding:
            raise RequestError(
                f"The masks {self._sequence.pattern} are of several kinds: {found[0]}, {found[1]}. Save all of them in one way."
            )

    def _look(self, frame: int) -> None:
        """Take note of what tells the kinds apart."""
        picture = self._read(frame)
        colours = picture.colours
        kind = _kind_of(picture)
        if kind == SMALL and picture.lossy:
            path = self._sequence.path(frame)
            raise RequestError(
                f"The mask {path.name} in {path.parent} is a JPEG of small numbers, as index masks have them, and JPEG does not keep "
                "numbers. Save index masks as PNG."
            )
        if kind is not None:
            self._holding.setdefault(kind, self._sequence.path(frame).name)
        self._palette |= picture.palette
        self._use_alpha |= picture.alpha is not None
        if colours is not None:
            # What JPEG spills into a colour that is not there stays below half of it.
            least = _top(colours) / 2 if picture.lossy else 0
            self._coloured.update(name for place, name in enumerate(COLOURS) if colours[..., place].max(initial=0) > least)
            return
        self._brightest = max(self._brightest, float(_in_unit(picture.grey).max(initial=0)))
        if picture.pixels.dtype.kind != "u" or picture.grey.max(initial=0) > np.iinfo(np.uint8).max:
            self._deep = True
            self._any_grey |= bool(picture.grey.any())
        else:
            # 16 bits may hold small numbers too.
            self._deep |= picture.pixels.dtype != np.uint8 and picture.grey.max(initial=0) > LARGEST_GREY_INDEX
            values = np.flatnonzero(np.bincount(picture.grey.ravel(), minlength=256))
            self._indices.update(int(value) for value in values if value)
            self._largest_grey = max(self._largest_grey, *(int(value) for value in values if value != VOID), 0)
            self._any_grey |= bool(values[-1])

    def _doubts(self, frames: list[int]) -> list[str]:
        """Say what a mask looks like, if not like one; the first that does speaks for all."""
        for frame in frames[:LOOKED_AT]:
            picture = self._picture(frame)
            colours = picture.colours
            of_grey = doubt_of_lossy_grey if picture.lossy else doubt_of_grey
            doubt = of_grey(_in_unit(picture.grey)) if colours is None else doubt_of_colours(_in_unit(colours))
            if doubt is not None:
                return [f"The mask {self._sequence.path(frame).name} looks like {doubt}"]
        return []

    def _read(self, frame: int) -> _Picture:
        path = self._sequence.path(frame)
        self._same.require(path, f"The mask {path.name} in {path.parent}")
        picture = _read(path)
        height, width = picture.pixels.shape[:2]
        require_size(path, width, height, self._canvas.display)
        return picture


def _read(path: Path) -> _Picture:
    try:
        stored = read_stored(path)
    except RequestError as error:
        text = str(error).replace("Render the frame again.", "Save it again, as PNG or EXR.")
        raise RequestError(f"The mask {text}" if text.startswith(path.name) else text) from error
    if stored.indices is not None:
        grey = stored.pixels[..., 0]
        is_grey = all(np.array_equal(grey, stored.pixels[..., place]) for place in range(1, stored.pixels.shape[2]))
        # A palette in which every number is its own grey is a grey picture, as tools make of one; others number the greys of a soft matte.
        same = is_grey and (np.array_equal(grey, stored.indices) or grey.dtype == np.uint8 and is_soft(grey))
        return _Picture(grey if same else stored.indices, not same)
    planes = [stored.pixels[..., place] for place in range(stored.pixels.shape[2])] + ([] if stored.alpha is None else [stored.alpha])
    return _Picture(planes[0] if len(planes) == 1 else np.stack(planes, axis=-1), False, stored.lossy)


def _kind_of(picture: _Picture) -> str | None:
    """Say what a file holds; None: nothing, as a file of every kind may."""
    if picture.palette:
        return INDICES if picture.pixels.any() else None
    if picture.colours is not None:
        return COLOURED
    if picture.alpha is not None:
        return ALPHA
    grey = picture.grey
    if not grey.any() or picture.has_alpha:
        return None
    largest = grey[grey != VOID].max(initial=0) if grey.dtype.kind == "u" else 1 + LARGEST_GREY_INDEX
    return GREYS if largest > LARGEST_GREY_INDEX else SMALL if largest else WHITE


def _top(pixels: np.ndarray) -> float:
    return float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind == "u" else 1.0


def _in_unit(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype.kind == "u":
        return pixels.astype(np.float32) / np.float32(_top(pixels))
    return np.clip(np.nan_to_num(pixels.astype(np.float32)), 0, 1)
