"""From an empty script to a corrected matte, with the real core and the bundled model, in every Python that a supported Nuke has.

What an artist does with the matte after that is in `test_artist_day`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest
from PIL import Image

from xmemcore.engine.jaccard import jaccard

CHECKOUT = Path(__file__).resolve().parents[2]
POINTS = 32
"""Of each traced outline: enough for a plate of 180 lines, and the stand-in is slow in writing points."""
PIECES = 4
"""Into which poles and trunks may cut an animal."""
CASES = [("3.11", "dog", 180, 12, POINTS), *((version, "libby", 480, 60, 3 * POINTS) for version in ("3.9", "3.10", "3.13"))]
"""Python, clip, lines of the plate, which are the working size too, frames at most, points of an outline. A session takes minutes: all
but the first are for `make test-all`."""
SESSION_TIMEOUT_SECONDS = 1700

pytestmark = [pytest.mark.weights, pytest.mark.slow, pytest.mark.timeout(2400)]


def truth(shared: Path, clip: str, frame: int, lines: int) -> np.ndarray:
    """Give the mask (lines, w) of one frame of a clip."""
    with Image.open(shared / "clips" / clip / "masks" / f"{frame:05d}.png") as file:
        return smaller((np.asarray(file) > 0).astype(np.float32), lines) >= 0.5


def plate(shared: Path, clip: str, frames: Sequence[int], first: int, lines: int, folder: Path) -> Path:
    """Write frames of a clip as a plate that begins at `first`; gives its pattern."""
    folder.mkdir()
    for number, frame in enumerate(frames, first):
        picture = cv2.imread(str(shared / "clips" / clip / "frames" / f"{frame:05d}.jpg"))
        cv2.imwrite(str(folder / f"shot.{number:04d}.png"), smaller(picture, lines))
    return folder / "shot.%04d.png"


def smaller(picture: np.ndarray, lines: int) -> np.ndarray:
    width = round(picture.shape[1] * lines / picture.shape[0])
    return picture if lines == picture.shape[0] else cv2.resize(picture, (width, lines), interpolation=cv2.INTER_AREA)


def outline(mask: np.ndarray, points: int = POINTS) -> list[list[list[float]]]:
    """Trace the largest pieces of a mask, as an artist does with a few shapes in a layer.

    Each has evenly spaced points from its topmost one, y up; a piece that is not there is drawn as a single spot.
    """
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = sorted(contours, key=cv2.contourArea, reverse=True)[:PIECES]
    traced = [_trace(contour[:, 0].astype(float), mask.shape[0], points) for contour in largest if len(contour) > 2]
    return traced + [[traced[0][0]] * points] * (PIECES - len(traced))


def _trace(ring: np.ndarray, height: int, points: int) -> list[list[float]]:
    ring = np.roll(ring, -int(np.argmin(ring[:, 1])), axis=0)
    lengths = np.r_[0, np.cumsum(np.hypot(*(np.roll(ring, -1, axis=0) - ring).T))]
    closed = np.r_[ring, ring[:1]]
    places = np.linspace(0, lengths[-1], points, endpoint=False)
    x, y = (np.interp(places, lengths, closed[:, axis]) for axis in (0, 1))
    # A contour runs through pixel centres; Nuke's pixel (x, y) covers [x, x+1).
    return [[float(a) + 0.5, height - float(b) - 0.5] for a, b in zip(x, y)]


def alpha(path: Path, shape: tuple[int, int], channel: str = "A") -> np.ndarray:
    """Read one channel of an EXR on its display window."""
    with OpenEXR.File(str(path), separate_channels=True) as file:
        header, channels = file.header(), file.channels()
        (x0, y0), (x1, y1) = (tuple(map(int, corner)) for corner in header["dataWindow"])
        picture = np.zeros(shape, np.float32)
        picture[y0 : y1 + 1, x0 : x1 + 1] = channels[channel].pixels if channel in channels else 0.0
    return picture


def mean_jaccard(folder: Path, stem: str, masks: dict[int, np.ndarray], without: list[int]) -> float:
    shape = next(iter(masks.values())).shape
    found = {frame: alpha(folder / f"{stem}.{frame:04d}.exr", shape) > 0.5 for frame in masks if frame not in without}
    return float(np.mean([jaccard(matte, masks[frame]) for frame, matte in found.items()]))


@pytest.fixture(scope="module")
def bundled_model():
    from xmemcore.network import catalogue

    if not catalogue.installed():
        pytest.skip("no model is installed")
    return catalogue.installed()[0].name


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


def run_session(program: str, version: str, task: dict, folder: Path) -> dict:
    """Run a session's program in a Python that a supported Nuke has; gives its report."""
    from tests.nuke_plugin.test_plugin_source import find_python

    python = find_python(version)
    if python is None or subprocess.run([python, "-c", "import tkinter"], capture_output=True).returncode:
        pytest.skip(f"Python {version} with tkinter is not installed")
    (folder / "task.json").write_text(json.dumps({**task, "work": str(folder), "core_python": sys.executable}))
    environment = {**os.environ, "XMEM_ROTO_PYTHON": sys.executable, "XMEM_ROTO_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [python, str(Path(__file__).with_name(program)), str(folder / "task.json")],
        env=environment, capture_output=True, text=True, timeout=SESSION_TIMEOUT_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return json.loads((folder / "report.json").read_text())


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
