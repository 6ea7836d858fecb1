"""Absent ranges as artists write them: `sleeve:1010-1032`, an object and the frames that do not show it."""

from __future__ import annotations

from dataclasses import dataclass

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.frames import FrameRange, FrameRangeInvalid


@dataclass(frozen=True)
class Absence:
    """One object, and frames that do not show it."""

    name: str
    frames: FrameRange

    @classmethod
    def parse(cls, text: str) -> Absence:
        """Read `sleeve:1010-1032`; what stands before the last colon is the name.

        Raises:
            RequestError.
        """
        name, colon, frames = text.rpartition(":")
        if not colon or not name.strip():
            raise RequestError(f"'{text}' names no object and its frames. Write NAME:FIRST-LAST, such as sleeve:1010-1032.")
        try:
            return cls(name.strip(), FrameRange.parse(frames))
        except FrameRangeInvalid as error:
            raise RequestError(f"In '{text}', {error}") from error

    def __str__(self) -> str:
        return f"{self.name}:{self.frames}"
