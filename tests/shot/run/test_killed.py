"""A propagate that is killed in the middle leaves whole files alone, and the next one ends with the same mattes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

from tests.shot.made_shot import write_model, write_plate, write_roto
from tests.shot.written import mattes, same
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.propagate import propagate

PATIENCE_SECONDS = 120
FRAMES_BEFORE_THE_KILL = 6

RUN = """
import json, sys, torch
torch.set_num_threads(1)
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.propagate import propagate
propagate(PropagateRequest(**json.loads(sys.argv[1])))
"""


def test_killed_run_is_finished_by_the_next_one(tmp_path: Path) -> None:
    undisturbed = PropagateRequest(
        plate=write_plate(tmp_path / "plate"),
        roto=write_roto(tmp_path / "roto.nk"),
        model=str(write_model(tmp_path)),
        size=64,
        out=str(tmp_path / "whole" / "matte.%04d.exr"),
        use_cache=False,
    )
    propagate(undisturbed)
    request = replace(undisturbed, out=str(tmp_path / "out" / "matte.%04d.exr"), use_cache=True, cache=str(tmp_path / "cache"))

    folder = tmp_path / "out"
    with subprocess.Popen([sys.executable, "-c", RUN, json.dumps(asdict(request))]) as process:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(list(folder.glob("matte.*.exr"))) < FRAMES_BEFORE_THE_KILL:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.01)
        process.kill()
    whole = sorted(path.name for path in (tmp_path / "whole").glob("matte.*.exr"))
    assert 0 < len(list(folder.glob("matte.*.exr"))) < len(whole)

    propagate(request)
    assert sorted(path.name for path in folder.iterdir() if path.name != "result.json") == whole, "nothing half-written is left"
    assert same(mattes(request.out), mattes(undisturbed.out))
