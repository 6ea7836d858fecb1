"""What judging and planning a shot cost, 40 million pixels, and a roto in Nuke: `python -m tests.costs judge|plan|large|roto`."""

from __future__ import annotations

import argparse
import contextlib
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR

from tests.shot.made_shot import write_model
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.inputs.opened import open_propagate
from xmemcore.shot.plan import plan as set_up
from xmemcore.shot.propagate import propagate
from xmemcore.shot.status import node_status

CHECKOUT = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT, FIRST = 1920, 1080, 1001
CORNERS = 24
"""Of a shape: as many as an artist draws around a body."""


def write_plate(folder: Path, frames: int) -> str:
    """Write half-float frames of noise, 5 MB each."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    for frame in range(FIRST, FIRST + frames):
        planes = {name: (rng.random((HEIGHT, WIDTH)) * 0.5).astype(np.float16) for name in "RGB"}
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        OpenEXR.File(header, planes).write(str(folder / f"p.{frame}.exr"))
    return str(folder / "p.%04d.exr")


def write_roto(path: Path, objects: int, keys: int, spread: int = 1) -> str:
    """Write round shapes of 24 corners that move, side by side, each keyed on `keys` frames."""
    times = [FIRST + spread * key for key in range(keys)]
    shapes = []
    for number in range(objects):
        x0, y0 = 100 + 1700 * (number % 6) / 6, 100 + 850 * (number // 6) / max(objects / 6, 1)
        points = []
        for corner in range(CORNERS):
            turn = 2 * np.pi * corner / CORNERS
            xs = " ".join(f"{{{x0 + 100 + 90 * np.cos(turn) + key:.3f} -}}" for key in range(keys))
            ys = " ".join(f"{{{y0 + 100 + 70 * np.sin(turn) + key / 2:.3f} -}}" for key in range(keys))
            along = -90 * np.sin(turn) / 12, 70 * np.cos(turn) / 12
            points += [f"{{{-along[0]:.3f} {-along[1]:.3f}}}", f"{{{{{xs}}} {{{ys}}}}}", f"{{{along[0]:.3f} {along[1]:.3f}}}"]
        listed = " ".join(map(str, times))
        shapes.append(
            f"{{curvegroup s{number} 512 bezier {{{{cc {{f 8192}} {{px {{{listed}}} {' '.join(points)}}}}} idem}} {{t 0 0}} {{a}}}}"
        )
    curves = f"{{{{v x3f99999a}} {{f 0}} {{n {{layer Root {{f 0}} {{t 960 540}} {{a}} {' '.join(shapes)}}}}}}}"
    root = f'Root {{\n inputs 0\n format "{WIDTH} {HEIGHT} 0 0 {WIDTH} {HEIGHT} 1 HD"\n}}'
    path.write_text(f"version 15.0 v4\n{root}\nRoto {{\n inputs 0\n output alpha\n curves {{{curves}}}\n name Roto1\n}}\n")
    return str(path)


def judge(folder: Path, frames: int) -> None:
    """Propagate a shot once, then ask what the next propagate would find; contents are compared."""
    request = PropagateRequest(
        plate=write_plate(folder / "plate", frames),
        roto=write_roto(folder / "roto.nk", 2, 2, spread=frames - 1),
        model=str(write_model(folder)),
        size=64,
        cache=str(folder / "cache"),
        node_id="node1",
        out=str(folder / "out" / "m.%04d.exr"),
    )
    propagate(request)
    for name, asked in (("status", request), ("status, the plate decoded", replace(request, cache=str(folder / "another")))):
        status, seconds = _timed(lambda asked=asked: node_status(asked))
        assert not status.stale, status.reasons
        print(f"{name}: {1000 * seconds / frames:.1f} ms of CPU a frame")


def plan(folder: Path, objects: int, keys: int) -> None:
    """Plan a shot."""
    request = PropagateRequest(
        plate=write_plate(folder / "plate", 1),
        roto=write_roto(folder / "roto.nk", objects, keys),
        model=str(write_model(folder)),
        cache=str(folder / "cache"),
        out=str(folder / "out" / "m.%04d.exr"),
    )
    first = folder / "plate" / f"p.{FIRST}.exr"
    for frame in range(FIRST + 1, FIRST + keys):
        (folder / "plate" / f"p.{frame}.exr").symlink_to(first)
    _planned(replace(request, objects=("s0",), keyframes=(FIRST,)))  # what a process pays once is left out
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    planned, seconds = _timed(lambda: _planned(request))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    masks = sum(mask.nbytes for mask in bits(planned))
    memory = f"masks {masks / 1e6:.1f} MB; peak {peak >> 10} MB, {(peak - before) >> 10} more"
    print(f"{objects} objects x {keys} keys: {seconds:.1f} s of CPU; {memory}")


def large(folder: Path, objects: int) -> None:
    """Propagate over two frames of 40 million pixels that take 0.3 MB each."""
    (folder / "plate").mkdir()
    planes = {name: np.full((5000, 8000), 0.2, np.float16) for name in "RGB"}
    planes["R"][1000:2000, 1000:3000] = 0.7
    for frame in (FIRST, FIRST + 1):
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        OpenEXR.File(header, planes).write(str(folder / "plate" / f"p.{frame}.exr"))
    request = PropagateRequest(
        plate=str(folder / "plate" / "p.%04d.exr"),
        roto=write_roto(folder / "roto.nk", objects, 1),
        model=str(write_model(folder)),
        size=240,
        use_cache=False,
        out=str(folder / "out" / "m.%04d.exr"),
    )
    del planes
    _, seconds = _timed(lambda: propagate(request))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"40 million pixels, {objects} objects: {seconds / 2:.1f} s of CPU a frame; peak {peak >> 10} MB")


def roto(shapes: int, points: int, keys: int) -> None:
    """Read a roto in the stand-in for Nuke as the plugin does, twice, and point by point; ours is what is not spent within Nuke's API."""
    sys.path.insert(0, str(CHECKOUT / "tests"))
    import nukesim

    from tests.nuke_plugin.conftest import Stage
    from tests.nuke_plugin.test_budget import big_roto

    with tempfile.TemporaryDirectory() as folder, nukesim.start(gui=True) as host:
        host.startup([str(CHECKOUT)])
        stage = Stage(host, Path(folder)).build()
        from xmem_roto_nuke.handover import exchange
        from xmem_roto_nuke.node import knobs

        stage.roto["curves"].fromScript(big_roto(shapes, points, keys))
        root, settings = stage.roto["curves"].rootLayer, knobs.read_settings(stage.node)
        frames = range(FIRST, FIRST + keys)

        def as_text() -> None:
            exchange.read_annotations(stage.node, settings, frames)

        def point_by_point() -> None:
            for shape in root:
                for point in shape:
                    for frame in frames:
                        for part in (point.center, point.leftTangent, point.rightTangent):
                            part.getPosition(frame)
                        for part in (point.featherCenter, point.featherLeftTangent, point.featherRightTangent):
                            part.getPosition(frame)

        print(f"{shapes} shapes x {points} points x {keys} keys; processor time")
        for name, read in (("as text, first", as_text), ("as text, later", as_text), ("point by point", point_by_point)):
            calls, within = host.calls, [0.0]
            with _counted(host, within), host._user_code():
                _, seconds = _timed(read)
            print(f"{name}: {1000 * seconds:.0f} ms, of which ours {1000 * (seconds - within[0]):.0f}; {host.calls - calls} calls")


@contextlib.contextmanager
def _counted(host: Any, within: list[float]) -> Iterator[None]:
    """Add up the processor time of the outermost calls of the API."""
    enter, inside = host._enter, [0]

    def timed(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if inside[0]:
            return enter(function, args, kwargs)
        inside[0], began = 1, time.process_time()
        try:
            return enter(function, args, kwargs)
        finally:
            inside[0] = 0
            within[0] += time.process_time() - began

    host._enter = timed
    try:
        yield
    finally:
        del host._enter


def _planned(request: PropagateRequest) -> set_up.Plan:
    return set_up.plan(open_propagate(request))


def bits(planned: set_up.Plan) -> list[np.ndarray]:
    """List the masks that a plan holds."""
    masks_of_groups = [annotation.masks for each in planned.groups for annotation in each.group.annotations.values()]
    return [mask.bits for masks in masks_of_groups for mask in masks.packed.values() if mask is not None]


def _timed(call: Callable[[], object]) -> tuple[object, float]:
    began = time.process_time()
    return call(), time.process_time() - began


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.costs", description=__doc__)
    parser.add_argument("what", choices=("judge", "plan", "large", "roto"))
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--objects", type=int, default=20)
    parser.add_argument("--keys", type=int, default=300)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if asked.what == "roto":
            roto(40, 30, 60)
        elif asked.what == "large":
            large(Path(folder), asked.objects)
        elif asked.what == "judge":
            judge(Path(folder), asked.frames)
        else:
            plan(Path(folder), asked.objects, asked.keys)


if __name__ == "__main__":
    main()
