"""`python -m xmemcore.worker [--parent PID]`: the process that Nuke starts."""

from __future__ import annotations

import os
import sys

from xmemcore.worker.wire import Wire


def main() -> None:
    """Serve the parent process."""
    wire = Wire.guard_stdout()  # before anything that may print
    parent = int(sys.argv[sys.argv.index("--parent") + 1]) if "--parent" in sys.argv else os.getppid()
    from xmemcore.worker.serve import serve
    from xmemcore.worker.work import work

    serve(wire, work, parent)
    # A normal exit would wait for threads of torch that are still at work.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
