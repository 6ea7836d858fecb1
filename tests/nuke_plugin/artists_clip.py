"""A real clip as an artist's plate, its masks as the artist's eye and hand, and sessions in Pythons of other Nukes."""

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

from tests.pythons import find_python

POINTS = 32
"""Of each traced outline: enough for a plate of 180 lines, and the stand-in is slow in writing points."""

PIECES = 4
"""Into which poles and trunks may cut an animal."""

SESSION_TIMEOUT_SECONDS = 1700


def smaller(picture: np.ndarray, lines: int) -> np.ndarray:
    width = round(picture.shape[1] * lines / picture.shape[0])
    return picture if lines == picture.shape[0] else cv2.resize(picture, (width, lines), interpolation=cv2.INTER_AREA)


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


def run_session(program: str, version: str, task: dict, folder: Path) -> dict:
    """Run a session's program in a Python that a supported Nuke has; gives its report."""
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
