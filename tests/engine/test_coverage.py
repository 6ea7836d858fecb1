"""Coverage picks the key that explains most of what is expected to be wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest
import torch

from xmemcore.engine.coverage import FRAMES_COMPARED, Apart, compared, distances, gains, glimpse, look, picks
from xmemcore.protocol.failures import Cancelled


def pose(number: float) -> torch.Tensor:
    """One frame's glimpse: a point on a curve that never comes back."""
    return torch.tensor([[number, number**0.5], [number + 1, 0.0]])


def apart_of(poses: list[float]) -> Apart:
    return distances(range(len(poses)), lambda index: pose(poses[index]))


def chosen(poses: list[float], keyed: list[int], count: int = 1, error: np.ndarray | None = None) -> list[int]:
    frames = list(range(len(poses)))
    wrong = np.ones(len(poses)) if error is None else error
    return [index for index, _, _ in picks(frames, apart_of(poses), keyed, frames, wrong, count)]


def test_distances_are_symmetric_and_grow_with_time() -> None:
    apart = apart_of([float(n) for n in range(20)]).swept
    assert np.array_equal(apart, apart.T) and not apart.diagonal().any()
    assert (np.diff(apart[0]) > 0).all()


def test_distance_in_frames_does_not_depend_on_the_unit_of_keys() -> None:
    poses = [float(n) for n in range(20)]
    # Distances are kept in half precision, which a power of two leaves alone.
    larger = distances(range(20), lambda index: 32 * pose(poses[index]))
    assert np.allclose(larger.swept, apart_of(poses).swept)


def test_second_key_lies_in_the_middle_of_what_the_first_leaves_open() -> None:
    (pick,) = chosen([float(n) for n in range(60)], [0])
    assert 20 <= pick <= 45, "an end explains half as many frames"


def test_first_key_without_any_other_is_one_that_explains_most() -> None:
    (pick,) = chosen([float(n) for n in range(41)], [])
    assert 12 <= pick <= 28
    repeated = [0.0] * 5 + [50.0 + n / 10 for n in range(30)]
    assert chosen(repeated, [])[0] >= 5


def test_outlier_is_not_picked_before_the_many() -> None:
    poses = [0.0] * 10 + [float(n) for n in range(10, 40)] + [4000.0] + [float(n) for n in range(40, 50)]
    assert 40 not in chosen(poses, [0], count=2), "the outlier explains only itself"


def test_pose_that_comes_back_is_explained_wherever_it_is_keyed() -> None:
    there_and_back = [float(n) for n in [*range(30), *range(29, -1, -1)]]
    apart = apart_of(there_and_back)
    for distances_ in (apart.swept, apart.remembered):
        assert distances_[2, 57] < distances_[2, 30], "frame 57 shows what frame 2 shows"


def test_what_covers_little_of_the_picture_counts_where_the_object_is() -> None:
    """Of four cells one shows the object: frames 0 and 1 share its pose, frames 0 and 2 the ground."""
    object_, ground = [0.0, 5.0, 0.0], [0.0, 0.0, 3.0]

    def glimpse_of(index: int) -> torch.Tensor:
        return torch.tensor([[object_[index], 100.0]] + [[ground[index], 0.0]] * 3)

    everywhere = distances(range(3), glimpse_of).swept
    by_object = distances(range(3), glimpse_of, lambda index: torch.tensor([1.0, 0, 0, 0])).swept
    assert everywhere[0, 2] > everywhere[0, 1] and by_object[0, 2] < everywhere[0, 2] and by_object[0, 1] >= everywhere[0, 1]
    nowhere = distances(range(3), glimpse_of, lambda index: torch.zeros(4)).swept
    assert np.allclose(nowhere, everywhere), "an object that is nowhere weighs nothing"


def test_beyond_the_next_key_only_appearance_reaches() -> None:
    poses = [0.0, 1.0, 2.0, 3.0, 40.0, 5.0, 6.0, 7.0]
    apart = apart_of(poses)
    assert (apart.remembered >= apart.swept).all() and apart.remembered[2, 4] > apart.swept[2, 4]
    beside = apart.beside([3])
    across, joined = (2, 4), [(0, 2), (0, 3), (3, 4), (4, 7), (5, 5)]
    assert beside[across] == apart.remembered[across] and beside[across[::-1]] == apart.remembered[across]
    assert all(beside[pair] == apart.swept[pair] for pair in joined)
    assert np.array_equal(apart.beside([]), apart.swept)


def test_expected_error_draws_the_pick() -> None:
    poses = [float(n) for n in range(60)]
    wrong = np.full(60, 0.02)
    wrong[8:14] = 0.9
    assert 6 <= chosen(poses, [0], error=wrong)[0] <= 15


def test_stretch_that_a_pick_mends_draws_no_second_one() -> None:
    apart, wrong = apart_of([float(n) for n in range(60)]), np.full(60, 0.02)
    wrong[8:16], wrong[40:43] = 0.9, 0.15

    def two(mends: Callable[[int], Iterable[int]]) -> list[int]:
        return [index for index, _, _ in picks(range(60), apart, [0, 59], range(60), wrong, 2, mends)]

    first, second = two(lambda index: range(8, 16) if 8 <= index < 16 else ())
    assert 8 <= first < 16 and 38 <= second <= 45
    assert 4 <= two(lambda index: ())[1] <= 20, "without it the same stretch is picked again"


def test_picks_are_different_frames_and_never_keyed_ones() -> None:
    picked = chosen([float(n) for n in range(12)], [3, 7], count=20)
    assert len(picked) == len(set(picked)) and not {3, 7} & set(picked)


def test_gains_of_a_shot_that_is_explained_are_small() -> None:
    apart = apart_of([float(n) for n in range(30)])
    assert gains(apart, list(range(0, 30, 2)), np.ones(30)).max() < gains(apart, [0], np.ones(30)).max() / 4


def test_each_pick_explains_less_than_the_one_before() -> None:
    poses = [float(n % 23) for n in range(60)]
    wrong = 0.1 + np.random.default_rng(2).random(60)
    shares = [gain for _, gain, _ in picks(list(range(60)), apart_of(poses), [0], list(range(60)), wrong, 6)]
    assert shares == sorted(shares, reverse=True) and sum(shares) < 1


def test_long_shots_are_thinned_but_keep_what_must_be_there() -> None:
    frames = compared(960, [1, 777], list(range(960)))
    assert len(frames) == FRAMES_COMPARED + 2 and {1, 777} <= set(frames)
    few, odd = compared(960, [1], range(500, 520)), compared(960, [1], range(1, 960, 2))
    assert set(few).issuperset(range(500, 520)), "where few may be picked, all of them are compared"
    assert len(odd) <= 2 * FRAMES_COMPARED and sum(index % 2 for index in odd) > 100, "some that may be picked are always among them"
    assert compared(60, [], []) == list(range(60))


def test_glimpse_is_small_whatever_the_size() -> None:
    assert look(torch.randn(1, 64, 30, 54)).shape == (64, 16, 29)
    assert glimpse(look(torch.randn(1, 64, 30, 54))).shape == (8 * 14, 64)
    assert glimpse(look(torch.randn(1, 6, 3, 4))).shape == (12, 6)


def test_comparing_stops_when_asked() -> None:
    with pytest.raises(Cancelled):
        distances(range(4), lambda index: pose(index), cancelled=lambda: True)
