"""The artist's roto as the host itself renders it: the union that comes back on keyframes, and a check of our own raster.

Nuke hands over its own alpha on frames where every object is keyed. It is what the artist sees, so it is what they get back,
and every session thereby compares our rasteriser with Nuke's.
"""

from __future__ import annotations

import numpy as np

from xmemcore.shot.files import exr
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.sequence import Sequence
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.store.cache import digest

TOLERATED_DIFFERENCE = 0.02
"""Difference of one pixel that is tolerated: two good antialiasing filters differ by that much along an edge."""
HALF_MAX = 65504.0
TOLERATED_SHARE = 0.001
"""Share of the box around both mattes in which pixels may differ by more."""


class HostAlpha:
    """The host's renders, by frame."""

    def __init__(self, pattern: str, canvas: Canvas) -> None:
        """Find the files of an EXR pattern; raises SequenceNotFound."""
        self._sequence = Sequence.find(pattern, "roto alpha")
        self._canvas = canvas
        self._cleaned: dict[int, int] = {}

    @property
    def frames(self) -> frozenset[int]:
        """Frames that the host rendered."""
        return frozenset(self._sequence.frames)

    def read(self, frame: int) -> np.ndarray:
        """Give (H, W) of the canvas, float32, the very numbers that the host wrote, with 0 for what is none; raises RequestError."""
        header = exr.read_header(self._sequence.path(frame))
        part = next((part for part in header.parts if "A" in part.channels), None)
        if part is None:
            # The host writes no channel that is 0 everywhere: the objects are all absent.
            return np.zeros((self._canvas.height, self._canvas.width), np.float32)
        image = exr.read_channels(header, part, ["A"])
        alpha = image.channels["A"].astype(np.float32)
        usable = np.isfinite(alpha)
        self._cleaned[frame] = int(alpha.size - usable.sum())
        # A matte is written in half precision.
        alpha = np.where(usable, np.clip(alpha, -HALF_MAX, HALF_MAX), 0)
        return self._canvas.placed(alpha, image.data_window)

    def unusable(self, frame: int) -> str | None:
        """Say of a frame that was read that some of its values are no numbers; None where all are."""
        count = self._cleaned.get(frame, 0)
        return (
            f"Nuke's alpha of frame {frame} has {count} values that are no numbers; they count as 0. Look at the roto there."
            if count
            else None
        )

    def signature(self, frame: int) -> str:
        """Hash a frame's render; changes when it does."""
        return digest(self.read(frame).tobytes())


def difference(rendered: np.ndarray, rasterised: np.ndarray, canvas: Canvas, frame: int) -> str | None:
    """Say where our raster departs from the host's, in one sentence; None where it does not.

    Args:
        rendered: (H, W) in [0, 1], by the host.
        rasterised: the same, by our rasteriser.
        canvas: where the pixels are.
        frame: for the sentence.
    """
    apart = np.abs(rendered - rasterised)
    box = _box_around(np.maximum(rendered, rasterised) > 0)
    wrong = apart > TOLERATED_DIFFERENCE
    count = int(wrong.sum())
    if box is None or count <= TOLERATED_SHARE * box.width * box.height:
        return None
    where = _box_around(wrong)
    assert where is not None
    # The artist counts y upwards from the bottom of the format.
    left, bottom = where.x0 + canvas.box.x0 - canvas.display.x0, canvas.display.y1 - (where.y1 + canvas.box.y0)
    return (
        f"On frame {frame} our raster of the roto differs from Nuke's on {count} pixels, by up to {apart.max():.2f}, in the box "
        f"x {left} y {bottom} to r {left + where.width} t {bottom + where.height}. Nuke's comes back as the union; "
        "please report the shape that lies there."
    )


def _box_around(mask: np.ndarray) -> Box | None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
