"""Run tests of a folder in a Python without pytest: as much of pytest as the stand-in's and the plugin's tests need.

    python3.9 plain_pytest.py [--temper plain|hostile|both] [FILE or FOLDER ...]      default: this folder

Prints what failed, what was skipped, and one line of numbers; exit status 1 when one failed. A test is skipped that needs a fixture or
a package (numpy, OpenEXR) which this Python has not got; no test that is marked slow or exhaustive runs.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import io
import os
import re
import shutil
import sys
import tempfile
import traceback
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
FIXTURES: dict[str, Any] = {}
PACKAGES = ("numpy", "OpenEXR", "cv2", "PIL", "torch")
"""What tests use of packages. A test that gets as far as using one that is not installed is skipped."""
OF_THE_CORE = tuple(f"xmemcore.{room}" for room in ("shot", "roto", "engine", "memory", "network", "evaluation", "cli"))
"""Rooms that need those packages, or a later Python than Nuke's."""


class Skipped(Exception):
    """The test does not apply here."""


class Absent:
    """Something of a package that is not installed: it can be imported, and whoever uses it is skipped."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, _: str) -> Any:
        raise Skipped(f"{self._name} is not installed")

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise Skipped(f"{self._name} is not installed")


class AbsentFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds packages that are not installed, and what is below them."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if any(name == each or name.startswith(f"{each}.") for each in self._names):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: Any) -> Any:
        module = types.ModuleType(spec.name)
        module.__getattr__ = lambda part: Absent(f"{spec.name}.{part}")  # type: ignore[method-assign]
        return module

    def exec_module(self, module: Any) -> None:
        pass


class _Raises:
    """with raises(Error, match=...)"""

    def __init__(self, kind: Any, match: str | None = None) -> None:
        self.kind, self.match, self.value = kind, match, None  # type: ignore[var-annotated]

    def __enter__(self) -> _Raises:
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> bool:
        if kind is None:
            raise AssertionError(f"did not raise {self.kind}")
        if not issubclass(kind, self.kind):
            return False
        self.value = value
        if self.match and not re.search(self.match, str(value)):
            raise AssertionError(f"{str(value)!r} does not match {self.match!r}")
        return True


def _skip(reason: str = "") -> None:
    raise Skipped(reason)


def _fail(reason: str = "") -> None:
    raise AssertionError(reason)


def _fixture(function: Any = None, **_: Any) -> Any:
    if function is None:
        return _fixture
    FIXTURES[function.__name__] = function
    return function


def _import_or_skip(name: str, reason: str = "") -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Skipped(f"{name} is not installed") from None


class Mark:
    """What `pytest.mark.NAME(...)` gives: a decorator, and an entry of `pytestmark`."""

    def __init__(self, name: str, arguments: tuple[Any, ...] = (), more: dict[str, Any] | None = None) -> None:
        self.name, self.arguments, self.more = name, arguments, more or {}

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        if len(arguments) == 1 and not more and inspect.isfunction(arguments[0]):
            arguments[0].marks = [*getattr(arguments[0], "marks", []), self]
            return arguments[0]
        return Mark(self.name, arguments, more)


class _Marks:
    def __getattr__(self, name: str) -> Mark:
        return Mark(name)


class Param:
    """pytest.param"""

    def __init__(self, *values: Any, marks: Any = (), **_: Any) -> None:
        self.values, self.marks = values, list(marks) if isinstance(marks, (list, tuple)) else [marks]


def _approx(value: float, abs: float = 1e-6, rel: float = 1e-6) -> Any:
    class Near:
        def __eq__(self, other: Any) -> bool:
            return -1 <= (other - value) / max(abs, rel * (value if value > 0 else -value)) <= 1

    return Near()


class MonkeyPatch:
    """pytest's, as far as it is used."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], Any]] = []

    def setenv(self, name: str, value: str) -> None:
        self.setitem(os.environ, name, str(value))

    def delenv(self, name: str, raising: bool = True) -> None:
        self.delitem(os.environ, name, raising)

    def setitem(self, where: Any, key: Any, value: Any) -> None:
        had, before = key in where, where.get(key)
        self._undo.append(lambda: where.__setitem__(key, before) if had else where.pop(key, None))
        where[key] = value

    def delitem(self, where: Any, key: Any, raising: bool = True) -> None:
        if key in where:
            before = where.pop(key)
            self._undo.append(lambda: where.__setitem__(key, before))
        elif raising:
            raise KeyError(key)

    def setattr(self, where: Any, name: Any, value: Any = None, raising: bool = True) -> None:
        if isinstance(where, str):
            value, (module, _, name) = name, where.rpartition(".")
            where = importlib.import_module(module)
        is_own, before = name in vars(where), getattr(where, name, None)
        assert before is not None or hasattr(where, name) or not raising, f"{where} has no {name}"
        before = vars(where)[name] if is_own else before  # not the function of a static method
        self._undo.append(lambda: setattr(where, name, before) if is_own else delattr(where, name))
        setattr(where, name, value)

    def delattr(self, where: Any, name: str, raising: bool = True) -> None:
        before = getattr(where, name)
        self._undo.append(lambda: setattr(where, name, before))
        delattr(where, name)

    def syspath_prepend(self, path: Any) -> None:
        before = list(sys.path)
        self._undo.append(lambda: sys.path.__setitem__(slice(None), before))
        sys.path.insert(0, str(path))
        importlib.invalidate_caches()

    def chdir(self, path: Any) -> None:
        before = os.getcwd()
        self._undo.append(lambda: os.chdir(before))
        os.chdir(path)

    def undo(self) -> None:
        while self._undo:
            self._undo.pop()()


class CapSys:
    """What is printed while a test runs."""

    def __init__(self) -> None:
        self._out, self._err = io.StringIO(), io.StringIO()

    def readouterr(self) -> Any:
        answer = types.SimpleNamespace(out=self._out.getvalue(), err=self._err.getvalue())
        for part in (self._out, self._err):
            part.seek(0)
            part.truncate()
        return answer


def install() -> None:
    """Put the small pytest into sys.modules."""
    small = types.ModuleType("pytest")
    vars(small).update(raises=_Raises, skip=_skip, fail=_fail, fixture=_fixture, importorskip=_import_or_skip)
    vars(small).update(mark=_Marks(), approx=_approx, param=Param, MonkeyPatch=MonkeyPatch)
    sys.modules["pytest"] = small
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    sys.meta_path.insert(0, AbsentFinder([*missing, *(OF_THE_CORE if missing else ())]))


def load(path: Path) -> Any:
    """Import a file by the name that other tests import it by."""
    return importlib.import_module(".".join(path.relative_to(CHECKOUT).with_suffix("").parts))


def cases_of(function: Any, marks: list[Mark]) -> list[tuple[dict[str, Any], list[Mark]]]:
    """List a test's cases: its arguments, and the marks of each."""
    cases: list[tuple[dict[str, Any], list[Mark]]] = [({}, [mark for mark in marks if mark.name != "parametrize"])]
    for mark in marks:
        if mark.name != "parametrize":
            continue
        names, values = mark.arguments[:2]
        names = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
        several = []
        for given in values:
            given, more = (given.values, given.marks) if isinstance(given, Param) else (given, [])
            row = given if len(names) > 1 or isinstance(given, tuple) and len(given) == len(names) and more else (given,)
            several.append((dict(zip(names, row)), more))
        cases = [({**case, **values}, [*marks, *more]) for case, marks in cases for values, more in several]
    return cases


def refuse(marks: list[Mark]) -> None:
    """Raise Skipped for a test that is not for here."""
    for mark in marks:
        if mark.name in ("slow", "exhaustive", "weights", "gpu", "nuke"):
            raise Skipped(mark.name)
        if mark.name == "skip" or mark.name == "skipif" and mark.arguments[0]:
            raise Skipped(mark.more.get("reason", ""))


class Values:
    """Values of a test's parameters: its case, fixtures, and what pytest itself gives."""

    def __init__(self, case: dict[str, Any], temper: str, stack: contextlib.ExitStack) -> None:
        self._known, self._temper, self._stack = dict(case), temper, stack

    def of(self, function: Any) -> dict[str, Any]:
        return {name: self._value(name) for name in inspect.signature(function).parameters}

    def _value(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = self._made(name)
        return self._known[name]

    def _made(self, name: str) -> Any:
        if name == "tmp_path":
            folder = tempfile.mkdtemp()
            self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
            return Path(folder).resolve()
        if name == "monkeypatch":
            patch = MonkeyPatch()
            self._stack.callback(patch.undo)
            return patch
        if name == "capsys":
            seen = CapSys()
            self._stack.enter_context(contextlib.redirect_stdout(seen._out))
            self._stack.enter_context(contextlib.redirect_stderr(seen._err))
            return seen
        if name == "request":
            return types.SimpleNamespace(param=self._temper)
        if name not in FIXTURES:
            raise Skipped(f"the fixture {name} is not here")
        value = FIXTURES[name](**self.of(FIXTURES[name]))
        if not inspect.isgenerator(value):
            return value
        self._stack.callback(lambda: next(value, None))
        return next(value)


def uses(name: str, function: Any) -> bool:
    """Say whether a test takes a fixture, itself or through others."""
    taken = inspect.signature(function).parameters
    return name in taken or any(each in FIXTURES and uses(name, FIXTURES[each]) for each in taken)


def run(path: Path, function: Any, module_marks: list[Mark], tempers: list[str], counts: dict[str, int]) -> None:
    """Run a test's cases."""
    for case, marks in cases_of(function, [*reversed(getattr(function, "marks", [])), *module_marks]):
        for temper in tempers if uses("temper", function) else tempers[:1]:
            outcome, shown = "passed", ""
            try:
                refuse(marks)
                with contextlib.ExitStack() as stack:
                    function(**Values(case, temper, stack).of(function))
            except Skipped as reason:
                outcome, shown = "skipped", str(reason)
            except Exception:
                outcome, shown = "failed", traceback.format_exc()
            counts[outcome] += 1
            if outcome != "passed":
                print(f"{outcome[:4].upper()} {path.stem}.{function.__name__} {case} {temper}: {shown}", flush=True)


def main(words: list[str]) -> int:
    """Run the tests that are named; returns the exit status."""
    tempers = ["plain"]
    if words[:1] == ["--temper"]:
        tempers, words = {"both": ["plain", "hostile"]}.get(words[1], [words[1]]), words[2:]
    install()
    sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "tests")]
    counts = dict.fromkeys(("passed", "skipped", "failed"), 0)
    for place in [Path(word).resolve() for word in words] or [HERE]:
        load((place if place.is_dir() else place.parent) / "conftest.py")
        for path in sorted(place.glob("test_*.py")) if place.is_dir() else [place]:
            if path.stem == "test_sim_pythons":
                continue
            before = dict(FIXTURES)
            try:
                module = load(path)
            except Skipped as reason:
                print(f"SKIP {path.stem}: {reason}", flush=True)
                continue
            marks = getattr(module, "pytestmark", [])
            for name, function in list(vars(module).items()):
                if name.startswith("test_") and inspect.isfunction(function) and function.__module__ == module.__name__:
                    run(path, function, marks if isinstance(marks, list) else [marks], tempers, counts)
            for name in set(FIXTURES) - set(before):
                del FIXTURES[name]
            FIXTURES.update(before)
    numbers = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    print(f"{numbers} on Python {sys.version.split()[0]}")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
