"""EXR plates: find the channels and the view of the picture, and the colour that a file's metadata tell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xmemcore.protocol.failures import RequestError
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.exr import ExrHeader, ExrPart, read_channels, read_header
from xmemcore.shot.files.exr_layout import MAGIC
from xmemcore.shot.plate.gamut import ACES_AP0, ALEXA_WIDE_GAMUT_3, AP1, ARRI_WIDE_GAMUT_4, P3_D65, REC_709, REC_2020, S_GAMUT_3_CINE, Gamut
from xmemcore.shot.plate.reader import FrameHeader

PICTURE_LAYERS = ("", "rgba", "rgb", "main", "beauty", "combined", "c", "ci", "color", "rgb_color", "rgba_color")
"""Layers that hold the picture, the preferred one first. Case does not matter. Of a layer's dotted path the last word counts (Blender:
`ViewLayer.Combined.R`)."""

_COLOURS = {"r": 0, "red": 0, "g": 1, "green": 1, "b": 2, "blue": 2}

_SAME_PRIMARY = 2e-3
"""Chromaticities are written with three digits, rounded in one way or another."""

_GAMUTS: tuple[tuple[str, Gamut, str], ...] = (
    ("ACEScg (AP1)", AP1, "--colorspace acescg"),
    ("ACES2065-1 (AP0)", ACES_AP0, "--colorspace ocio:ACES2065-1"),
    ("Rec.2020", REC_2020, "--colorspace ocio:NAME with the space's name"),
    ("P3-D65", P3_D65, "--colorspace ocio:NAME with the space's name"),
    ("ARRI Wide Gamut 3", ALEXA_WIDE_GAMUT_3, "--colorspace ocio:NAME with the space's name"),
    ("ARRI Wide Gamut 4", ARRI_WIDE_GAMUT_4, "--colorspace ocio:NAME with the space's name"),
    ("S-Gamut3.Cine", S_GAMUT_3_CINE, "--colorspace ocio:NAME with the space's name"),
)


@dataclass(frozen=True)
class _Layer:
    """Three channels that may be the picture."""

    part: ExrPart
    view: str
    """Name of the view; empty where the file names none."""
    layer: str
    """Name of the layer, without the view."""
    names: list[str]
    """Channels for red, green and blue; the same three times for a grey picture."""


class ExrPlates:
    """Read EXR frames; see PlateReader."""

    def recognises(self, content: bytes) -> bool:
        """Say whether these first bytes are an EXR's."""
        return content.startswith(MAGIC)

    def header(self, path: Path, view: str | None) -> FrameHeader:
        """Read a frame's header.

        Raises:
            RequestError.
        """
        header = read_header(path)
        picture, notes = _picture(header, view)
        if any(plane.kind == "uint" for plane in picture.part.planes if plane.name in picture.names):
            notes.append(
                f"{', '.join(dict.fromkeys(picture.names))} of the plate hold whole numbers, as ids do; 1 counts as white. "
                "If they are levels, render them as half."
            )
        return FrameHeader(
            header.display_window,
            picture.part.data_window,
            header.pixel_aspect,
            "linear",
            view or picture.view or _part_of_several(header, picture),
            tuple(notes),
            _colour_hint(header),
            picture.layer.lower(),
        )

    def read(self, path: Path, view: str | None) -> tuple[list[np.ndarray], Box]:
        """Read red, green and blue as stored, and where they are.

        Raises:
            RequestError.
        """
        header = read_header(path)
        picture, _ = _picture(header, view)
        image = read_channels(header, picture.part, dict.fromkeys(picture.names))
        return [image.channels[name] for name in picture.names], image.data_window


def _picture(header: ExrHeader, view: str | None) -> tuple[_Layer, list[str]]:
    """Find the picture, and say which others there were."""
    layers = list(_layers(header))
    views = list(dict.fromkeys(layer.view for layer in layers if layer.view))
    parts = [part.name for part in header.parts if part.name]
    notes: list[str] = []
    if view is not None:
        chosen = (
            [layer for layer in layers if layer.view.lower() == view.lower()]
            or [layer for layer in layers if layer.part.name.lower() == view.lower()]
            or [layer for layer in layers if layer.layer.lower() == view.lower()]
        )
        if not chosen:
            choices = f"the views {_listed(views)}" if views else f"the parts {_listed(parts)}" if len(parts) > 1 else "one view only"
            named = [layer.layer for layer in layers if layer.layer]
            choices += f", with the layers {_listed(named)}" if named else ""
            raise RequestError(f"{header.path.name} has no view {view!r}; it has {choices}. Name one of these with --view, or none.")
        layers = chosen
    elif len(views) > 1:
        notes.append(f"The plate has the views {_listed(views)}; {views[0]} is used. Choose another one with --view.")
        layers = [layer for layer in layers if layer.view in ("", views[0])]
    picture = _best(layers)
    if picture is None:
        raise RequestError(_nothing_plain(header))
    if view is None and len(views) < 2:
        guessed = _last(picture.layer) not in PICTURE_LAYERS
        others = [layer for layer in layers if layer.part is not picture.part and (guessed or layer.layer == picture.layer)]
        rivals = list(dict.fromkeys(layer.part.name for layer in others))
        if rivals and _last(picture.part.name) not in PICTURE_LAYERS[1:]:
            name = picture.part.name
            notes.append(
                f"The plate's parts {_listed([name, *rivals])} all have a picture; {name} is used. Choose another one with --view."
            )
    return picture, notes


def _part_of_several(header: ExrHeader, picture: _Layer) -> str | None:
    """Name the picture's part where others have such a picture too: every frame of the plate is to be read from this part."""
    others = any(layer.layer == picture.layer and layer.part is not picture.part for layer in _layers(header))
    return picture.part.name or None if others else None


def _best(layers: list[_Layer]) -> _Layer | None:
    """Choose the picture.

    In the first part that has one of them: the plain channels, else a layer with a name that renderers give the picture. Where no part
    has either: a layer that is named like its part, else the only layer with red, green and blue in the file. A part's only channel Y
    is a grey picture.
    """
    for part in dict.fromkeys(layer.part for layer in layers):
        of_part = {_last(layer.layer): layer for layer in reversed(layers) if layer.part is part}
        for wanted in PICTURE_LAYERS:
            if wanted in of_part:
                return of_part[wanted]
    for layer in layers:
        if layer.layer == layer.part.name:
            return layer
    return layers[0] if len(layers) == 1 else None


def _layers(header: ExrHeader) -> Iterator[_Layer]:
    """Give the layers that have red, green and blue; where there is none, those that have a luminance alone."""
    coloured = [layer for part in header.parts for layer in _coloured(header, part)]
    yield from coloured
    if coloured:
        return
    for part in header.parts:
        for channel in part.channels:
            path, _, last = channel.rpartition(".")
            view, layer = _view_and_layer(header, part, path)
            # Beside an X it is a part of a vector, as positions are.
            more = {f"{channel[:-1]}{name}" for name in ("RY", "BY", "X")}
            if last == "Y" and _last(layer) in PICTURE_LAYERS and not more & set(part.channels):
                yield _Layer(part, view, layer, [channel] * 3)


def _coloured(header: ExrHeader, part: ExrPart) -> Iterator[_Layer]:
    found: dict[tuple[str, str], dict[int, str]] = {}
    for channel in part.channels:
        path, _, last = channel.rpartition(".")
        if last.lower() in _COLOURS:
            found.setdefault(_view_and_layer(header, part, path), {}).setdefault(_COLOURS[last.lower()], channel)
    for (view, layer), names in found.items():
        if len(names) == 3:
            yield _Layer(part, view, layer, [names[place] for place in range(3)])


def _view_and_layer(header: ExrHeader, part: ExrPart, layer: str) -> tuple[str, str]:
    """Tell a view in a layer's name from the layer, as multiView says: `left`, `beauty.left`."""
    views = header.layout.views
    if part.view or not views:
        return part.view, layer
    before, _, last = layer.rpartition(".")
    if last in views:
        return last, before
    # Channels without a view in their name belong to the first one; so do layers, unless their name says otherwise.
    return views[0], layer


def _nothing_plain(header: ExrHeader) -> str:
    channels = [name for part in header.parts for name in part.channels]
    if any(name.rpartition(".")[2] in ("RY", "BY") for name in channels):
        return f"{header.path.name} stores luminance and chroma (Y, RY, BY), which is not read. Render R, G, B."
    if len({_COLOURS[name.lower()] for name in channels if name.lower() in _COLOURS}) == len("RGB"):
        return f"{header.path.name} has R, G and B in parts of their own, which are not put together. Render them into one part."
    deep = "; its deep parts have no single image" if header.has_deep_parts else ""
    listed = ", ".join(channels) or "none"
    return f"{header.path.name} has no channels R, G, B; it has {listed[:200]}{deep}. Render rgb, or choose a layer with --view."


def _colour_hint(header: ExrHeader) -> str | None:
    """Name a file's primaries, when they are not Rec.709's."""
    primaries = header.chromaticities
    if (
        primaries is None
        or not all(math.isfinite(value) for value in primaries)
        or not any(primaries)
        or _has_primaries(primaries, REC_709)
    ):
        return None
    for name, gamut, option in _GAMUTS:
        if _has_primaries(primaries, gamut):
            return f"The plate's header names the primaries of {name}, but it is read as linear Rec.709. Say {option}."
    return (
        "The plate's header names primaries other than Rec.709's, but it is read as linear Rec.709. "
        "Name its colour space with --colorspace, or convert it."
    )


def _has_primaries(chromaticities: tuple[float, ...], gamut: Gamut) -> bool:
    wanted = (*gamut.red, *gamut.green, *gamut.blue, *gamut.white)
    return all(abs(place - other) <= _SAME_PRIMARY for place, other in zip(chromaticities, wanted, strict=True))


def _last(layer: str) -> str:
    return layer.rpartition(".")[2].lower()


def _listed(names: Iterable[str]) -> str:
    names = [name[:60] for name in names]
    shown = names[:10] if len(names) <= 10 else [*names[:9], "..."]
    return " and ".join((", ".join(shown[:-1]), shown[-1])) if len(shown) > 1 else "".join(shown)
