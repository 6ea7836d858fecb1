"""Memory that a process frees stays with it, for its next tensors.

The C library gives large blocks back to the system at once, and the system clears every page that it hands out again: a tenth of the
processor time of a shot.
"""

from __future__ import annotations

import ctypes
import sys

LARGEST_BYTES = 64 << 20
"""Blocks up to this size are kept: the largest tensors of eight objects at 480 lines, but no 4K plate in float32."""
MOST_BYTES = 256 << 20
"""How much is kept at the end of what is in use; beyond it, memory goes back to the system."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of glibc's `mallopt`."""


def keep_freed_memory() -> bool:
    """Keep freed memory in this process; say whether its C library can."""
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all([mallopt(_MMAP_THRESHOLD, LARGEST_BYTES), mallopt(_TRIM_THRESHOLD, MOST_BYTES)])
