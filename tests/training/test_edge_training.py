"""The pictures that the network of edges learns from, and its training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from xmemcore.network.checkpoint import read_state
from xmemcore.network.edges import edge_network
from xmemcore.protocol.failures import RequestError
from xmemcore.training import edges
from xmemcore.training.edge_pictures import CELLS, EdgePictures
from xmemcore.training.edges import GENERATED, draw_pictures, read_batch, solved, train


@pytest.mark.parametrize("scale", [2, 3])
def test_pictures_alphas_and_answers_have_the_sizes_and_ranges_that_they_promise(scale: int) -> None:
    pictures = EdgePictures(0)
    for seed in range(12):
        drawn = pictures.draw(np.random.default_rng(seed), scale)
        assert drawn.picture.shape == (scale * CELLS, scale * CELLS, 3) and drawn.alpha.shape == drawn.picture.shape[:2]
        assert drawn.answer.shape == (CELLS, CELLS)
        for plane in (drawn.picture, drawn.alpha, drawn.answer):
            assert plane.dtype == np.float32 and np.isfinite(plane).all() and 0 <= plane.min() and plane.max() <= 1


def test_answers_are_near_the_truth_and_not_the_truth() -> None:
    pictures = EdgePictures(0)
    errors = []
    for seed in range(20):
        drawn = pictures.draw(np.random.default_rng(seed), 2)
        cells = drawn.alpha.reshape(CELLS, 2, CELLS, 2).mean(axis=(1, 3))
        errors.append(float(np.abs(cells - drawn.answer).mean()))
    assert 0.005 < np.mean(errors) < 0.15


def test_picture_depends_on_its_seed_alone() -> None:
    first = EdgePictures(3)
    first.draw(np.random.default_rng(1), 2)
    again = EdgePictures(3).draw(np.random.default_rng(2), 2)
    np.testing.assert_array_equal(first.draw(np.random.default_rng(2), 2).picture, again.picture)


def test_photograph_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(RequestError, match=r"a\.jpg"):
        EdgePictures(0, [tmp_path / "a.jpg"])


@pytest.mark.exhaustive
def test_training_learns_repeats_itself_and_ships_what_it_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edges, "HELD_OUT", 1)
    draw_pictures(tmp_path / "pictures", 3, 0, ())
    weights = []
    for _ in range(2):
        (entry,) = train(tmp_path, 20, 0, GENERATED)
        # It begins as the filter, so that to be better than the plain answers proves nothing.
        assert entry["network"] < entry["filter"] < entry["plain"]
        weights.append(read_state(tmp_path / "edges.safetensors"))
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=0)


def test_batch_turned_is_the_same_task(tmp_path: Path) -> None:
    draw_pictures(tmp_path, 1, 0, ())
    batch = read_batch(tmp_path / "0000.npz", np.arange(4))
    turned = batch.turned(np.random.default_rng(0))
    with torch.no_grad():
        straight, other = ((solved(edge_network(), each) - each.alpha).abs().mean() for each in (batch, turned))
    assert turned.picture.shape == batch.picture.shape and abs(float(straight - other)) < 0.2 * float(straight)
