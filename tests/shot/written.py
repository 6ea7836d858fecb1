"""What propagates have written, read with the library alone and compared bit for bit; and a listener that keeps what they tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR

Channels = dict[str, np.ndarray]
"""The pixels of a file, by channel."""


def read_matte(path: Path) -> tuple[dict[str, Any], Channels]:
    """Read header and channels of a matte."""
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return dict(file.header()), {name: channel.pixels.copy() for name, channel in file.channels().items()}


def mattes(out: str) -> dict[str, Channels]:
    """Read all mattes of a pattern, by the files' names."""
    return {path.name: read_matte(path)[1] for path in sorted(Path(out).parent.glob("matte.*.exr"))}


def same(first: dict[str, Channels], second: dict[str, Channels]) -> bool:
    """Say whether two runs have written the same frames, channels and bits."""
    return first.keys() == second.keys() and all(
        first[name].keys() == second[name].keys() and all(np.array_equal(plane, second[name][channel]) for channel, plane in found.items())
        for name, found in first.items()
    )


@dataclass
class Recorder:
    """A listener that remembers, and stops after so many frames."""

    stop_after: int | None = None
    frames: list[int] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=list)

    def message(self, text: str) -> None:
        pass

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def progress(self, done: int, total: int) -> None:
        self.steps.append((done, total))

    def frame_done(self, frame: int, path: Path) -> None:
        assert path.is_file()
        self.frames.append(frame)

    def cancelled(self) -> bool:
        return self.stop_after is not None and len(self.frames) >= self.stop_after
