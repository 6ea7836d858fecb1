"""How many points an artist still moves by hand on a frame that *Make key here* has keyed, with the fit and without, on two clips.

One outline is drawn on the first frame. The last frame is corrected, and then, with that key, the one in the middle.
"""

from __future__ import annotations

import json
import os

import pytest

from tests.nuke_plugin.artists_clip import outline, plate, run_session, truth
from xmemcore.curves import read_tree
from xmemcore.evaluation.fit_study import to_move
from xmemcore.roto import PixelGrid
from xmemcore.roto.nuke_roto import objects_of

FIRST, MIDDLE, LAST = 0, 8, 16
POINTS = 96
SIZE = (320, 180)
"""Width and height of the plate; the height is the working size too."""

pytestmark = [pytest.mark.weights, pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.mark.exhaustive
@pytest.mark.parametrize("clip", ["blackswan", "dog"])
def test_fit_leaves_few_points_to_move_by_hand(clip, shared, tmp_path, bundled_model):
    width, height = SIZE
    masks = {frame: truth(shared, clip, frame, height) for frame in (FIRST, MIDDLE, LAST)}
    shot = plate(shared, clip, range(FIRST, LAST + 1), FIRST, height, tmp_path / "plate")
    task = {
        "plate": str(shot), "first": FIRST, "last": LAST, "keys": [FIRST],
        "outlines": {FIRST: outline(masks[FIRST], POINTS)[:1]}, "corrected": [LAST, MIDDLE],
        "size": height, "width": width, "height": height,
    }  # fmt: skip
    report = run_session("artist_correction.py", "3.11", task, tmp_path)

    def left(frame: int, way: str) -> int:
        (obj,) = objects_of([("Roto1", read_tree(report[str(frame)][way]))])
        return to_move(obj.at(frame), masks[frame], PixelGrid(width, height))

    figures = {f"{way}, frame {frame}": left(frame, way) for frame in (LAST, MIDDLE) for way in ("in-between", "fit to the matte")}
    print(json.dumps({"clip": clip, "model": bundled_model, "points": len(task["outlines"][FIRST][0]), **figures}))
    if record := os.environ.get("XMEM_TEST_RECORD"):
        with open(record, "a") as file:
            file.write(json.dumps({"clip": clip, **figures}) + "\n")
    for frame in (LAST, MIDDLE):
        assert left(frame, "fit to the matte") <= left(frame, "in-between") / 3
