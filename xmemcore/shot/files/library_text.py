"""What a library prints of a damaged file, kept off stderr: the artist has our sentence.

OpenEXR prints from its own core, and has no switch for it. While it decodes, file descriptor 2 leads into a file of ours; what others
write meanwhile is passed on, in order, and the library's own lines are not. Several threads may read at once. Windows cannot read such
a file beside its writer: there the library's lines stay.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

_MARK = b"(EXR_ERR_"
"""In every line that the library prints."""


class _Stderr:
    """File descriptor 2, and where it leads while a library decodes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._real = -1
        self._caught: IO[bytes] | None = None
        self._passed = 0
        """Bytes of what was caught that were handed on."""

    def turn(self) -> None:
        """Lead the descriptor into a file; the first of several threads does."""
        with self._lock:
            self._readers += 1
            if self._readers > 1:
                return
            try:
                self._caught = self._caught or tempfile.TemporaryFile()
                _flush()
                self._real = os.dup(2)
                os.dup2(self._caught.fileno(), 2)
            except OSError:
                # A process without a stderr, or without room for a temporary file, has nobody to disturb.
                self._real = -1

    def turn_back(self) -> None:
        """Lead it back when the last thread is done, and hand on what was caught; also before, so that nothing waits for long."""
        with self._lock:
            self._readers -= 1
            if self._real < 0 or self._caught is None:
                return
            _flush()
            if not self._readers:
                os.dup2(self._real, 2)
            while piece := os.pread(self._caught.fileno(), 1 << 16, self._passed):
                self._passed += len(piece)
                _write(self._real, b"".join(line for line in piece.splitlines(keepends=True) if _MARK not in line))
            if not self._readers:
                os.close(self._real)
                self._real, self._passed = -1, 0
                self._caught.seek(0)
                self._caught.truncate()


_stderr = _Stderr()


@contextmanager
def kept_off_stderr() -> Iterator[None]:
    """Keep a decoding library's lines off stderr."""
    if not hasattr(os, "pread"):
        yield
        return
    _stderr.turn()
    try:
        yield
    finally:
        _stderr.turn_back()


def _flush() -> None:
    if sys.stderr is not None and not sys.stderr.closed:
        sys.stderr.flush()


def _write(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]
