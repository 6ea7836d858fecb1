"""The hold baseline, which a propagation has to beat: each frame gets a copy of the nearest annotation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xmemcore.evaluation.clips import Clip


def nearest(index: int, annotated: Sequence[int]) -> int:
    """Find the annotated index nearest to an index; of two at the same distance the earlier one."""
    return min(annotated, key=lambda a: (abs(a - index), a))


def hold(clip: Clip, annotated: Sequence[int]) -> dict[int, np.ndarray]:
    """Predict the labels (H, W) of every index that has a mask by copying the nearest annotation."""
    held = {index: clip.labels(index) for index in annotated}
    return {index: held[nearest(index, annotated)] for index in clip.masks}
