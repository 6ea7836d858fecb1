"""Plates that Nuke rendered for the core count against the limit of the cache, and go when they are old; nobody else's files go."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from xmemcore.protocol.file_lock import try_lock
from xmemcore.protocol.places import exchange_lock, file_state
from xmemcore.shot.store.cache import make_room
from xmemcore.shot.store.rendered import UNUSED_SECONDS, delete_unused, rendered_frames

DAY = 24 * 3600


@pytest.fixture
def rendered(tmp_path):
    """Make a node's rendered frames of 1000 bytes each, last used some days ago; gives its exchange folder."""

    def make(node: str, days: float, frames=(1001, 1002), name: str = "plate") -> Path:
        folder = tmp_path / "nuke" / node / name
        folder.mkdir(parents=True)
        noted = {}
        for frame in frames:
            path = folder / f"{name}.{frame:04d}.exr"
            path.write_bytes(b"x" * 1000)
            _aged(path, days)
            noted[str(frame)] = {"digest": "d", "file": file_state(path)}
        (folder / "plate.json").write_text(json.dumps({"frames": noted}))
        _aged(folder / "plate.json", days)
        return folder

    return make


def _aged(path: Path, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(path, (then, then))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.exr"))


def test_plates_count_against_the_limit_and_the_least_recently_used_go_first(tmp_path, rendered):
    old, new = rendered("a" * 32, 5), rendered("b" * 32, 1)
    assert make_room(tmp_path, 4000) == 0
    assert make_room(tmp_path, 2500) == 2000
    assert names(old) == [] and len(names(new)) == 2
    os.utime(new / "plate.json")
    assert make_room(tmp_path, 1000) == 1000 and len(names(new)) == 1


def test_frames_set_aside_go_too_and_what_was_changed_since_stays(tmp_path, rendered):
    folder = rendered("a" * 32, 5)
    aside = folder.with_name("plate_aside")
    aside.mkdir()
    os.replace(folder / "plate.1001.exr", aside / "plate.1001.exr")
    (folder / "plate.1002.exr").write_bytes(b"an artist's")
    (folder / "plate.1003.exr").write_bytes(b"nobody noted it")
    assert make_room(tmp_path, 0) == 1000
    assert names(aside) == [] and names(folder) == ["plate.1002.exr", "plate.1003.exr"]


def test_nothing_of_a_node_at_work_goes(tmp_path, rendered):
    folder = rendered("a" * 32, 100)
    with open(exchange_lock(folder.parent), "wb") as lock:
        assert try_lock(lock.fileno())
        # The lock of an open file is the file's: whoever opens it anew is somebody else.
        assert list(rendered_frames(tmp_path)) == [] and make_room(tmp_path, 0) == delete_unused(tmp_path) == 0
    assert delete_unused(tmp_path) == 2000


def test_what_nobody_used_for_a_season_goes_whatever_the_limit(tmp_path, rendered):
    gone, recent = rendered("a" * 32, UNUSED_SECONDS / DAY + 1), rendered("b" * 32, UNUSED_SECONDS / DAY - 1, name="alpha")
    assert delete_unused(tmp_path) == 2000
    assert names(gone) == [] and len(names(recent)) == 2


@pytest.mark.parametrize("note", ["", "[]", '{"frames": 3}', '{"frames": {"1001": 3, "1002": {"file": "x"}}}'])
def test_without_a_note_of_ours_nothing_goes(tmp_path, rendered, note):
    folder = rendered("a" * 32, 100)
    (folder / "plate.json").write_text(note)
    assert delete_unused(tmp_path) == 0 and len(names(folder)) == 2
