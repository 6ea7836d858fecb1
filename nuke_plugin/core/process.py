"""One running core: its process, the two threads that empty its pipes, and how it ends."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import IO, Deque, Dict, List, Optional, Sequence

from xmemcore.protocol import foreign
from xmemcore.protocol.failures import MachineError, RequestError
from xmemcore.protocol.messages import (
    PROTOCOL,
    Failed,
    Greeting,
    Leave,
    Message,
    MessageUnreadable,
    Pong,
    RequestUnreadable,
    decode,
    encode,
    lines,
)
from xmemcore.protocol.outside import NotUsable, parse_json
from xmemcore.protocol.version import VERSION

LAST_WORDS_LINES = 60
QUOTED_CHARACTERS = 2000
"""Longest part of a line that is quoted."""


LOGS_KEPT = 10
"""Logs that are kept; the oldest are deleted."""


class CoreCrashed(MachineError):
    """The core's process ended while it was needed."""


class CoreProcess:
    """Start with `start`; afterwards `listen`, `send`, and in the end `close` or `kill`."""

    def __init__(self, command: Sequence[str], environment: Dict[str, str], log: Optional[Path] = None) -> None:
        """Start the process and its readers without waiting; use `start`."""
        self._log = log
        try:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0) if sys.platform == "win32" else 0,
            )
        except OSError as error:
            reason = f"The core cannot be started with {command[0]}: {error.strerror or error}. Run the set-up again."
            raise foreign.full_memory(error) or CoreCrashed(reason) from error
        self._words: Deque[str] = deque(maxlen=LAST_WORDS_LINES)
        self._writing = threading.Lock()
        self._routing = threading.Lock()
        self._listeners: Dict[int, queue.Queue[Optional[Message]]] = {}
        self._first_line: queue.Queue[str] = queue.Queue()
        self._ended = False
        self._why_killed = ""
        self.pongs = 0
        """Answers to Ping so far."""
        self._errors_read = self._read_in_thread(self._read_errors)
        self._read_in_thread(self._read_answers)

    @classmethod
    def start(
        cls, command: Sequence[str], environment: Dict[str, str], greeting_timeout_seconds: float, log: Optional[Path] = None
    ) -> CoreProcess:
        """Start a core and wait for its greeting.

        Args:
            command: its command line.
            environment: of its process.
            greeting_timeout_seconds: how long to wait.
            log: file that takes all that it writes to stderr; None for none.

        Raises:
            CoreCrashed: it ended before it greeted.
            MachineError: no greeting in time.
            RequestError: it speaks another protocol.
        """
        process = cls(command, environment, log)
        try:
            process._expect_greeting(greeting_timeout_seconds)
        except Exception:
            process.kill("its greeting was refused")
            raise
        return process

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return not self._ended and self._process.poll() is None

    def send(self, message: Message) -> None:
        """Write one message.

        Raises:
            CoreCrashed: there is nobody to read it.
        """
        assert self._process.stdin is not None
        try:
            with self._writing:
                self._process.stdin.write(encode(message).encode("ascii"))
                self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise self.crashed() from error

    def listen(self, job: int) -> queue.Queue[Optional[Message]]:
        """Open the box into which every message about a job is put, and None when the process ends."""
        box: queue.Queue[Optional[Message]] = queue.Queue()
        with self._routing:
            self._listeners[job] = box
            if self._ended:
                box.put(None)
        return box

    def forget(self, job: int) -> None:
        """Close a job's box."""
        with self._routing:
            self._listeners.pop(job, None)

    def crashed(self) -> CoreCrashed:
        """Say how the process ended, with its last words."""
        # The pipe of errors may still hold the very line that explains it.
        self._errors_read.join(timeout=1.0)
        try:
            # The pipes close a moment before the process has a code.
            ended: Optional[int] = self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            ended = None
        if self._why_killed:
            how = self._why_killed
        elif ended is None:
            how = "its pipe broke"
        else:
            how = f"it ended with code {ended}" if ended >= 0 else f"signal {-ended}"
        words = self.last_words()
        return CoreCrashed(
            f"The core stopped ({how}). Press the button again: a new core starts and goes on with what is unfinished."
            + (f" Its last words: {words}" if words else "")
            + (f" All that it said: {self._log}" if words and self._log is not None and self._log.is_file() else "")
        )

    def last_words(self, lines: int = 3) -> str:
        """Quote the end of what the core wrote to stderr."""
        return " / ".join([line for line in list(self._words) if line.strip()][-lines:])[-600:]

    def close(self, leave_timeout_seconds: float) -> None:
        """Ask the core to leave; kill it when it does not in time."""
        try:
            self.send(Leave())
            self._process.wait(leave_timeout_seconds)
        except (CoreCrashed, subprocess.TimeoutExpired):
            self.kill("it did not leave when asked")
        self._close_pipes()

    def kill(self, why: str) -> None:
        """End the process at once; `why` becomes part of what the artist reads."""
        if self._process.poll() is None:
            self._why_killed = why
            self._process.kill()
        self._process.wait()

    def _expect_greeting(self, timeout_seconds: float) -> None:
        try:
            line = self._first_line.get(timeout=timeout_seconds)
        except queue.Empty:
            raise MachineError(
                f"The core did not greet within {timeout_seconds:g} s. Is the disk that holds it very slow? Choose Diagnosis in the menu."
            ) from None
        if not line:
            self._process.wait()
            raise self.crashed()
        try:
            # Not `decode`: a greeting of another protocol may well have other fields.
            spoken = parse_json(line)
            protocol, version = spoken["protocol"], str(spoken.get("version"))[:40]
        except (NotUsable, KeyError, TypeError, AttributeError):
            raise RequestError(f"The core began with {line.strip()[:200]!r} instead of a greeting. Run the set-up again.") from None
        if protocol != PROTOCOL:
            raise RequestError(
                f"The core is of version {version} and speaks protocol {protocol}; "
                f"this plugin is of version {VERSION} and speaks {PROTOCOL}. "
                "Update the core to the plugin's version (Set up the core), or unset XMEM_ROTO_PYTHON."
            )

    def _read_answers(self) -> None:
        assert self._process.stdout is not None
        try:
            for number, raw in enumerate(lines(self._process.stdout)):
                line = raw.decode("utf-8", errors="replace")
                if number == 0:
                    self._first_line.put(line)
                else:
                    self._route(line)
        except Exception as error:
            self._words.append(f"reading its answers failed: {error}")
            self._process.kill()  # nobody would ever hear it again
        finally:
            # However the reading ends: the artist who waits must be told.
            self._first_line.put("")
            with self._routing:
                self._ended = True
                for box in self._listeners.values():
                    box.put(None)

    def _route(self, line: str) -> None:
        try:
            message = decode(line)
        except (MessageUnreadable, RequestUnreadable):
            # A library wrote to stdout past the guard; the line is quoted in a crash report only.
            self._words.append(line[:QUOTED_CHARACTERS].rstrip())
            return
        if isinstance(message, Pong):
            self.pongs += 1
            return
        if isinstance(message, Greeting):
            return
        job = getattr(message, "job", None)
        with self._routing:
            boxes: List[queue.Queue[Optional[Message]]]
            if job is None and isinstance(message, Failed):
                boxes = list(self._listeners.values())
            else:
                boxes = [self._listeners[job]] if job in self._listeners else []
            for box in boxes:
                box.put(message)

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        with contextlib.ExitStack() as stack:
            log = _opened_log(stack, self._log)
            for raw in lines(self._process.stderr):
                self._words.append(raw[:QUOTED_CHARACTERS].decode("utf-8", errors="replace").rstrip())
                if log is not None:
                    with contextlib.suppress(OSError):  # a full disk is no reason to stop listening
                        log.write(raw)
                        log.flush()

    def _read_in_thread(self, read) -> threading.Thread:  # type: ignore[no-untyped-def]
        thread = threading.Thread(target=read, name=f"core {read.__name__}", daemon=True)
        thread.start()
        return thread

    def _close_pipes(self) -> None:
        if self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except OSError:
                pass


def _opened_log(stack: contextlib.ExitStack, path: Optional[Path]) -> Optional[IO[bytes]]:
    """Open the log of a core; None where it cannot be opened, which does not stop the work."""
    if path is None:
        return None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for old in sorted(path.parent.glob("core-*.log"), key=lambda log: log.stat().st_mtime)[: -LOGS_KEPT + 1 or None]:
            if old != path:
                old.unlink()
        return stack.enter_context(open(path, "ab"))
    except OSError:
        return None
