"""Frame ranges as artists write them: `1001-1040x2,1050`, inclusive, with a step; frames may be negative."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import FrozenSet, Iterable, Iterator, List, Sequence, Tuple

from xmemcore.protocol.failures import RequestError

MAX_FRAMES = 1_000_000
"""Longest range that is read. A mistyped number must not fill the memory."""

COUNTED_PARTS = 8
"""Parts of a range that a sentence names."""

_PART = re.compile(r"(-?[0-9]+)(?:-(-?[0-9]+)(?:x([0-9]+))?)?")


class FrameRangeInvalid(RequestError):
    """The text is no frame range."""


@dataclass(frozen=True)
class FrameRange:
    """Frames in the order in which they were written, none twice."""

    frames: Tuple[int, ...]

    @classmethod
    def of(cls, frames: Iterable[int]) -> FrameRange:
        """Make a range of frames, in their order."""
        return cls(tuple(dict.fromkeys(frames)))

    @classmethod
    def parse(cls, text: str) -> FrameRange:
        """Read `1001-1040x2,1050`; parts are separated by commas or, as Nuke also takes them, by spaces.

        Raises:
            FrameRangeInvalid: the text is empty or no range.
        """
        frames: List[int] = []
        for part in re.split(r"\s*,\s*|\s+", text.strip()):
            match = _PART.fullmatch(part)
            if match is None:
                raise FrameRangeInvalid(f"'{text}' is no frame range. Write for example 1001-1100, 1001-1100x2 or 1001,1040.")
            first = int(match[1])
            last = first if match[2] is None else int(match[2])
            step = 1 if match[3] is None else int(match[3])
            if step < 1 or last < first:
                raise FrameRangeInvalid(
                    f"'{part}' in the frame range '{text}' runs backwards or has no step. Write first-last or first-lastxstep."
                )
            if (last - first) // step + len(frames) >= MAX_FRAMES:
                raise FrameRangeInvalid(f"The frame range '{text}' has over {MAX_FRAMES} frames. Check the ends of '{part}'.")
            frames.extend(range(first, last + 1, step))
        return cls.of(frames)

    def __iter__(self) -> Iterator[int]:
        return iter(self.frames)

    def __len__(self) -> int:
        return len(self.frames)

    def __contains__(self, frame: object) -> bool:
        return frame in self._members

    def __str__(self) -> str:
        """Write the range in as few parts as possible."""
        parts: List[str] = []
        place = 0
        while place < len(self.frames):
            step, count = _run(self.frames, place)
            first, last = self.frames[place], self.frames[place + count - 1]
            if count == 1:
                parts.append(str(first))
            else:
                parts.append(f"{first}-{last}" + (f"x{step}" if step > 1 else ""))
            place += count
        return ",".join(parts)

    @cached_property
    def _members(self) -> FrozenSet[int]:
        return frozenset(self.frames)


def _run(frames: Tuple[int, ...], start: int) -> Tuple[int, int]:
    """Find the step and the length of the evenly stepped run that begins at a place."""
    if len(frames) - start < 2 or frames[start + 1] <= frames[start]:
        return 1, 1
    step = frames[start + 1] - frames[start]
    end = start + 2
    while end < len(frames) and frames[end] - frames[end - 1] == step:
        end += 1
    # Two frames that do not touch read better apart.
    return (step, end - start) if step == 1 or end - start > 2 else (1, 1)


def counted(frames: Sequence[int]) -> str:
    """Name frames as a range, the first eight parts of a long one: `frames 1001-1010, 1020 and 4 more`, `frames -10 to -3`."""
    parts = str(FrameRange.of(frames)).split(",")
    rest = len(FrameRange.parse(",".join(parts[COUNTED_PARTS:]))) if len(parts) > COUNTED_PARTS else 0
    named = ", ".join(parts[:COUNTED_PARTS]).replace("--", " to -")
    return f"frame{'s' if len(frames) > 1 else ''} {named}" + (f" and {rest} more" if rest else "")
