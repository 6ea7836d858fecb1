"""The named numbers of a shape or layer: their defaults, and what they say at a frame."""

from __future__ import annotations

from xmemcore.protocol.roto_values import FRAME_RANGE, FROM_FRAME, ONE_FRAME, TO_FRAME
from xmemcore.roto.tree import Element

DEFAULTS = {
    "vis": 1.0, "opc": 1.0, "inv": 0.0, "bm": 0.0, "a": 1.0, "fo": 1.0, "fx": 0.0, "fy": 0.0, "ff": 1.0, "ft": 0.0,
    "mbo": 0.0, "osw": 10.0, "osf": 0.0, "ltt": 0.0, "ltn": 1.0, "ltm": 1.0,
}  # fmt: skip

KEYED = ("vis", "opc")
"""Attributes whose keys make a keyframe."""


def value(element: Element, name: str, frame: float) -> float:
    """Evaluate an attribute; one that is not written has its default."""
    curve = element.attributes.get(name)
    return DEFAULTS[name] if curve is None else curve.at(frame)


def differs(element: Element, name: str) -> bool:
    """Say whether an attribute is ever something else than its default."""
    curve = element.attributes.get(name)
    if curve is None:
        return False
    values = [key.value for key in curve.keys] or [curve.constant]
    return any(one != DEFAULTS[name] for one in values)


def lives(element: Element, frame: float) -> bool:
    """Say whether a frame is within an element's lifetime."""
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


def named(names: tuple[str, ...], number: float) -> str:
    """Give the name of an enumeration's value; out of range: the nearest."""
    return names[min(max(int(number), 0), len(names) - 1)]
