"""What a result was made of, small enough for a hidden knob, and how a later look at the node differs from it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping

from xmem_roto_nuke.node.settings import default_of
from xmem_roto_nuke.staleness.fingerprint import is_same
from xmemcore.protocol.words import listed

FRAME = re.compile(r"-?[0-9]{1,9}")


@dataclass(frozen=True)
class Snapshot:
    """Plate, annotations and settings, each reduced to little."""

    plate: str = ""
    roto: Mapping[str, Mapping[str, List[Any]]] = field(default_factory=dict)
    """Fingerprints by object and frame (as text, since JSON has no other keys)."""
    settings: Mapping[str, Any] = field(default_factory=dict)


def differences(before: Snapshot, now: Snapshot) -> List[str]:
    """Say what changed, one sentence each; nothing when all is as it was."""
    reasons = []
    if before.plate != now.plate:
        reasons.append("The plate has changed.")
    for name in sorted(set(before.roto) | set(now.roto)):
        was, is_now = dict(before.roto.get(name, {})), dict(now.roto.get(name, {}))
        if not was and is_now:
            reasons.append(f"{name} is new.")
        elif was and not is_now:
            reasons.append(f"{name} is gone.")
        else:
            reasons.extend(_object_differences(name, was, is_now))
    changed = [name for name in now.settings if before.settings.get(name, default_of(name)) != now.settings[name]]
    if changed:
        reasons.append(f"Changed settings: {', '.join(changed)}.")
    return reasons


def _object_differences(name: str, was: Dict[str, List[Any]], is_now: Dict[str, List[Any]]) -> List[str]:
    added = [frame for frame in is_now if frame not in was]
    removed = [frame for frame in was if frame not in is_now]
    altered = [frame for frame in is_now if frame in was and not is_same(was[frame], is_now[frame])]
    sentences = []
    for verb, frames in (("has a new key on", added), ("has lost its key on", removed), ("was changed on", altered)):
        if frames:
            in_order = sorted(frames, key=int)
            sentences.append(f"{name} {verb} {listed(in_order, 6)}.")
    return sentences
