"""A lock that somebody holds is refused; a disk that knows no locks refuses nobody."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import pytest

from xmemcore.protocol.file_lock import try_lock, unlock


def test_held_lock_is_refused_until_it_is_let_go(tmp_path: Path) -> None:
    with open(tmp_path / "lock", "a+b") as first, open(tmp_path / "lock", "a+b") as second:
        assert try_lock(first.fileno())
        assert not try_lock(second.fileno())
        unlock(first.fileno())
        assert try_lock(second.fileno())


@pytest.mark.skipif(sys.platform == "win32", reason="fcntl is not there")
def test_disk_without_locks_gives_it_to_everybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", unsupported)
    with open(tmp_path / "lock", "a+b") as file:
        assert try_lock(file.fileno())
        unlock(file.fileno())
