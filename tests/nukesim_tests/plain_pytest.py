"""Run the tests of this folder in a Python without pytest: a few of pytest's names, and a runner.

python3.9 plain_pytest.py            prints one line a test, exit status 1 when one fails
"""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import sys
import tempfile
import traceback
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FIXTURES: dict[str, Any] = {}


class Skipped(Exception):
    """The test does not apply here."""


class _Raises:
    """with raises(Error, match=...)"""

    def __init__(self, kind: Any, match: str | None = None) -> None:
        self.kind, self.match, self.value = kind, match, None  # type: ignore[var-annotated]

    def __enter__(self) -> _Raises:
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> bool:
        import re

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


def _import_or_skip(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Skipped(f"{name} is not installed") from None


class _Mark:
    @staticmethod
    def parametrize(names: str, values: Any, **_: Any) -> Any:
        def put(function: Any) -> Any:
            function.cases = [dict(zip([n.strip() for n in names.split(",")], v if isinstance(v, tuple) else (v,))) for v in values]
            return function

        return put


def _approx(value: float, abs: float = 1e-6, rel: float = 1e-6) -> Any:
    class Near:
        def __eq__(self, other: Any) -> bool:
            return -1 <= (other - value) / max(abs, rel * (value if value > 0 else -value)) <= 1

    return Near()


def install() -> None:
    """Put the small pytest into sys.modules."""
    small = types.ModuleType("pytest")
    vars(small).update(raises=_Raises, skip=_skip, fail=_fail, fixture=_fixture, importorskip=_import_or_skip, mark=_Mark(), approx=_approx)
    sys.modules["pytest"] = small


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def arguments(function: Any, case: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Values for a test's parameters: its case, fixtures, and a temporary folder."""
    with contextlib.ExitStack() as stack:
        given: dict[str, Any] = {}
        for name in inspect.signature(function).parameters:
            if name in case:
                given[name] = case[name]
            elif name == "tmp_path":
                given[name] = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            else:
                made = FIXTURES[name]()
                if inspect.isgenerator(made):
                    given[name] = next(made)
                    stack.callback(lambda made=made: next(made, None))
                else:
                    given[name] = made
        yield given


def main() -> int:
    install()
    load(HERE / "conftest.py")
    failed = passed = skipped = 0
    for path in sorted(HERE.glob("test_sim_*.py")):
        if path.stem == "test_sim_pythons":
            continue
        try:
            module = load(path)
        except Skipped as reason:
            print(f"skip {path.stem}: {reason}")
            continue
        for name, function in list(vars(module).items()):
            if not name.startswith("test_") or not callable(function):
                continue
            for case in getattr(function, "cases", [{}]):
                try:
                    with arguments(function, case) as given:
                        function(**given)
                    passed += 1
                except Skipped as reason:
                    skipped += 1
                    print(f"skip {path.stem}.{name}: {reason}")
                except Exception:
                    failed += 1
                    print(f"FAIL {path.stem}.{name} {case}")
                    traceback.print_exc(file=sys.stdout)
    print(f"{passed} passed, {skipped} skipped, {failed} failed on Python {sys.version.split()[0]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
