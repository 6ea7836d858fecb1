"""One writer at a time for a node."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.file_lock import try_lock, unlock


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
        while not try_lock(file.fileno()):
            if time.monotonic() > deadline:
                raise NodeBusy(f"Another propagate is running for this node (lock {path}). Wait for it, or cancel it.")
            time.sleep(0.05)
        try:
            yield
        finally:
            unlock(file.fileno())
