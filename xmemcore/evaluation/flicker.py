"""Flicker: the distance of a matte's boundary from that of the frame before, which is brought along the optical flow.

Some of it is the flow's own error, so figures compare two mattes of one shot; they say little across shots.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from xmemcore.evaluation.clips import Clip
from xmemcore.evaluation.metrics import boundary
from xmemcore.evaluation.studies import picture_of
from xmemcore.shot.plate.flow import Flows, Way, flow_size

FARTHEST = 10.0
"""Pixels that a boundary point counts at most: a part that comes or goes does not tremble."""


def displacement(matte: np.ndarray, before: np.ndarray, way: Way) -> float | None:
    """Measure one object between two frames.

    Args:
        matte: (H, W), 0.5 and more is the object.
        before: the same of the neighbouring frame.
        way: of this frame's pixels to that one.

    Returns:
        Mean distance of the two boundaries in pixels, from each to the other; None where one of them has none.
    """
    brought = cv2.remap(before.astype(np.float32), way.columns, way.rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    outline, brought_outline = boundary(matte >= 0.5), boundary(brought >= 0.5)
    if not outline.any() or not brought_outline.any():
        return None
    return (_distance(outline, brought_outline) + _distance(brought_outline, outline)) / 2


def _distance(points: np.ndarray, line: np.ndarray) -> float:
    distances = cv2.distanceTransform((~line).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return float(np.minimum(distances[points], FARTHEST).mean())


def flows_of(clip: Clip) -> Flows:
    """Follow a clip's pixels from frame to frame; every flow stays in memory, for the next run of the clip."""
    return Flows(lambda index: _grey(clip, index), kept=len(clip))


def flicker(clip: Clip, predicted: Mapping[int, np.ndarray], flows: Flows) -> float | None:
    """Average over the objects and frames of a clip, in pixels of its frames.

    Args:
        clip: the clip.
        predicted: labels (H, W) by index.
        flows: of `flows_of`.

    Returns:
        None where no two neighbouring frames have an edge.
    """
    found = []
    for index, labels in predicted.items():
        if index - 1 not in predicted:
            continue
        way = flows.way(index, index - 1, (labels.shape[0], labels.shape[1]))
        for label in clip.objects:
            found.append(displacement(labels == label, predicted[index - 1] == label, way))
    measured = [distance for distance in found if distance is not None]
    return sum(measured) / len(measured) if measured else None


def _grey(clip: Clip, index: int) -> np.ndarray:
    picture = cv2.cvtColor(picture_of(clip, index), cv2.COLOR_BGR2GRAY)
    height, width = flow_size(*picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
