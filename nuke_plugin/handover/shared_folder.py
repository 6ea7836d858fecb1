"""The folder for exchange with the core: files written whole, one Nuke at a time, and failures of its disk.

Two sessions with the same script would overwrite each other's plates while a core reads them. The core has a lock for its own files; the
one here covers the exchange folder.
"""

from __future__ import annotations

import contextlib
import errno
import json
from pathlib import Path
from typing import Any, Dict, Iterator

from xmemcore.protocol import places
from xmemcore.protocol.failures import DISK_FAILED, Busy, DiskFailed, Failure, RequestError
from xmemcore.protocol.file_lock import try_lock, unlock
from xmemcore.protocol.places import CACHE_VARIABLE
from xmemcore.protocol.whole_file import write_text


@contextlib.contextmanager
def changing(path: Path) -> Iterator[None]:
    """Turn a disk's refusal in the body into a failure that names this path.

    Raises:
        RequestError, DiskFailed.
    """
    try:
        yield
    except OSError as error:
        raise _refusal(path, error) from error


def _refusal(path: Path, error: OSError) -> Failure:
    """Make the failure, which says what to do; only a full disk is helped by freeing space."""
    fact = f"Cannot write {path}: {error.strerror or error}."
    if error.errno == errno.EIO:
        return DiskFailed(f"{fact} Point {CACHE_VARIABLE} at another disk.")
    if error.errno in DISK_FAILED:
        return DiskFailed(f"{fact} Free some space, or point {CACHE_VARIABLE} at another disk.")
    # Windows says so too of a file that another program has open.
    close = "Close the program that has it open, or point" if isinstance(error, PermissionError) else "Point"
    return RequestError(f"{fact} {close} {CACHE_VARIABLE} at a folder that may be written.")


def write_json(path: Path, content: Dict[str, Any]) -> None:
    """Write JSON as `write_whole` does."""
    write_whole(path, json.dumps(content))


def write_whole(path: Path, content: str) -> None:
    """Write a file whole, and its folder where there is none.

    Raises:
        RequestError, DiskFailed.
    """
    with changing(path):
        write_text(path, content)


@contextlib.contextmanager
def held(node_id: str, node_name: str) -> Iterator[None]:
    """Keep other sessions from a node's exchange folder while the body runs.

    Raises:
        Busy: one is there.
        RequestError, DiskFailed: there is no place for the lock.
    """
    folder = places.exchange_folder(node_id)
    path = places.exchange_lock(folder)
    with changing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = open(path, "a+b")  # noqa: SIM115  (closed below)
    with opened as file:
        if not try_lock(file.fileno()):
            raise Busy(
                f"Another Nuke is at work for {node_name}: this script is open twice. Wait until that one has finished, "
                "or save this script under another name and press again; the node then becomes one of its own."
            )
        try:
            yield
        finally:
            unlock(file.fileno())
