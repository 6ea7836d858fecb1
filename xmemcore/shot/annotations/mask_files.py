"""What mask files of every kind have in common: objects by name, each with a soft mask on the canvas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from xmemcore.protocol.failures import RequestError
from xmemcore.shot.files.box import Box


class MaskFiles(Protocol):
    """The masks of a shot, one file a frame."""

    objects: tuple[str, ...]
    """Names of the objects of all files."""
    warnings: list[str]
    """Sentences about what could not be honoured."""

    def known(self, frame: int) -> frozenset[str]:
        """Name the objects of which a frame's file says something, also the objects that it says are absent."""

    def mask(self, frame: int, name: str) -> np.ndarray:
        """Give a known object's mask, (H, W) float32 of the canvas in [0, 1]; raises RequestError."""


def in_layer_order(names: set[str]) -> tuple[str, ...]:
    """Sort indices by number and all other names after them."""
    return tuple(sorted(names, key=lambda name: (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)))


def require_size(path: Path, width: int, height: int, display: Box) -> None:
    """Raise RequestError unless a mask has the size of the plate's format."""
    if (width, height) != (display.width, display.height):
        raise RequestError(
            f"The mask {path.name} in {path.parent} is {width}x{height}, but the plate's format is {display.width}x{display.height}. "
            "Save masks at the plate's size."
        )


def readable(paths: dict[int, Path], needed: frozenset[int], read: Callable[[int], object]) -> tuple[list[int], list[str]]:
    """Try every file once: one that is needed must be readable, another is left out with a warning.

    Returns:
        Frames that can be read, and sentences about those that cannot.

    Raises:
        RequestError: a needed file cannot be read.
    """
    frames, warnings = [], []
    for frame in paths:
        try:
            read(frame)
        except RequestError as error:
            if frame in needed:
                raise
            warnings.append(f"{error} It is no keyframe of this run and is left out.")
        else:
            frames.append(frame)
    return frames, warnings
