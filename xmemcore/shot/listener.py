"""Listeners of a job: the command line's progress, the worker's messages, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Listener(Protocol):
    """Hears how a job goes, from the thread that computes, and is asked between frames whether to stop."""

    def message(self, text: str) -> None:
        """Say what is being done."""

    def warning(self, text: str) -> None:
        """Say what the artist should know, in one sentence."""

    def progress(self, done: int, total: int) -> None:
        """Count steps of equal size."""

    def frame_done(self, frame: int, path: Path) -> None:
        """Name a file that is complete."""

    def cancelled(self) -> bool:
        """Say whether the artist asked to stop."""


class Silence:
    """A listener that hears nothing and never stops."""

    def message(self, text: str) -> None:
        pass

    def warning(self, text: str) -> None:
        pass

    def progress(self, done: int, total: int) -> None:
        pass

    def frame_done(self, frame: int, path: Path) -> None:
        pass

    def cancelled(self) -> bool:
        return False
