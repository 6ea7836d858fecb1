"""Notice when the worker's parent process is gone.

End of file on stdin is the usual sign. It does not come while a third process holds a copy of the pipe's other end,
so the parent is also looked for once a second.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable

LOOK_EVERY_SECONDS = 1.0


def watch(parent: int, gone: Callable[[], None]) -> threading.Thread:
    """Call `gone` once the process `parent` no longer exists; returns the watching thread, which is a daemon."""
    wait = _wait_windows if sys.platform == "win32" else _wait_posix

    def waits() -> None:
        wait(parent)
        gone()

    thread = threading.Thread(target=waits, name="parent watch", daemon=True)
    thread.start()
    return thread


def _wait_posix(parent: int) -> None:
    # An orphan is given a new parent, so our own parent's number is the test; it cannot be mistaken for a
    # later process of the same number, which a look at the process table could.
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_SECONDS)


def _wait_windows(parent: int) -> None:
    """Windows keeps the number of a dead parent, so wait on a handle of it."""
    import ctypes

    synchronize, for_ever = 0x00100000, 0xFFFFFFFF
    kernel32 = ctypes.windll.kernel32  # type: ignore[attr-defined, unused-ignore]
    handle = kernel32.OpenProcess(synchronize, False, parent)
    if handle:
        kernel32.WaitForSingleObject(handle, for_ever)
        kernel32.CloseHandle(handle)
