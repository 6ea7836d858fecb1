"""Judge a node without rendering or computing: reduce its inputs as they are now, and compare them with those of its result."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import AbstractSet, Any, Collection, Dict, FrozenSet, List, Mapping, Optional, Sequence, Set, Tuple

from xmem_roto_nuke import host
from xmem_roto_nuke.handover import approvals, pictures, plates
from xmem_roto_nuke.handover.exchange import Annotations, HandedNode, NodeRead
from xmem_roto_nuke.node.settings import counting
from xmem_roto_nuke.roto.states import state_of
from xmem_roto_nuke.staleness import mattes_on_disk
from xmem_roto_nuke.staleness.record import Record
from xmem_roto_nuke.staleness.snapshot import Snapshot, differences, hidden_digest, inputs_digest
from xmem_roto_nuke.words import duration
from xmemcore.protocol.frames import FrameRange
from xmemcore.protocol.words import plural


@dataclass(frozen=True)
class CurrentState:
    """A node as it is."""

    snapshot: Snapshot
    annotations: Annotations
    frames: FrameRange
    """Frames that a propagate would fill."""
    out: str
    """Pattern of the mattes that it would write."""
    approved: Mapping[str, Tuple[int, ...]]
    """Approved frames of each object, which the next run keeps, by today's names."""
    renamed: Optional[Tuple[str, str]]
    """The name that an object had in the last run, and that of now; None where it cannot be told, or nothing was renamed."""
    warnings: Tuple[str, ...]
    """Sentences about the frames and the annotations."""
    plate_ends: Tuple[int, ...] = ()
    """First and last frame of the plate; empty when they are unknown."""


@dataclass(frozen=True)
class FoundMattes:
    """The mattes on disk that count for a verdict."""

    pattern: str
    """Pattern of those that the node puts out; empty when it puts out none."""
    shown: FrozenSet[int]
    """Frames that have a file among them."""
    outdated: FrozenSet[int]
    """Frames whose mattes an earlier run made of other inputs; see `outdated`."""
    whole: FrozenSet[int]
    """Frames that have a matte of any run where the next one writes; empty where no frame is wanted that the last run has not got."""
    stamp: str
    """`mattes_on_disk.stamp_of` the last run; empty when there was none, or its mattes are gone."""
    faults: Sequence[str]
    """Sentences about single mattes; see `mattes_on_disk.faults`."""
    gone: Sequence[int]
    """Frames of the last run that `faults` names because their mattes are gone."""


@dataclass(frozen=True)
class Verdict:
    """The judgement that the status shows."""

    state: str
    """`none`, `fresh` or `stale`."""
    reasons: Tuple[str, ...] = ()
    cost: str = ""
    former: int = 0
    """Number of mattes that are shown and were not checked by the last run."""
    outdated: int = 0
    """Number of those that are known to be of other inputs."""
    lacking: int = 0
    """Number of frames that the node shows without a matte."""


def frames_of(record: Optional[Record]) -> List[int]:
    """List the frames that count for the runs of a record, for which a node that is compared with them has to be read too."""
    if record is None:
        return []
    return sorted({*record.counted, *(frame for run in record.earlier for frame in FrameRange.parse(run.plate_frames))})


def look(read: NodeRead, record: Optional[Record] = None) -> CurrentState:
    """Reduce a node, as it was read, to a snapshot; main thread, renders nothing.

    Args:
        read: an XMemRoto, with `frames_of` the record.
        record: of the run whose frames count; None for those that a propagate would fill. More or fewer wanted now are another matter.

    Raises:
        RequestError: as a propagate would.
    """
    frames = sorted({*read.frames, *read.annotations.keyframes}) if record is None else list(record.counted)
    plate_state = pictures.plate_state(read.plate, frames, read.annotations.keyframes)
    roto_state = _roto_state(read.annotations, _alpha_states(read))
    snapshot = Snapshot(plate_state, roto_state, _counting(read), _hidden(read.annotations, frames))
    ends = plates.ends(read.plate, host.script_range())
    renamed = renamed_since(read, record)
    approved, sentences = approvals.named_today(approvals.listed(read.approved), read.annotations, renamed)
    warnings = (*read.warnings, *sentences)
    return CurrentState(snapshot, read.annotations, read.frames, read.settings.out, approved, renamed, warnings, ends)


def renamed_since(read: NodeRead, record: Optional[Record]) -> Optional[Tuple[str, str]]:
    """Find the object that is called otherwise now than in the last run; see `approvals.renamed`."""
    return None if record is None else approvals.renamed(read.annotations, record.snapshot.roto)


def snapshot_of(read: NodeRead, handed: HandedNode) -> Snapshot:
    """Make the snapshot of what was handed to the core. Changes of the node since then do not count."""
    roto_state = _roto_state(read.annotations, handed.alpha_states)
    hidden = _hidden(read.annotations, {*read.frames, *read.annotations.keyframes})
    return Snapshot(handed.plate_state, roto_state, _counting(read), hidden)


def _counting(read: NodeRead) -> Dict[str, Any]:
    """Give the settings that change mattes, and what is approved, which counts as an annotation; nothing stands for no approval."""
    return {**counting(read.settings, read.colorspace), "approved mattes": approvals.stamp(read.approved) or None}


def uncovered(record: Optional[Record], current: CurrentState) -> List[int]:
    """List the frames that are wanted and were not in the last run."""
    covered = FrameRange.of(()) if record is None else FrameRange.parse(record.frames)
    return [frame for frame in current.frames if frame not in covered]


def lacking(record: Optional[Record], current: CurrentState, shown: Collection[int]) -> List[int]:
    """List the frames that the node shows without a matte: of the plate, wanted ones, and all between. Holes of the plate need none.

    Args:
        record: of the last run; None when there was none.
        current: of `look`.
        shown: frames that have a file among the mattes that the node puts out.
    """
    made, holes = (FrameRange.parse(record.frames), set(record.missing)) if record is not None else ((), set())
    if not shown and not made:
        return []  # that there are no mattes says it all
    reach = [*current.plate_ends, *current.frames, *made, *shown]
    present = set(shown)
    return [frame for frame in range(min(reach), max(reach) + 1) if frame not in present and frame not in holes]


def outdated(record: Optional[Record], read: NodeRead, current: CurrentState) -> Set[int]:
    """List the frames whose mattes an earlier run made of other inputs than those of now, or of ones not known any more; main thread."""
    found: Set[int] = set()
    inputs = inputs_digest(current.snapshot)
    for run in record.earlier if record is not None and inputs else ():
        if run.inputs == inputs:
            frames = list(FrameRange.parse(run.plate_frames))
            same_hidden = run.hidden in ("", hidden_digest(_hidden(current.annotations, frames)))
            if same_hidden and run.plate == pictures.plate_state(read.plate, frames, current.annotations.keyframes):
                continue
        found.update(FrameRange.parse(run.frames))
    return found


def find_mattes(record: Optional[Record], read: NodeRead, current: CurrentState, pattern: str) -> FoundMattes:
    """Find the mattes that count for a verdict; main thread.

    Args:
        record: of the last run; None when there was none.
        read: the node.
        current: of `look`.
        pattern: of the mattes that the node puts out; empty when it puts out none.
    """
    place = next_place(record, current)
    return FoundMattes(
        pattern,
        frozenset(mattes_on_disk.frames(pattern) if pattern else ()),
        frozenset(outdated(record, read, current)),
        frozenset(mattes_on_disk.whole(place) if place and uncovered(record, current) else ()),
        "" if record is None else mattes_on_disk.stamp_of(record),
        () if record is None else mattes_on_disk.faults(record),
        () if record is None else mattes_on_disk.gone(record),
    )


def next_place(record: Optional[Record], current: CurrentState) -> str:
    """Give the pattern that the next run writes to; that of the last run while the node has no place, and empty without either."""
    return current.out or (record.out if record is not None else "")


def judge(record: Optional[Record], current: CurrentState, mattes: FoundMattes) -> Verdict:
    """Compare the last run with the node as it is.

    Args:
        record: of the last run; None when there was none.
        current: of `look`.
        mattes: of `find_mattes`.
    """
    if record is None:
        return _before_the_first_run(current, mattes)
    new, bare = uncovered(record, current), lacking(record, current, mattes.shown)
    changed = [*differences(record.snapshot, current.snapshot), *_lost_or_replaced(record, mattes), *mattes.faults]
    reasons = [*changed, *_left_to_do(record, new, mattes)]
    former = mattes.shown - set(FrameRange.parse(record.frames))
    named = {*new, *mattes.gone}  # among the reasons
    unasked = [frame for frame in bare if frame not in named]
    notes = [*_of_earlier_runs(record, former, mattes.outdated), *_without(unasked)]
    counts = {"former": len(former), "outdated": len(former & mattes.outdated), "lacking": len(bare)}
    if not reasons:
        return Verdict("fresh", tuple(notes), _advice(record, current, former, unasked), **counts)
    # Where only some frames are missing, the others stay as they are.
    to_make = len(new) if new and not changed and record.complete else len(current.frames)
    return Verdict("stale", (*reasons, *notes), _cost(record, current, to_make), **counts)


def _before_the_first_run(current: CurrentState, mattes: FoundMattes) -> Verdict:
    """Judge a node that has no record; its Read may show mattes all the same."""
    bare = lacking(None, current, mattes.shown)
    reasons = (
        "Nothing has been propagated yet.",
        *_kept(uncovered(None, current), mattes),
        *_former(mattes.shown, "were not made by this node"),
        *_without(bare),
    )
    return Verdict("none", reasons, _cost(None, current, len(current.frames)), len(mattes.shown), lacking=len(bare))


def _lost_or_replaced(record: Record, mattes: FoundMattes) -> List[str]:
    """Say that the mattes are no more those of the last run."""
    # Nothing says what a run has written that is at work, or with which Nuke went: its end would have.
    unheard = not record.complete and record.done is None
    if mattes.stamp or (unheard and mattes.shown):
        return ["Another run has written the mattes since."] if mattes.stamp != record.stamp and not unheard else []
    folder = os.path.dirname(record.out)
    if mattes.shown:
        return [f"result.json is gone from {folder}, and the mattes there are not all of the last run."]
    return [f"The mattes are no longer at {folder}."]


def _left_to_do(record: Record, new: Sequence[int], mattes: FoundMattes) -> List[str]:
    """Say what the last run has not done of what is wanted.

    Args:
        record: of the last run.
        new: of `uncovered`.
        mattes: of `find_mattes`.
    """
    unfinished = [] if record.complete else ["The last run did not finish; the next one goes on from there."]
    return [*_without([frame for frame in new if frame not in mattes.whole]), *_kept(new, mattes), *unfinished]


def _kept(new: Sequence[int], mattes: FoundMattes) -> List[str]:
    """Say which of the frames that no run of the node has filled have a matte all the same."""
    there = [frame for frame in new if frame in mattes.whole]
    if not there:
        return []
    return [f"An earlier run's mattes of {FrameRange.of(there)} are on disk; the next run keeps those that hold."]


def _of_earlier_runs(record: Record, former: AbstractSet[int], outdated: AbstractSet[int]) -> List[str]:
    """Name the mattes that show and are not of the last run: those that may hold, those that are stale, and those that nobody knows."""
    forgotten = {frame for run in record.earlier if not run.inputs for frame in FrameRange.parse(run.frames)}
    return [
        *_former(former - outdated, "are of earlier runs"),
        *_former((former & outdated) - forgotten, "are of earlier runs with other shapes, settings or plate"),
        *_former(former & outdated & forgotten, "are of earlier runs of unknown inputs, which counts as stale"),
    ]


def _advice(record: Record, current: CurrentState, former: Collection[int], unasked: Collection[int]) -> str:
    """Say what the next run would do although the last one holds; empty where there is nothing to do."""
    if current.out and current.out != record.out:
        return f"The next run writes to {current.out}."
    if former:
        return "Propagate with their frames in the range tells whether they hold, and makes those again that do not."
    return "Propagate with these frames in the range makes their mattes." if unasked else ""


def _without(frames: Sequence[int]) -> List[str]:
    """Name frames that have no matte; [] when there are none."""
    return [f"Frames without a matte: {FrameRange.of(frames)}."] if frames else []


def _former(frames: Collection[int], fact: str) -> List[str]:
    """Name mattes that are shown although no run of the node checked them; [] when there are none."""
    if not frames:
        return []
    named = str(FrameRange.of(sorted(frames)))
    if len(frames) == 1:
        return [f"The matte of {named} shows too; it {fact.replace('are', 'is', 1).replace('were', 'was', 1)}."]
    return [f"The mattes of {named} show too; they {fact}."]


def _cost(record: Optional[Record], current: CurrentState, count: int) -> str:
    """Estimate a run over so many frames from the last one; the core reuses what it can, so this is the most it takes."""
    keys = len(current.annotations.keyframes)
    text = f"Next run: at most {plural(count, 'frame')} from {plural(keys, 'keyframe')}"
    if record is None or record.seconds_per_frame <= 0:
        return text + "; how long is known after the first run."
    return text + f", about {duration(count * record.seconds_per_frame)}."


def _alpha_states(read: NodeRead) -> Dict[int, str]:
    """Digest what the input's alpha would be rendered from, where it is the annotation."""
    if read.alpha is None:
        return {}
    tree = plates.tree_above(read.alpha)
    return {frame: tree.at(frame) for frame in read.annotations.keyframes if frame not in read.absent}


def _roto_state(annotations: Annotations, alpha: Mapping[int, str]) -> Dict[str, Dict[str, List[Any]]]:
    """Reduce each annotation, so that a later look can say which one changed."""
    if annotations.sent is not None:
        return annotations.sent.states
    # A frame without a digest is one on which the object is absent.
    return {name: {str(frame): state_of(alpha.get(frame, "absent")) for frame in frames} for name, frames in annotations.frames.items()}


def _hidden(annotations: Annotations, frames: Collection[int]) -> Dict[str, str]:
    """Give those of some frames on which each object's shapes do not show; there they are absent, keyed or not."""
    if annotations.sent is None:
        return {}
    counted = set(frames)
    gone = {name: [frame for frame in FrameRange.parse(text) if frame in counted] for name, text in annotations.sent.hidden.items()}
    return {name: str(FrameRange.of(on)) for name, on in gone.items() if on}


def keyframe_lines(annotations: Annotations) -> List[str]:
    """Write the list of keyframes, one line an object, and what was said of objects that are gone."""
    return [
        *(_keyframe_line(name, frames, annotations.absent.get(name, ())) for name, frames in annotations.frames.items()),
        *annotations.notes,
    ]


def _keyframe_line(name: str, frames: List[int], absent: Collection[int]) -> str:
    keyed = _compact([frame for frame in frames if frame not in absent])
    return f"{name}: {keyed}" + (f"; not in {FrameRange.of(sorted(absent))}" if absent else "")


def _compact(frames: List[int]) -> str:
    return str(FrameRange.of(frames)) if frames else "none"
