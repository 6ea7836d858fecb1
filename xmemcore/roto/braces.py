"""Braced text, as Nuke's curves and scripts are written, split into words and blocks that know where they stand."""

from __future__ import annotations

import re

from xmemcore.protocol.failures import RequestError

TOKEN = re.compile(
    r"""\s+
    | (?P<brace>[{}])
    | "(?P<quoted>(?:[^"\\]|\\.)*)"
    | (?P<word>(?:[^\s{}"\\]|\\.)(?:[^\s{}\\]|\\.)*)""",
    re.VERBOSE | re.DOTALL,
)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
CONTROL = {"n": "\n", "t": "\t", "r": "\r"}


class CurvesTextBroken(RequestError):
    """Curves text does not follow Nuke's grammar."""


class Word(str):
    """One word, quotes and escapes resolved."""

    position: int
    """Offset of its first character in the text."""

    def __new__(cls, text: str, position: int) -> Word:
        word = super().__new__(cls, text)
        word.position = position
        return word


class Block(list["Word | Block"]):
    """What stands between a pair of braces."""

    def __init__(self, position: int) -> None:
        super().__init__()
        self.position = position

    @property
    def head(self) -> str | None:
        """The first item, where it is a word: it says what most blocks are."""
        return self[0] if self and isinstance(self[0], Word) else None


def split(text: str, start: int = 0, end: int | None = None) -> Block:
    """Split a stretch of text into its words and blocks.

    Returns:
        A block without braces of its own, which holds everything.

    Raises:
        CurvesTextBroken: braces or quotes do not match.
    """
    end = len(text) if end is None else end
    everything = Block(start)
    open_blocks = [everything]
    place = start
    while place < end:
        token = TOKEN.match(text, place, end)
        if token is None:
            raise broken(text, place, "a quote that never ends" if text[place] == '"' else "a backslash at the end")
        kind = token.lastgroup
        if kind == "word" or kind == "quoted":
            open_blocks[-1].append(Word(unescape(token[kind]), place))
        elif token["brace"] == "{":
            block = Block(place)
            open_blocks[-1].append(block)
            open_blocks.append(block)
        elif token["brace"] == "}":
            if len(open_blocks) == 1:
                raise broken(text, place, "a closing brace without an opening one")
            open_blocks.pop()
        place = token.end()
    if len(open_blocks) > 1:
        raise broken(text, open_blocks[-1].position, "a brace that is never closed")
    return everything


def unescape(text: str) -> str:
    """Resolve backslashes, as Nuke writes them."""
    return ESCAPED.sub(lambda match: CONTROL.get(match[1], match[1]), text) if "\\" in text else text


def broken(text: str, position: int, what: str) -> CurvesTextBroken:
    """Say what is wrong with a text, and where."""
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    return CurvesTextBroken(f"The roto is broken at line {line}, column {column}: {what}. Save the script again from Nuke.")
