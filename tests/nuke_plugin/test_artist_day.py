"""A day at one node with the real core, on a small shot, in every Python that a supported Nuke has.

A part of the range, cancel on Nuke's meter, version up while the panel closes, compare, lock, two Rotos in a chain, a preset, and a
matte that is missing in a terminal. `test_long_day` does the same with a core that plays, in a second.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.nuke_plugin.artists_clip import alpha, outline, plate, run_session, truth
from xmemcore.engine.jaccard import jaccard

CASES = ["3.11", "3.9", "3.10", "3.13"]
"""Pythons. All but the first are for `make test-all`."""
CLIP = "dog"
SIZE = (320, 180)
"""Width and height of the plate; the height is the working size too."""
FIRST, LAST = 1001, 1012
KEYS = [1003, 1010]
PART = [1006, 1008]

pytestmark = [pytest.mark.weights, pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.mark.parametrize("version", [pytest.param(each, marks=[pytest.mark.exhaustive] * (place > 0)) for place, each in enumerate(CASES)])
def test_each_step_of_a_day_leaves_the_mattes_that_the_next_one_needs(temper, version, shared, tmp_path, bundled_model):
    width, height = SIZE
    frames = range(FIRST, LAST + 1)
    masks = {frame: truth(shared, CLIP, frame - FIRST, height) for frame in frames}
    shot = plate(shared, CLIP, range(len(frames)), FIRST, height, tmp_path / "plate")
    hat = [[20, 20], [60, 20], [60, 50], [20, 50]]
    report = run_session(
        "artist_day.py",
        version,
        {
            "plate": str(shot), "first": FIRST, "last": LAST, "keys": KEYS, "part": PART, "hat": hat,
            "outlines": {frame: outline(mask) for frame, mask in masks.items()}, "size": height, "width": width, "height": height,
        },
        tmp_path,
    )  # fmt: skip

    def files(step: str) -> dict[int, str]:
        return {int(name.split(".")[1]): content for name, content in report[step]["files"].items()}

    def changed(before: str, after: str) -> list[int]:
        return [frame for frame in frames if files(before).get(frame) != files(after).get(frame)]

    part = list(range(PART[0], PART[1] + 1))
    whole = files("whole")
    assert list(whole) == list(frames) and "Up to date" in report["whole"]["status"]
    assert [frame for frame in changed("whole", "part") if frame not in part] == [] and changed("whole", "part") != []
    assert f"{FIRST}-{PART[0] - 1},{PART[1] + 1}-{LAST} show too; they are of earlier runs" in report["part"]["status"]
    for frame in frames:
        assert jaccard(alpha(tmp_path / "part" / f"out.{frame}.exr", SIZE[::-1]) > 0.5, masks[frame]) > 0.6, "no frame is lost"

    assert "Cancelled" in report["cancelled"]["status"] and files("cancelled") == files("part"), "a cancel, and nothing was written"
    assert sorted(report["rendered"]) == list(frames), "what was rendered before the cancel is not rendered again"
    assert "Up to date" in report["after_cancel"]["status"] and list(files("after_cancel")) == list(frames)

    first, second = report["after_cancel"]["pattern"], report["second_version"]["pattern"]
    assert second != first and report["at work when the panel closed"] is True
    assert list(files("second_version")) == list(frames) and "Up to date" in report["second_version"]["status"]
    assert (report["chosen_v001"]["pattern"], report["chosen_v002"]["pattern"]) == (first, second)
    assert files("chosen_v001") == files("after_cancel"), "the former version is as it was"
    one, other = (alpha(tmp_path / step, SIZE[::-1]) for step in ("chosen_v001.exr", "chosen_v002.exr"))
    shown = alpha(tmp_path / "difference" / f"out.{PART[0]}.exr", SIZE[::-1], "R")
    assert np.abs(one - other).max() > 0.05, "the versions differ"
    assert np.allclose(shown, np.abs(one - other), atol=2e-3)

    assert "Locked by" in report["locked_status"] and "are locked by" in report["locked_told"][-1]
    assert files("locked") == files("second_version")

    assert "hat is new." in report["hat_status"] and "Up to date" in report["two_rotos"]["status"]
    assert {"animal.alpha", "hat.alpha"} <= set(report["channels"])
    drawn = alpha(tmp_path / "two_rotos.exr", SIZE[::-1], "hat.alpha")
    expected = np.zeros(SIZE[::-1])
    expected[height - 50 : height - 20, 20:60] = 1
    assert np.abs(drawn - expected).max() < 0.01, "on its keyframe the hat is the artist's own"

    preset = report["preset"]
    assert preset["own"] != preset["other"] and preset["edges"] == "plain" and not preset["shows"]
    assert "Up to date" in report["after_preset"]["status"]

    assert str(PART[0]) in report["farm_error"]
    assert (tmp_path / "farm" / f"out.{PART[0] - 1}.exr").is_file() and not (tmp_path / "farm" / f"out.{PART[0]}.exr").exists()
