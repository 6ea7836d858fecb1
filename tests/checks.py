"""What `make lint`, `make test-fast`, `make test` and `make test-all` run, one step after the other, and what each took.

    python -m tests.checks lint | types | fast | test | all [arguments of pytest]

Every step runs even if one before it failed; the exit code is that of the first that did. With arguments, only pytest runs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

CHECKOUT = Path(__file__).resolve().parent.parent
PLUGIN = "xmem_roto_nuke"
MOST_WORKERS = 4
"""Test processes: each holds a network or two, and more of them would wait for the disk."""
MORE_THAN_CORES = 2
"""Test processes beyond one for each core: the plugin's tests wait for the processes that they start."""

ATTACK_MINUTES = 10

FAST = "not slow and not exhaustive"
EVERY_CHANGE = "not exhaustive"
HOSTILE, BOTH_TEMPERS = ("--temper", "hostile"), ("--temper", "both")
"""Tempers of the stand-in for Nuke in the plugin's tests; in the hostile one everything that is not known of Nuke is the worse of two."""


@dataclass(frozen=True)
class Step:
    """One thing to run."""

    name: str
    run: Callable[[], int]
    """Gives an exit code."""
    begin: Callable[[], object] = lambda: None
    """Called before the first step runs."""


def style() -> list[Step]:
    """Style and format of everything."""
    return [
        Step("ruff check", lambda: _python("ruff", "check", ".")),
        Step("ruff format", lambda: _python("ruff", "format", "--check", ".")),
    ]


def types() -> list[Step]:
    """Types of everything but tests."""
    return [Step("types of the core", lambda: _python("mypy", "xmemcore", "bootstrap.py")), Step("types of the plugin", plugin_types)]


def types_beside() -> Step:
    """Types, checked in a process beside the steps before this one, which tells what was found."""
    begun: list[tuple[subprocess.Popen[bytes], IO[bytes]]] = []

    def begin() -> None:
        said = tempfile.TemporaryFile()
        command = [sys.executable, "-m", "tests.checks", "types"]
        begun.append((subprocess.Popen(command, cwd=CHECKOUT, stdout=said, stderr=subprocess.STDOUT), said))

    def tell() -> int:
        process, said = begun.pop()
        code = process.wait()
        with said:
            said.seek(0)
            print(said.read().decode(errors="replace"), end="", flush=True)
        return code

    return Step("types", tell, begin)


def plugin_types() -> int:
    """Check the plugin under its import name: mypy knows folders, not the module that lends the folder its name."""
    with tempfile.TemporaryDirectory(prefix="xmem-roto-types-") as name:
        package = Path(name) / PLUGIN
        shutil.copytree(CHECKOUT / "nuke_plugin", package, ignore=shutil.ignore_patterns("__pycache__"))
        (package / "__init__.py").touch()
        paths = os.pathsep.join((name, str(CHECKOUT)))
        command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "-p", PLUGIN]
        answer = subprocess.run(command, cwd=CHECKOUT, env={**os.environ, "MYPYPATH": paths}, capture_output=True, text=True)
    for wrong in (str(package), os.path.relpath(package, CHECKOUT)):
        answer.stdout = answer.stdout.replace(wrong, "nuke_plugin")
    print(answer.stdout + answer.stderr, end="", flush=True)
    return answer.returncode


def pytest(marks: str, *arguments: str) -> int:
    """Run tests in parallel; prints the ten slowest."""
    workers = min((os.cpu_count() or 1) + MORE_THAN_CORES, MOST_WORKERS)
    return _python("pytest", "-q", "-n", str(workers), "--dist", "loadgroup", "--durations", "10", "-m", marks, *arguments)


def steps(kind: str) -> list[Step]:
    """List what a command of the Makefile runs."""
    if kind == "lint":
        return [*style(), *types()]
    if kind == "types":
        return types()
    if kind == "fast":
        return [Step("tests, the quick ones", lambda: pytest(FAST))]
    if kind == "test":
        return [*style(), Step("tests", lambda: pytest(EVERY_CHANGE, *HOSTILE)), types_beside()]
    return [*style(), Step("all tests", lambda: pytest("", *BOTH_TEMPERS)), types_beside(), *attacks()]


def attacks() -> list[Step]:
    """Damaged inputs for every reader, and propagates that are killed at random moments; seeded, and too long for every change."""
    return [
        Step("damaged inputs", lambda: _python("tests.fuzz", str(ATTACK_MINUTES))),
        Step("kills", lambda: _python("tests.fuzz.kills")),
    ]


def main(arguments: Sequence[str]) -> int:
    """Run the steps of a kind; returns the exit code."""
    kinds = ("lint", "types", "fast", "test", "all")
    kind, rest = (arguments[0], list(arguments[1:])) if arguments else ("", [])
    if kind not in kinds:
        print(f"tests.checks needs one of: {', '.join(kinds)}.", file=sys.stderr)
        return 2
    if rest:
        return _python("pytest", *rest)
    code, lines, listed = 0, [], steps(kind)
    for step in listed:
        step.begin()
    for step in listed:
        print(f"== {step.name}", flush=True)
        began = time.monotonic()
        answer = step.run()
        lines.append(f"{'ok    ' if answer == 0 else 'failed'} {time.monotonic() - began:7.1f} s  {step.name}")
        code = code or answer
    print("\n".join(lines), flush=True)
    return code


def _python(*words: str) -> int:
    # Hundreds of processes import the same modules: one that may keep no bytecode compiles all of them again.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run([sys.executable, "-m", *words], cwd=CHECKOUT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
