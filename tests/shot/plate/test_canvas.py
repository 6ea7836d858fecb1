"""The canvas of a shot, and how a picture is brought to working size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmemcore.shot.files.box import Box
from xmemcore.shot.plate.canvas import Canvas, canvas_of, within_reach

sides = st.integers(-60, 60)
sizes = st.integers(1, 50)
boxes = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), sides, sides, sizes, sizes)


@pytest.mark.parametrize(
    ("windows", "box"),
    [
        ([], Box(0, 0, 100, 50)),
        ([Box(10, 10, 20, 20)], Box(0, 0, 100, 50)),
        ([Box(-5, -3, 104, 52)], Box(-5, -3, 104, 52)),
        ([Box(-5, 0, 100, 50), Box(0, 0, 107, 60)], Box(-5, 0, 107, 60)),
        ([Box(0, 0, 180, 50)], Box(0, 0, 180, 50)),
        ([Box(-1000, -1000, 1000, 1000)], Box(-50, -25, 150, 75)),
        ([Box(-10, 0, 900, 50)], Box(-10, 0, 190, 50)),
        ([Box(150, 0, 160, 50)], Box(0, 0, 160, 50)),
        ([Box(1000, 1000, 1010, 1010), Box(0, -2, 100, 50)], Box(0, -2, 100, 50)),
    ],
)
def test_canvas_is_the_union_of_the_windows_up_to_twice_the_format(windows: list[Box], box: Box) -> None:
    assert canvas_of(Box(0, 0, 100, 50), windows, 1.0).box == box


@given(boxes, st.lists(boxes, max_size=4))
@settings(max_examples=40, deadline=None)
def test_canvas_holds_the_format_and_all_of_every_window_unless_that_is_too_much(display: Box, windows: list[Box]) -> None:
    canvas = canvas_of(display, windows, 1.0)
    union = display
    for window in windows:
        if within_reach(window, display):
            union = union.union(window)
    assert canvas.display == display and canvas.box.union(display) == canvas.box
    assert canvas.box.intersection(union) == canvas.box
    assert canvas.width == min(union.width, 2 * display.width)
    assert canvas.height == min(union.height, 2 * display.height)


@given(boxes, boxes)
@settings(max_examples=40, deadline=None)
def test_pixels_keep_their_coordinates_on_the_canvas(box: Box, window: Box) -> None:
    pixels = 1 + np.arange(window.width * window.height, dtype=np.float32).reshape(window.height, window.width)
    placed = Canvas(box, box).placed(pixels, window)
    assert placed.shape == (box.height, box.width)
    for y in range(box.y0, box.y1):
        for x in range(box.x0, box.x1):
            inside = window.x0 <= x < window.x1 and window.y0 <= y < window.y1
            assert placed[y - box.y0, x - box.x0] == (pixels[y - window.y0, x - window.x0] if inside else 0)


@pytest.mark.parametrize(
    ("width", "height", "aspect", "size", "working"),
    [
        (854, 480, 1.0, 480, (480, 854)),
        (480, 853, 1.0, 480, (853, 480)),
        (1920, 1080, 1.0, 480, (480, 853)),
        (720, 480, 1.0, 240, (240, 360)),
        (100, 100, 1.0, 64, (64, 64)),
        (1828, 1556, 2.0, 480, (480, 1127)),
        (720, 576, 1.0940001, 480, (480, 656)),
        (64, 128, 2.0, 64, (64, 64)),
        (4096, 3, 1.0, 64, (64, 87381)),
    ],
)
def test_working_size_has_square_pixels_and_a_long_side_rounded_down(
    width: int, height: int, aspect: float, size: int, working: tuple[int, int]
) -> None:
    box = Box(0, 0, width, height)
    assert Canvas(box, box, aspect).working_size(size) == working


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(16, 1080))
@settings(max_examples=40, deadline=None)
def test_working_size_of_square_pixels_is_exact(width: int, height: int, size: int) -> None:
    box = Box(0, 0, width, height)
    short, long = sorted((width, height))
    assert sorted(Canvas(box, box).working_size(size)) == [size, size * long // short]
