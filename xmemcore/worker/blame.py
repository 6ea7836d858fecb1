"""Foreign exceptions become ours here: whatever a job raises leaves the worker as one sentence with a kind."""

from __future__ import annotations

import errno
import os
import sys

from xmemcore.protocol.failures import Failure, MachineError, RequestError


class DiskFull(MachineError):
    """No space left for a matte or for the cache."""


class DiskRefused(MachineError):
    """The file system refused a read or write that should have worked."""


class MemoryFull(MachineError):
    """The machine or the device has no memory left."""


class PackagesMissing(RequestError):
    """The Python that runs the core has not got what it imports."""


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
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.partition(".")[0] != "xmemcore":
        return PackagesMissing(f"{sys.executable} lacks the core's packages ({error.name}). {_how_to_get_packages()}")
    return FaultOfOurs(
        f"The core met a fault of its own: {type(error).__name__}: {error}. The core's last words tell more; please report them."
    )


def _how_to_get_packages() -> str:
    """The set-up makes an environment of its own, which counts where no other one is named."""
    if os.environ.get("XMEM_ROTO_PYTHON"):
        return "Point XMEM_ROTO_PYTHON at a Python that has them, or unset it and run Set up the core."
    return "Run Set up the core."
