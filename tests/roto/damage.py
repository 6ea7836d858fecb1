"""Seeded damage to roto text: what disks, editors, other programs and ill will make of a script."""

from __future__ import annotations

import random
import re

NUMBERS = (
    "nan", "-inf", "1e999", "1e308", "-1e9", "999999999", "0", "-0", "x7fc00000", "x7f800000", "x00000001", "1e-320", "9" * 60, "0x1p3",
)  # fmt: skip
WORDS = (
    "{", "}", "{{", "}}", "{}", '"', "\\", "idem", "curve", "x", "{x 1000000000 {1}}", "{x 3 5}", "=Tracker1.translate.x", "{=frame 3}",
    "{a osw 1e9}", "{cc {f 32} {p {1 2} {3 4}}}", "{px {1001 1002} {1}}", "{layer a", "bspline", "-", "end_group", "push $N1", "Group {\n",
    "\x00", "é", "[exit]",
)  # fmt: skip
TOKEN = re.compile(r"[^\s{}]+")


def damaged(text: str, rng: random.Random) -> str:
    """Damage a text in one to six places."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        text = rng.choice(KINDS)(text, rng)
    return text


def _flip(text: str, rng: random.Random) -> str:
    place = rng.randrange(len(text) or 1)
    return text[:place] + chr(rng.randrange(1, 256)) + text[place + 1 :]


def _cut(text: str, rng: random.Random) -> str:
    start = rng.randrange(len(text) or 1)
    return text[:start] + text[start + rng.choice((1, 2, 9, 200, 10**6)) :]


def _repeat(text: str, rng: random.Random) -> str:
    start = rng.randrange(len(text) or 1)
    piece = text[start : start + rng.choice((1, 8, 60, 400))]
    return text[:start] + piece * rng.choice((2, 3, 40)) + text[start:]


def _insert(text: str, rng: random.Random) -> str:
    place = rng.randrange(len(text) or 1)
    return text[:place] + " " + rng.choice(WORDS) + " " + text[place:]


def _number(text: str, rng: random.Random) -> str:
    """Replace a word, of which most are numbers, within a stretch: looking at all words of a large script is slow."""
    start = rng.randrange(len(text) or 1)
    word = TOKEN.search(text, start, start + 500)
    return text if word is None else text[: word.start()] + rng.choice(NUMBERS) + text[word.end() :]


def _swap(text: str, rng: random.Random) -> str:
    a, b = sorted(rng.randrange(len(text) or 1) for _ in range(2))
    size = rng.choice((1, 5, 30))
    return text[:a] + text[b : b + size] + text[a + size : b] + text[a : a + size] + text[b + size :]


KINDS = (_flip, _cut, _repeat, _insert, _number, _number, _swap)
