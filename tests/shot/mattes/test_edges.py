"""Edges solved at the plate's resolution: nearer to the truth, solid outside the band, no snapping to what the matte does not follow."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.shot.mattes.drawn_edges import HEIGHT, SCALE, WIDTH, disc, network, scene
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.files.box import Box
from xmemcore.shot.mattes import edges
from xmemcore.shot.mattes.edges import DECIDED, Refinement, undecided
from xmemcore.shot.mattes.steps import Enlarge, Refine, chain_of, keys_of
from xmemcore.shot.plate.canvas import Canvas


def refined(small: np.ndarray, enlarged: np.ndarray, picture: np.ndarray) -> np.ndarray:
    return Refinement(small, picture).rows(slice(0, enlarged.shape[1]), enlarged)


@pytest.mark.parametrize("soft", [1.0, 5.0], ids=["sharp edge", "soft edge"])
def test_error_in_the_band_is_at_most_half_of_the_enlarged_mattes(soft: float) -> None:
    alpha = disc(120, 90, 50, soft)
    small, enlarged = network(alpha)
    fine = refined(small, enlarged, scene(alpha))
    band = cv2.dilate(((alpha > 0) & (alpha < 1)).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    before, after = np.abs(enlarged[1] - alpha)[band].mean(), np.abs(fine[1] - alpha)[band].mean()
    assert after <= 0.5 * before


def test_outside_of_the_band_the_matte_is_solid() -> None:
    alpha = disc(120, 90, 50)
    small, enlarged = network(alpha)
    fine = refined(small, enlarged, scene(alpha))
    far = cv2.resize(undecided(small[1:]).astype(np.uint8), (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    far = cv2.dilate(far, np.ones((2 * SCALE + 1,) * 2, np.uint8)) == 0
    assert far.any() and set(np.unique(fine[:, far])) <= {0.0, 1.0}
    assert np.abs(fine - enlarged)[:, far].max() <= DECIDED


def test_planes_sum_to_one_and_stay_within_their_range() -> None:
    left, right = disc(95, 90, 40), disc(150, 90, 30) * (1 - disc(95, 90, 40))
    small, enlarged = network(left, right)
    fine = refined(small, enlarged, scene(left + right))
    np.testing.assert_allclose(fine.sum(axis=0), 1, atol=1e-5)
    assert fine.min() >= 0 and fine.max() <= 1


@pytest.mark.parametrize("inside", [8, 20])
def test_region_without_an_edge_does_not_snap_to_one_nearby(inside: int) -> None:
    picture = scene(disc(120, 90, 50))
    region = disc(120, 90, 50 - inside)  # all round, some pixels inside of an edge that it has nothing to do with
    small, enlarged = network(region)
    fine = refined(small, enlarged, picture)
    assert np.abs(fine[1] - region).mean() <= 1.5 * np.abs(enlarged[1] - region).mean()
    assert 0.96 < (fine[1] > 0.5).sum() / (region > 0.5).sum() < 1.04


def test_thin_parts_that_the_network_saw_faintly_come_back_from_the_plate() -> None:
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    for row in range(30, 170, 20):
        cv2.line(alpha, (30, row), (220, row + 12), 1.0, 2, cv2.LINE_AA)  # half a cell wide
    alpha = cv2.GaussianBlur(alpha.clip(0, 1), (0, 0), 0.6)
    small, enlarged = network(alpha)
    fine = refined(small, enlarged, scene(alpha))
    band = cv2.dilate((alpha > 0.02).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert np.abs(fine[1] - alpha)[band].mean() <= 0.6 * np.abs(enlarged[1] - alpha)[band].mean()


def test_object_that_leaves_the_picture_is_not_bitten_at_the_border() -> None:
    alpha = disc(5, 90, 50)
    small, enlarged = network(alpha)
    fine = refined(small, enlarged, scene(alpha))
    assert fine[1, 60:120, :20].min() > 0.95


@pytest.mark.parametrize("picture", [np.zeros((HEIGHT, WIDTH, 3), np.float32), np.full((HEIGHT, WIDTH, 3), 0.5, np.float32)])
def test_picture_that_says_nothing_leaves_the_enlarged_matte(picture: np.ndarray) -> None:
    small, enlarged = network(disc(120, 90, 50))
    fine = refined(small, enlarged, picture)
    assert np.abs(fine - enlarged).max() <= DECIDED + 1e-6


def test_nothing_to_solve_gives_decided_planes() -> None:
    small, enlarged = network(np.zeros((HEIGHT, WIDTH), np.float32))
    fine = refined(small, enlarged, np.zeros((HEIGHT, WIDTH, 3), np.float32))
    assert (fine[0] == 1).all() and not fine[1].any()


def apart() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Answer, enlarged answer and picture of two bodies, one at either end of a wide plate."""
    shown = [(*network(disc(x, 90, 20)), scene(disc(x, 90, 20))) for x in (42, WIDTH - 38)]
    small, enlarged, picture = (np.concatenate(pair, axis=axis) for pair, axis in zip(zip(*shown), (2, 2, 1)))
    return small, enlarged, picture


def test_edges_far_away_change_nothing_of_an_edge() -> None:
    small, enlarged, picture = apart()
    both = refined(small, enlarged, picture)
    alone = small.copy()
    alone[:, :, : small.shape[2] // 2] = np.array([1, 0])[:, None, None]
    np.testing.assert_array_equal(refined(alone, enlarged, picture)[:, :, WIDTH:], both[:, :, WIDTH:])


def test_what_lies_between_edges_far_apart_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = []
    fitted = edges.fitted
    monkeypatch.setattr(edges, "fitted", lambda colours, matte, band: looked_at.append(matte.size) or fitted(colours, matte, band))
    small, enlarged, picture = apart()
    refined(small, enlarged, picture)
    assert len(looked_at) == 2 and sum(looked_at) < 0.8 * small[0].size


def test_many_specks_are_solved_together(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    fitted = edges.fitted
    monkeypatch.setattr(edges, "fitted", lambda colours, matte, band: calls.append(matte.size) or fitted(colours, matte, band))
    specks = np.zeros((200, 200), np.float32)
    specks[20::40, 20::40] = 1
    small = np.stack((1 - specks, specks))
    enlarged = np.stack([cv2.resize(plane, (400, 400), interpolation=cv2.INTER_LINEAR) for plane in small])
    refined(small, enlarged, np.zeros((400, 400, 3), np.float32))
    assert len(calls) == 1


def test_refined_is_the_default_and_plain_is_what_it_was() -> None:
    canvas = Canvas(Box(0, 0, 12, 8), Box(0, 0, 12, 8))
    assert chain_of(PropagateRequest(plate="p"), canvas) == (Enlarge(canvas), Refine())
    assert chain_of(PropagateRequest(plate="p", edges="plain"), canvas) == (Enlarge(canvas),)
    assert chain_of(PropagateRequest(plate="p", plain=True), canvas) == (Enlarge(canvas),)
    assert keys_of(chain_of(PropagateRequest(plate="p"), canvas)) == ["edges 5"]


@pytest.mark.parametrize("size", [(1, 1), (3, 17), (16, 1), (5, 4)])
def test_an_edge_that_is_less_than_a_pixel_wide_is_left_out(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    cells = 64 // min(size)
    matte = np.zeros((cells * size[0], cells * size[1]), np.float32)
    matte[cells // 6, cells // 6] = matte[-cells // 6, -cells // 6] = 1
    enlarged = np.stack([np.full(size, 0.6, np.float32), np.full(size, 0.4, np.float32)])
    found = refined(np.stack([1 - matte, matte]), enlarged, rng.random((*size, 3)).astype(np.float32))
    assert found.shape == enlarged.shape and np.allclose(found.sum(axis=0), 1)
