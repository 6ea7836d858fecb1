"""What is done to a prediction between the network and the file: a chain of steps, each of which takes planes and gives planes.

Some steps come before all others and work at working size (`Before`). A plate may be large and have many objects, so through the others a
frame goes band by band: some rows of all planes at a time. A new step is a class below with a `key` and a `begun` (or a `changed`), and
its place in `chain_of`. The keys of a chain are part of every signature that
the chain has a hand in, so a step that works in another way needs another key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Protocol, runtime_checkable

import cv2
import numpy as np

from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.mattes import carry, edges, steady
from xmemcore.shot.mattes.carry import KeyDifferences
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.plate.flow import Flows

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
    """(1 + K, h, w) float32 at working size: the network's own answer, and what steps before have made of it."""
    index: int
    """Of the frame."""
    picture: Callable[[], np.ndarray]
    """Reads the plate's frame, (H, W, 3) float32, display-encoded in [0, 1]; a step that does not ask for it costs no reading."""
    group: int = 0
    """Number of the competition group."""
    soft: np.ndarray | None = None
    """(K, h, w) in [0, 1]: where each object's edge is soft by the artist's will; None: nowhere."""
    around: Mapping[int, np.ndarray] = field(default_factory=dict)
    """By index, the predictions of neighbouring frames; only for a chain with `Steady`."""


@runtime_checkable
class Before(Protocol):
    """A step at working size. It must keep the sum over planes at 1."""

    @property
    def key(self) -> str | None:
        """As of `Step`."""

    def changed(self, predicted: Predicted) -> Predicted:
        """Give the prediction with other values; called from the thread that writes mattes."""


class Step(Protocol):
    """One step of the chain. It must keep the sum over planes at 1."""

    @property
    def key(self) -> str | None:
        """What the step does, with all that decides about its result, for the signature; None when it is what every matte goes through."""

    def begun(self, predicted: Predicted) -> Rows:
        """Look at one group's prediction as a whole; called from the thread that writes mattes."""


@dataclass(frozen=True)
class Carry:
    """Add what the artist's shapes at the keys around a frame and the network's own answers there differ by."""

    differences: Sequence[KeyDifferences]
    """Of each group."""
    key: str | None = f"carry {carry.VERSION}"

    def changed(self, predicted: Predicted) -> Predicted:
        """Add the differences of the prediction's group, to the neighbours too."""
        differences = self.differences[predicted.group]
        around = {index: differences.added_to(planes, index)[0] for index, planes in predicted.around.items()}
        values, soft = differences.added_to(predicted.values, predicted.index)
        return replace(predicted, values=values, soft=soft, around=around)


@dataclass(frozen=True)
class Steady:
    """Average with the neighbours in time, where the prediction is undecided."""

    flows: Flows
    key: str | None = f"steady {steady.VERSION}"

    def changed(self, predicted: Predicted) -> Predicted:
        """Average one group's planes."""
        return replace(predicted, values=steady.steadied(predicted.values, predicted.index, predicted.around, self.flows))


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
        return edges.Refinement(predicted.values, predicted.picture(), predicted.soft).rows


Chain = Sequence[Before | Step]
"""Those that work at working size come first."""


def chain_of(request: PropagateRequest, canvas: Canvas, differences: Sequence[KeyDifferences] = (), flows: Flows | None = None) -> Chain:
    """Choose the steps that a request asks for, in order; those that look along the shot need its flows."""
    if request.plain:
        return (Enlarge(canvas),)
    before: tuple[Before, ...] = (Carry(differences),) if request.carry and differences else ()
    before += (Steady(flows),) if request.steady and flows is not None else ()
    after = () if request.edges == PLAIN else (Refine(),)
    return (*before, Enlarge(canvas), *after)


def keys_of(chain: Chain) -> list[str]:
    """List what a signature needs to know about a chain; empty for the plain one."""
    return [step.key for step in chain if step.key is not None]


def finished(
    chain: Chain,
    canvas: Canvas,
    predicted: np.ndarray,
    index: int,
    picture: Callable[[], np.ndarray],
    group: int = 0,
    around: Mapping[int, np.ndarray] = MappingProxyType({}),
) -> Iterator[tuple[slice, np.ndarray]]:
    """Send one group's prediction through a chain, band by band.

    Args:
        chain: of `chain_of`.
        canvas: of the plate.
        predicted: (1 + K, h, w) float32; it is not changed.
        index: of the frame.
        picture: see `Predicted`.
        group: number of the group.
        around: see `Predicted`.

    Yields:
        Rows of the canvas from top to bottom, and their planes (1 + K, n, W) float32, the caller's own.
    """
    prediction = Predicted(predicted, index, picture, group, around=around)
    steps: list[Rows] = []
    for step in chain:
        if isinstance(step, Before):
            prediction = step.changed(prediction)
        else:
            steps.append(step.begun(prediction))
    height = max(BAND_PIXELS // canvas.width, 1)
    for top in range(0, canvas.height, height):
        band = slice(top, min(top + height, canvas.height))
        planes = np.empty((len(predicted), 0, canvas.width), np.float32)
        for rows in steps:
            planes = rows(band, planes)
        yield band, planes
