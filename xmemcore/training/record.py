"""The record of a training for people: a line for each step, a curve, and pictures of predictions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from xmemcore.protocol.outside import NotUsable, parse_json

LOSSES = "losses.jsonl"
VALIDATIONS = "validations.jsonl"


def append(path: Path, entry: dict[str, Any]) -> None:
    """Add a line of JSON."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def entries(path: Path) -> list[dict[str, Any]]:
    """Read the lines that are whole; the last one may have been cut when the training was killed."""
    found = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            entry = parse_json(text, finite=False)
            if not isinstance(entry, dict) or not isinstance(entry.get("step"), int):
                break
            found.append(entry)
        except NotUsable:
            break
    return found


def forget_after(path: Path, step: int) -> None:
    """Drop the lines of steps that a resumed training will take again."""
    if path.exists():
        earlier = [entry for entry in entries(path) if entry["step"] < step]
        path.write_text("".join(json.dumps(entry) + "\n" for entry in earlier), encoding="utf-8")


def draw_curve(path: Path, losses: list[dict[str, Any]], validations: list[dict[str, Any]]) -> None:
    """Draw losses (smoothed, left axis, from 0) and validation J (right axis, 0..1) over steps as a PNG."""
    if len(losses) < 2:
        return
    width, height, margin = 960, 480, 50
    picture = np.full((height, width, 3), 255, np.uint8)
    steps = np.array([entry["step"] for entry in losses], np.float64)
    values = np.array([entry["loss"] for entry in losses], np.float64)
    window = max(1, len(values) // 60)
    smooth = np.convolve(np.pad(values, (window - 1, 0), mode="edge"), np.ones(window) / window, mode="valid")
    top = float(np.percentile(smooth, 99)) * 1.1 + 1e-9
    last = max(steps[-1], *(entry["step"] for entry in validations), 1)

    def place(x: np.ndarray, share: np.ndarray) -> np.ndarray:
        columns = margin + x / last * (width - 2 * margin)
        rows = height - margin - np.clip(share, 0, 1) * (height - 2 * margin)
        return np.round(np.stack((columns, rows), axis=1)).astype(np.int32)

    cv2.rectangle(picture, (margin, margin), (width - margin, height - margin), (180, 180, 180), 1)
    cv2.polylines(picture, [place(steps, smooth / top)], False, (160, 110, 40), 1, cv2.LINE_AA)
    colours = ((40, 60, 220), (60, 160, 40), (200, 60, 160))
    names = sorted({key for entry in validations for key in entry if key.startswith("J")})
    for number, (name, colour) in enumerate(zip(names, colours)):
        points = [(entry["step"], entry[name]) for entry in validations if name in entry]
        line = place(np.array([p[0] for p in points], np.float64), np.array([p[1] for p in points]))
        cv2.polylines(picture, [line], False, colour, 2, cv2.LINE_AA)
        at = (width - margin - 100, height - margin - 20 * (len(names) - number))
        cv2.putText(picture, f"{name} {points[-1][1]:.3f}", at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)
    for text, at in (
        (f"loss, 0 to {top:.3g}", (margin, margin - 12)),
        ("J, 0 to 1", (width - margin - 80, margin - 12)),
        (f"step {int(last)}", (width - margin - 80, height - 20)),
    ):
        cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (60, 60, 60), 1, cv2.LINE_AA)
    cv2.imwrite(str(path), picture)
