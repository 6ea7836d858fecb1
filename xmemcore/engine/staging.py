"""Short clips staged from the artist's own keyframes, for a network that learns the shot.

A clip shows keyframes in random order, each moved, turned, scaled and relit a little; where there are few, some are repeated.
Some are memory, the others are predicted: the network practises what it will do between the keyframes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

_SEEN_PIXELS = 24
"""A mask with fewer shows nothing to learn from."""
_TURN_DEGREES = 12.0
_SCALE = 0.22
"""Largest change of the log of the scale, about a quarter."""
_WINDOW = (0.55, 1.0)
"""Side of a clip's crop, as a share of the picture's short side."""


@dataclass(frozen=True)
class Key:
    """One keyframe of one competition group."""

    frame: int
    """Index of the frame, which orders the keys in time."""
    picture: np.ndarray
    """(H, W, 3) uint8, display-encoded, at working size."""
    masks: dict[int, np.ndarray | None]
    """Mask of each object, (H, W) bool; None: absent here. An object that is not named is unknown here."""

    def shows(self, obj: int) -> bool:
        """Say whether enough pixels of an object are visible."""
        mask = self.masks.get(obj)
        return mask is not None and int(np.count_nonzero(mask)) >= _SEEN_PIXELS


@dataclass(frozen=True)
class StagedClip:
    """A clip in the order in which it is processed."""

    frames: torch.Tensor
    """(1, T, S, S, 3) uint8."""
    labels: torch.Tensor
    """(1, T, S, S) long, 0..objects."""
    objects: int
    annotated: tuple[bool, ...]
    remembered: tuple[bool, ...]


def learnable(keys: Sequence[Key]) -> list[int]:
    """Name the objects that some key shows, ascending."""
    return sorted({obj for key in keys for obj in key.masks if key.shows(obj)})


def stage_clip(rng: np.random.Generator, groups: Sequence[Sequence[Key]], size: int, length: int) -> StagedClip:
    """Stage one clip.

    Args:
        rng: makes every choice.
        groups: the keys of each competition group; at least one key shows an object.
        size: pixels of a side, a multiple of 16.
        length: frames, 2 or more.
    """
    able = [keys for keys in groups if learnable(keys)]
    keys = able[rng.integers(len(able))]
    choices = learnable(keys)
    main = int(choices[rng.integers(len(choices))])
    first = [key for key in keys if key.shows(main)]
    begin = first[rng.integers(len(first))]
    beside = [obj for obj in choices if obj != main and begin.shows(obj)]
    objects = [main, int(beside[rng.integers(len(beside))])] if beside and rng.random() < 0.5 else [main]
    useful = [key for key in keys if all(obj in key.masks for obj in objects)]
    order = [begin]
    while len(order) < length:
        order += [useful[n] for n in rng.permutation(len(useful))]
    order = order[:length]
    share = rng.uniform(*_WINDOW)
    gain, tint = rng.normal(0, 0.1), rng.normal(0, 0.03, 3)
    drawn = [_crop(rng, key, objects, share, size, np.exp(gain + tint + rng.normal(0, 0.06))) for key in order]
    known = 1 + int(rng.choice(3, p=(0.4, 0.35, 0.25)))
    annotated = tuple(index < min(known, length - 1) for index in range(length))
    remembered = tuple(bool(rng.random() < 0.4) for _ in range(length))
    frames, labels = (torch.from_numpy(np.stack(planes))[None] for planes in zip(*drawn))
    return StagedClip(frames, labels.long(), len(objects), annotated, remembered)


def _crop(
    rng: np.random.Generator, key: Key, objects: Sequence[int], share: float, size: int, gain: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Show one key through a window that is moved, turned and scaled."""
    height, width = key.picture.shape[:2]
    short = min(height, width)
    middle = np.array((width / 2, height / 2))
    mask = key.masks.get(objects[0])
    if mask is not None and key.shows(objects[0]):
        rows, columns = np.nonzero(mask)
        middle = np.array((columns.mean() + 0.5, rows.mean() + 0.5))
    side = short * share * np.exp(rng.uniform(-_SCALE, _SCALE))
    middle = middle + rng.uniform(-0.22, 0.22, 2) * side
    room = np.minimum(np.array((width, height)) / 2, side / 2)
    middle = np.clip(middle, room, np.array((width, height)) - room)
    angle = np.deg2rad(rng.uniform(-_TURN_DEGREES, _TURN_DEGREES))
    matrix = np.array(((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle)))) * side / size
    # From a pixel of the crop to one of the picture; centres at half-integers.
    offset = middle - matrix @ np.full(2, size / 2 - 0.5) - 0.5
    way = np.column_stack((matrix, offset))
    source = key.picture
    if side > 1.5 * size:
        # A warp samples single pixels; where it reduces, the picture is smoothed first so that none is left out.
        source = cv2.GaussianBlur(source, (0, 0), 0.4 * side / size)
    how = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    picture = cv2.warpAffine(source, way, (size, size), flags=how, borderMode=cv2.BORDER_REFLECT)
    table = np.clip(np.arange(256)[:, None] * gain[None], 0, 255).astype(np.uint8)
    labels = np.zeros((size, size), np.uint8)
    for number, obj in enumerate(objects, start=1):
        mask = key.masks[obj]
        if mask is not None:
            flags = cv2.WARP_INVERSE_MAP | cv2.INTER_NEAREST
            labels[cv2.warpAffine(mask.astype(np.uint8), way, (size, size), flags=flags, borderMode=cv2.BORDER_REFLECT) > 0] = number
    return cv2.LUT(picture, table[:, None]), labels
