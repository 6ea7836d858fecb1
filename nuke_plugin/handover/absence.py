"""Stretches on which an object is declared absent: the core learns them at both ends and keeps them empty between."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Tuple

from xmemcore.curves import SentRoto
from xmemcore.protocol.absences import Absence
from xmemcore.protocol.frames import FrameRange


def taken_out(roto: SentRoto) -> Tuple[SentRoto, Tuple[str, ...]]:
    """Turn annotations of absence into ranges. An object that has no other annotation keeps them.

    Returns:
        What to send without them, and the ranges as `Absence` writes them.
    """
    keyframes: Dict[str, Tuple[int, ...]] = dict(roto.keyframes)
    annotated: Dict[str, Tuple[int, ...]] = {}
    ranges: List[str] = []
    for name, gone in roto.absent.items():
        left = tuple(frame for frame in keyframes.get(name, ()) if frame not in gone)
        if left:
            keyframes[name] = left
            ranges.append(str(Absence(name, FrameRange.of(gone))))
        else:
            annotated[name] = gone
    return replace(roto, keyframes=keyframes, absent=annotated), tuple(ranges)
