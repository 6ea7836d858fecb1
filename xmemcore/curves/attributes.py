"""The named numbers of a shape or layer: their defaults, what they say at a frame, and whether the element shows there."""

from __future__ import annotations

import math
from typing import Callable, Iterable, List, Optional, Tuple

from xmemcore.curves.animation import Curve
from xmemcore.curves.tree import MATRIX, PIVOT, ROTATION, SCALE, SKEW, TRANSLATION, Element, Placed
from xmemcore.protocol.roto_values import FRAME_RANGE, FROM_FRAME, ONE_FRAME, TO_FRAME

DEFAULTS = {
    "vis": 1.0, "opc": 1.0, "inv": 0.0, "bm": 0.0, "a": 1.0, "fo": 1.0, "fx": 0.0, "fy": 0.0, "ff": 1.0, "ft": 0.0,
    "mbo": 0.0, "osw": 10.0, "osf": 0.0, "ltt": 0.0, "ltn": 1.0, "ltm": 1.0, "t": 0.0, "rp": 0.0, "te": 0.0,
}  # fmt: skip
CHOICES = frozenset(("vis", "inv", "bm", "fo", "ft", "mbo", "ltt", "ltn", "ltm"))
"""Switches, enumerations and the ends of a lifetime: between keys the former value holds."""
DRAWING = ("vis", "opc", "inv", "bm", "fo", "fx", "fy", "ff", "ft", "osw", "ltt", "ltn", "ltm")
"""Attributes that change our mattes."""


def value(element: Element, name: str, frame: float) -> float:
    """Evaluate an attribute; one that is not written has its default."""
    curve = element.attributes.get(name)
    if curve is None:
        return DEFAULTS[name]
    return curve.held(frame) if name in CHOICES else curve.at(frame)


def differs(element: Element, name: str) -> bool:
    """Say whether an attribute is ever something else than its default."""
    curve = element.attributes.get(name)
    return curve is not None and any(number != DEFAULTS[name] for number in curve.ever())


def named(names: Tuple[str, ...], number: float) -> str:
    """Give the name of an enumeration's value; out of range: the nearest."""
    return names[min(max(int(number), 0), len(names) - 1)]


def is_shown(placed: Placed, frame: float) -> bool:
    """Say whether a shape draws anything at a frame: visible, opacity above 0 and within its lifetime, the layers around it too."""
    return not _hidden(placed, frame, lambda curve: True)


def surely_absent(placed: Placed, frame: float) -> bool:
    """Say whether a shape is hidden at a frame, whatever its unknown expressions may give."""
    return _hidden(placed, frame, lambda curve: curve is None or not curve.unknown)


def _hidden(placed: Placed, frame: float, counts: Callable[[Optional[Curve]], bool]) -> bool:
    """Look for an element that hides the shape, among the attributes that count."""
    for element in placed.chain:
        attributes = element.attributes
        if counts(attributes.get("vis")) and value(element, "vis", frame) < 0.5:
            return True
        if counts(attributes.get("opc")) and value(element, "opc", frame) <= 0:
            return True
        if all(counts(attributes.get(name)) for name in ("ltt", "ltn", "ltm")) and not lives(element, frame):
            return True
    return False


def opacity(placed: Placed, frame: float) -> float:
    """Multiply the opacities of a shape and of the layers around it."""
    return math.prod(value(element, "opc", frame) for element in placed.chain)


def lives(element: Element, frame: float) -> bool:
    """Say whether a frame is within an element's lifetime, ends included."""
    kind = round(value(element, "ltt", frame))
    first, last = value(element, "ltn", frame), value(element, "ltm", frame)
    if kind == TO_FRAME:
        return frame <= last
    if kind == ONE_FRAME:
        return frame == first
    if kind == FROM_FRAME:
        return frame >= first
    if kind == FRAME_RANGE:
        return first <= frame <= last
    return True


def unknown_curves(placed: Iterable[Placed]) -> List[Tuple[Element, str]]:
    """List the unknown expressions that a matte of these shapes depends on, each with its element."""
    found: List[Tuple[Element, str]] = []
    for shape in placed:
        for element in shape.chain:
            found += [(element, curve.expression or "") for curve in moving_curves(element) if curve.unknown]
            found += [
                (element, curve.expression or "")
                for name in DRAWING
                for curve in [element.attributes.get(name)]
                if curve is not None and curve.unknown
            ]
        for outline in (shape.shape.main, shape.shape.feather):
            for point in outline.points if outline is not None and not outline.plain else ():
                for curve in (point.x, point.y, *point.attributes.values()):
                    if curve.unknown:
                        found.append((shape.shape, curve.expression or ""))
    return list({(id(element), expression): (element, expression) for element, expression in found}.values())


def moving_curves(element: Element) -> List[Curve]:
    """Give the curves of a transform that move anything; a pivot alone moves nothing."""
    values = element.transform
    turning = [i for i in (*ROTATION, *SCALE, *SKEW) if i < len(values)]
    moves = any(values[i].unknown or any(number != (1.0 if i in SCALE else 0.0) for number in values[i].ever()) for i in turning)
    places = [*TRANSLATION, *turning, *MATRIX, *(PIVOT if moves else ())]
    return [values[i] for i in places if i < len(values)]
