"""Plates of PNG, TIFF, JPEG and film scans: their headers and their pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from xmemcore.protocol.failures import RequestError
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.file_kinds import kind_of_content
from xmemcore.shot.files.pictures import KINDS, look, read_stored
from xmemcore.shot.plate.reader import FrameHeader


class PicturePlates:
    """Read picture frames; see PlateReader."""

    def recognises(self, content: bytes) -> bool:
        """Say whether these first bytes are those of such a picture."""
        return kind_of_content(content) in KINDS

    def header(self, path: Path, view: str | None) -> FrameHeader:
        """Read a frame's header; raises RequestError."""
        if view is not None:
            raise RequestError(f"{path.name} holds one view only, and {view!r} was asked for. Leave --view out, or name it with %V.")
        kind, header, hint = look(path)
        notes = list(header.notes)
        if header.orientation != 1:
            notes.append(
                f"The pictures of the plate are marked as turned (orientation {header.orientation}); they are used as their pixels are "
                "stored. If Nuke shows them otherwise, render them there."
            )
        box = Box(0, 0, header.width, header.height)
        usual = None if kind == "Cineon" else "linear" if header.floats else "srgb"
        return FrameHeader(box, box, header.pixel_aspect, usual, None, tuple(notes), hint)

    def read(self, path: Path, view: str | None) -> tuple[list[np.ndarray], Box]:
        """Read red, green and blue, and where they are; raises RequestError."""
        pixels = read_stored(path).pixels
        # A grey picture is three times the same.
        return [pixels[..., place % pixels.shape[2]] for place in range(3)], Box(0, 0, pixels.shape[1], pixels.shape[0])
