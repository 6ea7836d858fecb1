"""Objects as both inputs give them: their shapes at a frame, in picture coordinates, with every curve evaluated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from xmemcore.curves.script import Format
from xmemcore.protocol.failures import RequestError

if TYPE_CHECKING:
    from xmemcore.protocol.results import OwnShape


class NothingKeyed(RequestError):
    """A roto has no shape yet, or none with a key."""


@dataclass(frozen=True)
class EvaluatedShape:
    """A shape at a frame. Picture coordinates: pixels of the format, y up."""

    points: np.ndarray
    """(N, 3, 2) float64: point, in tangent, out tangent; tangents relative to their point."""
    feather: np.ndarray | None = None
    """(N, 3, 2): feather point relative to the main point, its tangents relative to the feather point; None: a hard edge."""
    closed: bool = True
    """False: drawn as a band along the curve."""
    opacity: float = 1.0
    inverted: bool = False
    blending: str = "over"
    feather_falloff: float = 1.0
    """Exponent of the ramp."""
    feather_type: str = "linear"
    """linear, smooth0, smooth1 or smooth."""
    widths: np.ndarray | None = None
    """(N,) pixels, of an open shape; None: Nuke's default of 10."""

    def hard(self) -> EvaluatedShape:
        """Give the shape that the network sees: full opacity, no feather."""
        return replace(self, feather=None, opacity=1.0)


@dataclass(frozen=True)
class RotoObject:
    """One rotoed thing."""

    name: str
    """The artist's name for it, made unique within its roto."""
    keyframes: tuple[int, ...]
    """Frames on which it is keyed, ascending."""
    evaluate: Callable[[int], list[EvaluatedShape]]
    frames: frozenset[int] | None = None
    """Frames that it can be evaluated at; None: every frame."""
    original: str | None = None
    """The artist's name for it, which another object may have too; None: `name`."""
    hides: Callable[[int], bool] | None = None
    """Says whether the roto makes it absent at a frame, keyed there or not; None: only where `evaluate` gives no shape."""
    own: Callable[[int, int, Sequence[EvaluatedShape]], list[OwnShape]] | None = None
    """Brings shapes that were evaluated at one frame, and moved, into their node's coordinates at another; None: there is no node."""
    unknown: str | None = None
    """Why its shapes cannot be told at any frame, in a few words; None: they can."""

    def at(self, frame: int) -> list[EvaluatedShape]:
        """Give its shapes from bottom to top; none: it is absent."""
        return self.evaluate(frame)

    def absent(self, frame: int) -> bool:
        """Say whether the roto makes it absent at a frame, keyed there or not."""
        return self.hides is not None and self.hides(frame)

    def has(self, frame: int) -> bool:
        """Say whether the roto tells what this object is at a frame."""
        return self.unknown is None and (self.frames is None or frame in self.frames)


@dataclass(frozen=True)
class Roto:
    """A Roto node, or a roto JSON, read."""

    objects: tuple[RotoObject, ...]
    """Objects in the order of the roto's list, the topmost first."""
    format: Format | None
    """Format of the roto; None where the text does not say."""
    warnings: tuple[str, ...]
