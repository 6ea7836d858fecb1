"""What the commands of the Makefile check: nothing is skipped because something before it failed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import checks
from tests.checks import Step


def test_every_step_runs_and_the_first_failure_is_the_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    ran: list[str] = []

    def step(name: str, code: int) -> Step:
        return Step(name, lambda: ran.append(name) or code)  # type: ignore[func-returns-value]

    monkeypatch.setattr(checks, "steps", lambda kind: [step("style", 0), step("types", 3), step("tests", 1)])
    assert checks.main(["test"]) == 3
    assert ran == ["style", "types", "tests"]
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[-3:]] == ["ok", "failed", "failed"]


def test_every_change_is_checked_for_style_types_and_tests() -> None:
    style, types = (checks.style(), checks.types())
    assert [step.name for step in checks.steps("lint")] == [step.name for step in [*style, *types]]
    assert [step.name for step in checks.steps("test")] == [*(step.name for step in style), "tests", "types"]
    last = ["all tests", "types", "damaged inputs", "kills"]
    assert [step.name for step in checks.steps("all")] == [*(step.name for step in style), *last]


def test_types_are_checked_beside_the_tests_and_told_after_them(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    program = "import sys; print('cannot find x'); sys.exit(3 if sys.argv[1:] == ['types'] else 4)"
    this_python, real, began = sys.executable, subprocess.Popen, []
    monkeypatch.setattr(sys, "executable", "python-of-the-checks")

    def started(command: list[str], **options: object) -> object:
        began.append(command)
        return real([this_python, "-c", program, *command[3:]], **options)

    monkeypatch.setattr(subprocess, "Popen", started)
    tests = Step("tests", lambda: print(f"{len(began)} began") or 0)  # type: ignore[func-returns-value]
    monkeypatch.setattr(checks, "steps", lambda kind: [tests, checks.types_beside()])
    assert checks.main(["test"]) == 3
    assert began == [["python-of-the-checks", "-m", "tests.checks", "types"]]
    said = capfd.readouterr().out.splitlines()
    assert said[:4] == ["== tests", "1 began", "== types", "cannot find x"] and said[-1].startswith("failed")


def test_quick_tests_are_some_of_those_of_every_change(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(checks, "_python", lambda *words: asked.append(words[words.index("-m") + 1]) or 0)
    for kind in ("fast", "test", "all"):
        next(step for step in checks.steps(kind) if "tests" in step.name).run()
    assert asked == ["not slow and not exhaustive", "not exhaustive", ""]


def test_arguments_go_to_pytest_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(checks, "_python", lambda *words: asked.append(words) or 0)
    assert checks.main(["test", "tests/roto", "-x"]) == 0
    assert asked == [("pytest", "tests/roto", "-x")]


def test_unknown_kind_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert checks.main([]) == checks.main(["everything"]) == 2
    assert "one of: lint, types, fast, test, all" in capsys.readouterr().err
