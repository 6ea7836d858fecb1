"""Which channels of an EXR are the picture: R, G, B of the first part that has them, under whatever name the renderer gave them."""

from __future__ import annotations

from xmemcore.shot.files.exr import ExrHeader, ExrPart

PICTURE_LAYERS = ("", "rgba", "rgb", "main", "beauty", "combined", "c", "ci", "color", "rgb_color", "rgba_color")
"""In this order, in any case; the last word of a layer's dotted path counts (Blender: `ViewLayer.Combined.R`)."""

_COLOURS = {"r": 0, "red": 0, "g": 1, "green": 1, "b": 2, "blue": 2}


def rgb_of(header: ExrHeader) -> tuple[ExrPart, list[str]] | None:
    """Find the picture.

    In the first part that has one of them: the plain channels, else a layer with a name that renderers give the picture. Where no part
    has either: a layer that is named like its part, else the only layer with red, green and blue in the file.

    Returns:
        The part and its three channels' names; None when nothing in the file is plainly the picture.
    """
    layers = [(part, layer, names) for part in header.parts for layer, names in _coloured(part).items()]
    for part in header.parts:
        here = {layer.rpartition(".")[2].lower(): names for of, layer, names in reversed(layers) if of is part}
        for wanted in PICTURE_LAYERS:
            if wanted in here:
                return part, here[wanted]
    for part, layer, names in layers:
        if layer == part.name:
            return part, names
    return (layers[0][0], layers[0][2]) if len(layers) == 1 else None


def _coloured(part: ExrPart) -> dict[str, list[str]]:
    """Give the layers of a part that have red, green and blue, with the names of these channels."""
    found: dict[str, dict[int, str]] = {}
    for channel in part.channels:
        layer, _, last = channel.rpartition(".")
        if last.lower() in _COLOURS:
            found.setdefault(layer, {}).setdefault(_COLOURS[last.lower()], channel)
    return {layer: [names[place] for place in range(3)] for layer, names in found.items() if len(names) == 3}
