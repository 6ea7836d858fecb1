"""A lock on an open file, for plugin and core alike; the system lets go of it when its process ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import sys


def try_lock(descriptor: int) -> bool:
    """Take the lock if nobody has it. A network disk without locks gives it to everybody: no reason to refuse all work there."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False  # on Windows a held lock is a PermissionError
    except OSError:
        return True
    return True


def unlock(descriptor: int) -> None:
    """Let go of the lock."""
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_UN)
