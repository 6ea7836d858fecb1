"""Files in the folder for exchange with the core: whole or not there at all; a disk that refuses them is spoken of in one way."""

from __future__ import annotations

import contextlib
import errno
import json
from pathlib import Path
from typing import Any, Dict, Iterator

from xmemcore.protocol.failures import DISK_FAILED, Failure, MachineError, RequestError
from xmemcore.protocol.places import CACHE_VARIABLE
from xmemcore.protocol.whole_file import write_text


class ExchangeUnwritable(RequestError):
    """The folder for exchange with the core is at a place that cannot be written."""


class ExchangeDiskFailed(MachineError):
    """The disk of the folder for exchange with the core is full or broken."""


@contextlib.contextmanager
def changing(path: Path) -> Iterator[None]:
    """Say of what the disk refuses inside that it is about this path.

    Raises:
        ExchangeUnwritable, ExchangeDiskFailed.
    """
    try:
        yield
    except OSError as error:
        raise _refusal(path, error) from error


def _refusal(path: Path, error: OSError) -> Failure:
    """Say what to do about it: only a disk that is full is helped by space."""
    what = f"Cannot write {path}: {error.strerror or error}."
    if error.errno == errno.EIO:
        return ExchangeDiskFailed(f"{what} Point {CACHE_VARIABLE} at another disk.")
    if error.errno in DISK_FAILED:
        return ExchangeDiskFailed(f"{what} Free some space, or point {CACHE_VARIABLE} at another disk.")
    # Windows says so too of a file that another program has open.
    close = "Close the program that has it open, or point" if isinstance(error, PermissionError) else "Point"
    return ExchangeUnwritable(f"{what} {close} {CACHE_VARIABLE} at a folder that may be written.")


def write_json(path: Path, content: Dict[str, Any]) -> None:
    """Write a file whole, and its folder where there is none.

    Raises:
        ExchangeUnwritable, ExchangeDiskFailed.
    """
    with changing(path):
        write_text(path, json.dumps(content))
