"""Make named objects of a tree of shapes, and warnings of what is not honoured, or not known to be as in Nuke."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from xmemcore.curves.animation import USER, Curve
from xmemcore.curves.attributes import differs, is_shown, named, surely_absent, unknown_curves
from xmemcore.curves.keyframes import keyframes
from xmemcore.curves.objects import TextObject, draws
from xmemcore.curves.objects import objects_of as text_objects
from xmemcore.curves.tree import (
    BEZIER,
    BSPLINE,
    ControlPoint,
    Element,
    Layer,
    Placed,
    Shape,
    Stroke,
    layers_below,
    shapes_below,
    strokes_below,
)
from xmemcore.protocol.results import OwnShape
from xmemcore.protocol.roto_values import BLENDING, FEATHER_TYPES
from xmemcore.protocol.words import listed
from xmemcore.roto.blending import MODES
from xmemcore.roto.evaluate import shape_at
from xmemcore.roto.own_points import own_shape
from xmemcore.roto.shapes import EvaluatedShape, RotoObject
from xmemcore.roto.transform import is_unverified

SHOWN_NAMES = 5
"""How many names a warning lists before it counts the rest."""
VERTEX_EXTRAS = ("t", "rp", "te")
"""Attributes of a B-spline's vertex that are not honoured: tension and its kin."""
HOW_TO_BAKE = "Bake it to keys in Nuke's Curve Editor (Edit > Generate, every frame), or propagate from within Nuke, where it is sampled."


def objects_of(
    rotos: Sequence[tuple[str, Layer]],
    union: str | None = None,
    keyed: Mapping[str, Sequence[int]] | None = None,
    absent: Mapping[str, Sequence[int]] | None = None,
    taken: Sequence[str] = (),
) -> tuple[RotoObject, ...]:
    """Make the objects of a chain of rotos, in the list's order.

    Args:
        rotos: name and root layer of each node, the last one first: it is drawn on top.
        union: name of the one object that all shapes are to be; None: each top-level shape or layer is one.
        keyed: frames that count as annotated, by object; for an object that is missing here, its own keys count.
        absent: frames, by object, on which the artist declares the object absent.
        taken: layers of the plate, which no matte may replace.
    """
    keyed, absent = keyed or {}, absent or {}
    nodes = {id(root): name for name, root in rotos}
    return tuple(
        _object(
            text,
            nodes,
            tuple(keyed[text.name]) if text.name in keyed else keyframes(text.placed),
            frozenset(absent.get(text.name, ())),
        )
        for text in text_objects(rotos, union, taken)
    )


def _object(text: TextObject, nodes: Mapping[int, str], frames: tuple[int, ...], absent: frozenset[int]) -> RotoObject:
    def at(frame: int) -> list[EvaluatedShape]:
        return [] if frame in absent else [shape for placed in text.placed if (shape := shape_at(placed, frame)) is not None]

    def own(start: int, frame: int, shapes: Sequence[EvaluatedShape]) -> list[OwnShape]:
        shown = [placed for placed in text.placed if is_shown(placed, start)]
        return [own_shape(placed, frame, shape, nodes) for placed, shape in zip(shown, shapes, strict=True)]

    hanging = unknown_curves(text.placed)
    return RotoObject(
        text.name,
        frames,
        at,
        original=text.original,
        own=own,
        hides=lambda frame: frame in absent or all(surely_absent(placed, frame) for placed in text.placed),
        unknown=f"the expression '{hanging[0][1][:60]}' of {hanging[0][0].name}" if hanging else None,
    )


def warnings_of(root: Layer, apart: bool = True) -> tuple[str, ...]:
    """Name what is not honoured, or is honoured without having been compared with Nuke.

    Args:
        root: of a node's tree.
        apart: every top-level shape or layer is an object; False: all together are one.
    """
    placed = list(shapes_below(root, ()))
    shapes = [shape.shape for shape in placed]
    warnings = []

    def warn(elements: Iterable[Element], sentence: str) -> None:
        names = list(dict.fromkeys(element.name for element in elements))
        if names:
            warnings.append(sentence.format(listed(names, SHOWN_NAMES)))

    def shapes_with(test: Callable[[Shape], bool]) -> list[Shape]:
        return [shape for shape in shapes if test(shape)]

    layers = list(layers_below(root))
    strokes: list[Stroke] = list(strokes_below(root))
    warn(strokes, "Paint strokes are no annotation and are left out: {}.")
    warnings.extend(_expression_warnings(placed))
    warn(shapes_with(lambda s: not draws(s)), "Shapes of fewer than two points draw nothing and are left out: {}.")
    warn(shapes_with(_has_vertex_extras), "B-splines are drawn as uniform cubic ones; the tension of their vertices is left out: {}.")
    warn(shapes_with(_has_codes), "Keys with interpolation codes are read as Nuke's format page has them, unverified between keys: {}.")
    warn(
        shapes_with(lambda s: s.kind not in (BEZIER, BSPLINE)),
        "These shapes are of a kind that we do not know and are drawn as Bezier points: {}.",
    )
    warn(
        shapes_with(lambda s: not s.closed),
        "Open splines are drawn as bands of their width with round ends, without falloff, unverified against Nuke: {}.",
    )
    warn([element for element in (*shapes, *layers) if differs(element, "mbo")], "Motion blur of shapes and layers is left out: {}.")
    for mode in FEATHER_TYPES[1:]:
        warn(_feathered(shapes, mode), f"Feather type '{mode}' is unverified against Nuke: {{}}.")
    partly = [shape for shape in placed if differs(shape.shape, "bm") and any(differs(element, "opc") for element in shape.chain)]
    warn([shape.shape for shape in partly], "Blending modes together with opacity are in proportion to it, unverified against Nuke: {}.")
    warn(shapes_with(lambda s: differs(s, "a")), "The alpha colour of shapes does not count, every shape is drawn as 1: {}.")
    warn([layer for layer in layers if differs(layer, "opc")], "The opacity of layers multiplies that of their shapes, unverified: {}.")
    warn(
        [layer for layer in layers if any(differs(layer, name) for name in ("fo", "fx", "fy", "ff", "ft"))],
        "The feather of layers does not count, set it on the shapes: {}.",
    )
    if apart:
        warn(
            filter(_needs_more_below, root.children),
            "These only take away from what lies below them, and in their object there is nothing; their mattes are empty: {}. "
            "Put each into one layer with the shape that it changes.",
        )
    for name, meaning in (("inv", "inversion"), ("bm", "blending mode")):
        warn([layer for layer in layers if differs(layer, name)], f"The {meaning} of layers does not count, set it on the shapes: {{}}.")
    warn(
        [element for element in [*shapes, *layers] if is_unverified(element)],
        "Rotation out of the picture's plane and skew in y do not count: {}.",
    )
    warn(shapes_with(lambda s: "nv" in s.attributes and _is_hidden_in_a_view(s)), "Views are not told apart, shapes count in each: {}.")
    return tuple(warnings)


def _needs_more_below(element: Element) -> bool:
    """Say whether all that an object draws has blending modes that make nothing of nothing."""
    shapes = [placed.shape for placed in shapes_below(element, ()) if draws(placed.shape)]
    modes = [named(BLENDING, number) for shape in shapes for number in shape.attributes.get("bm", Curve()).ever()]
    return bool(modes) and all(MODES[mode](np.zeros(1, np.float32)) <= 0 for mode in modes)


def _expression_warnings(placed: Iterable[Placed]) -> Iterator[str]:
    """Warn of values that depend on unknown expressions."""
    by_expression: dict[str, list[str]] = {}
    for element, expression in unknown_curves(placed):
        by_expression.setdefault(expression, []).append(element.name)
    for expression, names in by_expression.items():
        shown = listed(list(dict.fromkeys(names)), SHOWN_NAMES)
        yield (
            f"What hangs on the expression '{expression[:80]}' of {shown} is not known and is not taken as drawn: "
            f"the script does not hold its value. {HOW_TO_BAKE}"
        )


def _has_vertex_extras(shape: Shape) -> bool:
    return shape.kind == BSPLINE and any(
        any(point.attributes[name].ever()) for point in _points(shape) for name in VERTEX_EXTRAS if name in point.attributes
    )


def _has_codes(shape: Shape) -> bool:
    numbers = [*shape.transform, *shape.attributes.values(), *(number for point in _points(shape) for number in (point.x, point.y))]
    return any(key.interpolation != USER for number in numbers for key in number.special.values())


def _points(shape: Shape) -> Iterator[ControlPoint]:
    for curve in (shape.main, shape.feather):
        yield from curve.points if curve is not None else ()


def _feathered(shapes: Iterable[Shape], mode: str) -> list[Shape]:
    """Find the shapes whose feather is ever of a type."""
    types = ((shape, shape.attributes.get("ft", Curve()).ever()) for shape in shapes)
    return [shape for shape, numbers in types if any(named(FEATHER_TYPES, number) == mode for number in numbers)]


def _is_hidden_in_a_view(shape: Shape) -> bool:
    """Say whether a shape is for some views only: fewer are listed than counted, or one has number 0."""
    return any(name.startswith("view") and curve.at(0) == 0 for name, curve in shape.attributes.items())
