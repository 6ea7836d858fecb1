"""The nearest annotation, carried along the optical flow: what a matte is worth beyond the artist's shapes and the plate's motion."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from xmemcore.evaluation.clips import Clip, nearest
from xmemcore.shot.plate.flow import Ways


def carried(clip: Clip, annotated: Sequence[int], flows: Ways) -> dict[int, np.ndarray]:
    """Predict by bringing the nearest annotation along the motion: a baseline that knows no object.

    Args:
        clip: the clip.
        annotated: indices that have a mask.
        flows: of `flicker.flows_of`.

    Returns:
        The labels (H, W) of every index that has a mask.
    """
    labels = {index: clip.labels(index) for index in annotated}
    return {index: _brought(labels[key], index, key, flows) for index in clip.masks for key in (nearest(index, annotated),)}


def _brought(labels: np.ndarray, index: int, key: int, flows: Ways) -> np.ndarray:
    """Bring labels (H, W) from a key to another frame."""
    if index == key:
        return labels
    way = flows.way(index, key, (labels.shape[0], labels.shape[1]))
    return cv2.remap(labels, way.columns, way.rows, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
