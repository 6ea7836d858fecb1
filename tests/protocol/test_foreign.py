"""One translation of foreign errors: the real texts of memory, disk, device and library errors, each with its exit code and what to do."""

from __future__ import annotations

import errno
import sys

import pytest

from xmemcore.protocol import foreign
from xmemcore.protocol.failures import Failure, MachineError, RequestError

LINUX_CPU = (
    "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
    "68719476736 bytes. Error code 12 (Cannot allocate memory)"
)
WINDOWS_CPU = "[enforce fail at alloc_cpu.cpp:116] data. DefaultCPUAllocator: not enough memory: you tried to allocate 14155776000 bytes."
CUDA = (
    "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 23.64 GiB of which 13.94 MiB is free. Process 1 has "
    "23.62 GiB memory in use."
)
MPS = (
    "MPS backend out of memory (MPS allocated: 17.88 GB, other allocations: 7.50 MB, max allowed: 18.13 GB). Tried to allocate 256.00 MB "
    "on private pool. Use PYTORCH_MPS_HIGH_WATERMARK_RATIO=0.0 to disable upper limit for memory allocations (may cause system failure)."
)
OPENCV = "OpenCV(4.10.0) /io/opencv/modules/core/src/alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 24883200000 bytes"


class OutOfMemoryError(RuntimeError):
    """Of torch's name."""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError(LINUX_CPU), "The memory is full"),
        (RuntimeError(WINDOWS_CPU), "The memory is full"),
        (OutOfMemoryError(CUDA), "The GPU has too little memory"),
        (RuntimeError(CUDA), "or choose device cpu"),
        (RuntimeError(MPS), "The GPU has too little memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "The GPU has too little memory"),
        (Exception(OPENCV), "The memory is full"),
        (MemoryError("Unable to allocate 7.63 GiB for an array with shape (32000, 32000) and data type float64"), "The memory is full"),
        (MemoryError(), "Lower the working size"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "The memory is full"),
        (OSError("Allocation failed: 6000x256"), "The memory is full"),  # OpenEXR
    ],
)
def test_a_full_memory_is_the_machines_failure(error: Exception, words: str) -> None:
    failure = foreign.of(error)
    assert isinstance(failure, MachineError) and (failure.exit_code, failure.code) == (3, "memory")
    assert words in str(failure) and "report" not in str(failure)
    assert str(foreign.full_memory(error)) == str(failure)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/m/x.exr"), "The disk of /m/x.exr is full. Free some space"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "/m/x.exr"), "The disk of /m/x.exr is full"),
        (OSError(errno.EROFS, "Read-only file system", "/m/x.exr"), "/m/x.exr can only be read. Choose another output"),
        (PermissionError(errno.EACCES, "Permission denied", "/m"), "The system refused /m: Permission denied"),
        (OSError(errno.EIO, "Input/output error"), "The system refused the output or cache folder: Input/output error"),
        (Exception('Error while serializing: IoError(Os { code: 28, kind: StorageFull, message: "No space left on device" })'), "is full"),
        (Exception("I/O error: Read-only file system (os error 30)"), "can only be read"),
    ],
)
def test_a_disk_that_refuses_is_the_machines_failure(error: Exception, words: str) -> None:
    failure = foreign.of(error)
    assert (failure.exit_code, failure.code) == (3, "disk") and words in str(failure)
    assert foreign.full_memory(error) is None


@pytest.mark.parametrize(
    "error",
    [
        AssertionError("Torch not compiled with CUDA enabled"),
        RuntimeError(
            "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from\nhttp://x"
        ),
        RuntimeError("No CUDA GPUs are available"),
        RuntimeError("The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver."),
        RuntimeError("PyTorch is not linked with support for mps devices"),
        RuntimeError("CUDA error: no CUDA-capable device is detected\nCUDA kernel errors might be asynchronously reported"),
        RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be asynchronously reported at some other API call"),
    ],
)
def test_a_missing_or_failing_device_is_the_machines_failure(error: Exception) -> None:
    failure = foreign.of(error)
    assert (failure.exit_code, failure.code) == (3, "device")
    assert "cpu" in str(failure) and "\n" not in str(failure)


def test_a_device_that_is_not_here_ends_with_exit_code_3() -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    from xmemcore.shot.machine.device import choose_device

    with pytest.raises(MachineError, match="There is no device cuda here. Choose one of: auto, cpu") as raised:
        choose_device("cuda")
    assert raised.value.exit_code == 3


def test_a_missing_package_is_no_fault_of_ours_and_a_missing_module_of_ours_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XMEM_ROTO_PYTHON", raising=False)
    missing = foreign.of(ModuleNotFoundError("No module named 'torch'", name="torch"))
    assert str(missing) == f"{sys.executable} lacks the core's packages (torch). Run Set up the core."
    assert isinstance(missing, RequestError)
    broken = foreign.of(ImportError("libcudart.so.12: cannot open shared object file: No such file or directory"))
    assert broken.code == "packages"
    for ours in (ModuleNotFoundError("No module named 'xmemcore.gone'", name="xmemcore.gone"), ImportError("cannot import name 'x'")):
        assert foreign.of(ours).exit_code == 1


def test_one_of_ours_stays_and_what_nobody_thought_of_asks_for_a_report() -> None:
    ours = RequestError("No plate.")
    assert foreign.of(ours) is ours
    assert foreign.known(KeyError("x")) is None and foreign.known(AssertionError("shape")) is None
    assert foreign.of(KeyError("x")).code == "fault" and "report" in str(foreign.of(KeyError("x")))


def test_a_renamed_class_is_the_same_on_the_wire() -> None:
    class Renamed(RequestError):
        """Under whatever name."""

    assert Renamed("x").code == RequestError("x").code == "request" and Failure("x").code == "fault"
