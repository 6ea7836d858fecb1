"""Evaluate roto curves at a frame: outlines in pixels with all transforms applied, bottom first, ready for the rasteriser.

Written from NUKE_FACTS 3.1 alone, apart from the product's own reader of curves, so that one can check the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .curvelib import CMatrix4, FlagType


def shapes_at(root: Any, frame: float) -> list[dict[str, Any]]:
    """Return what is drawn at this frame, the bottom of the stack first."""
    return list(_draw(root, frame, CMatrix4()))


def _draw(element: Any, frame: float, outer: CMatrix4) -> Iterator[dict[str, Any]]:
    if element._kind == "raw" or not element._attributes._value(frame, "vis"):
        return
    if element._kind == "layer":
        inner = outer * element._transform.evaluate(frame).getMatrix()
        for child in reversed(element._elements):  # the first in the text is on top
            yield from _draw(child, frame, inner)
        return
    if not alive(element._attributes, frame) or not element._points:
        return
    yield _shape(element, frame, outer) if element._kind == "shape" else _stroke(element, frame, outer)


def alive(attributes: Any, frame: float) -> bool:
    """Lifetime: all frames, up to the last, only, from the first, or between; ends included (NUKE_MEASURED 2.7)."""
    kind, first, last = (attributes._value(frame, name) for name in ("ltt", "ltn", "ltm"))
    return {0: True, 1: frame <= last, 2: frame == first, 3: frame >= first, 4: first <= frame <= last}.get(int(kind), True)


def _times(attributes: Any, frame: float) -> list[float]:
    """Moments of motion blur; the frame alone without it."""
    if not attributes._value(frame, "mbo"):
        return [frame]
    shutter, kind = attributes._value(frame, "mbs"), int(attributes._value(frame, "mbsot"))
    start = {0: -shutter / 2, 1: 0.0, 2: -shutter}.get(kind, attributes._value(frame, "mbso"))
    count = max(2, int(round(8 * attributes._value(frame, "mb"))))
    return [frame + start + shutter * (i + 0.5) / count for i in range(count)]


def _common(element: Any, frame: float) -> dict[str, Any]:
    value = element._attributes._value
    return {
        "name": element._name,
        "opacity": value(frame, "opc"),
        "color": [value(frame, c) for c in "rgba"],
        "inverted": bool(value(frame, "inv")),
        "mode": int(value(frame, "bm")),
    }


def _shape(shape: Any, frame: float, outer: CMatrix4) -> dict[str, Any]:
    value = shape._attributes._value
    drawn = _common(shape, frame)
    drawn.update(
        kind="shape",
        type=shape._type,
        closed=not shape._curve_flags[0] >> FlagType.eOpenFlag & 1,
        falloff=value(frame, "ff"),
        feather_type=int(value(frame, "ft")),
        spread=[value(frame, "fx"), value(frame, "fy")] if value(frame, "fo") else [0.0, 0.0],
        width=value(frame, "osw"),
        samples=[_outline(shape, time, outer, bool(value(frame, "fo"))) for time in _times(shape._attributes, frame)],
    )
    return drawn


def _outline(shape: Any, time: float, outer: CMatrix4, feather_on: bool) -> dict[str, Any]:
    """Vertices as [centre, in, out], absolute, for the main curve and the feather curve."""
    matrix = outer * shape._transform.evaluate(time).getMatrix()
    main, feather, widths = [], [], []
    for vertex in shape._points:
        cx, cy = (c._at(time) for c in vertex.center._curves[:2])
        main.append(_vertex(matrix, cx, cy, vertex.leftTangent, vertex.rightTangent, time))
        ox, oy = (c._at(time) for c in vertex.featherCenter._curves[:2])
        if not feather_on:
            ox = oy = 0.0
        feather.append(_vertex(matrix, cx + ox, cy + oy, vertex.featherLeftTangent, vertex.featherRightTangent, time))
        attributes = getattr(vertex.center, "_attributes", None)
        widths.append([attributes._value(time, "osw"), attributes._value(time, "osf")] if attributes is not None else None)
    return {"main": main, "feather": feather if feather_on else main, "widths": widths}


def _vertex(matrix: CMatrix4, x: float, y: float, left: Any, right: Any, time: float) -> list[list[float]]:
    around = [(x, y)]
    for tangent in (left, right):
        dx, dy = (c._at(time) for c in tangent._curves[:2])
        around.append((x + dx, y + dy))
    return [list(matrix._apply(*point)) for point in around]


def _stroke(stroke: Any, frame: float, outer: CMatrix4) -> dict[str, Any]:
    value = stroke._attributes._value
    matrix = outer * stroke._transform.evaluate(frame).getMatrix()
    drawn = _common(stroke, frame)
    drawn.update(
        kind="stroke",
        size=value(frame, "bs"),
        hardness=value(frame, "h"),
        source=int(value(frame, "src")),
        points=[list(matrix._apply(*(c._at(frame) for c in point._curves[:2]))) for point in stroke._points],
    )
    return drawn
