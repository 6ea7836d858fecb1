"""`--log FILE`: what goes to stderr goes to a file too, each line with its time. A farm's monitor keeps neither for long."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from xmemcore.protocol.failures import not_written


class LoggedStream:
    """A stream whose lines a file gets as well. It is no terminal: a bar that is redrawn makes no lines."""

    def __init__(self, stream: TextIO, file: TextIO, clock: Callable[[], float] = time.time) -> None:
        self._stream, self._file, self._clock = stream, file, clock
        self._line = ""

    def write(self, text: str) -> int:
        """Write to both; a line reaches the file when it ends."""
        self._stream.write(text)
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            now = time.localtime(self._clock())
            self._file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S%z', now)} {line}\n")
        if lines:
            self._file.flush()
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def logged(path: str | None) -> Iterator[None]:
    """Let stderr reach a file too while the body runs; the file is added to, and its folder made. Raises NotWritable, DiskFailed."""
    if path is None:
        yield
        return
    target = Path(path).expanduser()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        file = open(target, "a", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115  (closed below)
    except OSError as error:
        raise not_written(target, error) from error
    before = sys.stderr
    with file:
        sys.stderr = LoggedStream(before, file)  # type: ignore[assignment]
        try:
            yield
        finally:
            sys.stderr = before
