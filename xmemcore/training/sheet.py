"""Pictures of training clips for a person to look at."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

_COLOURS = np.array(((0, 0, 0), (255, 60, 40), (40, 140, 255), (60, 220, 60)), np.float32)


def overlaid(frame: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Tint labels over a frame and draw their outlines, (H, W, 3) uint8."""
    tint = _COLOURS[np.minimum(labels, 3)]
    mixed = np.where(labels[..., None] > 0, 0.6 * frame + 0.4 * tint, frame).astype(np.uint8)
    for label in np.unique(labels[labels > 0]):
        contours, _ = cv2.findContours((labels == label).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(mixed, contours, -1, _COLOURS[min(int(label), 3)].tolist(), 1)
    return mixed


def write_sheet(path: Path, rows: list[list[np.ndarray]]) -> None:
    """Write rows of pictures of one size as one PNG."""
    width = max(len(row) for row in rows)
    blank = np.zeros_like(rows[0][0])
    whole = np.concatenate([np.concatenate(row + [blank] * (width - len(row)), axis=1) for row in rows], axis=0)
    cv2.imwrite(str(path), cv2.cvtColor(whole, cv2.COLOR_RGB2BGR))
