"""Read and write Nuke's curves text, and what can be told of a roto from its text alone. Standard library only: the plugin imports it too.

Geometry, and shapes at a frame, are the room `roto`.
"""

from __future__ import annotations

from xmemcore.curves.animation import Curve, Key, keyed
from xmemcore.curves.attributes import DEFAULTS, DRAWING, differs, is_shown, moving_curves, surely_absent, unknown_curves, value
from xmemcore.curves.braces import CurvesTextBroken
from xmemcore.curves.keyframes import keyframes
from xmemcore.curves.objects import TextObject, objects_of
from xmemcore.curves.reading import read_tree
from xmemcore.curves.sent import SentRoto
from xmemcore.curves.tree import (
    BSPLINE,
    MATRIX,
    ONE_BY_DEFAULT,
    ControlCurve,
    ControlPoint,
    Element,
    Layer,
    Place,
    Placed,
    Shape,
    Stroke,
    shapes_below,
    strokes_below,
    with_curves,
)
from xmemcore.curves.writing import write_tree

__all__ = [
    "BSPLINE",
    "ControlCurve",
    "ControlPoint",
    "Curve",
    "CurvesTextBroken",
    "DEFAULTS",
    "DRAWING",
    "Element",
    "Key",
    "Layer",
    "MATRIX",
    "ONE_BY_DEFAULT",
    "Place",
    "Placed",
    "SentRoto",
    "Shape",
    "Stroke",
    "TextObject",
    "differs",
    "is_shown",
    "keyed",
    "keyframes",
    "moving_curves",
    "objects_of",
    "read_tree",
    "shapes_below",
    "strokes_below",
    "surely_absent",
    "unknown_curves",
    "value",
    "with_curves",
    "write_tree",
]
