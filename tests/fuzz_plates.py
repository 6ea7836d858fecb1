"""Attack the readers of plates and masks with damaged files: `python -m tests.fuzz_plates --count 20000 --seed 1`.

Healthy files of every kind are made, mutated in their headers and their pixels, and read as plate and as mask in a process of its own,
whose memory is limited. The table counts outcomes; what is neither right nor one sentence is kept in --keep.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import OpenEXR
from PIL import Image

from tests.make_data import half_noise, with_attributes, write_exr, write_index_mask, write_parts, write_picture
from xmemcore.protocol.failures import RequestError
from xmemcore.shot.annotations.masks import MaskAnnotations
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.sequence import Sequence
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.plate.plate import Plate

HEIGHT, WIDTH = 40, 64
BATCH = 500
"""Files of one process: a process that dies takes no more with it."""
BATCH_SECONDS, FILE_SECONDS, MEMORY_BYTES = 300, 20, 2 << 30
OUTCOMES = ("read", "sentence", "foreign exception", "printed", "crash", "hang", "memory")
EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0xFFFF, 0x10000, 100_000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def healthy(folder: Path) -> list[Path]:
    """Write a small file of every kind."""
    noise, window = half_noise(HEIGHT, WIDTH), (0, 0, WIDTH, HEIGHT)
    depth = half_noise(HEIGHT, WIDTH, 1, "Z")
    tiled = {"type": OpenEXR.tiledimage, "tiles": OpenEXR.TileDescription()}
    files = []
    for name in ("NO", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB", "HTJ2K256"):
        compression = getattr(OpenEXR, f"{name}_COMPRESSION")
        files.append(write_exr(folder / f"{name}.exr", noise, window, compression=compression))
        preview = write_exr(folder / f"{name}-preview.exr", noise, window, compression=compression)
        files.append(with_attributes(preview, [("preview", "preview", bytes(20))]))
    files.append(write_exr(folder / "tiled.exr", noise, window, **tiled))
    files.append(write_parts(folder / "parts.exr", [("depth", depth, window), ("rgba", noise, window)], window))
    files.append(write_parts(folder / "tiled-parts.exr", [("depth", depth, window), ("rgba", noise, window)], window, **tiled))
    picture = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8)
    files += [write_picture(folder / f"rgb.{suffix}", picture[..., :3]) for suffix in ("png", "jpg", "tif")]
    files.append(write_picture(folder / "rgba.png", picture))
    files.append(write_picture(folder / "grey16.png", picture[..., 0].astype(np.uint16) * 257))
    files.append(write_index_mask(folder / "index.png", picture[..., 0] % 3))
    for suffix, options in (
        ("jpg", {"progressive": True}),
        ("tif", {"compression": "tiff_lzw"}),
        ("tiff", {"compression": "tiff_deflate"}),
    ):
        files.append(folder / f"pillow.{suffix}")
        Image.fromarray(picture[..., :3]).save(files[-1], **options)
    files.append(folder / "density.dpx")
    dpx = bytearray(2048)
    dpx[:8], dpx[768:780] = struct.pack(">4sI", b"SDPX", 2048), struct.pack(">HHII", 0, 1, WIDTH, HEIGHT)
    dpx[800:812] = bytes((50, 6, 6, 10)) + struct.pack(">HHI", 1, 0, 2048)
    files[-1].write_bytes(bytes(dpx) + np.random.default_rng(1).integers(0, 1 << 32, WIDTH * HEIGHT, np.uint64).astype(">u4").tobytes())
    return files


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Damage a file, its first bytes more often than the rest."""
    spoiled = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        where = chance.randrange(min(len(spoiled), 600) if chance.random() < 0.7 else len(spoiled))
        kind = chance.random()
        if kind < 0.3:
            spoiled[where] ^= 1 << chance.randrange(8)
        elif kind < 0.5:
            spoiled[where] = chance.randrange(256)
        elif kind < 0.75:
            spoiled[where : where + 4] = struct.pack(chance.choice("<>") + "I", chance.choice(EDGES))
        elif kind < 0.85:
            del spoiled[max(where, 1) :]
        elif kind < 0.92:
            spoiled[where:where] = chance.randbytes(chance.randrange(1, 40))
        else:
            del spoiled[where : where + chance.randrange(1, 60)]
        spoiled = spoiled or bytearray(1)
    return with_check_sums(spoiled) if spoiled.startswith(b"\x89PNG") and chance.random() < 0.7 else bytes(spoiled)


def with_check_sums(content: bytearray) -> bytes:
    """Make the check sums of a PNG's chunks right, so that what is in them is looked at."""
    place = 8
    while place + 12 <= len(content):
        length = struct.unpack_from(">I", content, place)[0]
        if place + 12 + length > len(content):
            break
        struct.pack_into(">I", content, place + 8 + length, zlib.crc32(content[place + 4 : place + 8 + length]))
        place += 12 + length
    return bytes(content)


def inputs(folder: Path, seed: int) -> Iterator[tuple[str, bytes]]:
    """Give damaged files without end: the healthy one's name, and the content."""
    chance = random.Random(seed)
    contents = [(path.name, path.read_bytes()) for path in healthy(folder)]
    while True:
        name, content = chance.choice(contents)
        yield name, mutated(content, chance)


def outcome_of(path: Path) -> tuple[str, str]:
    """Read a file as a plate and as a mask."""
    box = Box(0, 0, WIDTH, HEIGHT)
    shot = Plate(Sequence("p.%04d.exr", {1: Path("p.0001.exr")}), Canvas(box, box), "linear")
    found = "sentence", ""
    for read in (lambda: Plate.open(str(path)).read(1), lambda: MaskAnnotations.open(str(path), shot).matte(1, 0)):
        try:
            picture = read()
        except RequestError as error:
            if "\n" in str(error) or len(str(error)) > 1000:
                return "foreign exception", f"no sentence: {error}"[:300]
        except BaseException as error:
            return "foreign exception", f"{type(error).__name__}: {error}"[:300]
        else:
            if not np.isfinite(picture).all() or picture.min() < 0 or picture.max() > 1:
                return "foreign exception", "values outside of [0, 1]"
            found = "read", ""
    return found


def work(seed: int, first: int, count: int, folder: Path) -> None:
    """Read some of the inputs, and print an outcome a line; what libraries print goes to a file that must stay empty."""
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    printed = tempfile.TemporaryFile(buffering=0)
    for descriptor in (1, 2):
        os.dup2(printed.fileno(), descriptor)
    length = 0
    for number, (name, content) in enumerate(inputs(folder / "healthy", seed)):
        if number >= first + count:
            return
        if number < first:
            continue
        path = folder / f"p.1{Path(name).suffix}"
        path.write_bytes(content)
        began = time.process_time()
        outcome, why = outcome_of(path)
        if os.fstat(printed.fileno()).st_size > length:
            outcome, why = "printed", os.pread(printed.fileno(), 300, length).decode("latin-1")
            length = os.fstat(printed.fileno()).st_size
        if time.process_time() - began > FILE_SECONDS:
            outcome = "hang"
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > MEMORY_BYTES:
            outcome = "memory"
        print(json.dumps([number, name, outcome, why]), file=answers)
        path.unlink()


def attack(seed: int, count: int, keep: Path | None) -> Counter[str]:
    """Count outcomes; a process that dies or hangs is one of them, and the next begins after it."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder, first = Path(name), 0
        (folder / "healthy").mkdir()
        while first < count:
            command = [sys.executable, "-m", "tests.fuzz_plates", "--work", str(folder), str(first), str(min(BATCH, count - first))]
            try:
                done = subprocess.run([*command, "--seed", str(seed)], capture_output=True, text=True, timeout=BATCH_SECONDS)
                text, died = done.stdout, "crash" if done.returncode else None
            except subprocess.TimeoutExpired as late:
                text, died = (late.stdout or b"").decode(), "hang"
            for number, kind, outcome, why in map(json.loads, text.splitlines()):
                counts[outcome] += 1
                first = number + 1
                if outcome not in ("read", "sentence"):
                    print(f"{seed}/{number} {kind}: {outcome}: {why}")
                    _kept(keep, folder, seed, number)
            if died:
                counts[died] += 1
                print(f"{seed}/{first}: {died}")
                _kept(keep, folder, seed, first)
                first += 1
    return counts


def _kept(keep: Path | None, folder: Path, seed: int, wanted: int) -> None:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        for number, (name, content) in enumerate(inputs(folder / "healthy", seed)):
            if number == wanted:
                (keep / f"{seed}-{number}{Path(name).suffix}").write_bytes(content)
                return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.work:
        work(chosen.seed, int(chosen.work[1]), int(chosen.work[2]), Path(chosen.work[0]))
        return
    counts = attack(chosen.seed, chosen.count, chosen.keep)
    print("| inputs | " + " | ".join(OUTCOMES) + " |")
    print("|" + "---|" * (len(OUTCOMES) + 1))
    print(f"| {sum(counts.values())} | " + " | ".join(str(counts[outcome]) for outcome in OUTCOMES) + " |")


if __name__ == "__main__":
    main()
