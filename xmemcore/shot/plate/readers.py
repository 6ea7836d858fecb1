"""Choose the reader of a plate file by its content, not by its name."""

from __future__ import annotations

from pathlib import Path

from xmemcore.protocol.failures import EXISTS, RequestError, cannot_read
from xmemcore.protocol.whole_file import open_ordinary
from xmemcore.shot.files.file_kinds import HEAD_BYTES
from xmemcore.shot.files.pictures import not_an_image
from xmemcore.shot.plate.exr_plates import ExrPlates
from xmemcore.shot.plate.picture_plates import PicturePlates
from xmemcore.shot.plate.reader import PlateReader

READERS: tuple[PlateReader, ...] = (ExrPlates(), PicturePlates())


def reader_of(path: Path) -> PlateReader:
    """Choose the reader of a file.

    Raises:
        RequestError: the file cannot be opened, or is of no kind that is read.
    """
    try:
        with open_ordinary(path) as file:
            begins = file.read(HEAD_BYTES)
    except OSError as error:
        raise cannot_read(str(path), error, EXISTS) from error
    for reader in READERS:
        if reader.recognises(begins):
            return reader
    raise RequestError(not_an_image(path, begins))
