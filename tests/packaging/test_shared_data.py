"""Tests find the shared data in one way alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import shared_data

TESTS = Path(__file__).resolve().parents[1]


def test_no_other_test_file_says_where_the_shared_data_lie() -> None:
    exempt = {TESTS / "shared_data.py", Path(__file__)}
    looks = re.compile(r"""environ[^\n]*XMEM_ROTO_SHARED|getenv[^\n]*XMEM_ROTO_SHARED|parents?[^\n]*/ ["']shared["']""")
    found = [path.name for path in TESTS.rglob("*.py") if path not in exempt and looks.search(path.read_text(encoding="utf-8"))]
    assert not found


def test_lists_that_are_made_at_collection_follow_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "clips").mkdir()
    for name in ("b.nk", "a.nk", "other.txt"):
        (tmp_path / "clips" / name).touch()
    monkeypatch.setenv("XMEM_ROTO_SHARED", str(tmp_path))
    assert shared_data.names("clips", "*.nk") == ["a.nk", "b.nk"]
    assert shared_data.names("parity", "*.npz") == ["none"]
    assert shared_data.what_is_missing("clips") is None
    assert str(tmp_path / "parity") in (shared_data.what_is_missing("parity") or "")


def test_without_the_variable_the_data_lie_beside_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    for unset in (lambda: monkeypatch.delenv("XMEM_ROTO_SHARED", raising=False), lambda: monkeypatch.setenv("XMEM_ROTO_SHARED", "")):
        unset()
        assert shared_data.folder() == TESTS.parent.parent / "shared"
