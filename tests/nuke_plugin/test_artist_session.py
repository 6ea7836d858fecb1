"""From an empty script to a corrected matte, with the real core and the bundled model, in every Python that a supported Nuke has.

What an artist does with the matte after that is in `test_artist_day`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.nuke_plugin.artists_clip import POINTS, alpha, outline, plate, run_session, truth
from xmemcore.engine.jaccard import jaccard

CHECKOUT = Path(__file__).resolve().parents[2]
CASES = [("3.11", "dog", 180, 12, POINTS), *((version, "libby", 480, 60, 3 * POINTS) for version in ("3.9", "3.10", "3.13"))]
"""Python, clip, lines of the plate, which are the working size too, frames at most, points of an outline. A session takes minutes: all
but the first are for `make test-all`."""

pytestmark = [pytest.mark.weights, pytest.mark.slow, pytest.mark.timeout(2400)]


def mean_jaccard(folder: Path, stem: str, masks: dict[int, np.ndarray], without: list[int]) -> float:
    shape = next(iter(masks.values())).shape
    found = {frame: alpha(folder / f"{stem}.{frame:04d}.exr", shape) > 0.5 for frame in masks if frame not in without}
    return float(np.mean([jaccard(matte, masks[frame]) for frame, matte in found.items()]))


@pytest.mark.parametrize(
    ("version", "clip", "lines", "most", "points"),
    [pytest.param(*case, id="-".join(map(str, case)), marks=[pytest.mark.exhaustive] * (place > 0)) for place, case in enumerate(CASES)],
)
def test_an_artist_keys_propagates_is_told_where_to_key_and_corrects(
    temper, version, clip, lines, most, points, shared, tmp_path, bundled_model
):
    count = min(most, len(list((shared / "clips" / clip / "frames").glob("*.jpg"))))
    masks = {frame: truth(shared, clip, frame, lines) for frame in range(count)}
    height, width = masks[0].shape
    possible = [frame for frame, mask in masks.items() if mask.any()]
    keys = [min(possible, key=lambda frame: abs(frame - wanted)) for wanted in (count // 5, count - 1 - count // 5)]
    task = {
        "plate": str(plate(shared, clip, range(count), 0, lines, tmp_path / "plate")), "first": 0, "last": count - 1, "keys": keys,
        "outlines": {frame: outline(masks[frame], points) for frame in possible}, "size": lines,
        "width": width, "height": height,
        "reopened": [0, count // 2],
        "knobs": {"crop": "off"},  # windows that move with a new key are encoded anew
    }  # fmt: skip
    report = run_session("artist_session.py", version, task, tmp_path)

    for step in ("first", "second"):
        for frame in range(count):
            shown = alpha(tmp_path / step / f"out.{frame:04d}.exr", (height, width))
            written = alpha(tmp_path / f"{step}_mattes" / f"matte.{frame:04d}.exr", (height, width))
            assert np.array_equal(shown, written), f"{step}: frame {frame} in Nuke is not the matte on disk"
    hold = {f: masks[min(keys, key=lambda key: (abs(key - f), key))] for f in masks}
    j_hold = float(np.mean([jaccard(hold[f], mask) for f, mask in masks.items() if f not in keys]))
    j_first = mean_jaccard(tmp_path / "first", "out", masks, keys)
    j_second = mean_jaccard(tmp_path / "second", "out", masks, keys)
    figures = {
        "python": report["python"], "clip": clip, "model": bundled_model, "keys": keys, "keyed next": report["keyed"], "J hold": j_hold,
        "J first": j_first, "J second": j_second, "first seconds": report["first_seconds"], "second seconds": report["second_seconds"],
        "encoded again": report["second"]["encoded_frames"],
    }  # fmt: skip
    print(json.dumps(figures))
    if record := os.environ.get("XMEM_TEST_RECORD"):
        with open(record, "a") as file:
            file.write(json.dumps(figures) + "\n")
    assert "Up to date" in report["first_status"] and "Up to date" in report["second_status"] and "Up to date" in report["reopened_status"]
    assert report["first"]["encoded_frames"] == count
    assert report["second"]["encoded_frames"] == 0, "the key encoder runs for no frame again"
    assert report["second"]["encoded_annotations"] == 1, "only the new keyframe is learned"
    assert "differs from Nuke's" not in report["first_status"], "our raster is Nuke's"
    assert frames_of(report["suggestions"]) == suggested_by_the_command_line(task, report, tmp_path)
    assert j_first >= j_hold + 0.1
    assert j_second >= j_first - 0.005
    for frame in task["reopened"]:
        assert np.array_equal(
            alpha(tmp_path / "reopened" / f"out.{frame:04d}.exr", (height, width)),
            alpha(tmp_path / "second" / f"out.{frame:04d}.exr", (height, width)),
        )


def frames_of(found: dict) -> list[int]:
    return [pick["frame"] for pick in found["suggestions"]]


def suggested_by_the_command_line(task: dict, report: dict, folder: Path) -> list[int]:
    """The same question asked at the other door: the rendered plate, the roto JSON of the first round, the first mattes."""
    (node,) = (entry for entry in (folder / "cache" / "nuke").iterdir() if entry.is_dir())  # beside it lies its lock
    shape_json = json.loads((node / "roto.json").read_text())
    shape_json["keyframes"] = {name: sorted(set(frames) & set(task["keys"])) for name, frames in shape_json["keyframes"].items()}
    (folder / "first_roto.json").write_text(json.dumps(shape_json))
    answer = subprocess.run(
        [sys.executable, "-m", "xmemcore", "suggest", str(node / "plate" / "plate.%04d.exr"), "--roto", str(folder / "first_roto.json"),
         "--mattes", str(folder / "first_mattes" / "matte.%04d.exr"), "--size", str(task["size"]), "--colorspace", "linear", "--json"],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=900, env={**os.environ, "XMEM_ROTO_CACHE": str(folder / "cache")},
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return frames_of(json.loads(answer.stdout))
