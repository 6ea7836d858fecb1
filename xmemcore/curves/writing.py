"""A tree of layers and shapes written as Nuke's curves text; what is written is read back as the same tree."""

from __future__ import annotations

import re
import struct
from typing import List, Mapping, Optional, Sequence

from xmemcore.curves.animation import CATMULL_ROM, CUBIC, LINEAR, SMOOTH, STEP, Curve, Key
from xmemcore.curves.tree import ControlCurve, ControlPoint, Element, Layer, Shape

PLAIN = re.compile(r"[A-Za-z0-9_.][^\s{}\"\\\[\]$;#]*\Z")
CODES = {STEP: 0, LINEAR: 1, CATMULL_ROM: 3, CUBIC: 4}
USER_CODE = 5


def write_tree(root: Layer) -> str:
    """Write a tree, as a `curves` knob holds it; strokes are left out. Raises CurvesTextBroken where points cannot be read."""
    return f"{{{{v x3f99999a}} {{f 0}} {{n {_layer(root)}}}}}"


def write_number(value: float) -> str:
    """Write a number: bare where it is whole or short, else in full."""
    if value == int(value) and abs(value) < 1e9:
        return str(int(value))
    if struct.unpack(">f", struct.pack(">f", value))[0] == value:
        return "x" + struct.pack(">f", value).hex()
    return repr(value)


def _layer(layer: Layer) -> str:
    inside = " ".join(filter(None, (_element(child) for child in layer.children)))
    return f"{{layer {_word(layer.name)} {{f {layer.flags}}} {_rest(layer)} {inside}}}"


def _element(element: Element) -> str:
    if isinstance(element, Layer):
        return _layer(element)
    if not isinstance(element, Shape):
        return ""
    feather = "idem" if element.feather is None else _control_curve(element.feather)
    outlines = f"{{{_control_curve(element.main)} {feather}}}"
    return f"{{curvegroup {_word(element.name)} {element.flags} {element.kind} {outlines} {_rest(element)}}}"


def _rest(element: Element) -> str:
    return f"{{t {' '.join(_curve(curve) for curve in element.transform)}}} {{a {_attributes(element.attributes)}}}"


def _attributes(attributes: Mapping[str, Curve]) -> str:
    return " ".join(f"{_word(name)} {_curve(curve)}" for name, curve in attributes.items())


def _control_curve(curve: ControlCurve) -> str:
    times = curve.key_times
    shared = bool(times) and all(_fits(number, times) for point in curve.points for number in (point.x, point.y))
    listed = " ".join(_point(point, times if shared else None) for point in curve.points)
    if shared:
        return f"{{cc {{f {curve.flags}}} {{px {{{' '.join(map(write_number, times))}}} {listed}}}}}"
    return f"{{cc {{f {curve.flags}}} {{p {listed}}}}}"


def _fits(curve: Curve, times: Sequence[float]) -> bool:
    return not curve.times or tuple(curve.times) == tuple(times)


def _point(point: ControlPoint, times: Optional[Sequence[float]]) -> str:
    attributes = f"{{a {_attributes(point.attributes)}}} " if point.attributes else ""
    return f"{{{attributes}{_curve(point.x, times)} {_curve(point.y, times)}}}"


def _curve(curve: Curve, times: Optional[Sequence[float]] = None) -> str:
    if curve.times:
        value = f"{{{' '.join(_keys(curve, timed=times is None))}}}"
    else:
        value = write_number(curve.constant)
    if curve.expression is None:
        return value
    return f"{{{_word('=' + curve.expression)} {value}}}"


def _keys(curve: Curve, timed: bool) -> List[str]:
    return [f"{{{write_number(key.time) + ' ' if timed else ''}{write_number(key.value)}{_tangents(key)}}}" for key in curve.keys]


def _tangents(key: Key) -> str:
    if key.interpolation == SMOOTH:
        return ""
    slopes = (key.left_slope, key.left_length, key.right_slope, key.right_length)
    return " " + " ".join(map(write_number, slopes)) + f" {CODES.get(key.interpolation, USER_CODE)}"


def _word(text: str) -> str:
    if PLAIN.match(text):
        return text
    escaped = re.sub(r'(["\\{}\[\]$])', r"\\\1", text).replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    return f'"{escaped}"'
