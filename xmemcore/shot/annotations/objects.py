"""Which objects compete for the same pixels, and what the engine is told of each competition group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from xmemcore.engine.frames import Annotation
from xmemcore.shot.annotations.annotations import Annotations
from xmemcore.shot.store.cache import digest

OVERLAP_SHARE = 0.02
"""Two objects overlap when they share more than this part of the smaller one; neighbours that merely touch share less."""


@dataclass(frozen=True)
class Group:
    """Objects that no annotation lets overlap, so that each pixel is one of them or none."""

    objects: tuple[int, ...]
    """Positions among all objects, ascending; the engine counts them from 0."""
    annotations: dict[int, Annotation]
    """By plate index, what the engine is told: masks at working size."""
    signatures: dict[int, str]
    """By plate index, a hash of what it is told."""

    def unseen(self) -> frozenset[int]:
        """Name the objects that no annotation shows: absent, or off the picture, wherever they are known."""
        shown = {place for annotation in self.annotations.values() for place, mask in annotation.masks.items() if mask is not None}
        return frozenset(obj for place, obj in enumerate(self.objects) if place not in shown)


def competition_groups(annotations: Annotations, indices: dict[int, int], working_size: tuple[int, int], resampling: str) -> list[Group]:
    """Read the annotations at working size and sort the objects into groups.

    Args:
        annotations: of the shot.
        indices: plate index of each keyframe.
        working_size: height and width of the network's image.
        resampling: how index masks are reduced, `area` or `published`.
    """
    masks: dict[int, dict[int, np.ndarray | None]] = {
        frame: {obj: annotations.network_mask(frame, obj, working_size, resampling=resampling) for obj in sorted(annotations.known(frame))}
        for frame in annotations.keyframes
    }
    members: list[list[int]] = []
    for obj in range(len(annotations.objects)):
        home = next((group for group in members if not any(_overlap(masks, obj, other) for other in group)), None)
        if home is None:
            members.append([obj])
        else:
            home.append(obj)
    return [_group(tuple(group), masks, indices) for group in members]


def _group(objects: tuple[int, ...], masks: dict[int, dict[int, np.ndarray | None]], indices: dict[int, int]) -> Group:
    annotations, signatures = {}, {}
    for frame, by_object in masks.items():
        known = {place: by_object[obj] for place, obj in enumerate(objects) if obj in by_object}
        if known:
            annotations[indices[frame]] = Annotation(
                {place: None if mask is None else torch.from_numpy(mask) for place, mask in known.items()}
            )
            signatures[indices[frame]] = digest(
                *(part for place, mask in known.items() for part in (place, b"" if mask is None else _packed(mask)))
            )
    return Group(objects, annotations, signatures)


def _overlap(masks: dict[int, dict[int, np.ndarray | None]], one: int, other: int) -> bool:
    """Compare two objects on every frame where both are keyed; where there is none, on the two keyframes that are nearest in time."""
    ones, others = ({frame: mask for frame, by_object in masks.items() if (mask := by_object.get(obj)) is not None} for obj in (one, other))
    pairs = [(frame, frame) for frame in ones.keys() & others.keys()]
    if not pairs and ones and others:
        pairs = [min(((a, b) for a in ones for b in others), key=lambda pair: (abs(pair[0] - pair[1]), pair))]
    for a, b in pairs:
        smaller = min(ones[a].sum(), others[b].sum())
        if np.minimum(ones[a], others[b]).sum() > OVERLAP_SHARE * smaller:
            return True
    return False


def _packed(mask: np.ndarray) -> bytes:
    return np.packbits(mask > 0.5).tobytes()
