"""What a run tells the terminal, a log file or a render farm while it works, and how it is asked to stop."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from xmemcore.protocol import farm as words
from xmemcore.protocol.words import one_line

LOG_STEP_PERCENT = 5
BAR_CELLS = 30
REDRAW_SECONDS = 0.1
USUAL_COLUMNS = 80


class TerminalListener:
    """Report to a terminal as a bar, to anything else as one line per 5 %, and to Open Job Description on stdout."""

    def __init__(
        self,
        title: str,
        stream: TextIO | None = None,
        farm: TextIO | None = None,
        terminal: bool | None = None,
        quiet: bool = False,
        unit: str = "",
        warned: Collection[str] = (),
    ) -> None:
        """Make a listener.

        Args:
            title: what runs, in one word; begins each line.
            stream: where progress goes; None for stderr.
            farm: where `openjd_progress:` lines go, or None.
            terminal: whether the stream can redraw a line; None: ask it.
            quiet: keep to warnings.
            unit: what is counted, such as `frames`; empty where it goes without saying.
            warned: warnings that were told before, and are not told again.
        """
        self.title = title
        self.stream = sys.stderr if stream is None else stream
        self.farm = farm
        self.terminal = self.stream.isatty() if terminal is None else terminal
        self.quiet = quiet
        self._unit = f" {unit}" if unit else ""
        self.warned = set(warned)
        self.stopping = False
        self._said_stopping = False
        self._started = time.monotonic()
        self._last_percent = -1
        self._last_drawn = 0.0
        self._bar_width = 0

    def message(self, text: str) -> None:
        """Say what happens now."""
        text = one_line(text)
        if not self.quiet:
            self._line(text)
        if self.farm is not None:
            print(words.status(text), file=self.farm, flush=True)

    def warning(self, text: str) -> None:
        """Say what the artist should know though the run goes on, once."""
        text = one_line(text)
        if text not in self.warned:
            self.warned.add(text)
            self._line(f"Warning: {text}")

    def progress(self, done: int, total: int) -> None:
        """Say how much is done; a count below the last one begins a new phase."""
        percent = 100 if total <= 0 else min(100, done * 100 // total)
        if percent < self._last_percent or self._last_percent < 0:
            self._started = time.monotonic()
            self._last_percent = -1
        if self.farm is not None and percent != self._last_percent:
            print(words.progress(percent), file=self.farm, flush=True)
        if self.terminal and not self.quiet:
            self._draw(done, total, percent)
        elif not self.quiet and (self._last_percent < 0 or percent // LOG_STEP_PERCENT > self._last_percent // LOG_STEP_PERCENT):
            self._line(f"{self.title}: {percent} % ({done} of {total}{self._unit})")
        self._last_percent = percent

    def frame_done(self, frame: int, path: Path | str) -> None:
        """Take note of a finished frame; the bar says enough about it."""

    def cancelled(self) -> bool:
        """Tell whether the user has asked to stop, and the user that it was heard."""
        if self.stopping and not self._said_stopping:
            self._said_stopping = True
            self.message("Stopping. Press Ctrl-C again to stop at once.")
        return self.stopping

    def close(self) -> None:
        """End the bar's line."""
        if self._bar_width:
            self.stream.write("\n")
            self.stream.flush()
            self._bar_width = 0

    def _draw(self, done: int, total: int, percent: int) -> None:
        now = time.monotonic()
        if done < total and now - self._last_drawn < REDRAW_SECONDS:
            return
        self._last_drawn = now
        elapsed = now - self._started
        left = f"  {_clock(elapsed / done * (total - done))} left" if 0 < done < total and elapsed > 1 else ""
        rest = f"{percent:3d} %  {done}/{total}{self._unit}{left}"
        width = _columns(self.stream) - 1  # in the last column some terminals begin a new line
        cells = max(0, min(BAR_CELLS, width - len(f"{self.title} [] {rest}")))
        filled = percent * cells // 100
        bar = f"[{'#' * filled}{'.' * (cells - filled)}] " if cells else ""
        text = f"{self.title} {bar}{rest}"[:width]
        self.stream.write("\r" + text.ljust(min(self._bar_width, width)))
        self.stream.flush()
        self._bar_width = len(text)

    def _line(self, text: str) -> None:
        if self._bar_width:
            self.stream.write("\r" + " " * self._bar_width + "\r")
            self._bar_width = 0
        self.stream.write(text + "\n")
        self.stream.flush()


def _columns(stream: TextIO) -> int:
    """Say how wide a terminal is: a line that is wider cannot be redrawn."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or USUAL_COLUMNS
    except (OSError, ValueError, AttributeError):  # no terminal, or a stream without a number
        return USUAL_COLUMNS


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def farm_stream(json_on_stdout: bool, environment: Mapping[str, str] = os.environ) -> TextIO | None:
    """Give the stream for Open Job Description, if such a session runs us and stdout is not for JSON."""
    return sys.stdout if words.in_session(environment) and not json_on_stdout else None


def say_failed(sentence: str, farm: TextIO | None) -> None:
    """Tell a farm why the task failed, on one line, which is all that it shows in its monitor."""
    if farm is not None:
        print(words.failed(sentence), file=farm, flush=True)


@contextmanager
def listening(listener: TerminalListener) -> Iterator[TerminalListener]:
    """Let Ctrl-C and a farm's SIGTERM ask the run to stop after the frame in work; a second Ctrl-C stops it at once."""

    def ask_to_stop(number: int, _frame: object) -> None:
        if listener.stopping:
            raise KeyboardInterrupt
        # Nothing is written here: the signal may have come in the middle of a write.
        listener.stopping = True

    before = {number: signal.signal(number, ask_to_stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield listener
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        listener.close()
