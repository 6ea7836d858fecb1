"""Masks in EXR: one layer or one channel for each object, soft values kept; mattes that we wrote are read back under the artist's names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.matte_header import LAYER, SIGNATURE
from xmemcore.protocol.names import ORIGINAL_NAME
from xmemcore.shot.annotations.mask_doubts import doubt_of_colours
from xmemcore.shot.annotations.mask_files import in_layer_order, readable, require_size
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.exr import ExrHeader, ExrPart, read_bands, read_header
from xmemcore.shot.files.layers import Layer
from xmemcore.shot.files.same_files import SameFiles
from xmemcore.shot.files.sequence import Sequence
from xmemcore.shot.plate.canvas import Canvas

MATTE = "mask"
"""Name of the object of a file that has a plain alpha, or one picture of equal red, green and blue."""
COLOURS = ("R", "G", "B")
PLAIN_LAYERS = ("", "rgba", "rgb", "main")
"""Layers, and names of parts, that hold the picture itself."""
OTHER_LAYERS = ("confidence", "depth", "motion", "forward", "backward")
OTHER_CHANNELS = ("Z", "ZBack")
MAX_SAMPLES = 500_000_000
"""Values of a file's masks: fifty objects at 4K."""
LARGEST_ID = 2**24
"""Above it, single precision cannot count."""
ALPHAS = ("A", "a", "alpha", "Alpha")
_CRYPTOMATTE_NAME = re.compile(r"cryptomatte/[^/]+/name\Z")
_CRYPTOMATTE_LAYER = re.compile(r"(?:.*\.)?u?crypto\w*\d\d", re.IGNORECASE)
"""Names that renderers give the layers of Cryptomattes, whose numbers are ids."""


@dataclass(frozen=True)
class _Place:
    """Where a file keeps an object."""

    part: ExrPart
    channel: str


class ExrMasks:
    """Masks of EXR files; see MaskFiles. A file knows the objects that it has a layer for: no layer says nothing, an empty one absent."""

    def __init__(self, sequence: Sequence, canvas: Canvas, needed: frozenset[int]) -> None:
        """Look through all headers.

        Raises:
            RequestError: a file of a needed frame cannot be read or has no mask.
        """
        self._sequence = sequence
        self._canvas = canvas
        self._same = SameFiles()
        self._files: dict[int, tuple[ExrHeader, dict[str, _Place]]] = {}
        self._frame = lru_cache(maxsize=1)(self._read)
        frames, self.warnings = readable(sequence.paths, needed, self._look)
        self._leave_full_alphas([frame for frame in frames if frame in needed])
        self._join_equal_colours([frame for frame in frames if frame in needed])
        self.objects = in_layer_order({name for _, places in self._files.values() for name in places})

    def known(self, frame: int) -> frozenset[str]:
        """Name the objects that a frame's file has."""
        return frozenset(self._files[frame][1])

    def mask(self, frame: int, name: str) -> np.ndarray:
        """Give an object's mask, (H, W) float32 of the canvas."""
        return self._plane(frame, name).astype(np.float32)

    def _look(self, frame: int) -> None:
        path = self._sequence.path(frame)
        self._same.require(path, f"The mask {path.name} in {path.parent}")
        header = read_header(path)
        require_size(path, header.display_window.width, header.display_window.height, self._canvas.display)
        places = _places(header)
        if not places:
            does = "Write one channel or layer for each object."
            if any(_is_cryptomatte(header, channel) for part in header.parts for channel in part.channels):
                does = "Its Cryptomatte holds ids: pick the objects in Nuke's Cryptomatte node, and write a matte for each."
            raise RequestError(f"The mask {path.name} in {path.parent} has no mask channel. {does}")
        self._files[frame] = header, places

    def _leave_full_alphas(self, frames: list[int]) -> None:
        """Take what lies beside an alpha that is 1 everywhere on all needed frames: such an alpha shows nothing."""
        beside = {frame: _beside_alpha(places[MATTE]) for frame, (_, places) in self._files.items() if set(places) == {MATTE}}
        full = frames and all(beside.get(frame) and self._in_format(frame, MATTE).min() == 1 for frame in frames)
        for frame, places in beside.items() if full else ():
            if places:
                self._files[frame] = self._files[frame][0], places
        self._frame.cache_clear()

    def _join_equal_colours(self, frames: list[int]) -> None:
        """Take red, green and blue for one object when they are equal on every needed frame."""
        coloured = [frame for frame in frames if set(self._files[frame][1]) == set(COLOURS)]
        if not coloured or len(coloured) < len(frames):
            return
        for frame in coloured:
            red, green, blue = (self._plane(frame, name) for name in COLOURS)
            if not (np.array_equal(red, green) and np.array_equal(red, blue)):
                doubt = doubt_of_colours(np.stack([self._in_format(frame, name) for name in COLOURS], axis=-1).astype(np.float32))
                if doubt is not None:
                    self.warnings.append(f"The mask {self._sequence.path(frame).name} looks like {doubt}")
                return
        for frame, (header, places) in self._files.items():
            if set(places) == set(COLOURS):
                self._files[frame] = header, {MATTE: places["R"]}
        self._frame.cache_clear()

    def _plane(self, frame: int, name: str) -> np.ndarray:
        """Give half (H, W) of the canvas: what mattes are written in."""
        return self._frame(frame)[name].placed(Box(0, 0, self._canvas.width, self._canvas.height))

    def _in_format(self, frame: int, name: str) -> np.ndarray:
        display, box = self._canvas.display, self._canvas.box
        return self._plane(frame, name)[display.y0 - box.y0 : display.y1 - box.y0, display.x0 - box.x0 : display.x1 - box.x0]

    def _read(self, frame: int) -> dict[str, Layer]:
        """Read all objects of a frame at once: every channel of a file is decompressed, whichever is asked for."""
        header, places = self._files[frame]
        self._same.require(header.path, f"The mask {header.path.name} in {header.path.parent}")
        display, file_display = self._canvas.display, header.display_window
        objects = {name: Layer(cut_faint=False) for name in places}
        for part in header.parts:
            channel_of = {name: place.channel for name, place in places.items() if place.part is part}
            if not channel_of:
                continue
            if len(channel_of) * part.data_window.width * part.data_window.height > MAX_SAMPLES:
                raise RequestError(
                    f"The mask {header.path.name} in {header.path.parent} has {len(channel_of)} objects of {part.data_window.width}x"
                    f"{part.data_window.height}; up to {MAX_SAMPLES // 10**6} million values are read. Write fewer objects into one file."
                )
            whole = {plane.name for plane in part.planes if plane.kind == "uint"}
            window = part.data_window.moved(
                display.x0 - file_display.x0 - self._canvas.box.x0, display.y0 - file_display.y0 - self._canvas.box.y0
            )
            seen = window.intersection(Box(0, 0, self._canvas.width, self._canvas.height))
            for top, channels in read_bands(header, part, dict.fromkeys(channel_of.values())):
                for name, channel in channel_of.items():
                    values = np.nan_to_num(channels[channel].astype(np.float32))
                    if values.max(initial=0) > 1 and (channel in whole or _counts(values)):
                        raise _ids(header, channel, float(values.max()))
                    first, stop = max(window.y0 + top, seen.y0), min(window.y0 + top + len(values), seen.y1)
                    if first < stop and not seen.empty:
                        rows = values[first - window.y0 - top : stop - window.y0 - top, seen.x0 - window.x0 : seen.x1 - window.x0]
                        objects[name].add(first, np.clip(rows, 0, 1), seen.x0)
        return objects


def _counts(values: np.ndarray) -> bool:
    """Say whether values over 1 are several whole numbers, as ids are; a matte of 255 alone is a matte, and infinity no number."""
    return values.max() < LARGEST_ID and np.array_equal(values, np.round(values)) and len(np.unique(values[values > 0])) > 1


def _ids(header: ExrHeader, channel: str, largest: float) -> RequestError:
    return RequestError(
        f"Channel {channel} of the mask {header.path.name} in {header.path.parent} holds whole numbers up to {largest:.0f}, as ids do. "
        "Write one channel or layer for each object, or an index PNG."
    )


def _places(header: ExrHeader) -> dict[str, _Place]:
    """Find an object in each layer that is no picture; without layers, in each channel that is none; else in the alpha or the colours."""
    layers: dict[str, dict[str, _Place]] = {}
    # Our mattes have passes beside the objects' layers.
    ours = SIGNATURE in header.metadata
    for part in header.parts:
        for channel in part.channels:
            if ours and not channel.endswith(LAYER) and channel != "A" or _is_cryptomatte(header, channel):
                continue
            layer, _, last = channel.rpartition(".")
            # A part of its own is a layer, too.
            layer = layer or (part.name if len(header.parts) > 1 else "")
            if layer in PLAIN_LAYERS:
                layers.setdefault("", {}).setdefault(last, _Place(part, channel))
            elif layer.split(".")[0] not in OTHER_LAYERS:
                layers.setdefault(layer, {}).setdefault(last, _Place(part, channel))
    plain = {last: place for last, place in layers.pop("", {}).items() if last not in OTHER_CHANNELS}
    if layers:
        return {name: place for layer, channels in layers.items() for name, place in _of_layer(header, layer, channels).items()}
    named = {last: place for last, place in plain.items() if last not in (*COLOURS, *ALPHAS, "Y")}
    if named:
        return named
    for single in (*ALPHAS, "Y"):
        if single in plain:
            return {MATTE: plain[single]}
    return {MATTE: next(iter(plain.values()))} if len(plain) == 1 else plain


def _beside_alpha(place: _Place) -> dict[str, _Place]:
    """Name the objects of a file whose alpha is to be left out: its colours, or its luminance."""
    layer, _, last = place.channel.rpartition(".")
    if last not in ALPHAS:
        return {}
    plain = {name: f"{layer}.{name}" if layer else name for name in (*COLOURS, "Y")}
    found = {name: _Place(place.part, channel) for name, channel in plain.items() if channel in place.part.channels}
    return {name: found[name] for name in COLOURS} if set(COLOURS) <= set(found) else {MATTE: found["Y"]} if "Y" in found else {}


def _is_cryptomatte(header: ExrHeader, channel: str) -> bool:
    layer = channel.rpartition(".")[0]
    named = [str(value) for key, value in header.metadata.items() if _CRYPTOMATTE_NAME.search(key)]
    return bool(_CRYPTOMATTE_LAYER.fullmatch(layer)) or any(re.fullmatch(re.escape(name) + r"\d\d", layer) for name in named)


def _of_layer(header: ExrHeader, layer: str, channels: dict[str, _Place]) -> dict[str, _Place]:
    name = str(header.metadata.get(f"{ORIGINAL_NAME}{layer}", layer))
    for alpha in ALPHAS:
        if alpha in channels:
            return {name: channels[alpha]}
    if len(channels) == 1:
        return {name: next(iter(channels.values()))}
    return {f"{name}.{last}": place for last, place in channels.items()}
