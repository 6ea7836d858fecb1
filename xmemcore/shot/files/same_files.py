"""Files that a run reads more than once: one that is written again meanwhile ends the run."""

from __future__ import annotations

import os
from pathlib import Path

from xmemcore.protocol.failures import Busy


class SameFiles:
    """Remember each file as it was when it was first read. Safe to use from several threads."""

    def __init__(self) -> None:
        self._states: dict[Path, tuple[int, int]] = {}

    def require(self, path: Path, subject: str) -> None:
        """Raise Busy where a file is another than it was: a matte would be made of two pictures, and call itself fresh.

        Args:
            path: of the file, before each read.
            subject: begins the sentence.
        """
        try:
            status = os.stat(path)
        except OSError:
            return  # who reads it says so
        state = status.st_size, status.st_mtime_ns
        if self._states.setdefault(path, state) != state:
            raise Busy(f"{subject} was written again while it was read here. Run this again when it is finished; finished mattes stay.")
