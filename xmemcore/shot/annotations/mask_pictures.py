"""Masks in PNG and its likes: index pictures, grey mattes, or an object in each of red, green and blue.

All files of a sequence together decide which of these it is, because a frame without any object looks the same in each.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from xmemcore.protocol.failures import RequestError
from xmemcore.shot.annotations.mask_files import in_layer_order, readable, require_size
from xmemcore.shot.files.pictures import read_stored
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
LABEL_COLOURS, LABELLED_SHARE = 16, 0.95
"""Where this share of a coloured mask's seen pixels has at most so many colours, the mask is flat: no edge is soft."""
LABEL_SHARE = 0.05
"""A colour is a label's when this share of the seen pixels has it, and it is neither full nor none of each object."""
LOOKED_AT = 8
"""Masks that are examined for labels; a shot may have one for every frame."""
HALF_SEEN = (8, 247)
"""Least and largest of the greys from 0 to 255 that are neither none nor full."""
INDICES, SMALL, GREYS, WHITE, COLOURED, ALPHA = "indices", "small numbers", "greys", "white alone", "colours", "an alpha"
"""What a file may hold."""
CLEAN_SHARE = 0.2
"""Share of pixels that belong wholly or not at all to each object. Where it is less, the file is a picture and no mask."""


@dataclass(frozen=True)
class _Picture:
    """One file, as stored."""

    pixels: np.ndarray
    """(H, W) or (H, W, C), unsigned, or float in [0, 1]."""
    palette: bool

    @property
    def colours(self) -> np.ndarray | None:
        """(H, W, 3) when red, green and blue differ anywhere."""
        if self.pixels.ndim == 2 or self.pixels.shape[2] < 3:
            return None
        first = self.pixels[..., 0]
        is_grey = all(np.array_equal(first, self.pixels[..., place]) for place in (1, 2))
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
        if kind is not None:
            self._holding.setdefault(kind, self._sequence.path(frame).name)
        self._palette |= picture.palette
        self._use_alpha |= picture.alpha is not None
        if colours is not None:
            self._coloured.update(name for place, name in enumerate(COLOURS) if colours[..., place].any())
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
            doubt = _doubt_of_grey(_in_unit(picture.grey)) if colours is None else _doubt_of(_in_unit(colours))
            if doubt is not None:
                return [f"The mask {self._sequence.path(frame).name} looks like {doubt}"]
        return []

    def _read(self, frame: int) -> _Picture:
        path = self._sequence.path(frame)
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
    # A palette in which every number is its own grey is a grey picture, as tools make of one.
    if stored.indices is not None and not all(np.array_equal(stored.pixels[..., place], stored.indices) for place in range(3)):
        return _Picture(stored.indices, True)
    if stored.indices is not None:
        return _Picture(stored.indices, False)
    planes = [stored.pixels[..., place] for place in range(stored.pixels.shape[2])] + ([] if stored.alpha is None else [stored.alpha])
    return _Picture(planes[0] if len(planes) == 1 else np.stack(planes, axis=-1), False)


INDEX_AS_RGB = (
    "an index mask saved as RGB: its colours count as amounts of a red, a green and a blue object. Save it with its palette, "
    "or each object at full strength in a channel of its own."
)
NO_MASK = "a picture, not a mask: red, green and blue count as an object each. Check the path of the masks."


INDEX_AS_GREY = (
    "an index mask saved as greys: they count as amounts of one object. Save the numbers themselves (1, 2, ...), or each object in white "
    "in files of its own."
)


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


def _doubt_of_grey(grey: np.ndarray) -> str | None:
    """Say what a mask of (H, W) in [0, 1] looks like, if not like an amount of one object."""
    levels = np.round(grey * 255).astype(np.int32)
    counts = np.bincount(levels.ravel(), minlength=256)[1:]
    if np.sort(counts)[-LABEL_COLOURS:].sum() < LABELLED_SHARE * counts.sum():
        return None
    # Inside of a label all neighbours are alike; on a soft edge none are.
    middle = levels[1:-1, 1:-1]
    alike = (middle == levels[:-2, 1:-1]) & (middle == levels[2:, 1:-1]) & (middle == levels[1:-1, :-2]) & (middle == levels[1:-1, 2:])
    inside = np.count_nonzero(alike & (middle >= HALF_SEEN[0]) & (middle <= HALF_SEEN[1]))
    return INDEX_AS_GREY if inside > LABEL_SHARE * counts.sum() else None


def _doubt_of(colours: np.ndarray) -> str | None:
    """Say what a mask of (H, W, 3) in [0, 1] looks like, if not like an object in each channel."""
    red, green, blue = (np.round(colours[..., place] * 31).astype(np.int32) for place in range(3))
    counts = np.bincount((red * 1024 + green * 32 + blue).ravel(), minlength=32**3)
    bins = np.arange(32**3)
    channels = np.stack((bins // 1024, bins // 32 % 32, bins % 32))
    clean = np.all((channels <= 1) | (channels >= 30), axis=0)
    if counts[clean].sum() < CLEAN_SHARE * counts.sum() and np.sort(counts)[-LABEL_COLOURS:].sum() < LABELLED_SHARE * counts.sum():
        return NO_MASK
    counts[0] = 0
    seen = counts.sum()
    flat = np.sort(counts)[-LABEL_COLOURS:].sum() >= LABELLED_SHARE * seen
    return INDEX_AS_RGB if flat and bool((counts[~clean] >= LABEL_SHARE * seen).any()) else None


def _top(pixels: np.ndarray) -> float:
    return float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind == "u" else 1.0


def _in_unit(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype.kind == "u":
        return pixels.astype(np.float32) / np.float32(_top(pixels))
    return np.clip(np.nan_to_num(pixels.astype(np.float32)), 0, 1)
