"""A shot shared out to several workers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmemcore.engine.order import forward_gap, outward_gaps
from xmemcore.shot.plan.chunks import parse_chunk, shared_out, together


def by_steps(groups, indices) -> int:
    """Count the steps of the sweeps, as the engine takes them."""
    return sum(len(sweep) for gaps in groups for gap in gaps for sweep in gap.sweeps_for(indices))


@given(
    length=st.integers(1, 60),
    keys=st.lists(st.lists(st.integers(0, 59), min_size=1, max_size=6), min_size=1, max_size=3),
    workers=st.integers(1, 8),
    step=st.integers(1, 3),
)
def test_chunks_hold_every_wanted_frame_once_and_cost_what_the_engine_visits(length, keys, workers, step):
    groups = [outward_gaps(length, {key % length for key in some}) for some in keys]
    wanted = range(0, length, step)
    chunks = shared_out(groups, wanted, workers)
    assert [index for chunk in chunks for index in chunk.indices] == list(wanted)
    assert 1 <= len(chunks) <= workers
    assert all(chunk.steps >= by_steps(groups, chunk.indices) for chunk in chunks)
    if step == 1:
        assert all(chunk.steps == by_steps(groups, chunk.indices) for chunk in chunks)


def test_chunks_cost_about_the_same():
    gaps = outward_gaps(101, range(0, 101, 10))
    steps = [chunk.steps for chunk in shared_out([gaps], range(101), 4)]
    assert len(steps) == 4 and max(steps) <= 1.5 * sum(steps) / 4


def test_a_shot_of_one_sweep_is_one_chunk():
    assert [chunk.indices for chunk in shared_out([[forward_gap(9)]], range(9), 4)] == [tuple(range(9))]


def test_gaps_that_share_frames_are_computed_together():
    first, second = outward_gaps(20, (0, 10)), outward_gaps(20, (5, 10))
    parts = together([*first, *second], set(range(20)))
    assert [(min(gap.delivers[0] for gap in part), max(gap.delivers[-1] for gap in part)) for part in parts] == [(0, 9), (10, 19)]
    assert together(first, {12}) == [[first[1]]]


@pytest.mark.parametrize("text", ["", "0/3", "4/3", "1", "1/0", "a/b", "-1/2", "1/99999"])
def test_what_is_no_chunk_is_refused(text):
    with pytest.raises(match="the second of five"):
        parse_chunk(text)
    assert parse_chunk(" 2/5 ") == (2, 5)
