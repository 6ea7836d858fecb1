"""A small shot as a studio would hand it over: half-float EXRs with overscan and a hole, and a roto script."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenEXR

from tests.engine.small import small_network
from xmemcore.network.checkpoint import save_network
from xmemcore.protocol.requests import PropagateRequest

WIDTH, HEIGHT = 96, 64
OVERSCAN = 8
FIRST, LAST, HOLE = 1001, 1040, 1017
BODY_KEYS, SLEEVE_KEYS = (1001, 1040), (1008, 1030)
"""Two shapes that overlap and are keyed on different frames."""


def write_shot(
    folder: Path,
    last: int = LAST,
    holes: tuple[int, ...] = (),
    body_keys: tuple[int, ...] = BODY_KEYS,
    sleeve_keys: tuple[int, ...] = SLEEVE_KEYS,
) -> PropagateRequest:
    """Write a plate, a roto and a model; gives a request for them at working size 64, without outputs.

    Edges are only enlarged: to solve them takes a third of such a run, and has tests of its own.
    """
    return PropagateRequest(
        plate=write_plate(folder / "plate", last=last, holes=holes),
        roto=write_roto(folder / "roto.nk", body_keys, sleeve_keys),
        model=str(write_model(folder)),
        size=64,
        edges="plain",
        node_id="node1",
    )


def sent_to(request: PropagateRequest, folder: Path) -> PropagateRequest:
    """Give the request with its mattes in `out` of a folder, and its cache beside them."""
    return replace(request, cache=str(folder / "cache"), out=str(folder / "out" / "matte.%04d.exr"))


def write_model(folder: Path) -> Path:
    """Save a small network, seeded and untrained."""
    folder.mkdir(parents=True, exist_ok=True)
    save_network(folder / "small.safetensors", small_network(), {"terms": "test"})
    return folder / "small.safetensors"


def write_plate(folder: Path, first: int = FIRST, last: int = LAST, holes: tuple[int, ...] = (HOLE,)) -> str:
    """Write frames whose data window exceeds the format on every side; gives the pattern."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame in range(first, last + 1):
        if frame not in holes:
            write_frame(folder / f"plate.{frame}.exr", frame)
    return str(folder / "plate.%04d.exr")


def write_frame(path: Path, frame: int, brightness: float = 1.0) -> None:
    """Write a red square that moves over noise, scene-linear."""
    rng = np.random.default_rng(3)
    rgb = rng.random((HEIGHT + 2 * OVERSCAN, WIDTH + 2 * OVERSCAN, 3)) * 0.2
    x = OVERSCAN + body_left(frame)
    rgb[OVERSCAN + 16 : OVERSCAN + 48, x : x + 32] = (4.0, 0.05, 0.02)
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "displayWindow": (np.array((0, 0), np.int32), np.array((WIDTH - 1, HEIGHT - 1), np.int32)),
        "dataWindow": (
            np.array((-OVERSCAN, -OVERSCAN), np.int32),
            np.array((WIDTH + OVERSCAN - 1, HEIGHT + OVERSCAN - 1), np.int32),
        ),
    }
    pixels = (rgb * brightness).astype(np.float16)
    OpenEXR.File(header, {name: np.ascontiguousarray(pixels[..., place]) for place, name in enumerate("RGB")}).write(str(path))


def body_left(frame: int) -> int:
    """Left edge of the square, in pixels of the format."""
    return 10 + (frame - FIRST) % 40


def write_roto(path: Path, body_keys: tuple[int, ...] = BODY_KEYS, sleeve_keys: tuple[int, ...] = SLEEVE_KEYS) -> str:
    """Write a script with two overlapping shapes, `body` and `sleeve`, each keyed on two frames of its own unless told otherwise."""
    body = _shape("body", {frame: (body_left(frame), 16, body_left(frame) + 32, 48) for frame in body_keys})
    sleeve = _shape("sleeve", {frame: (body_left(frame) + 16, 24, body_left(frame) + 44, 40) for frame in sleeve_keys})
    curves = f"{{{{v x3f99999a}} {{f 0}} {{n {{layer Root {{f 0}} {{t {WIDTH / 2} {HEIGHT / 2}}} {{a}} {sleeve} {body}}}}}}}"
    fmt = f'"{WIDTH} {HEIGHT} 0 0 {WIDTH} {HEIGHT} 1 made"'
    node = f"Roto {{\n inputs 0\n output alpha\n curves {{{curves}}}\n name Roto1\n}}"
    path.write_text(f"version 15.0 v4\nRoot {{\n inputs 0\n format {fmt}\n}}\n{node}\n")
    return str(path)


def _shape(name: str, boxes: dict[int, tuple[float, float, float, float]]) -> str:
    """Write one closed polygon; y is up, as in Nuke, and the made pictures are symmetric about their middle row."""
    corners = {frame: ((x0, y0), (x1, y0), (x1, y1), (x0, y1)) for frame, (x0, y0, x1, y1) in boxes.items()}
    points = []
    for place in range(4):
        keys = " ".join(f"{{{corners[frame][place][0]} -}}" for frame in corners)
        ys = " ".join(f"{{{corners[frame][place][1]} -}}" for frame in corners)
        points += ["{0 0}", f"{{{{{keys}}} {{{ys}}}}}", "{0 0}"]
    flat = " ".join(points)
    times = " ".join(str(frame) for frame in boxes)
    return f"{{curvegroup {name} 512 bezier {{{{cc {{f 8192}} {{px {{{times}}} {flat}}}}} idem}} {{t 0 0}} {{a}}}}"
