"""Animated numbers against cubics computed by hand, and against keys that Nuke wrote."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.roto.made_roto import hexadecimal
from tests.roto.reference_raster import hermite
from xmemcore.roto.animation import Curve, Key, keyed
from xmemcore.roto.braces import CurvesTextBroken, split
from xmemcore.roto.curve_text import curve


def read(text: str, times: tuple[float, ...] | None = None) -> Curve:
    return curve(text, split(text)[0], times)


def test_numbers_are_integers_decimals_or_hexadecimal_floats() -> None:
    assert read("x3f99999a").at(0) == pytest.approx(1.2)
    assert read("xc1940000").at(5) == -18.5
    assert read("-7").at(0) == -7
    assert read("2.5e1").at(0) == 25


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
@settings(max_examples=40, deadline=None)
def test_hexadecimal_floats_come_back_exactly(value: float) -> None:
    assert read(hexadecimal(value)).at(0) == value


def test_an_empty_value_is_zero() -> None:
    assert read("{}").at(3) == 0


def test_flat_keys_ease_in_and_out() -> None:
    animated = read("{{1001 0 -} {1011 8 -}}")
    assert [animated.at(frame) for frame in (900, 1001, 1006, 1011, 2000)] == [0, 0, 4, 8, 8]
    assert animated.at(1003) == pytest.approx(8 * (3 * 0.2**2 - 2 * 0.2**3))


def test_slopes_are_units_per_frame() -> None:
    animated = read("{{10 0 0 1 2 1} {20 5 -1 1 0 1}}")
    for frame in (12, 15, 19.5):
        assert animated.at(frame) == pytest.approx(hermite(10, 0, 2, 20, 5, -1, frame))


def test_slopes_along_the_chord_are_linear() -> None:
    animated = read("{{0 0 0 1 0.5 1} {10 5 0.5 1 0 1}}")
    assert [animated.at(frame) for frame in range(11)] == pytest.approx([frame / 2 for frame in range(11)])


def test_handle_lengths_bend_time() -> None:
    # Handles of length 0 at both ends: time is 3u^2 - 2u^3 of the parameter, and so is the value.
    animated = read("{{0 0 0 1 3 0} {10 10 3 0 0 1}}")
    assert animated.at(2.5) == pytest.approx(2.5)
    # A long flat handle on the left alone holds the value back.
    held = read("{{0 0 0 1 0 3} {10 10 0 0 0 1}}")
    assert held.at(5) < hermite(0, 0, 0, 10, 10, 0, 5)


def test_step_and_linear_interpolation_codes() -> None:
    assert read("{{0 1 0 1 0 1 0} {10 2 0 1 0 1 0}}").at(9.9) == 1
    assert read("{{0 1 0 1 0 1 1} {10 2 0 1 0 1 1}}").at(5) == 1.5
    assert read("{{0 1 0 1 0 1 257} {10 2 0 1 0 1 257}}").at(5) == 1.5  # the high byte is extrapolation


def test_keys_without_slopes_are_smooth_as_nuke_writes_them() -> None:
    """Values and slopes of three keys that Nuke itself wrote, one a frame."""
    values = [-137.642, -133.284, -127.671]
    animated = keyed([Key(53 + i, value) for i, value in enumerate(values)])
    assert animated.keys[0].right_slope == pytest.approx(4.0443, abs=1e-3)
    assert animated.keys[1].left_slope == pytest.approx(4.9854, abs=1e-3)
    assert animated.keys[0].left_slope == animated.keys[2].right_slope == 0


def test_two_keys_without_slopes_are_linear() -> None:
    assert read("{{0 10} {4 30}}").at(1) == pytest.approx(15)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=6), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_smooth_curves_stay_between_their_keys(values: list[float], place: float) -> None:
    animated = keyed([Key(5 * i, value) for i, value in enumerate(values)])
    frame = place * 5 * (len(values) - 1)
    before = min(int(frame // 5), len(values) - 2)
    low, high = sorted(values[before : before + 2])
    assert low - 1e-6 <= animated.at(frame) <= high + 1e-6


@given(
    st.lists(st.tuples(st.integers(-50, 50), st.floats(-10, 10), st.floats(-3, 3)), min_size=1, max_size=5, unique_by=lambda key: key[0])
)
@settings(max_examples=40, deadline=None)
def test_a_key_has_its_value_whatever_its_slopes(keys: list[tuple[int, float, float]]) -> None:
    text = "{" + " ".join(f"{{{time} {value!r} {slope!r} 1 {slope!r} 1}}" for time, value, slope in keys) + "}"
    animated = read(text)
    for time, value, _ in keys:
        assert animated.at(time) == pytest.approx(value)


def test_times_given_once_serve_all_keys() -> None:
    assert read("{{1 -} {2 -} {4 -}}", (0, 10, 20)).at(10) == 2
    assert read("{{x 2 {1 -}} {4 -}}", (0, 10, 20)).at(10) == 1
    assert read("{{7 -}}", (0, 10, 20)).at(15) == 7
    assert read("x41400000", (1001,)).key_times == (1001,)


def test_an_expression_gives_the_number_beside_it() -> None:
    assert read("{=origin.x 640}").at(0) == 640
    spaced = read('{"=[value width] / 2" 320}')
    assert (spaced.at(0), spaced.expression, spaced.key_times) == (320, "[value width] / 2", ())
    assert read("{=x {{1 5 -} {3 6 -}}}").at(2) == 5.5


def test_knob_curves_are_read_too() -> None:
    assert read("{curve x1 0 x11 10}").at(6) == pytest.approx(5)
    assert read("{curve K x1 3 x5 4}").at(4.9) == 3
    assert read("{curve L x0 0 x10 1}").at(2) == pytest.approx(0.2)
    assert read("{curve x0 0 s0 x10 10 s0}").at(1) == pytest.approx(hermite(0, 0, 0, 10, 10, 0, 1))
    assert read("{curve x0 0 s0 t2 x10 10 s-1}").at(3) == pytest.approx(hermite(0, 0, 2, 10, 10, -1, 3))
    assert read("{curve 1 2 4}").key_times == (0, 1, 2)


@pytest.mark.parametrize(
    ("text", "times"),
    [("{{1 2 3}}", None), ("{{x 2 3}}", (0, 1)), ("hello", None), ("{1 2}", None), ("{{1 -} {2 -} {3 -}}", (0, 1)), ("{{}}", None)],
)
def test_what_is_no_curve_is_refused_with_its_place(text: str, times: tuple[float, ...] | None) -> None:
    with pytest.raises(CurvesTextBroken, match="line 1, column"):
        read(text, times)
