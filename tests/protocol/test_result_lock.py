"""A lock on a result is everybody's, names who and when, and a file that is not ours counts as one."""

from __future__ import annotations

import pytest

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.result_lock import NAME, lock, lock_of, require_unlocked, somebody, unlock


def test_a_locked_result_says_who_and_since_when_until_it_is_unlocked(tmp_path):
    locked, other = str(tmp_path / "matte.%04d.exr"), str(tmp_path / "other.%04d.exr")
    require_unlocked(locked)
    result_lock = lock(locked)
    assert result_lock.by == somebody() and lock_of(locked) == result_lock and lock(locked) == result_lock
    with pytest.raises(RequestError, match=f"locked by {result_lock.by} since {result_lock.since}"):
        require_unlocked(locked)
    require_unlocked(other)
    lock(other)
    unlock(locked)
    assert lock_of(locked) is None and lock_of(other) is not None
    unlock(other)
    assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize("content", ["", "[]", "no json", '{"version": 2, "mattes": {}}', '{"version": 1, "mattes": 3}'])
def test_a_file_of_another_kind_locks_the_folder_and_is_not_replaced(tmp_path, content):
    (tmp_path / NAME).write_text(content)
    pattern = str(tmp_path / "matte.%04d.exr")
    with pytest.raises(RequestError, match="an unknown file"):
        require_unlocked(pattern)
    lock(pattern)
    unlock(pattern)
    assert (tmp_path / NAME).read_text() == content


def test_words_from_outside_are_shown_on_one_line(tmp_path):
    (tmp_path / NAME).write_text('{"version": 1, "mattes": {"m.%04d.exr": {"by": "a\\nb' + "c" * 500 + '", "since": 7}}}')
    held = lock_of(str(tmp_path / "m.%04d.exr"))
    assert held is not None and "\n" not in held.by and len(held.by) <= 80 and held.since == "an unknown time"
