"""What a result was made of, small enough for a hidden knob, and how a later look at the node differs from it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Tuple

from xmem_roto_nuke.node.settings import default_of
from xmem_roto_nuke.staleness.fingerprint import is_same
from xmemcore.protocol.frames import FrameRange, FrameRangeInvalid
from xmemcore.protocol.kinds import wrong_kind
from xmemcore.protocol.names import is_layer_name
from xmemcore.protocol.words import listed

FRAME = re.compile(r"-?[0-9]{1,9}")


@dataclass(frozen=True)
class Snapshot:
    """Plate, annotations and settings, each reduced to little."""

    plate: str = ""
    roto: Mapping[str, Mapping[str, List[Any]]] = field(default_factory=dict)
    """Fingerprints by object and frame (as text, since JSON has no other keys)."""
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """The last run of a node."""

    snapshot: Snapshot
    out: str
    """Pattern of the mattes."""
    first: int
    last: int
    frames: str
    """Range that was asked for."""
    complete: bool
    """False when the run was cancelled or failed."""
    objects: Tuple[str, ...]
    layers: Tuple[str, ...]
    seconds: float
    """That the core took."""
    seconds_per_frame: float
    """Of frames that were computed; 0 when none ever was."""
    computed: int
    """Mattes that were written; the others were up to date."""
    encoded_frames: int
    """Plate frames that the network had to look at; the others' features were kept."""
    encoded_annotations: int
    """Keyframes that had to be learned; the others' memory was kept."""
    model: str
    stamp: str
    """Of what result.json tells of the mattes: another stamp, and somebody else has written them."""
    node_name: str
    missing: Tuple[int, ...] = ()
    """Frames that were asked for and have no plate, and so no matte."""

    def as_json(self) -> Dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> Optional[Record]:
        """Read a record; None when there is none, one of another version, or one that is damaged or made up."""
        try:
            values = dict(content)
            values["snapshot"] = _snapshot(values["snapshot"])
            for name in ("objects", "layers", "missing"):
                values[name] = tuple(_list(values.get(name, ())))
            record = cls(**values)
            FrameRange.parse(record.frames)
        except (KeyError, TypeError, AttributeError, FrameRangeInvalid):
            return None
        kinds = {name: value for name, value in values.items() if name not in ("snapshot", "objects", "layers")}
        sayable = all(isinstance(name, str) for name in record.objects) and all(map(is_layer_name, record.layers))
        # A layer's name becomes the text of knobs, where brackets would be run.
        return record if sayable and wrong_kind(cls, kinds) is None else None


def _snapshot(content: Any) -> Snapshot:
    """Read a snapshot; raises TypeError, AttributeError."""
    snapshot = Snapshot(**content)
    if not isinstance(snapshot.plate, str) or not isinstance(snapshot.settings, dict):
        raise TypeError("no snapshot")
    for by_frame in snapshot.roto.values():
        for frame, sums in by_frame.items():
            whole, fractions = _list(sums)[:1], sums[1:]
            if not FRAME.fullmatch(frame) or not whole or not all(isinstance(one, (int, float)) for one in fractions):
                raise TypeError("no fingerprint")
    return snapshot


def _list(content: Any) -> Any:
    if not isinstance(content, (list, tuple)):
        raise TypeError("no list")
    return content


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
