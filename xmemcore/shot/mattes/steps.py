"""What is done to a prediction between the network and the file: a chain of steps, each of which takes planes and gives planes.

A plate may be large and have many objects, so a frame goes through the chain band by band: some rows of all planes at a time.
A new step is a class below with a `key` and a `begun`, and its place in `chain_of`. The keys of a chain are part of every signature that
the chain has a hand in, so a step that works in another way needs another key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.mattes import edges
from xmemcore.shot.plate.canvas import Canvas

PLAIN = "plain"
"""The choice of `edges` that only enlarges."""
BAND_PIXELS = 1 << 20
"""Of one plane of a band: 4 MB of floats."""

Rows = Callable[[slice, np.ndarray], np.ndarray]
"""Takes rows of the plate and what the step before gave for them, (1 + K, n, W) float32 in [0, 1]: what is behind the objects, then the
objects; gives the same of its own. Planes sum to 1 at every pixel."""


@dataclass(frozen=True)
class Predicted:
    """One competition group's prediction for one frame."""

    values: np.ndarray
    """(1 + K, h, w) float32: the network's own answer at working size."""
    index: int
    """Of the frame."""
    picture: Callable[[], np.ndarray]
    """Reads the plate's frame, (H, W, 3) float32, display-encoded in [0, 1]; a step that does not ask for it costs no reading."""


class Step(Protocol):
    """One step of the chain. It must keep the sum over planes at 1."""

    @property
    def key(self) -> str | None:
        """What the step does, with all that decides about its result, for the signature; None when it is what every matte goes through."""

    def begun(self, predicted: Predicted) -> Rows:
        """Look at one group's prediction as a whole; called from the thread that writes mattes."""


@dataclass(frozen=True)
class Enlarge:
    """Bring the planes to the plate's size, bilinear: the first step, which looks at no earlier one."""

    canvas: Canvas
    key: str | None = None

    def begun(self, predicted: Predicted) -> Rows:
        """Give rows of the enlarged planes."""
        small, width = predicted.values, self.canvas.width
        count = small.shape[1]
        # The middle of row r lies over the row (r + 0.5) * scale - 0.5 of the small plane.
        place = (np.arange(self.canvas.height) + 0.5) * (count / self.canvas.height) - 0.5
        above = np.clip(np.floor(place), 0, count - 1).astype(np.int64)
        share = np.clip(place - above, 0, 1).astype(np.float32)[:, None]
        share[above == count - 1] = 0

        def rows(band: slice, _: np.ndarray) -> np.ndarray:
            first, last = int(above[band][0]), min(int(above[band][-1]) + 2, count)
            upper, lower = above[band] - first, np.minimum(above[band] + 1, count - 1) - first
            wide = (cv2.resize(plane[first:last], (width, last - first), interpolation=cv2.INTER_LINEAR) for plane in small)
            return np.stack([plane[upper] * (1 - share[band]) + plane[lower] * share[band] for plane in wide])

        return rows


@dataclass(frozen=True)
class Refine:
    """Move the edges of the enlarged planes to the edges of the plate."""

    key: str | None = f"edges {edges.VERSION}"

    def begun(self, predicted: Predicted) -> Rows:
        """Explain the prediction by the plate's colours, to ask the plate's own pixels row by row."""
        return edges.Refinement(predicted.values, predicted.picture()).rows


def chain_of(request: PropagateRequest, canvas: Canvas) -> tuple[Step, ...]:
    """Choose the steps that a request asks for, in order."""
    if request.edges == PLAIN or request.plain:
        return (Enlarge(canvas),)
    return (Enlarge(canvas), Refine())


def keys_of(chain: Sequence[Step]) -> list[str]:
    """List what a signature needs to know about a chain; empty for the plain one."""
    return [step.key for step in chain if step.key is not None]


def finished(
    chain: Sequence[Step], canvas: Canvas, predicted: np.ndarray, index: int, picture: Callable[[], np.ndarray]
) -> Iterator[tuple[slice, np.ndarray]]:
    """Send one group's prediction through a chain, band by band.

    Args:
        chain: of `chain_of`.
        canvas: of the plate.
        predicted: (1 + K, h, w) float32; it is not changed.
        index: of the frame.
        picture: see `Predicted`.

    Yields:
        Rows of the canvas from top to bottom, and their planes (1 + K, n, W) float32, the caller's own.
    """
    steps = [step.begun(Predicted(predicted, index, picture)) for step in chain]
    height = max(BAND_PIXELS // canvas.width, 1)
    for top in range(0, canvas.height, height):
        band = slice(top, min(top + height, canvas.height))
        planes = np.empty((len(predicted), 0, canvas.width), np.float32)
        for step in steps:
            planes = step(band, planes)
        yield band, planes
