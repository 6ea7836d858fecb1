"""Every message survives its line, and nothing else is taken for one."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Mapping
from typing import Union, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmemcore.protocol import messages
from xmemcore.protocol.messages import KINDS, MessageUnreadable, RequestUnreadable, decode, encode
from xmemcore.protocol.requests import ApproveRequest, FitRequest, PropagateRequest, SuggestRequest
from xmemcore.protocol.results import RESULTS

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))
WHOLE = st.integers(-(2**53), 2**53)
SHARE = st.floats(0, 1)


def _of(hint) -> st.SearchStrategy:
    """Any value of a field of a result."""
    arguments = getattr(hint, "__args__", ())
    origin = getattr(hint, "__origin__", hint)
    if origin is Union:
        return st.none() | _of(arguments[0])
    if origin is tuple:
        return st.lists(_of(arguments[0]), max_size=3).map(tuple)
    if origin is Mapping:
        return st.dictionaries(_of(arguments[0]), _of(arguments[1]), max_size=3)
    if dataclasses.is_dataclass(hint):
        return st.builds(hint, **{name: _of(part) for name, part in get_type_hints(hint).items()})
    return {int: st.integers(-(10**9), 10**9), float: SHARE, str: TEXT, bool: st.booleans()}[hint]


SAMPLES = {
    int: WHOLE,
    str: TEXT,
    "int": WHOLE,
    "str": TEXT,
    "Optional[str]": st.none() | TEXT,
    "Optional[int]": st.none() | WHOLE,
    "Result": st.one_of(
        *(st.builds(kind, **{name: _of(hint) for name, hint in get_type_hints(kind).items()}) for kind in RESULTS.values())
    ),
    "PropagateRequest": st.builds(PropagateRequest, plate=TEXT, keyframes=st.none() | st.tuples(WHOLE, WHOLE), viewer_frame=WHOLE),
    "SuggestRequest": st.builds(SuggestRequest, plate=TEXT, alpha=st.floats(0, 1), absent=st.none() | st.tuples(TEXT, TEXT)),
    "FitRequest": st.builds(FitRequest, plate=TEXT, mattes=TEXT, frame=WHOLE),
    "ApproveRequest": st.builds(ApproveRequest, mattes=TEXT, frames=TEXT, objects=st.none() | st.tuples(TEXT), undo=st.booleans()),
}


def any_message() -> st.SearchStrategy:
    return st.one_of(
        *[st.builds(kind, **{field.name: SAMPLES[field.type] for field in dataclasses.fields(kind)}) for kind in KINDS.values()]
    )


@settings(max_examples=200, deadline=None)
@given(any_message())
def test_every_message_survives_its_line(message):
    line = encode(message)
    assert line.endswith("\n") and line.count("\n") == 1 and line.isascii()
    assert decode(line) == message


def test_every_message_of_the_union_has_a_kind():
    assert set(messages.Message.__args__) == set(KINDS.values())
    assert all(dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen for kind in KINDS.values())


@pytest.mark.parametrize(
    "line",
    ["", "7", "null", "{}", '{"kind": "nobody"}', '{"kind": "progress", "job": 1}', '{"kind": "pong", "extra": 1}',
     '{"kind": []}', '{"kind": {}}',
     '{"kind": "cancel", "job": "1"}', '{"kind": "cancel", "job": true}', '{"kind": "cancel", "job": 1e400}',
     '{"kind": "frame_done", "job": 1, "frame": 1, "path": 5}', '{"kind": "finished", "job": 1, "result": []}', "[" * 90_000,
     '{"kind": "finished", "job": 1, "result": {}}', '{"kind": "finished", "job": 1, "result": {"kind": "models"}}',
     '{"kind": "finished", "job": 1, "result": {"kind": "clear", "extra": 1}}',
     '{"kind": "finished", "job": 1, "result": {"kind": "models", "models": [{"name": 5, "summary": "", "terms": "", "installed": true}]}}',
     '{"kind": "suggest", "job": 1, "request": {"plate": "p", "colour": "red"}}', '{"kind": "propagate", "job": 1, "request": 5}'],
)  # fmt: skip
def test_other_lines_are_refused_with_what_they_said(line):
    with pytest.raises(MessageUnreadable) as refusal:
        decode(line)
    assert line[:40] in str(refusal.value)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("plate", 5, "plate is 5, but must be text"),
        ("plate", None, "plate is None, but must be text"),
        ("plate", "a\0b", "characters that no path"),
        ("roto", "\ud800", "characters that no path"),
        ("size", "480", "size is '480', but must be a whole number"),
        ("size", 480.5, "must be a whole number"),
        ("size", 10**30, "must be a whole number"),
        ("size", True, "must be a whole number"),
        ("confidence", 1, "must be true or false"),
        ("keyframes", [1, "2"], "must be a list of whole numbers"),
        ("keyframes", {"1": 2}, "must be a list of whole numbers"),
        ("objects", ["sleeve", 2], "must be a list of texts"),
        ("absent", "sleeve:1010-1032", "must be a list of texts"),
        ("viewer_frame", [1], "must be a whole number"),
        ("node_id", ["x"], "must be text"),
    ],
)
def test_request_with_a_value_of_another_kind_is_the_askers_fault(field, value, words):
    line = json.dumps({"kind": "propagate", "job": 7, "request": {"plate": "p", field: value}})
    with pytest.raises(RequestUnreadable, match=words) as refusal:
        decode(line)
    assert refusal.value.job == 7 and refusal.value.exit_code == 2 and len(str(refusal.value)) < 300


@pytest.mark.parametrize("alpha", ["NaN", "Infinity", "1e400", "true", '"0.5"'])
def test_number_of_a_request_is_a_number(alpha):
    with pytest.raises(RequestUnreadable, match="alpha is .* but must be a number"):
        decode(f'{{"kind": "suggest", "job": 7, "request": {{"plate": "p", "alpha": {alpha}}}}}')


def test_long_lines_are_cut_and_the_next_one_is_whole(monkeypatch):
    monkeypatch.setattr(messages, "LONGEST_LINE_BYTES", 8)
    assert list(messages.lines(io.BytesIO(b"short\n" + 50 * b"x" + b"\nnext\n1234567\nend"))) == [
        b"short\n", b"xxxxxxxx", b"next\n", b"1234567\n", b"end",
    ]  # fmt: skip
