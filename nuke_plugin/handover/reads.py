"""Find the file that a Read shows at a frame of the timeline, by its frame mode, its range, and its before and after.

What cannot be told without Nuke, such as an expression beyond `frame+10`, is unknown and never guessed.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, List, Optional, Tuple

if TYPE_CHECKING:
    import nuke

NUMBER = re.compile(r"%(0?)(\d*)d|#+")
"""The place of the frame number in a file name."""

_SHIFT = re.compile(r"frame\s*(?:([+-])\s*(\d+))?")


def numbered(pattern: str, number: int) -> str:
    """Put a number into the name of a file, at its place."""
    folder, name = os.path.split(pattern)

    def digits(place: re.Match[str]) -> str:
        width = len(place.group()) if place.group().startswith("#") else int(place.group(2) or 0)
        return f"{number:0{width}d}" if width else str(number)

    return os.path.join(folder, NUMBER.sub(digits, name))


@dataclass(frozen=True)
class ReadFiles:
    """The files of one Read, as its knobs say."""

    pattern: str
    """Path with the place of the frame number. It is absolute, or as the Read has it where the folder that it is relative to is unknown."""
    first: int
    last: int
    """Numbers of files."""
    before: str
    after: str
    """What is shown outside them: `hold`, `loop`, `bounce` or `black`."""
    mapping: Optional[Tuple[int, int]]
    """A file's number is a * frame + b; None when that cannot be told."""
    strict: bool
    """A missing file is an error, and not black or a neighbour."""

    @classmethod
    def of_node(cls, read: nuke.Node, pattern: str) -> ReadFiles:
        """Read the knobs; main thread.

        Args:
            read: a node with files.
            pattern: of its files, as Nuke expands it.
        """

        def text(name: str, default: str = "") -> str:
            return str(read[name].value()).strip() if read.knob(name) is not None else default

        first, last = _whole_number(read, "first"), _whole_number(read, "last")
        mapping = _mapping(text("frame_mode", "expression"), text("frame"), first) if read.Class() == "Read" else None
        # Brackets are expanded for the current frame: a name that asks for the frame in them has another text elsewhere.
        if "frame" in "".join(re.findall(r"\[.*\]", text("file"))):
            mapping = None
        return cls(pattern, first, last, text("before", "hold"), text("after", "hold"), mapping, text("on_error", "error") == "error")

    @classmethod
    def of_path(cls, path: str) -> ReadFiles:
        """Take a file, or a sequence of files, of which it is not known when each is read."""
        return cls(path, 0, 0, "hold", "hold", None, False)

    @property
    def is_plain(self) -> bool:
        """Say whether the file of a number is shown at the frame of that number."""
        return self.mapping == (1, 0)

    def covers(self, frame: int) -> bool:
        """Say whether a file of its own is meant for the frame."""
        number = self._number(frame)
        return number is not None and self.first <= number <= self.last

    def path(self, frame: int) -> Optional[str]:
        """Give the file that is shown at a frame; None where that is none, or unknown."""
        if not NUMBER.search(os.path.basename(self.pattern)):
            return self.pattern or None
        number = self._number(frame)
        if number is None:
            return None
        if not self.first <= number <= self.last:
            number = self._outside(number)
        return None if number is None else self.named(number)

    def named(self, number: int) -> str:
        """Give the file of a number."""
        return numbered(self.pattern, number)

    def all_on_disk(self) -> List[str]:
        """List the files of the sequence that are there, whatever their number."""
        folder, name = os.path.split(self.pattern)
        try:
            listed = sorted(os.listdir(folder or "."))
        except OSError:
            return []
        pieces = NUMBER.split(name)[:: NUMBER.groups + 1]
        fits = re.compile(r"-?\d+".join(map(re.escape, pieces)))
        return [os.path.join(folder, file_name) for file_name in listed if fits.fullmatch(file_name)]

    def absent_in(self, text: str) -> bool:
        """Say whether a text, such as an error of Nuke, names a file of this sequence that is not on disk."""
        folder, name = os.path.split(self.pattern)
        pieces = NUMBER.split(name)[:: NUMBER.groups + 1]
        named = re.findall(r"-?\d+".join(map(re.escape, pieces)), text) if name else []
        return any(not os.path.exists(os.path.join(folder, file_name)) for file_name in named)

    def _number(self, frame: int) -> Optional[int]:
        return None if self.mapping is None else self.mapping[0] * frame + self.mapping[1]

    def _outside(self, number: int) -> Optional[int]:
        """Give the number that stands for one before the first or after the last."""
        how, span = (self.before if number < self.first else self.after), self.last - self.first + 1
        if how == "hold":
            return self.first if number < self.first else self.last
        if how == "loop" and span > 0:
            return self.first + (number - self.first) % span
        if how == "bounce" and span > 1:
            at = (number - self.first) % (2 * span - 2)
            return self.first + (at if at < span else 2 * span - 2 - at)
        return None if how == "black" else self.first


def _whole_number(read: nuke.Node, name: str) -> int:
    try:
        return int(read[name].value())
    except (NameError, TypeError, ValueError):
        return 0  # another kind of node, whose files are looked at all together


def _mapping(mode: str, text: str, first: int) -> Optional[Tuple[int, int]]:
    """Say how a file's number follows from the frame.

    Source: Nuke's user guide, "Changing the Relation Between the Current Frame and the Frame Read In"; measured in 17.0 by others: under
    an offset of N, frame F shows file F + N.
    """
    if not text or text == "0" and mode == "offset":
        return 1, 0
    if mode in ("start at", "offset"):
        number = int(text) if re.fullmatch(r"[+-]?\d+", text) else None
        return None if number is None else (1, first - number if mode == "start at" else number)
    if mode == "expression":
        shift = _SHIFT.fullmatch(text)
        if shift is not None:
            return 1, int((shift[1] or "+") + (shift[2] or "0"))
        if re.fullmatch(r"\d+", text):
            return 0, int(text)
    return None
