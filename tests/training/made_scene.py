"""A rendered scene, without a renderer."""

from __future__ import annotations

import numpy as np

from xmemcore.training.rendered import RenderedScene


def made_scene(frames: int = 5, side: int = 32) -> RenderedScene:
    """Draw two discs of two skins that pass before each other."""
    y, x = np.mgrid[:side, :side]
    colours, labels = np.zeros((frames, side, side, 4), np.uint8), np.zeros((frames, side, side, 2), np.uint8)
    for t in range(frames):
        for body, way in ((1, 8 + 4 * t), (2, 24 - 4 * t)):
            disc = (x - way) ** 2 + (y - 16) ** 2 < 64
            colours[t][disc] = (60 * body, 90, 40 * t, 255)
            labels[t][disc, 0] = body
            labels[t][disc, 1] = np.where(y[disc] < 16, 1, 2)
    return RenderedScene(colours, labels)
