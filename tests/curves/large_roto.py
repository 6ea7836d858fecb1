"""A large roto as Nuke writes it, and how long reading it takes: python -m tests.curves.large_roto"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from tests.roto.made_roto import cc, curves, hexadecimal, shape
from xmemcore.curves import keyframes, objects_of, read_tree
from xmemcore.curves.reading import require_points


def large_roto(shapes: int = 40, points: int = 30, keys: int = 60) -> str:
    """Write shapes whose points all have keys with slopes of their own, seeded."""
    rng = random.Random(1)
    times = "{" + " ".join(str(1001 + 5 * i) for i in range(keys)) + "}"

    def coordinate(value: float) -> str:
        listed = []
        for i in range(keys):
            slope = hexadecimal(rng.uniform(-1, 1))
            tangents = f"0 1 {slope} 1" if i == 0 else f"{slope} 1 0 1" if i == keys - 1 else f"{slope} 1 {slope} 1"
            listed.append(f"{{{hexadecimal(value)} {tangents}}}")
            value += rng.uniform(-3, 4)
        return "{" + " ".join(listed) + "}"

    def outline() -> str:
        return cc([f"{coordinate(100 + point)} {coordinate(200 - point)}" for point in range(3 * points)], times)

    return curves(*(shape(f"Bezier{i}", outline(), attributes="osbe 0 osw x41200000 ltn 1001 ltm 1001 tt 4") for i in range(shapes)))


def main() -> None:
    """Print processor times in milliseconds."""
    text = large_roto()

    def timed(title: str, work: Callable[[], object]) -> object:
        began = time.process_time()
        result = work()
        print(f"{title}: {1000 * (time.process_time() - began):.0f} ms")
        return result

    print(f"{len(text) / 1e6:.1f} MB of curves text")
    root = timed("tree without points", lambda: read_tree(text, points=False))
    objects = timed("objects and keyframes", lambda: [(obj, keyframes(obj.placed)) for obj in objects_of([("Roto1", root)])])
    timed("points of one shape", lambda: objects[0][0].placed[0].shape.main.points)
    timed("all points", lambda: require_points(root))


if __name__ == "__main__":
    main()
