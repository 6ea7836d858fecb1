"""What the knobs said when the button was pressed, frozen: nothing an artist changes later reaches a run under way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

SHAPES = "each shape or layer"
UNION = "union of all shapes"
ALPHA = "alpha of the input"
ROTO_INPUTS = (SHAPES, UNION, ALPHA)

FROM_SCRIPT = "from the script"


@dataclass(frozen=True)
class Settings:
    """One XMemRoto node's knobs and what of the script goes with them."""

    node_name: str
    """Full name, for what the artist reads; never a key."""
    roto_input: str
    """One of ROTO_INPUTS."""
    frame_range: str
    """Empty: every frame of the plate."""
    model: Optional[str]
    """None: the default model."""
    device: str
    size: int
    colorspace: str
    """FROM_SCRIPT or a name that the core knows."""
    order: str
    temporary_memory: bool
    augment: bool
    confidence: bool
    out: str
    """Absolute pattern of the mattes, with forward slashes; empty when there is no place for them yet."""
    count: int
    alpha: float
    suggest_object: Optional[str]
    """None: the union of all."""
    viewer_frame: int
    cache: Optional[str]
    """None: where the core keeps it by itself."""
