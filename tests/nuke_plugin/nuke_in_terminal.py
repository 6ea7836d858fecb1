"""`nuke -t script arguments` in the stand-in, for tests that start a second Nuke. $PRETEND_NUKE: `no licence`, or `deaf` to be silent."""

import os
import sys
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tests"))

import nukesim  # noqa: E402

if __name__ == "__main__":
    if os.environ.get("PRETEND_NUKE") == "no licence":
        sys.exit(100)
    if os.environ.get("PRETEND_NUKE") == "deaf":
        time.sleep(600)
    assert sys.argv[1] == "-t"
    sys.argv = sys.argv[2:]
    with nukesim.start(gui=False) as host:
        host.startup([str(CHECKOUT)])
        host.run_file(sys.argv[0])
