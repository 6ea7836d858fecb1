"""`python -m tests.fuzz.batch_kills [--shots N] [--kills N] [--seed N]`: kill a batch again and again; print what became of its shots.

Each time the batch is started anew and killed at a random moment; the last one ends undisturbed. Then every shot must have all its mattes,
no matte that was whole before a kill may have been written again, and nothing half-written may be left.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.shot.made_shot import FIRST, write_model, write_plate, write_roto

PLATES = 4
"""Plates that the shots are made from, in turn."""
FRAMES = 5
LAST_SECONDS = 3600
COMMAND = "import sys, torch; torch.set_num_threads(1); from xmemcore.cli.main import main; sys.exit(main(sys.argv[1:]))"


def main() -> int:
    """Kill as often as was asked for; return 1 where something was lost, done twice or left."""
    parser = argparse.ArgumentParser(prog="tests.fuzz.batch_kills", description=(__doc__ or "").split(":")[0])
    parser.add_argument("--shots", type=int, default=100)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="batch-kills-") as folder:
        harms = attack(Path(folder), chosen.shots, chosen.kills, random.Random(chosen.seed))
    print("\n".join(harms) or "nothing lost, nothing done twice, nothing left")
    return 1 if harms else 0


def attack(folder: Path, shots: int, kills: int, draw: random.Random) -> list[str]:
    """Run a batch of so many shots, killed so many times; gives what went wrong, one sentence each."""
    path = write_list(folder, shots)
    command = [sys.executable, "-c", COMMAND, "batch", str(path), "--json"]
    whole: dict[Path, int] = {}
    harms: list[str] = []
    killed = 0
    while killed < kills:
        with subprocess.Popen([*command, "--no-sheets"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + LAST_SECONDS
            aim = len(whole) + draw.randint(1, max(1, (shots * FRAMES) // max(kills, 1)))
            while process.poll() is None and len(mattes(folder)) < aim and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(draw.random() * 0.2)
            process.kill()
        killed += 1
        now = mattes(folder)
        harms += done_twice(whole, now)
        whole = now
        print(f"{killed} kills, {len(whole)} of {shots * FRAMES} mattes", file=sys.stderr, flush=True)
    answer = subprocess.run([*command, "--no-sheets"], capture_output=True, text=True, timeout=LAST_SECONDS)
    now = mattes(folder)
    harms += done_twice(whole, now)
    if answer.returncode != 0:
        return [*harms, f"the last batch ended with {answer.returncode}: {answer.stderr[-300:]}"]
    rows = json.loads(answer.stdout)["shots"]
    harms += [f"{row['name']} is {row['state']}: {row['text']}" for row in rows if row["state"] != "done"]
    if len(rows) != shots or len(now) != shots * FRAMES:
        harms.append(f"{len(rows)} rows and {len(now)} mattes, where {shots} and {shots * FRAMES} were due")
    left = [str(path) for path in (folder / "mattes").rglob("*") if path.is_file() and path.suffix != ".exr" and path.name != "result.json"]
    return harms + [f"{name} is left" for name in left]


def write_list(folder: Path, shots: int) -> Path:
    """Write the plates and the list of shots."""
    for number in range(PLATES):
        write_plate(folder / f"plate{number}", FIRST + number, FIRST + number + FRAMES - 1, holes=())
        write_roto(folder / f"roto{number}.nk", (FIRST + number, FIRST + number + 3), (FIRST + number, FIRST + number + 3))
    write_model(folder)
    lines = ["[settings]", "size = 64", 'model = "small.safetensors"'.replace("small", f"{folder}/small"), 'cache = "cache"']
    for number in range(shots):
        plate = number % PLATES
        lines += ["[[shot]]", f'name = "sh{number:03d}"', f'plate = "plate{plate}/plate.%04d.exr"', f'roto = "roto{plate}.nk"']
        lines += [f'node_id = "node{number}"']
    path = folder / "shots.toml"
    path.write_text("\n".join(lines))
    return path


def mattes(folder: Path) -> dict[Path, int]:
    """Give the mattes that are there, with the time at which each was written."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("mattes/*/matte.*.exr")}


def done_twice(before: dict[Path, int], now: dict[Path, int]) -> list[str]:
    """Say which mattes are gone or were written again."""
    return [f"{path} is {'written again' if path in now else 'gone'}" for path, written in before.items() if now.get(path) != written]


if __name__ == "__main__":
    sys.exit(main())
