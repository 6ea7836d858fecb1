"""Render the plate from the node tree to scene-linear EXR that the core can open.

Rendering goes in small bites, each one call in Nuke's main thread, so that the interface stays alive in between; only frames whose
upstream changed since the last time are rendered. What the artist changes meanwhile is noticed: a frame is recorded under a digest of
the tree only when the tree had that digest before and after, and frames of another one are rendered again.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Optional, Sequence, Set, Tuple

from xmem_roto_nuke import host
from xmem_roto_nuke.handover import digest
from xmem_roto_nuke.handover.export_record import ExportRecord
from xmem_roto_nuke.handover.shared_folder import changing
from xmem_roto_nuke.host import RenderFailed
from xmem_roto_nuke.node import body
from xmemcore.protocol.failures import Cancelled, Failure, RequestError
from xmemcore.protocol.frames import FrameRange

if TYPE_CHECKING:
    import nuke

BITE_SECONDS = 0.25
"""How long the interface may stand still; a single frame may take longer and cannot be divided."""
READING_SHARE = 4.0
"""A bite takes at least so many times as long as reading the tree after it. Else a large tree would be read more than rendered."""

ENDLESS_FRAMES = 100_000
"""A plate of so many frames has no end of its own: a Constant, for one."""

HOW_TO_NAME_THE_RANGE = "If Nuke does not know the plate's range, as behind some retimes, put a FrameRange node before the plate input."

MOST_CHANGES = 8
"""How often a tree may change during a render before the artist is asked to pause."""

_session_hashes: Dict[Tuple[str, int], Tuple[digest.Witness, Tuple[str, Tuple[int, ...]]]] = {}
"""Nuke's op hashes, and our digest with the reloads of Reads, by export folder and frame: comparable within this session only."""


@dataclass(frozen=True)
class RenderedFrames:
    """The content of a folder of rendered frames."""

    present: Tuple[int, ...]
    """Frames that were asked for and are there."""
    missing: Tuple[int, ...]
    """Frames that were asked for and have no file to render from."""
    rendered: Tuple[int, ...]
    """Frames that had to be rendered this time."""
    states: Dict[int, str]
    """Digest of the tree that each frame was rendered from, for every frame that was asked for."""


def frame_range(chosen: str, plate: nuke.Node, script_range: Tuple[int, int]) -> FrameRange:
    """Settle the frames: what the knob says, else the plate's own range, else the project's where the plate has no end.

    Raises:
        FrameRangeInvalid: the text is no range.
        RequestError: it is empty.
    """
    if chosen:
        return FrameRange.parse(chosen)
    first, last = known_range(plate) or script_range
    if last < first:
        raise RequestError(f"The plate {plate.name()} has no frames. Name the frame range.")
    return FrameRange.of(range(first, last + 1))


def ends(plate: nuke.Node, script_range: Tuple[int, int]) -> Tuple[int, ...]:
    """Give first and last frame of a plate as `frame_range` settles them: a frame between them without a matte is missing, not outside.

    Empty where they are unknown.
    """
    try:
        whole = frame_range("", plate, script_range)
    except RequestError:
        return ()
    return (min(whole), max(whole))


def known_range(plate: nuke.Node) -> Optional[Tuple[int, int]]:
    """Give the first and last frame of a plate, as Nuke tells them; None where it has no end of its own. Main thread."""
    source = source_of(plate)
    first, last = int(source.firstFrame()), int(source.lastFrame())
    return None if last < first or last - first >= ENDLESS_FRAMES else (first, last)


def off(frames: Iterable[int], plate: nuke.Node) -> List[int]:
    """List the frames that the plate has not got, as far as Nuke knows; main thread. One frame stands for all; see `beyond`."""
    known = known_range(plate)
    if known is None or known[0] == known[1]:
        return []
    return [frame for frame in frames if not known[0] <= frame <= known[1]]


def beyond(wanted: FrameRange, plate: nuke.Node) -> Tuple[str, ...]:
    """Warn of frames that are wanted and that the plate has not got, as far as Nuke knows; main thread.

    The command line writes no matte there, since a plate of files has no picture there. In Nuke every node has a picture on every frame,
    and an end that is held or looped may be just what is meant: these frames are filled. Where no frame at all is on the plate the range
    is a slip, unless Nuke tells of one frame: that is what a still, a FrameHold or a generator may have, whose picture stands for all.

    Raises:
        RequestError: none of the frames is on the plate.
    """
    known = known_range(plate)
    off = [] if known is None else [frame for frame in wanted if not known[0] <= frame <= known[1]]
    if known is None or not off:
        return ()
    has = FrameRange.of(range(known[0], known[1] + 1))
    if len(off) == len(wanted) and len(has) > 1:
        raise RequestError(
            f"None of the frames {wanted} is on the plate {plate.name()}, which has {has}. Check the frame range. {HOW_TO_NAME_THE_RANGE}"
        )
    return (f"The plate {plate.name()} has {has}; {FrameRange.of(off)} is filled from what Nuke shows there: held, looped or black.",)


def source_of(plate: nuke.Node) -> nuke.Node:
    """Give the node that the colours of a plate come from; see `digest.behind_mattes`. The plate itself where nodes are counted."""
    return digest.behind_mattes(plate)[0] if host.may_walk_trees() else plate


def tree_above(node: nuke.Node, colours: bool = False) -> digest.Tree:
    """Read everything above a node, or what its red, green and blue come from; main thread."""
    return digest.Tree.above(node, host.upstream, host.file_pattern, host.script_state(), host.may_walk_trees(), colours)


def still_holes(plate: nuke.Node, holes: Sequence[int]) -> List[int]:
    """List those of a plate's former holes that are not known to have a picture now; main thread."""
    if not holes:
        return []
    tree = tree_above(plate, colours=True)
    return [frame for frame in holes if tree.may_be_hole(frame)]


def state_of(states: Sequence[str]) -> str:
    """Reduce the digests of some frames to one."""
    return digest.of_lines(states)


class PlateExport:
    """Renders the changed frames of a plate, bite by bite."""

    def __init__(
        self,
        plate: nuke.Node,
        folder: Path,
        write: host.RunWrite,
        stem: str = "plate",
        channels: str = "rgb",
        build: Any = None,
        depends: Optional[Callable[[], str]] = None,
        inside: Optional[nuke.Node] = None,
    ) -> None:
        """Take what to render; main thread, but nothing is read yet.

        Args:
            plate: node to render.
            folder: of the rendered files and their record.
            write: of the run; whoever made it closes it.
            stem: of the file names.
            channels: of the Write.
            build: puts nodes between plate and Write; overscan is cropped to what the core takes by default.
            depends: gives a text on which alone the pixels depend, and not on what is above `plate`; main thread.
            inside: a Group to which `plate` is connected, and in which nodes may be made.
        """
        self._plate, self._depends = plate, depends
        self._colours = channels == "rgb"
        self._name = plate.name()  # a node that was deleted cannot be asked
        self._frugal = not host.may_walk_trees()
        # Every node that is made counts against the ten that Non-commercial and Indie give out, also after it is deleted:
        # there one Write does it all in one bite, and overscan is left to the core.
        chosen = host.make_nothing if self._frugal and build is None else build or host.make_crop
        self.record = ExportRecord.open(folder, stem)
        self._writer = host.FrameWriter(plate, chosen, self.record.pattern, channels, write, None if self._frugal else inside)
        self._at_once = 1
        """Frames of the next bite."""
        self._reading_seconds = 0.0
        self._tree = digest.Tree.of_text("")
        self._frames: List[int] = []
        self._states: Dict[int, str] = {}
        self._holes: Set[int] = set()
        self._todo: List[int] = []
        self._unsettled: Dict[int, str] = {}
        """Frames of the last bite, which count when the tree is found unchanged."""
        self._rendered: Dict[int, str] = {}
        """Frames of this time, by what they were rendered from."""
        self._record_changed = False

    def render(self, frames: Sequence[int], report: Callable[[int, int], None], cancelled: Callable[[], bool]) -> RenderedFrames:
        """Render the frames that changed; from a thread of ours, or the main thread of a terminal.

        Raises:
            RenderFailed, RequestError (a plate too large for this edition of Nuke among them), DiskFailed, Cancelled.
        """
        self._frames = sorted(set(frames))
        changes = 0
        try:
            host.in_main(self._begin)
            while self._todo:
                if cancelled():
                    host.in_main(self._settle)
                    raise Cancelled(host.CANCELLED)
                report(len(self._rendered), len(self._rendered) + len(self._todo))
                if not host.in_main(self._bite):
                    changes += 1
                if changes > MOST_CHANGES:
                    raise RequestError(
                        f"{self._name}, or something above it, was changed again and again while it was rendered. "
                        "Frames that still hold are kept; press again."
                    )
        except host.NodeGone as error:
            raise RequestError(
                f"{self._name} was deleted while its frames were rendered. Look what is connected in its place, and press again."
            ) from error
        finally:
            with contextlib.suppress(Cancelled):  # Nuke is leaving, or the node is gone, and with it what was made for it
                host.in_main(self._writer.close)
            if self._record_changed:
                self.record.save()
        existing = tuple(frame for frame in self._frames if frame not in self._holes)
        missing = tuple(frame for frame in self._frames if frame in self._holes)
        return RenderedFrames(existing, missing, tuple(frame for frame in existing if frame in self._rendered), dict(self._states))

    def pending(self, frames: Sequence[int]) -> int:
        """Count the frames that would have to be rendered, and leave the record as `render` would find it; main thread."""
        self._frames = sorted(set(frames))
        self._begin()
        if self._record_changed:
            self.record.save()
        return len(self._todo)

    def _begin(self) -> None:
        """Read the tree and list what is to be rendered; main thread."""
        self._tree = self._read_tree()
        if self._depends is None:
            with body.results_shown(self._tree.with_views):
                trusted = self._is_trusted()
            if not trusted:
                self._forget_former_frames()
            self._refuse_missing_mattes()
        self.record.bring_back(self._frames)
        self._states = {frame: self._tree.at(frame) for frame in self._frames}
        self._holes = {frame for frame in self._frames if self._tree.is_hole(frame)}
        self._todo = [frame for frame in self._frames if frame not in self._holes and not self.record.is_fresh(frame, self._states[frame])]

    def _refuse_missing_mattes(self) -> None:
        """Refuse a plate through another node of ours that lacks mattes: it would be black, and without interface it cannot be rendered."""
        for name, frames in self._tree.without_matte(self._frames, in_colours=host.has_interface()).items():
            raise RequestError(
                f"{self._name} comes from {name}, which has no matte on {FrameRange.of(frames)}. "
                f"Propagate {name} there first, or set its 'on missing' to black."
            )

    def _bite(self) -> bool:
        """Render some frames in one go, and see whether the tree is still the same; main thread."""
        host.refuse_wrong_context(self._plate)
        host.refuse_too_large(self._plate)
        began = time.monotonic()
        rendering = self._render(self._todo if self._frugal else self._todo[: self._at_once])
        a_frame = (time.monotonic() - began) / max(len(rendering.done) + len(rendering.skipped), 1)
        bite = max(BITE_SECONDS, READING_SHARE * self._reading_seconds) if BITE_SECONDS else 0.0
        self._at_once = max(1, min(2 * self._at_once, int(bite / max(a_frame, 1e-6))))
        unchanged = self._settle()  # frames before one that failed were rendered
        if rendering.failure is not None:
            raise rendering.failure
        return unchanged

    def _render(self, frames: List[int]) -> host.Rendering:
        self._record_changed = True
        for frame in frames:
            # Taken before the pixels: a file that is replaced meanwhile makes the frame stale at the next look.
            self._states[frame] = self._tree.at(frame)
            self.record.forget(frame)
        folder = self.record.folder
        with changing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with body.results_shown(self._tree.with_views):
            rendering = host.render(self._writer, frames, self._is_hole)
        self._holes.update(rendering.skipped)
        self._unsettled.update({frame: self._states[frame] for frame in rendering.done})
        gone = {*rendering.done, *rendering.skipped}
        self._todo = [frame for frame in self._todo if frame not in gone]
        return rendering

    def _settle(self) -> bool:
        """Count the frames of the last bite, if what they were rendered from is what is there now; else begin anew.

        Nuke's interface lives between bites, and something may have been changed in the midst of one: by a callback, for one.

        Raises:
            RequestError: as in the end, so perhaps in between.
        """
        try:
            host.refuse_wrong_context(self._plate)
        except Failure:
            self._unsettled.clear()
            raise
        before, self._tree = self._tree, self._read_tree()
        unchanged = before.digest == self._tree.digest and before.reloads == self._tree.reloads
        if unchanged:
            for frame, state in self._unsettled.items():
                self.record.note(frame, state)
            self._rendered.update(self._unsettled)
        self._unsettled.clear()
        if not unchanged:
            self._begin()
        return unchanged

    def _is_hole(self, failure: RenderFailed) -> bool:
        """Say of a frame that failed whether it has no file to render from; no old picture then stands for it."""
        if not self._tree.explains(failure.frame, failure.reason):
            return False
        path = self.record.path(failure.frame)
        with changing(path):
            path.unlink(missing_ok=True)
        return True

    def _read_tree(self) -> digest.Tree:
        began = time.monotonic()
        try:
            return self._tree_now()
        finally:
            self._reading_seconds = time.monotonic() - began

    def _tree_now(self) -> digest.Tree:
        if self._depends is None:
            return tree_above(self._plate, self._colours)
        with host.unrecorded(), host.full_size():  # the format is a part of such a text
            return digest.Tree.of_text(self._depends())

    def _forget_former_frames(self) -> None:
        """Forget all frames of earlier runs: the next run could not tell that they are wrong."""
        for frame in [frame for frame in self.record.frames if frame not in self._rendered]:
            self.record.forget(frame)
            self._record_changed = True

    def _is_trusted(self) -> bool:
        """Say whether our digest can be believed: Nuke's own hash, where one is known for this frame, must not speak against it."""
        frame, folder = host.current_frame(), str(self.record.folder)
        source = source_of(self._plate) if self._colours else self._plate
        place, now = (folder, frame), (host.op_hashes(source), (self._tree.at(frame), self._tree.reloads))
        before = _session_hashes.get(place)
        if self._tree.exact:
            trusted = before is None or before[1] != now[1] or not digest.speaks_against(before[0], now[0])
        else:  # the tree could not be walked, and Nuke's hash is the only witness
            trusted = before is not None and digest.vouches_for(before[0], now[0])
        if not trusted:
            for known in [known for known in _session_hashes if known[0] == folder]:
                del _session_hashes[known]
        _session_hashes[place] = now
        return trusted
