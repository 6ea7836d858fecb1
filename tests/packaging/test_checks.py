"""What the commands of the Makefile check: nothing is skipped because something before it failed."""

from __future__ import annotations

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


def test_tests_of_every_change_come_after_style_and_types() -> None:
    assert [step.name for step in checks.steps("test")] == [*(step.name for step in checks.steps("lint")), "tests"]
    last = ["all tests", "damaged inputs", "kills"]
    assert [step.name for step in checks.steps("all")][-3:] == last


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
    assert "one of: lint, fast, test, all" in capsys.readouterr().err
