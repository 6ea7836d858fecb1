"""Ask nuke.rotopaint for values that a curves text cannot tell: those of expressions, such as links to trackers. Main thread only.

Points and transforms are sampled at the annotated frames; visibility, opacity and lifetime at every frame of the range, because they
say on every frame whether an object is there. One point of each shape is compared at the annotated frames, because not all of
Nuke's key codes are known in text: where Nuke places it elsewhere, all points of that shape are Nuke's.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any, Dict, Iterator, List, Optional, Sequence, Set, Tuple

from xmemcore.curves import (
    BSPLINE,
    MATRIX,
    ONE_BY_DEFAULT,
    Curve,
    Element,
    Layer,
    Place,
    Placed,
    Shape,
    moving_curves,
    unknown_curves,
    with_curves,
)

Path = Tuple[int, ...]
"""Where an element stands: its position among the children of each layer, from Root's on."""

WHEN = ("vis", "opc", "ltt", "ltn", "ltm")
"""Attributes that say when a shape is there."""
FARTHEST_PIXELS = 0.01
"""How far Nuke's point may be from the text's."""
MAIN = ("leftTangent", "center", "rightTangent")
FEATHER = ("featherLeftTangent", "featherCenter", "featherRightTangent")
"""A point's six positions in nuke.rotopaint, in the order of the text."""
UNMOVED = tuple(Curve(1.0 if place in ONE_BY_DEFAULT else 0.0) for place in range(MATRIX[0]))
"""A transform up to its matrix that moves nothing."""


class Elements:
    """A roto's elements in nuke.rotopaint, found where they stand in its text: Nuke lists them in the same order."""

    def __init__(self, knob: Any) -> None:
        """Take the `curves` knob; nothing is asked of it yet."""
        self._knob = knob
        self._found: Dict[Path, Any] = {}

    def at(self, path: Path) -> Any:
        """Give an element; raises IndexError where Nuke has none."""
        if path not in self._found:
            self._found[path] = self.at(path[:-1])[path[-1]] if path else self._knob.rootLayer
        return self._found[path]


def shapes_with_paths(layer: Layer, path: Path = (), parents: Tuple[Layer, ...] = ()) -> Iterator[Tuple[Path, Placed]]:
    """Walk through the shapes of a tree."""
    for place, child in enumerate(layer.children):
        if isinstance(child, Layer):
            yield from shapes_with_paths(child, (*path, place), (*parents, layer))
        elif isinstance(child, Shape):
            yield (*path, place), Placed(child, (*parents, layer))


def controls_of(point: Any) -> List[Any]:
    """Give the six animated positions of a shape's point."""
    return [getattr(point, name) for name in (*MAIN, *FEATHER)]


def hangs_on_expressions(root: Layer) -> bool:
    """Say whether any value that counts has to be asked for."""
    return bool(unknown_curves(placed for _, placed in shapes_with_paths(root)))


def elsewhere(root: Layer, elements: Elements, frames: Sequence[int]) -> List[Path]:
    """List the shapes whose point Nuke places elsewhere than the text, at any of the frames."""
    return [path for path, placed in shapes_with_paths(root) if _is_elsewhere(placed.shape, elements.at(path), frames)]


def _is_elsewhere(shape: Shape, element: Any, frames: Sequence[int]) -> bool:
    number = _most_moving(shape)
    if number is None:
        return False
    control, point = _control(shape, element, "main", number), shape.main.points[number]
    for frame in frames:
        position = control.getPosition(frame)
        if max(abs(position.x - point.x.at(frame)), abs(position.y - point.y.at(frame))) > FARTHEST_PIXELS:
            return True
    return False


def _most_moving(shape: Shape) -> Optional[int]:
    """Choose the control point whose keys are farthest apart: there a difference between keys shows most."""
    reach = {
        number: max(max(curve.ever()) - min(curve.ever()) for curve in (point.x, point.y))
        for number, point in enumerate(shape.main.points)
        if number % shape.stride == shape.stride // 2 and not (point.x.unknown or point.y.unknown)
    }
    return max(reach, key=reach.__getitem__) if reach else None


def sampled(root: Layer, elements: Elements, asked_for: Set[Path], keyed: Sequence[int], all_frames: Sequence[int]) -> Layer:
    """Copy a tree with Nuke's values in place of what hangs on expressions.

    Args:
        root: of the text.
        elements: the same in nuke.rotopaint.
        asked_for: shapes all of whose points are to be Nuke's.
        keyed: frames at which points and transforms are wanted.
        all_frames: frames at which it is wanted whether a shape is there.
    """
    positions: Dict[Tuple[Path, str, int], List[Any]] = {}

    def change(curve: Curve, place: Place) -> Curve:
        if place.part == "attribute":
            if not curve.unknown:
                return curve
            attributes, name = elements.at(place.element).getAttributes(), str(place.key)
            frames = all_frames if name in WHEN else keyed
            return _curve(frames, [attributes.getValue(frame, name) for frame in frames])
        if place.part == "transform" or isinstance(place.axis, str) or not (curve.unknown or place.element in asked_for):
            return curve
        at = (place.element, place.part, int(place.key))
        if at not in positions:
            control = _control(_shape_at(root, place.element), elements.at(place.element), place.part, int(place.key))
            positions[at] = [control.getPosition(frame) for frame in keyed]
        return _curve(keyed, [position.y if place.axis else position.x for position in positions[at]])

    changed = with_curves(root, change)
    assert isinstance(changed, Layer), "a copy is what it was copied from"
    moved = _with_matrices(changed, elements, keyed, ())
    assert isinstance(moved, Layer), "a copy is what it was copied from"
    return moved


def _with_matrices(element: Element, elements: Elements, keyed: Sequence[int], path: Path) -> Element:
    """Give elements whose transform hangs on expressions the matrices that Nuke makes of it."""
    if isinstance(element, Layer):
        children = tuple(_with_matrices(child, elements, keyed, (*path, place)) for place, child in enumerate(element.children))
        element = replace(element, children=children)
    if not any(curve.unknown for curve in moving_curves(element)):
        return element
    transform = elements.at(path).getTransform()
    matrices = [transform.evaluate(frame).getMatrix() for frame in keyed]
    return replace(element, transform=(*UNMOVED, *(_curve(keyed, [matrix[place] for matrix in matrices]) for place in range(16))))


def _shape_at(root: Layer, path: Path) -> Shape:
    element: Element = root
    for place in path:
        assert isinstance(element, Layer), "a path leads through layers"
        element = element.children[place]
    assert isinstance(element, Shape), "only shapes have points"
    return element


def _control(shape: Shape, element: Any, part: str, number: int) -> Any:
    """Give the animated position that a control point of the text is."""
    names = MAIN if part == "main" else FEATHER
    if shape.kind == BSPLINE:
        return getattr(element[number], names[1])
    return getattr(element[number // 3], names[number % 3])


def _curve(frames: Sequence[int], values: Sequence[float]) -> Curve:
    return Curve(times=tuple(map(float, frames)), values=tuple(map(in_single, values)))


def in_single(number: float) -> float:
    """Round to single precision, in which Nuke keeps its curves."""
    return float(struct.unpack("f", struct.pack("f", number))[0])
