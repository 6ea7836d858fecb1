"""Make edges.jpg: what edges come to, at the plate's own resolution, on drawn frames whose alpha is known.

    python docs/images/make_edges.py

Across: the plate, the true alpha, the network's answer enlarged (`--edges plain`), and solved from the plate (`--edges refined`).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from xmemcore.evaluation.alpha_shots import AlphaShot, answered
from xmemcore.shot.mattes.edges import Refinement

SIDE, LINES = 240, 480
PLACES = {"figure": (0.30, 0.52), "motion": (0.44, 0.30), "strands": (0.42, 0.60), "thin": (0.62, 0.36)}
"""By kind, the middle of the crop: down and across, in shares of the picture."""


def row(kind: str, place: tuple[float, float]) -> np.ndarray:
    """Draw one kind's crops, (SIDE, 4 * SIDE, 3) in [0, 1]."""
    frame = AlphaShot(kind, seed=1).frame()
    height, width = frame.alpha.shape
    answer = answered(frame.alpha, LINES, 1)
    small = np.stack((1 - answer, answer))
    plain = np.stack([cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in small])
    fine = Refinement(small, frame.picture).rows(slice(0, height), plain)
    top, left = (int(share * length) - SIDE // 2 for share, length in zip(place, (height, width)))
    part = slice(top, top + SIDE), slice(left, left + SIDE)
    return np.hstack([frame.picture[part], *(np.repeat(plane[part][..., None], 3, axis=2) for plane in (frame.alpha, plain[1], fine[1]))])


if __name__ == "__main__":
    picture = np.vstack([row(kind, place) for kind, place in PLACES.items()])
    cv2.imwrite(
        str(Path(__file__).with_name("edges.jpg")), np.rint(picture[..., ::-1] * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 82]
    )
