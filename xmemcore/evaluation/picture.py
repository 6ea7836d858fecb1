"""Pictures to look at, written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from xmemcore.protocol.failures import MachineError


class PictureUnwritable(MachineError):
    """A picture cannot be written."""


def write_picture(image: Image.Image, path: Path) -> None:
    """Write a PNG whole, or not at all.

    Raises:
        PictureUnwritable: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.tmp")
        image.save(partial, format="PNG")
        partial.replace(path)
    except OSError as error:
        raise PictureUnwritable(f"Cannot write the picture {path}: {error.strerror or error}. Name another file.") from error
