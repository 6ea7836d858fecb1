"""Mattes that lie beside those of a run, of frames that it did not fill: other runs left them, and in Nuke they show beside its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xmemcore.protocol.frames import counted
from xmemcore.protocol.result_file import ResultFile
from xmemcore.shot.files.sequence import frame_path


def mattes_beside(pattern: Path, frames: Sequence[int]) -> list[int]:
    """List the mattes of a sequence that are of other runs than the one that filled these frames."""
    return sorted(frame for frame in set(ResultFile(pattern).records).difference(frames) if frame_path(pattern, frame).is_file())


def say_beside(beside: Sequence[int]) -> None:
    """Print which mattes are of other runs, where there are some."""
    if beside:
        print(f"Mattes of {counted(beside)} lie there from an earlier run; this run did not look at them")
