"""How an input is damaged: bytes, texts, and values of JSON; the same seed damages in the same way."""

from __future__ import annotations

import copy
import json
import random
import re
from typing import Any

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 20, 1 << 28)
NUMBERS = ("nan", "inf", "-inf", "1e400", "-1e308", "1e300", "18446744073709551616", "-2147483649", "0", "-1", "0.5", "1e9", "9" * 400)
"""Texts that stand where a number stood."""
WORDS = (" x1 ", " x3 1e9 ", " {r 1000000000} ", "[", "\\", '"', "$", "\n", " - ", " idem ", "é")
VALUES = (
    None, True, False, 0, -1, 1.5, 2**31, 2**64, 10**400, 1e300, float("nan"), float("inf"), "", "x", "[exec x]", "../../x", "\0", "\ud800",
    "x" * 5000, [], [[]], {}, {"a": 1}, [1, "2", None], [0] * 2000,
)  # fmt: skip
"""Values that stand where another stood."""


def damaged_bytes(content: bytes, draw: random.Random) -> bytes:
    """Damage bytes in one to four places."""
    content = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        if not content:
            return bytes(draw.randrange(256) for _ in range(draw.randrange(40)))
        at, kind = draw.randrange(len(content)), draw.randrange(8)
        if draw.random() < 0.5:  # headers are where it hurts
            at = draw.randrange(min(len(content), 400))
        if kind <= 2:
            content[at] ^= 1 << draw.randrange(8)
        elif kind == 3:
            content[at] = draw.choice((0, 0x7F, 0x80, 0xFF))
        elif kind == 4:
            size = draw.choice((2, 4, 8))
            content[at : at + size] = draw.choice(EXTREMES).to_bytes(8, draw.choice(("little", "big")))[:size]
        elif kind == 5:
            del content[at : at + draw.choice((1, 4, 64, 1 << 20))]
        elif kind == 6:
            content[at:at] = bytes(draw.randrange(256) for _ in range(draw.choice((1, 4, 64))))
        else:
            start = draw.randrange(len(content))
            content[at:at] = content[start : start + draw.choice((4, 32, 500))]
    return bytes(content)


def flipped_bit(content: bytes, draw: random.Random, begin: int) -> bytes:
    """Flip one bit at or after a place."""
    content = bytearray(content)
    content[draw.randrange(begin, len(content))] ^= 1 << draw.randrange(8)
    return bytes(content)


def damaged_text(text: str, draw: random.Random) -> str:
    """Damage a text of words, braces and numbers."""
    for _ in range(draw.choice((1, 1, 2, 3))):
        kind = draw.randrange(8)
        if kind <= 2 and (found := list(re.finditer(r"-?[0-9]+(?:\.[0-9]+)?", text))):
            spot = draw.choice(found)
            text = text[: spot.start()] + draw.choice(NUMBERS) + text[spot.end() :]
        elif kind == 3 and (found := [spot.start() for spot in re.finditer(r"[{}]", text)]):
            at = draw.choice(found)
            text = text[:at] + text[at + 1 :] if draw.random() < 0.7 else text[:at] + text[at] * draw.choice((2, 50, 3000)) + text[at + 1 :]
        elif kind == 4 and len(text) > 10:
            at = draw.randrange(len(text))
            text = text[:at] + text[at + draw.choice((1, 5, 40)) :]
        elif kind == 5 and len(text) > 10:
            start, at = draw.randrange(len(text)), draw.randrange(len(text))
            text = text[:at] + text[start : start + draw.choice((3, 30, 300))] + text[at:]
        elif kind == 6:
            words = text.split(" ")
            first, second = draw.randrange(len(words)), draw.randrange(len(words))
            words[first], words[second] = words[second], words[first]
            text = " ".join(words)
        else:
            at = draw.randrange(len(text) + 1)
            text = (
                text[:at]
                + draw.choice((" x1 ", " x3 1e9 ", " {r 1000000000} ", "[", "\\", '"', "$", "\n", " - ", " idem ", "é"))
                + text[at:]
            )
    return text


def damaged_json(content: Any, draw: random.Random) -> str:
    """Damage JSON as a value, now and then as a text."""
    if draw.random() < 0.2:
        return damaged_text(json.dumps(content), draw)
    content = json.loads(json.dumps(content))
    for _ in range(draw.choice((1, 1, 2))):
        places = list(_places(content))
        if not places:
            break
        holder, key = draw.choice(places)
        kind = draw.randrange(5)
        if kind == 0 and isinstance(holder, dict):
            del holder[key]
        elif kind == 1 and isinstance(holder, dict):
            holder[str(draw.choice(("x", "1_0", "", "-5", "9" * 30, key)))] = holder.pop(key)
        elif kind == 2 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(draw.choice(VALUES)))
        else:
            holder[key] = copy.deepcopy(draw.choice(VALUES))
    return json.dumps(content)


def _places(content: Any) -> Any:
    """List every place of a value: its holder, and its key or index."""
    keys = content.keys() if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else ()
    for key in list(keys):
        yield content, key
        yield from _places(content[key])
