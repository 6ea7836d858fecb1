"""Nuke's curves text (7 to 17) read into a tree of layers and shapes.

    {{v VERSION} {f 0} {n LAYER}}, possibly after `AddMode 0 0 1 0`
    LAYER   = {layer NAME {f FLAGS} XFORM {a ATTRS} ELEMENT*}
    ELEMENT = LAYER | {curvegroup NAME FLAGS TYPE {CC (CC|idem)} XFORM {a ATTRS}} | {cubiccurve NAME FLAGS TYPE CC XFORM {a ATTRS}}
    CC      = {cc {f FLAGS} {p POINT*}} | {cc {f FLAGS} {px TIMES POINT*}}
    POINT   = {[{a ATTRS}] X Y [PRESSURE]}
    XFORM   = {t CURVE*} | {tx T CURVE*}

Source: NDK, "Roto serialisation format", and real scripts.
"""

from __future__ import annotations

from collections.abc import Mapping

from xmemcore.roto.animation import ZERO, Curve
from xmemcore.roto.braces import Block, Word, broken, split
from xmemcore.roto.curve_text import curve, number
from xmemcore.roto.tree import BEZIER, ControlCurve, ControlPoint, Element, Layer, Shape, Stroke

ELEMENTS = ("layer", "curvegroup", "cubiccurve")


def parse(text: str, start: int = 0, end: int | None = None) -> Layer:
    """Read curves text.

    Args:
        text: the whole file, of which the curves text may be a part.
        start, end: where the curves text stands in it.

    Returns:
        The root layer.

    Raises:
        CurvesTextBroken.
    """
    return _Reader(text).root(split(text, start, end))


class _Reader:
    """Reads blocks of one text; the text is kept for the place of errors."""

    def __init__(self, text: str) -> None:
        self.text = text

    def root(self, block: Block) -> Layer:
        tree = _tree(block)
        if tree is None:
            raise broken(self.text, block.position, "no tree of shapes ({{v ..} .. {n {layer ..}}})")
        layer = tree[1] if len(tree) > 1 else None
        if not isinstance(layer, Block) or layer.head != "layer":
            raise broken(self.text, tree.position, "the tree does not begin with a layer")
        return self.layer(layer)

    def layer(self, block: Block) -> Layer:
        name, flags, _ = self.title(block)
        children = tuple(self.element(item) for item in block if isinstance(item, Block) and item.head in ELEMENTS)
        flag_block = _named(block, "f")
        if flag_block is not None and len(flag_block) > 1:
            flags = int(number(self.text, flag_block[1]))
        return Layer(name, flags, self.transform(block), self.attributes(_named(block, "a")), children)

    def element(self, block: Block) -> Element:
        if block.head == "layer":
            return self.layer(block)
        name, flags, kind = self.title(block)
        transform, attributes = self.transform(block), self.attributes(_named(block, "a"))
        if block.head == "cubiccurve":
            return Stroke(name, flags, transform, attributes)
        curves = next((item for item in block[1:] if isinstance(item, Block) and _is_curves(item)), None)
        if curves is None:
            raise broken(self.text, block.position, f"shape '{name}' has no points")
        main = self.control_curve(curves[0])
        feather = self.control_curve(curves[1]) if len(curves) > 1 and isinstance(curves[1], Block) else None
        for one in (main, feather):
            if kind == BEZIER and one is not None and len(one.points) % 3:
                raise broken(self.text, curves.position, f"shape '{name}' has {len(one.points)} Bezier points, which come in threes")
        if feather is not None and len(feather.points) != len(main.points):
            raise broken(self.text, curves.position, f"feather and main curve of shape '{name}' have different numbers of points")
        return Shape(name, flags, transform, attributes, kind, main, feather)

    def title(self, block: Block) -> tuple[str, int, str]:
        """Read the words between an element's keyword and its first block: name, flags, type."""
        if len(block) < 2:
            raise broken(self.text, block.position, f"a {block.head} without a name")
        # A name with spaces may stand in braces instead of quotes.
        name = str(block[1]) if isinstance(block[1], Word) else " ".join(map(str, block[1]))
        words = [item for item in block[2:4] if isinstance(item, Word)]
        flags = int(number(self.text, words[0])) if words else 0
        return name, flags, str(words[1]) if len(words) > 1 else BEZIER

    def transform(self, block: Block) -> tuple[Curve, ...]:
        for keyword in ("t", "tx"):
            values = _named(block, keyword)
            if values is None:
                continue
            if keyword == "t":
                return tuple(curve(self.text, item) for item in values[1:])
            times = self.times(values)
            return tuple(curve(self.text, item, times) for item in values[2:])
        return ()

    def attributes(self, block: Block | None) -> Mapping[str, Curve]:
        if block is None:
            return {}
        if len(block) % 2 == 0:
            raise broken(self.text, block.position, "attributes come as name and value")
        return {str(block[i]): curve(self.text, block[i + 1]) for i in range(1, len(block), 2)}

    def control_curve(self, block: Word | Block) -> ControlCurve:
        if not isinstance(block, Block) or block.head != "cc":
            raise broken(self.text, block.position, "a curve {cc ..} was expected")
        stray = next((item for item in block[1:] if not isinstance(item, Block) or item.head is None or not item.head.isalpha()), None)
        if stray is not None:
            raise broken(self.text, stray.position, "points outside of {p ..} and {px ..}")
        flags = _named(block, "f")
        points, keyed = _named(block, "p"), _named(block, "px")
        times = self.times(keyed) if keyed is not None else ()
        listed = keyed[2:] if keyed is not None else (points or Block(block.position))[1:]
        return ControlCurve(
            int(number(self.text, flags[1])) if flags is not None and len(flags) > 1 else 0,
            times,
            tuple(self.point(item, times or None) for item in listed),
        )

    def times(self, block: Block) -> tuple[float, ...]:
        if len(block) < 2:
            raise broken(self.text, block.position, "keys without a frame")
        times = block[1] if isinstance(block[1], Block) else [block[1]]
        return tuple(number(self.text, item) for item in times)

    def point(self, item: Word | Block, times: tuple[float, ...] | None) -> ControlPoint:
        if not isinstance(item, Block):
            raise broken(self.text, item.position, "a point {x y} was expected")
        attributes: Mapping[str, Curve] = {}
        numbers = list(item)
        if numbers and isinstance(numbers[0], Block) and numbers[0].head == "a":
            attributes = self.attributes(numbers[0])
            del numbers[0]
        if len(numbers) > 3:
            raise broken(self.text, item.position, f"a point of {len(numbers)} numbers")
        x, y = ([curve(self.text, one, times) for one in numbers[:2]] + [ZERO, ZERO])[:2]
        return ControlPoint(x, y, attributes)


def _tree(block: Block) -> Block | None:
    """Find {n {layer ..}} in {{v ..} {f ..} {n ..}}, however many braces and leading words are around it."""
    inner = [item for item in block if isinstance(item, Block)]
    heads = [item.head for item in inner]
    if "v" in heads and "n" in heads:
        return inner[heads.index("n")]
    return _tree(inner[0]) if len(inner) == 1 and inner[0].head in (None, "AddMode") else None


def _named(block: Block, keyword: str) -> Block | None:
    return next((item for item in block[1:] if isinstance(item, Block) and item.head == keyword), None)


def _is_curves(block: Block) -> bool:
    return bool(block) and isinstance(block[0], Block) and block[0].head == "cc"
