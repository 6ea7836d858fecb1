"""A tree of shapes as named objects, and what of it is not honoured, or not known to be as in Nuke, said by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from xmemcore.protocol.roto_values import BLENDING, FEATHER_TYPES
from xmemcore.roto.animation import Curve
from xmemcore.roto.attributes import differs, named
from xmemcore.roto.evaluate import shape_at
from xmemcore.roto.keyframes import keyframes
from xmemcore.roto.shapes import EvaluatedShape, RotoObject, unique
from xmemcore.roto.transform import is_unverified
from xmemcore.roto.tree import BEZIER, BSPLINE, Element, Layer, Placed, Shape, Stroke, shapes_below, strokes_below

SHOWN_NAMES = 5
"""How many names a warning lists before it counts the rest."""
PLAIN_BLENDING = ("over", "screen", "plus")
"""Modes that do the same to a mask however they are read."""


def objects_of(root: Layer) -> tuple[RotoObject, ...]:
    """Make an object of every top-level shape and of every top-level layer that holds shapes, in the list's order."""
    found = []
    for element in root.children:
        # The text begins at the top of the stack; shapes are drawn from the bottom.
        placed = tuple(reversed(list(shapes_below(element, (root,)))))
        if placed:
            found.append((element.name or "shape", placed))
    names = unique([name for name, _ in found])
    return tuple(
        RotoObject(name, keyframes(placed), _evaluator(placed), original=original) for name, (original, placed) in zip(names, found)
    )


def warnings_of(root: Layer) -> tuple[str, ...]:
    """Name what is not honoured, or is honoured without having been compared with Nuke."""
    placed = list(shapes_below(root, ()))
    shapes = [one.shape for one in placed]
    warnings = []

    def warn(elements: Iterable[Element], sentence: str) -> None:
        names = list(dict.fromkeys(element.name for element in elements))
        if names:
            warnings.append(sentence.format(_listed(names)))

    def shapes_with(test: Callable[[Shape], bool]) -> list[Shape]:
        return [shape for shape in shapes if test(shape)]

    layers = list(_layers(root))
    strokes: list[Stroke] = list(strokes_below(root))
    warn(strokes, "Paint strokes are no annotation and are left out: {}.")
    warnings.extend(_expression_warnings([*shapes, *layers]))
    warn(shapes_with(lambda s: s.kind == BSPLINE), "B-splines are drawn as uniform cubic ones, without tension, unverified: {}.")
    warn(
        shapes_with(lambda s: s.kind not in (BEZIER, BSPLINE)),
        "These shapes are of a kind that we do not know and are drawn as Bezier points: {}.",
    )
    warn(
        shapes_with(lambda s: not s.closed),
        "Open splines are drawn as bands of their width with round ends, without falloff, unverified against Nuke: {}.",
    )
    warn(shapes_with(lambda s: differs(s, "mbo")), "Motion blur of shapes is left out: {}.")
    for mode in FEATHER_TYPES[1:]:
        warn(_of_value(shapes, "ft", FEATHER_TYPES, mode), f"Feather type '{mode}' is unverified against Nuke: {{}}.")
    for mode in BLENDING:
        if mode not in PLAIN_BLENDING:
            sentence = f"Blending mode '{mode}' is applied within the shape, unverified against Nuke: {{}}."
            warn(_of_value(shapes, "bm", BLENDING, mode), sentence)
    warn(shapes_with(lambda s: differs(s, "a")), "The alpha colour of shapes does not count, every shape is drawn as 1: {}.")
    warn([layer for layer in layers if differs(layer, "opc")], "The opacity of layers multiplies that of their shapes, unverified: {}.")
    for name, meaning in (("inv", "inversion"), ("bm", "blending mode")):
        warn([layer for layer in layers if differs(layer, name)], f"The {meaning} of layers does not count, set it on the shapes: {{}}.")
    warn(
        [element for element in [*shapes, *layers] if is_unverified(element)],
        "Rotation out of the picture's plane and skew in y do not count: {}.",
    )
    warn(shapes_with(lambda s: "nv" in s.attributes and _is_hidden_in_a_view(s)), "Views are not told apart, shapes count in each: {}.")
    return tuple(warnings)


def _evaluator(placed: tuple[Placed, ...]) -> Callable[[int], list[EvaluatedShape]]:
    return lambda frame: [shape for one in placed if (shape := shape_at(one, frame)) is not None]


def _layers(layer: Layer) -> Iterator[Layer]:
    yield layer
    for child in layer.children:
        if isinstance(child, Layer):
            yield from _layers(child)


def _expression_warnings(elements: Iterable[Element]) -> Iterator[str]:
    by_expression: dict[str, list[str]] = {}
    for element in elements:
        for curve in _curves(element):
            if curve.expression is not None:
                by_expression.setdefault(curve.expression, []).append(element.name)
    for expression, names in by_expression.items():
        shown = _listed(list(dict.fromkeys(names)))
        yield f"Expression '{expression}' of {shown} is not evaluated; the number saved beside it is used."


def _curves(element: Element) -> Iterator[Curve]:
    yield from element.transform
    yield from element.attributes.values()
    if isinstance(element, Shape):
        for curve in (element.main, element.feather):
            for point in curve.points if curve is not None else ():
                yield from (point.x, point.y)
                yield from point.attributes.values()


def _of_value(shapes: Iterable[Shape], name: str, names: tuple[str, ...], wanted: str) -> list[Shape]:
    """Find the shapes whose attribute ever has a value of an enumeration."""
    found = []
    for shape in shapes:
        curve = shape.attributes.get(name, Curve())
        numbers = [key.value for key in curve.keys] or [curve.constant]
        if any(named(names, number) == wanted for number in numbers):
            found.append(shape)
    return found


def _is_hidden_in_a_view(shape: Shape) -> bool:
    """Say whether a shape is for some views only: fewer are listed than counted, or one has number 0."""
    return any(name.startswith("view") and curve.at(0) == 0 for name, curve in shape.attributes.items())


def _listed(names: list[str]) -> str:
    rest = len(names) - SHOWN_NAMES
    return ", ".join(names[:SHOWN_NAMES]) + (f" and {rest} more" if rest > 0 else "")
