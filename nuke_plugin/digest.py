"""What a tree of nodes renders, reduced to one text: changed text, changed pixels.

Nuke's op hashes cover everything above a node, but speak of the current frame and are promised to nobody from one session
to the next. So ours counts what a script would save of each node upstream, the layout of the graph aside, and the files
that are read: by path, size and time for the frame in question.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, Callable, Dict, List, Optional, Sequence, Tuple

if TYPE_CHECKING:
    import nuke

COSMETIC = {
    "xpos", "ypos", "selected", "label", "note_font", "note_font_size", "note_font_color", "tile_color", "gl_color", "name", "icon",
    "dope_sheet", "bookmark", "postage_stamp", "postage_stamp_frame", "hide_input", "cached", "indicators", "panel", "help", "window",
    "lifetimeStart", "lifetimeEnd", "useLifetime", "autolabel", "updateUI", "knobChanged", "onCreate", "onDestroy", "lock_connections",
    "toolbox", "edit_num", "status", "keyframes", "model_terms", "suggestions", "strip", "reload", "version",
    "updateLocalization", "localizationPolicy", "cacheLocal", "Show",
}  # fmt: skip
"""Knobs that change no pixel."""

OTHER_FRAMES = re.compile(r"Time|Frame|Retime|OFlow|Kronos|Append|Temporal|MotionBlur|Denoise|Stabili", re.IGNORECASE)
"""Classes that may read other frames than the one that is asked for."""


class Tree:
    """Everything above a node, read once; afterwards a frame's digest needs a look at files only."""

    def __init__(
        self,
        top: nuke.Node,
        upstream: Callable[[nuke.Node], List[nuke.Node]],
        root_state: Sequence[str],
        whole: bool = True,
    ) -> None:
        """Walk the tree above `top`.

        Args:
            top: the plate input.
            upstream: lists what directly feeds a node.
            root_state: project settings that act on every pixel.
            whole: False where Python may not look at many nodes; then only `top` is read, and `exact` is False.
        """
        self.exact = whole
        self._readers: List[nuke.Node] = []
        self._all_frames = False
        lines = list(root_state)
        for node in _walk(top, upstream) if whole else [top]:
            lines.extend(_lines(node, with_inputs=whole))
            if OTHER_FRAMES.search(node.Class()):
                self._all_frames = True
            if node.knob("file") is not None and node.knob("first") is not None:
                self._readers.append(node)
        self.digest = of_lines(lines)
        self._listings: Dict[str, str] = {}
        self.reloads = tuple(int(reader["version"].value()) for reader in self._readers if reader.knob("version") is not None)
        """How often each Read was told to read again: that changes Nuke's hashes, whatever the files hold."""

    @classmethod
    def of_text(cls, text: str) -> Tree:
        """Make a tree of no nodes: pixels that depend on a text alone."""
        made = cls.__new__(cls)
        made.exact, made._readers, made._all_frames, made._listings = True, [], False, {}
        made.digest, made.reloads = of_lines([text]), ()
        return made

    def at(self, frame: int) -> str:
        """Give the digest of what is rendered at a frame."""
        return of_lines([self.digest, *(self._file_state(reader, frame) for reader in self._readers)])

    def missing_files(self, frame: int) -> List[str]:
        """Name the files that Reads of the tree would want for a frame and that are not on disk."""
        paths = [_path_at(reader, frame) for reader in self._readers if not self._all_frames]
        return [path for path in paths if path and not os.path.exists(path)]

    def _file_state(self, reader: nuke.Node, frame: int) -> str:
        if self._all_frames:
            return self._folder_state(reader)
        return _stat(_path_at(reader, frame))

    def _folder_state(self, reader: nuke.Node) -> str:
        """Where any file may matter, the state of all files of the sequence."""
        folder = os.path.dirname(_path_at(reader, 0))
        if folder not in self._listings:
            try:
                listed = sorted(os.listdir(folder))
            except OSError:
                listed = []
            self._listings[folder] = of_lines([_stat(os.path.join(folder, name)) for name in listed])
        return self._listings[folder]


def op_hashes(node: nuke.Node) -> Tuple[int, ...]:
    """Give Nuke's own hashes of a node at the current frame; comparable within one session only."""
    return tuple(node.opHashes())


def _walk(top: nuke.Node, upstream: Callable[[nuke.Node], List[nuke.Node]]) -> List[nuke.Node]:
    """List every node above, each once, the children of Groups too."""
    found: List[nuke.Node] = []
    waiting = [top]
    while waiting:
        node = waiting.pop()
        if any(node is other or node == other for other in found):
            continue
        found.append(node)
        waiting.extend(upstream(node))
        if node.Class() in ("Group", "LiveGroup"):
            waiting.extend(node.nodes())  # type: ignore[attr-defined]
    return found


def _lines(node: nuke.Node, with_inputs: bool) -> List[str]:
    inputs = [node.input(index) for index in range(node.inputs())] if with_inputs else []
    lines = [f"{node.Class()} {node.name()} {' '.join(feeding.name() if feeding is not None else '-' for feeding in inputs)}"]
    for name, knob in sorted(node.knobs().items()):
        if name and name not in COSMETIC:
            lines.append(f"{name} {knob.toScript()}")
    return lines


def _path_at(reader: nuke.Node, frame: int) -> str:
    path = reader["file"].evaluate(frame)  # type: ignore[attr-defined]
    return str(path or "")


def _stat(path: Optional[str]) -> str:
    if not path:
        return "-"
    try:
        state = os.stat(path)
    except OSError:
        return f"{path} missing"
    return f"{path} {state.st_size} {state.st_mtime_ns}"


def of_lines(lines: Sequence[str]) -> str:
    """Hash texts."""
    return hashlib.sha1("\n".join(lines).encode("utf-8", errors="surrogateescape")).hexdigest()
