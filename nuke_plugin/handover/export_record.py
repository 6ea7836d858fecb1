"""The record of a folder of rendered frames: what each was rendered from, and the frames set aside for later runs."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Sequence

from xmem_roto_nuke.handover.shared_folder import changing, write_json
from xmem_roto_nuke.node.places import require_plain
from xmemcore.protocol.outside import read_object
from xmemcore.protocol.places import CACHE_VARIABLE, file_state
from xmemcore.protocol.requests import ShotRequest

FRAME = re.compile(r"-?[0-9]{1,9}")

KEPT_BYTES = ShotRequest.cache_limit
"""Bytes of frames that may be set aside for one folder; the oldest are deleted first."""


@dataclass
class ExportRecord:
    """The record of one folder, `plate.json` in it."""

    folder: Path
    stem: str
    frames: Dict[int, Dict[str, Any]] = field(default_factory=dict)
    """Digest of the tree, and size and time of the file, for each frame."""

    @classmethod
    def open(cls, folder: Path, stem: str) -> ExportRecord:
        """Read what is there; a damaged record counts as none.

        Raises:
            RequestError: Nuke cannot write into this folder; see `places.require_plain`.
        """
        require_plain(folder, f"Point {CACHE_VARIABLE} at another folder, or export to another one.")
        stored = (read_object(folder / "plate.json") or {}).get("frames")
        listed = stored.items() if isinstance(stored, dict) else ()
        return cls(folder, stem, {int(frame): entry for frame, entry in listed if FRAME.fullmatch(frame) and isinstance(entry, dict)})

    @property
    def pattern(self) -> str:
        return (self.folder / f"{self.stem}.%04d.exr").as_posix()

    def path(self, frame: int) -> Path:
        """Say where a frame's file is."""
        return Path(self.pattern % frame)

    def is_fresh(self, frame: int, digest: str) -> bool:
        """Say whether a frame's file is whole and of this tree."""
        entry = self.frames.get(frame)
        return entry is not None and entry.get("digest") == digest and entry.get("file") == file_state(self.path(frame))

    def note(self, frame: int, digest: str) -> None:
        """Record a rendered frame."""
        self.frames[frame] = {"digest": digest, "file": file_state(self.path(frame))}

    def forget(self, frame: int) -> None:
        """Delete a frame's entry, so that its file counts as unknown."""
        self.frames.pop(frame, None)

    def save(self) -> None:
        """Write the record whole.

        Raises:
            RequestError, DiskFailed.
        """
        write_json(self.folder / "plate.json", {"frames": {str(frame): entry for frame, entry in sorted(self.frames.items())}})

    def note_use(self) -> None:
        """Note that the frames are in use: what was used longest ago goes first when the cache is full."""
        with contextlib.suppress(OSError):
            os.utime(self.folder / "plate.json")

    def keep_only(self, frames: Sequence[int]) -> None:
        """Leave no file of another frame here, since the core takes every file for a part of the plate; set those aside.

        Raises:
            RequestError, DiskFailed.
        """
        wanted = {self.path(frame).name for frame in frames}
        for path in self._files(self.folder):
            if path.name not in wanted:
                self._move(path, self._aside / path.name)
        files = sorted(((path.stat().st_mtime_ns, path.stat().st_size, path) for path in self._files(self._aside)), reverse=True)
        total = 0
        for _, size, path in files:
            total += size
            if total > KEPT_BYTES:
                self._delete(path)

    def bring_back(self, frames: Sequence[int]) -> None:
        """Move files that were set aside back to their place, fresh or not.

        Raises:
            RequestError, DiskFailed.
        """
        set_aside = {path.name: path for path in self._files(self._aside)}
        for frame in frames:
            path = self.path(frame)
            if path.name in set_aside and not path.exists():
                self._move(set_aside[path.name], path)

    @property
    def _aside(self) -> Path:
        """A neighbour, so that Clear deletes it with all else; renaming changes neither size nor time."""
        return self.folder.with_name(f"{self.folder.name}_aside")

    def _files(self, folder: Path) -> List[Path]:
        return sorted(folder.glob(f"{self.stem}.*.exr"))

    def _move(self, path: Path, to: Path) -> None:
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, to)
        except OSError:
            self._delete(path)  # then it is rendered again, some day

    @staticmethod
    def _delete(path: Path) -> None:
        with changing(path):
            path.unlink()
