"""Pictures to look at, written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from xmemcore.protocol.failures import not_written
from xmemcore.protocol.whole_file import probe, require_ordinary, whole


def require_writable(path: Path) -> None:
    """See that a picture can be written before long work is done for it; raises RequestError, DiskFailed."""
    try:
        require_ordinary(path)
        probe(path.parent)
    except OSError as error:
        raise not_written(path, error) from error


def write_picture(image: Image.Image, path: Path) -> None:
    """Write a PNG whole, or not at all; raises RequestError, DiskFailed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as file:
            image.save(file, format="PNG")
    except OSError as error:
        raise not_written(path, error) from error
