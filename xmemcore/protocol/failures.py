"""What can go wrong, in three kinds that every door (command line, worker, Nuke) treats alike."""

from __future__ import annotations

import errno
from pathlib import Path

DISK_FAILED = frozenset((errno.ENOSPC, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC)))
"""Errors of a system call that say: the disk is full or broken."""


class Failure(Exception):
    """Stop with one sentence that an artist can act on: what, where, what to do.

    The sentence is the exception's text. `code` names the failure on the wire; `exit_code` ends the command line.
    """

    exit_code = 1

    @property
    def code(self) -> str:
        return type(self).__name__


class RequestError(Failure):
    """The request is wrong, or no model is installed; the same request will fail again."""

    exit_code = 2


class MachineError(Failure):
    """The machine failed: disk, memory or device. The same request may pass later."""

    exit_code = 3


class Cancelled(Failure):
    """The artist asked to stop; what was finished stays."""

    exit_code = 130


class NotWritable(RequestError):
    """A file that was asked for cannot be written where it was asked for."""


class DiskFailed(MachineError):
    """The disk is full or broken."""


def not_written(path: Path, error: OSError) -> Failure:
    """Say that a file was not written, as the request's fault or as the disk's."""
    reason = error.strerror or str(error)
    if error.errno in DISK_FAILED:
        return DiskFailed(f"{path} was not written: {reason}. Make room, then run this again.")
    return NotWritable(f"Cannot write {path}: {reason}. Name another file or folder.")
