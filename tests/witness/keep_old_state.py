"""Write what a run leaves on disk: `python -m tests.witness.keep_old_state FOLDER` made `kept/state-0.2.0` with that version.

Do not run it again for that folder: it is worth something because an older program wrote it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from tests.make_data import write_index_mask
from tests.witness.shots import write_network
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.propagate import propagate

NODE = "witness-node"
FRAMES = (1, 2, 3, 4)


def request_of(folder: Path, state: Path) -> PropagateRequest:
    """Write the shot into one folder and ask for its mattes and cache in another."""
    (folder / "plate").mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(2).integers(0, 90, (32, 32, 3), np.uint8)
    for frame in FRAMES:
        picture, mask = noise.copy(), np.zeros((32, 32), np.uint8)
        picture[8:20, 3 + 3 * frame : 13 + 3 * frame] = (20, 60, 220)
        mask[8:20, 3 + 3 * frame : 13 + 3 * frame] = 1
        cv2.imwrite(str(folder / "plate" / f"p.{frame:04d}.png"), picture)
        if frame == FRAMES[0]:
            (folder / "masks").mkdir(exist_ok=True)
            write_index_mask(folder / "masks" / f"m.{frame:04d}.png", mask)
    return PropagateRequest(
        plate=str(folder / "plate"),
        masks=str(folder / "masks"),
        model=str(write_network(folder)),
        device="cpu",
        precision="float32",
        size=64,
        cache=str(state / "cache"),
        node_id=NODE,
        out=str(state / "mattes" / "matte.%04d.exr"),
    )


if __name__ == "__main__":
    propagate(request_of(Path("/tmp/shot_a"), Path(sys.argv[1])))
