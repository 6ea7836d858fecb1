"""Settings that decide what a propagation computes."""

from __future__ import annotations

from dataclasses import dataclass, field

from xmemcore.memory.config import MemoryConfig
from xmemcore.protocol.choices import MODES, ORDERS

XMEM_PLUS_PLUS, XMEM = MODES
OUTWARD, FORWARD = ORDERS


@dataclass(frozen=True)
class EngineConfig:
    """Say which of the papers' variants runs."""

    mode: str = XMEM_PLUS_PLUS
    """`xmem++`: every annotation is permanent. `xmem`: the first one is, later ones are ordinary memory; always forward."""
    order: str = OUTWARD
    """`outward`: one sweep from each side of every gap. `forward`: first frame to last with one memory, as in the papers."""
    temporary_memory: bool = True
    """False: permanent memory alone answers (XMem++, appendix D)."""
    mem_every: int = 5
    """Frames from one memory frame to the next; 5 in the papers."""
    augment: bool = False
    """Whether each annotation also enters in the eleven variants of XMem++, Table 5."""
    augmentations: tuple[str, ...] | None = None
    """Names of single variants; None: all eleven. Used only when `augment` is set."""
    rotation_degrees: float = 45.0
    """Angle of the two rotated variants; 45 in the paper, 30 in the public program."""
    boxes: bool = False
    """Whether each object is decoded where it can be, and is exactly 0 elsewhere; False: in the whole frame, as the papers."""
    second_look: bool = False
    """Whether frames are also looked at in half the size, for what the first look loses; False: not, as the papers."""
    reuse: bool = True
    """Whether a keyframe's value and the sensory state after it are computed once; False: computed each time, for comparison."""
    memory: MemoryConfig = field(default_factory=MemoryConfig)

    @property
    def forward(self) -> bool:
        """Whether one sweep runs from the first frame to the last."""
        return self.order == FORWARD or self.mode == XMEM
