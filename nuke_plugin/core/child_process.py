"""A process whose lines are read as they come, and that can be stopped with all that it has started: the set-up, a Nuke in the background.

A download or a heavy frame prints nothing for minutes, so reading must not block. pip is a child of bootstrap.py and would go on
writing into the environment after its parent was killed.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from typing import Dict, Iterator, Optional, Sequence

POLL_SECONDS = 0.25
"""Longest time until a cancel is noticed."""

KILL_TIMEOUT_SECONDS = 10


class ChildProcess:
    """A process and its children."""

    def __init__(self, command: Sequence[str], folder: str, environment: Dict[str, str]) -> None:
        """Start it in a group of its own; raises OSError."""
        windows = sys.platform == "win32"
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder,
            universal_newlines=True,
            errors="replace",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0) if windows else 0,
            start_new_session=not windows,
        )
        self._lines: queue.Queue[Optional[str]] = queue.Queue()
        threading.Thread(target=self._read, name="XMem lines", daemon=True).start()

    def lines(self) -> Iterator[str]:
        """Give each line as it comes, and an empty text after every quarter of a second without one, until the process ends."""
        while True:
            try:
                line = self._lines.get(timeout=POLL_SECONDS)
            except queue.Empty:
                yield ""
                continue
            if line is None:
                self._process.wait()
                return
            yield line

    @property
    def exit_code(self) -> Optional[int]:
        return self._process.poll()

    def kill(self) -> None:
        """End it and all processes that it has started."""
        if sys.platform == "win32":
            subprocess.run(
                ["taskkill", "/F", "/T", "/PID", str(self._process.pid)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=KILL_TIMEOUT_SECONDS,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        else:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it ended by itself
        self._process.wait(KILL_TIMEOUT_SECONDS)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self._lines.put(line)
        self._lines.put(None)
