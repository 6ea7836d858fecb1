"""J and F against known shapes, a slow loop, and the cases where definitions usually differ."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from xmemcore.engine.jaccard import jaccard
from xmemcore.evaluation import metrics
from xmemcore.evaluation.metrics import Score


def rectangle(top: int, left: int, bottom: int, right: int, shape: tuple[int, int] = (60, 80)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = True
    return mask


def slow_boundary(mask: np.ndarray) -> set[tuple[int, int]]:
    """List the pixels that differ from their right, lower or lower right neighbour inside the image."""
    height, width = mask.shape
    return {
        (y, x)
        for y in range(height)
        for x in range(width)
        for dy, dx in ((0, 1), (1, 0), (1, 1))
        if y + dy < height and x + dx < width and mask[y, x] != mask[y + dy, x + dx]
    }


def slow_f(predicted: np.ndarray, truth: np.ndarray, radius: int) -> float:
    a, b = slow_boundary(predicted), slow_boundary(truth)
    if not a and not b:
        return 1.0
    if not a or not b:
        return 0.0

    def share(pixels: set, others: set) -> float:
        return sum(any((y - v) ** 2 + (x - u) ** 2 <= radius**2 for v, u in others) for y, x in pixels) / len(pixels)

    precision, recall = share(a, b), share(b, a)
    return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


def test_identical_masks_score_one() -> None:
    mask = rectangle(10, 10, 30, 40)
    assert metrics.score(mask, mask) == Score(1.0, 1.0)


def test_two_empty_masks_score_one() -> None:
    empty = np.zeros((20, 30), bool)
    assert metrics.score(empty, empty) == Score(1.0, 1.0)


def test_one_empty_mask_scores_zero() -> None:
    empty, mask = np.zeros((60, 80), bool), rectangle(10, 10, 30, 40)
    assert metrics.score(empty, mask) == Score(0.0, 0.0)
    assert metrics.score(mask, empty) == Score(0.0, 0.0)


def test_disjoint_masks_far_apart_score_zero() -> None:
    assert metrics.score(rectangle(2, 2, 12, 12), rectangle(40, 60, 50, 70)) == Score(0.0, 0.0)


def test_tolerance_is_the_davis_one() -> None:
    assert metrics.boundary_radius(480, 854) == math.ceil(0.008 * math.sqrt(480**2 + 854**2)) == 8
    assert metrics.boundary_radius(1080, 1920) == 18


def test_shift_within_the_tolerance_costs_no_f_and_a_larger_one_does() -> None:
    truth = rectangle(100, 100, 300, 400, (480, 854))
    assert metrics.boundary_f(rectangle(108, 100, 308, 400, (480, 854)), truth) == 1.0
    beyond = metrics.boundary_f(rectangle(109, 100, 309, 400, (480, 854)), truth)
    # The upright sides still match, but for their ends: near 400 of 1000 pixels.
    assert beyond == pytest.approx(0.4, abs=0.02)
    assert metrics.boundary_f(rectangle(130, 120, 330, 420, (480, 854)), truth) < 0.1


def test_shift_costs_the_known_jaccard() -> None:
    truth, shifted = rectangle(100, 100, 300, 400, (480, 854)), rectangle(120, 100, 320, 400, (480, 854))
    assert jaccard(shifted, truth) == pytest.approx(180 / 220)


def test_boundary_is_one_pixel_on_the_upper_left_side_of_each_edge() -> None:
    marked = metrics.boundary(rectangle(2, 2, 4, 4, (6, 6)))
    assert {(int(y), int(x)) for y, x in np.argwhere(marked)} == {
        (1, 1), (1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2), (3, 3),
    }  # fmt: skip


def test_mask_that_fills_the_image_has_no_boundary() -> None:
    assert not metrics.boundary(np.ones((5, 7), bool)).any()


def test_image_border_is_no_boundary() -> None:
    marked = metrics.boundary(rectangle(0, 0, 6, 3, (6, 6)))
    assert np.array_equal(np.flatnonzero(marked.any(axis=0)), [2])


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
        lambda shape: st.tuples(arrays.arrays(bool, shape), arrays.arrays(bool, shape), st.integers(1, 4))
    )
)
def test_f_agrees_with_the_slow_loop(case: tuple[np.ndarray, np.ndarray, int]) -> None:
    predicted, truth, radius = case
    assert metrics.boundary_f(predicted, truth, radius) == pytest.approx(slow_f(predicted, truth, radius), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(arrays.arrays(bool, (9, 11)), arrays.arrays(bool, (9, 11)))
def test_scores_are_symmetric_and_in_range(a: np.ndarray, b: np.ndarray) -> None:
    forth, back = metrics.score(a, b), metrics.score(b, a)
    assert forth.j == back.j
    assert forth.f == pytest.approx(back.f)
    assert 0 <= forth.j <= 1 and 0 <= forth.f <= 1


def test_several_objects_are_scored_apart() -> None:
    truth = rectangle(5, 5, 25, 25).astype(np.uint8) + 2 * rectangle(30, 40, 50, 70)
    predicted = rectangle(5, 5, 25, 25).astype(np.uint8)
    scores = metrics.score_labels(predicted, truth, (1, 2, 3))
    assert scores == {1: Score(1.0, 1.0), 2: Score(0.0, 0.0), 3: Score(1.0, 1.0)}


def test_swapped_objects_score_zero() -> None:
    truth = rectangle(5, 5, 15, 15).astype(np.uint8) + 2 * rectangle(40, 60, 50, 70)
    swapped = 2 * rectangle(5, 5, 15, 15).astype(np.uint8) + rectangle(40, 60, 50, 70)
    assert {s.jf for s in metrics.score_labels(swapped, truth, (1, 2)).values()} == {0.0}


def test_void_pixels_count_nowhere() -> None:
    truth = rectangle(5, 5, 25, 25).astype(np.uint8)
    truth[40:, :] = 255
    predicted = rectangle(5, 5, 25, 25) | rectangle(40, 0, 60, 80)
    assert metrics.score_labels(predicted.astype(np.uint8), truth, (1,), void=255)[1] == Score(1.0, 1.0)
    assert metrics.score_labels(predicted.astype(np.uint8), truth, (1,))[1].j < 0.5


def test_clip_score_weighs_objects_alike_however_many_frames_they_have() -> None:
    good, bad = Score(1.0, 1.0), Score(0.0, 0.5)
    frames = [{1: good}, {1: good}, {1: good, 2: bad}]
    assert metrics.clip_score(frames) == Score(0.5, 0.75)


def test_mean_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no score"):
        metrics.mean([])
