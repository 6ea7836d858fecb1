"""Every frame is delivered once, by sweeps that begin at keyframes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from xmemcore.engine.order import MAX_BLEND_FRAMES, forward_gap, outward_gaps

shots = st.integers(1, 60).flatmap(lambda length: st.tuples(st.just(length), st.sets(st.integers(0, length - 1), min_size=1)))


@given(shots)
@settings(max_examples=60, deadline=None)
def test_every_index_is_delivered_by_exactly_one_gap(shot: tuple[int, set[int]]) -> None:
    length, keyframes = shot
    delivered = [index for gap in outward_gaps(length, keyframes) for index in gap.delivers]
    assert sorted(delivered) == list(range(length))


@given(shots)
@settings(max_examples=60, deadline=None)
def test_passes_begin_at_keyframes_and_step_by_one(shot: tuple[int, set[int]]) -> None:
    length, keyframes = shot
    for gap in outward_gaps(length, keyframes):
        for sweep in gap.sweeps:
            assert sweep[0] in keyframes
            steps = {b - a for a, b in zip(sweep, sweep[1:])}
            assert steps in (set(), {1}, {-1})
            assert not keyframes.intersection(sweep[1:])


@given(shots)
@settings(max_examples=60, deadline=None)
def test_weights_of_a_cross_fade_sum_to_one_and_move_one_way(shot: tuple[int, set[int]]) -> None:
    length, keyframes = shot
    for gap in outward_gaps(length, keyframes):
        assert len(gap.blend) <= MAX_BLEND_FRAMES
        weights = [gap.weight(1, index) for index in gap.blend]
        assert weights == sorted(weights)
        for index in gap.blend:
            assert abs(gap.weight(0, index) + gap.weight(1, index) - 1) < 1e-9
        for index in gap.delivers:
            visited = [number for number, sweep in enumerate(gap.sweeps) if index in sweep]
            assert len(visited) == (2 if index in gap.blend else 1)


@given(shots, st.data())
@settings(max_examples=60, deadline=None)
def test_cut_passes_end_at_a_wanted_frame(shot: tuple[int, set[int]], draw: st.DataObject) -> None:
    length, keyframes = shot
    wanted = draw.draw(st.sets(st.integers(0, length - 1)))
    for gap in outward_gaps(length, keyframes):
        for full, cut in zip(gap.sweeps, gap.sweeps_for(wanted)):
            assert full[: len(cut)] == cut
            assert not cut or cut[-1] in wanted


def test_forward_is_one_sweep_over_everything() -> None:
    gap = forward_gap(5)
    assert gap.sweeps[0] == gap.delivers == (0, 1, 2, 3, 4)
