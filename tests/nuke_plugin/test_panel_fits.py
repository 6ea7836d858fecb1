"""In a properties bin of 440 pixels nothing of the panel is cut off; a drawing of it can be made, on a dense screen too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.timeout(180)
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("width", "scale"), [(440, 1), (440, 2)])
def test_no_row_of_knobs_is_wider_than_the_bin(width, scale, tmp_path):
    pytest.importorskip("PySide6", reason="PySide6 is not installed")
    pytest.importorskip("tkinter", reason="the stand-in needs tkinter")
    answer = subprocess.run(
        [sys.executable, "-m", "tests.nuke_plugin.panel_drawing", str(tmp_path), "--width", str(width), "--scale", str(scale)],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=150, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr[-3000:]
    assert json.loads(answer.stdout.splitlines()[-1]) == {"cut": {}, "errors": []}
    suffix = "" if scale == 1 else "@2x"
    loop = cv2.imread(str(tmp_path / f"panel-loop-{width}{suffix}.png"))
    advanced = cv2.imread(str(tmp_path / f"panel-advanced-{width}{suffix}.png"))
    assert loop is not None and advanced is not None and loop.shape[0] < 800 * scale, "closed, the loop needs no scrolling on most screens"
    first, inside, *_ = widths_of_marks(loop, colour=(242, 178, 64))
    assert abs(first - inside) <= 1, "the key on the first frame is as whole as one inside of the shot"


def widths_of_marks(picture: np.ndarray, colour: tuple[int, int, int]) -> list[int]:
    """Give the widths of the marks in the lane of the object of this colour, BGR, from left to right."""
    alike = (np.abs(picture.astype(int) - colour).max(axis=2) < 40).astype(np.uint8)
    _, _, boxes, _ = cv2.connectedComponentsWithStats(alike, connectivity=8)
    marks = [box for box in boxes[1:] if box[cv2.CC_STAT_AREA] > 8]
    lane = min(box[cv2.CC_STAT_TOP] for box in marks)
    return [int(width) for _, width in sorted((box[0], box[2]) for box in marks if box[1] < lane + 4)]


def test_what_is_wanted_every_minute_comes_first_and_the_rest_is_in_a_closed_group(start):
    stage = start()
    node = stage.nuke.createNode("XMemRoto")
    order = [knob.name() for knob in node.knobs().values() if knob._user and knob.visible()]
    wanted = [
        "status",
        "propagate",
        "cancel",
        "suggest_frames",
        "strip",
        "keyframes",
        "previous_key",
        "next_key",
        "previous_weak",
        "next_weak",
    ]
    assert [name for name in order if name in wanted] == wanted and order.index("next_weak") < order.index("advanced")
    inside = order[order.index("advanced") : order.index("endAdvanced")]
    from_model_to_output = (
        "model",
        "device",
        "precision",
        "size",
        "colorspace",
        "order",
        "augment",
        "learn",
        "edges",
        "confidence",
        "output",
    )
    assert set(from_model_to_output) <= set(inside) and node["advanced"]._tab_type == 2, "closed"
    assert {"roto_input", "propagate", "suggest_frames"} <= set(order) - set(inside)
    tabs = [name for name in order if node[name].Class() == "Tab_Knob" and node[name]._tab_type == 0]
    assert tabs == ["XMemRoto", "Matte"]
