"""What every kind of plate file gives: a frame's header, and its red, green and blue."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from xmemcore.shot.files.box import Box


@dataclass(frozen=True)
class FrameHeader:
    """What one frame says of itself."""

    display: Box
    """The format."""
    window: Box
    """Where pixels are stored."""
    pixel_aspect: float
    colorspace: str | None
    """In which such files usually are; None: the artist must say, and `colour_hint` says why."""
    view: str | None = None
    """Which of several views, or parts, is read: the same one in all frames."""
    notes: tuple[str, ...] = ()
    """What was chosen, in sentences."""
    colour_hint: str | None = None
    """What speaks against that colour space; of no interest once the artist has named one."""
    layer: str = ""
    """Which layer is read; empty: the plain channels."""


class PlateReader(Protocol):
    """One kind of file. Reading is safe from several threads."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """In lower case, with their dot."""

    def recognises(self, content: bytes) -> bool:
        """Say whether a file that begins so is of this kind."""

    def header(self, path: Path, view: str | None) -> FrameHeader:
        """Read what a frame says of itself, of one view where there are several; raises RequestError."""

    def read(self, path: Path, view: str | None) -> tuple[list[np.ndarray], Box]:
        """Read red, green and blue, (h, w) float each or whole numbers in [0, 1], and where they are; raises RequestError."""
