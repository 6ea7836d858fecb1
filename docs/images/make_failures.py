"""Draw the model card's failures: python docs/images/make_failures.py CLIPS docs/model-card-failures.png

A row for each clip: its annotated first frame; a later frame with its truth; the same with the matte that `propagate` makes of that one
annotation. The frame is the median of the clip's worst eighth by J, so that the picture shows what goes wrong and no single accident.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from xmemcore.engine.jaccard import jaccard
from xmemcore.evaluation.clip_shot import ClipShot
from xmemcore.evaluation.clips import Clip, find_clips
from xmemcore.evaluation.evaluate import EvaluationSettings
from xmemcore.evaluation.studies import picture_of
from xmemcore.training.sheet import overlaid

CLIPS = ("bmx-trees", "dance-twirl", "dogs-jump", "motocross-jump", "chair")
WIDTH = 320


def row(clip: Clip) -> np.ndarray:
    """Draw one clip: (h, 3 * WIDTH, 3) RGB."""
    first = next(iter(clip.masks))
    with ClipShot(clip) as shot:
        predicted = shot.labels(shot.propagate([first], EvaluationSettings().choices))
    scores = {index: _mean_j(clip, predicted[index], clip.labels(index)) for index in clip.masks if index != first}
    worst = sorted(scores, key=scores.__getitem__)[: max(1, len(scores) // 8)]
    index = worst[len(worst) // 2]
    print(f"{clip.name}: frame {clip.frame_number(index)}, J {scores[index]:.2f}")
    shown = ((first, clip.labels(first)), (index, clip.labels(index)), (index, predicted[index]))
    pictures = [overlaid(picture_of(clip, number)[..., ::-1], labels) for number, labels in shown]
    height = WIDTH * pictures[0].shape[0] // pictures[0].shape[1]
    return np.hstack([cv2.resize(picture, (WIDTH, height), interpolation=cv2.INTER_AREA) for picture in pictures])


def main() -> None:
    folder, out = sys.argv[1:]
    clips = {clip.name: clip for clip in find_clips(Path(folder))}
    cv2.imwrite(out, cv2.cvtColor(np.vstack([row(clips[name]) for name in CLIPS]), cv2.COLOR_RGB2BGR))


def _mean_j(clip: Clip, predicted: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean([jaccard(predicted == label, truth == label) for label in clip.objects]))


if __name__ == "__main__":
    main()
