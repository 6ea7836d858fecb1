"""The strip of suggestions in a real Qt, offscreen, with both bindings that Nuke ships.

Pythons that have a binding are found in $XMEM_QT_PYTHONS (separated as PATH is), else the one that runs the tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.nuke_plugin import qt_names

pytestmark = pytest.mark.timeout(180)


def python_with(binding: str) -> str | None:
    for python in [*os.environ.get("XMEM_QT_PYTHONS", "").split(os.pathsep), sys.executable]:
        if python and subprocess.run([python, "-c", f"import {binding}.QtWidgets, tkinter"], capture_output=True).returncode == 0:
            return python
    return None


@pytest.mark.parametrize("binding", ["PySide6", "PySide2"])
def test_strip_shows_suggestions_goes_to_a_frame_and_keys_it(binding, tmp_path):
    python = python_with(binding)
    if python is None:
        pytest.skip(f"no Python with {binding} and tkinter; name one in XMEM_QT_PYTHONS")
    thumbnails = {}
    for frame, colour in ((1042, (60, 140, 220)), (1088, (90, 200, 90))):
        path = tmp_path / f"{frame}.png"
        cv2.imwrite(str(path), np.full((112, 199, 3), colour, np.uint8))
        thumbnails[str(frame)] = str(path)
    found = {
        "suggestions": [
            {"frame": 1042, "score": 0.6, "nearest_keyframe": 1001, "reason": "it looks least like any keyed frame; closest is 1001"},
            {"frame": 1088, "score": 0.3, "nearest_keyframe": 1042, "reason": "<hand> has changed most", "object": "<hand>"},
        ],
        "object": "sleeve", "message": "Key frame 1042 next.", "lost_frames": [1050], "thumbnails": thumbnails,
    }  # fmt: skip
    (tmp_path / "found.json").write_text(json.dumps(found))
    picture = tmp_path / "strip.png"
    done = subprocess.run(
        [python, str(Path(__file__).with_name("panel_session.py")), str(tmp_path / "found.json"), str(picture)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-2] == binding
    pixels = cv2.imread(str(picture))
    for colour in ((60, 140, 220), (90, 200, 90)):
        assert (np.abs(pixels.astype(int) - colour).max(axis=2) < 8).sum() > 5000, "both thumbnails are to be seen"


def test_every_name_of_qt_that_the_panel_uses_is_in_pyside2_too():
    """The names are recorded from PySide2 5.15.2, which Nuke 14 and 15 have; `python tests/nuke_plugin/qt_names.py` there adds new ones."""
    recorded = set(qt_names.RECORDED.read_text("utf-8").split())
    chains, attributes = qt_names.used()
    assert len(chains) > 30 and chains <= recorded, chains - recorded
    if python_with("PySide6") == sys.executable:
        has, methods = qt_names.names_of("PySide6")
        qts = attributes & methods
        assert has == chains and "heightForWidth" in qts and qts <= recorded, (chains - has, qts - recorded)


def test_a_panel_on_a_dense_screen_shows_every_pixel_of_a_thumbnail_whatever_the_other_screen_is(tmp_path):
    python = python_with("PySide6")
    if python is None:
        pytest.skip("no Python with PySide6 and tkinter; name one in XMEM_QT_PYTHONS")
    stripes = np.zeros((198, 352, 3), np.uint8)
    stripes[:, ::2] = 255
    cv2.imwrite(str(tmp_path / "stripes.png"), stripes)
    done = subprocess.run(
        [python, str(Path(__file__).with_name("thumbnail_session.py")), str(tmp_path / "stripes.png"), str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    plain, dense = (cv2.imread(str(tmp_path / f"{screen}.png")) for screen in ("plain", "dense"))
    assert dense.shape[1] == 2 * plain.shape[1]
    assert (np.abs(plain.astype(int) - 128).max(axis=2) < 12).sum() > 0.9 * 176 * 99, "two stripes in each pixel are grey"
    assert (dense > 250).all(axis=2).sum() > 0.9 * 352 * 198 / 2, "each stripe has its pixels"
