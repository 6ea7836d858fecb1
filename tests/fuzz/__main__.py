"""`python -m tests.fuzz [MINUTES] [--seed N] [--inputs N] [--kinds a,b] [--keep DIR]`: attack every reader, print a table.

Each input is used in a forked process that may die, hang or fill its memory. Input number N of a kind is the same for the same seed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import OpenEXR
import torch

from tests.fuzz.kind import Kind, Wrong
from tests.fuzz.kinds import kinds
from xmemcore.protocol.failures import Failure

OUTCOMES = ("right", "sentence", "foreign exception", "crash", "hang", "memory", "silently wrong")
HARMLESS = OUTCOMES[:2]
CPU_SECONDS = 20
MORE_BYTES = 2 << 30
"""Beyond what the process had before the first input."""
BATCH = 500
LONGEST_SENTENCE = 1000


def main() -> int:
    """Attack until the time is over or every kind had its inputs; return 1 where something happened that must not."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=(__doc__ or "").split(":")[0])
    parser.add_argument("minutes", nargs="?", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inputs", type=int, default=None, help="of each kind; default: as many as the time allows")
    parser.add_argument("--kinds", default="", help="some of them, separated by commas")
    parser.add_argument("--keep", type=Path, default=None, help="folder for the inputs that did harm")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    deadline = time.monotonic() + 60 * chosen.minutes
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        (Path(folder) / "made").mkdir()
        attacked = kinds(Path(folder) / "made")
        # Threads do not survive a fork: without any, the library reads in the thread that asks.
        OpenEXR.set_global_thread_count(0)
        names = [name for name in attacked if not chosen.kinds or name in chosen.kinds.split(",")]
        counts: dict[str, Counter[str]] = {name: Counter() for name in names}
        harms: list[str] = []
        begun = 0
        while time.monotonic() < deadline and (chosen.inputs is None or begun < chosen.inputs):
            batch = BATCH if chosen.inputs is None else min(BATCH, chosen.inputs - begun)
            for name in names:
                if time.monotonic() < deadline:
                    _attack(attacked[name], name, chosen.seed, range(begun, begun + batch), Path(folder), counts[name], harms, chosen.keep)
            begun += batch
    print(_table(counts))
    print(f"\n{sum(sum(count.values()) for count in counts.values())} inputs, seed {chosen.seed}.")
    for harm in harms[:40]:
        print(harm)
    return 1 if harms else 0


def _attack(
    kind: Kind, name: str, seed: int, numbers: range, folder: Path, counts: Counter[str], harms: list[str], keep: Path | None
) -> None:
    """Use some inputs in processes of their own: one process as long as it lives."""
    todo = list(numbers)
    while todo:
        ours, theirs = multiprocessing.Pipe()
        child = os.fork()
        if child == 0:
            ours.close()
            _use(kind, name, seed, todo, folder, theirs)
        theirs.close()
        used = 0
        died: str | None = None
        while used < len(todo):
            # Wall time, generously: the process itself counts its CPU seconds.
            if not ours.poll(8 * CPU_SECONDS):
                os.kill(child, signal.SIGKILL)
                died = "hang"
                break
            try:
                outcome, words = ours.recv()
            except EOFError:
                break
            counts[outcome] += 1
            if outcome not in HARMLESS:
                harms.append(_harm(kind, name, seed, todo[used], outcome, words, keep))
            used += 1
        _, status = os.waitpid(child, 0)
        if used < len(todo):
            cpu = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU
            outcome = died or ("hang" if cpu else "crash")
            counts[outcome] += 1
            harms.append(_harm(kind, name, seed, todo[used], outcome, f"ended with status {status}", keep))
            used += 1
        todo = todo[used:]
        ours.close()


def _use(kind: Kind, name: str, seed: int, numbers: list[int], folder: Path, answers: object) -> None:
    """Use inputs one by one and tell what became of each; never returns."""
    noise = os.open(folder / "noise", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    os.dup2(noise, 1)
    os.dup2(noise, 2)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MORE_BYTES,) * 2)
    for number in numbers:
        place = folder / f"place-{name}"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        content = kind.damage(random.Random(f"{seed} {name} {number}"))
        began, printed = time.process_time(), os.fstat(noise).st_size
        resource.setrlimit(resource.RLIMIT_CPU, (int(began) + CPU_SECONDS + 1, resource.RLIM_INFINITY))
        outcome, words = _outcome(kind, content, place)
        sys.stdout.flush()
        sys.stderr.flush()
        if time.process_time() - began > CPU_SECONDS:
            outcome = "hang"
        if os.fstat(noise).st_size > printed and outcome in HARMLESS:
            os.lseek(noise, printed, os.SEEK_SET)
            outcome, words = "foreign exception", f"noise on stderr: {os.read(noise, 300)!r}"
        answers.send((outcome, words))  # type: ignore[attr-defined]
    os._exit(0)


def _outcome(kind: Kind, content: bytes, place: Path) -> tuple[str, str]:
    try:
        kind.attempt(content, place)
    except Failure as failure:
        if len(str(failure)) > LONGEST_SENTENCE or "\n" in str(failure):
            return "foreign exception", f"no sentence but {len(str(failure))} characters: {str(failure)[:300]!r}"
        return "sentence", str(failure)
    except Wrong as wrong:
        return "silently wrong", str(wrong)
    except MemoryError:
        return "memory", traceback.format_exc(limit=-3)
    except BaseException:
        return "foreign exception", traceback.format_exc(limit=-4)
    return "right", ""


def _harm(kind: Kind, name: str, seed: int, number: int, outcome: str, words: str, keep: Path | None) -> str:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{name}-{seed}-{number}").write_bytes(kind.damage(random.Random(f"{seed} {name} {number}")))
    return f"\n{outcome}: {name} {number} of seed {seed}\n{words.strip()}"


def _table(counts: dict[str, Counter[str]]) -> str:
    rows = [["input", *OUTCOMES], *([name, *(str(count[outcome]) for outcome in OUTCOMES)] for name, count in counts.items())]
    rows.append(["all", *(str(sum(count[outcome] for count in counts.values())) for outcome in OUTCOMES)])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


if __name__ == "__main__":
    sys.exit(main())
