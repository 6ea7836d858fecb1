"""The worker's end of the wire: stdout kept for the protocol alone, lines in, lines out."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator

from xmemcore.protocol.failures import Failure
from xmemcore.protocol.messages import Failed, Message, MessageUnreadable, RequestUnreadable, decode, encode, lines


class Wire:
    """Send and receive messages; sending is safe from every thread."""

    def __init__(self, requests: int, answers: int) -> None:
        """Take two file descriptors as our own: `requests` to read from, `answers` to write to."""
        self._requests = os.fdopen(requests, "rb", closefd=False)
        self._answers = answers
        self._writing = threading.Lock()

    @classmethod
    def guard_stdout(cls) -> Wire:
        """Keep stdout for the protocol, and send everything else that is written to it to stderr.

        To be called before OpenEXR, torch or anything else with C code is imported: a `puts` in a library
        writes to descriptor 1, not to `sys.stdout`.
        """
        answers = os.dup(1)
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        return cls(0, answers)

    def send(self, message: Message) -> None:
        """Write one line whole; a parent that is gone is noticed elsewhere, by end of file on stdin."""
        line = encode(message).encode("ascii")
        with self._writing:
            try:
                while line:
                    line = line[os.write(self._answers, line) :]
            except OSError:
                pass

    def messages(self) -> Iterator[Message]:
        """Read until the parent closes its end; a line that is no message is answered and passed over."""
        for line in lines(self._requests):
            if not line.strip():
                continue
            try:
                yield decode(line.decode("utf-8", errors="replace"))
            except RequestUnreadable as error:
                self.send(failed(error.job, error))
            except MessageUnreadable as error:
                self.send(failed(None, error))


def failed(job: int | None, error: Failure) -> Failed:
    """Make the message for a failure."""
    return Failed(job=job, code=error.code, sentence=str(error), exit_code=error.exit_code)
