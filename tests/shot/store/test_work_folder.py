"""The temporary folder of a run: whatever moment the run is killed at, a later run deletes what it left, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from xmemcore.protocol.whole_file import machine
from xmemcore.shot.store import work_folder
from xmemcore.shot.store.work_folder import MARKER, sweep_work_folders


@pytest.fixture(scope="module")
def ended() -> int:
    """The number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def _left(root: Path, process: int, *names: str) -> Path:
    folder = root / f"xmem-roto-work-{machine()}-{process}-abcd1234"
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("names", [(), (MARKER,), (MARKER, "0001.npz")], ids=["unmarked", "marked", "in use"])
def test_folder_of_a_killed_run_goes(tmp_path: Path, ended: int, names: tuple[str, ...]) -> None:
    folder = _left(tmp_path, ended, *names)
    sweep_work_folders(tmp_path)
    assert not folder.exists()


def test_folder_without_our_marker_that_holds_something_stays(tmp_path: Path, ended: int) -> None:
    folder = _left(tmp_path, ended, "somebody's")
    sweep_work_folders(tmp_path)
    assert (folder / "somebody's").exists()


def test_deletion_that_ends_in_the_middle_leaves_the_marker(tmp_path: Path, ended: int, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _left(tmp_path, ended, MARKER, "0001.npz")
    monkeypatch.setattr(work_folder.os, "unlink", _denied)
    sweep_work_folders(tmp_path)
    assert (folder / MARKER).exists()
    monkeypatch.undo()
    sweep_work_folders(tmp_path)
    assert not folder.exists()


def _denied(path: object, **_: object) -> None:
    raise PermissionError(13, "Permission denied", str(path))
