"""What becomes of stdout and stderr: a run outlives their readers, and with `--log FILE` what goes to stderr goes to a file too, each line
with its time. A farm's monitor keeps neither for long."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from xmemcore.protocol.failures import DiskFailed, RequestError, not_written
from xmemcore.protocol.whole_file import read_ordinary

_STAMP = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4} ")
_STAMP_BYTES = 25
"""Length of the time that begins each line."""


class OutlivedStream:
    """A stream that a run outlives: what nobody hears any more is dropped, so a closed pipe neither stops a run nor makes it a success."""

    def __init__(self, stream: TextIO | None, dropped: tuple[type[Exception], ...]) -> None:
        """Wrap a stream; None: it was closed from the start.

        Args:
            stream: stdout or stderr.
            dropped: failures of a write that only mean that nobody hears. Others of the system become DiskFailed.
        """
        self.stream, self._dropped = stream, dropped

    def write(self, text: str) -> int:
        """Write if somebody hears it; raises DiskFailed."""
        self._try(lambda stream: _write(stream, text))
        return len(text)

    def flush(self) -> None:
        self._try(lambda stream: stream.flush())

    def isatty(self) -> bool:
        return self.stream is not None and self.stream.isatty()

    @property
    def closed(self) -> bool:
        """Whether nobody hears it any more."""
        return self.stream is None or self.stream.closed

    def _try(self, do: Callable[[TextIO], object]) -> None:
        try:
            if self.stream is not None:
                do(self.stream)
        except self._dropped:
            self.stream = None
        except OSError as error:
            self.stream = None  # nothing more is tried, at Python's end neither
            raise DiskFailed(
                f"What this command prints could not be written: {error.strerror or error}. Make room where its output (stdout) goes, then "
                "run this again; finished files are kept."
            ) from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _write(stream: TextIO, text: str) -> None:
    """Write a text; letters that the stream's encoding lacks, as a path may have them, become escapes."""
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


@contextmanager
def outlived() -> Iterator[None]:
    """Let the body go on where stdout or stderr is closed. A result that a full disk refuses is a failure; words on stderr never are."""
    _fill_descriptors()
    before = sys.stdout, sys.stderr
    out, err = OutlivedStream(before[0], (BrokenPipeError,)), OutlivedStream(before[1], (OSError, ValueError))
    sys.stdout, sys.stderr = out, err  # type: ignore[assignment]
    try:
        yield
    finally:
        # Python's own flush at its end would fail where nobody listens, and end with 120.
        err.flush()
        sys.stdout = None if out.stream is None else before[0]  # type: ignore[assignment]
        sys.stderr = None if err.stream is None else before[1]  # type: ignore[assignment]


def _fill_descriptors() -> None:
    """Lead descriptors 0 to 2 that are closed to the null device, lest a matte take the number that libraries print to."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


class LoggedStream:
    """A stream that also writes its lines to a file. It says that it is no terminal, because a bar that is redrawn makes no lines."""

    def __init__(self, stream: TextIO, file: TextIO, clock: Callable[[], float] = time.time) -> None:
        self._stream, self._file, self._clock = stream, file, clock
        self._line = ""
        self._keeping = True

    def write(self, text: str) -> int:
        """Write to both; a line reaches the file when it ends."""
        self._stream.write(text)
        *lines, self._line = (self._line + text).split("\n")
        try:
            for line in lines if self._keeping else ():
                now = time.localtime(self._clock())
                self._file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S%z', now)} {line}\n")
                self._file.flush()
        except OSError as error:
            self._keeping = False  # the mattes are worth more than the words about them
            self._stream.write(f"Warning: the log {self._file.name} ends here: {error.strerror or error}. The run goes on.\n")
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def logged(path: str | None) -> Iterator[None]:
    """Let stderr reach a file too while the body runs; a log of ours is added to, and its folder made. Raises RequestError, DiskFailed."""
    if path is None:
        yield
        return
    from xmemcore.shot.files.sequence import IMAGE_SUFFIXES

    target = Path(path).expanduser()
    if target.suffix.lower() in IMAGE_SUFFIXES:
        raise RequestError(f"A log is text, but --log says {path}, a picture's name. Write a name such as run.log.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not _is_log(target):
            raise RequestError(f"{target} is there and is no log of this program: it stays as it is. Name another file (--log).")
        file = open(target, "a", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115  (closed below)
    except OSError as error:
        raise not_written(target, error) from error
    before = sys.stderr
    sys.stderr = LoggedStream(before, file)  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.stderr = before
        with suppress(OSError):  # of lines that the disk refused, which was said
            file.close()


def _is_log(path: Path) -> bool:
    """Say whether a file may be added to: a new or empty one, one that begins as ours do, or the null device. Raises OSError."""
    if os.path.exists(path) and os.path.samefile(path, os.devnull):
        return True
    try:
        begin = read_ordinary(path, 0, begin=_STAMP_BYTES)
    except FileNotFoundError:
        return True
    return not begin or _STAMP.match(begin) is not None
