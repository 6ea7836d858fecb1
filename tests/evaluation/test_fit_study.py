"""A made-up artist's shapes, and what is counted of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.evaluation.made_clip import made
from tests.shot.made_shot import write_model
from xmemcore.cli.main import main
from xmemcore.evaluation.fit_study import COVERS, outlined, to_move
from xmemcore.roto import PixelGrid, rasterise_hard
from xmemcore.shot.fit import overlap

GRID = PixelGrid(160, 120)


def blob() -> np.ndarray:
    mask = np.zeros((120, 160), np.float32)
    cv2.ellipse(mask, (80, 60), (50, 30), 20, 0, 360, 1.0, -1)
    return mask


def test_an_outline_covers_its_mask_and_needs_no_hand() -> None:
    shapes = outlined(blob(), GRID)
    assert overlap(rasterise_hard(shapes, GRID), blob()) >= COVERS and len(shapes) == 1 and len(shapes[0].points) <= 16
    assert to_move(shapes, blob(), GRID) == 0


def test_points_that_are_off_are_counted() -> None:
    (shape,) = outlined(blob(), GRID)
    everywhere = replace(shape, points=shape.points + [[15.0, 0], [0, 0], [0, 0]])
    assert len(shape.points) * 0.6 <= to_move([everywhere], blob(), GRID) <= len(shape.points)
    moved = shape.points.copy()
    moved[3, 0] += 14
    assert 1 <= to_move([replace(shape, points=moved)], blob(), GRID) <= 3


def test_two_pieces_are_two_shapes_and_crumbs_are_none() -> None:
    mask = np.zeros((120, 160), np.float32)
    mask[20:60, 20:60] = mask[70:100, 90:140] = mask[5:7, 5:7] = 1
    assert len(outlined(mask, GRID)) == 2


def test_a_hole_is_a_shape_that_cuts() -> None:
    mask = blob()
    cv2.circle(mask, (85, 60), 12, 0.0, -1)
    whole, hole = outlined(mask, GRID)
    assert (whole.blending, hole.blending) == ("over", "minus") and overlap(rasterise_hard([whole, hole], GRID), mask) >= COVERS


def test_the_command_measures_a_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path / "clips" / "patch", 12, (0, 0, 255))
    words = ["experiments", str(tmp_path / "clips"), "--fits", "--out", str(tmp_path / "out"), "--size", "64", "--device", "cpu"]
    assert main([*words, "--model", str(write_model(tmp_path))]) == 0
    (clip,) = json.loads((tmp_path / "out" / "fits.json").read_text())["clips"]
    assert clip["clip"] == "patch" and clip["keys"] == [0, 11] and clip["frame"] == 5 and clip["iou_in_between"] > 0.9
    assert (tmp_path / "out" / "fits" / "patch" / "look.png").exists()
