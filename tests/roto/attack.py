"""A long attack on the readers of rotos: python -m tests.roto.attack --count 12000 --seed 3

Prints how many damaged scripts gave shapes, how many one sentence, and everything that must not happen: foreign exceptions, hangs,
mattes out of range. Inputs that failed are kept in the folder that is named.
"""

from __future__ import annotations

import argparse
import random
import resource
import signal
import time
import warnings
from collections import Counter
from pathlib import Path

from tests import shared_data
from tests.roto.damage import damaged
from xmemcore.curves.chain import CLASSES
from xmemcore.curves.script import read_script
from xmemcore.protocol.failures import RequestError
from xmemcore.roto import Roto, read_roto
from xmemcore.shot.annotations.roto import RotoAnnotations
from xmemcore.shot.files.box import Box
from xmemcore.shot.plate.canvas import Canvas

LIMIT_SECONDS = 20
LONGEST_SEED = 60_000
LONGEST_SENTENCE = 800
CANVAS = Canvas(Box(0, 0, 192, 108), Box(0, 0, 192, 108))


class Hang(Exception):
    """An input took more than its share of processor time."""


def seeds() -> list[str]:
    """Give real scripts, of large ones the rotos alone, and the cases of the tests."""
    shared = shared_data.folder() / "nuke-samples"
    paths = [*sorted(shared.rglob("*.nk")), *sorted(shared.rglob("*.gizmo")), *sorted((Path(__file__).parent / "cases").glob("[!d]*.nk"))]
    found = []
    for text in (path.read_text(encoding="utf-8", errors="replace") for path in paths):
        if len(text) <= LONGEST_SEED:
            found.append(text)
            continue
        for node in read_script(text).of(CLASSES):
            extent = node.knob("curves")
            if extent is not None and extent[1] - extent[0] <= LONGEST_SEED:
                found.append(text[slice(*extent)])
    return [text for text in found if "curvegroup" in text]


def read(text: str, rng: random.Random) -> Roto:
    """Read a text, of several nodes any one."""
    try:
        return read_roto(text)
    except RequestError:
        return read_roto(text, rng.choice(read_script(text).of(CLASSES)).path)


def use(roto: Roto, rng: random.Random) -> None:
    """Draw some frames as a propagate would."""
    try:
        made = RotoAnnotations(roto, CANVAS)
    except RequestError:
        made = RotoAnnotations(roto, CANVAS, keyframes=(1, 1001))
    for frame in rng.sample(made.keyframes, min(2, len(made.keyframes))):
        made.absent(frame + 1)
        for obj in sorted(made.known(frame))[:4]:
            matte = made.matte(frame, obj)
            if not ((matte >= 0) & (matte <= 1)).all():
                raise AssertionError("a matte out of range")
            made.network_mask(frame, obj, (48, 85))
            made.signature(frame, obj)


def main() -> None:
    """Attack, and print the outcomes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for inputs that failed")
    asked = parser.parse_args()
    warnings.simplefilter("error")

    def late(*_: object) -> None:
        raise Hang

    signal.signal(signal.SIGPROF, late)
    rng, texts, outcomes, slowest = random.Random(asked.seed), seeds(), Counter[str](), 0.0
    for number in range(asked.count):
        text = damaged(rng.choice(texts), rng) + "\n"
        began = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, LIMIT_SECONDS)
        try:
            use(read(text, rng), rng)
            outcome = "right"
        except RequestError as error:
            outcome = "sentence" if len(str(error)) <= LONGEST_SENTENCE else "sentence without an end"
        except Hang:
            outcome = "hang"
        except Exception as error:  # anything else is what we look for
            outcome = f"foreign {type(error).__name__}"
        signal.setitimer(signal.ITIMER_PROF, 0)
        slowest = max(slowest, time.process_time() - began)
        outcomes[outcome] += 1
        if outcome not in ("right", "sentence") and asked.keep is not None:
            asked.keep.mkdir(parents=True, exist_ok=True)
            (asked.keep / f"{asked.seed}-{number}.nk").write_text(text, encoding="utf-8")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{asked.count} inputs of {len(texts)} scripts, seed {asked.seed}: {dict(outcomes)}; slowest {slowest:.1f} s, peak {peak} MB")


if __name__ == "__main__":
    main()
