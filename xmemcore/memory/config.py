"""How much is remembered, with the papers' names beside ours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MemoryConfig:
    """Bound what a sweep remembers beside the annotations."""

    top_k: int = 30
    """Elements that answer one query position."""
    min_working_frames: int = 5
    """Newest frames that consolidation leaves in full detail; T_min in XMem."""
    max_working_frames: int = 10
    """Frames at which consolidation begins, more than `min_working_frames`; T_max in XMem."""
    prototypes: int = 128
    """Elements that one consolidation adds to long-term memory; P in XMem."""
    max_long_term_elements: int = 10_000
    """Long-term elements that are never exceeded; LT_max in XMem."""
    dense: bool = False
    """Compute the whole (N, Q) affinity, as the papers describe it; slower, for comparison."""
