"""Shapes moved onto a matte keep their points' meaning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from xmemcore.roto.bridge import bridged
from xmemcore.roto.fit import fit, moved, without_closed_holes
from xmemcore.roto.grid import PixelGrid
from xmemcore.roto.raster import rasterise_hard
from xmemcore.roto.shapes import EvaluatedShape
from xmemcore.shot.fit import overlap

GRID = PixelGrid(160, 120)


def polygon(*corners: tuple[float, float], blending: str = "over") -> EvaluatedShape:
    points = np.zeros((len(corners), 3, 2))
    points[:, 0] = corners
    return EvaluatedShape(points, blending=blending)


def ellipse(x: float, y: float, across: float, up: float, count: int = 8) -> EvaluatedShape:
    angle = 2 * np.pi * np.arange(count) / count
    handle = 4 / 3 * np.tan(np.pi / (2 * count))
    centres = np.stack((x + across * np.cos(angle), y + up * np.sin(angle)), axis=1)
    along = handle * np.stack((-across * np.sin(angle), up * np.cos(angle)), axis=1)
    return EvaluatedShape(np.stack((centres, -along, along), axis=1))


SQUARE = polygon((40, 40), (90, 40), (90, 80), (40, 80))


@pytest.mark.parametrize("grid", [GRID, PixelGrid(80, 60, -10, 5, 2.0, 2.0)], ids=["plain", "reduced, shifted"])
def test_polygon_lands_on_a_moved_copy_of_itself(grid: PixelGrid) -> None:
    target = moved(SQUARE, SQUARE.points[:, 0] + [5, -4])
    (fitted,) = fit([SQUARE], rasterise_hard([target], grid), grid)
    assert np.abs(fitted.points[:, 0] - target.points[:, 0]).max() < 1.5 * grid.pixel_width
    assert not fitted.points[:, 1:].any(), "corners stay corners"


def test_smooth_points_stay_smooth_and_follow_another_form() -> None:
    start, target = ellipse(70, 60, 30, 20), ellipse(76, 57, 24, 27)
    (fitted,) = fit([start], rasterise_hard([target], GRID), GRID)
    assert overlap(rasterise_hard([fitted], GRID), rasterise_hard([target], GRID)) > 0.98
    into, out = fitted.points[:, 1], fitted.points[:, 2]
    assert np.abs(into[:, 0] * out[:, 1] - into[:, 1] * out[:, 0]).max() < 1e-6


def test_shapes_of_one_object_keep_their_parts() -> None:
    body, arm = polygon((30, 30), (80, 30), (80, 80), (30, 80)), polygon((70, 45), (120, 45), (120, 60), (70, 60))
    shift = np.array([4.0, 3.0])
    goal = [moved(shape, shape.points[:, 0] + shift) for shape in (body, arm)]
    fitted = fit([body, arm], rasterise_hard(goal, GRID), GRID)
    assert overlap(rasterise_hard(fitted, GRID), rasterise_hard(goal, GRID)) > 0.97
    # The arm's inner end lies within the body, where no edge is seen: it goes along.
    assert np.abs(fitted[1].points[:, 0] - goal[1].points[:, 0]).max() < 3


def test_hole_is_fitted_to_the_hole() -> None:
    disc, hole = ellipse(70, 60, 40, 40, 12), polygon((60, 50), (80, 50), (80, 70), (60, 70), blending="minus")
    goal = [disc, moved(hole, hole.points[:, 0] + [3, 2])]
    fitted = fit([disc, hole], rasterise_hard(goal, GRID), GRID)
    assert np.abs(fitted[1].points[:, 0] - goal[1].points[:, 0]).max() < 1


def test_hole_behind_a_thin_rim_does_not_take_the_rims_outer_edge() -> None:
    disc, hole = ellipse(70, 60, 40, 40, 12), ellipse(70, 60, 37, 37, 12)
    goal = [disc, replace(hole, blending="minus")]
    start = replace(moved(hole, hole.points[:, 0] + [2.5, 0]), blending="minus")  # its right side lies nearer to the disc's edge
    fitted = fit([disc, start], rasterise_hard(goal, GRID), GRID)
    assert np.abs(fitted[1].points[:, 0] - goal[1].points[:, 0]).max() < 1


def test_hole_stays_where_a_matte_shows_none_and_does_not_wander_out_of_its_object() -> None:
    disc, hole = ellipse(70, 60, 30, 30, 12), polygon((94, 50), (112, 50), (112, 70), (94, 70), blending="minus")
    fitted = fit([disc, hole], rasterise_hard([disc], GRID), GRID)
    assert np.abs(fitted[1].points[:, 0] - hole.points[:, 0]).max() < 1


def test_hole_that_a_matte_does_not_show_is_drawn_together_and_an_open_one_is_not() -> None:
    disc, hole = ellipse(70, 60, 30, 30, 12), polygon((60, 50), (80, 50), (80, 70), (60, 70), blending="minus")
    closed = without_closed_holes([disc, hole], rasterise_hard([disc], GRID), GRID)
    assert overlap(rasterise_hard(closed, GRID), rasterise_hard([disc], GRID)) > 0.99
    assert closed[0] is disc and closed[1].points.shape == hole.points.shape
    assert closed[1].points[:, 0].mean(axis=0) == pytest.approx([70, 60])
    assert without_closed_holes([disc, hole], rasterise_hard([disc, hole], GRID), GRID) == (disc, hole)


def test_feather_turns_and_grows_with_its_point() -> None:
    feather = np.zeros((4, 3, 2))
    feather[:, 0] = [[-3, -3], [3, -3], [3, 3], [-3, 3]]
    shape = EvaluatedShape(SQUARE.points, feather)
    turned = moved(shape, SQUARE.points[:, 0] @ np.array([[0.0, 2.0], [-2.0, 0.0]]))
    assert np.allclose(turned.feather[:, 0], feather[:, 0] @ np.array([[0.0, 2.0], [-2.0, 0.0]]))


def test_matte_without_an_edge_leaves_the_shape_alone() -> None:
    assert fit([SQUARE], np.zeros((120, 160), np.float32), GRID) == (SQUARE,)
    (fitted,) = fit([SQUARE], np.ones((120, 160), np.float32), GRID)
    assert np.array_equal(fitted.points, SQUARE.points)


def test_object_that_leaves_the_picture_has_no_edge_at_the_border() -> None:
    start = polygon((-20, 30), (50, 30), (50, 70), (-20, 70))
    goal = moved(start, start.points[:, 0] + [4, 3])
    (fitted,) = fit([start], rasterise_hard([goal], GRID), GRID)
    assert np.abs(fitted.points[1:3, 0] - goal.points[1:3, 0]).max() < 1
    assert (fitted.points[[0, 3], 0, 0] < -8).all()


def test_an_outline_that_has_lost_its_edge_finds_the_nearest_one() -> None:
    """One point lies far out, where the normals around it meet no edge within reach."""
    rows, columns = np.mgrid[: GRID.height, : GRID.width]
    matte = np.clip(20.5 - np.hypot(columns + 0.5 - 50, rows + 0.5 - 60), 0, 1).astype(np.float32)
    points = ellipse(50, 60, 20.5, 20.5).points.copy()
    points[0, 0, 0] += 25  # without the way to the nearest edge the overlap stays at 0.80
    (found,) = fit([EvaluatedShape(points)], matte, GRID, 0.05)
    assert overlap(rasterise_hard([found], GRID), matte) > 0.95


def parted(whole: np.ndarray, first: int, width: int, slant: float = 0.0) -> np.ndarray:
    """Let something stand before a matte: `width` columns from `first`, farther right in lower rows."""
    rows, columns = np.indices(whole.shape)
    before = (columns >= first + slant * rows) & (columns < first + width + slant * rows)
    return np.where(before, 0, whole)


@pytest.mark.parametrize(("first", "width", "slant"), [(66, 5, 0.0), (60, 12, 0.0), (84, 8, 0.0), (50, 8, 0.3)])
def test_an_outline_goes_across_what_stands_before_its_object(first: int, width: int, slant: float) -> None:
    target = rasterise_hard([ellipse(76, 57, 32, 24)], GRID)
    (fitted,) = fit([ellipse(72, 60, 30, 25)], parted(target, first, width, slant), GRID)
    assert overlap(rasterise_hard([fitted], GRID), target) > 0.96


def test_only_gaps_between_pieces_are_bridged() -> None:
    whole = rasterise_hard([ellipse(60, 60, 40, 30, 12)], GRID)
    matte = parted(whole, 70, 6)
    joined = bridged(matte, 1)
    assert (joined >= matte).all() and overlap(joined, whole) > 0.99
    assert (joined[whole == 0] == 0).all(), "beside the object nothing is added"
    assert bridged(matte, 2) is matte, "two shapes for two pieces"
    assert bridged(whole, 1) is whole

    bay = whole.copy()
    bay[55:65, :50] = 0  # open to the left: it is the object's own form
    assert bridged(bay, 1) is bay
    apart = whole.copy()
    apart[2:12, 140:150] = 1
    assert bridged(apart, 1) is apart, "a piece that is far away is something else"
    soft = np.where(matte >= 0.5, np.float32(0.75), 0)
    assert (bridged(soft, 1)[matte >= 0.5] == 0.75).all(), "an edge stays as soft as it is"
    speck = parted(whole, 70, 6)
    speck[:, 76:] = 0
    speck[60, 80] = 1
    assert bridged(speck, 1) is speck


def test_a_gap_at_the_border_of_the_picture_is_bridged_to_its_end() -> None:
    whole = rasterise_hard([ellipse(70, 0, 40, 50, 12)], GRID)  # cut by the lower border
    joined = bridged(parted(whole, 66, 6), 1)
    assert joined[-3:, 66:72].min() == 1
