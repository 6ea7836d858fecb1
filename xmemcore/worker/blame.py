"""Foreign exceptions become ours here: whatever a job raises leaves the worker as one sentence with a kind."""

from __future__ import annotations

import errno

from xmemcore.protocol.failures import Failure, MachineError


class DiskFull(MachineError):
    """No space left for a matte or for the cache."""


class DiskRefused(MachineError):
    """The file system refused a read or write that should have worked."""


class MemoryFull(MachineError):
    """The machine or the device has no memory left."""


class FaultOfOurs(Failure):
    """Something that should not be possible; the traceback is on stderr."""

    exit_code = 1


def translate(error: BaseException) -> Failure:
    """Turn any exception of a job into one of ours; one of ours stays as it is."""
    if isinstance(error, Failure):
        return error
    # Named, not imported: torch is heavy, and a job that failed before torch came in has no such error.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or "not enough memory" in str(error):
        return MemoryFull("The memory is full. Lower the working size, close what else uses the device, or choose device cpu.")
    if isinstance(error, OSError):
        where = error.filename or "the output or cache folder"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return DiskFull(f"The disk of {where} is full. Free some space or choose another output or cache; finished frames are kept.")
        return DiskRefused(f"The system refused {where}: {error.strerror or error}. Check that the folder exists and may be written to.")
    return FaultOfOurs(
        f"The core met a fault of its own: {type(error).__name__}: {error}. The core's last words tell more; please report them."
    )
