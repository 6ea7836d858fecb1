"""Nuke's curves text (7 to 17) read into a tree of layers and shapes.

    {{v VERSION} {f 0} {n LAYER}}, possibly after `AddMode 0 0 1 0`
    LAYER   = {layer NAME {f FLAGS} XFORM {a ATTRS} ELEMENT*}
    ELEMENT = LAYER | {curvegroup NAME FLAGS TYPE {CC (CC|idem)} XFORM {a ATTRS}} | {cubiccurve NAME FLAGS TYPE CC XFORM {a ATTRS}}
    CC      = {cc {f FLAGS} {p POINT*}} | {cc {f FLAGS} {px TIMES POINT*}}
    POINT   = {[{a ATTRS}] X Y [PRESSURE]}
    XFORM   = {t CURVE*} | {tx TIMES CURVE*}

Source: NDK, "Roto serialisation format", and real scripts. What is missing at a list's end is 0, or its default.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

from xmemcore.curves.animation import ZERO, Curve
from xmemcore.curves.attributes import DEFAULTS
from xmemcore.curves.braces import POINT, Block, CurvesTextBroken, Sealed, Word, broken, split
from xmemcore.curves.curve_text import Budget, curve, frame_number, number
from xmemcore.curves.quick_points import quick_point
from xmemcore.curves.tree import BEZIER, ControlCurve, ControlPoint, Element, Layer, Points, Shape, Stroke, shapes_below

ELEMENTS = ("layer", "curvegroup", "cubiccurve")
MAX_LAYERS = 100
"""Deepest nesting of layers."""
MAX_TIMES = 200_000
"""Most key times of one curve."""
MAX_CHARACTERS = 256 * 2**20
"""Longest curves text that is read."""


def read_tree(text: str, start: int = 0, end: Optional[int] = None, points: bool = True) -> Layer:
    """Read curves text.

    Args:
        text: the whole file, of which the curves text may be a part.
        start, end: where the curves text stands in it.
        points: read the points now, so that faults in them are reported now; otherwise they are read when they are needed.

    Returns:
        The root layer.

    Raises:
        CurvesTextBroken.
    """
    end = len(text) if end is None else end
    if end - start > MAX_CHARACTERS:
        raise broken(text, start, f"curves text of {(end - start) >> 20} MB, over {MAX_CHARACTERS >> 20} MB")
    root = _Reader(text).root(split(text, start, end))
    if points:
        require_points(root)
    return root


def require_points(root: Layer) -> None:
    """Read every shape's points and check that they make curves; raises CurvesTextBroken."""
    for placed in shapes_below(root, ()):
        shape = placed.shape
        with naming(shape.name):
            main = shape.main.points
            feather = shape.feather.points if shape.feather is not None else None
            for points in (main, feather):
                if points is not None and len(points) % shape.stride:
                    raise CurvesTextBroken(f"The roto is broken: {len(points)} Bezier points, which come in threes. Save the script again.")
            if feather is not None and len(feather) != len(main):
                raise CurvesTextBroken(
                    f"The roto is broken: feather and main curve have different numbers of points ({len(feather)}, {len(main)}). "
                    "Save the script again."
                )


@contextmanager
def naming(shape: str) -> Iterator[None]:
    """Add the shape's name to the failure of the body."""
    try:
        yield
    except CurvesTextBroken as error:
        sentence = str(error)
        raise CurvesTextBroken(sentence if sentence.startswith("Shape ") else f"Shape '{shape[:60]}': {sentence}") from error


class _Reader:
    """Reads blocks of one text; the text is kept for the place of errors."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.budget = Budget()

    def root(self, block: Block) -> Layer:
        tree = _tree(block)
        if tree is None:
            raise broken(self.text, block.position, "no tree of shapes ({{v ..} .. {n {layer ..}}})")
        layer = tree[1] if len(tree) > 1 else None
        if not isinstance(layer, Block) or layer.head != "layer":
            raise broken(self.text, tree.position, "the tree does not begin with a layer")
        return self.layer(layer, 1)

    def layer(self, block: Block, depth: int) -> Layer:
        if depth > MAX_LAYERS:
            raise broken(self.text, block.position, f"layers within layers, deeper than {MAX_LAYERS}")
        name, flags, _ = self.title(block)
        children = tuple(self.element(item, depth) for item in block if isinstance(item, Block) and item.head in ELEMENTS)
        flag_block = _named(block, "f")
        if flag_block is not None and len(flag_block) > 1:
            flags = self.whole(flag_block[1])
        return Layer(name, flags, self.transform(block), self.attributes(_named(block, "a")), children)

    def element(self, block: Block, depth: int) -> Element:
        if block.head == "layer":
            return self.layer(block, depth + 1)
        name, flags, kind = self.title(block)
        with naming(name):
            if block.head == "cubiccurve":
                # Nothing that is painted is used, so nothing in it can be wrong.
                return Stroke(name, flags)
            transform, attributes = self.transform(block), self.attributes(_named(block, "a"))
            curves = next((item for item in block[1:] if isinstance(item, Block) and _is_curves(item)), None)
            if curves is None:
                raise broken(self.text, block.position, f"shape '{name}' has no points")
            main = self.control_curve(curves[0])
            feather = self.control_curve(curves[1]) if len(curves) > 1 and isinstance(curves[1], Block) else None
        return Shape(name, flags, transform, attributes, kind, main, feather)

    def title(self, block: Block) -> Tuple[str, int, str]:
        """Read the words between an element's keyword and its first block: name, flags, type."""
        if len(block) < 2:
            return "", 0, BEZIER
        # A name with spaces may stand in braces instead of quotes.
        name = str(block[1]) if isinstance(block[1], Word) else " ".join(map(str, block[1]))
        words = [item for item in block[2:4] if isinstance(item, Word)]
        flags = self.whole(words[0]) if words else 0
        return name, flags, str(words[1]) if len(words) > 1 else BEZIER

    def whole(self, item: Union[Word, Block]) -> int:
        return int(number(self.text, item))

    def transform(self, block: Block) -> Tuple[Curve, ...]:
        still, timed = _named(block, "t"), _named(block, "tx")
        if still is not None:
            return tuple(curve(self.text, item, budget=self.budget) for item in still[1:])
        if timed is None:
            return ()
        times = self.times(timed)
        return tuple(curve(self.text, item, times, self.budget) for item in timed[2:])

    def attributes(self, block: Optional[Block]) -> Dict[str, Curve]:
        """Read names and values; the last value may be missing, which is 0.

        What is no number, such as a tracker's error that is not known, stops the reading only where mattes depend on it.
        """
        if block is None:
            return {}
        found: Dict[str, Curve] = {}
        for place in range(1, len(block), 2):
            name = block[place]
            if not isinstance(name, Word):
                raise broken(self.text, name.position, "attributes come as name and value")
            try:
                found[str(name)] = curve(self.text, block[place + 1], budget=self.budget) if place + 1 < len(block) else ZERO
            except CurvesTextBroken:
                if name in DEFAULTS:
                    raise
        return found

    def control_curve(self, block: Union[Word, Block]) -> ControlCurve:
        if not isinstance(block, Block) or block.head != "cc":
            raise broken(self.text, block.position, "a curve {cc ..} was expected")
        stray = next((item for item in block[1:] if not isinstance(item, Block) or item.head is None or not item.head.isalpha()), None)
        if stray is not None:
            raise broken(self.text, stray.position, "points outside of {p ..} and {px ..}")
        flags, still, timed = _named(block, "f"), _named(block, "p"), _named(block, "px")
        number_of_flags = self.whole(flags[1]) if flags is not None and len(flags) > 1 else 0
        listed, skipped = (still, 1) if timed is None else (timed, 2)
        times = () if timed is None else self.times_ahead(timed)
        plain = isinstance(listed, Sealed) and self.text.find("=", listed.position, listed.end) < 0
        return ControlCurve(number_of_flags, times, self.points(listed, skipped, times or None), self.count(listed, skipped), plain)

    def count(self, block: Optional[Block], skipped: int) -> Optional[int]:
        """Count points without reading them; None where that is not certain."""
        if block is None:
            return 0
        if not isinstance(block, Sealed):
            return max(len(block) - skipped, 0)
        begin = self.text.index(block.keyword, block.position) + len(block.keyword)
        blocks = [match.span() for match in POINT.finditer(self.text, begin, block.end - 1)]
        between = zip([begin, *(end for _, end in blocks)], [*(start for start, _ in blocks), block.end - 1])
        words = [word for start, end in between for word in self.text[start:end].split()]
        return max(len(blocks) + len(words) - (skipped - 1), 0)

    def times_ahead(self, block: Block) -> Tuple[float, ...]:
        """Read the times of a point list without its points."""
        if not isinstance(block, Sealed):
            return self.times(block)
        begin = self.text.index(block.keyword, block.position) + len(block.keyword)
        first, second = self.text.find("{", begin, block.end), self.text.find("}", begin, block.end)
        head = self.text[begin : first if first >= 0 else second].split()
        if head:
            return self.times(_listed(block, Word(head[0], begin)))
        if first < 0:
            return ()
        return self.times(_listed(block, split(self.text, first + 1, second)))

    def points(self, block: Optional[Block], skipped: int, times: Optional[Tuple[float, ...]]) -> Callable[[], Points]:
        """Read points only when they are needed."""

        def read() -> Points:
            if block is None:
                return ()
            if isinstance(block, Sealed):
                return tuple(self.sealed_points(block, skipped, times))
            return tuple(self.point(item, times) for item in block[skipped:])

        return read

    def sealed_points(self, block: Sealed, skipped: int, times: Optional[Tuple[float, ...]]) -> Iterator[ControlPoint]:
        """Read points one by one, each the quick way where that is possible."""
        place = self.text.index(block.keyword, block.position) + len(block.keyword)
        stop = block.end - 1
        left = skipped - 1
        in_order = times is None or all(a < b for a, b in zip(times, times[1:]))
        while place < stop:
            match = POINT.search(self.text, place, stop)
            start, end = match.span() if match else (stop, stop)
            words = split(self.text, place, start, sealing=False)
            for word in words[left:]:
                yield self.point(word, times)
            left = max(left - len(words), 0)
            if match and left:
                left -= 1
            elif match:
                quick = quick_point(self.text[start + 1 : end - 1], times) if in_order else None
                if quick is None:
                    yield self.point(split(self.text, start, end, sealing=False)[0], times)
                else:
                    self.budget.spend(self.text, block, quick[1])
                    yield quick[0]
            place = end

    def times(self, block: Block) -> Tuple[float, ...]:
        if len(block) < 2:
            return ()
        times = block[1] if isinstance(block[1], Block) else [block[1]]
        if len(times) > MAX_TIMES:
            raise broken(self.text, block.position, f"keys on {len(times)} frames")
        return tuple(frame_number(self.text, item) for item in times)

    def point(self, item: Union[Word, Block], times: Optional[Sequence[float]]) -> ControlPoint:
        attributes: Dict[str, Curve] = {}
        numbers: List[Union[Word, Block]] = [item] if isinstance(item, Word) else list(item)
        if numbers and isinstance(numbers[0], Block) and numbers[0].head == "a":
            attributes = self.attributes(numbers[0])
            del numbers[0]
        if len(numbers) > 3:
            raise broken(self.text, item.position, f"a point of {len(numbers)} numbers")
        x, y = ([curve(self.text, text, times, self.budget) for text in numbers[:2]] + [ZERO, ZERO])[:2]
        return ControlPoint(x, y, attributes)


def _listed(block: Block, times: Union[Word, Block]) -> Block:
    whole = Block(block.position)
    whole.extend([Word("px", block.position), times])
    return whole


def _tree(block: Block) -> Optional[Block]:
    """Find {n {layer ..}} in {{v ..} {f ..} {n ..}}, however many braces and leading words are around it."""
    while True:
        inner = [item for item in block if isinstance(item, Block)]
        heads = [item.head for item in inner]
        if "v" in heads and "n" in heads:
            return inner[heads.index("n")]
        if len(inner) != 1 or inner[0].head not in (None, "AddMode"):
            return None
        block = inner[0]


def _named(block: Block, keyword: str) -> Optional[Block]:
    return next((item for item in block[1:] if isinstance(item, Block) and item.head == keyword), None)


def _is_curves(block: Block) -> bool:
    return bool(block) and isinstance(block[0], Block) and block[0].head == "cc"
