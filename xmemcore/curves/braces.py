"""Split braced text, as Nuke's curves and scripts are written, into words and blocks with their positions."""

from __future__ import annotations

import re
from typing import List, Optional, Pattern

from xmemcore.protocol.failures import RequestError

MAX_DEPTH = 200
"""Deepest nesting of braces; a layer adds one, and real rotos stay below 30."""
MAX_TOKENS = 4_000_000
"""Most words and braces outside of point lists; the largest public script has a tenth."""


def _nested(depth: int) -> str:
    """Make a pattern of a block that holds blocks down to a depth, without quotes and escapes."""
    pattern = r"\{[^{}\"\\]*\}"
    for _ in range(depth):
        pattern = r"\{[^{}\"\\]*(?:" + pattern + r"[^{}\"\\]*)*\}"
    return pattern


POINT: Pattern[str] = re.compile(_nested(3))
"""A point with key lists and runs in it: `{{{x 2 {5 -}} {6 -}} {7}}`."""
TOKEN = re.compile(
    rf"""\s+
    | (?P<points>\{{\s*(?P<head>px?)(?=[\s{{}}])[^{{}}"\\]*(?:{_nested(3)}[^{{}}"\\]*)*\}})
    | (?P<brace>[{{}}])
    | "(?P<quoted>(?:[^"\\]|\\.)*)"
    | (?P<word>(?:[^\s{{}}"\\]|\\.)(?:[^\s{{}}\\]|\\.)*)""",
    re.VERBOSE | re.DOTALL,
)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
CONTROL = {"n": "\n", "t": "\t", "r": "\r"}


class CurvesTextBroken(RequestError):
    """Curves text does not follow Nuke's grammar, or passes a limit."""


class Word(str):
    """One word, quotes and escapes resolved."""

    __slots__ = ("position",)
    position: int
    """Offset of its first character in the text."""

    def __new__(cls, text: str, position: int) -> Word:
        word = super().__new__(cls, text)
        word.position = position
        return word


class Block(List["Word | Block"]):
    """The items between a pair of braces."""

    __slots__ = ("position",)

    def __init__(self, position: int) -> None:
        super().__init__()
        self.position = position

    @property
    def head(self) -> Optional[str]:
        """The first item, where it is a word: most blocks begin with their kind."""
        return self[0] if self and isinstance(self[0], Word) else None


class Sealed(Block):
    """A point list, `{p ..}` or `{px ..}`, that is kept as text: most of a roto is points, and often none are needed."""

    __slots__ = ("end", "keyword")

    def __init__(self, position: int, end: int, keyword: str) -> None:
        super().__init__(position)
        self.end = end
        self.keyword = keyword

    @property
    def head(self) -> Optional[str]:
        """`p` or `px`."""
        return self.keyword


def split(text: str, start: int = 0, end: Optional[int] = None, sealing: bool = True) -> Block:
    """Split a stretch of text into its words and blocks.

    Args:
        text: whole; positions are counted in it.
        start, end: the stretch; end None: to the text's end.
        sealing: step over point lists.

    Returns:
        A block without braces of its own, which holds everything.

    Raises:
        CurvesTextBroken: braces or quotes do not match, or there are too many.
    """
    end = len(text) if end is None else end
    everything = Block(start)
    open_blocks = [everything]
    place, count = start, 0
    while place < end:
        token = TOKEN.match(text, place, end)
        if token is None:
            raise broken(text, place, "a quote that never ends" if text[place] == '"' else "a backslash at the end")
        kind = token.lastgroup
        if kind == "points" and not sealing:
            kind, token = "brace", _BRACE.match(text, place, end) or token
        if kind == "word" or kind == "quoted":
            open_blocks[-1].append(Word(unescape(token[kind]), place))
        elif kind == "points":
            open_blocks[-1].append(Sealed(place, token.end(), token["head"]))
        elif kind == "brace" and text[place] == "{":
            block = Block(place)
            open_blocks[-1].append(block)
            open_blocks.append(block)
            if len(open_blocks) > MAX_DEPTH:
                raise broken(text, place, f"braces within braces, deeper than {MAX_DEPTH}")
        elif kind == "brace":
            if len(open_blocks) == 1:
                raise broken(text, place, "a closing brace without an opening one")
            open_blocks.pop()
        count += 1
        if count > MAX_TOKENS:
            raise broken(text, place, f"over {MAX_TOKENS} words")
        place = token.end()
    if len(open_blocks) > 1:
        raise broken(text, open_blocks[-1].position, "a brace that is never closed")
    return everything


_BRACE = re.compile(r"[{}]")


def unescape(text: str) -> str:
    """Resolve backslashes, as Nuke writes them."""
    return ESCAPED.sub(lambda match: CONTROL.get(match[1], match[1]), text) if "\\" in text else text


def broken(text: str, position: int, fault: str) -> CurvesTextBroken:
    """Make the failure for a broken text, with the place of the fault."""
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    return CurvesTextBroken(f"The roto is broken at line {line}, column {column}: {fault}. Save the script again from Nuke.")
