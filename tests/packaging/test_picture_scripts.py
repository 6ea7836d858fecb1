"""The scripts that make the pictures of the docs are run by hand, so nothing else notices when what they import is gone."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from tests.rooms import CHECKOUT


@pytest.mark.parametrize("script", sorted((CHECKOUT / "docs" / "images").glob("*.py")), ids=lambda path: path.stem)
def test_everything_that_a_script_imports_is_there(script: Path) -> None:
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.split(".")[0] in ("xmemcore", "tests"):
            module = importlib.import_module(node.module)
            assert [name.name for name in node.names if not _has(module, name.name)] == [], node.module


def _has(module: object, name: str) -> bool:
    if hasattr(module, name):
        return True
    try:
        return importlib.import_module(f"{module.__name__}.{name}") is not None  # type: ignore[attr-defined]
    except ImportError:
        return False
