"""Layers are collected row by row and hold what was drawn, whatever pieces it came in."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import pytest

from xmemcore.shot.files.box import Box
from xmemcore.shot.files.layers import FAINTEST, Drawn, Layer, box_of


def drawn(seed: int, height: int = 24, width: int = 40) -> np.ndarray:
    draw = np.random.default_rng(seed)
    plane = np.zeros((height, width), np.float32)
    plane[5:17, 9:31] = draw.random((12, 22)) * (draw.random((12, 22)) > 0.5)
    return plane


@pytest.mark.parametrize("rows", [1, 5, 24])
def test_layer_is_what_was_added_whatever_its_pieces(rows: int) -> None:
    plane, layer = drawn(1), Layer()
    for top in range(0, 24, rows):
        layer.add(top, plane[top : top + rows])
    expected = np.where(plane < FAINTEST, 0, plane).astype(np.float16)
    positions = np.argwhere(expected)
    (top, left), (bottom, right) = positions.min(axis=0), positions.max(axis=0) + 1
    assert layer.box == Box(left, top, right, bottom)
    assert np.array_equal(layer.placed(Box(0, 0, 40, 24)), expected)
    assert np.array_equal(layer.placed(Box(2, 3, 40, 20)), expected[3:20, 2:])
    assert layer.area(plane.size) == pytest.approx(plane.mean(), abs=1e-6)


def test_faint_values_go_unless_they_are_the_artists() -> None:
    plane = np.full((4, 6), FAINTEST / 2, np.float32)
    assert Layer.of(plane).box is None and not Layer.of(plane).placed(Box(0, 0, 6, 4)).any()
    assert np.array_equal(Layer.of(plane, cut_faint=False).placed(Box(0, 0, 6, 4)), plane.astype(np.float16))


def test_box_holds_all_layers_and_empty_ones_have_none() -> None:
    first, second = np.zeros((8, 8), np.float32), np.zeros((8, 8), np.float32)
    first[1, 2], second[6, 5] = 1, 1
    assert box_of([Layer.of(first), Layer(), Layer.of(second)]) == Box(2, 1, 6, 7)
    assert box_of([Layer()]) is None


def test_drawn_matte_gives_back_its_parts() -> None:
    plane = drawn(2)
    for band in (slice(0, 24), slice(0, 4), slice(4, 9), slice(16, 24)):
        part = Box(5, band.start, 31, band.stop)
        assert np.array_equal(Drawn.of(plane).part(part), plane[band, 5:31])
    assert not Drawn.of(np.zeros((8, 40), np.float32)).part(Box(0, 0, 40, 8)).any()


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="this system does not tell what memory an array has")
def test_a_placed_layer_takes_the_memory_of_what_is_in_it() -> None:
    """Arrays of 0 that come from memory which was used before are wholly taken; so the plane has memory of its own."""
    layer = Layer()
    layer.add(500, np.ones((20, 30), np.float32), 700)
    plane = layer.placed(Box(0, 0, 1920, 1080))
    assert plane.sum(dtype=np.float32) == 600 and plane[500:520, 700:730].all()
    base = plane
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base.obj if isinstance(base, memoryview) else base, mmap.mmap)
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    begins = next(line for line in lines if line.startswith(f"{plane.ctypes.data & -4096:x}-"))
    taken = next(int(line.split()[1]) for line in lines if line.startswith("Rss:"))
    assert taken < 0.1 * plane.nbytes / 1024, begins
