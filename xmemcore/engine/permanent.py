"""From annotations to permanent memory: encode each annotated picture once."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from xmemcore.engine.aggregation import aggregate, others_of
from xmemcore.engine.augmentation import variants
from xmemcore.engine.config import EngineConfig
from xmemcore.engine.frames import Annotation, Frame, Padding
from xmemcore.memory.permanent import Entry
from xmemcore.network.backend import Backend
from xmemcore.network.features import Features
from xmemcore.network.xmem import STRIDE

OBJECTS_AT_ONCE = 16
"""Objects whose values are encoded together. At 480 lines the compact encoder has tensors of 5 to 7 MB for each of them."""


def soft_masks(annotation: Annotation, objects: int, padding: Padding, device: torch.device) -> Tensor:
    """Turn the artist's masks into what the value encoder has learned to see.

    Returns:
        (1, K, H, W), padded and softly aggregated; an unknown or absent object has an empty plane.
    """
    return soft_planes(annotation, objects, padding, device)[:, 1:]


def soft_planes(annotation: Annotation, objects: int, padding: Padding, device: torch.device) -> Tensor:
    """Give `soft_masks` behind the plane of the background, (1, K + 1, H, W)."""
    planes = torch.zeros(1, objects, *padding.padded, device=device)
    inside = padding.unpad(planes)
    for obj, mask in annotation.masks.items():
        if mask is not None:
            inside[0, obj] = mask.to(device)
    return aggregate(planes)


def encoded(
    network: Backend, image: Tensor, features: Features, masks: Tensor, sensory: Tensor, deep_update: bool
) -> tuple[Tensor, Tensor]:
    """Encode the objects of a frame, some at a time, each beside all others.

    Args:
        network: encodes.
        image: (1, 3, H, W).
        features: of the image.
        masks: (1, K, H, W), of all objects.
        sensory: (1, K, Ch, h, w).
        deep_update: whether the state takes in the values.

    Returns:
        Values (1, K, Cv, h, w), and the sensory state after them.
    """
    together = masks.sum(dim=1, keepdim=True)
    some = [
        network.encode_value(image, features, each, others_of(each, together), state, deep_update)
        for each, state in zip(masks.split(OBJECTS_AT_ONCE, dim=1), sensory.split(OBJECTS_AT_ONCE, dim=1))
    ]
    value, sensory = some[0] if len(some) == 1 else (torch.cat(parts, dim=1) for parts in zip(*some))
    return value, sensory


def entries(
    network: Backend, frame: Frame, annotation: Annotation, objects: int, padding: Padding, config: EngineConfig
) -> Iterator[tuple[int, Entry]]:
    """Encode an annotated frame, and its variants when augmentation is on.

    Yields:
        Variant number, 0 for the frame itself, and its entry. When every object is known, the entry of the frame itself has the sensory
        state after it; a sweep that begins here needs nothing else.
    """
    masks = soft_masks(annotation, objects, padding, frame.image.device)
    complete = len(annotation.known) == objects
    yield 0, _entry(network, frame.image, frame.features, masks, annotation.known, begins=complete)
    if config.augment:
        for number, image, planes in variants(frame.image, masks, padding, config.augmentations, config.rotation_degrees):
            yield number, _entry(network, image, network.encode_key(image), planes, annotation.known)


def _entry(network: Backend, image: Tensor, features: Features, masks: Tensor, known: frozenset[int], begins: bool = False) -> Entry:
    sensory = network.empty_sensory(masks.shape[1], *image.shape[-2:])
    value, sensory = encoded(network, image, features, masks, sensory, deep_update=begins)
    return Entry(
        key=elements_first(features.key),
        shrinkage=features.shrinkage.flatten(),
        values={obj: elements_first(value[:, obj]).to(features.key.dtype) for obj in sorted(known)},
        coverage=coverage_of(masks),
        sensory=sensory[0] if begins else None,
    )


def coverage_of(masks: Tensor) -> Tensor:
    """Say how much of each memory cell each object covers: (1, K, H, W) to (K, h * w)."""
    return F.avg_pool2d(masks, STRIDE)[0].flatten(1)


def elements_first(x: Tensor) -> Tensor:
    """Lay (1, C, h, w) out as memory elements, (h * w, C)."""
    return x[0].flatten(1).T.contiguous()
