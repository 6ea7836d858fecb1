"""Tcl's words: cut a node's body into them without running it, and quote text so that it survives a load.

A body cannot be run as Tcl commands, because knobs are called `file`, `format` or `after`; so the words are cut here by
Tcl's own rules and every word that needs substitution is given to the real interpreter (host.tcl_word).
"""

from __future__ import annotations

import re
from typing import Any

_BARE = re.compile(r"^[A-Za-z0-9_./:%+\-*@=,<>()!?|&^~]+$")
_ESCAPES = str.maketrans({"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\", "[": "\\[", "$": "\\$", "{": "\\{", "}": "\\}"})
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
"""A brace, or a letter that a backslash takes along."""


class TclSyntax(ValueError):
    """A word does not end."""


def quote(text: str) -> str:
    """Return one Tcl word that reads back as this text: bare when safe, else in quotes with escapes."""
    if text and _BARE.match(text):
        return text
    return '"' + text.translate(_ESCAPES) + '"'


def braced(text: str) -> str:
    """Return `{text}`; only for text whose braces balance."""
    return "{" + text + "}"


def balanced(text: str) -> bool:
    """Tell whether this text may stand raw between braces."""
    depth, skip = 0, False
    for letter in text:
        if skip:
            skip = False
        elif letter == "\\":
            skip = True
        elif letter == "{":
            depth += 1
        elif letter == "}":
            depth -= 1
            if depth < 0:
                return False
    return depth == 0 and not skip


def _after_brace(text: str, start: int) -> int:
    """Index after the brace that closes the one at start."""
    depth = 0
    for found in _BRACE.finditer(text, start):
        if found.group() == "{":
            depth += 1
        elif found.group() == "}":
            depth -= 1
            if depth == 0:
                return found.end()
    raise TclSyntax("missing close-brace")


def _after_bracket(text: str, start: int) -> int:
    """Index after the bracket that closes the one at start; braces and quotes inside protect brackets."""
    return _after(text, start, "]", braced=True)


def _after_quote(text: str, start: int) -> int:
    return _after(text, start, '"', braced=False)


def _after(text: str, start: int, closing: str, braced: bool) -> int:
    """Index after the letter that closes what begins at start; brackets inside are skipped whole, and braces where they count."""
    i, end = start + 1, len(text)
    while i < end:
        letter = text[i]
        if letter == "\\":
            i += 2
        elif letter == "[":
            i = _after_bracket(text, i)
        elif letter == closing:
            return i + 1
        elif braced and letter == "{":
            i = _after_brace(text, i)
        else:
            i += 1
    raise TclSyntax("missing close-bracket" if closing == "]" else 'missing "')


def commands(text: str) -> list[list[str]]:
    """Cut a script into commands of raw words (quotes and braces still around them); comments are dropped."""
    found: list[list[str]] = []
    words: list[str] = []
    i, end = 0, len(text)
    while i < end:
        letter = text[i]
        if letter in " \t\r":
            i += 1
        elif letter == "\\" and text[i + 1 : i + 2] == "\n":
            i += 2
        elif letter in "\n;":
            if words:
                found.append(words)
                words = []
            i += 1
        elif letter == "#" and not words:
            while i < end and text[i] != "\n":
                i += 2 if text[i] == "\\" else 1
        else:
            start = i
            if letter == "{":
                i = _after_brace(text, i)
            elif letter == '"':
                i = _after_quote(text, i)
            else:
                while i < end and text[i] not in " \t\r\n;":
                    if text[i] == "\\":
                        i += 2
                    elif text[i] == "[":
                        i = _after_bracket(text, i)
                    else:
                        i += 1
            words.append(text[start:i])
    if words:
        found.append(words)
    return found


_LINE_CONTINUED = re.compile(r"\\\n[ \t]*")


def word_value(host: Any, word: str) -> str:
    """Return what Tcl makes of a raw word: braces are taken off, everything else is substituted by the interpreter."""
    if word.startswith("{") and word.endswith("}"):
        return _LINE_CONTINUED.sub(" ", word[1:-1])
    if word.startswith('"') and not any(letter in word for letter in "\\[$"):
        return word[1:-1]
    if not any(letter in word for letter in '\\[$"'):
        return word
    return host._tcl_word(word)
