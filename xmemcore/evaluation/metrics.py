"""J and F as DAVIS defines them: region overlap and boundary agreement of two binary masks, and their means.

J is the Jaccard index. F is the harmonic mean of boundary precision and recall, where a boundary pixel counts as found when the other
boundary passes within a tolerance of 0.008 of the image diagonal. Both are averaged over an object's frames, then over the objects of a
clip, then over clips: a clip with many objects or many frames weighs no more than another.

Source: Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation", CVPR 2016, section 4; the
boundary map (a pixel that differs from its right, lower or lower right neighbour) is the one that DAVIS took from Martin et al., PAMI 2004.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from xmemcore.engine.jaccard import jaccard

BOUNDARY_TOLERANCE = 0.008
"""Share of the image diagonal that a boundary may be off."""


@dataclass(frozen=True)
class Score:
    """J and F of one mask, or their mean over several, each in [0, 1]."""

    j: float
    f: float

    @property
    def jf(self) -> float:
        return (self.j + self.f) / 2


def boundary_radius(height: int, width: int, tolerance: float = BOUNDARY_TOLERANCE) -> int:
    """Give the tolerance in pixels, rounded up: 8 at 854x480."""
    return math.ceil(tolerance * math.hypot(height, width))


def boundary(mask: np.ndarray) -> np.ndarray:
    """Mark the pixels of a boolean mask (H, W) that differ from their right, lower or lower right neighbour."""
    marked = np.zeros_like(mask)
    marked[:, :-1] |= mask[:, :-1] ^ mask[:, 1:]
    marked[:-1, :] |= mask[:-1, :] ^ mask[1:, :]
    marked[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return marked


def boundary_f(predicted: np.ndarray, truth: np.ndarray, radius: int | None = None) -> float:
    """Score how well the boundaries of two boolean masks (H, W) agree.

    Args:
        predicted: the mask to judge.
        truth: the mask to judge by.
        radius: tolerance in pixels; None for the 0.008 of the diagonal that DAVIS uses.

    Returns:
        The harmonic mean of precision and recall, in [0, 1]; 1 when neither mask has a boundary, 0 when only one has.
    """
    if radius is None:
        radius = boundary_radius(*truth.shape)
    predicted_edge, truth_edge = boundary(predicted), boundary(truth)
    any_predicted, any_truth = bool(predicted_edge.any()), bool(truth_edge.any())
    if not any_predicted and not any_truth:
        return 1.0
    if not any_predicted or not any_truth:
        return 0.0
    window = _window(predicted_edge | truth_edge)
    predicted_edge, truth_edge = predicted_edge[window], truth_edge[window]
    precision = _share_within(predicted_edge, truth_edge, radius)
    recall = _share_within(truth_edge, predicted_edge, radius)
    if precision + recall == 0:
        return 0.0
    return 2 * precision * recall / (precision + recall)


def _window(marked: np.ndarray) -> tuple[slice, slice]:
    """Find the smallest box around the marked pixels: distances between them do not change inside it."""
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _share_within(edge: np.ndarray, other: np.ndarray, radius: int) -> float:
    """Give the share of edge pixels that have a pixel of the other edge within the radius (a disk, border included)."""
    distance = cv2.distanceTransform((~other).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # Distances are square roots of integers, so half of the gap to the next one decides ties as the disk of whole pixels does.
    return int(np.count_nonzero(distance[edge] <= radius + 1e-3)) / int(np.count_nonzero(edge))


def score(predicted: np.ndarray, truth: np.ndarray, radius: int | None = None) -> Score:
    """Score one object on one frame; both are boolean (H, W). `radius` as in `boundary_f`."""
    return Score(jaccard(predicted, truth), boundary_f(predicted, truth, radius))


def score_labels(
    predicted: np.ndarray, truth: np.ndarray, objects: Iterable[int], void: int | None = None, radius: int | None = None
) -> dict[int, Score]:
    """Score every object of two label images (H, W), 0 being the background.

    Args:
        predicted: label of each pixel.
        truth: label of each pixel by the annotator.
        objects: the labels to score; one that is in neither image scores 1, as for DAVIS.
        void: label in `truth` of pixels that count nowhere, or None.
        radius: pixels that a boundary may be off; None: as DAVIS.
    """
    if void is not None and (ignored := truth == void).any():
        predicted = np.where(ignored, 0, predicted)
        truth = np.where(ignored, 0, truth)
    return {label: score(predicted == label, truth == label, radius) for label in objects}


def mean(scores: Iterable[Score]) -> Score:
    """Average J and F, each by itself.

    Raises:
        ValueError: there is nothing to average.
    """
    scores = list(scores)
    if not scores:
        raise ValueError("There is no score to average.")
    return Score(math.fsum(s.j for s in scores) / len(scores), math.fsum(s.f for s in scores) / len(scores))


def clip_score(frames: Iterable[Mapping[int, Score]]) -> Score:
    """Average over the frames of each object first, then over the objects.

    Args:
        frames: one mapping a frame, from object label to its score there.
    """
    by_object: dict[int, list[Score]] = {}
    for frame in frames:
        for label, value in frame.items():
            by_object.setdefault(label, []).append(value)
    return mean(mean(values) for values in by_object.values())
