"""A temporary folder for one run, outside of the cache. When the run is killed, a later run deletes the folder."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from xmemcore.protocol.failures import MachineError
from xmemcore.protocol.whole_file import abandoned, machine

MARKER = "made-by-xmem-roto"
_NAME = re.compile(r"xmem-roto-work-(?P<host>[^.]{1,40})-(?P<process>[0-9]{1,10})-[a-z0-9_]{8}")


@contextmanager
def work_folder() -> Iterator[Path]:
    """Give an empty folder that goes when the body ends; raises MachineError."""
    root = Path(tempfile.gettempdir())
    try:
        # Readable by this user alone, under a name that cannot be guessed.
        folder = Path(tempfile.mkdtemp(prefix=f"xmem-roto-work-{machine()}-{os.getpid()}-", dir=root))
        (folder / MARKER).touch()
    except OSError as error:
        raise MachineError(f"No temporary folder can be made in {root}: {error.strerror}. Point $TMPDIR at a disk with room.") from error
    try:
        yield folder
    finally:
        _delete(folder)


def sweep_work_folders(root: Path | None = None) -> None:
    """Delete the folders of killed runs: those with our name that hold our marker, or nothing. None: where such folders are made."""
    with suppress(OSError), os.scandir(root or tempfile.gettempdir()) as entries:
        for entry in entries:
            named = _NAME.fullmatch(entry.name)
            if named is None or not entry.is_dir(follow_symlinks=False):
                continue
            with suppress(OSError):
                if not abandoned(named["host"], named["process"], entry.stat(follow_symlinks=False).st_mtime):
                    continue
                if Path(entry.path, MARKER).is_file():
                    _delete(Path(entry.path))
                else:
                    # The run was killed before it could mark the folder, or after. A folder that holds something stays.
                    os.rmdir(entry.path)


def _delete(folder: Path) -> None:
    """Delete a folder, its marker last: a deletion that is killed in the middle leaves what the next one knows."""
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            elif entry.name != MARKER:
                with suppress(OSError):
                    os.unlink(entry.path)
        if set(os.listdir(folder)) <= {MARKER}:
            (folder / MARKER).unlink(missing_ok=True)
            folder.rmdir()
