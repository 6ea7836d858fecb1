"""Show mattes in the node: point its inner Read at them, and reload it as frames arrive, at most once a second.

Nothing that a run writes into the node is in Undo, because Ctrl+Z must take back the artist's last edit.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Callable, Collection, List, Optional, Sequence, Set, Tuple

from xmem_roto_nuke import host
from xmem_roto_nuke.handover import plates
from xmem_roto_nuke.node import body, identity, knobs
from xmem_roto_nuke.node.knobs import path_of, result_read, shown_pattern
from xmem_roto_nuke.panel import curves, picked, views
from xmem_roto_nuke.staleness import mattes_on_disk
from xmem_roto_nuke.staleness.last_run import last_record, write_record
from xmem_roto_nuke.staleness.record import Record, find_record
from xmemcore.protocol.choices import AFTER_GAPS, LIVE
from xmemcore.protocol.failures import Failure, RequestError
from xmemcore.protocol.frames import FrameRange

if TYPE_CHECKING:
    import nuke

LOOK_EVERY_SECONDS = 1.0


@host.unrecorded()
def show(node: nuke.Node, pattern: str, frames: FrameRange, holes: Sequence[int] = (), kept: str = "") -> None:
    """Let the node put out these mattes, and all others of the sequence that are on disk; main thread.

    The node's passes follow: those that read its former place, and those made before its range grew. A range that an artist set on a pass
    stays. Where Python may not look for passes, the status says that they did not.

    Args:
        node: an XMemRoto.
        pattern: of the mattes.
        frames: that have a matte, or get one now.
        holes: frames without a plate, which need no matte.
        kept: the pattern with the script's variables in it, so that each shot shows its own mattes; empty: as the node's place is now.
    """
    kept = kept or _kept_of(node, pattern)
    read, former, before = result_read(node), shown_pattern(node), shown_range(node)
    follows = host.set_path(read["file"], pattern, kept)
    reach = [*mattes_on_disk.frames(pattern), *frames, *_plate_ends(node)]
    first, last = min(reach), max(reach)
    if node.knob("range_of") is not None:
        host.note_path(node["range_of"], pattern if follows else "")
    _set_range(node, (first, last), follows)
    mark_holes(node, holes)
    node["has_result"].setValue(True)
    if pattern != former:
        picked.forget_marks(node)
    for made_of_it in host.passes_of(node, identity.node_id(node)):
        host.name_node(made_of_it, node)
        if path_of(made_of_it, "mattes") in (pattern, former):
            if path_of(made_of_it, "mattes") != pattern:
                picked.forget_marks(made_of_it)
            point(made_of_it, pattern, kept, (first, last), unless_set=before)
            mark_holes(made_of_it, holes)
    if former and (former, before) != (pattern, (first, last)):
        picked.leave_behind(node, pattern, (first, last))
    reload(node)


@host.unrecorded()
def cover(node: nuke.Node) -> None:
    """Let the Read and the passes cover every frame that has a matte or wants one now; main thread.

    Outside of its range a Read is black without an error, and the plate or the frame range may have grown since the last run. What an
    artist set there stays. A hole is black too, until its plate is there. In a terminal an approved version renders what it rendered: there
    only frames count that want a matte, and no range gets smaller.
    """
    pattern = shown_pattern(node)
    if not pattern:
        return
    known = last_record(node)
    made = FrameRange.parse(known.frames) if known is not None and known.out == pattern else ()
    wanted, certain = _wanted(node)
    if host.has_interface():
        reach = [*mattes_on_disk.frames(pattern), *made, *wanted]
    else:
        reach, certain = wanted, False
    of_node = shown_range(node)
    if knobs.keeps_range(node, pattern):
        before = of_node
        frames = _ends([*reach, *(() if certain else before)])
        if frames != before and host.still_says(result_read(node), ("first", "last"), _written_range(node, before)):
            _set_range(node, frames, knobs.follows_shots(node))
            picked.leave_behind(node, pattern, frames)
    for made_of_it in host.passes_of(node, identity.node_id(node)):
        host.name_node(made_of_it, node)
        if path_of(made_of_it, "mattes") == pattern and knobs.keeps_range(made_of_it, pattern):
            before = (int(made_of_it["first"].value()), int(made_of_it["last"].value()))
            frames = _ends([*reach, *(() if certain else before)])
            if frames != before and _has_our_range(made_of_it, of_node):
                _set_range_of_pass(made_of_it, frames, knobs.follows_shots(made_of_it))
    if known is not None and known.out == pattern and knobs.keeps_range(node, pattern) and host.has_interface():
        _fill_holes(node, known)


def _fill_holes(node: nuke.Node, known: Record) -> None:
    """Let frames whose plate has arrived since the run be holes no more: they want a matte, and are missing without one."""
    try:
        holes = tuple(plates.still_holes(identity.plate_input(node), known.missing)) if known.missing else ()
    except Failure:
        return  # nothing is known of a plate that is not connected
    if holes == known.missing:
        return
    write_record(node, replace(known, missing=holes))
    mark_holes(node, holes)
    for made_of_it in host.passes_of(node, identity.node_id(node)):
        if path_of(made_of_it, "mattes") == known.out:
            mark_holes(made_of_it, holes)


def _ends(frames: Sequence[int]) -> Tuple[int, int]:
    return min(frames), max(frames)


def _wanted(node: nuke.Node) -> Tuple[List[int], bool]:
    """Give the plate's ends and those of the frames that a propagate would fill, and whether the plate told them, so that no more count."""
    try:
        plate = identity.plate_input(node)
    except Failure:
        return [], False
    wanted = list(plates.ends(plate, host.script_range()))
    # A still tells one frame, and so does a plate that cannot be read.
    certain = len(set(wanted)) > 1
    try:
        asked = plates.frame_range(knobs.read_settings(node).frame_range, plate, host.script_range())
        plates.beyond(asked, plate)
        wanted += [min(asked), max(asked)]
    except Failure:
        pass  # no range, or a slip: a propagate would refuse it
    return wanted, certain


def point(pass_node: nuke.Node, pattern: str, kept: str, frames: Tuple[int, int], unless_set: Optional[Tuple[int, int]] = None) -> None:
    """Let an XMemPass read these mattes, of these frames; paths as in `show`.

    Args:
        pass_node: an XMemPass.
        pattern: of the mattes.
        kept: the same with variables.
        frames: first and last.
        unless_set: the node's former range, by which a range is told that an artist set on the pass, and which stays; None for a new pass.
    """
    is_ours = unless_set is None or _has_our_range(pass_node, unless_set)
    follows = host.set_path(pass_node["mattes"], pattern, kept)
    if pass_node.knob("range_of") is not None:
        host.note_path(pass_node["range_of"], pattern if follows else "")
    if is_ours:
        _set_range_of_pass(pass_node, frames, follows)


def _set_range(node: nuke.Node, frames: Tuple[int, int], follows: bool) -> None:
    """Write the range of a node's Read; where its path follows the script's variables, the range counts for the current shot alone."""
    names = ("first", "last", "origfirst", "origlast")
    host.set_ranges(result_read(node), names, frames, _counts("file", "parent.", node) if follows else "")
    _note_range(node, frames)


def _set_range_of_pass(pass_node: nuke.Node, frames: Tuple[int, int], follows: bool) -> None:
    host.set_ranges(pass_node, ("first", "last"), frames, _counts("mattes", "", pass_node) if follows else "")
    _note_range(pass_node, frames)


def _note_range(node: nuke.Node, frames: Tuple[int, int]) -> None:
    """Remember the range that was written, so that one that an artist set instead is told from it."""
    knob = node.knob(body.RANGE_SET)
    if knob is not None:  # a node of an earlier version has none
        knob.setValue(f"{frames[0]} {frames[1]}")


def _written_range(node: nuke.Node, otherwise: Tuple[int, int]) -> Tuple[int, int]:
    """Give the range that was last written into a node or a pass; where it remembers none, another one."""
    knob = node.knob(body.RANGE_SET)
    found = re.fullmatch(r"(-?\d+) (-?\d+)", "" if knob is None else str(knob.value()))
    return otherwise if found is None else (int(found[1]), int(found[2]))


def _has_our_range(pass_node: nuke.Node, of_node: Tuple[int, int]) -> bool:
    """Say whether a pass has the range that was written into it; one that remembers none was given that of its node."""
    return host.still_says(pass_node, ("first", "last"), _written_range(pass_node, of_node))


def _counts(path: str, above: str, node: nuke.Node) -> str:
    """Write an expression of stock Nuke that is 1 for the shot whose range the node keeps; a node without the knob for it knows none."""
    return f"[string equal [value {path}] [value {above}range_of]]" if node.knob("range_of") is not None else "0"


def _kept_of(node: nuke.Node, pattern: str) -> str:
    """Write the pattern with variables where it is the node's place; another one, such as of the script before, stays as it is."""
    try:
        return knobs.kept_pattern(node) if knobs.matte_pattern(node) == pattern else ""
    except RequestError:
        return ""


def shown_range(node: nuke.Node) -> Tuple[int, int]:
    """Give first and last frame that the node puts out mattes for, as far as there are any."""
    read = result_read(node)
    return int(read["first"].value()), int(read["last"].value())


def _plate_ends(node: nuke.Node) -> List[int]:
    """Give first and last frame of the plate; empty when they are unknown."""
    try:
        return list(plates.ends(identity.plate_input(node), host.script_range()))
    except Failure:
        return []


def mark_holes(node: nuke.Node, holes: Sequence[int]) -> None:
    """Mark the frames that need no matte."""
    if node.knob("hole") is not None:  # a node of an earlier version has none
        host.mark_frames(node["hole"], holes)


@host.unrecorded()
def reload(node: nuke.Node) -> None:
    """Let Nuke read the files again; main thread."""
    result_read(node)["reload"].execute()  # type: ignore[attr-defined]


@host.unrecorded()
def take_up(node: nuke.Node) -> None:
    """Show what was propagated for this node elsewhere: on a farm, by the command line, in another version of the script; main thread.

    Mattes without a record of the plugin are shown as well; only the core can tell what they were made of.
    """
    try:
        pattern = knobs.matte_pattern(node)
    except RequestError:
        return  # no place for mattes, so there are none
    stored, known = find_record(pattern, identity.node_id(node)), last_record(node)
    # After a change of the shot the Read shows the new one's mattes by itself; their range, tints and curves are still to come.
    # The Read of an earlier version kept no variable.
    follows = knobs.follows_shots(node)
    elsewhere = host.kept_path(node["range_of"]) != pattern if follows else knobs.kept_pattern(node) != pattern
    if stored is not None and stored.stamp == mattes_on_disk.stamp(pattern):
        if elsewhere or known is None or (known.out, known.stamp) != (stored.out, stored.stamp):
            _show_run(node, pattern, stored)
            return
    on_disk = sorted(mattes_on_disk.whole(pattern))
    if not on_disk or (known is not None and known.out != pattern):
        return  # nothing, or the node was pointed elsewhere: the next run goes there
    first, last = shown_range(node)
    if elsewhere or shown_pattern(node) != pattern or on_disk[0] < first or on_disk[-1] > last:
        show(node, pattern, FrameRange.of(on_disk), () if known is None else known.missing)


def show_place(node: nuke.Node, pattern: str) -> None:
    """Show the mattes at a place, with the record of the run that made them; where there are none, the node shows what it showed."""
    record = find_record(pattern, identity.node_id(node))
    on_disk = sorted(mattes_on_disk.frames(pattern))
    if not on_disk:
        return
    with host.unrecorded():
        if record is None:
            identity.write_hidden(node, "record", {})
            show(node, pattern, FrameRange.of(on_disk))
            views.follow(node, ())
            curves.remove(node)
        else:
            _show_run(node, pattern, record)


def _show_run(node: nuke.Node, pattern: str, record: Record) -> None:
    """Show the mattes of a run, and keep what is known of it: its record, its objects' tints, the curves of its frames."""
    former = last_record(node)
    show(node, pattern, FrameRange.parse(record.frames), record.missing)
    write_record(node, record)
    views.follow(node, record.layers)
    curves.follow(node, record)
    picked.follow(node, former)


@host.unrecorded()
def put_back(node: nuke.Node) -> None:
    """Give a node the curves and holes that its own record tells, after a preset laid another node's over them."""
    record = last_record(node)
    if record is None:
        curves.remove(node)
        mark_holes(node, ())
    else:
        curves.follow(node, record)
        mark_holes(node, record.missing)


@host.unrecorded()
def forget(node: nuke.Node) -> None:
    """Let the node put out the plate alone when its inner Read names no mattes, whatever its knobs say."""
    node["has_result"].setValue(bool(path_of(result_read(node), "file")))


def gaps_of(frames: Sequence[int], keyframes: Sequence[int]) -> List[List[int]]:
    """Divide frames into the stretches between keyframes; a keyframe belongs to the stretch that it ends, or begins if it is the first."""
    gaps: List[List[int]] = [[]]
    keyed = set(keyframes)
    for frame in frames:
        gaps[-1].append(frame)
        if frame in keyed and len(gaps[-1]) > 1:
            gaps.append([])
    return [gap for gap in gaps if gap]


class Reloader:
    """Reload for a run: live, when the frame that the artist looks at has come, at most once a second; or after each gap; and at the end.

    A reload makes Nuke compute anew what is below the node, on all frames.
    """

    def __init__(
        self,
        reload_now: Callable[[], None],
        looks_at: Callable[[], int],
        when: str = LIVE,
        gaps: Sequence[Collection[int]] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take when to reload.

        Args:
            reload_now: reloads.
            looks_at: gives the frame that is shown.
            when: one of UPDATES.
            gaps: frames of each stretch between keyframes.
            clock: counts seconds.
        """
        self._reload, self._looks_at, self._when, self._clock = reload_now, looks_at, when, clock
        self._gaps = [set(gap) for gap in gaps]
        self._last = float("-inf")
        """When it was last seen what the artist looks at."""
        self._waiting: Set[int] = set()
        """Frames that have come since the last reload."""

    def frame_arrived(self, frame: int) -> None:
        """Reload now, or later."""
        self._waiting.add(frame)
        closed = False
        for gap in self._gaps:
            if frame in gap:
                gap.discard(frame)
                closed = closed or not gap
        if closed and self._when == AFTER_GAPS:
            self.finish()
        self.catch_up()

    def catch_up(self) -> None:
        """Reload when the artist looks at a frame that waits; a second after the last time that this was asked."""
        if self._when == LIVE and self._waiting and self._clock() - self._last >= LOOK_EVERY_SECONDS:
            self._last = self._clock()
            if self._looks_at() in self._waiting:
                self.finish()

    def finish(self) -> None:
        """Reload what waits, now."""
        if self._waiting:
            self._waiting.clear()
            self._reload()
