"""Nuke's curves text, read and written; what the text alone says of a roto. Standard library only: the plugin imports it too.

Geometry, and shapes at a frame, are the room `roto`.
"""

from __future__ import annotations

from xmemcore.curves.animation import Curve, Key, keyed
from xmemcore.curves.attributes import is_shown, surely_absent, unknown_curves
from xmemcore.curves.braces import CurvesTextBroken
from xmemcore.curves.keyframes import keyframes
from xmemcore.curves.objects import TextObject, objects_of
from xmemcore.curves.reading import read_tree
from xmemcore.curves.sent import SentRoto
from xmemcore.curves.tree import ControlCurve, ControlPoint, Element, Layer, Place, Placed, Shape, Stroke, shapes_below, with_curves
from xmemcore.curves.writing import write_tree

__all__ = [
    "ControlCurve",
    "ControlPoint",
    "Curve",
    "CurvesTextBroken",
    "Element",
    "Key",
    "Layer",
    "Place",
    "Placed",
    "SentRoto",
    "Shape",
    "Stroke",
    "TextObject",
    "is_shown",
    "keyed",
    "keyframes",
    "objects_of",
    "read_tree",
    "shapes_below",
    "surely_absent",
    "unknown_curves",
    "with_curves",
    "write_tree",
]
