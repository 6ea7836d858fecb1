"""Edges against known alpha: what is drawn, how it is judged, and that solving beats enlarging on light, dark and bright plates."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from xmemcore.cli.main import main
from xmemcore.evaluation import bench_edges
from xmemcore.evaluation.alpha_shots import KINDS, AlphaFrame, AlphaShot, answered
from xmemcore.evaluation.bench_edges import compare_edges, judged
from xmemcore.shot.listener import Silence
from xmemcore.shot.mattes.edges import Refinement


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_solid_parts_soft_parts_and_the_light_of_both_sides(kind: str) -> None:
    frame = AlphaShot(kind, 512, 288).frame(2)
    assert frame.alpha.min() == 0 and frame.alpha.max() > 0.99
    assert ((frame.alpha > 0.1) & (frame.alpha < 0.9)).any()
    front, back = (frame.picture[where].mean(axis=0) for where in (frame.alpha > 0.99, frame.alpha == 0))
    assert np.abs(front - back).max() > 0.03
    again = AlphaShot(kind, 512, 288).frame(2)
    np.testing.assert_array_equal(frame.picture, again.picture)


def test_an_answer_is_soft_and_a_part_of_a_cell_astray() -> None:
    alpha = AlphaShot("leaving", 512, 288).frame().alpha
    answer = answered(alpha, 96)
    assert answer.shape == (96, 171) and 0 < answer.min() and answer.max() < 1
    inside, outside = answer > 0.9, answer < 0.1
    assert inside.any() and outside.any() and (~inside & ~outside).any()


def test_the_truth_itself_has_no_error() -> None:
    frame = AlphaShot("soft", 256, 144).frame()
    figures = judged(frame, frame.alpha, frame.alpha, frame.alpha == 0, 0.001)
    assert (figures.band, figures.gradient, figures.f_1px, figures.f_2px, figures.outside) == (0, 0, 1, 1, 0)
    moved = AlphaFrame(frame.picture, np.roll(frame.alpha, 3, axis=1))
    assert judged(moved, frame.alpha, frame.alpha, frame.alpha == 0, 0.001).f_1px < 0.9


def test_solved_edges_beat_enlarged_ones_and_change_nothing_outside() -> None:
    content = compare_edges(120, Silence(), kinds=("leaving", "figure"), sizes=((512, 288),), seeds=(2,))
    for row in content["rows"]:
        assert row["refined"]["band"] <= 0.7 * row["plain"]["band"], row
        assert row["refined"]["gradient"] < row["plain"]["gradient"]
        assert row["refined"]["f_1px"] > row["plain"]["f_1px"]
        assert row["refined"]["outside"] <= 0.02
    assert "mean" in bench_edges.text(content).splitlines()[-1]


def test_the_command_prints_a_line_for_each_kind_and_size(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bench_edges, "SIZES", ((256, 144),))
    monkeypatch.setattr(bench_edges, "KINDS", {"leaving": KINDS["leaving"]})
    assert main(["bench", "--edges", "--size", "72"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split()[:2] == ["256x144", "leaving"] and out[1].split()[1] == "mean" and "of plain" in out[1]
    assert main(["bench", "--edges", "--exr"]) == 2


def test_the_border_takes_no_bite_out_of_a_body_that_leaves() -> None:
    frame = AlphaShot("leaving", 512, 288, seed=2).frame()
    answer = answered(frame.alpha, 120, 2)
    small = np.stack((1 - answer, answer))
    plain = np.stack([cv2.resize(plane, (512, 288), interpolation=cv2.INTER_LINEAR) for plane in small])
    matte = Refinement(small, frame.picture).rows(slice(0, 288), plain)[1]
    for border, truth in ((matte[:, -1], frame.alpha[:, -1]), (matte[:, 0], frame.alpha[:, 0]), (matte[-1], frame.alpha[-1])):
        inside = cv2.erode((truth > 0.99).astype(np.uint8), np.ones((7, 1), np.uint8))[:, 0] > 0
        assert not inside.any() or border[inside].min() > 0.95
    assert (frame.alpha[:, -1] > 0.99).any() and (frame.alpha[:, 0] > 0.99).any()


@pytest.mark.parametrize("light", [0.02, 8.0], ids=["night", "far over 1"])
def test_dark_and_bright_plates_lose_nothing(light: float) -> None:
    frame = AlphaShot("leaving", 512, 288, seed=2, light=light).frame()
    figures = bench_edges._frame_figures((frame, frame), 120, 2, ("refined", "plain"))
    assert figures["refined"].band <= figures["plain"].band
