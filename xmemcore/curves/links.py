"""Expressions of a roto followed to the knobs that they name, where the script holds those knobs' values.

What is followed: `Tracker1.translate.x`, `parent.Group1.Transform1.center.y`, `root.Tracker1.tracks.2.track_x`, knobs of the node itself
and of the groups around it, `frame`, `t` and `x`, numbers, + - * / and parentheses, and a knob at another frame,
`Tracker1.translate.x(frame-1)`. A knob that is linked itself is followed too. With anything else the curve stays unknown.
"""

from __future__ import annotations

import math
import re
from typing import Callable, Dict, List, Optional, Sequence, Tuple, Union

from xmemcore.curves.animation import Curve
from xmemcore.curves.braces import Block, CurvesTextBroken, Word, split
from xmemcore.curves.curve_text import curve, number
from xmemcore.curves.script import Node, Script
from xmemcore.curves.tree import Place

Follow = Callable[[float], float]

TOKEN = re.compile(r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<path>[A-Za-z_]\w*(?:\.\w+)*)|(?P<sign>[-+*/()]))", re.ASCII)
MAX_LINKS = 10
"""Longest chain of links that lead to links."""
MAX_NESTED = 8
"""Deepest nesting of parentheses and signs."""
MAX_EXPRESSION = 500
"""Longest expression, in characters."""
MAX_NAMES = 100
"""Most knobs that one expression leads to, links included."""
FRAME_WORDS = ("frame", "t", "x")
"""Words for the frame. Source: Foundry, Nuke Python Developer's Guide, `nuke.expression`."""
COMPONENTS = {"x": 0, "y": 1, "z": 2}
SIZES = {"w": 0, "h": 1}
"""Components of a knob of two sizes, such as a Transform's scale, by their place."""
TRANSFORMS = ("Transform", "TransformMasked")
UNWRITTEN = {"translate": 0.0, "rotate": 0.0, "scale": 1.0, "skewX": 0.0, "skewY": 0.0}
"""Values of a Transform's knobs that the script does not write."""


class NotFollowed(Exception):
    """An expression, or a knob it leads to, cannot be evaluated. Caught in this module."""


def follower(script: Script, node: Node) -> Callable[[Curve, Place], Curve]:
    """Make a function that gives a node's curves their links, for `with_curves`.

    Args:
        script: in which the links are looked up.
        node: whose curves they are.

    Returns:
        A function of a curve and its place: the same curve, or one whose `link` evaluates its expression.
    """
    lookup = _Lookup(script)
    known: Dict[str, Optional[Follow]] = {}

    def follow(curve: Curve, _: Place) -> Curve:
        if curve.expression is None:
            return curve
        if curve.expression not in known:
            try:
                lookup.names = 0
                known[curve.expression] = _Parser(curve.expression, _Scope(lookup, node, 0)).whole()
            except NotFollowed:
                known[curve.expression] = None
        link = known[curve.expression]
        return curve if link is None else Curve(curve.constant, curve.times, curve.values, curve.special, curve.expression, link)

    return follow


class _Lookup:
    """Nodes and values that were looked up already."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.names = 0
        self._children: Dict[int, Dict[str, Node]] = {}
        self._knobs: Dict[Tuple[int, str], Block] = {}
        self._curves: Dict[int, Follow] = {}

    def child(self, group: Optional[Node], name: str) -> Optional[Node]:
        """Find a node of a group, or of the script itself."""
        if id(group) not in self._children:
            nodes = group.children if group is not None else [node for node in self.script.nodes if node.group is None]
            self._children[id(group)] = {node.name: node for node in reversed(nodes)}
        return self._children[id(group)].get(name)

    def knob(self, node: Node, name: str) -> Optional[Block]:
        """Split a knob's value; None where it is not written. Raises CurvesTextBroken."""
        extent = node.knob(name)
        if extent is None:
            return None
        if (id(node), name) not in self._knobs:
            self._knobs[id(node), name] = split(node.text, *extent, sealing=False)
        return self._knobs[id(node), name]

    def animation(self, node: Node, item: Union[Word, Block]) -> Follow:
        """Read a number or an animation. Raises CurvesTextBroken."""
        if id(item) not in self._curves:
            self._curves[id(item)] = curve(node.text, item).at
        return self._curves[id(item)]


class _Scope:
    """A node from which names are looked up."""

    def __init__(self, lookup: _Lookup, node: Node, depth: int) -> None:
        self.lookup, self.node, self.depth = lookup, node, depth
        if depth > MAX_LINKS:
            raise NotFollowed

    def knob(self, path: str) -> Follow:
        """Find the knob that a dotted path names."""
        self.lookup.names += 1
        if self.lookup.names > MAX_NAMES:
            raise NotFollowed
        parts = path.split(".")
        group: Optional[Node] = self.node.group
        start: Optional[Node] = None
        if parts[0] == "this":
            return self._of(self.node, parts[1:])
        if parts[0] == "root":
            return self._of(self._child(None, parts[1:2]), parts[2:])
        if parts[0] == "parent":
            while parts[:1] == ["parent"]:
                start, group = group, group.group if group is not None else None
                parts = parts[1:]
            if start is not None and parts and start.knob(parts[0]) is not None:
                return self._of(start, parts)
            return self._of(self._child(start, parts[:1]), parts[1:])
        if self.node.knob(parts[0]) is not None:
            return self._of(self.node, parts)
        # Next come the nodes beside it and the knobs of the groups around it, from the inside out.
        while True:
            found = self.lookup.child(group, parts[0])
            if found is not None:
                return self._of(found, parts[1:])
            if group is None:
                raise NotFollowed
            if group.knob(parts[0]) is not None:
                return self._of(group, parts)
            group = group.group

    def _child(self, group: Optional[Node], names: Sequence[str]) -> Node:
        found = self.lookup.child(group, names[0]) if names else None
        if found is None:
            raise NotFollowed
        return found

    def _of(self, node: Node, parts: Sequence[str]) -> Follow:
        """Give the value of a knob of a node, or of a node within it."""
        if not parts:
            raise NotFollowed
        if node.children and node.knob(parts[0]) is None:
            return self._of(self._child(node, parts[:1]), parts[1:])
        name, rest = parts[0], parts[1:]
        try:
            items = self.lookup.knob(node, name)
        except CurvesTextBroken as error:
            raise NotFollowed from error
        if items is None:
            if node.kind in TRANSFORMS and name in UNWRITTEN and len(rest) < 2:
                return _constant(UNWRITTEN[name])
            raise NotFollowed
        try:
            if name == "tracks" and len(rest) == 2:
                return self._value(node, _track(items, rest))
            return self._value(node, _component(items, rest))
        except CurvesTextBroken as error:
            raise NotFollowed from error

    def _value(self, node: Node, item: Union[Word, Block]) -> Follow:
        """Read a number, an animation or a further expression."""
        if isinstance(item, Word) or item.head == "curve" or not item:
            return self.lookup.animation(node, item)
        if len(item) == 1 and isinstance(item[0], Block):
            return self._value(node, item[0])
        try:
            value = number(node.text, item[0]) if len(item) == 1 else None
        except CurvesTextBroken:
            value = None
        if value is not None:
            return _constant(value)
        if not all(isinstance(word, Word) for word in item):
            raise NotFollowed
        # `{parent.Tracker1.translate.x i}`: flags behind an expression are about display.
        words = [str(word) for word in item]
        return _Parser(" ".join(words[:1] if words[1:] in (["i"], ["I"]) else words), _Scope(self.lookup, node, self.depth + 1)).whole()


def _component(items: Block, rest: Sequence[str]) -> Union[Word, Block]:
    """Choose one of a knob's numbers: `.x`, `.y`, `.z`; the only one where a knob has one for all."""
    if len(rest) > 1 or not items:
        raise NotFollowed
    if not rest:
        if len(items) != 1:
            raise NotFollowed
        return items[0]
    place = COMPONENTS.get(rest[0]) if rest[0] not in SIZES or len(items) > 2 else SIZES[rest[0]]
    if place is None:
        raise NotFollowed
    if len(items) == 1:
        return items[0]
    if place >= len(items):
        raise NotFollowed
    return items[place]


def _track(items: Block, rest: Sequence[str]) -> Union[Word, Block]:
    """Choose a cell of a Tracker4's table: `tracks {size columns rows}`, as `tracks.2.track_x`."""
    blocks = [item for item in items if isinstance(item, Block)]
    if len(blocks) != 3 or not rest[0].isdecimal() or len(rest[0]) > 6:
        raise NotFollowed
    columns, rows = blocks[1], blocks[2]
    names = [column[3:5] for column in columns if isinstance(column, Block)]
    place = next((i for i, pair in enumerate(names) if rest[1] in pair), None)
    row = int(rest[0]) - 1
    if place is None or not 0 <= row < len(rows):
        raise NotFollowed
    cells = rows[row]
    if not isinstance(cells, Block) or place >= len(cells):
        raise NotFollowed
    return cells[place]


class _Parser:
    """Reads an expression of sums and products into one function of the frame."""

    def __init__(self, expression: str, scope: _Scope) -> None:
        self.scope = scope
        self.depth = 0
        self.tokens: List[Tuple[str, str]] = []
        place = 0
        expression = expression.strip()
        if not expression or len(expression) > MAX_EXPRESSION:
            raise NotFollowed
        while place < len(expression):
            match = TOKEN.match(expression, place)
            if match is None:
                raise NotFollowed
            self.tokens.append((str(match.lastgroup), match[match.lastgroup or 0]))
            place = match.end()

    def whole(self) -> Follow:
        value = self._sum()
        if self.tokens:
            raise NotFollowed
        return value

    def _next(self, *signs: str) -> Optional[str]:
        if self.tokens and self.tokens[0][0] == "sign" and self.tokens[0][1] in signs:
            return self.tokens.pop(0)[1]
        return None

    def _sum(self) -> Follow:
        terms = [(1.0, self._product())]
        while True:
            sign = self._next("+", "-")
            if sign is None:
                return terms[0][1] if len(terms) == 1 else lambda frame: sum(factor * term(frame) for factor, term in terms)
            terms.append((1.0 if sign == "+" else -1.0, self._product()))

    def _product(self) -> Follow:
        factors = [self._factor()]
        while True:
            sign = self._next("*", "/")
            if sign is None:
                return factors[0] if len(factors) == 1 else lambda frame: math.prod(factor(frame) for factor in factors)
            if sign == "*":
                factors.append(self._factor())
                continue
            # Only division by a number is followed: Nuke's result of a division by 0 is not known.
            kind, word = self.tokens.pop(0) if self.tokens else ("", "")
            if kind != "number" or not float(word):
                raise NotFollowed
            factors.append(_constant(1 / float(word)))

    def _factor(self) -> Follow:
        self.depth += 1
        if self.depth > MAX_NESTED:
            raise NotFollowed
        try:
            return self._innermost()
        finally:
            self.depth -= 1

    def _innermost(self) -> Follow:
        if self._next("-"):
            negated = self._factor()
            return lambda frame: -negated(frame)
        if self._next("("):
            value = self._sum()
            if not self._next(")"):
                raise NotFollowed
            return value
        kind, word = self.tokens.pop(0) if self.tokens else ("", "")
        if kind == "number":
            return _constant(float(word))
        if kind != "path":
            raise NotFollowed
        if word in FRAME_WORDS:
            return lambda frame: frame
        value = self.scope.knob(word)
        if not self._next("("):
            return value
        time = self._sum()
        if not self._next(")"):
            raise NotFollowed
        return lambda frame: value(time(frame))


def _constant(value: float) -> Follow:
    return lambda frame: value
