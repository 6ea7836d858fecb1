"""Every message survives its line, and nothing else is taken for one."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmemcore.protocol import messages
from xmemcore.protocol.messages import KINDS, MessageUnreadable, decode, encode
from xmemcore.protocol.requests import PropagateRequest, SuggestRequest

SAMPLES = {
    int: st.integers(-(2**53), 2**53),
    str: st.text(),
    "int": st.integers(-(2**53), 2**53),
    "str": st.text(),
    "Optional[str]": st.none() | st.text(),
    "Optional[int]": st.none() | st.integers(),
    "Dict[str, Any]": st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.integers())),
    "PropagateRequest": st.builds(
        PropagateRequest, plate=st.text(), keyframes=st.none() | st.tuples(st.integers(), st.integers()), viewer_frame=st.integers()
    ),
    "SuggestRequest": st.builds(SuggestRequest, plate=st.text(), alpha=st.floats(0, 1)),
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
     '{"kind": "suggest", "job": 1, "request": {"plate": "p", "colour": "red"}}', '{"kind": "propagate", "job": 1, "request": 5}'],
)  # fmt: skip
def test_other_lines_are_refused_with_what_they_said(line):
    with pytest.raises(MessageUnreadable) as refusal:
        decode(line)
    assert line[:40] in str(refusal.value)
