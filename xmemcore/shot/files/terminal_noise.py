"""Keep libraries' messages about damaged files off the terminal: the artist gets our sentence.

OpenEXR, libpng and libjpeg print from their own cores, and the packages that hold them have no switch for it. While one of them decodes,
file descriptors 1 and 2 lead into files of ours; what others write meanwhile is passed on, and the libraries' own lines are not.
Several threads may read at once. Windows cannot read such a file beside its writer: there the lines stay.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

_MARKS = (
    b"(EXR_ERR_", b"ojph error", b"ojph warning", b"ojph info", b"libpng error", b"libpng warning", b"Corrupt JPEG data",
    b"Premature end of JPEG", b"Invalid SOS parameters", b"Inconsistent progression sequence", b"Unknown Adobe color transform",
    b"unknown JFIF revision", b"Unsupported marker type", b"Invalid component ID", b"Bogus", b"JPEG datastream",
)  # fmt: skip
"""Words by which lines of libraries are recognised: OpenEXR with OpenJPH, libpng, libjpeg."""
LARGEST_CATCH = 1 << 20
"""Bytes of a file of ours that are kept at most between two pictures."""


class _Descriptor:
    """File descriptor 1 or 2, and where it leads while a library decodes."""

    def __init__(self, number: int) -> None:
        self._number = number
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
                if self._caught is None:
                    self._caught = tempfile.TemporaryFile(buffering=0)
                _flush()
                self._real = os.dup(self._number)
                os.dup2(self._caught.fileno(), self._number)
            except OSError:
                # Without a stderr, or without room for a temporary file, the lines stay.
                self._real = -1

    def turn_back(self) -> bytes:
        """Lead the descriptor back when the last thread is done. Every call hands on what was caught, so that nothing waits for long.

        Returns:
            What libraries printed since the last time.
        """
        printed = b""
        with self._lock:
            self._readers -= 1
            if self._real < 0 or self._caught is None:
                return printed
            _flush()
            printed += self._pass_on()
            if not self._readers:
                os.dup2(self._real, self._number)
                # The file is cut off only when it grew. What a thread is writing at this moment is handed on with the next picture.
                printed += self._pass_on()
                os.close(self._real)
                self._real = -1
                if self._passed > LARGEST_CATCH:
                    os.ftruncate(self._caught.fileno(), 0)
                    os.lseek(self._caught.fileno(), 0, os.SEEK_SET)
                    self._passed = 0
        return printed

    def restore(self) -> None:
        """Lead it back at once, even while somebody reads."""
        if self._real >= 0:
            os.dup2(self._real, self._number)
            os.close(self._real)
            self._real = -1

    def _pass_on(self) -> bytes:
        """Hand on lines of others; give those of libraries."""
        assert self._caught is not None
        printed = b""
        while piece := os.pread(self._caught.fileno(), 1 << 16, self._passed):
            self._passed += len(piece)
            for line in piece.splitlines(keepends=True):
                if any(mark in line for mark in _MARKS):
                    printed += line
                else:
                    _write(self._real, line)
        return printed


_descriptors = (_Descriptor(1), _Descriptor(2))


@contextmanager
def kept_off_the_terminal() -> Iterator[list[bytes]]:
    """Keep a decoding library's lines off stdout and stderr; what it printed is in the list that is given, once the block has ended."""
    printed: list[bytes] = []
    if not hasattr(os, "pread"):
        yield printed
        return
    for descriptor in _descriptors:
        descriptor.turn()
    try:
        yield printed
    finally:
        printed.extend(descriptor.turn_back() for descriptor in _descriptors)


def _begin_anew() -> None:
    """Give a forked process its own files to catch into, so that it does not pass on what its parent caught."""
    global _descriptors
    for descriptor in _descriptors:
        descriptor.restore()
    _descriptors = (_Descriptor(1), _Descriptor(2))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            with suppress(OSError):  # words that nobody hears are no fault of the picture
                stream.flush()
    if _C is not None:
        # What C code printed may wait in its own buffer.
        _C.fflush(None)


def _write(descriptor: int, text: bytes) -> None:
    with suppress(OSError):
        while text:
            text = text[os.write(descriptor, text) :]


_C = ctypes.CDLL(None) if os.name == "posix" else None
