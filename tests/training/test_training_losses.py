"""The losses agree with their definitions."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xmemcore.engine.aggregation import aggregate
from xmemcore.engine.losses import competing_logits, dice, hard_cross_entropy, hardest_share


@settings(max_examples=25, deadline=None)
@given(objects=st.integers(1, 4), seed=st.integers(0, 1000))
def test_competition_is_the_engines_aggregation(objects: int, seed: int) -> None:
    logits = 4 * torch.randn(2, objects, 3, 5, generator=torch.Generator().manual_seed(seed))
    # 1e-4: the engine clamps at 1e-7. In float32 its logit of a probability near 1 would lose more than that.
    torch.testing.assert_close(
        torch.softmax(competing_logits(logits), dim=1), aggregate(torch.sigmoid(logits.double())).float(), atol=1e-4, rtol=0
    )


def test_extreme_logits_give_finite_gradients() -> None:
    logits = torch.tensor([-200.0, -20.0, 0.0, 20.0, 200.0]).view(1, 1, 1, 5).repeat(1, 2, 1, 1).requires_grad_()
    labels = torch.ones(1, 1, 5, dtype=torch.long)
    competing = competing_logits(logits)
    (hard_cross_entropy(competing, labels, 1.0) + dice(competing, labels)).backward()
    assert torch.isfinite(logits.grad).all()


def test_only_the_hardest_pixels_count() -> None:
    competing = torch.zeros(1, 2, 1, 4)
    competing[0, 0, 0, 0] = 3.0
    labels = torch.ones(1, 1, 4, dtype=torch.long)
    assert float(hard_cross_entropy(competing, labels, 0.25)) == pytest.approx(math.log(1 + math.exp(3)), rel=1e-5)
    assert float(hard_cross_entropy(competing, labels, 1.0)) < float(hard_cross_entropy(competing, labels, 0.25))


def test_dice_is_zero_for_the_truth_and_one_for_its_opposite() -> None:
    labels = torch.zeros(1, 20, 20, dtype=torch.long)
    labels[:, 5:15, 5:15] = 1
    right = torch.stack((10.0 - 20 * labels, 20 * labels - 10.0), dim=1)
    assert float(dice(right, labels)) < 1e-3
    assert float(dice(-right, labels)) > 0.99


def test_an_absent_object_that_stays_absent_costs_nothing() -> None:
    labels = torch.zeros(1, 8, 8, dtype=torch.long)
    competing = torch.stack((torch.full((1, 8, 8), 16.0), torch.full((1, 8, 8), -16.0)), dim=1)
    assert float(dice(competing, labels)) < 1e-6


def test_the_hardest_share_falls_from_all_to_a_quarter() -> None:
    shares = [hardest_share(progress / 20) for progress in range(21)]
    assert shares[0] == 1.0 and shares[-1] == 0.25 and shares == sorted(shares, reverse=True)
