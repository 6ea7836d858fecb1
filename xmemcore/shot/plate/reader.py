"""The interface of a plate reader: a frame's header, and its red, green and blue."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from xmemcore.shot.files.box import Box


@dataclass(frozen=True)
class FrameHeader:
    """The header of one frame."""

    display: Box
    """The format."""
    window: Box
    """The data window: the pixels that are stored."""
    pixel_aspect: float
    colorspace: str | None
    """Usual colour space of such files; None: the artist must name one, and `colour_hint` says why."""
    view: str | None = None
    """The view or part that is read, the same in all frames."""
    notes: tuple[str, ...] = ()
    """Sentences about choices that were made."""
    colour_hint: str | None = None
    """Why that colour space may be wrong; unused once the artist has named one."""
    layer: str = ""
    """The layer that is read; empty: the plain channels."""


class PlateReader(Protocol):
    """One kind of file. Reading is safe from several threads."""

    def recognises(self, content: bytes) -> bool:
        """Say whether these first bytes are those of this kind of file."""

    def header(self, path: Path, view: str | None) -> FrameHeader:
        """Read the header of a frame, of one view where there are several; raises RequestError."""

    def read(self, path: Path, view: str | None) -> tuple[list[np.ndarray], Box]:
        """Read red, green and blue, (h, w) float each or whole numbers in [0, 1], and where they are; raises RequestError."""
