"""From annotations to permanent memory: encode each annotated picture once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from functools import partial
from threading import Lock

import torch
from torch import Tensor

from xmemcore.engine.aggregation import others_of
from xmemcore.engine.augmentation import variants
from xmemcore.engine.config import EngineConfig
from xmemcore.engine.frames import Annotation, Frame, Padding
from xmemcore.engine.lanes import beside
from xmemcore.engine.planes import Planes, Whole, are_boxed, drawn
from xmemcore.memory.permanent import Entry
from xmemcore.network.backend import Backend
from xmemcore.network.features import Features

OBJECTS_AT_ONCE = 16
"""Objects whose values are encoded together. At 480 lines the compact encoder has tensors of 5 to 7 MB for each of them."""


def encoded(
    network: Backend,
    image: Tensor,
    features: Features,
    masks: Planes,
    sensory: Tensor,
    deep_update: bool,
    lane: Executor | None = None,
) -> tuple[Tensor, Tensor]:
    """Encode the objects of a frame, some at a time, each beside all others.

    Args:
        network: encodes.
        image: (1, 3, H, W).
        features: of the image.
        masks: of all objects.
        sensory: (1, K, Ch, h, w).
        deep_update: whether the state takes in the values.
        lane: helps; None: nobody does.

    Returns:
        Values (1, K, Cv, h, w), and the sensory state after them.
    """
    total, objects = masks.total(), sensory.shape[1]
    at_once = OBJECTS_AT_ONCE if lane is None else min(OBJECTS_AT_ONCE // 2, -(-objects // 2))
    kept: list[tuple[Tensor, Tensor]] = []
    keeping = Lock()

    def encode(some: range) -> None:
        with torch.inference_mode():
            each, states = masks.some(some), sensory[:, some.start : some.stop]
            found, states = network.encode_value(image, features, each, others_of(each, total), states, deep_update)
            with keeping:
                if not kept:
                    # Written as they come: all of them side by side, and once more as a list, would be twice as much.
                    kept.append((found.new_empty(1, objects, *found.shape[2:]), sensory.new_empty(sensory.shape)))
            value, state = kept[0]
            value[:, some.start : some.stop], state[:, some.start : some.stop] = found, states

    beside(lane, [partial(encode, range(first, min(first + at_once, objects))) for first in range(0, objects, at_once)])
    return kept[0]


def entries(
    network: Backend,
    frame: Frame,
    annotation: Annotation,
    objects: int,
    padding: Padding,
    config: EngineConfig,
    lane: Executor | None = None,
) -> Iterator[tuple[int, Entry]]:
    """Encode an annotated frame, and its variants when augmentation is on; `lane` as of `encoded`.

    Yields:
        Variant number, 0 for the frame itself, and its entry. When every object is known, the entry of the frame itself has the sensory
        state after it; a sweep that begins here needs nothing else.
    """
    masks = drawn(annotation, objects, padding, frame.image.device, are_boxed(objects, config.boxes and not config.augment))
    complete = len(annotation.known) == objects
    yield 0, _entry(network, frame.image, frame.features, masks, objects, annotation.known, begins=complete, lane=lane)
    if config.augment:
        whole = masks.some(range(objects))
        for number, image, planes in variants(frame.image, whole, padding, config.augmentations, config.rotation_degrees):
            yield number, _entry(network, image, network.encode_key(image), Whole(planes), objects, annotation.known)


def _entry(
    network: Backend,
    image: Tensor,
    features: Features,
    masks: Planes,
    objects: int,
    known: frozenset[int],
    begins: bool = False,
    lane: Executor | None = None,
) -> Entry:
    sensory = network.empty_sensory(objects, *image.shape[-2:])
    value, sensory = encoded(network, image, features, masks, sensory, deep_update=begins, lane=lane)
    return Entry(
        key=elements_first(features.key),
        shrinkage=features.shrinkage.flatten(),
        values={obj: elements_first(value[:, obj]).to(features.key.dtype) for obj in sorted(known)},
        coverage=masks.coverage(),
        sensory=sensory[0] if begins else None,
    )


def elements_first(x: Tensor) -> Tensor:
    """Lay (1, C, h, w) out as memory elements, (h * w, C)."""
    return x[0].flatten(1).T.contiguous()
