"""Make the user guide's pictures: an artist's session on the demo's own shot, with the real core, in the stand-in for Nuke.

    python docs/images/make_pictures.py FOLDER

first.jpg and second.jpg show the mattes in Nuke's output; the panel's pictures are made by make_panel.py. FOLDER is emptied.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import OpenEXR

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
sys.path.insert(0, str(CHECKOUT))

from tests.nuke_plugin.test_artist_session import alpha, jaccard, outline  # noqa: E402
from xmemcore.evaluation.demo_shot import DemoShot  # noqa: E402

COLUMNS, WIDTH = 3, 420
MATTE, KEYED = (90, 230, 110), (60, 170, 250)
SMALL = (cv2.FONT_HERSHEY_SIMPLEX, 0.45)


def session(folder: Path, shot: DemoShot) -> dict:
    """Run the session; gives what it reports."""
    mattes = {frame: shot.matte(frame) for frame in shot.frames}
    task = {
        "plate": shot.write_plates(folder / "plates"), "first": shot.frames[0], "last": shot.frames[-1], "keys": list(shot.keyframes),
        "outlines": {frame: outline(matte > 0.5) for frame, matte in mattes.items()},
        "size": 360, "work": str(folder), "width": shot.width, "height": shot.height, "core_python": sys.executable,
    }  # fmt: skip
    (folder / "task.json").write_text(json.dumps(task))
    environment = {**os.environ, "XMEM_ROTO_PYTHON": sys.executable, "XMEM_ROTO_CACHE": str(folder / "cache")}
    tool = CHECKOUT / "tests" / "nuke_plugin" / "artist_session.py"
    subprocess.run([sys.executable, str(tool), str(folder / "task.json")], env=environment, check=True)
    report = json.loads((folder / "report.json").read_text())
    for step in ("first", "second"):
        found = {frame: alpha(folder / step / f"out.{frame}.exr", (shot.height, shot.width)) for frame in shot.frames}
        print(step, "J", round(float(np.mean([jaccard(found[frame], mattes[frame] > 0.5) for frame in found])), 3))
    return report


def sheet(folder: Path, step: str, shown: list[int], keys: list[int], size: tuple[int, int]) -> np.ndarray:
    """Draw some frames with the matte of one round."""
    tiles = []
    for frame in shown:
        with OpenEXR.File(str(folder / "plates" / f"demo.{frame}.exr"), separate_channels=True) as file:
            light = np.stack([file.channels()[name].pixels for name in "BGR"], -1).astype(np.float32)
        picture = 255 * np.clip(light, 0, 1) ** (1 / 2.2)
        matte = alpha(folder / step / f"out.{frame}.exr", size)
        tint = picture * (1 - 0.35 * matte[..., None]) + np.array(MATTE) * 0.35 * matte[..., None]
        edge = cv2.morphologyEx((matte > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
        tint[edge] = MATTE
        tile = cv2.resize(tint.clip(0, 255).astype(np.uint8), (WIDTH, round(WIDTH * size[0] / size[1])), interpolation=cv2.INTER_AREA)
        colour, text = (KEYED, f"{frame} keyed") if frame in keys else ((255, 255, 255), str(frame))
        for thickness, ink in ((4, (0, 0, 0)), (1, colour)):
            cv2.putText(tile, text, (8, 20), *SMALL, ink, thickness, cv2.LINE_AA)
        tiles.append(cv2.copyMakeBorder(tile, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(50, 50, 50)))
    return np.vstack([np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)])


def graph() -> np.ndarray:
    """Draw the node graph of the guide's first step."""
    picture = np.full((250, 520, 3), 56, np.uint8)
    nodes = {
        "Read1": (130, 40, (120, 120, 170)),
        "Roto1": (370, 40, (80, 150, 90)),
        "XMemRoto1": (130, 140, (79, 107, 63)),
        "Viewer1": (130, 215, (70, 70, 70)),
    }
    for start, end, label in (("Read1", "XMemRoto1", "plate"), ("Roto1", "XMemRoto1", "roto"), ("XMemRoto1", "Viewer1", "")):
        (x0, y0, _), (x1, y1, _) = nodes[start], nodes[end]
        target = (x1 + 70, y1) if label == "roto" else (x1, y1 - 14)
        cv2.arrowedLine(picture, (x0, y0 + 14), target, (190, 190, 190), 1, cv2.LINE_AA, tipLength=0.06)
        cv2.putText(picture, label, ((x0 + target[0]) // 2 + 10, (y0 + target[1]) // 2 + 14), *SMALL, (200, 200, 200), 1, cv2.LINE_AA)
    for name, (x, y, colour) in nodes.items():
        cv2.rectangle(picture, (x - 70, y - 14), (x + 70, y + 14), colour, -1)
        cv2.rectangle(picture, (x - 70, y - 14), (x + 70, y + 14), (20, 20, 20), 1)
        width = cv2.getTextSize(name, *SMALL, 1)[0][0]
        cv2.putText(picture, name, (x - width // 2, y + 5), *SMALL, (240, 240, 240), 1, cv2.LINE_AA)
    return picture


def main(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shot = DemoShot()
    report = session(folder, shot)
    keys = list(shot.keyframes)
    others = [shot.frames[round(place)] for place in np.linspace(0, shot.length - 1, 8)]
    shown = sorted(dict.fromkeys([*keys, report["keyed"], *others]))[:9]
    size = (shot.height, shot.width)
    for step, keyed in (("first", keys), ("second", [*keys, report["keyed"]])):
        cv2.imwrite(str(HERE / f"{step}.jpg"), sheet(folder, step, shown[: len(shown) // COLUMNS * COLUMNS], keyed, size))
    cv2.imwrite(str(HERE / "graph.png"), graph())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
