"""`python -m tests.fuzz.kills [--count N] [--seed N]`: kill propagates at random moments; print what became of them.

In each round a run is killed, sometimes a second one with another roto too, and a last one ends undisturbed. Its mattes must be those of
a run that nobody disturbed, byte for byte in their pixels, and nothing may be left: no half-written file, no lock, no temporary folder.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import OpenEXR
import torch

from tests.shot.made_shot import FIRST, write_model, write_plate, write_roto
from tests.shot.written import mattes, same
from xmemcore.protocol.names import PACE
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.propagate import propagate

LAST = FIRST + 15
PATIENCE_SECONDS = 300


def main() -> int:
    """Kill as often as was asked for; return 1 where a matte differs or something is left."""
    parser = argparse.ArgumentParser(prog="tests.fuzz.kills", description=(__doc__ or "").split(":")[0])
    parser.add_argument("--count", type=int, default=200, help="kills (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    draw = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        return _kill(Path(folder), chosen.count, draw)


def _kill(folder: Path, count: int, draw: random.Random) -> int:
    (folder / "tmp").mkdir()
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder / "tmp")
    request = PropagateRequest(
        plate=write_plate(folder / "plate", last=LAST, holes=()),
        roto=write_roto(folder / "a.nk", (FIRST, FIRST + 9), (FIRST + 3, FIRST + 12)),
        model=str(write_model(folder)),
        size=64,
        node_id="node1",
        cache=str(folder / "whole-cache"),
        out=str(folder / "whole" / "matte.%04d.exr"),
    )
    other = replace(request, roto=write_roto(folder / "b.nk", (FIRST + 2, FIRST + 9), (FIRST + 3, FIRST + 14)))
    # Threads do not survive a fork: without any, the library works in the thread that asks.
    OpenEXR.set_global_thread_count(0)
    began = time.monotonic()
    assert _run(request) == 0
    whole_seconds = time.monotonic() - began
    whole = mattes(request.out)
    names = sorted([*whole, "result.json"])
    kills = ended = 0
    usual_seconds = whole_seconds  # the machine's pace changes while others use it, so this follows the runs that end by themselves
    harms: list[str] = []
    while kills < count:
        print(f"{kills} runs killed, {ended} had ended before, {len(harms)} harms", file=sys.stderr, flush=True)
        _fresh(folder)
        ours = replace(request, cache=str(folder / "cache"), out=str(folder / "out" / "matte.%04d.exr"))
        theirs = replace(other, cache=ours.cache, out=ours.out)
        disturbed = [ours] * draw.choice((1, 1, 2)) + [theirs] * draw.choice((0, 1))
        draw.shuffle(disturbed)
        for request_to_kill in disturbed:
            without = draw.random() < 0.2
            began = time.monotonic()
            if _run(replace(request_to_kill, use_cache=not without), draw.uniform(0, usual_seconds)) == 0:
                ended, usual_seconds = ended + 1, max(0.2, 0.5 * usual_seconds + 0.5 * (time.monotonic() - began))
            else:
                kills += 1
                usual_seconds *= 1.02
        if _run(ours) != 0:
            harms.append(f"kill {kills}: the last run failed")
            continue
        if not same(mattes(ours.out), whole):
            harms.append(f"kill {kills}: the mattes differ")
        left = sorted(path.name for path in (folder / "out").iterdir())
        if left != names:
            harms.append(f"kill {kills}: left beside the mattes: {sorted(set(left) ^ set(names))}")
        strange = [
            path
            for path in (folder / "cache").rglob("*")
            if path.is_file() and path.suffix != ".xmemcache" and path.name not in ("manifest.json", PACE)
        ]
        harms += [f"kill {kills}: left in the cache: {path.name}" for path in strange]
        harms += [f"kill {kills}: left in the temporary folder: {path.name}" for path in (folder / "tmp").iterdir()]
    print(
        f"{kills} runs killed at a random moment, {ended} more had ended before it, {len(harms)} harms, {whole_seconds:.1f} s a whole run."
    )
    for harm in harms[:40]:
        print(harm)
    return 1 if harms else 0


def _run(request: PropagateRequest, seconds: float | None = None) -> int:
    """Propagate in a process of its own and give its exit code; it is killed after some seconds, and -9 is its code then."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            torch.set_num_threads(1)
            propagate(request)
            code = 0
        finally:
            os._exit(code)
    deadline = time.monotonic() + (PATIENCE_SECONDS if seconds is None else seconds)
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return -signal.SIGKILL
        time.sleep(0.002)


def _fresh(folder: Path) -> None:
    for name in ("out", "cache"):
        shutil.rmtree(folder / name, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
