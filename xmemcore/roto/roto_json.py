"""The roto JSON, version 1: shapes with nothing left to evaluate, as the Nuke side writes them.

    {"version": 1, "format": [w, h, pixel_aspect], "objects": [{"name": "sleeve", "frames": {"1001": {"shapes": [
       {"points": [[[x,y],[in_x,in_y],[out_x,out_y]], ...], "feather": [[...]] | null, "closed": true, "opacity": 1.0,
        "inverted": false, "blending": "over", "feather_falloff": 1.0}]}}}]}

Pixels of the plate's format, y up; shapes from bottom to top; tangents relative to their point; feather points relative
to the main point, overall feather already added; `shapes: []` says absent. Two keys may be left out: "feather_type"
(linear) and, of an open shape, "widths" (10 pixels at every point).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from xmemcore.curves.script import Format
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.roto_values import BLENDING, FEATHER_TYPES
from xmemcore.roto.shapes import EvaluatedShape, Roto, RotoObject, unique

VERSION = 1


class RotoJsonBroken(RequestError):
    """A roto JSON does not follow its version's form."""


class RotoJsonVersionUnknown(RequestError):
    """A roto JSON is of a version that this program does not know."""


def parse(text: str, source: str) -> Roto:
    """Read a roto JSON.

    Args:
        text: JSON.
        source: where it came from, for errors.

    Raises:
        RotoJsonBroken, RotoJsonVersionUnknown.
    """
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise RotoJsonBroken(f"{source} is no JSON: {place}, {error.msg}. Export the roto again.") from error
    if not isinstance(content, dict) or "version" not in content:
        raise RotoJsonBroken(f"{source} is no roto JSON: it has no version. Export the roto from Nuke.")
    if content["version"] != VERSION:
        raise RotoJsonVersionUnknown(
            f"{source} is roto JSON of version {content['version']}; this program reads {VERSION}. Bring plugin and core to one release."
        )
    try:
        image_format = _format(content["format"])
        listed = _list(content["objects"], "objects")
        originals = [_text(_mapping(one, "an object")["name"]) for one in listed]
        if not originals:
            raise ValueError("it has no object")
        objects = tuple(
            _object(name, original, _mapping(one["frames"], f"the frames of '{name}'"))
            for name, original, one in zip(unique(originals), originals, listed)
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        missing = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise RotoJsonBroken(f"{source} is no roto JSON of version {VERSION}: {missing}. Export the roto again from Nuke.") from error
    return Roto(objects, image_format, _warnings(objects))


def write(roto: Roto, frames: Mapping[str, Iterable[int]] | None = None, image_format: Format | None = None) -> str:
    """Write a roto as JSON.

    Args:
        roto: evaluated at the frames.
        frames: frames of each object by name; None: its keyframes.
        image_format: when the roto does not know its own.
    """
    shown = roto.format or image_format or Format(0, 0, 1.0)
    objects = [
        {
            "name": one.name,
            "frames": {
                str(frame): {"shapes": [_json_of(shape) for shape in one.at(frame)]}
                for frame in sorted(frames.get(one.name, ()) if frames is not None else one.keyframes)
            },
        }
        for one in roto.objects
    ]
    return json.dumps({"version": VERSION, "format": [shown.width, shown.height, shown.pixel_aspect], "objects": objects})


def _warnings(objects: Iterable[RotoObject]) -> tuple[str, ...]:
    """Name the objects with open shapes that do not say how wide they are."""
    unsaid = [one.name for one in objects if any(not s.closed and s.widths is None for frame in one.keyframes for s in one.at(frame))]
    return (f"Open splines without a width are drawn as bands of 10 pixels: {', '.join(unsaid)}.",) if unsaid else ()


def _format(content: Any) -> Format:
    if not isinstance(content, list) or len(content) != 3 or not all(isinstance(value, (int, float)) for value in content):
        raise ValueError("the format is [width, height, pixel aspect]")
    return Format(int(content[0]), int(content[1]), float(content[2]))


def _list(content: Any, what: str) -> list[Any]:
    if not isinstance(content, list):
        raise ValueError(f"{what} should be a list")
    return content


def _mapping(content: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise ValueError(f"{what} should be an object in braces")
    return content


def _object(name: str, original: str, frames: Mapping[str, Any]) -> RotoObject:
    shapes = {}
    for frame, content in frames.items():
        place = f"'{name}' at frame {frame}"
        try:
            number = int(frame)
        except ValueError as error:
            raise ValueError(f"'{name}' has a frame {frame!r}, which is no number") from error
        try:
            listed = _list(_mapping(content, "a frame")["shapes"], "shapes")
            shapes[number] = [_shape(_mapping(one, "a shape")) for one in listed]
        except (TypeError, ValueError) as error:
            raise ValueError(f"{place}: {error}") from error
    return RotoObject(name, tuple(sorted(shapes)), lambda frame: shapes[frame], frozenset(shapes), original)


def _shape(content: Mapping[str, Any]) -> EvaluatedShape:
    points = _triplets(content["points"])
    feather = None if content.get("feather") is None else _triplets(content["feather"])
    if feather is not None and len(feather) != len(points):
        raise ValueError(f"{len(feather)} feather points for {len(points)} points")
    blending, feather_type = content.get("blending", "over"), content.get("feather_type", "linear")
    if blending not in BLENDING:
        raise ValueError(f"blending mode '{blending}' is unknown")
    if feather_type not in FEATHER_TYPES:
        raise ValueError(f"feather type '{feather_type}' is unknown")
    widths = content.get("widths")
    if widths is not None:
        widths = np.asarray(widths, dtype=np.float64)
        if widths.shape != (len(points),):
            raise ValueError(f"an open shape of {len(points)} points has {widths.size} widths")
    return EvaluatedShape(
        points,
        feather,
        _flag(content.get("closed", True)),
        float(content.get("opacity", 1.0)),
        _flag(content.get("inverted", False)),
        blending,
        float(content.get("feather_falloff", 1.0)),
        feather_type,
        widths,
    )


def _triplets(content: Any) -> np.ndarray:
    try:
        triplets = np.asarray(content, dtype=np.float64)
    except (TypeError, ValueError):
        triplets = np.zeros(1)
    if triplets.size == 0:
        return np.zeros((0, 3, 2))
    if triplets.ndim != 3 or triplets.shape[1:] != (3, 2):
        raise ValueError("points are [[x, y], [in_x, in_y], [out_x, out_y]]")
    if not np.isfinite(triplets).all():
        raise ValueError("a point has a coordinate that is no number")
    return triplets


def _flag(content: Any) -> bool:
    if not isinstance(content, bool):
        raise ValueError(f"true or false was expected, not {content!r}")
    return content


def _text(content: Any) -> str:
    if not isinstance(content, str) or not content:
        raise ValueError("an object has no name")
    return content


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
