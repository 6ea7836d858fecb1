"""How shapes lie on each other."""

from __future__ import annotations

import numpy as np
import pytest

from tests.roto.made_roto import rectangle
from xmemcore.protocol.roto_values import BLENDING
from xmemcore.roto import PixelGrid, rasterise
from xmemcore.roto.blending import MODES, blend

GRID = PixelGrid(3, 1)
LOW = rectangle(0, 0, 2, 1, opacity=0.4)
"""Covers pixels 0 and 1."""


def with_mode(mode: str, opacity: float = 0.5) -> list[float]:
    """Draw a shape on pixels 1 and 2 over LOW."""
    return rasterise([LOW, rectangle(1, 0, 3, 1, opacity=opacity, blending=mode)], GRID)[0].tolist()


def test_every_mode_of_nuke_is_known() -> None:
    assert tuple(MODES) == BLENDING


@pytest.mark.parametrize("mode", BLENDING)
def test_no_mode_changes_anything_outside_its_shape(mode: str) -> None:
    assert with_mode(mode)[0] == pytest.approx(0.4)


@pytest.mark.parametrize("mode", BLENDING)
def test_opacity_zero_changes_nothing_in_any_mode(mode: str) -> None:
    assert with_mode(mode, 0.0) == pytest.approx([0.4, 0.4, 0])


@pytest.mark.parametrize(
    ("mode", "both", "alone"),
    [
        ("over", 0.7, 0.5), ("max", 0.7, 0.5), ("screen", 0.7, 0.5), ("hard-light", 0.7, 0.5), ("plus", 0.9, 0.5),
        ("multiply", 0.4, 0.0), ("min", 0.4, 0.0), ("color-burn", 0.4, 0.0), ("color-dodge", 0.7, 0.0),
        ("overlay", 0.6, 0.0), ("soft-light", 0.52, 0.0), ("from", 0.0, 0.0),
        ("minus", 0.5, 0.5), ("difference", 0.5, 0.5), ("exclusion", 0.5, 0.5),
    ],
)  # fmt: skip
def test_modes_mix_white_with_what_is_below(mode: str, both: float, alone: float) -> None:
    assert with_mode(mode) == pytest.approx([0.4, both, alone])


def test_shapes_are_drawn_from_bottom_to_top() -> None:
    cut = rectangle(1, 0, 3, 1, blending="from")
    assert rasterise([LOW, cut], GRID)[0].tolist() == pytest.approx([0.4, 0, 0])
    assert rasterise([cut, LOW], GRID)[0].tolist() == pytest.approx([0.4, 0.4, 0])


def test_results_stay_between_0_and_1() -> None:
    random = np.random.default_rng(0)
    below, amount = random.random((2, 500)).astype(np.float32)
    for mode in MODES:
        result = blend(below, amount, mode)
        assert result.dtype == np.float32 and result.min() >= 0 and result.max() <= 1


def test_an_inverted_shape_acts_outside_itself() -> None:
    inverted = rectangle(1, 0, 2, 1, inverted=True, opacity=0.5)
    assert rasterise([inverted], GRID)[0].tolist() == pytest.approx([0.5, 0, 0.5])
    assert rasterise([LOW, inverted], GRID)[0].tolist() == pytest.approx([0.7, 0.4, 0.5])


def test_neighbours_leave_a_seam_only_where_both_are_partial() -> None:
    """Two shapes that share an edge through the middle of a pixel: over gives 3/4 there, as over does."""
    drawn = rasterise([rectangle(0, 0, 1.5, 1), rectangle(1.5, 0, 3, 1)], GRID)[0]
    assert drawn.tolist() == pytest.approx([1, 0.75, 1])
