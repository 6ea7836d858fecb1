"""Antialiased rasters: exact areas, and the slow loop that counts sample points."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.roto.made_roto import circle, polygon, rectangle
from tests.roto.reference_raster import bezier_area, feathered, half_plane_share, outline, raster
from xmemcore.roto import EvaluatedShape, PixelGrid, rasterise, rasterise_hard

STEP = 1 / 255
GRID = PixelGrid(24, 18)
coordinates = st.floats(-4, 28, allow_nan=False)
corner_lists = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=7)


def splines(draw_from: float = 5) -> st.SearchStrategy[EvaluatedShape]:
    """Closed splines, tangled ones among them, inside and around the grid."""
    tangent = st.floats(-draw_from, draw_from)
    triplet = st.tuples(st.tuples(coordinates, coordinates), st.tuples(tangent, tangent), st.tuples(tangent, tangent))
    return st.lists(triplet, min_size=3, max_size=6).map(lambda points: EvaluatedShape(np.array(points)))


def test_a_rectangle_covers_the_exact_area_of_each_pixel() -> None:
    drawn = rasterise([rectangle(2.25, 3.5, 6, 5.75)], PixelGrid(8, 8))
    expected = np.zeros((8, 8))
    expected[2, 2:6] = [0.5625, 0.75, 0.75, 0.75]  # y in [5, 5.75)
    expected[3, 2:6] = [0.75, 1, 1, 1]
    expected[4, 2:6] = [0.375, 0.5, 0.5, 0.5]  # y in [3.5, 4)
    assert drawn == pytest.approx(expected, abs=1e-6)


def test_row_zero_is_the_top() -> None:
    drawn = rasterise([rectangle(1, 0, 2, 1)], PixelGrid(4, 3))
    assert np.argwhere(drawn).tolist() == [[2, 1]]


@pytest.mark.parametrize("angle", [0.1, 0.7, 1.2, 2.5])
@pytest.mark.parametrize("distance", [-0.6, -0.2, 0.0, 0.35])
def test_a_slanting_edge_covers_its_half_plane(angle: float, distance: float) -> None:
    normal, along = np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])
    middle = np.array([2.5, 2.5]) + distance * normal
    half_plane = polygon(middle - 50 * along, middle + 50 * along, middle + 50 * along - 50 * normal, middle - 50 * along - 50 * normal)
    assert rasterise([half_plane], PixelGrid(5, 5))[2, 2] == pytest.approx(half_plane_share(distance, angle), abs=0.004)


@pytest.mark.parametrize("radius", [0.4, 3.0, 40.0, 300.0])
def test_a_circle_has_its_bezier_area(radius: float) -> None:
    size = int(2 * radius + 4)
    shape = circle(size / 2 + 0.3, size / 2 - 0.2, radius)
    assert rasterise([shape], PixelGrid(size, size)).sum(dtype=np.float64) == pytest.approx(
        bezier_area(shape.points), abs=0.002 * 2 * math.pi * radius
    )


def test_every_pixel_of_a_circle_is_right() -> None:
    shape = circle(12.2, 9.4, 7.3)
    drawn = rasterise([shape], GRID)
    assert np.abs(drawn - raster(outline(shape.points, 64), 24, 18, 32)).max() < 0.02


@given(splines())
@settings(max_examples=25, deadline=None)
def test_splines_are_flattened_finely_enough(shape: EvaluatedShape) -> None:
    assert rasterise([shape], GRID) == pytest.approx(rasterise([polygon(*outline(shape.points, 400))], GRID), abs=STEP)


@given(splines())
@settings(max_examples=25, deadline=None)
def test_splines_agree_with_counting_sample_points(shape: EvaluatedShape) -> None:
    drawn = rasterise([shape], GRID)
    counted = raster(outline(shape.points, 48), 24, 18, 16)
    assert np.abs(drawn - counted).max() < 0.12  # 16 x 16 places in a pixel are coarse where an edge runs along a row of them
    assert abs(drawn.mean() - counted.mean()) < 0.002


@given(corner_lists)
@settings(max_examples=40, deadline=None)
def test_polygons_agree_with_counting_sample_points(corners: list[tuple[float, float]]) -> None:
    drawn = rasterise([polygon(*corners)], GRID)
    assert np.abs(drawn - raster(corners, 24, 18, 16)).max() < 0.12


@given(st.lists(st.floats(0.5, 8), min_size=3, max_size=12), st.floats(0, 6), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_simple_polygon_covers_its_area(radii: list[float], turn: float, clockwise: bool) -> None:
    angles = turn + np.arange(len(radii)) * (2 * np.pi / len(radii)) * (-1 if clockwise else 1)
    corners = np.stack((np.cos(angles), np.sin(angles)), axis=1) * np.array(radii)[:, None] + (10, 9)
    x, y = corners.T
    area = abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2
    assert rasterise([polygon(*corners)], PixelGrid(20, 20)).sum(dtype=np.float64) == pytest.approx(area, abs=1e-3)


@given(splines(), st.integers(-9, 9), st.integers(-9, 9))
@settings(max_examples=25, deadline=None)
def test_whole_pixels_of_translation_move_the_raster(shape: EvaluatedShape, dx: int, dy: int) -> None:
    moved = shape.points.copy()
    moved[:, 0] += (dx, dy)
    shifted = rasterise([EvaluatedShape(moved)], PixelGrid(24, 18, left=dx, bottom=dy))
    assert shifted == pytest.approx(rasterise([shape], GRID), abs=STEP)


@given(splines(), st.integers(1, 23), st.integers(1, 17))
@settings(max_examples=25, deadline=None)
def test_a_grid_drawn_in_parts_is_the_whole(shape: EvaluatedShape, column: int, row: int) -> None:
    whole = rasterise([shape], GRID)
    left, right = PixelGrid(column, 18), PixelGrid(24 - column, 18, left=column)
    top, bottom = PixelGrid(24, row, bottom=18 - row), PixelGrid(24, 18 - row)
    assert np.hstack([rasterise([shape], part) for part in (left, right)]) == pytest.approx(whole, abs=STEP)
    assert np.vstack([rasterise([shape], part) for part in (top, bottom)]) == pytest.approx(whole, abs=STEP)


@given(splines(), st.floats(0, 1))
@settings(max_examples=25, deadline=None)
def test_inversion_is_the_complement(shape: EvaluatedShape, opacity: float) -> None:
    plain = rasterise([EvaluatedShape(shape.points, opacity=opacity)], GRID)
    inverted = rasterise([EvaluatedShape(shape.points, opacity=opacity, inverted=True)], GRID)
    assert plain + inverted == pytest.approx(np.full_like(plain, opacity), abs=1e-5)


@given(splines())
@settings(max_examples=25, deadline=None)
def test_direction_and_first_point_do_not_matter(shape: EvaluatedShape) -> None:
    drawn = rasterise([shape], GRID)
    reversed_ = shape.points[::-1][:, [0, 2, 1]]
    assert rasterise([EvaluatedShape(reversed_)], GRID) == pytest.approx(drawn, abs=STEP)
    assert rasterise([EvaluatedShape(np.roll(shape.points, 1, axis=0))], GRID) == pytest.approx(drawn, abs=STEP)


def test_a_working_grid_is_the_canvas_in_other_pixels() -> None:
    shape = circle(40, 30, 20)
    fine = rasterise([shape], PixelGrid(80, 60))
    coarse = rasterise([shape], PixelGrid(20, 30, pixel_width=4, pixel_height=2))
    assert coarse == pytest.approx(fine.reshape(30, 2, 20, 4).mean(axis=(1, 3)), abs=STEP)


def test_overscan_shows_what_the_format_cuts_off() -> None:
    shape = rectangle(-3, -2, 2, 1)
    assert rasterise([shape], PixelGrid(8, 6)).sum() == pytest.approx(2)
    assert rasterise([shape], PixelGrid(16, 12, left=-4, bottom=-4)).sum() == pytest.approx(15)


def test_a_loop_does_not_punch_a_hole() -> None:
    """A pentagram's middle has winding number 2."""
    angles = np.pi / 2 + np.arange(5) * 4 * np.pi / 5
    star = polygon(*(np.stack((np.cos(angles), np.sin(angles)), axis=1) * 20 + 25))
    assert rasterise([star], PixelGrid(50, 50))[25, 25] == 1


def test_both_lobes_of_a_figure_eight_are_filled() -> None:
    eight = polygon((0, 0), (10, 10), (10, 0), (0, 10))
    drawn = rasterise([eight], PixelGrid(10, 10))
    assert drawn.sum(dtype=np.float64) == pytest.approx(50, abs=0.2)
    assert drawn[5, 1] == drawn[5, 8] == 1


def test_an_edge_that_runs_back_on_itself_covers_nothing_more() -> None:
    spike = polygon((2, 2), (8, 2), (8, 8), (8, 12), (8, 8), (2, 8))
    assert rasterise([spike], PixelGrid(16, 16)) == pytest.approx(rasterise([rectangle(2, 2, 8, 8)], PixelGrid(16, 16)), abs=STEP)


@pytest.mark.parametrize(
    "shape",
    [
        polygon(),
        polygon((3, 3)),
        polygon((3, 3), (9, 9)),
        polygon((3, 3), (3, 3), (3, 3)),
        polygon((3, 3), (6, 6), (9, 9)),
        polygon((math.nan, 3), (6, 9), (9, 3)),
        polygon((math.inf, 3), (6, 9), (9, 3)),
        polygon((100, 100), (110, 100), (105, 120)),
        polygon((-100, 3), (-90, 3), (-95, 9)),
        EvaluatedShape(np.zeros((1, 3, 2)), closed=False),
        EvaluatedShape(np.zeros((0, 3, 2)), closed=False),
    ],
    ids=["none", "one", "two", "same", "line", "nan", "infinite", "right", "left", "open one", "open none"],
)
def test_shapes_of_no_area_cover_nothing(shape: EvaluatedShape) -> None:
    assert rasterise([shape], GRID).max() <= 1e-6


def test_a_closed_spline_of_two_points_has_area() -> None:
    lens = EvaluatedShape(np.array([[[5, 9], [0, -4], [0, 4]], [[15, 9], [0, 4], [0, -4]]], dtype=float))
    assert rasterise([lens], GRID).sum(dtype=np.float64) == pytest.approx(abs(bezier_area(lens.points)), rel=1e-3)


def test_huge_coordinates_are_only_far_away() -> None:
    assert rasterise([rectangle(-1e8, -1e8, 1e8, 1e8)], GRID).min() == 1
    assert rasterise([rectangle(5, -1e12, 7.5, 1e12)], GRID) == pytest.approx(rasterise([rectangle(5, -99, 7.5, 99)], GRID), abs=STEP)


def test_feather_outwards_falls_from_the_main_to_the_feather_curve() -> None:
    drawn = rasterise([circle(50, 50, 20, feather=16)], PixelGrid(100, 100))
    profile = drawn[50, 50:100]
    distance = np.hypot(np.arange(50) + 0.5, 0.5)
    assert profile == pytest.approx(np.clip(1 - (distance - 20) / 16, 0, 1), abs=0.02)


def test_feather_inwards_falls_from_the_feather_to_the_main_curve() -> None:
    drawn = rasterise([circle(50, 50, 36, feather=-16)], PixelGrid(100, 100))
    distance = np.hypot(np.arange(50) + 0.5, 0.5)
    assert drawn[50, 50:100] == pytest.approx(np.clip(1 - (distance - 20) / 16, 0, 1), abs=0.02)


@pytest.mark.parametrize("width", [0.1, 0.5, 1.0, 2.0, 5.0])
def test_a_ramp_of_any_width_has_the_area_of_its_integral(width: float) -> None:
    """The mean of pi r^2 for r from R to R + w; a Bezier circle is 0.03 % larger."""
    drawn = rasterise([circle(20, 20, 10, feather=width)], PixelGrid(40, 40)).sum(dtype=np.float64)
    exact = math.pi * ((10 + width) ** 3 - 10**3) / (3 * width)
    assert drawn == pytest.approx(exact, rel=1e-3)


def test_feather_on_one_point_leaves_the_other_edges_sharp() -> None:
    feather = np.zeros((4, 3, 2))
    feather[1, 0] = feather[2, 0] = (6, 0)
    drawn = rasterise([rectangle(4, 4, 10, 14, feather=feather)], PixelGrid(24, 18))
    row = drawn[18 - 9]
    assert row[3] == 0 and row[4] == 1
    assert row[10:16] == pytest.approx(1 - (np.arange(6) + 0.5) / 6, abs=0.01)


@given(splines(3), st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=6, max_size=6))
@settings(max_examples=10, deadline=None)
def test_feather_is_the_mean_of_the_outlines_between(shape: EvaluatedShape, offsets: list[tuple[float, float]]) -> None:
    feather = shape.points.copy()
    feather[:, 0] = offsets[: len(feather)]
    outer = feather.copy()
    outer[:, 0] += shape.points[:, 0]
    drawn = rasterise([EvaluatedShape(shape.points, feather)], GRID)
    slow = feathered(shape.points, outer, 24, 18, 3, 12)
    assert np.abs(drawn - slow).mean() < 0.01
    assert np.abs(drawn - slow).max() < 0.35


def test_falloff_bends_the_ramp_and_not_the_antialiasing() -> None:
    plain = rasterise([circle(50, 50, 20, feather=16)], PixelGrid(100, 100))
    bent = rasterise([circle(50, 50, 20, feather=16, feather_falloff=2.0)], PixelGrid(100, 100))
    middle = plain[50, 74:82]
    assert bent[50, 74:82] == pytest.approx(middle**2, abs=0.03)
    sharp = np.zeros((4, 3, 2))
    sharp[1, 0] = (0, -6)
    one_sided = rasterise([rectangle(4.5, 8, 10, 14, feather=sharp, feather_falloff=3.0)], PixelGrid(24, 18))
    assert one_sided[18 - 12, 4] == pytest.approx(0.5, abs=STEP)


@pytest.mark.parametrize(
    ("kind", "at_quarter", "at_half"), [("smooth0", 0.0625, 0.25), ("smooth1", 0.4375, 0.75), ("smooth", 0.15625, 0.5)]
)
def test_feather_types_ease_their_end_of_the_ramp(kind: str, at_quarter: float, at_half: float) -> None:
    feather = np.zeros((4, 3, 2))
    feather[1, 0] = feather[2, 0] = (40, 0)
    shape = rectangle(0, -50, 4, 50, feather=feather, feather_type=kind)
    row = rasterise([shape], PixelGrid(50, 3))[1]
    assert row[4 + 30] == pytest.approx(at_quarter, abs=0.02)
    assert row[4 + 20] == pytest.approx(at_half, abs=0.03)


def test_an_open_spline_is_a_band_of_its_width() -> None:
    line = EvaluatedShape(
        np.array([[[4, 9], [0, 0], [0, 0]], [[20, 9], [0, 0], [0, 0]]], dtype=float), closed=False, widths=np.array([4.0, 4.0])
    )
    drawn = rasterise([line], GRID)
    assert drawn[:, 12].tolist() == pytest.approx([0] * 7 + [1] * 4 + [0] * 7, abs=STEP)
    assert drawn.sum(dtype=np.float64) == pytest.approx(16 * 4 + math.pi * 4, rel=0.01)
    assert rasterise([line], PixelGrid(12, 9, pixel_width=2, pixel_height=2)).sum(dtype=np.float64) * 4 == pytest.approx(
        drawn.sum(), rel=0.01
    )


def test_the_network_sees_no_feather_and_no_opacity() -> None:
    shape = circle(12, 9, 5, feather=4, opacity=0.3)
    assert rasterise_hard([shape], GRID) == pytest.approx(rasterise([circle(12, 9, 5)], GRID))
