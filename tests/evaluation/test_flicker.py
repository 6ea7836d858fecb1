"""Flicker: still and well carried edges have none, trembling ones have what they tremble by."""

from __future__ import annotations

import numpy as np
import pytest

from tests.shot.mattes.test_carry import HEIGHT, WIDTH, body, grey
from xmemcore.evaluation.flicker import displacement
from xmemcore.shot.plate.flow import Flows


def test_an_edge_that_moves_with_the_picture_does_not_tremble() -> None:
    way = Flows(grey).way(6, 5, (HEIGHT, WIDTH))
    found = displacement(body(6, strap=False), body(5, strap=False), way)
    assert found is not None and found < 0.4


@pytest.mark.parametrize("pixels", [2, 4])
def test_an_edge_that_trembles_is_found_by_its_distance(pixels: int) -> None:
    way = Flows(grey).way(6, 5, (HEIGHT, WIDTH))
    shaken = np.roll(body(6, strap=False), pixels, axis=1)
    found = displacement(shaken, body(5, strap=False), way)
    # The upper and lower edges do not move: two sides of four.
    assert found is not None and 0.3 * pixels < found < 0.8 * pixels


def test_what_is_not_there_does_not_tremble() -> None:
    way = Flows(grey).way(6, 5, (HEIGHT, WIDTH))
    assert displacement(np.zeros((HEIGHT, WIDTH)), body(5), way) is None
