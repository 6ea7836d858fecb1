"""Pictures to look at, written whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

from PIL import Image

from xmemcore.protocol.failures import not_written
from xmemcore.shot.whole_file import probe, whole


def require_writable(path: Path) -> None:
    """See that a picture can be written before long work is done for it; raises NotWritable, DiskFailed."""
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        probe(path.parent)
    except OSError as error:
        raise not_written(path, error) from error


def write_picture(image: Image.Image, path: Path) -> None:
    """Write a PNG whole, or not at all; raises NotWritable, DiskFailed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as partial:
            image.save(partial, format="PNG")
    except OSError as error:
        raise not_written(path, error) from error
