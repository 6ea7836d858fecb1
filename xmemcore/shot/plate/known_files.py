"""Remember each plate file's content by the hash of its bytes, so that an unchanged file need not be decoded again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import OpenEXR

from xmemcore.network.catalogue import hash_file
from xmemcore.protocol.colorspaces import OCIO_PREFIX
from xmemcore.protocol.version import VERSION
from xmemcore.shot.store.cache import digest

KEPT_FILES = 20_000
"""Files of a node that are remembered; those that were seen longest ago are forgotten first."""


@dataclass(frozen=True)
class SeenFile:
    """A plate file as it was when its bytes were hashed."""

    path: Path
    state: tuple[int, int, int]
    name: str
    """Hash of its bytes and of how it is read."""


class KnownFiles:
    """Hashes of contents, by plate file. Safe to use from several threads."""

    def __init__(self, colorspace: str, *reading: object, known: Mapping[str, str] | None = None) -> None:
        """Prepare to look files up.

        Args:
            colorspace: of the plate. What OpenColorIO decodes is never looked up: it may read further files.
            reading: everything else, besides the file, that decides what is read from it.
            known: what an earlier run remembered; None: nothing is looked up, and no file hashed, because no later run will ask.
        """
        self._reading = digest(VERSION, cv2.__version__, OpenEXR.__version__, colorspace, *reading)
        self._usable = known is not None and not colorspace.startswith(OCIO_PREFIX)
        self._known = dict(known or {})

    def see(self, path: Path) -> SeenFile | None:
        """Hash a file; None when it is not to be looked up, or cannot be read."""
        if not self._usable:
            return None
        try:
            state = _state(path)
            content = hash_file(path)
        except OSError:
            return None
        return SeenFile(path, state, digest(self._reading, content))

    def content(self, seen: SeenFile | None) -> str | None:
        """Give the hash of the content that a file shows; None when that is not known."""
        return None if seen is None else self._known.get(seen.name)

    def remember(self, seen: SeenFile | None, content: str) -> None:
        """Note what a file shows, unless it was changed since its bytes were hashed."""
        if seen is not None and self.unchanged(seen):
            self._known.pop(seen.name, None)
            self._known[seen.name] = content

    def unchanged(self, seen: SeenFile | None) -> bool:
        """Say whether a file is still as it was when its bytes were hashed."""
        try:
            return seen is not None and _state(seen.path) == seen.state
        except OSError:
            return False

    def remembered(self) -> dict[str, str]:
        """Give the hashes for the next run."""
        return dict(list(self._known.items())[-KEPT_FILES:])


def _state(path: Path) -> tuple[int, int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ino
