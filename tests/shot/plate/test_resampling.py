"""To working size: areas are averaged whatever the axes do, and masks are reduced as published."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xmemcore.shot.plate.resampling import nearest, resampled, resampled_in_strips

sides = st.integers(1, 60)


@given(sides, sides, sides, sides)
@settings(max_examples=40, deadline=None)
def test_resampling_stays_within_the_values_and_keeps_a_flat_picture_flat(height: int, width: int, rows: int, columns: int) -> None:
    image = np.random.default_rng(0).random((height, width, 3), np.float32)
    reduced = resampled(image, (rows, columns))
    assert reduced.shape == (rows, columns, 3) and reduced.min() >= image.min() - 1e-5 and reduced.max() <= image.max() + 1e-5
    assert np.allclose(resampled(np.full((height, width), 0.7, np.float32), (rows, columns)), 0.7, atol=1e-6)


@given(sides, sides, st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_reduction_averages_what_falls_into_a_pixel(height: int, width: int, divisor: int) -> None:
    rows, columns = max(1, height // divisor), max(1, width - divisor)
    image = np.random.default_rng(1).random((height, width), np.float32)
    weights = [_overlap(height, rows), _overlap(width, columns)]
    assert np.allclose(resampled(image, (rows, columns)), weights[0] @ image @ weights[1].T, atol=1e-4)


@pytest.mark.parametrize("shape", [(2160, 96), (1080, 2048), (1081, 500), (64, 4096), (480, 300), (300, 4096)])
@pytest.mark.parametrize("size", [(480, 853), (480, 80), (600, 80)])
def test_strips_give_what_the_whole_picture_gives(shape: tuple[int, int], size: tuple[int, int]) -> None:
    picture = np.random.default_rng(2).random((*shape, 3), np.float32)
    asked: list[tuple[int, int]] = []

    def rows(top: int, stop: int) -> np.ndarray:
        asked.append((top, stop))
        return picture[top:stop]

    reduced = resampled_in_strips(rows, shape, size)
    assert np.allclose(reduced, resampled(picture, size), rtol=0, atol=1e-6) and reduced.dtype == np.float32
    assert asked[0][0] == 0 and asked[-1][1] == shape[0] and all(a[1] == b[0] for a, b in zip(asked, asked[1:]))
    if shape == (1080, 2048) and size[0] == 480:
        assert np.array_equal(reduced, resampled(picture, size)) and len(asked) > 10


def _overlap(of: int, to: int) -> np.ndarray:
    """Give the share (to, of) of each old pixel in each new one."""
    scale = of / to
    start, end = np.arange(to)[:, None] * scale, (np.arange(to)[:, None] + 1) * scale
    left = np.arange(of)[None]
    return np.clip(np.minimum(end, left + 1) - np.maximum(start, left), 0, None) / scale


@pytest.mark.parametrize(("of", "to"), [(2172, 426), (854, 426), (480, 240), (1080, 480), (720, 427), (1923, 853), (3, 7), (5, 1)])
def test_nearest_takes_the_very_pixels_that_torch_takes(of: int, to: int) -> None:
    plane = np.arange(of, dtype=np.float32)[:, None]
    theirs = torch.nn.functional.interpolate(torch.from_numpy(plane)[None, None], size=(to, 1), mode="nearest")[0, 0].numpy()
    assert np.array_equal(nearest(plane, (to, 1)), theirs)
    assert np.array_equal(nearest(plane.T, (1, to)), theirs.T)
