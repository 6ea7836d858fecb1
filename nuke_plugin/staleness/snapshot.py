"""A snapshot of a result's inputs, small enough for a hidden knob, and its differences from a later one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Set

from xmem_roto_nuke.node.settings import default_of
from xmem_roto_nuke.roto.states import ABSENT
from xmemcore.protocol.words import listed

EARLIER_VERSION = "Whether the roto has changed cannot be told from a run of an earlier version: Propagate compares, and keeps what holds."


@dataclass(frozen=True)
class Snapshot:
    """Digests of plate and annotations, and the settings."""

    plate: str = ""
    roto: Mapping[str, Mapping[str, List[Any]]] = field(default_factory=dict)
    """Digests by object and frame (as text, since JSON has no other keys)."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    hidden: Optional[Mapping[str, str]] = None
    """Frames among those that count on which an object's shapes did not show, by object; None in records of earlier versions."""

    @property
    def taught(self) -> Set[int]:
        """Frames that the core learns from; they may lie outside of those that are filled."""
        return {int(frame) for by_frame in self.roto.values() for frame in by_frame}


def inputs_digest(snapshot: Snapshot) -> str:
    """Reduce shapes and settings to a text, equal where `differences` finds none among them; empty for a run of an earlier version.

    The plate is left out, since its digest is of the run's own frames, and so is what is hidden, see `hidden_digest`.
    """
    if any(len(state) > 1 for by_frame in snapshot.roto.values() for state in by_frame.values()):
        return ""
    settings = {name: value for name, value in snapshot.settings.items() if value != default_of(name)}
    content = json.dumps([snapshot.roto, settings], sort_keys=True, default=str)
    return hashlib.sha1(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def hidden_digest(hidden: Optional[Mapping[str, str]]) -> str:
    """Reduce what is hidden to a text; empty where it is not known."""
    return "" if hidden is None else hashlib.sha1(json.dumps(hidden, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def differences(before: Snapshot, now: Snapshot) -> List[str]:
    """Write what changed, in a sentence each."""
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
    if before.hidden is not None and now.hidden is not None:
        for name in sorted(set(before.roto) & set(now.roto)):
            if before.hidden.get(name, "") != now.hidden.get(name, ""):
                reasons.append(f"{name} is hidden on {now.hidden.get(name, 'no frame')}, and was on {before.hidden.get(name, 'none')}.")
    if any(_is_of_earlier_version(before.roto[name], now.roto[name]) for name in set(before.roto) & set(now.roto)):
        reasons.append(EARLIER_VERSION)
    changed = [name for name in now.settings if before.settings.get(name, default_of(name)) != now.settings[name]]
    if changed:
        reasons.append(f"Changed settings: {', '.join(changed)}.")
    return reasons


def _is_of_earlier_version(was: Mapping[str, List[Any]], is_now: Mapping[str, List[Any]]) -> bool:
    """Say whether the digests are of two kinds: until 0.3.0, some sums stood beside them."""
    return any(len(was[frame]) != len(is_now[frame]) for frame in is_now if frame in was)


def _object_differences(name: str, was: Dict[str, List[Any]], is_now: Dict[str, List[Any]]) -> List[str]:
    gone = [frame for frame in is_now if is_now[frame] in ABSENT and was.get(frame) != is_now[frame]]
    added = [frame for frame in is_now if frame not in was and frame not in gone]
    removed = [frame for frame in was if frame not in is_now]
    altered = [
        frame
        for frame in is_now
        if frame in was and frame not in gone and len(was[frame]) == len(is_now[frame]) and was[frame] != is_now[frame]
    ]
    back = [frame for frame in removed if was[frame] in ABSENT]
    lost = [frame for frame in removed if frame not in back]
    sentences = []
    for verb, frames in (
        ("has a new key on", added),
        ("has lost its key on", lost),
        ("was changed on", altered),
        ("is now said to be absent on", gone),
        ("is no longer said to be absent on", back),
    ):
        if frames:
            in_order = sorted(frames, key=int)
            sentences.append(f"{name} {verb} {listed(in_order, 6)}.")
    return sentences
