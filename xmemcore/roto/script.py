"""A Nuke script or gizmo, scanned for its Roto nodes; every other node is stepped over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from xmemcore.roto.braces import broken, unescape

CLASSES = ("Roto", "RotoPaint")
OPENS_A_GROUP = ("Group", "Gizmo", "LiveGroup", "VariableGroup")
SKIPPED = re.compile(r"(?:\s|;|\\\n|#[^\n]*)+")
BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
BARE = re.compile(r"(?:[^\s;\\]|\\.)+", re.DOTALL)
BETWEEN_WORDS = re.compile(r"(?:[^\S\n]|\\\n)+")


@dataclass(frozen=True)
class Format:
    """A node's or script's format."""

    width: int
    height: int
    pixel_aspect: float


@dataclass(frozen=True)
class RotoNode:
    """Where a Roto or RotoPaint node's shapes stand in a text."""

    path: str
    """Name with the groups around it: `Group1.Roto1`."""
    start: int
    """Offsets of its curves text; equal where it has none."""
    end: int
    format: Format | None
    """The node's own, else the script's; None where the text does not say."""
    disabled: bool

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


def roto_nodes(text: str) -> list[RotoNode]:
    """List the Roto and RotoPaint nodes of a script.

    Raises:
        CurvesTextBroken: braces or quotes do not match.
    """
    nodes: list[RotoNode] = []
    groups: list[str] = []
    script_format: Format | None = None
    for words in _commands(text, 0, len(text)):
        head = _content(text, words[0])
        if head == "end_group" and groups:
            groups.pop()
        if len(words) != 2 or text[words[1][0]] != "{":
            continue
        if head == "Root":
            script_format = _format(text, _knobs(text, words[1]))
        elif head in OPENS_A_GROUP:
            groups.append(_string(text, _knobs(text, words[1]).get("name")) or head)
        elif head in CLASSES:
            knobs = _knobs(text, words[1])
            start, end = _inside(text, knobs["curves"]) if "curves" in knobs else (words[1][0], words[1][0])
            path = ".".join([*groups, _string(text, knobs.get("name")) or head])
            disabled = _string(text, knobs.get("disable")) in ("true", "1")
            nodes.append(RotoNode(path, start, end, _format(text, knobs) or script_format, disabled))
    return nodes


def _commands(text: str, start: int, end: int) -> Iterator[list[tuple[int, int]]]:
    """Split a stretch of script into commands, each a list of its words' extents, braces and quotes included."""
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
            depth += {"{": 1, "}": -1}.get(match[0], 0)
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


def _knobs(text: str, word: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """List the knob values of a node's body; what is not `knob value` is left out."""
    return {_content(text, line[0]): line[1] for line in _commands(text, *_inside(text, word)) if len(line) == 2}


def _inside(text: str, word: tuple[int, int]) -> tuple[int, int]:
    start, end = word
    return (start + 1, end - 1) if text[start] in '{"' else (start, end)


def _content(text: str, word: tuple[int, int]) -> str:
    start, end = _inside(text, word)
    return text[start:end]


def _string(text: str, word: tuple[int, int] | None) -> str:
    return unescape(_content(text, word)).strip() if word is not None else ""


def _format(text: str, knobs: dict[str, tuple[int, int]]) -> Format | None:
    """Read `width height x y r t pixel_aspect name`; a format that is only named says no size."""
    parts = _string(text, knobs.get("format")).split()
    try:
        width, height = int(parts[0]), int(parts[1])
        aspect = float(parts[6]) if len(parts) > 6 else 1.0
    except (IndexError, ValueError):
        return None
    return Format(width, height, aspect)
