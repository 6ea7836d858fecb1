"""Cores that play, forked from a process that has imported all that they need: starting Python and numpy took half of a test's time.

`warm(python)` gives a `subprocess.Popen` whose processes are made that way; this file, run as a program, is the process that forks.
Linux alone.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROGRAM = str(Path(__file__).with_name("pretend_core.py"))
LONGEST_REQUEST = 1 << 20
PR_SET_CHILD_SUBREAPER = 36
"""Source: prctl(2)."""


def warm(python: str) -> type[subprocess.Popen[bytes]]:
    """Make the class; what forks is started with the first process or before it, and ends with this one.

    Args:
        python: has numpy and OpenEXR.
    """
    lines: list[socket.socket] = []
    asking = threading.Lock()

    def line() -> socket.socket:
        if not lines:
            ours, theirs = socket.socketpair()
            with theirs:
                environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # no thread may be there when it forks
                subprocess.Popen([python, "-I", __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()], env=environment)
            lines.append(ours)
        return lines[0]

    class WarmCore(subprocess.Popen):  # type: ignore[type-arg]
        """A child like any other, with the exit code it ends with."""

        @staticmethod
        def get_ready() -> None:
            """Start what forks, without waiting for its imports: they take seconds, and the first test needs them."""
            with asking:
                line()

        def _execute_child(self, args: Sequence[str], *rest: Any) -> None:
            """Replace fork and exec. `rest`, in all Pythons of Nuke's: executable, ..., env (5th), ..., six pipe ends (9th to 14th)."""
            if PROGRAM not in args:
                return super()._execute_child(args, *rest)
            env, (stdin, _, _, stdout, _, stderr) = rest[5], rest[9:15]
            request = json.dumps({"arguments": list(args), "environment": env}) + "\n"
            process = ctypes.CDLL(None)
            with asking:  # two cores of two nodes may start at the same time
                process.prctl(PR_SET_CHILD_SUBREAPER, 1)  # what is forked twice there becomes our child
                try:
                    socket.send_fds(line(), [request.encode()], [stdin, stdout, stderr])
                    answer = line().recv(4)
                    if not (answer and line().recv(1)):
                        raise RuntimeError("what forks cores has ended; its own words are above")
                    self.pid = int.from_bytes(answer, "big")
                finally:
                    process.prctl(PR_SET_CHILD_SUBREAPER, 0)
            self._child_created = True
            for end in (stdin, stdout, stderr):
                os.close(end)

    return WarmCore


def serve(line: socket.socket) -> None:
    """Fork a core for each request, until the tests' process has gone."""
    import cv2  # noqa: F401 -- this and what follows for those that are forked
    import numpy  # noqa: F401
    import OpenEXR  # noqa: F401
    import pretend_core
    import torch  # noqa: F401 -- what approves needs it, and its import takes longer than most tests

    import xmemcore.curves
    import xmemcore.protocol.results
    import xmemcore.roto.nuke_roto
    import xmemcore.worker.serve  # noqa: F401

    assert len(os.listdir("/proc/self/task")) == 1, "a thread would be missing in what is forked, with all that it holds"
    while True:
        text, ends, _, _ = socket.recv_fds(line, LONGEST_REQUEST, 3)
        while text and not text.endswith(b"\n"):
            text += line.recv(LONGEST_REQUEST)
        if not text:
            return
        child = os.fork()
        if child == 0:
            between = os.getpid()
            core = os.fork()
            if core:
                line.sendall(core.to_bytes(4, "big"))
                os._exit(0)
            line.close()
            for number, end in enumerate(ends):
                os.dup2(end, number)
                os.close(end)
            request = json.loads(text)
            os.environ.clear()
            os.environ.update(request["environment"])
            while os.getppid() == between:
                time.sleep(0.001)
            pretend_core.main(request["arguments"])
        os.waitpid(child, 0)
        line.sendall(b".")  # now it is the tests' child
        for end in ends:
            os.close(end)


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2])]
    serve(socket.socket(fileno=int(sys.argv[1])))
