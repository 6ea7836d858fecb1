"""Pictures to look at, written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, PngImagePlugin

from xmemcore.protocol.failures import RequestError, not_written
from xmemcore.protocol.version import VERSION
from xmemcore.protocol.whole_file import probe, read_ordinary, require_ordinary, whole

MADE_BY = "XMem Roto"
"""Begin of what our pictures say of the program that made them."""
HEAD_BYTES = 4096
"""Bytes of a picture in which it says so."""


def require_writable(path: Path) -> None:
    """See, before long work is done for it, that a picture can be written and replaces none of another program.

    Raises:
        RequestError, DiskFailed.
    """
    try:
        require_ordinary(path)
        probe(path.parent)
        head = read_ordinary(path, 0, begin=HEAD_BYTES) if path.exists() else b""
    except OSError as error:
        raise not_written(path, error) from error
    if head and MADE_BY.encode() not in head:
        raise RequestError(f"{path} is there and is no picture of this program: it stays as it is. Name another file, or move that one.")


def write_picture(image: Image.Image, path: Path) -> None:
    """Write a PNG whole, or not at all; raises RequestError, DiskFailed."""
    says = PngImagePlugin.PngInfo()
    says.add_text("Software", f"{MADE_BY} {VERSION}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as file:
            image.save(file, format="PNG", pnginfo=says)
    except OSError as error:
        raise not_written(path, error) from error
