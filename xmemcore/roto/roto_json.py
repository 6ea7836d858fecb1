"""The roto JSON, version 1: shapes that are evaluated already, as `fit` writes them, and the plugin did before 0.3.0.

    {"version": 1, "format": [w, h, pixel_aspect], "objects": [{"name": "sleeve", "hidden": "1010-1032", "frames": {"1001": {"shapes": [
       {"points": [[[x,y],[in_x,in_y],[out_x,out_y]], ...], "feather": [[...]] | null, "closed": true, "opacity": 1.0,
        "inverted": false, "blending": "over", "feather_falloff": 1.0}]}}}]}

Pixels of the plate's format, y up; shapes from bottom to top; tangents relative to their point; feather points relative
to the main point, overall feather already added; `shapes: []` says absent. Three keys may be left out: "feather_type"
(linear), of an open shape "widths" (10 pixels at every point), and "hidden", frames on which nothing shows the object, keyed or not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from xmemcore.curves.objects import unique
from xmemcore.curves.script import Format
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.frames import FrameRange, FrameRangeInvalid
from xmemcore.protocol.outside import NotUsable, number, parse_json, short, whole_number
from xmemcore.protocol.roto_values import BLENDING, FEATHER_TYPES
from xmemcore.roto.coverage import FAR_PIXELS
from xmemcore.roto.shapes import EvaluatedShape, Roto, RotoObject

VERSION = 1
FRAME = re.compile(r"-?[0-9]{1,9}")
LARGEST_SIDE = 1_000_000
"""Largest side of a format; far more than any camera or projection has."""
LARGEST_ASPECT = 1000.0
LARGEST_VALUE = 1e6
"""Largest opacity or falloff that is read; both are cut to their range where they are used."""


def parse(text: str, source: str) -> Roto:
    """Read a roto JSON.

    Args:
        text: JSON.
        source: where it came from, for errors.

    Raises:
        RequestError.
    """
    try:
        # NaN is refused below, where the shape can be named.
        content = parse_json(text, finite=False)
    except NotUsable as error:
        raise RequestError(f"{source} is no roto JSON: {error}. Export the roto again.") from error
    if not isinstance(content, dict) or "version" not in content:
        raise RequestError(f"{source} is no roto JSON: it has no version. Export the roto from Nuke.")
    if content["version"] != VERSION or isinstance(content["version"], bool):
        raise RequestError(
            f"{source} is roto JSON of version {short(content['version'])}; this program reads {VERSION}. "
            "Bring plugin and core to one release."
        )
    try:
        image_format = _format(content["format"])
        listed = _list(content["objects"], "objects")
        originals = [_text(_mapping(entry, "an object")["name"]) for entry in listed]
        if not originals:
            raise ValueError("it has no object")
        objects = tuple(
            _object(name, original, _mapping(entry["frames"], f"the frames of '{name}'"), _hidden(name, entry.get("hidden")))
            for name, original, entry in zip(unique(originals), originals, listed)
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        missing = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise RequestError(f"{source} is no roto JSON of version {VERSION}: {missing}. Export the roto again from Nuke.") from error
    return Roto(objects, image_format, _warnings(objects))


def write(
    roto: Roto,
    frames: Mapping[str, Iterable[int]] | None = None,
    image_format: Format | None = None,
    plate: Iterable[int] = (),
) -> str:
    """Write a roto as JSON.

    Args:
        roto: evaluated at the frames.
        frames: frames of each object by name; None: its keyframes.
        image_format: when the roto does not know its own.
        plate: frames of the plate, of which those are written that the roto hides an object on.
    """
    shown = roto.format or image_format or Format(0, 0, 1.0)
    objects = [
        {
            "name": obj.name,
            **_hidden_of(obj, plate),
            "frames": {
                str(frame): {"shapes": [_json_of(shape) for shape in obj.at(frame)]}
                for frame in sorted(frames.get(obj.name, ()) if frames is not None else obj.keyframes)
            },
        }
        for obj in roto.objects
    ]
    return json.dumps({"version": VERSION, "format": [shown.width, shown.height, shown.pixel_aspect], "objects": objects})


def _warnings(objects: Iterable[RotoObject]) -> tuple[str, ...]:
    """Name the objects with open shapes that do not say how wide they are."""
    unsaid = [obj.name for obj in objects if any(not s.closed and s.widths is None for frame in obj.keyframes for s in obj.at(frame))]
    return (f"Open splines without a width are drawn as bands of 10 pixels: {', '.join(unsaid)}.",) if unsaid else ()


def _format(content: Any) -> Format:
    if not isinstance(content, list) or len(content) != 3:
        raise ValueError("the format is [width, height, pixel aspect]")
    width, height = (whole_number(value, "a side of the format", 0, LARGEST_SIDE) for value in content[:2])
    return Format(width, height, number(content[2], "the pixel aspect", 1 / LARGEST_ASPECT, LARGEST_ASPECT))


def _list(content: Any, subject: str) -> list[Any]:
    if not isinstance(content, list):
        raise ValueError(f"{subject} should be a list")
    return content


def _mapping(content: Any, subject: str) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise ValueError(f"{subject} should be an object in braces")
    return content


def _hidden(name: str, content: Any) -> frozenset[int]:
    """Read the frames on which nothing shows an object; raises ValueError."""
    if content is None:
        return frozenset()
    try:
        return frozenset(FrameRange.parse(_text(content)))
    except (FrameRangeInvalid, ValueError) as error:
        raise ValueError(f"where '{name}' is hidden, {short(content)}, is no frame range") from error


def _object(name: str, original: str, frames: Mapping[str, Any], hidden: frozenset[int]) -> RotoObject:
    shapes = {}
    for frame, content in frames.items():
        if not FRAME.fullmatch(frame):
            raise ValueError(f"'{name}' has a frame {short(frame)}, which is no number")
        place = f"'{name}' at frame {frame}"
        listed = _list(_mapping(content, place).get("shapes"), f"{place}: shapes")
        shapes[int(frame)] = [_named_shape(shape, f"shape {count} of {place}") for count, shape in enumerate(listed, 1)]
    return RotoObject(name, tuple(sorted(shapes)), lambda frame: shapes[frame], frozenset(shapes), original, hidden.__contains__)


def _named_shape(content: Any, place: str) -> EvaluatedShape:
    """Read a shape; raises ValueError, which says which one cannot be used."""
    try:
        return _shape(_mapping(content, "it"))
    except KeyError as error:
        raise ValueError(f"{place}: it has no {error}") from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"{place}: {error}") from error


def _shape(content: Mapping[str, Any]) -> EvaluatedShape:
    points = _triplets(content["points"], "a point")
    if len(points) < 2:
        raise ValueError(f"it has {len(points)} points, which enclose nothing. Remove it, or give it two or more")
    feather = None if content.get("feather") is None else _triplets(content["feather"], "a feather point")
    if feather is not None and len(feather) != len(points):
        raise ValueError(f"{len(feather)} feather points for {len(points)} points")
    blending, feather_type = content.get("blending", "over"), content.get("feather_type", "linear")
    if not isinstance(blending, str) or blending not in BLENDING:
        raise ValueError(f"blending mode {short(blending)} is unknown")
    if not isinstance(feather_type, str) or feather_type not in FEATHER_TYPES:
        raise ValueError(f"feather type {short(feather_type)} is unknown")
    widths = content.get("widths")
    if widths is not None:
        widths = np.array([number(width, "a width", 0, FAR_PIXELS) for width in _list(widths, "widths")])
        if len(widths) != len(points):
            raise ValueError(f"an open shape of {len(points)} points has {len(widths)} widths")
    return EvaluatedShape(
        points,
        feather,
        _flag(content.get("closed", True)),
        number(content.get("opacity", 1.0), "its opacity", -LARGEST_VALUE, LARGEST_VALUE),
        _flag(content.get("inverted", False)),
        blending,
        number(content.get("feather_falloff", 1.0), "its feather falloff", -LARGEST_VALUE, LARGEST_VALUE),
        feather_type,
        widths,
    )


def _triplets(content: Any, subject: str) -> np.ndarray:
    """Read points as (N, 3, 2); raises ValueError."""
    form = "points are [[x, y], [in_x, in_y], [out_x, out_y]]"
    if not isinstance(content, list):
        raise ValueError(form)
    try:
        usable = np.array(content)
        if usable.dtype.kind in "if" and usable.ndim == 3 and usable.shape[1:] == (3, 2) and np.abs(usable).max() <= FAR_PIXELS:
            return usable.astype(np.float64)
    except (ValueError, TypeError, OverflowError):
        pass
    # One by one, to name the faulty one; slow but rare.
    for point in content:
        pairs = point if isinstance(point, list) and len(point) == 3 else ()
        if not pairs or any(not isinstance(pair, list) or len(pair) != 2 for pair in pairs):
            raise ValueError(form)
    coordinate = f"a coordinate of {subject}"
    flat = [number(value, coordinate, -FAR_PIXELS, FAR_PIXELS) for point in content for pair in point for value in pair]
    return np.array(flat, np.float64).reshape(-1, 3, 2)


def _flag(content: Any) -> bool:
    if not isinstance(content, bool):
        raise ValueError(f"true or false was expected, not {short(content)}")
    return content


def _text(content: Any) -> str:
    if not isinstance(content, str) or not content:
        raise ValueError("an object has no name")
    return content


def _hidden_of(obj: RotoObject, plate: Iterable[int]) -> dict[str, str]:
    hidden = FrameRange.of(frame for frame in plate if obj.absent(frame))
    return {"hidden": str(hidden)} if hidden else {}


def _json_of(shape: EvaluatedShape) -> dict[str, Any]:
    content: dict[str, Any] = {
        "points": shape.points.tolist(),
        "feather": None if shape.feather is None else shape.feather.tolist(),
        "closed": shape.closed,
        "opacity": shape.opacity,
        "inverted": shape.inverted,
        "blending": shape.blending,
        "feather_falloff": shape.feather_falloff,
    }
    if shape.feather_type != "linear":
        content["feather_type"] = shape.feather_type
    if shape.widths is not None:
        content["widths"] = shape.widths.tolist()
    return content
