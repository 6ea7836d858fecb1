"""Translate foreign exceptions (memory, disk, device, libraries) into ours, for command line, worker and plugin.

Errors of torch and other libraries are recognised by their texts, because the plugin cannot import those libraries. No other module
recognises an error by its text.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Optional

from xmemcore.protocol.failures import DeviceFailed, DeviceMissing, DiskFailed, Failure, MemoryFull, PackagesMissing
from xmemcore.protocol.places import PYTHON_VARIABLE

_MEMORY = (
    "out of memory",  # CUDA, MPS, HIP
    "can't allocate memory",  # torch on Linux: DefaultCPUAllocator
    "cannot allocate memory",  # ENOMEM in a text
    "not enough memory",  # torch on Windows: DefaultCPUAllocator
    "could not create a memory object",  # oneDNN
    "could not create a primitive",  # oneDNN, when its scratchpad does not fit
    "alloc_failed",  # CUBLAS_STATUS_ALLOC_FAILED, CUDNN_STATUS_ALLOC_FAILED
    "insufficient memory",  # opencv
    "failed to allocate",  # opencv
    "bad_alloc",  # C++
    "allocation failed",  # OpenEXR
    "paging file is too small",  # Windows
)
_GPU = ("cuda", "cublas", "cudnn", "mps", "hip ", "gpu")
_NO_DEVICE = (
    "torch not compiled with cuda",
    "found no nvidia driver",
    "no cuda gpus are available",
    "no cuda-capable device",
    "driver on your system is too old",
    "driver version is insufficient",
    "invalid device ordinal",
    "not linked with support for mps",
    "mps backend is not supported",
    "mps device is not available",
)
_DEVICE_FAILED = ("cuda error", "cudnn_status", "cublas_status", "cudnn error", "mps backend", "device-side assert", "command buffer")
_DISK_FULL = (
    "no space left on device",
    "disk quota exceeded",
    "os error 28",
    "os error 122",
    "not enough space on the disk",
    "os error 112",
)
_READ_ONLY = ("read-only file system", "os error 30")
_LIBRARY_MISSING = ("dll load failed", "cannot open shared object file", "library not loaded", "image not found")

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG}
_NO_MEMORY_ON_WINDOWS = 1455


def of(error: BaseException) -> Failure:
    """Turn any exception into one of ours. One of ours stays as it is; an unknown one becomes a plain `Failure`."""
    return known(error) or Failure(
        f"The core met a fault of its own: {type(error).__name__}: {error}. The core's last words tell more; please report them."
    )


def known(error: BaseException) -> Optional[Failure]:
    """Turn an exception that a machine, a disk or an environment can cause into one of ours; None for any other."""
    if isinstance(error, Failure):
        return error
    text = str(error).lower()
    if isinstance(error, ImportError):
        return _of_packages(error, text)
    memory = full_memory(error)
    if memory is not None:
        return memory
    if any(words in text for words in _NO_DEVICE):
        return DeviceMissing(f"The device that was asked for cannot be used here: {_first_line(error)}. Choose another device, or cpu.")
    if isinstance(error, OSError):
        return _of_disk(error)
    if any(words in text for words in _DISK_FULL):
        return DiskFailed("The disk is full. Free some space, or choose another output or cache; finished frames are kept.")
    if any(words in text for words in _READ_ONLY):
        return DiskFailed("A folder can only be read. Choose another output or cache; finished frames are kept.")
    if any(words in text for words in _DEVICE_FAILED):
        return DeviceFailed(f"The GPU failed: {_first_line(error)}. Run this again, or choose device cpu; finished frames are kept.")
    return None


def full_memory(error: BaseException) -> Optional[Failure]:
    """Give the failure of a full memory; None for any other exception.

    A reader asks before it calls a file damaged, because libraries raise the same classes for both.
    """
    text = str(error).lower()
    return _of_memory(text) if _is_memory(error, text) else None


def _is_memory(error: BaseException, text: str) -> bool:
    # By name: importing torch to compare classes would take seconds.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno == errno.ENOMEM or getattr(error, "winerror", None) == _NO_MEMORY_ON_WINDOWS
    return isinstance(error, Exception) and any(words in text for words in _MEMORY)


def _of_memory(text: str) -> Failure:
    if any(words in text for words in _GPU):
        return MemoryFull("The GPU has too little memory. Lower the working size, close what else uses the GPU, or choose device cpu.")
    return MemoryFull("The memory is full. Lower the working size, or close what else needs memory.")


def _of_disk(error: OSError) -> Failure:
    where = error.filename or "the output or cache folder"
    if error.errno in _FULL:
        return DiskFailed(f"The disk of {where} is full. Free some space or choose another output or cache; finished frames are kept.")
    if error.errno == errno.EROFS:
        return DiskFailed(f"{where} can only be read. Choose another output or cache; finished frames are kept.")
    return DiskFailed(f"The system refused {where}: {error.strerror or error}. Check that the folder exists and may be written to.")


def _of_packages(error: ImportError, text: str) -> Optional[Failure]:
    is_ours = (error.name or "").partition(".")[0] in ("xmemcore", "xmem_roto_nuke")
    if is_ours or not (isinstance(error, ModuleNotFoundError) or any(words in text for words in _LIBRARY_MISSING)):
        return None
    # The set-up makes an environment that is used where the variable names no other.
    advice = "Run Set up the core."
    if os.environ.get(PYTHON_VARIABLE):
        advice = f"Point {PYTHON_VARIABLE} at a Python that has them, or unset it and run Set up the core."
    return PackagesMissing(f"{sys.executable} lacks the core's packages ({error.name or _first_line(error)}). {advice}")


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")
