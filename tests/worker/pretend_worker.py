"""A worker with the real wire, queue and life, whose work is play: the plate's name says how it behaves.

Not a test; started by tests/worker and tests/nuke_plugin as a process of its own.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from xmemcore.protocol.results import Cleared, ModelEntry, ModelList
from xmemcore.worker.wire import Wire


class OutOfMemoryError(RuntimeError):
    """Named as torch names its own."""


def work(request, listener):
    from xmemcore.protocol.failures import Cancelled, RequestError

    behaviour = getattr(request, "request", None) and request.request.plate
    if behaviour == "frames":
        for index in range(50):
            if listener.cancelled():
                raise Cancelled("stopped")
            time.sleep(0.02)
            listener.frame_done(1001 + index, f"/out/matte.{1001 + index}.exr")
            listener.progress(index + 1, 50)
        return Cleared()
    if behaviour == "chatter":
        print("a library says hello")
        os.write(1, b"and so does C code\n")
        sys.__stdout__.write("even past sys.stdout\n")
        sys.__stdout__.flush()
        listener.message("still here")
        return Cleared()
    if behaviour == "refuse":
        raise RequestError("Frame 1001 is missing. Render it first.")
    if behaviour == "disk full":
        raise OSError(errno.ENOSPC, "No space left on device", "/out/matte.1001.exr")
    if behaviour == "memory full":
        raise OutOfMemoryError("CUDA out of memory")
    if behaviour == "bug":
        raise KeyError("nobody thought of this")
    if behaviour == "die":
        print("about to fall over", file=sys.stderr, flush=True)
        os._exit(77)
    if behaviour == "stuck":
        while True:
            time.sleep(60)
    return ModelList((ModelEntry(str(behaviour), "plate", "", False),))


if __name__ == "__main__":
    wire = Wire.guard_stdout()
    parent = int(sys.argv[sys.argv.index("--parent") + 1]) if "--parent" in sys.argv else os.getppid()
    from xmemcore.worker.serve import serve

    serve(wire, work, parent)
    os._exit(0)
