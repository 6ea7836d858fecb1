"""The plate handed to the core as scene-linear EXR: its own files where they are that already, else rendered from the node tree.

Rendering goes in small bites, each one call in Nuke's main thread, so that the interface lives in between; only frames whose
upstream changed since the last time are rendered.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Tuple

from nuke_plugin import digest, host
from nuke_plugin.roto_node import behind_dots
from xmemcore.protocol.failures import Cancelled, MachineError, RequestError
from xmemcore.protocol.frames import FrameRange

if TYPE_CHECKING:
    import nuke

BITE_SECONDS = 0.25
"""How long the interface may stand still; a single frame may take longer and cannot be divided."""

ENDLESS_FRAMES = 100_000
"""A plate of so many frames has no end of its own: a Constant, for one."""

_session_hashes: Dict[Tuple[str, int], Tuple[Tuple[int, ...], Tuple[str, Tuple[int, ...]]]] = {}
"""Nuke's op hashes, and our digest with the reloads of Reads, by export folder and frame: comparable within this session only."""


class FramesUnusable(RequestError):
    """The frame range names no frame that could be rendered."""


class ExchangeUnwritable(MachineError):
    """The folder for exchange with the core cannot be written."""


@dataclass(frozen=True)
class HandedPlate:
    """A plate the core can open."""

    pattern: str
    frames: Tuple[int, ...]
    """That were asked for and are to be had."""
    missing: Tuple[int, ...]
    """That were asked for and have no file to render from."""
    rendered: Tuple[int, ...] = ()
    """Frames that had to be rendered this time."""


@dataclass
class Export:
    """What one folder of rendered frames was rendered from; kept in `plate.json` in the folder."""

    folder: Path
    frames: Dict[int, Dict[str, Any]] = field(default_factory=dict)
    """Per frame: digest of the tree, and size and time of the file."""

    @classmethod
    def open(cls, folder: Path) -> Export:
        """Read what is there; a damaged record counts as none."""
        try:
            stored = json.loads((folder / "plate.json").read_text(encoding="utf-8"))
            return cls(folder, {int(frame): dict(entry) for frame, entry in stored["frames"].items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls(folder)

    def is_fresh(self, frame: int, tree_digest: str, path: Path) -> bool:
        """Say whether a frame's file is whole and of this tree."""
        entry = self.frames.get(frame)
        return entry is not None and entry.get("digest") == tree_digest and entry.get("file") == _file_state(path)

    def note(self, frame: int, tree_digest: str, path: Path) -> None:
        """Record a rendered frame."""
        self.frames[frame] = {"digest": tree_digest, "file": _file_state(path)}

    def save(self) -> None:
        """Write the record whole."""
        partial = self.folder / ".plate.json.part"
        try:
            partial.write_text(
                json.dumps({"frames": {str(frame): entry for frame, entry in sorted(self.frames.items())}}), encoding="utf-8"
            )
            os.replace(partial, self.folder / "plate.json")
        except OSError as error:
            raise ExchangeUnwritable(
                f"Cannot write to {self.folder}: {error.strerror or error}. Free some space, or point XMEM_ROTO_CACHE at another disk."
            ) from error


def frame_range(chosen: str, plate: nuke.Node, script_range: Tuple[int, int]) -> FrameRange:
    """Settle the frames: what the knob says, else the plate's own range, else the project's where the plate has no end.

    Raises:
        FrameRangeInvalid: the text is no range.
        FramesUnusable: it is empty.
    """
    if chosen:
        return FrameRange.parse(chosen)
    first, last = int(plate.firstFrame()), int(plate.lastFrame())
    if last - first >= ENDLESS_FRAMES or last < first:
        first, last = script_range
    if last < first:
        raise FramesUnusable(f"The plate {plate.name()} has no frames. Name the frame range.")
    return FrameRange.of(range(first, last + 1))


def direct_pattern(plate: nuke.Node, working_space: str) -> Optional[str]:
    """Give the file pattern when the tree is a Read of an EXR sequence, and Dots, that changes no pixel and no frame number.

    Args:
        plate: the plate input.
        working_space: of the script; a Read that converts from anything else changes pixels.
    """
    read = behind_dots(plate)
    if read is None or read.Class() != "Read" or read["disable"].value():
        return None
    pattern = str(read["file"].value())
    if not pattern.lower().endswith(".exr") or not re.search(r"%0?\d*d|#+", os.path.basename(pattern)):
        return None
    if "[" in pattern or "%v" in pattern.lower():
        return None
    if str(read["frame"].value()).strip() not in ("", "frame") or str(read["frame_mode"].value()) not in ("expression", "offset"):
        return None
    if str(read["frame_mode"].value()) == "offset" and str(read["frame"].value()).strip() not in ("", "0"):
        return None
    encoded = str(read["colorspace"].value()).split("\t")[0]
    same_space = encoded in ("default", working_space, "linear", "scene_linear") if working_space == "linear" else encoded == working_space
    if not read["raw"].value() and not same_space:
        return None
    return pattern


def files_signature(pattern: str, frames: Sequence[int]) -> str:
    """Digest the state of a sequence's files: paths, sizes, times."""
    numbered = re.sub(r"#+", lambda hashes: f"%0{len(hashes.group())}d", pattern)
    states = [f"{numbered % frame} {_file_state(Path(numbered % frame))}" for frame in frames]
    return hashlib.sha1("\n".join(states).encode("utf-8")).hexdigest()[:20]


class PlateExport:
    """Render what changed of a plate, bite by bite."""

    def __init__(
        self,
        plate: nuke.Node,
        folder: Path,
        stem: str = "plate",
        channels: str = "rgb",
        build: Any = None,
        extra: str = "",
        tree: bool = True,
    ) -> None:
        """Read the tree above `plate`; main thread.

        Args:
            plate: node to render.
            folder: of the rendered files and their record.
            stem: of the file names.
            channels: of the Write.
            build: puts nodes between plate and Write; overscan is cropped to what the core takes by default.
            extra: more of what the pixels depend on.
            tree: False when the pixels depend on `extra` alone and not on what is above `plate`.
        """
        self._plate, self._channels = plate, channels
        self._frugal = not host.may_walk_trees()
        # Every node that is made counts against the ten that Non-commercial and Indie give out, also after it is deleted:
        # there one Write does it all in one bite, and overscan is left to the core.
        self._build = host.make_nothing if self._frugal and build is None else build or host.make_crop
        self.pattern = (folder / f"{stem}.%04d.exr").as_posix()
        self._export = Export.open(folder)
        if tree:
            self._tree = digest.Tree(plate, host.upstream, [*host.root_state(), extra], whole=not self._frugal)
            self._trusted = self._is_trusted(folder)
        else:
            self._tree, self._trusted = digest.Tree.of_text(extra), True

    def render(
        self, frames: Sequence[int], show: Callable[[int, int], None], cancelled: Callable[[], bool]
    ) -> Tuple[Tuple[int, ...], Tuple[int, ...], Tuple[int, ...]]:
        """Render the frames that changed; from a thread of ours, or the main thread of a terminal.

        Returns:
            Frames that are there now, frames without a file to render from, and those that were rendered.

        Raises:
            RenderFailed, ExchangeUnwritable, Cancelled, NodeGone.
        """
        state = host.in_main(self._look, list(frames))
        missing = tuple(frame for frame in frames if state[frame] is None)
        todo = [frame for frame in frames if state[frame] is not None and not self._fresh(frame, str(state[frame]))]
        done = 0
        try:
            while done < len(todo):
                if cancelled():
                    raise Cancelled("Cancelled while the plate was rendered. Rendered frames are kept.")
                show(done, len(todo))
                finished = host.in_main(self._bite, todo[done:])
                for frame in todo[done : done + finished]:
                    self._export.note(frame, str(state[frame]), self._path(frame))
                done += finished
        finally:
            if done:
                self._export.save()
        there = tuple(frame for frame in frames if state[frame] is not None)
        return there, missing, tuple(todo)

    def forget_all_but(self, frames: Sequence[int]) -> None:
        """Delete files of other frames: for exchanges where every file that lies there counts."""
        wanted = {self._path(frame).name for frame in frames}
        for path in self._export.folder.glob(f"{Path(self.pattern).name.split('.')[0]}.*.exr"):
            if path.name not in wanted:
                path.unlink()

    def _look(self, frames: List[int]) -> Dict[int, Optional[str]]:
        """Give each frame's digest, or None where a file of it is missing."""
        return {frame: None if self._tree.missing_files(frame) else self._tree.at(frame) for frame in frames}

    def _bite(self, frames: List[int]) -> int:
        """Render until the bite is over, at least one frame; gives how many were rendered."""
        if self._frugal:
            host.render(self._plate, self._build, frames, self.pattern, self._channels)
            return len(frames)
        until = time.monotonic() + BITE_SECONDS
        done = 0
        while done < len(frames) and (done == 0 or time.monotonic() < until):
            host.render(self._plate, self._build, [frames[done]], self.pattern, self._channels)
            done += 1
        return done

    def _fresh(self, frame: int, tree_digest: str) -> bool:
        return self._trusted and self._export.is_fresh(frame, tree_digest, self._path(frame))

    def _is_trusted(self, folder: Path) -> bool:
        """Say whether our digest can be believed: Nuke's own hash, where one is known for this frame, must not speak against it."""
        frame = host.current_frame()
        place, now = (str(folder), frame), (digest.op_hashes(self._plate), (self._tree.at(frame), self._tree.reloads))
        before = _session_hashes.get(place)
        # Where the tree could not be walked, Nuke's hash is the only witness.
        trusted = (
            before is None or before[0] == now[0] or before[1] != now[1] if self._tree.exact else before is not None and before[0] == now[0]
        )
        if not trusted:
            for known in [known for known in _session_hashes if known[0] == str(folder)]:
                del _session_hashes[known]
        _session_hashes[place] = now
        return trusted

    def _path(self, frame: int) -> Path:
        return Path(self.pattern % frame)


def _file_state(path: Path) -> Optional[List[int]]:
    try:
        state = path.stat()
    except OSError:
        return None
    return [state.st_size, state.st_mtime_ns]
