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


# Readings of Nuke 17.1: a white shape at full cover over 0, 0.5 and 1.
MEASURED = {
    "over": (1, 1, 1), "max": (1, 1, 1), "multiply": (0, 0.5, 1), "color-burn": (0, 1, 1), "min": (0, 0.5, 1), "screen": (1, 1, 1),
    "color-dodge": (1, 1, 1), "plus": (1, 1.5, 2), "overlay": (1, 1, 1), "soft-light": (1, 1.5, 2), "hard-light": (0, 1, 1),
    "from": (1, 0.5, 0), "minus": (-1, -0.5, 0), "difference": (1, 0.5, 0), "exclusion": (1, 0.5, 0),
}  # fmt: skip


@pytest.mark.parametrize("mode", BLENDING)
def test_modes_give_what_nuke_gives(mode: str) -> None:
    below = np.array([0, 0.5, 1], np.float32)
    result = blend(below, np.ones(3, np.float32), mode)
    assert result.dtype == np.float32 and result.tolist() == list(MEASURED[mode])


def test_nothing_is_cut_off_before_the_end() -> None:
    """Two shapes with plus are 2, of which minus takes 1; minus over nothing owes 1 to what comes on top."""
    full = {"opacity": 1.0}
    plus, minus = (rectangle(0, 0, 3, 1, blending=mode, **full) for mode in ("plus", "minus"))
    assert rasterise([plus, plus, minus], GRID)[0].tolist() == [1, 1, 1]
    assert rasterise([plus, plus, minus, minus], GRID)[0].tolist() == [0, 0, 0]
    assert rasterise([minus, plus], GRID)[0].tolist() == [0, 0, 0]
    assert rasterise([minus], GRID)[0].tolist() == [0, 0, 0]
    assert rasterise([plus, plus], GRID)[0].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("mode", "both", "alone"), [("over", 0.7, 0.5), ("multiply", 0.4, 0), ("difference", 0.5, 0.5), ("plus", 0.9, 0.5)]
)
def test_opacity_mixes_in_proportion(mode: str, both: float, alone: float) -> None:
    assert with_mode(mode) == pytest.approx([0.4, both, alone])


def test_shapes_are_drawn_from_bottom_to_top() -> None:
    cut = rectangle(1, 0, 3, 1, blending="difference")
    low = rectangle(0, 0, 2, 1)
    assert rasterise([low, cut], GRID)[0].tolist() == [1, 0, 1]
    assert rasterise([cut, low], GRID)[0].tolist() == [1, 1, 1]


def test_results_stay_between_0_and_1() -> None:
    for mode in MODES:
        layered = [rectangle(i, 0, i + 2, 1, blending=mode, opacity=0.3 + 0.3 * i) for i in range(3)]
        result = rasterise([LOW, *layered, *layered], GRID)
        assert result.dtype == np.float32 and result.min() >= 0 and result.max() <= 1


def test_an_inverted_shape_acts_outside_itself() -> None:
    inverted = rectangle(1, 0, 2, 1, inverted=True, opacity=0.5)
    assert rasterise([inverted], GRID)[0].tolist() == pytest.approx([0.5, 0, 0.5])
    assert rasterise([LOW, inverted], GRID)[0].tolist() == pytest.approx([0.7, 0.4, 0.5])


def test_neighbours_leave_a_seam_only_where_both_are_partial() -> None:
    """Two shapes that share an edge through the middle of a pixel: over gives 3/4 there, as over does."""
    drawn = rasterise([rectangle(0, 0, 1.5, 1), rectangle(1.5, 0, 3, 1)], GRID)[0]
    assert drawn.tolist() == pytest.approx([1, 0.75, 1])
