"""Flicker: still and well carried edges have none, trembling ones have what they tremble by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.shot.mattes.moving_body import HEIGHT, WIDTH, body, grey
from xmemcore.evaluation import metrics
from xmemcore.evaluation.carried import carried
from xmemcore.evaluation.clips import find_clips, hold
from xmemcore.evaluation.evaluate import scores_unannotated
from xmemcore.evaluation.flicker import displacement, flows_of
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


def test_the_nearest_key_is_carried_along_the_motion(tmp_path: Path) -> None:
    for index in range(8):
        write_picture(tmp_path / "clip" / "frames" / f"{index:05d}.png", grey(index))
        write_picture(tmp_path / "clip" / "masks" / f"{index:05d}.png", (body(index, strap=False) >= 0.5).astype(np.uint8))
    (clip,) = find_clips(tmp_path)
    keys = (0, 7)
    along, copied = (scores_unannotated(clip, labels, keys).values() for labels in (carried(clip, keys, flows_of(clip)), hold(clip, keys)))
    assert metrics.clip_score(along).j > 0.9 > metrics.clip_score(copied).j


def write_picture(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
