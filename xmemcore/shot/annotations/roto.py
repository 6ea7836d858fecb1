"""Roto as annotations: shapes evaluated on their keyframes, drawn on the canvas for the matte and at working size for the network."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.frames import counted
from xmemcore.protocol.results import OwnShape
from xmemcore.roto import EvaluatedShape, PixelGrid, Roto, RotoObject, drawn_hard, rasterise, read_roto
from xmemcore.roto.nuke_roto import HOW_TO_BAKE
from xmemcore.roto.shapes import NothingKeyed
from xmemcore.shot.annotations.annotations import network_mask_from_coverage, positions, require_computable
from xmemcore.shot.annotations.bit_masks import BitMask
from xmemcore.shot.files.box import Box
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.store.cache import digest

KEPT_MATTE_PIXELS = 20_000_000
"""Pixels of all mattes that stay in memory: 80 MB, nine mattes at 2K. The latest one stays at any size."""
KEPT_SHAPES = 8192
"""Objects at a frame that stay in memory, some kB each."""
SHOWN_NAMES = 5
GRID_PER_PIXEL = 997.3
"""Steps of the grid to which signatures round coordinates, about a thousand in a pixel. Artists' numbers and floats' round numbers lie off
its borders, so the last digit of a computation never decides to which side a coordinate is rounded."""
GRID_OFFSET = 0.31


class RotoAnnotations:
    """Every object is known on its own keyframes, or, when keyframes are named, on those; without a shape there it is absent."""

    def __init__(
        self,
        roto: Roto,
        canvas: Canvas,
        keyframes: Iterable[int] | None = None,
        objects: Iterable[str] | None = None,
        frames: Collection[int] | None = None,
    ) -> None:
        """Choose objects and keyframes.

        Args:
            roto: as read.
            canvas: what mattes are drawn on.
            keyframes: frames that count as annotated; None: those that the artist keyed.
            objects: names of those that count; None: all.
            frames: of the plate, its holes included; keys elsewhere are left out with a warning. None: every frame.

        Raises:
            RequestError.
        """
        warnings = [*roto.warnings, *_format_warning(roto, canvas)]
        self._canvas = canvas
        self._objects = _chosen(roto, objects)
        self.drawn = tuple(drawn.name for drawn in roto.objects)
        """Names of all objects of the roto, chosen or not."""
        self._matte = lru_cache(maxsize=max(KEPT_MATTE_PIXELS // (canvas.width * canvas.height), 1))(self._drawn)
        self._shapes = lru_cache(maxsize=KEPT_SHAPES)(self._evaluated)
        keyed = known = _known_frames(self._objects, keyframes)
        if frames is not None and keyframes is None:
            known, sentence = _on_plate(self._objects, known, frames)
            warnings += sentence
        known = [self._usable(obj, frames, warnings) for obj, frames in enumerate(known)]
        unkeyed = [drawn.name for drawn, frames in zip(self._objects, known) if not frames]
        if len(unkeyed) == len(known):
            raise _nothing_known(self._objects)
        # A shape whose keys were left out has its own sentence by now.
        warnings += _unkeyed_warning([drawn for drawn, frames in zip(self._objects, keyed) if not frames])
        if unkeyed:
            self._objects = [drawn for drawn, frames in zip(self._objects, known) if frames]
            self._shapes.cache_clear()  # positions have changed
        self._known = [frames for frames in known if frames]
        self._absent: dict[int, frozenset[int]] = {}
        self.objects = tuple(drawn.name for drawn in self._objects)
        self.originals = tuple(drawn.original or drawn.name for drawn in self._objects)
        self.keyframes = tuple(sorted(frozenset().union(*self._known)))
        self.warnings = (*warnings, *self._hidden_warnings())

    def known(self, frame: int) -> frozenset[int]:
        """Name the objects that are keyed at a frame, the absent ones included."""
        return frozenset(obj for obj, frames in enumerate(self._known) if frame in frames)

    def absent(self, frame: int) -> frozenset[int]:
        """Name the objects that visibility, opacity or lifetime hide at a frame, keyed there or not."""
        if frame not in self._absent:
            self._absent[frame] = frozenset(obj for obj, drawn in enumerate(self._objects) if drawn.absent(frame))
        return self._absent[frame]

    def uncounted(self) -> dict[str, list[int]]:
        """List the keys that were drawn and are none of those that count, by object; only objects that have any."""
        found = {drawn.name: sorted(set(drawn.keyframes) - known) for drawn, known in zip(self._objects, self._known)}
        return {name: frames for name, frames in found.items() if frames}

    def approved(self, frame: int) -> frozenset[int]:
        """Name no object: what is drawn needs no mark."""
        return frozenset()

    def matte(self, frame: int, obj: int) -> np.ndarray:
        """Draw a known object with feather, opacity, inversion and blending: (H, W) float32 of the canvas."""
        return self._matte(frame, obj).copy()

    def network_mask(
        self, frame: int, obj: int, working_size: tuple[int, int], resampling: str = "area", part: Box | None = None
    ) -> BitMask | None:
        """Draw a known object at working size, without feather and opacity.

        Args:
            frame: a keyframe of the object.
            obj: its position.
            working_size: height and width.
            resampling: of the plate; a raster made at working size needs none.
            part: of the canvas, in pixels counted from its corner, that is shown; None: all of it.

        Returns:
            None when the object is absent, or lies off the canvas.
        """
        shapes = self._shapes(frame, obj)
        if not shapes:
            return None
        drawn = drawn_hard(shapes, self.grid(working_size, part))
        mask = BitMask.of(network_mask_from_coverage(drawn.values), working_size, drawn.row, drawn.column)
        return mask if mask.pixels else None

    def shapes(self, frame: int, obj: int) -> tuple[EvaluatedShape, ...]:
        """Give an object's shapes at a frame, from bottom to top; none: it is absent."""
        return self._shapes(frame, obj)

    def own(self, start: int, frame: int, obj: int, shapes: Sequence[EvaluatedShape]) -> list[OwnShape]:
        """Bring shapes of one frame, which were moved, into their node's coordinates at another; [] where there is no node."""
        own_shapes = self._objects[obj].own
        return [] if own_shapes is None else own_shapes(start, frame, shapes)

    def signature(self, frame: int, obj: int) -> str:
        """Hash a known object's shapes and their attributes at a frame."""
        return digest(*(part for shape in self._shapes(frame, obj) for part in _parts(shape)))

    def _usable(self, obj: int, frames: frozenset[int], warnings: list[str]) -> frozenset[int]:
        """Leave out the frames on which a shape of the object lies nowhere: what is left would not be the object."""
        lost = sorted(frame for frame in frames if not all(_is_somewhere(shape) for shape in self._shapes(frame, obj)))
        if lost:
            name = self._objects[obj].name
            nothing = "" if frames.difference(lost) else f"; nothing is left of {name}"
            warnings.append(
                f"A shape of {name} lies at infinity on {counted(lost)}, and {name} is not taken as drawn there{nothing}. "
                "Check its transforms."
            )
        return frames.difference(lost)

    def _hidden_warnings(self) -> Iterable[str]:
        """Name the frames that are drawn and hidden."""
        for obj, drawn in enumerate(self._objects):
            hidden = sorted(frame for frame in self._known[obj].intersection(drawn.keyframes) if obj in self.absent(frame))
            if hidden:
                where = f"{drawn.name} is drawn on {counted(hidden)}"
                yield f"{where}, but hidden there by visibility, opacity or lifetime: its matte is empty."

    def _evaluated(self, frame: int, obj: int) -> tuple[EvaluatedShape, ...]:
        return tuple(self._objects[obj].at(frame))

    def _drawn(self, frame: int, obj: int) -> np.ndarray:
        return rasterise(self._shapes(frame, obj), self.grid((self._canvas.height, self._canvas.width)))

    def grid(self, size: tuple[int, int], part: Box | None = None) -> PixelGrid:
        """Lay pixels over the canvas, or a part of it counted from its corner. The roto's origin is the lower left corner of the format,
        EXR's the upper left one of the world."""
        box, display = self._canvas.box, self._canvas.display
        box = box if part is None else part.moved(box.x0, box.y0)
        height, width = size
        return PixelGrid(width, height, box.x0 - display.x0, display.y1 - box.y1, box.width / width, box.height / height)


def open_roto(
    path: str | Path,
    canvas: Canvas,
    node: str | None = None,
    keyframes: Iterable[int] | None = None,
    objects: Iterable[str] | None = None,
    frames: Collection[int] | None = None,
) -> RotoAnnotations:
    """Read a roto file as annotations, of all its objects only where they are few enough; raises what `read_roto` and `RotoAnnotations`
    raise."""
    count = partial(require_computable, source=path) if objects is None else None
    return RotoAnnotations(read_roto(path, node, count), canvas, keyframes, objects, frames)


def _chosen(roto: Roto, names: Iterable[str] | None) -> list[RotoObject]:
    objects = list(roto.objects)
    return objects if names is None else [objects[place] for place in positions(names, [drawn.name for drawn in objects])]


def _known_frames(objects: list[RotoObject], keyframes: Iterable[int] | None) -> list[frozenset[int]]:
    if keyframes is None:
        return [frozenset(drawn.keyframes) if drawn.unknown is None else frozenset() for drawn in objects]
    wanted = frozenset(keyframes)
    if all(drawn.unknown is not None for drawn in objects):
        raise _nothing_known(objects)
    known = [frozenset(frame for frame in wanted if drawn.has(frame)) for drawn in objects]
    missing = sorted(wanted - frozenset().union(*known))
    if missing:
        recorded = sorted(frozenset().union(*(drawn.frames or frozenset() for drawn in objects)))
        raise RequestError(
            f"The roto holds nothing for frame {', '.join(map(str, missing))}; it has {', '.join(map(str, recorded[:20]))}. "
            "Export it again with these keyframes."
        )
    return known


def _is_somewhere(shape: EvaluatedShape) -> bool:
    return bool(np.isfinite(shape.points).all() and (shape.feather is None or np.isfinite(shape.feather).all()))


def _format_warning(roto: Roto, canvas: Canvas) -> Iterable[str]:
    drawn_for, plate = roto.format, canvas.display
    if drawn_for is not None and drawn_for.width > 0 and (drawn_for.width, drawn_for.height) != (plate.width, plate.height):
        yield (
            f"The roto's format is {drawn_for.width}x{drawn_for.height}, the plate's {plate.width}x{plate.height}; "
            "shapes stay where their pixels are, counted from the lower left corner."
        )


def _on_plate(objects: list[RotoObject], known: list[frozenset[int]], frames: Collection[int]) -> tuple[list[frozenset[int]], list[str]]:
    """Leave out keys that have no plate frame; raises RequestError when none is left."""
    on_plate = [keys.intersection(frames) for keys in known]
    all_keyed, left = sorted(frozenset().union(*known)), frozenset().union(*on_plate)
    off = [frame for frame in all_keyed if frame not in left]
    if not off:
        return known, []
    present = f"{min(frames)}-{max(frames)}"
    if not left:
        raise RequestError(
            f"No key of the roto is on the plate, which has {present}: keys are on {counted(off)}. Check the plate's numbers."
        )
    gone = [drawn.name for drawn, before, after in zip(objects, known, on_plate) if before and not after]
    lost = f"; nothing is left of {', '.join(gone[:SHOWN_NAMES])}" if gone else ""
    return on_plate, [f"Keys of the roto on {counted(off)} are not on the plate, which has {present}, and are left out{lost}."]


def _nothing_known(objects: list[RotoObject]) -> RequestError:
    hanging = [drawn for drawn in objects if drawn.unknown is not None]
    names = ", ".join(drawn.name for drawn in objects[:SHOWN_NAMES])
    if hanging:
        return RequestError(f"No shape of the roto is known ({names}): {hanging[0].name} hangs on {hanging[0].unknown}. {HOW_TO_BAKE}")
    return NothingKeyed(f"No shape of the roto has a key ({names}). Key one on at least one frame, or name the keyframes to use.")


def _unkeyed_warning(objects: list[RotoObject]) -> Iterable[str]:
    names = [drawn.name for drawn in objects if drawn.unknown is None]
    if names:
        yield f"These shapes have no key and are left out: {', '.join(names[:10])}. Key them, or name the keyframes to use."
    names = [drawn.name for drawn in objects if drawn.unknown is not None]
    if names:
        yield f"These shapes are left out, because they hang on what is not known: {', '.join(names[:10])}."


def _parts(shape: EvaluatedShape) -> Iterable[bytes]:
    """Give a shape as bytes that are the same however it was evaluated."""
    yield f"{shape.closed} {shape.inverted} {shape.blending} {shape.feather_type}".encode()
    numbers = np.array([shape.opacity, shape.feather_falloff])
    for values in (numbers, shape.points, shape.feather, shape.widths):
        yield b"" if values is None else _rounded(values)


def _rounded(values: np.ndarray) -> bytes:
    return np.floor(np.clip(np.nan_to_num(values), -1e12, 1e12) * GRID_PER_PIXEL + GRID_OFFSET).astype("<i8").tobytes()
