"""Which objects compete for the same pixels, and what the engine is told of each competition group."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce

import torch

from xmemcore.engine.frames import Annotation
from xmemcore.shot.annotations.annotations import Annotations
from xmemcore.shot.annotations.bit_masks import BitMask
from xmemcore.shot.files.box import Box
from xmemcore.shot.store.cache import digest

OVERLAP_SHARE = 0.02
"""Two objects overlap when they share more than this part of the smaller one; neighbours that merely touch share less."""


Masks = dict[int, dict[int, BitMask | None]]
"""Masks by frame and object; None: absent."""


class Unpacking(Mapping[int, "torch.Tensor | None"]):
    """Masks by object, each unpacked when it is asked for."""

    def __init__(self, masks: Mapping[int, BitMask | None]) -> None:
        self.packed = masks

    def __getitem__(self, obj: int) -> torch.Tensor | None:
        mask = self.packed[obj]
        return None if mask is None else torch.from_numpy(mask.unpacked())

    def __iter__(self) -> Iterator[int]:
        return iter(self.packed)

    def __len__(self) -> int:
        return len(self.packed)


@dataclass(frozen=True)
class Group:
    """Objects that no annotation lets overlap, so that each pixel is one of them or none."""

    objects: tuple[int, ...]
    """Positions among all objects, ascending; the engine counts them from 0."""
    annotations: dict[int, Annotation]
    """What the engine gets, by plate index: masks at working size."""
    signatures: dict[int, str]
    """Hash of what the engine gets, by plate index."""
    drawn: dict[int, Box | None]
    """Box at working size around all that is drawn, by plate index; None: nothing is drawn there."""
    seen: frozenset[int]
    """Objects that at least one annotation shows, counted as the engine counts them."""

    def unseen(self) -> frozenset[int]:
        """Name the objects that no annotation shows: absent, or off the picture, wherever they are known."""
        return frozenset(obj for place, obj in enumerate(self.objects) if place not in self.seen)


def competition_groups(annotations: Annotations, indices: dict[int, int], working_size: tuple[int, int], resampling: str) -> list[Group]:
    """Read the annotations at working size and sort the objects into groups.

    Args:
        annotations: of the shot.
        indices: plate index of each keyframe.
        working_size: height and width of the network's image.
        resampling: how index masks are reduced, `area` or `published`.
    """
    masks: Masks = {frame: {} for frame in annotations.keyframes}
    for frame, by_object in masks.items():
        for obj in sorted(annotations.known(frame)):
            by_object[obj] = annotations.network_mask(frame, obj, working_size, resampling=resampling)
    members: list[list[int]] = []
    for obj in range(len(annotations.objects)):
        home = next((group for group in members if not any(_overlap(masks, obj, other) for other in group)), None)
        if home is None:
            members.append([obj])
        else:
            home.append(obj)
    return [_group(tuple(group), masks, indices) for group in members]


def _group(objects: tuple[int, ...], masks: Masks, indices: dict[int, int]) -> Group:
    annotations, signatures = {}, {}
    drawn: dict[int, Box | None] = {}
    seen: set[int] = set()
    for frame, by_object in masks.items():
        known = {place: by_object[obj] for place, obj in enumerate(objects) if obj in by_object}
        if known:
            annotations[indices[frame]] = Annotation(Unpacking(known))
            boxes = [box for mask in known.values() if mask is not None and (box := mask.box) is not None]
            drawn[indices[frame]] = reduce(Box.union, boxes) if boxes else None
            seen |= {place for place, mask in known.items() if mask is not None}
            signatures[indices[frame]] = digest(
                *(part for place, mask in known.items() for part in (place, "" if mask is None else mask.hash))
            )
    return Group(objects, annotations, signatures, drawn, frozenset(seen))


def _overlap(masks: Masks, first: int, second: int) -> bool:
    """Compare two objects on every frame where both are keyed; where there is none, on the two keyframes that are nearest in time."""
    first_masks, second_masks = (
        {frame: mask for frame, by_object in masks.items() if (mask := by_object.get(obj)) is not None} for obj in (first, second)
    )
    pairs = [(frame, frame) for frame in first_masks.keys() & second_masks.keys()]
    if not pairs and first_masks and second_masks:
        pairs = [_nearest(sorted(first_masks), sorted(second_masks))]
    for a, b in pairs:
        smaller = min(first_masks[a].pixels, second_masks[b].pixels)
        if first_masks[a].shared(second_masks[b]) > OVERLAP_SHARE * smaller:
            return True
    return False


def _nearest(first_frames: list[int], second_frames: list[int]) -> tuple[int, int]:
    """Find the two frames of two ascending lists that are nearest to each other; of several such pairs the first."""
    pairs = []
    for frame in first_frames:
        place = bisect.bisect_left(second_frames, frame)
        pairs += [(frame, near) for near in second_frames[max(place - 1, 0) : place + 1]]
    return min(pairs, key=lambda pair: (abs(pair[0] - pair[1]), pair))
