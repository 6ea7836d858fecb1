"""A clip whose masks are known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from xmemcore.evaluation import studies
from xmemcore.evaluation.clips import Clip


def made(folder: Path, length: int, colour: tuple[int, int, int]) -> Clip:
    """Write a patch that moves to the right, one pixel a frame."""
    frames, labels = [], []
    for index in range(length):
        frame, label = np.full((64, 96, 3), 60, np.uint8), np.zeros((64, 96), np.uint8)
        cv2.rectangle(frame, (20 + index, 20), (39 + index, 44), colour, -1)
        label[20:45, 20 + index : 40 + index] = 1
        frames.append(frame)
        labels.append(label)
    return studies.write_clip(folder, frames, labels)
