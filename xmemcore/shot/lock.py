"""One writer at a time for a node; the system lets go of the lock when its process ends, however it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xmemcore.protocol.failures import RequestError


class NodeBusy(RequestError):
    """Another process writes for this node."""


class LockNotWritable(RequestError):
    """There is no place for the lock."""


@contextmanager
def locked(path: Path, patience_seconds: float = 2.0) -> Iterator[None]:
    """Hold a lock file while the body runs.

    Raises:
        NodeBusy: another process still holds it after `patience_seconds`.
        LockNotWritable: the file cannot be made or opened.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = open(path, "a+b")  # noqa: SIM115  (closed below)
    except OSError as error:
        raise LockNotWritable(f"The folder {path.parent} cannot be written: {error.strerror}. Choose another (--cache).") from error
    with opened as file:
        deadline = time.monotonic() + patience_seconds
        while not _try_lock(file.fileno()):
            if time.monotonic() > deadline:
                raise NodeBusy(f"Another propagate is running for this node (lock {path}). Wait for it, or cancel it.")
            time.sleep(0.05)
        try:
            yield
        finally:
            _unlock(file.fileno())


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _unlock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_UN)
