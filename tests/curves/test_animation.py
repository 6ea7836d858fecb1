"""Animated numbers against readings of a real Nuke, and against cubics computed by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.roto.made_roto import hexadecimal
from tests.roto.reference_raster import hermite
from xmemcore.curves.animation import CATMULL_ROM, CUBIC, LINEAR, SMOOTH, STEP, Curve, Key, keyed
from xmemcore.curves.braces import CurvesTextBroken, split
from xmemcore.curves.curve_text import Budget, curve


def read(text: str, times: tuple[float, ...] | None = None) -> Curve:
    return curve(text, split(text)[0], times)


def test_numbers_are_integers_decimals_or_hexadecimal_floats() -> None:
    assert read("x3f99999a").at(0) == pytest.approx(1.2)
    assert read("xc1940000").at(5) == -18.5
    assert read("-7").at(0) == -7
    assert read("2.5e1").at(0) == 25


@given(st.floats(width=32, min_value=-1e10, max_value=1e10))
@settings(max_examples=40, deadline=None)
def test_hexadecimal_floats_come_back_exactly(value: float) -> None:
    assert read(hexadecimal(value)).at(0) == value


def test_an_empty_value_is_zero() -> None:
    assert read("{}").at(3) == 0


# Readings of Nuke 17.1, keys K = 0@1 20@50 100@100 and H = 0@1 1@50 0@100; see docs/measurements.md for where they come from.
K, H = ((1, 0), (50, 20), (100, 100)), ((1, 0), (50, 1), (100, 0))


def like(values: tuple[tuple[int, float], ...], kinds: list[str]) -> Curve:
    return keyed([Key(time, value, kind) for (time, value), kind in zip(values, kinds)])


@pytest.mark.parametrize(
    ("kind", "at_25", "at_75"),
    [(SMOOTH, 4.3055, 54.4697), (STEP, 0, 20), (LINEAR, 9.7959, 60), (CUBIC, 4.4153, 54.3568), (CATMULL_ROM, 4.3055, 54.4697)],
)
def test_keys_of_one_kind_give_what_nuke_gives(kind: str, at_25: float, at_75: float) -> None:
    animated = like(K, [kind] * 3)
    assert [animated.at(25), animated.at(75)] == pytest.approx([at_25, at_75], abs=4e-4)


@pytest.mark.parametrize(
    ("kind", "at_25", "at_75"), [(SMOOTH, 0.6759, 0.6875), (STEP, 0.6759, 1), (LINEAR, 0.4898, 0.5), (CUBIC, 0.6722, 0.6913)]
)
def test_the_middle_key_alone_gives_what_nuke_gives(kind: str, at_25: float, at_75: float) -> None:
    animated = like(H, [SMOOTH, kind, SMOOTH])
    assert [animated.at(25), animated.at(75)] == pytest.approx([at_25, at_75], abs=1e-4)


def test_smooth_keys_give_what_nuke_gives_all_along() -> None:
    animated = like(K, [SMOOTH] * 3)
    assert [animated.at(frame) for frame in (12, 37, 62, 87)] == pytest.approx([1.3460, 9.7074, 34.4657, 75.6249], abs=4e-4)
    x, y = (keyed([Key(1, a), Key(10, b), Key(20, c)]) for a, b, c in ((100, 300, 500), (100, 200, 100)))
    assert [x.at(5), y.at(5), x.at(15), y.at(15)] == pytest.approx([190.766, 162.277, 401.974, 168.75], abs=1e-3)


@pytest.mark.parametrize(
    "text", ["{{1001 0} {1011 8}}", "{{1001 0 -} {1011 8 -}}", "{{1001 0 0 1 0 1} {1011 8 3 1 0 1}}", "{{1001 0} {1011 8 9 1 9 1 5}}"]
)
def test_two_keys_are_a_straight_line(text: str) -> None:
    animated = read(text)
    assert [animated.at(frame) for frame in (900, 1001, 1003, 1006, 1011, 2000)] == pytest.approx([0, 0, 1.6, 4, 8, 8])


def test_slopes_of_the_first_and_last_key_are_never_used() -> None:
    written = read("{{1 0 0 1 9 1} {50 20 -} {100 100 9 1 0 1}}")
    assert written.at(25) == like(K, [SMOOTH] * 3).at(25)


@pytest.mark.parametrize("code", ["", " 256", " 5"])
def test_slopes_of_inner_keys_are_units_per_frame(code: str) -> None:
    animated = read(f"{{{{0 0}} {{10 5 -1 1 2 1{code}}} {{20 9 0 1 0 1{code}}} {{30 0}}}}")
    assert animated.at(12) == pytest.approx(hermite(10, 5, 2, 20, 9, 0, 12))
    assert animated.at(25) == pytest.approx(hermite(20, 9, 0, 30, 0, -1.35, 25))  # an end has no curvature


def test_codes_of_the_text_are_those_of_nukes_page() -> None:
    assert read("{{0 1 0 1 0 1 0} {10 2 0 1 0 1 0}}").at(9.9) == 1
    assert read("{{0 1 0 1 0 1 1} {10 2 0 1 0 1 1} {20 0}}").at(5) == 1.5
    assert read("{{0 1 0 1 0 1 257} {10 2 0 1 0 1 257} {20 0}}").at(5) == 1.5  # the high byte is extrapolation
    assert read("{{0 1 0 1 0 1 256} {10 2 0 1 0 1 256}}").at(5) == 1.5  # a key that nobody touched


def test_a_spline_of_many_keys_has_no_jump_in_curvature() -> None:
    values = [0, 3, -2, 7, 7, 1]
    animated = keyed([Key(10 * i, value, CUBIC) for i, value in enumerate(values)])
    step = 1e-3

    def bend(frame: float, side: float) -> float:
        points = [animated.at(frame + side * step * i) for i in range(3)]
        return (points[0] - 2 * points[1] + points[2]) / step**2

    for frame in (10, 20, 30, 40):
        assert bend(frame, 1) == pytest.approx(bend(frame, -1), abs=1e-3)
    assert bend(0, 1) == pytest.approx(0, abs=1e-3) and bend(50, -1) == pytest.approx(0, abs=1e-3)


def test_choices_hold_between_keys() -> None:
    animated = read("{{1001 1 -} {1006 0 -} {1009 1 -}}")
    assert [animated.held(frame) for frame in (900, 1001, 1005, 1006, 1008, 1009, 2000)] == [1, 1, 1, 0, 0, 1, 1]
    assert read("0.5").held(3) == 0.5


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


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{10 20 30}", [10, 20, 30]),
        ("{{x 2 {50 -}} 70}", [50, 50, 70]),
        ("{{50 0 1 4 1} {58 4 1 0 1} 66}", [50, 58, 66]),
        ("{{x 2 10} 30}", [10, 10, 30]),
        ("{10 {x 2 30}}", [10, 30, 30]),
        ("{x 3 {40 -}}", [40, 40, 40]),
        ("{{x 3}}", [0, 0, 0]),
        ("{0}", [0, 0, 0]),
        ("{{5}}", [5, 5, 5]),
        ("{{} 5 {}}", [0, 5, 0]),
        ("{{50 4} 8 x41400000}", [50, 8, 12]),
        ("{}", [0, 0, 0]),
    ],
)
def test_what_nuke_writes_shorter_is_read(text: str, values: list[float]) -> None:
    animated = read(text, (1001, 1003, 1005))
    assert [animated.at(frame) for frame in (1001, 1003, 1005)] == values


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("{{1001 2} {1004}}", [(1001, 2), (1004, 0)]),
        ("{{1001 1} 1006}", [(1001, 1), (1006, 0)]),
        ("{{}}", [(0, 0)]),
        ("{{1004}}", [(1004, 0)]),
    ],
)
def test_a_number_that_is_0_may_be_missing_at_the_end(text: str, keys: list[tuple[float, float]]) -> None:
    assert [(key.time, key.value) for key in read(text).keys] == keys


def test_an_expression_gives_the_number_beside_it() -> None:
    assert read("{=origin.x 640}").at(0) == 640
    spaced = read('{"=[value width] / 2" 320}')
    assert (spaced.at(0), spaced.expression, spaced.key_times) == (320, "[value width] / 2", ())
    assert read("{=x {{1 5 -} {3 6 -}}}").at(2) == 5.5


def test_knob_curves_are_read_too() -> None:
    assert read("{curve x1 0 x11 10}").at(6) == pytest.approx(5)
    assert read("{curve K x1 3 x5 4}").at(4.9) == 3
    assert read("{curve L x0 0 x10 1}").at(2) == pytest.approx(0.2)
    assert read("{curve C x1 0 x50 20 x100 100}").at(25) == pytest.approx(4.4153, abs=1e-4)
    assert read("{curve x0 0 s0 x10 10 s0}").at(1) == pytest.approx(hermite(0, 0, 0, 10, 10, 0, 1))
    assert read("{curve x0 0 s0 t2 x10 10 s-1}").at(3) == pytest.approx(hermite(0, 0, 2, 10, 10, -1, 3))
    assert read("{curve 1 2 4}").key_times == (0, 1, 2)


def test_handle_lengths_bend_time() -> None:
    # Handles of length 0 at both ends: time is 3u^2 - 2u^3 of the parameter, and so is the value.
    assert read("{curve x0 0 s0 t3 v0 x10 10 s3 t0 u0}").at(2.5) == pytest.approx(2.5)
    # A long flat handle on the left alone holds the value back.
    assert read("{curve x0 0 s0 v3 x10 10 s0}").at(5) < hermite(0, 0, 0, 10, 10, 0, 5)


@pytest.mark.parametrize(
    ("text", "times", "sentence"),
    [
        ("hello", None, "a number was expected, not 'hello'"),
        ('"x\\nimp588"', None, "a number was expected, not 'x imp588'"),
        ("{{x 2 3 4}}", (0, 1), "a repeated key"),
        ("{{x 2.5 3}}", (0, 1, 2), "comes '2.5' times"),
        ("{{x -1 3}}", (0, 1), "comes '-1' times"),
        ("{{x 1000000000 {1}}}", (0, 1), "comes '1000000000' times, with 2 frames"),
        ("{{x nan {1}}}", (0, 1), "'nan' is no number"),
        ("{{x 2 {1}}}", None, "a number was expected, not 'x'"),
        ("{{1 -} {2 -} {3 -}}", (0, 1), "3 keys for 2 frames"),
        ("nan", None, "'nan' is no number"),
        ("-inf", None, "'-inf' is no number"),
        ("1e999", None, "'1e999' is no number"),
        ("1e300", None, "'1e300' is no number"),
        ("x7f800000", None, "'x7f800000' is no number"),
        ("9" * 500, None, "a number was expected"),
        ("1_000", None, "a number was expected"),
        ("{{1e9 5}}", None, "'1e9' is no frame"),
        ("{{1 2 3 4 5 6 7 8}}", None, "two slopes with their lengths"),
    ],
)
def test_what_is_no_curve_is_refused_with_its_place(text: str, times: tuple[float, ...] | None, sentence: str) -> None:
    with pytest.raises(CurvesTextBroken, match="line 1, column") as caught:
        read(text, times)
    assert sentence in str(caught.value) and len(str(caught.value)) < 250


def test_runs_of_many_keys_are_counted_before_they_are_made() -> None:
    budget = Budget(250)
    times = tuple(range(100))
    for _ in range(2):
        curve("", split("{{x 100 {1 -}}}")[0], times, budget)
    with pytest.raises(CurvesTextBroken, match="keys in one roto"):
        curve("", split("{{x 100 {1 -}}}")[0], times, budget)
