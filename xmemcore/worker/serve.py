"""The life of a worker: greet, read in one thread, work in another, leave when the parent is gone."""

from __future__ import annotations

import os
import platform
import threading

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.messages import PROTOCOL, Cancel, Greeting, Leave, Ping, Pong
from xmemcore.protocol.version import VERSION
from xmemcore.worker import parent
from xmemcore.worker.jobs import REQUESTS, Jobs, Work
from xmemcore.worker.wire import Wire, failed

LEAVE_WITHIN_SECONDS = 3.0
"""How long the frame in work may take after the parent is gone. Files appear whole or not at all, so ending it harms nothing."""


def serve(wire: Wire, work: Work, parent_pid: int) -> None:
    """Answer requests until told to leave, or until the parent is gone.

    Args:
        wire: our end, with stdout guarded already.
        work: does one request.
        parent_pid: the process that started the worker; the worker leaves when that process is gone.
    """
    jobs = Jobs(wire, work)
    wire.send(Greeting(protocol=PROTOCOL, version=VERSION, pid=os.getpid(), python=platform.python_version()))
    parent.watch(parent_pid, gone=lambda: _leave(jobs))
    threading.Thread(target=_read, args=(wire, jobs), name="requests", daemon=True).start()
    jobs.run()


def _read(wire: Wire, jobs: Jobs) -> None:
    """Hand on every request; cancel and ping are answered here, while the other thread computes."""
    try:
        for message in wire.messages():
            if isinstance(message, Cancel):
                jobs.cancel(message.job)
            elif isinstance(message, Ping):
                wire.send(Pong())
            elif isinstance(message, Leave):
                break
            elif isinstance(message, REQUESTS):
                jobs.add(message)
            else:
                wire.send(failed(None, RequestError(f"A worker is not told {type(message).__name__}: that is for it to say.")))
    finally:
        # However the reading ends: a worker that cannot be reached must not live on.
        _leave(jobs)


def _leave(jobs: Jobs) -> None:
    """Stop after the frame in work, or without it when it takes too long or hangs in C code."""
    jobs.close()
    deadline = threading.Timer(LEAVE_WITHIN_SECONDS, os._exit, args=(0,))
    deadline.daemon = True
    deadline.start()
