"""The gates: JSON and numbers from outside."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest

from xmemcore.protocol.outside import NotUsable, number, parse_json, read_json, read_object, short, whole_number


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 99_000, "nested too deeply"),
        ('{"a":' * 20_000, "nested too deeply"),
        ("1" * 5000, "a number of 5000 digits"),
        ("1" * 10_000_000, "a number of 10000000 digits"),
        ("[1e400]", "too large"),
        ("[NaN]", "holds NaN"),
        ("[-Infinity]", "holds -Infinity"),
        ("{", "no JSON"),
        ("", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b'"\x80"', "no JSON"),
    ],
    ids=range(11),
)
def test_json_that_cannot_be_used_is_refused_soon(text: str, words: str) -> None:
    began = time.process_time()
    with pytest.raises(NotUsable, match=words) as refusal:
        parse_json(text)
    assert time.process_time() - began < 5
    assert len(str(refusal.value)) < 120 and "\n" not in str(refusal.value)


def test_json_that_can_be_used_comes_whole() -> None:
    assert parse_json(b'{"a": [1, 2.5, "\\u00e4", null, true]}') == {"a": [1, 2.5, "ä", None, True]}
    assert parse_json(b"\xef\xbb\xbf{}") == {}
    assert math.isnan(parse_json("NaN", finite=False))


def test_file_is_read_or_says_why_not(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]")
    assert read_json(tmp_path / "a.json") == [1] and read_object(tmp_path / "a.json") is None
    assert read_object(tmp_path / "none.json") is None
    (tmp_path / "a.json").write_text('{"a": 1}')
    assert read_object(tmp_path / "a.json") == {"a": 1}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400, "1", None, True, [1], 1.5, -0.5], ids=range(10))
def test_number_outside_of_its_range_or_none_at_all_is_named(value: object) -> None:
    with pytest.raises(NotUsable, match="^the opacity is .*(no number|no finite number|in 0 to 1)"):
        number(value, "the opacity", 0, 1)


def test_whole_numbers_are_whole() -> None:
    assert whole_number(7, "x", 0, 10) == 7 and whole_number(7.0, "x", 0, 10) == 7
    with pytest.raises(NotUsable, match="no whole number"):
        whole_number(7.5, "x", 0, 10)


@pytest.mark.parametrize("value", ["x" * 10_000, "a\nb\x00c\x1b[31m", 10**5000, ["y"] * 10_000, ValueError("z" * 10_000)], ids=range(5))
def test_what_is_shown_is_one_short_line(value: object) -> None:
    assert len(short(value)) <= 60 and short(value).isprintable()
