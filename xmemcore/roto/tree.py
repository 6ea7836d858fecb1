"""What a Roto node holds, as read: layers, shapes and strokes with animated points, transforms and attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from xmemcore.roto.animation import Curve

OPEN = 1 << 5
"""Bit of a control curve's flags: its ends are not joined."""

BEZIER, BSPLINE, CATMULL_ROM = "bezier", "bspline", "catmullrom"


@dataclass(frozen=True, slots=True)
class ControlPoint:
    """One animated position."""

    x: Curve
    y: Curve
    attributes: Mapping[str, Curve] = field(default_factory=dict)
    """Width and falloff of an open spline at this point."""


@dataclass(frozen=True, slots=True)
class ControlCurve:
    """The control points of a curve. Bezier: triplets of in tangent, centre, out tangent, tangents relative to the centre."""

    flags: int
    key_times: tuple[float, ...]
    points: tuple[ControlPoint, ...]


@dataclass(frozen=True)
class Element:
    """Anything in the tree."""

    name: str
    flags: int = 0
    transform: tuple[Curve, ...] = ()
    """Pivot, translation, rotation, scale (x, y, z each), skew and its kin (7), an extra 4 x 4 matrix; the tail may be missing."""
    attributes: Mapping[str, Curve] = field(default_factory=dict)


@dataclass(frozen=True)
class Layer(Element):
    """Elements that move together."""

    children: tuple[Element, ...] = ()
    """In the text's order, the topmost first."""


@dataclass(frozen=True)
class Shape(Element):
    """A spline that is filled, or an open one that is drawn as a band."""

    kind: str = BEZIER
    main: ControlCurve = ControlCurve(0, (), ())
    feather: ControlCurve | None = None
    """Offsets from the main curve's centres; None: no feather of its own."""

    @property
    def closed(self) -> bool:
        return not self.main.flags & OPEN


@dataclass(frozen=True)
class Stroke(Element):
    """A paint stroke; it is no annotation."""


@dataclass(frozen=True)
class Placed:
    """A shape with the layers around it."""

    shape: Shape
    parents: tuple[Layer, ...]
    """From Root inwards."""


def shapes_below(element: Element, parents: tuple[Layer, ...]) -> Iterator[Placed]:
    """Walk through the shapes at or below an element, in the text's order."""
    if isinstance(element, Shape):
        yield Placed(element, parents)
    elif isinstance(element, Layer):
        for child in element.children:
            yield from shapes_below(child, (*parents, element))


def strokes_below(element: Element) -> Iterator[Stroke]:
    """Walk through the strokes at or below an element."""
    if isinstance(element, Stroke):
        yield element
    elif isinstance(element, Layer):
        for child in element.children:
            yield from strokes_below(child)
