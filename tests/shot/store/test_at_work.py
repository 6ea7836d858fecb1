"""Who is at work where: runs of one plan share, those of another wait, and what the dead leave is taken away."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xmemcore.protocol.failures import Busy, DiskFailed
from xmemcore.shot.store import leases
from xmemcore.shot.store.at_work import AtWork
from xmemcore.shot.store.leases import LockNotWritable, take

HOLDER = """
import sys
from pathlib import Path
from xmemcore.shot.store.at_work import AtWork
place = AtWork(Path(sys.argv[1]))
with place.joined("aa", "busy"), place.claim(1001, 1010):
    print("held", flush=True)
    sys.stdin.read()
"""
BUSY = "Somebody is here: {holder} in {folder}. Wait."


@pytest.fixture
def place(tmp_path: Path) -> AtWork:
    return AtWork(tmp_path / "mattes" / ".work")


@pytest.fixture
def holder(place: AtWork):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(place.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_runs_of_one_plan_share_and_each_frame_is_computed_by_one(place: AtWork, holder: subprocess.Popen) -> None:
    with place.joined("aa", BUSY, patience_seconds=0):
        assert place.claim(1010, 1020) is None and place.claim(990, 1001) is None and place.claim(1004, 1005) is None
        with place.claim(1011, 1020):
            assert place.claim(1020, 1030) is None
        with place.claim(1011, 1030):
            pass


def test_a_run_of_another_plan_is_refused_with_a_sentence(place: AtWork, holder: subprocess.Popen) -> None:
    began = time.monotonic()
    with pytest.raises(Busy, match=r"Somebody is here: .+ since .+ in .+\.work"), place.joined("bb", BUSY, patience_seconds=0.5):
        pass
    assert 0.5 <= time.monotonic() - began < 20


def test_what_a_killed_process_held_is_free_at_once_and_nothing_stays(place: AtWork, holder: subprocess.Popen) -> None:
    holder.kill()
    holder.wait(timeout=10)
    with place.joined("bb", BUSY, patience_seconds=0), place.claim(1001, 1002):
        assert len(os.listdir(place.folder)) == 2
    assert not place.folder.exists()


def test_a_holder_on_another_machine_counts_as_gone_when_it_is_silent_for_long(place: AtWork) -> None:
    place.folder.mkdir(parents=True)
    theirs = place.folder / "frames_1001_1010"
    theirs.write_text("elsewhere 1 00")
    with place.joined("aa", BUSY):
        assert place.claim(1001, 1001) is None, "it gave a sign of life a moment ago"
        silent = time.time() - leases.DEAD_SECONDS - 5
        os.utime(theirs, (silent, silent))
        with place.claim(1001, 1001):
            assert not theirs.exists()


def test_a_lease_that_was_taken_over_is_not_deleted_by_its_former_holder(tmp_path: Path) -> None:
    lease = take(tmp_path / "lease")
    assert lease is not None and take(tmp_path / "lease") is None
    (tmp_path / "lease").write_text("elsewhere 1 00")
    lease.beat()
    lease.let_go()
    assert (tmp_path / "lease").read_text() == "elsewhere 1 00"


def test_a_holder_gives_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = take(tmp_path / "lease")
    os.utime(tmp_path / "lease", (1000, 1000))
    lease.beat()
    assert os.stat(tmp_path / "lease").st_mtime > 1000
    lease.let_go()
    assert not (tmp_path / "lease").exists()


def test_two_that_find_a_holder_gone_do_not_take_each_others_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one has judged the old file, and finds the first one's new file in its place."""
    path = tmp_path / "lease"
    path.write_text("elsewhere 1 00")

    def quicker(*_: object) -> bool:
        monkeypatch.setattr(leases, "_is_gone", lambda *_: False)
        path.write_text("another 2 11")
        return True

    monkeypatch.setattr(leases, "_is_gone", quicker)
    assert take(path) is None
    assert path.read_text() == "another 2 11" and os.listdir(tmp_path) == ["lease"]


def test_a_place_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LockNotWritable, match="cannot be made"), AtWork(tmp_path / "file" / "x").joined("aa", BUSY):
        pass


def test_place_that_somebody_deletes_behind_the_door_counts_as_empty(place: AtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    waited_for = leases.waited_for

    def deleting(*asked: object) -> leases.Lease:
        door = waited_for(*asked)
        shutil.rmtree(place.folder)
        return door

    monkeypatch.setattr(leases, "waited_for", deleting)
    with place.joined("aa", BUSY):
        claimed = place.claim(1001, 1010)
        assert claimed is not None and claimed.path.is_file()
        claimed.let_go()
    assert not place.folder.exists()


@pytest.mark.parametrize("room", [0, 5])
def test_a_full_disk_leaves_no_lease_that_nobody_holds(place: AtWork, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    write = os.write

    def full(descriptor: int, content: bytes) -> int:
        if room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, content[:room])

    monkeypatch.setattr(leases.os, "write", full)
    with pytest.raises(DiskFailed, match=f"The lock {place.folder / 'door'} cannot be made: No space left"):
        take(place.folder / "door")
    monkeypatch.undo()
    lease = take(place.folder / "door")
    assert lease is not None, "the next run waits for nobody"
    lease.let_go()
