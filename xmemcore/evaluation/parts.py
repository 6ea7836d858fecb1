"""Parts of real objects: one side of a line that is fixed to the object, put down by hand on some frames and carried between by tracking.

No edge marks where such a part ends; an artist's key does. The hand-made lines are in `parts.json`:
    {clip: {"object": label, "side": "right" | "left", "lines": {index: [x0, y0, x1, y1]}}}
with (x0, y0) the upper end, in pixels of the clip, y down; `side` is the side that is the part, as seen in the picture.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from xmemcore.evaluation.clips import Clip
from xmemcore.evaluation.studies import picture_of, write_clip

LINES = Path(__file__).with_name("parts.json")
BAND = 0.3
"""How near to the line a point must be to carry it, as a share of the object's size."""
FEWEST_POINTS = 12


@dataclass(frozen=True)
class Part:
    """One part of one clip's object."""

    clip: str
    object: int
    right: bool
    lines: dict[int, tuple[float, float, float, float]]
    """Hand-made lines by index."""


def read_parts(path: Path = LINES) -> list[Part]:
    """Read the hand-made lines."""
    content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return [
        Part(name, part["object"], part["side"] == "right", {int(index): tuple(line) for index, line in part["lines"].items()})
        for name, part in content.items()
    ]


def carried(clip: Clip, part: Part) -> dict[int, np.ndarray]:
    """Carry the hand-made lines to every frame.

    From each hand-made line the object's motion near it is followed to the next one, and back; between the two the results are mixed by
    distance. Before the first and after the last line there is only one result.

    Returns:
        (2, 2) by index: upper and lower end, x and y.
    """
    hand = {index: np.array(line, np.float64).reshape(2, 2) for index, line in sorted(part.lines.items())}
    indices = list(hand)
    motion = _Motion(clip, part.object)
    lines = dict(hand)
    for index in range(indices[0] - 1, -1, -1):
        lines[index] = motion.carry(lines[index + 1], index + 1, index)
    for index in range(indices[-1] + 1, len(clip)):
        lines[index] = motion.carry(lines[index - 1], index - 1, index)
    for first, last in zip(indices, indices[1:]):
        forth, back = {first: hand[first]}, {last: hand[last]}
        for index in range(first + 1, last):
            forth[index] = motion.carry(forth[index - 1], index - 1, index)
        for index in range(last - 1, first, -1):
            back[index] = motion.carry(back[index + 1], index + 1, index)
        for index in range(first + 1, last):
            share = (index - first) / (last - first)
            lines[index] = (1 - share) * forth[index] + share * back[index]
    return lines


class _Motion:
    """How a clip's object moves from one frame to its neighbour."""

    def __init__(self, clip: Clip, label: int) -> None:
        self.clip = clip
        self.label = label
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def carry(self, line: np.ndarray, frame: int, goal: int) -> np.ndarray:
        """Move a line (2, 2) from one frame to the next or the previous one, with the object's points near it."""
        mask = (self.clip.labels(frame) == self.label).astype(np.uint8)
        if not mask.any():
            return line
        flow = self._flow.calc(self._grey(frame), self._grey(goal), None)  # type: ignore[call-overload]
        y, x = np.nonzero(cv2.erode(mask, np.ones((5, 5), np.uint8)))
        reach = BAND * np.sqrt(mask.sum())
        direction = (line[1] - line[0]) / max(np.linalg.norm(line[1] - line[0]), 1e-6)
        distance = np.abs((x - line[0, 0]) * direction[1] - (y - line[0, 1]) * direction[0])
        near = distance < reach
        # Neighbouring points say the same; a few thousand are plenty.
        step = max(1, int(near.sum()) // 3000)
        start = np.stack((x[near][::step], y[near][::step]), axis=1).astype(np.float32)
        if len(start) < FEWEST_POINTS:
            return line
        end = start + flow[start[:, 1].astype(int), start[:, 0].astype(int)]
        matrix, _ = cv2.estimateAffinePartial2D(start, end, method=cv2.RANSAC, ransacReprojThreshold=2.0)
        return line if matrix is None else line @ matrix[:, :2].T + matrix[:, 2]

    def _grey(self, index: int) -> np.ndarray:
        return cv2.cvtColor(picture_of(self.clip, index), cv2.COLOR_BGR2GRAY)


def part_mask(mask: np.ndarray, line: np.ndarray, right: bool) -> np.ndarray:
    """Keep one side of a line (2, 2), given from its upper to its lower end, of a boolean mask (H, W)."""
    y, x = np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]]
    (x0, y0), (x1, y1) = line
    # Positive on the right of the line as seen in the picture, where y grows downward.
    side = (x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)
    return mask & ((side > 0) == right)


def write_part(clip: Clip, part: Part, folder: Path) -> Clip:
    """Write a clip whose one object is the part."""
    lines = carried(clip, part)
    labels = [part_mask(clip.labels(i) == part.object, lines[i], part.right).astype(np.uint8) for i in range(len(clip))]
    return write_clip(folder, [picture_of(clip, i) for i in range(len(clip))], labels)
