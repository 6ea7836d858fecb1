"""Masks of the plan take one bit a pixel, and say the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xmemcore.shot.annotations.annotations import network_mask_from_coverage
from xmemcore.shot.annotations.bit_masks import BitMask
from xmemcore.shot.annotations.objects import Unpacking, _nearest


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (16, 24), (31, 17)])
def test_mask_survives_its_bits(shape: tuple[int, int]) -> None:
    draw = np.random.default_rng(sum(shape))
    first, second = (draw.integers(0, 2, shape).astype(np.float32) for _ in range(2))
    packed = BitMask.of(first)
    assert np.array_equal(packed.unpacked(), first) and packed.pixels == int(first.sum())
    assert packed.shared(BitMask.of(second)) == int(np.minimum(first, second).sum())
    assert packed.bits.nbytes <= shape[0] * -(-shape[1] // 8)


def test_mask_of_a_part_is_that_of_the_picture() -> None:
    draw = np.random.default_rng(5)
    for _ in range(60):
        whole = np.zeros((23, 37), np.float32)
        row, column, height, width = (int(draw.integers(0, most)) for most in (20, 30, 9, 9))
        part = whole[row : row + height, column : column + width]
        part[:] = draw.integers(0, 2, part.shape)
        of_part, of_whole = BitMask.of(part, whole.shape, row, column), BitMask.of(whole)
        assert of_part.hash == of_whole.hash and of_part.pixels == of_whole.pixels == whole.sum()
        assert np.array_equal(of_part.unpacked(), whole)
        other = (draw.random(whole.shape) > 0.5).astype(np.float32)
        assert of_part.shared(BitMask.of(other)) == np.minimum(whole, other).sum()


def test_masks_are_unpacked_by_object_and_absent_stays_absent() -> None:
    masks = Unpacking({2: BitMask.of(np.ones((2, 3))), 5: None})
    assert list(masks) == [2, 5] and len(masks) == 2 and masks[5] is None and masks.get(7) is None
    assert masks[2].shape == (2, 3) and masks[2].dtype == torch.float32


def test_nearest_pair_is_the_one_that_a_search_through_all_finds() -> None:
    draw = np.random.default_rng(0)
    for _ in range(50):
        ones, others = (sorted({int(frame) for frame in draw.integers(0, 60, draw.integers(1, 8))}) for _ in range(2))
        everyone = ((a, b) for a in ones for b in others)
        assert _nearest(ones, others) == min(everyone, key=lambda pair: (abs(pair[0] - pair[1]), pair))


def test_mask_of_a_box_is_the_mask_of_the_whole_picture() -> None:
    coverage = np.zeros((40, 60), np.float32)
    coverage[10:14, 20:50] = np.random.default_rng(1).random((4, 30))
    mask = network_mask_from_coverage(coverage)
    assert np.array_equal(mask[coverage >= 0.5], np.ones((coverage >= 0.5).sum())) and mask.shape == coverage.shape
    moved = network_mask_from_coverage(np.roll(coverage, (-10, -20), (0, 1)))
    assert np.array_equal(np.roll(moved, (10, 20), (0, 1)), mask)
    assert not network_mask_from_coverage(np.zeros((4, 5), np.float32)).any()
