"""The kinds of failure. Command line, worker and plugin treat each kind alike."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from xmemcore.protocol.words import one_line

DISK_FAILED = frozenset((errno.ENOSPC, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC)))
"""Numbers of system errors that mean a full or broken disk."""


_NETWORK = ("ESTALE", "ETIMEDOUT", "ENOTCONN", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "EREMOTEIO", "ENXIO", "ENODEV")
NOT_REACHED = DISK_FAILED | {getattr(errno, name) for name in _NETWORK if hasattr(errno, name)}
"""Numbers of system errors that mean that a machine does not reach a disk at the moment."""


EXISTS = "Check that the file exists and may be read."
"""Advice for `cannot_read`."""

LONGEST = 4000
"""Characters of a sentence."""
_LONG_WORD = re.compile(r"\S{400,}")


class Failure(Exception):
    """Stop with one sentence that an artist can act on: what, where, what to do.

    The sentence is the exception's text. `code` names its kind on the wire, whatever its class is called; `exit_code` ends a program.
    """

    code = "fault"
    exit_code = 1

    def __str__(self) -> str:
        """Give the sentence on one line; what it repeats of a request or a file is bounded, whoever wrote it."""
        text = _LONG_WORD.sub(lambda word: f"{word[0][:200]}...{word[0][-60:]}", one_line(super().__str__()))
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 400]} ... {text[-380:]}"


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
    """Another process works on the same files; the same request will pass later."""

    code = "busy"
    exit_code = 75


class MemoryFull(MachineError):
    """The machine or the device has no memory left."""

    code = "memory"


class DeviceMissing(MachineError):
    """The device that was asked for is not in this machine, or torch was installed without it."""

    code = "device"


class DeviceFailed(MachineError):
    """The device failed while it computed."""

    code = "device"


class PackagesMissing(RequestError):
    """The Python that runs the core lacks a package."""

    code = "packages"


class DiskFailed(MachineError):
    """The disk is full or broken, or the system refuses to write there."""

    code = "disk"


class NotWritable(RequestError):
    """The system refuses to write at a place that was named. To a job, which names places that were right, it is the machine's fault."""


def cannot_read(subject: str, error: OSError, advice: str) -> Failure:
    """Make the failure for a file or folder that was not read: DiskFailed where the machine does not reach it, RequestError elsewhere."""
    reason = error.strerror or str(error)
    if error.errno in NOT_REACHED:
        return DiskFailed(
            f"Cannot read {subject}: {reason}. The disk or the network to it fails here; run this again, or on another machine."
        )
    return RequestError(f"Cannot read {subject}: {reason}. {advice}")


def reason_of(path: Path, error: OSError) -> str:
    """Say why nothing can be written there. What is in the place of a folder is named: "File exists" of a folder helps nobody."""
    if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.ELOOP):
        for part in (path, *path.parents):
            if part.is_file():
                return f"{part} is a file"
            if part.is_symlink() and not part.exists():
                return f"{part} is a link to {os.readlink(part)}, which leads nowhere"
    return error.strerror or str(error)


def not_written(path: Path, error: OSError) -> Failure:
    """Make the failure for a file that was not written: DiskFailed where the disk is at fault, NotWritable elsewhere."""
    reason = reason_of(path, error)
    if error.errno in DISK_FAILED:
        return DiskFailed(f"{path} was not written: {reason}. Make room, then run this again.")
    return NotWritable(f"Cannot write {path}: {reason}. Name another file or folder.")
