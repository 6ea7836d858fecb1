"""Make the user guide's pictures of the panel: `python docs/images/make_panel.py [FOLDER]`, with a Python that has PySide6.

The knobs are drawn from the gizmo, the strip is the real one; thumbnails are frames of the demo's shot. Widths are those of a narrow and a
wide properties bin, scales those of a plain and a dense screen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
from PIL import Image

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
sys.path.insert(0, str(CHECKOUT))

from tests.nuke_plugin.panel_state import suggestions  # noqa: E402
from xmemcore.evaluation.demo_shot import DemoShot  # noqa: E402

WIDTHS, SCALES = (440, 900), (1, 2)
COLOURS = 128
"""Of a picture; more only makes the file larger."""


def thumbnails(folder: Path) -> Path:
    """Write what Suggest frames may have answered, with pictures."""
    shot, found = DemoShot(), suggestions()
    shot.write_plates(folder / "plates")
    for place, suggestion in enumerate(found["suggestions"]):
        frame = shot.frames[(2 * place + 1) * len(shot.frames) // 6]
        with OpenEXR.File(str(folder / "plates" / f"demo.{frame}.exr"), separate_channels=True) as file:
            light = np.stack([file.channels()[name].pixels for name in "BGR"], -1).astype(np.float32)
        picture = cv2.resize(255 * np.clip(light, 0, 1) ** (1 / 2.2), (352, 198), interpolation=cv2.INTER_AREA)
        suggestion["thumbnail"] = str(folder / f"{suggestion['frame']}.png")
        cv2.imwrite(suggestion["thumbnail"], picture.astype(np.uint8))
    path = folder / "found.json"
    path.write_text(json.dumps(found))
    return path


def main(folder: Path) -> int:
    """Draw every picture; gives 1 when anything of the panel is cut off."""
    faults = 0
    with tempfile.TemporaryDirectory() as work:
        found = thumbnails(Path(work))
        for width in WIDTHS:
            for scale in SCALES:
                answer = subprocess.run(
                    [sys.executable, "-m", "tests.nuke_plugin.panel_drawing", str(folder), "--width", str(width), "--scale", str(scale),
                     "--thumbnails", str(found)],
                    cwd=CHECKOUT, check=True, capture_output=True, text=True, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
                )  # fmt: skip
                answered = json.loads(answer.stdout.splitlines()[-1])
                print(width, scale, answered)
                faults += bool(answered["cut"] or answered["errors"])
    for path in folder.glob("panel-*.png"):
        Image.open(path).convert("RGB").quantize(COLOURS).save(path, optimize=True)
    return min(faults, 1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE))
