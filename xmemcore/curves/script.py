"""A Nuke script or gizmo: its nodes, the texts of their knobs, and their connections. Nothing is evaluated."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Dict, Iterator, List, Optional, Tuple

from xmemcore.curves.braces import broken, unescape

GROUPS = ("Group", "Gizmo", "LiveGroup", "VariableGroup")
"""Classes whose children follow, up to end_group."""
COMMANDS = frozenset("add_layer define_window_layout_xml load proc version push set clone end_group addUserKnob".split())
"""Words that begin a line and are no node's class."""
MAX_NODES = 200_000
MAX_GROUPS = 100
"""Deepest nesting of groups."""
MAX_INPUTS = 10_000
SKIPPED = re.compile(r"(?:\s|;|\\\n|#[^\n]*)+")
BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
BARE = re.compile(r"(?:[^\s;\\]|\\.)+", re.DOTALL)
BETWEEN_WORDS = re.compile(r"(?:[^\S\n]|\\\n)+")

Extent = Tuple[int, int]
"""Offsets in the text: from the first character to behind the last."""


@dataclass(frozen=True)
class Format:
    """A node's or script's format."""

    width: int
    height: int
    pixel_aspect: float


@dataclass(eq=False)
class Node:
    """A node as it stands in a text."""

    text: str = field(repr=False)
    kind: str
    """Its class."""
    body: Extent
    group: Optional[Node] = None
    """The group around it; None: it stands in the script itself."""
    original: Optional[Node] = None
    """The node of which it is a clone."""
    inputs: List[Optional[Node]] = field(default_factory=list)
    """Connected nodes, input 0 first; None: not connected."""
    children: List[Node] = field(default_factory=list)

    @cached_property
    def _knobs(self) -> Dict[str, Extent]:
        return knobs(self.text, self.body)

    def knob(self, name: str) -> Optional[Extent]:
        """Give where a knob's value stands, its own braces and quotes left out; None where it is not written."""
        word = self._knobs.get(name)
        if word is None and self.original is not None and self.original is not self and name not in ("name", "inputs"):
            return self.original.knob(name)
        return None if word is None else inside(self.text, word)

    def value(self, name: str) -> str:
        """Give a knob's value as text; empty where it is not written."""
        extent = self.knob(name)
        return "" if extent is None else unescape(self.text[slice(*extent)]).strip()

    @cached_property
    def name(self) -> str:
        """Its name; a clone has its original's."""
        return self.value("name") or (self.kind if self.source is self else self.source.name)

    @property
    def source(self) -> Node:
        """The node whose knobs it has: itself, or its original."""
        return self if self.original is None or self.original is self else self.original.source

    @cached_property
    def path(self) -> str:
        """Its name with the groups around it: `Group1.Roto1`."""
        return self.name if self.group is None else f"{self.group.path}.{self.name}"

    @property
    def disabled(self) -> bool:
        """Whether it passes its input on."""
        return self.value("disable") in ("true", "1")

    @property
    def disabled_for_a_time(self) -> bool:
        """Whether keys or an expression say on which frames it passes its input on."""
        return self.value("disable") not in ("", "true", "1", "false", "0")

    @cached_property
    def format(self) -> Optional[Format]:
        """Its own format; None where none is written, or only a format's name."""
        parts = self.value("format").split()
        try:
            width, height = int(parts[0]), int(parts[1])
            aspect = float(parts[6]) if len(parts) > 6 else 1.0
        except (IndexError, ValueError, OverflowError):
            return None
        return Format(width, height, aspect)


@dataclass(frozen=True)
class Script:
    """The nodes of a text."""

    text: str = field(repr=False)
    nodes: Tuple[Node, ...]
    """All nodes in the text's order, those in groups too."""
    root: Optional[Node]
    """The script's settings."""

    def of(self, kinds: Tuple[str, ...]) -> List[Node]:
        """List the nodes of some classes."""
        return [node for node in self.nodes if node.kind in kinds]

    @property
    def format(self) -> Optional[Format]:
        """The script's format."""
        return None if self.root is None else self.root.format


def read_script(text: str) -> Script:
    """Read the nodes of a script.

    Raises:
        CurvesTextBroken: braces or quotes do not match, or a limit is passed.
    """
    return _Reader(text).script()


class _Reader:
    """Runs a script's commands on a stack, as Nuke does when it loads a script."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.nodes: List[Node] = []
        self.root: Optional[Node] = None
        self.groups: List[Node] = []
        self.stacks: List[List[Optional[Node]]] = [[]]
        self.names: Dict[str, Optional[Node]] = {}

    def script(self) -> Script:
        for words in commands(self.text, 0, len(self.text)):
            head = self._content(words[0])
            if head == "end_group":
                if self.groups:
                    self.groups.pop()
                    self.stacks.pop()
            elif head == "push" and len(words) > 1:
                self.stacks[-1].append(self.names.get(self._content(words[1]).lstrip("$")))
            elif head == "set" and len(words) > 2:
                self._set([self._content(word) for word in words[1:]])
            elif head == "clone" and len(words) > 2 and self._is_body(words[-1]):
                original = self.names.get(self._content(words[1]).lstrip("$"))
                kind = original.kind if original is not None else self._content(words[-2])
                self._add(Node(self.text, kind, inside(self.text, words[-1]), self._group, original))
            elif len(words) == 2 and head not in COMMANDS and self._is_body(words[1]):
                self._add(Node(self.text, head, inside(self.text, words[1]), self._group))
        return Script(self.text, tuple(self.nodes), self.root)

    @property
    def _group(self) -> Optional[Node]:
        return self.groups[-1] if self.groups else None

    def _add(self, node: Node) -> None:
        if node.kind == "Root":
            self.root = self.root or node
            return
        if len(self.nodes) >= MAX_NODES:
            raise broken(self.text, node.body[0], f"over {MAX_NODES} nodes")
        self.nodes.append(node)
        if node.group is not None:
            node.group.children.append(node)
        stack = self.stacks[-1]
        for _ in range(min(_input_count(node.value("inputs")), MAX_INPUTS)):
            node.inputs.append(stack.pop() if stack else None)
        stack.append(node)
        if node.kind in GROUPS:
            if len(self.groups) >= MAX_GROUPS:
                raise broken(self.text, node.body[0], f"groups within groups, deeper than {MAX_GROUPS}")
            self.groups.append(node)
            self.stacks.append([])

    def _set(self, words: List[str]) -> None:
        """`set N7f3a [stack 0]`."""
        place = words[-1].rstrip("]")
        stack = self.stacks[-1]
        at = int(place) if place.isdecimal() and len(place) < 6 else 0
        self.names[words[0]] = stack[-1 - at] if at < len(stack) else None

    def _is_body(self, word: Extent) -> bool:
        return self.text[word[0]] == "{"

    def _content(self, word: Extent) -> str:
        return self.text[slice(*inside(self.text, word))]


def _input_count(written: str) -> int:
    """Read `2`, or `2+1` with a mask; one where nothing is written."""
    parts = written.split("+") if written else ["1"]
    return sum(int(part) for part in parts if part.isdecimal() and len(part) < 6)


def commands(text: str, start: int, end: int) -> Iterator[List[Extent]]:
    """Split a stretch of script into commands, each a list of its words' extents, braces and quotes included.

    Raises:
        CurvesTextBroken: braces or quotes do not match.
    """
    place = start
    while True:
        skipped = SKIPPED.match(text, place, end)
        place = skipped.end() if skipped else place
        if place >= end:
            return
        if text[place] == "}":
            raise broken(text, place, "a closing brace without an opening one")
        words = []
        while place < end and text[place] not in "\n;":
            stop = _end_of_word(text, place, end)
            words.append((place, stop))
            between = BETWEEN_WORDS.match(text, stop, end)
            place = between.end() if between else stop
        yield words


def _end_of_word(text: str, place: int, end: int) -> int:
    if text[place] == "{":
        depth = 0
        for match in BRACE.finditer(text, place, end):
            found = match[0]
            depth += 1 if found == "{" else -1 if found == "}" else 0
            if depth == 0:
                return match.end()
        raise broken(text, place, "a brace that is never closed")
    if text[place] == '"':
        quoted = QUOTED.match(text, place, end)
        if quoted is None:
            raise broken(text, place, "a quote that never ends")
        return quoted.end()
    bare = BARE.match(text, place, end)
    return bare.end() if bare else place + 1


def knobs(text: str, body: Extent) -> Dict[str, Extent]:
    """List the knob values of a node's body; what is not `knob value` is left out."""
    return {text[slice(*inside(text, line[0]))]: line[1] for line in commands(text, *body) if len(line) == 2}


def inside(text: str, word: Extent) -> Extent:
    """Leave out a word's own braces or quotes."""
    start, end = word
    return (start + 1, end - 1) if text[start] in '{"' else (start, end)
