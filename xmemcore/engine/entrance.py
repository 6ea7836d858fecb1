"""Keep an object out for a while after a keyframe that says it is absent, unless it comes in visibly.

Behind such a keyframe a look-alike is taken for the object by little at first, and by more from frame to frame: it moves on, and the only
frame that says what it is falls behind. So what is little is cleared, and every such frame is remembered as one without the object, until
the next one is. The look-alike is then known from the frame before, in nearly the same pose. What memory finds all the same was not there
before: the object comes back from behind something, and is let in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch

from xmemcore.engine.frames import Annotation, Padding
from xmemcore.engine.planes import Planes

VERSION = 2
"""Part of every prediction's hash; another one where an object is kept out or let in otherwise."""
FRAMES = 12
"""Frames for which an object is kept out: the artist's word counts near the frame that it is said of. Those that the plate has not got
count: over a hole the object may come in unseen."""
FOUND = 0.5
"""Share of a cell that is the object, beside the largest on its keyframes, from which memory finds it: what looks like it so much was not
on the frame before, since that one is remembered as one without it."""
LARGE = 0.25
"""Area of a piece that does not touch the edge of the picture, beside the object's usual area, from which the object comes in."""
EDGE_PIXELS = 2
"""A piece this close to the edge of the picture comes in over it."""
LEAST_PIXELS = 16
"""Area below which a piece does not count, wherever it is."""
SOFT_PIXELS = 9
"""Side of the square by which a piece is widened: its soft edge belongs to it."""


class Entrance:
    """The objects that one sweep keeps out."""

    def __init__(self, expected: frozenset[int]) -> None:
        """Keep nothing out yet; `expected` objects never are, because the keyframe that the sweep runs towards shows them."""
        self._expected = expected
        self._since: dict[int, int] = {}
        """Number of the frame that says an object is absent, by object."""

    def __bool__(self) -> bool:
        return bool(self._since)

    def reach(self, frame: int) -> None:
        """Come to a frame by its number: objects whose keyframe is far off are kept out no longer."""
        self._since = {obj: since for obj, since in self._since.items() if abs(frame - since) <= FRAMES}

    def keyed(self, annotation: Annotation, frame: int) -> None:
        """Begin with the objects that a keyframe of this number says are absent, and end with those that it shows."""
        there = shown(annotation)
        for obj in annotation.known:
            if obj in there or obj in self._expected:
                self._since.pop(obj, None)
            else:
                self._since[obj] = frame

    def look(self, presence: Sequence[float], fullest: Callable[[int], float]) -> bool:
        """End with the objects that memory finds in a frame; says whether there are any.

        Args:
            presence: the largest share of a cell that is the object, by object, as memory has it.
            fullest: gives the largest share of a cell that an object has on a keyframe.
        """
        found = [obj for obj in self._since if presence[obj] > FOUND * fullest(obj)]
        for obj in found:
            del self._since[obj]
        return bool(found)

    def clear(self, probabilities: Planes, padding: Padding, usual_area: Callable[[int], float]) -> None:
        """Clear the objects that are kept out in a frame's planes; of one that comes in, all but the pieces with which it does."""
        for obj in list(self._since):
            plane = probabilities.plane(obj)
            seen = padding.unpad(plane)
            pieces = entering(seen.float().cpu().numpy(), usual_area(obj))
            if pieces is None:
                probabilities.clear(obj)
            else:
                seen *= torch.from_numpy(pieces).to(seen.device)
                probabilities.keep(obj, plane)
                del self._since[obj]


def shown(annotation: Annotation | None) -> frozenset[int]:
    """Name the objects that a keyframe shows; none where there is no keyframe."""
    masks = {} if annotation is None else annotation.masks
    return frozenset(obj for obj, mask in masks.items() if mask is not None and bool(mask.any()))


def entering(probability: np.ndarray, usual: float) -> np.ndarray | None:
    """Choose the pieces of a prediction with which an object comes in.

    Args:
        probability: (H, W) in [0, 1], without padding.
        usual: the object's usual area, in pixels.

    Returns:
        (H, W) booleans, the pieces with their soft edges; None where the object is still absent.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats((probability >= 0.5).astype(np.uint8), connectivity=8)
    height, width = probability.shape
    kept = []
    for piece in range(1, count):
        left, top, across, down, area = stats[piece]
        at_edge = min(left, top, width - left - across, height - top - down) < EDGE_PIXELS
        if area >= LEAST_PIXELS and (at_edge or area >= LARGE * usual):
            kept.append(piece)
    if not kept:
        return None
    return cv2.dilate(np.isin(labels, kept).astype(np.uint8), np.ones((SOFT_PIXELS, SOFT_PIXELS), np.uint8)) > 0
