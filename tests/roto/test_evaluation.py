"""Shapes at a frame: points, transforms, attributes, feather."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.roto.made_roto import cc, corners, curves, layer, shape, square
from xmemcore.roto import EvaluatedShape, read_roto

BOX = ((10, 20), (18, 20), (18, 28), (10, 28))


def at(text: str, frame: int = 1001) -> list[EvaluatedShape]:
    return read_roto(text).objects[0].at(frame)


def first_corner(text: str, frame: int = 1001) -> np.ndarray:
    return at(text, frame)[0].points[0, 0]


def moved(transform: str, frame: int = 1001) -> np.ndarray:
    return first_corner(curves(square("a", 10, 20, 8, transform=transform)), frame)


def test_points_are_triplets_of_in_tangent_point_out_tangent() -> None:
    main = cc(["-1 -2", "10 20", "3 4", "0 0", "30 20", "0 0", "0 0", "20 40", "0 0"], "1001")
    assert np.array_equal(at(curves(shape("a", main)))[0].points[0], [[10, 20], [-1, -2], [3, 4]])


def test_keyed_points_move_between_keys() -> None:
    points = ["0 0", "{{0 0 0 1 1 1} {10 1 1 0 1}} 5", "0 0"] + corners((9, 0), (9, 9))
    text = curves(
        shape("a", cc([point.replace("{{0 0 0 1 1 1} {10 1 1 0 1}}", "{{0 0 1 1 1} {10 1 1 0 1}}") for point in points], "{1001 1011}"))
    )
    assert [first_corner(text, frame)[0] for frame in (990, 1001, 1004, 1011, 1020)] == pytest.approx([0, 0, 3, 10, 10])


def test_a_pivot_alone_moves_nothing() -> None:
    assert np.array_equal(moved("{t 960 540}"), [10, 20])
    assert np.array_equal(moved("{tx 1001 960 540}"), [10, 20])


def test_translation_rotation_and_scale() -> None:
    assert moved("{t 0 0 0 5 -3}") == pytest.approx([15, 17])
    assert moved("{t 0 0 0 0 0 0 0 0 90}") == pytest.approx([-20, 10])  # anticlockwise, y up
    assert moved("{t 10 10 0 0 0 0 0 0 90}") == pytest.approx([0, 10])
    assert moved("{t 0 20 0 0 0 0 0 0 0 2 3}") == pytest.approx([20, 20])
    assert moved("{t 0 0 0 1 2 0 0 0 90 2 1}") == pytest.approx([-19, 22])  # scaled, turned, then moved


def test_skew_leans_to_the_right() -> None:
    assert moved("{t 0 0 0 0 0 0 0 0 0 1 1 1 0.5}") == pytest.approx([20, 20])


def test_an_extra_matrix_may_be_a_perspective() -> None:
    identity = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    shift = list(identity)
    shift[3], shift[7] = 4, 5
    perspective = list(identity)
    perspective[12] = 0.1
    before = "0 0 0 0 0 0 0 0 0 1 1 1 0 0 0 0 0 0 0"
    assert moved(f"{{t {before} {' '.join(map(str, shift))}}}") == pytest.approx([14, 25])
    assert moved(f"{{t {before} {' '.join(map(str, perspective))}}}") == pytest.approx([5, 10])
    # The extra matrix acts on the points first, so a translation beside it is in the picture's pixels.
    doubled = list(identity)
    doubled[0] = 2
    assert moved("{t 0 0 0 1 0 0 0 0 0 1 1 1 0 0 0 0 0 0 0 " + " ".join(map(str, doubled)) + "}") == pytest.approx([21, 20])


def test_layers_move_their_shapes_from_the_inside_out_and_root_counts() -> None:
    inner = square("a", 10, 20, 8, transform="{t 0 0 0 1 0}")
    text = curves(
        layer("outer", layer("inner", inner, transform="{t 0 0 0 0 0 0 0 0 0 2 2}"), transform="{t 0 0 0 0 7}"), transform="{t 0 0 0 100 0}"
    )
    assert first_corner(text) == pytest.approx([(10 + 1) * 2 + 100, 20 * 2 + 7])


def test_tangents_turn_with_their_shape() -> None:
    main = cc(["-1 0", "10 20", "3 0", "0 0", "30 20", "0 0", "0 0", "20 40", "0 0"], "1001")
    turned = at(curves(shape("a", main, transform="{t 0 0 0 0 0 0 0 0 90}")))[0].points[0]
    assert turned[1:] == pytest.approx(np.array([[0, -1], [0, 3]]))


def test_keyed_transforms_are_evaluated() -> None:
    text = "{t 0 0 0 {{1001 0 0 1 2 1} {1011 20 2 1 0 1}} 0}"
    assert moved(text, 1006) == pytest.approx([20, 20])


@pytest.mark.parametrize(
    ("attributes", "shown"),
    [
        ("vis 0", ""),
        ("vis {{1001 1 0 1 0 1 0} {1003 0 0 1 0 1 0}}", "1001 1002"),
        ("opc 0", ""),
        ("opc {{1001 0 -} {1003 1 -}}", "1002 1003 1004"),
        ("ltt 0 ltn 1002 ltm 1003", "1001 1002 1003 1004"),
        ("ltt 1 ltn 1002 ltm 1003", "1001 1002 1003"),
        ("ltt 2 ltn 1002 ltm 1002", "1002"),
        ("ltt 3 ltn 1002 ltm 1003", "1002 1003 1004"),
        ("ltt 4 ltn 1002 ltm 1003", "1002 1003"),
    ],
)
def test_what_is_invisible_or_out_of_its_lifetime_is_absent(attributes: str, shown: str) -> None:
    for text in (
        curves(square("a", 0, 0, 1, attributes=attributes)),
        curves(layer("outer", square("a", 0, 0, 1), attributes=attributes)),
        curves(square("a", 0, 0, 1), attributes=attributes),
    ):
        assert [frame for frame in range(1001, 1005) if at(text, frame)] == [int(frame) for frame in shown.split()]


def test_attributes_have_nukes_defaults_and_names() -> None:
    plain = at(curves(square("a", 0, 0, 1)))[0]
    assert (plain.opacity, plain.inverted, plain.blending, plain.feather_falloff, plain.feather_type) == (1, False, "over", 1, "linear")
    set_ = at(curves(square("a", 0, 0, 1, attributes="opc 0.5 inv 1 bm 12 ff 2 ft x40400000")))[0]
    assert (set_.opacity, set_.inverted, set_.blending, set_.feather_falloff, set_.feather_type) == (0.5, True, "minus", 2, "smooth")


def test_opacity_of_layers_multiplies() -> None:
    assert at(curves(layer("l", square("a", 0, 0, 1, attributes="opc 0.5"), attributes="opc 0.5")))[0].opacity == 0.25


def test_idem_and_zero_offsets_mean_no_feather() -> None:
    assert at(curves(square("a", 0, 0, 1)))[0].feather is None
    main = cc(corners(*BOX), "1001")
    assert at(curves(shape("a", main, cc([""] * 12, "1001"))))[0].feather is None


def test_feather_points_are_offsets_that_turn_with_the_shape() -> None:
    feather = cc(["0 0", "2 0", "0 0"] + ["0 0"] * 9, "1001")
    text = curves(shape("a", cc(corners(*BOX), "1001"), feather, "{t 0 0 0 3 3 0 0 0 90}"))
    assert at(text)[0].feather[:2, 0] == pytest.approx(np.array([[0, 2], [0, 0]]))


def test_overall_feather_goes_outwards_whatever_the_direction() -> None:
    for order in (1, -1):
        text = curves(shape("a", cc(corners(*BOX[::order]), "1001"), attributes="fx 4 fy 4"))
        evaluated = at(text)[0]
        middle = np.mean(BOX, axis=0)
        outwards = evaluated.points[:, 0] - middle
        assert (np.sum(evaluated.feather[:, 0] * outwards, axis=1) > 0).all()
        assert np.hypot(*evaluated.feather[:, 0].T) == pytest.approx([4] * 4)
    assert evaluated.feather[0, 0] == pytest.approx([-4 * math.sqrt(0.5), 4 * math.sqrt(0.5)])


def test_feather_that_is_switched_off_is_none() -> None:
    feather = cc(["0 0", "2 0", "0 0"] * 4, "1001")
    assert at(curves(shape("a", cc(corners(*BOX), "1001"), feather, attributes="fo 0 fx 3 fy 3")))[0].feather is None


def test_a_bspline_is_the_uniform_cubic_one() -> None:
    text = curves(shape("a", cc(["0 0", "12 0", "12 12", "0 12"], "1001"), "idem", kind="bspline"))
    points = at(text)[0].points
    assert points[1] == pytest.approx(np.array([[10, 2], [-2, -2], [2, 2]]))
    assert read_roto(text).warnings == ()


@pytest.mark.parametrize(
    ("extra", "warned"), [("t 0.5", True), ("rp 1", True), ("te {{1001 0} {1004 1}}", True), ("t 0 te 0", False), ("x 3", False)]
)
def test_a_bspline_is_named_where_its_vertices_carry_what_is_left_out(extra: str, warned: bool) -> None:
    text = curves(shape("a", cc(["0 0", f"{{a {extra}}} 12 0", "12 12", "0 12"], "1001"), "idem", kind="bspline"))
    assert [("B-splines" in warning) for warning in read_roto(text).warnings] == [True] * warned


def test_open_splines_have_widths() -> None:
    points = ["0 0", "{a osw 4 osf 1} 10 20", "0 0", "0 0", "30 20", "0 0"]
    text = curves(shape("a", cc(points, "1001", flags=1056800), attributes="osw 6", transform="{t 0 0 0 0 0 0 0 0 0 2 2}", flags=1049088))
    evaluated = at(text)[0]
    assert not evaluated.closed
    assert evaluated.widths == pytest.approx([8, 12], rel=1e-5)
    assert any("Open splines" in warning for warning in read_roto(text).warnings)


@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        ("mbo 1", "Motion blur of shapes"),
        ("ft 1", "Feather type 'smooth0'"),
        ("bm 9 opc 0.5", "Blending modes together with opacity"),
        ("vis {{1 1 0 1 0 1 0}}", "interpolation codes"),
        ("a 0", "alpha colour"),
        ("opc {=knob 0.5}", "the expression 'knob' of a "),
    ],
)
def test_what_is_not_as_in_nuke_is_named(attributes: str, named: str) -> None:
    warnings = read_roto(curves(square("a", 0, 0, 1, attributes=attributes))).warnings
    assert len(warnings) == 1 and named in warnings[0] and "a" in warnings[0]


def test_the_feather_of_layers_is_named() -> None:
    (warning,) = read_roto(curves(layer("body", square("a", 0, 0, 1), attributes="fx 9 fo 1"))).warnings
    assert warning == "The feather of layers does not count, set it on the shapes: body."


@pytest.mark.parametrize("mode", [2, 3, 4, 10, 12])
def test_an_object_that_only_takes_away_is_named(mode: int) -> None:
    hole, body = square("hole", 2, 2, 1, attributes=f"bm {mode}"), square("body", 0, 0, 8)
    (warning,) = read_roto(curves(hole, body)).warnings
    assert warning.startswith(
        "These only take away from what lies below them, and in their object there is nothing; their mattes are empty: hole."
    )
    assert read_roto(curves(layer("both", hole, body))).warnings == ()
    assert read_roto(curves(square("hole", 2, 2, 1, attributes="bm 7"), body)).warnings == (), "over nothing it is itself"


def test_defaults_that_are_written_out_need_no_warning() -> None:
    assert read_roto(curves(square("a", 0, 0, 1, attributes="mbo 0 fo 1 fx 0 fy 0 ff 1 ft 0 osw 10 a 1 bm 0 opc 1"))).warnings == ()


def test_turning_out_of_the_plane_is_named() -> None:
    assert "out of the picture's plane" in read_roto(curves(square("a", 0, 0, 1, transform="{t 0 0 0 0 0 0 30}"))).warnings[0]


def test_points_of_an_expression_are_not_known() -> None:
    text = curves(shape("a", cc(["0 0", "{=origin.x 640} {=origin.y 360}", "0 0"] + corners((9, 0), (9, 9)), "1001")))
    roto = read_roto(text)
    assert roto.objects[0].unknown is not None and not roto.objects[0].has(1001)
    assert any("'origin.y' of a " in warning and "Bake it" in warning for warning in roto.warnings)


def test_shapes_of_fewer_than_two_points_are_named_and_left_out() -> None:
    dot, nothing = shape("dot", cc(corners((4, 4)), "1001")), shape("nothing", "{cc {f 8192} {p}}")
    roto = read_roto(curves(dot, nothing, square("a", 0, 0, 1)))
    assert [obj.name for obj in roto.objects] == ["a"]
    assert any("fewer than two points" in warning and "dot, nothing" in warning for warning in roto.warnings)


def test_choices_are_held_and_numbers_are_not() -> None:
    text = curves(
        square("a", 0, 0, 1, attributes="inv {{1001 0} {1011 1}} bm {{1001 0} {1011 4}} ft {{1001 0} {1011 3}} opc {{1001 0.5} {1011 1}}")
    )
    before, after = at(text, 1010)[0], at(text, 1011)[0]
    assert (before.inverted, before.blending, before.feather_type) == (False, "over", "linear")
    assert (after.inverted, after.blending, after.feather_type) == (True, "min", "smooth")
    assert 0.5 < before.opacity < 1
