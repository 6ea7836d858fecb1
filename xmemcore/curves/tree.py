"""The content of a Roto node: layers, shapes and strokes with animated points, transforms and attributes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Callable, Dict, Iterator, Mapping, NamedTuple, Optional, Tuple, Union

from xmemcore.curves.animation import Curve

OPEN = 1 << 5
"""Bit of a control curve's flags: its ends are not joined."""

BEZIER, BSPLINE, CATMULL_ROM = "bezier", "bspline", "catmullrom"

PIVOT, TRANSLATION, ROTATION, SCALE, SKEW = range(3), range(3, 6), range(6, 9), range(9, 12), range(12, 13)
"""Places of the values of a transform; three-part ones are x, y, z."""
UNKNOWN_PLACES = range(13, 19)
"""Values of unknown meaning, 0 in every file seen."""
MATRIX = range(19, 35)
"""4 x 4, row-major, column vectors; applied to the points first."""
ONE_BY_DEFAULT = (*SCALE, *MATRIX[::5])
"""Places whose default is 1; that of the others is 0."""


class ControlPoint(NamedTuple):
    """One animated position."""

    x: Curve
    y: Curve
    attributes: Mapping[str, Curve] = {}
    """Width and falloff of an open spline at this point; tension and its kin of a B-spline's vertex."""


Points = Tuple[ControlPoint, ...]


class ControlCurve:
    """The control points of a curve. Bezier: triplets of in tangent, centre, out tangent, tangents relative to the centre."""

    def __init__(
        self,
        flags: int = 0,
        key_times: Tuple[float, ...] = (),
        points: Union[Points, Callable[[], Points]] = (),
        count: Optional[int] = None,
        plain: bool = False,
    ) -> None:
        """Make a curve.

        Args:
            flags: its bits.
            key_times: frames on which all of its points are keyed.
            points: the points, or a function that reads them when they are first needed, and may raise CurvesTextBroken.
            count: how many points there are, where that is known without reading them.
            plain: no number of its points can be an expression.
        """
        self.flags = flags
        self.key_times = key_times
        self._points = points
        self._count = count
        self.plain = plain

    @property
    def count(self) -> int:
        """How many points it has."""
        return len(self.points) if self._count is None else self._count

    @cached_property
    def points(self) -> Points:
        """Its control points."""
        return self._points() if callable(self._points) else self._points


@dataclass(frozen=True)
class Element:
    """A layer, shape or stroke of the tree."""

    name: str
    flags: int = 0
    transform: Tuple[Curve, ...] = ()
    """Pivot, translation, rotation, scale (x, y, z each), skew and its kin (7), an extra 4 x 4 matrix; the tail may be missing."""
    attributes: Dict[str, Curve] = field(default_factory=dict)


@dataclass(frozen=True)
class Layer(Element):
    """Elements that move together."""

    children: Tuple[Element, ...] = ()
    """Its elements in the text's order, the topmost first."""


@dataclass(frozen=True)
class Shape(Element):
    """A spline that is filled, or an open one that is drawn as a band."""

    kind: str = BEZIER
    main: ControlCurve = field(default_factory=ControlCurve)
    feather: Optional[ControlCurve] = None
    """Offsets from the main curve's centres; None: no feather of its own."""

    @property
    def closed(self) -> bool:
        """Whether its ends are joined."""
        return not self.main.flags & OPEN

    @property
    def stride(self) -> int:
        """Control points of a vertex: 1 for a B-spline, else 3. A shape of an unknown kind is taken for a Bezier curve."""
        return 1 if self.kind == BSPLINE else 3


@dataclass(frozen=True)
class Stroke(Element):
    """A paint stroke; it is no annotation."""


@dataclass(frozen=True)
class Placed:
    """A shape with the layers around it."""

    shape: Shape
    parents: Tuple[Layer, ...]
    """The layers around it, from Root inwards."""

    @property
    def chain(self) -> Tuple[Element, ...]:
        """The layers from Root inwards, and the shape."""
        return (*self.parents, self.shape)


def shapes_below(element: Element, parents: Tuple[Layer, ...]) -> Iterator[Placed]:
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


def layers_below(element: Element) -> Iterator[Layer]:
    """Walk through an element, if it is a layer, and the layers below it."""
    if isinstance(element, Layer):
        yield element
        for child in element.children:
            yield from layers_below(child)


class Place(NamedTuple):
    """Where a curve stands in a tree."""

    element: Tuple[int, ...]
    """Position of its element among the children of each layer, from Root's on; () is Root itself."""
    part: str
    """transform, attribute, main or feather."""
    key: Union[int, str]
    """Place in the transform, name of the attribute, or number of the control point."""
    axis: Union[int, str] = 0
    """What the curve animates of a control point: 0 for x, 1 for y, or the name of an attribute of the point."""


def with_curves(element: Element, change: Callable[[Curve, Place], Curve], place: Tuple[int, ...] = ()) -> Element:
    """Copy an element with its curves, and those below it, replaced by what `change` makes of them; points only when they are needed."""
    changed = replace(
        element,
        transform=tuple(change(curve, Place(place, "transform", i)) for i, curve in enumerate(element.transform)),
        attributes={name: change(curve, Place(place, "attribute", name)) for name, curve in element.attributes.items()},
    )
    if isinstance(changed, Layer):
        return replace(changed, children=tuple(with_curves(child, change, (*place, i)) for i, child in enumerate(changed.children)))
    if isinstance(changed, Shape):
        feather = None if changed.feather is None else _points_with(changed.feather, change, place, "feather")
        return replace(changed, main=_points_with(changed.main, change, place, "main"), feather=feather)
    return changed


def _points_with(curve: ControlCurve, change: Callable[[Curve, Place], Curve], place: Tuple[int, ...], part: str) -> ControlCurve:
    def points() -> Points:
        return tuple(
            ControlPoint(
                change(point.x, Place(place, part, number, 0)),
                change(point.y, Place(place, part, number, 1)),
                {name: change(number_curve, Place(place, part, number, name)) for name, number_curve in point.attributes.items()},
            )
            for number, point in enumerate(curve.points)
        )

    return ControlCurve(curve.flags, curve.key_times, points, curve.count)
