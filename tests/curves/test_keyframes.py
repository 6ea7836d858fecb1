"""Which frames count as keyed by the artist."""

from __future__ import annotations

import pytest

from tests.roto.made_roto import cc, corners, curves, layer, shape, square
from xmemcore.roto import read_roto


def keyframes(*elements: str, **root: str) -> tuple[int, ...]:
    return read_roto(curves(*elements, **root)).objects[0].keyframes


def keys(frames: range | list[int], curve: str = "{} 1 -") -> str:
    return "{" + " ".join("{" + curve.format(frame) + "}" for frame in frames) + "}"


def test_points_of_main_and_feather_curve_count() -> None:
    main, feather = cc(corners((0, 0), (1, 0), (1, 1)), "{1001 1020}"), cc([""] * 9, "{1001 1010}")
    assert keyframes(shape("a", main, feather)) == (1001, 1010, 1020)


def test_a_shape_without_keys_has_no_keyframe() -> None:
    assert keyframes(square("a", 0, 0, 1, times=None)) == ()


def test_a_key_between_frames_counts_for_the_nearest() -> None:
    assert keyframes(square("a", 0, 0, 1, "{1000.6 1003.2}")) == (1001, 1003)


def test_keys_that_say_when_do_not_count() -> None:
    attributes = f"vis {keys([5])} opc {keys([7])} ff {keys([9])} inv {keys([11])} bm {keys([13])} ltt {keys([15])}"
    assert keyframes(square("a", 0, 0, 1, "1", attributes)) == (1,)


def test_the_one_key_that_nuke_itself_makes_does_not_count() -> None:
    untouched = " ".join(["{{1 0 -}}"] * 9 + ["{{1 1 -}}"] * 3)
    assert keyframes(square("a", 0, 0, 1, "{5 9}", transform=f"{{t {untouched}}}")) == (5, 9)
    assert keyframes(square("a", 0, 0, 1, "{5 9}", transform="{tx 1 0}")) == (5, 9)


def test_transform_families_are_judged_apart() -> None:
    """Moved by hand on two frames, turned by a tracker on all of them."""
    transform = f"{{t 0 0 0 {keys([3, 40])} 0 0 0 0 {keys(range(1, 60))} {keys([7])}}}"
    assert keyframes(square("a", 0, 0, 1, "1", transform=transform)) == (1, 3, 40)


def test_a_keyed_transform_counts_but_a_pivot_does_not() -> None:
    assert keyframes(square("a", 0, 0, 1, "1", transform=f"{{t {keys([50])} {keys([50])} 0 {keys([1, 30])} 0}}")) == (1, 30)
    assert keyframes(square("a", 0, 0, 1, "1", transform="{tx 40 960 540}")) == (1,)


def test_a_baked_transform_does_not_count() -> None:
    baked = keys(range(1, 101))
    assert keyframes(square("a", 0, 0, 1, "1", transform=f"{{t 0 0 0 {baked} {baked}}}")) == (1,)


@pytest.mark.parametrize(
    ("frames", "counted"),
    [([1, 2], True), ([1, 2, 3], False), ([1, 3, 6], True), ([1, 3, 5], False), ([1, 11, 21, 31], True), (list(range(0, 40, 2)), False)],
)
def test_baked_is_keys_on_more_than_half_of_the_span(frames: list[int], counted: bool) -> None:
    """Of 1..5 three keys are more than half, of 1..6 they are not; two keys are never a bake."""
    found = keyframes(square("a", 0, 0, 1, None, transform=f"{{t 0 0 0 {keys(frames)}}}"))
    assert found == (tuple(frames) if counted else ())


def test_a_baked_matrix_of_a_planar_tracker_does_not_count() -> None:
    matrix = "0 0 0 0 0 0 0 0 0 1 1 1 0 0 0 0 0 0 0 " + keys(range(1, 60))
    assert keyframes(layer("tracked", square("a", 0, 0, 1, "{10 40}"), transform=f"{{t {matrix}}}")) == (10, 40)


def test_keyed_transforms_of_the_layers_around_count() -> None:
    inner = layer("inner", square("a", 0, 0, 1, "1"), attributes=f"vis {keys([3])}", transform=f"{{t 0 0 0 {keys([4, 9])}}}")
    assert keyframes(layer("outer", inner), transform=f"{{t 0 0 0 0 0 0 0 0 {keys([2, 20])}}}") == (1, 2, 4, 9, 20)


def test_a_layer_unites_its_shapes_keys() -> None:
    assert keyframes(layer("l", square("a", 0, 0, 1, "{1 9}"), square("b", 0, 0, 1, "{5}"))) == (1, 5, 9)


def test_expressions_never_count() -> None:
    points = ["0 0", "{=a {{1 -} {2 -}}} {=b {{1 -} {2 -}}}", "0 0"] * 3
    whole = [point if point != "0 0" else "{=c 0} {=c 0}" for point in points]
    assert keyframes(shape("a", cc(whole, "{1 20}"), attributes="opc {=d {{1 0 -} {7 1 -}}}", transform="{t 0 0 0 {=e {{3 1 -}}}}")) == ()
    assert keyframes(shape("a", cc(points, "{1 20}"))) == (1, 20)
