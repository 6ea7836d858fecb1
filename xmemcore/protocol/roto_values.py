"""What the numbers of a shape's attributes mean in Nuke, and the words for them in the roto JSON that plugin and core share."""

from __future__ import annotations

BLENDING = (
    "over", "max", "multiply", "color-burn", "min", "screen", "color-dodge", "plus", "overlay", "soft-light", "hard-light",
    "from", "minus", "difference", "exclusion",
)  # fmt: skip
"""Values of the attribute `bm`, in order."""

FEATHER_TYPES = ("linear", "smooth0", "smooth1", "smooth")
"""Values of the attribute `ft`, in order."""

ALL_FRAMES, TO_FRAME, ONE_FRAME, FROM_FRAME, FRAME_RANGE = range(5)
"""Values of the attribute `ltt`, the lifetime."""
