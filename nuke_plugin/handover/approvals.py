"""Mattes that the artist has approved: copies beside the mattes, which later runs keep and learn from."""

from __future__ import annotations

import hashlib
import os

from xmemcore.protocol.places import approved_folder


def stamp(mattes: str) -> str:
    """Digest names, sizes and times of the approved copies; empty when there are none.

    Args:
        mattes: pattern of the mattes; empty for no place.
    """
    if not mattes:
        return ""
    try:
        with os.scandir(approved_folder(mattes)) as listed:
            copies = sorted((entry.name, entry.stat().st_size, entry.stat().st_mtime_ns) for entry in listed if entry.name.endswith(".exr"))
    except OSError:
        return ""
    lines = [f"{name} {size} {changed}" for name, size, changed in copies]
    return hashlib.sha1("\n".join(lines).encode("utf-8", errors="surrogateescape")).hexdigest()[:12] if copies else ""
