"""The record of a run: in the hidden knob of its node, see `last_run`, and beside the mattes for scripts that do not hold it.

Those are a script that a farm propagated, and a version saved before. The script's own record counts for as long as it tells of the same
result; the core's `result.json` says which one that is. The file is the protocol's, see `nuke_record`.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Collection, Dict, List, Mapping, Optional, Set, Tuple

from xmem_roto_nuke.staleness.snapshot import Snapshot, hidden_digest, inputs_digest
from xmemcore.protocol import kinds, nuke_record
from xmemcore.protocol.frames import FrameRange, FrameRangeInvalid
from xmemcore.protocol.names import is_layer_name
from xmemcore.protocol.outside import NotUsable

FRAME = re.compile(r"-?[0-9]{1,9}")
MOST_EARLIER = 8
"""Earlier runs whose inputs a record tells, each of which a look compares; mattes of older ones count as stale, as nobody compares them."""


@dataclass(frozen=True)
class EarlierRun:
    """What mattes were made of that an earlier run left behind."""

    frames: str
    """Range of its frames that no later run was asked for."""
    inputs: str
    """`snapshot.inputs_digest` of it; empty where it is known no more, and the mattes count as stale."""
    plate: str
    """Digest of the plate over `plate_frames`."""
    plate_frames: str
    """Range of the frames that counted: those of the run, and those that taught."""
    hidden: str = ""
    """`snapshot.hidden_digest` of it, over the same frames; empty where it is not known."""


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
    """Seconds that the core took."""
    seconds_per_frame: float
    """Seconds for each computed frame; 0 when no frame was ever computed."""
    computed: int
    """Mattes that were written; the others were up to date."""
    encoded_frames: int
    """Plate frames that were encoded; the others' features were kept."""
    encoded_annotations: int
    """Keyframes that had to be learned; the others' memory was kept."""
    model: str
    stamp: str
    """`stamp` of result.json: another one later means that another run wrote the mattes."""
    node_name: str
    missing: Tuple[int, ...] = ()
    """Frames that were asked for and have no plate, and so no matte."""
    signed: str = ""
    """`mattes_on_disk.signed` of the run's frames, which tells the mattes where result.json is lost; empty in older records."""
    earlier: Tuple[EarlierRun, ...] = ()
    """Runs before this one whose mattes lie at the same place, the last one first."""
    done: Optional[str] = None
    """Range of the frames that a run which is not complete has finished; None while it is at work, or where Nuke went with it."""
    script: str = ""
    """Name of the script's file; versions of one script share mattes. Empty where it was never saved, and in older records."""

    @property
    def counted(self) -> FrameRange:
        """Frames whose plate counts: those that were asked for, and those that taught."""
        return FrameRange.of(sorted({*FrameRange.parse(self.frames), *self.snapshot.taught}))

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
            values["earlier"] = tuple(kinds.of_json(EarlierRun, run) for run in _list(values.get("earlier", ())))
            record = cls(**values)
            for text in (
                record.frames,
                *((record.done,) if record.done else ()),
                *(text for run in record.earlier for text in (run.frames, run.plate_frames)),
            ):
                FrameRange.parse(text)
        except (KeyError, TypeError, AttributeError, FrameRangeInvalid, NotUsable):
            return None
        plain = {name: value for name, value in values.items() if name not in ("snapshot", "objects", "layers")}
        sayable = all(isinstance(name, str) for name in record.objects) and all(map(is_layer_name, record.layers))
        # A layer's name becomes the text of knobs, where brackets would be run.
        return record if sayable and kinds.wrong_kind(cls, plain) is None else None


def left_of(before: Optional[Record], frames: Collection[int]) -> Tuple[EarlierRun, ...]:
    """List the runs whose mattes stay where they are when a run fills other frames.

    Runs of equal inputs and plate are one. What is beyond MOST_EARLIER becomes one entry without inputs at the end.

    Args:
        before: of the last run at the same place; None when there was none.
        frames: that the run fills.
    """
    if before is None:
        return ()
    known: Dict[Tuple[str, str, str, str], Set[int]] = {}
    lost: Set[int] = set()
    filled = set(frames)
    for run in [*_as_earlier(before), *before.earlier]:
        rest = set(FrameRange.parse(run.frames)) - filled
        filled |= rest  # a matte is of the last run that may have made it
        place = (run.inputs, run.plate, run.plate_frames, run.hidden)
        if rest and run.inputs and (place in known or len(known) < MOST_EARLIER):
            known.setdefault(place, set()).update(rest)
        else:
            lost |= rest
    left = [EarlierRun(_text(rest), *place) for place, rest in known.items()]
    return (*left, *([_unknown(_text(lost))] if lost else []))


def _unknown(frames: str) -> EarlierRun:
    return EarlierRun(frames, "", "", frames)


def _as_earlier(record: Record) -> List[EarlierRun]:
    """Give the last run as one before the next: with its own frames, which are all of them, or those that it has finished."""
    digest = inputs_digest(record.snapshot)
    if record.complete or record.done is not None:
        frames = record.frames if record.complete else record.done or ""
        # Nothing is claimed of a run of an earlier version, whose inputs cannot be compared.
        snapshot = record.snapshot
        counted = str(record.counted)
        return [EarlierRun(frames, digest, snapshot.plate, counted, hidden_digest(snapshot.hidden))] if digest and frames else []
    # Nobody knows which of its frames are its own.
    return [_unknown(record.frames)]


def _text(frames: Collection[int]) -> str:
    return str(FrameRange.of(sorted(frames)))


def keep_record(record: Record, node_id: str) -> None:
    """Write a run's record beside its mattes; where that is not possible, other scripts do not find them by themselves."""
    with contextlib.suppress(OSError):
        nuke_record.keep_record(Path(record.out), node_id, record.as_json())


def find_record(pattern: str, node_id: str) -> Optional[Record]:
    """Read the record of a node's mattes; None when there is none, or it is another node's or version's."""
    stored = nuke_record.find_record(Path(pattern), node_id)
    record = None if stored is None else Record.of_json(stored)
    # The machine that made it may have another name for the disk.
    return None if record is None else replace(record, out=pattern)


@dataclass(frozen=True)
class Owner:
    """Who wrote some mattes last."""

    node_id: str
    node_name: str


def owner_of(pattern: str) -> Optional[Owner]:
    """Say which node made these mattes; None when no node is known."""
    node_record = nuke_record.node_record_of(Path(pattern))
    record = None if node_record is None else Record.of_json(node_record.record)
    return None if node_record is None or record is None else Owner(node_record.node_id, record.node_name)


def _snapshot(content: Any) -> Snapshot:
    """Read a snapshot; raises TypeError, AttributeError."""
    snapshot = Snapshot(**content)
    if not isinstance(snapshot.plate, str) or not isinstance(snapshot.settings, dict):
        raise TypeError("no snapshot")
    if snapshot.hidden is not None and not all(isinstance(number, str) for number in snapshot.hidden.values()):
        raise TypeError("no frames")
    for by_frame in snapshot.roto.values():
        for frame, sums in by_frame.items():
            whole, fractions = _list(sums)[:1], sums[1:]
            if not FRAME.fullmatch(frame) or not whole or not all(isinstance(number, (int, float)) for number in fractions):
                raise TypeError("no digest")
    return snapshot


def _list(content: Any) -> Any:
    if not isinstance(content, (list, tuple)):
        raise TypeError("no list")
    return content
