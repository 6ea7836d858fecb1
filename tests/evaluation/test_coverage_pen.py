"""The pen that drawn shots and drawn training pictures share: it draws parts of pixels."""

from __future__ import annotations

import numpy as np

from xmemcore.evaluation.coverage_pen import CoveragePen, out_of_focus, wavy_outline


def test_pixel_is_as_full_as_the_shape_covers_it() -> None:
    pen = CoveragePen(12, 9, 4)
    pen.fill(np.array(((2.5, 3.0), (8.0, 3.0), (8.0, 6.0), (2.5, 6.0))))
    drawn = pen.taken()
    # The rim is smoothed by less than one of the pen's own pixels.
    assert abs(float(drawn[4, 2]) - 0.5) <= 0.25 and abs(float(drawn.sum()) - 5.5 * 3) <= 0.25 * 2 * (5.5 + 3)
    assert (drawn[4, 3:7] == 1).all() and not drawn[:2].any() and not drawn[8:].any()
    assert not pen.taken().any(), "what was taken is drawn no more"


def test_line_thinner_than_a_pixel_covers_a_part_of_it() -> None:
    pen = CoveragePen(20, 9, 4)
    pen.line(np.array(((2.0, 4.5), (18.0, 4.5))), 0.25)
    assert 0 < pen.taken()[4, 10] < 0.6


def test_outline_without_waves_is_a_circle_and_with_them_turns_as_a_whole() -> None:
    centre = np.array((5.0, -3.0))
    circle = wavy_outline(np.random.default_rng(0), centre, 7, 0.0, (2, 3), 40)
    np.testing.assert_allclose(np.hypot(*(circle - centre).T), 7)
    straight, turned = (wavy_outline(np.random.default_rng(0), centre, 7, 0.3, (2, 3), 40, 2 * np.pi / 40 * step) for step in (0, 1))
    np.testing.assert_allclose(np.hypot(*(np.roll(straight, 1, axis=0) - centre).T), np.hypot(*(turned - centre).T))


def test_iris_keeps_the_light() -> None:
    plane = np.zeros((21, 21), np.float32)
    plane[10, 10] = 1
    spread = out_of_focus(plane, 3)
    assert abs(float(spread.sum()) - 1) < 1e-5 and spread[10, 13] > 0 and spread[10, 14] == 0 and spread[13, 13] == 0
