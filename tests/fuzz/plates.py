"""Plates and masks under attack: small files of every kind, damaged in their headers and their pixels, read as plate and as mask.

Where a format has check sums over its pixels, one flipped bit must be noticed or change nothing.
"""

from __future__ import annotations

import random
import struct
import zlib
from pathlib import Path

import numpy as np
import OpenEXR
from PIL import Image

from tests.fuzz.kind import Kind, Wrong
from tests.fuzz.mutations import flipped_bit
from tests.make_data import half_noise, with_attributes, write_exr, write_index_mask, write_parts, write_picture
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.matte_header import find_attributes
from xmemcore.shot.annotations.masks import MaskAnnotations
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.sequence import Sequence
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.plate.plate import Plate

HEIGHT, WIDTH = 40, 64
EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0xFFFF, 0x10000, 100_000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
FLIPS = 0.3
"""Share of the inputs that are one flipped bit under a check sum."""


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


def checked(folder: Path) -> list[tuple[Path, int, int]]:
    """Write files whose pixels have check sums: each with the first byte that is covered, and the one behind the last."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    levels = np.stack([rows * 3, columns * 2, rows + columns], axis=-1).astype(np.uint8)
    files = []
    for name, picture in (("rgb", levels), ("deep", levels.astype(np.uint16) * 257), ("grey", levels[..., 0])):
        path = write_picture(folder / f"checked-{name}.png", picture)
        files.append((path, 8, path.stat().st_size))
    path = folder / "checked.tif"
    Image.fromarray(levels).save(path, compression="tiff_deflate")
    with Image.open(path) as opened:
        tags = opened.tag_v2  # type: ignore[attr-defined]
        files.append((path, tags[273][0], tags[273][0] + tags[279][0]))
    smooth = {name: levels[..., place].astype(np.float16) / 256 for place, name in enumerate("RGB")}
    for name in ("ZIP", "ZIPS"):
        path = write_exr(folder / f"checked-{name}.exr", smooth, (0, 0, WIDTH, HEIGHT), compression=getattr(OpenEXR, f"{name}_COMPRESSION"))
        content = path.read_bytes()
        table = 1 + max(end for _, end in find_attributes(content).values())
        # Behind the row and the size of the first block.
        files.append((path, 8 + int.from_bytes(content[table : table + 8], "little"), len(content)))
    return files


def plates(folder: Path) -> Kind:
    """Make the kind of input."""
    (folder / "plates").mkdir()
    contents = [(path.suffix, path.read_bytes()) for path in healthy(folder / "plates")]
    sums = checked(folder / "plates")
    right = {path.name: _read(path) for path, _, _ in sums}

    def damage(draw: random.Random) -> bytes:
        if draw.random() < FLIPS:
            path, first, stop = draw.choice(sums)
            content = path.read_bytes()
            return f"{path.name}\n".encode() + flipped_bit(content[:stop], draw, first) + content[stop:]
        suffix, content = draw.choice(contents)
        return f"x{suffix}\n".encode() + mutated(content, draw)

    def attempt(content: bytes, place: Path) -> None:
        name, _, damaged = content.partition(b"\n")
        path = place / f"p.1{Path(name.decode()).suffix}"
        path.write_bytes(damaged)
        box = Box(0, 0, WIDTH, HEIGHT)
        shot = Plate(Sequence("p.%04d.exr", {1: Path("p.0001.exr")}), Canvas(box, box), "linear")
        refusals = []
        for read in (lambda: _read(path), lambda: MaskAnnotations.open(str(path), shot).matte(1, 0)):
            try:
                picture = read()
            except RequestError as refusal:
                refusals.append(refusal)
                continue
            if not np.isfinite(picture).all() or picture.min() < 0 or picture.max() > 1:
                raise Wrong("values outside of 0 to 1")
            if picture.ndim == 3 and name.decode() in right and not np.array_equal(picture, right[name.decode()]):
                raise Wrong("a flipped bit under a check sum came through")
        if len(refusals) == 2:
            raise refusals[0]

    return Kind(damage, attempt)


def _read(path: Path) -> np.ndarray:
    plate = Plate.open(str(path))
    return plate.read(plate.frames[0])
