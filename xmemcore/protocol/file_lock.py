"""A lock on an open file, for plugin and core. The system releases it when its process ends, even when that is killed."""

from __future__ import annotations

import contextlib
import os
import sys


def try_lock(descriptor: int) -> bool:
    """Take the lock; False when another process holds it.

    On a network disk without locks everybody gets it: refusing all work there would be worse.
    """
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
    """Release the lock."""
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_UN)
