"""What can go wrong, in three kinds that every door (command line, worker, Nuke) treats alike."""

from __future__ import annotations

import errno
from pathlib import Path

DISK_FAILED = frozenset((errno.ENOSPC, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC)))
"""Errors of a system call that say: the disk is full or broken."""


class Failure(Exception):
    """Stop with one sentence that an artist can act on: what, where, what to do.

    The sentence is the exception's text. `code` names its kind on the wire, whatever its class is called; `exit_code` ends a program.
    """

    code = "fault"
    exit_code = 1


class RequestError(Failure):
    """The request is wrong, or no model is installed; the same request will fail again."""

    code = "request"
    exit_code = 2


class MachineError(Failure):
    """The machine failed or lacks what was asked for: disk, memory or device. The same request may pass later, or elsewhere."""

    code = "machine"
    exit_code = 3


class Cancelled(Failure):
    """The artist asked to stop; what was finished stays."""

    code = "cancelled"
    exit_code = 130


class Busy(Failure):
    """Somebody else is at work there; the same request will pass later."""

    code = "busy"
    exit_code = 75


class MemoryFull(MachineError):
    """The machine or the device has no memory left."""

    code = "memory"


class DeviceMissing(MachineError):
    """The device that was asked for is not in this machine, or torch was installed without it."""

    code = "device"


class DeviceFailed(MachineError):
    """The device broke off."""

    code = "device"


class PackagesMissing(RequestError):
    """The Python that runs the core has not got what it imports."""

    code = "packages"


class DiskFailed(MachineError):
    """The disk is full, broken, or refuses."""

    code = "disk"


def not_written(path: Path, error: OSError) -> Failure:
    """Say that a file was not written, as the request's fault or as the disk's."""
    reason = error.strerror or str(error)
    if error.errno in DISK_FAILED:
        return DiskFailed(f"{path} was not written: {reason}. Make room, then run this again.")
    return RequestError(f"Cannot write {path}: {reason}. Name another file or folder.")
