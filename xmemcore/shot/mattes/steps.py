"""What is done to a prediction between the network and the file: a chain of steps, each of which takes planes and gives planes.

A new step is a class below with a `key` and a `__call__`, and its place in `chain_of`. The keys of a chain are part of every signature that
the chain has a hand in, so a step that works in another way needs another key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np

from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.mattes import edges
from xmemcore.shot.plate.canvas import Canvas

PLAIN = "plain"
"""The choice of `edges` that only enlarges."""


@dataclass(frozen=True)
class Planes:
    """One competition group's prediction for one frame, on its way to the plate's size."""

    values: np.ndarray
    """(1 + K, H, W) float32 in [0, 1]: what is behind the objects, then the objects; they sum to 1 at every pixel."""
    predicted: np.ndarray
    """(1 + K, h, w) float32: the network's own answer at working size. No step changes it."""
    index: int
    """Of the frame."""
    picture: Callable[[], np.ndarray]
    """Reads the plate's frame, (H, W, 3) float32, display-encoded in [0, 1]; a step that does not ask for it costs no reading."""

    def with_values(self, values: np.ndarray) -> Planes:
        """Give the same with other values."""
        return replace(self, values=values)


class Step(Protocol):
    """One step of the chain. It must keep the sum over planes at 1, and must not change what it is given in place."""

    @property
    def key(self) -> str | None:
        """What the step does, with all that decides about its result, for the signature; None when it is what every matte goes through."""

    def __call__(self, planes: Planes) -> Planes:
        """Work on one group's planes; called from the thread that writes mattes."""


@dataclass(frozen=True)
class Enlarge:
    """Bring the planes to the plate's size, bilinear."""

    canvas: Canvas
    key: str | None = None

    def __call__(self, planes: Planes) -> Planes:
        size = (self.canvas.width, self.canvas.height)
        return planes.with_values(np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in planes.values]))


@dataclass(frozen=True)
class Refine:
    """Move the edges of the enlarged planes to the edges of the plate."""

    key: str | None = f"edges {edges.VERSION}"

    def __call__(self, planes: Planes) -> Planes:
        return planes.with_values(edges.refined(planes.predicted.astype(np.float32), planes.values, planes.picture()))


def chain_of(request: PropagateRequest, canvas: Canvas) -> tuple[Step, ...]:
    """Choose the steps that a request asks for, in order."""
    if request.edges == PLAIN or request.plain:
        return (Enlarge(canvas),)
    return (Enlarge(canvas), Refine())


def keys_of(chain: Sequence[Step]) -> list[str]:
    """List what a signature needs to know about a chain; empty for the plain one."""
    return [step.key for step in chain if step.key is not None]


def finished(chain: Sequence[Step], predicted: np.ndarray, index: int, picture: Callable[[], np.ndarray]) -> np.ndarray:
    """Send one group's prediction through a chain.

    Args:
        chain: of `chain_of`.
        predicted: (1 + K, h, w) float32.
        index: of the frame.
        picture: see `Planes`.

    Returns:
        (1 + K, H, W) float32, the caller's own.
    """
    planes = Planes(predicted, predicted, index, picture)
    for step in chain:
        planes = step(planes)
    return planes.values
