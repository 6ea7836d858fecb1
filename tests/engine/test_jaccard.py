"""J of two masks."""

from __future__ import annotations

import numpy as np
import pytest

from xmemcore.engine.jaccard import jaccard

LEFT, RIGHT = np.repeat([[True, True, False]], 5, axis=0), np.repeat([[False, True, True]], 5, axis=0)


def test_j_of_half_overlapping_rectangles_is_a_third() -> None:
    assert jaccard(LEFT, RIGHT) == pytest.approx(1 / 3)


def test_two_empty_masks_agree_and_one_alone_does_not() -> None:
    assert jaccard(LEFT & ~LEFT, RIGHT & ~RIGHT) == 1
    assert jaccard(LEFT, RIGHT & ~RIGHT) == 0
