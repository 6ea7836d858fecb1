"""Find plate files that the core can read directly: a Read of scene-linear EXR, with no node in between that changes a pixel or a frame."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Callable, List, Optional, Sequence, Set

from xmem_roto_nuke import host
from xmem_roto_nuke.graph import behind_dots
from xmem_roto_nuke.handover import digest
from xmem_roto_nuke.handover.reads import NUMBER, ReadFiles
from xmemcore.protocol.places import file_state

if TYPE_CHECKING:
    import nuke


def direct_files(
    plate: nuke.Node,
    file_pattern: Callable[[nuke.Node], str],
    working_space: str,
    frames: Sequence[int] = (),
    float_space: str = "linear",
) -> Optional[ReadFiles]:
    """Give the files when the tree is a Read of an EXR sequence, and Dots and nodes of ours, that change no pixel and no frame number.

    Args:
        plate: the plate input.
        file_pattern: gives the files of a Read, expanded but for the frame number.
        working_space: of the script; a Read that converts from anything else changes pixels.
        frames: that are wanted; where Nuke would show anything but the frame's own file, it has to render.
        float_space: of the script; what `default` stands for until a Read has looked at its file.
    """
    read = digest.behind_mattes(plate)[0] if host.may_walk_trees() else behind_dots(plate)
    # Outside of a node's own lifetime it acts as if it were disabled.
    if read is None or read.Class() != "Read" or read["useLifetime"].value() or True in host.ticked_on(read["disable"], frames):
        return None
    pattern = file_pattern(read)
    # Only Nuke knows what a relative path is relative to; the core runs in another folder.
    if not pattern.lower().endswith(".exr") or not NUMBER.search(os.path.basename(pattern)) or not os.path.isabs(pattern):
        return None
    # The core knows one form of number, in the name; what brackets give may differ from frame to frame.
    if NUMBER.search(os.path.dirname(pattern)) or re.search(r"\[|%v", str(read["file"].value()), re.IGNORECASE):
        return None
    if not read["raw"].value() and not _is_same_space(str(read["colorspace"].value()), working_space, float_space):
        return None
    files = ReadFiles.of_node(read, pattern)
    if not files.is_plain or not all(files.covers(frame) for frame in frames):
        return None
    exist = [os.path.exists(files.named(frame)) for frame in frames]
    # None at all: Nuke may look elsewhere. Some: holes, if the Read takes them for errors and not for black.
    return files if not frames or all(exist) or any(exist) and files.strict else None


def _is_same_space(encoded: str, working_space: str, float_space: str = "linear") -> bool:
    """Say whether a Read's colour space is the script's, in whichever words the two knobs have it."""
    name = encoded.split("\t")[0]
    if working_space == "linear" and (float_space if name == "default" else name) in ("linear", "scene_linear"):
        return True
    return bool(_names_of_space(encoded) & _names_of_space(working_space))


def _names_of_space(text: str) -> Set[str]:
    """List what a knob's entry calls a colour space: `default (linear)` is linear, `scene_linear (ACEScg)` both, `Menu/ACEScg` ACEScg."""
    name = text.split("\t")[0].strip()
    role = re.fullmatch(r"(\w+) \((.*)\)", name)
    names = [role[2]] if role and role[1] == "default" else [role[1], role[2], name] if role else [name]
    return {name.rsplit("/", 1)[-1] for name in names} - {"default"}


def missing(files: ReadFiles, frames: Sequence[int]) -> List[int]:
    """List the frames that have no file."""
    return [frame for frame in frames if not os.path.exists(files.named(frame))]


def signature(files: ReadFiles, frames: Sequence[int]) -> str:
    """Digest the state of a sequence's files: paths, sizes, times."""
    return digest.of_lines([f"{files.named(frame)} {file_state(Path(files.named(frame)))}" for frame in frames])
