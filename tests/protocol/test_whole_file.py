"""Our files: whole or not at all, by names that nobody can guess, and never over something that is no ordinary file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from xmemcore.protocol import whole_file
from xmemcore.protocol.whole_file import copy, probe, read_ordinary, sweep, together, whole, write_text


def test_file_appears_with_the_end_of_the_body(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")
    with whole(path) as file:
        file.write(b"after")
        assert path.read_text() == "before"
    assert path.read_text() == "after" and [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_failing_body_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("before")
    with pytest.raises(KeyError), whole(tmp_path / "a.txt") as file:
        file.write(b"half")
        raise KeyError
    assert (tmp_path / "a.txt").read_text() == "before" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("linked", [True, False], ids=["with links", "on a disk without links"])
@pytest.mark.parametrize("fails_at", [0, 1, 2, None])
def test_files_are_changed_together_or_none_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int | None, linked: bool
) -> None:
    new, old, going = (tmp_path / name for name in ("new", "old", "going"))
    old.write_text("old")
    going.write_text("going")
    moved: list[Path] = []

    def rename(partial: Path, path: Path) -> None:
        if fails_at is not None and len(moved) == fails_at:
            moved.append(path)
            raise OSError(28, "No space left on device", str(path))
        moved.append(path)
        os.replace(partial, path)

    monkeypatch.setattr(whole_file, "_rename", rename)
    if not linked:
        monkeypatch.setattr(whole_file.os, "link", lambda *_: (_ for _ in ()).throw(OSError(1, "not permitted")))

    def change() -> None:
        with together() as files:
            files.deleting(going)
            for path in (old, new, tmp_path / "third"):
                files.replacing(path).write_text("changed")
            assert not new.exists() and old.read_text() == "old"

    if fails_at is None:
        change()
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(("new", "old", "third"), "changed")
    else:
        with pytest.raises(OSError, match="No space left"):
            change()
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"old": "old", "going": "going"}


def test_files_that_cannot_be_put_back_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("old")
    moved: list[Path] = []

    def rename(partial: Path, path: Path) -> None:
        if moved:
            raise OSError(5, "Input/output error", str(path))
        moved.append(path)
        os.replace(partial, path)

    monkeypatch.setattr(whole_file, "_rename", rename)
    with pytest.raises(OSError, match="Input/output"), together() as files:
        for path in (old, new):
            files.replacing(path).write_text("changed")
    assert files.unrestored == [old] and old.read_text() == "changed" and not new.exists()


def test_a_body_that_fails_leaves_all_files_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("before")
    with pytest.raises(KeyError), together() as files:
        files.replacing(tmp_path / "a").write_text("after")
        files.deleting(tmp_path / "b")
        raise KeyError
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "before")]


def test_copy_is_the_same_bytes_in_a_folder_of_its_own_and_appears_whole(tmp_path: Path) -> None:
    (tmp_path / "a.exr").write_bytes(b"pixels\0" * 1000)
    copy(tmp_path / "a.exr", tmp_path / "new" / "b.exr")
    assert (tmp_path / "new" / "b.exr").read_bytes() == (tmp_path / "a.exr").read_bytes()
    with pytest.raises(FileNotFoundError):
        copy(tmp_path / "gone.exr", tmp_path / "new" / "b.exr")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["b.exr"]
    assert (tmp_path / "new" / "b.exr").read_bytes() == (tmp_path / "a.exr").read_bytes()


def test_temporary_names_differ_each_time_and_a_planted_link_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = set()
    for _ in range(20):
        with whole(tmp_path / "a.txt"):
            (partial,) = (path.name for path in tmp_path.iterdir() if path.name != "a.txt")
            names.add(partial)
    assert len(names) == 20
    precious = tmp_path / "precious"
    precious.write_text("mine")
    # Somebody who could guess the name all the same.
    monkeypatch.setattr(whole_file.secrets, "token_hex", lambda count: 2 * count * "0")
    for name, write in (("a.txt", lambda: write_text(tmp_path / "a.txt", "ours")), ("probe", lambda: probe(tmp_path))):
        (tmp_path / f".{name}.{whole_file.machine()}-{os.getpid()}-{16 * '0'}.xmem-part").symlink_to(precious)
        with pytest.raises(FileExistsError):
            write()
    assert precious.read_text() == "mine"


def test_partial_file_of_ours_is_swept_by_its_name(tmp_path: Path) -> None:
    partial = tmp_path / whole_file._partial_name("a" * 200 + ".exr").replace(f"-{os.getpid()}-", "-999999999-")
    partial.touch()
    assert len(partial.name) < 140
    sweep(tmp_path)
    assert not partial.exists()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_ordinary_file_is_neither_replaced_nor_read(tmp_path: Path, make) -> None:
    make(tmp_path / "a")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for name in ("a", "link"):
        with pytest.raises(OSError, match="folder|not an ordinary file"):
            write_text(tmp_path / name, "x")
        with pytest.raises(OSError, match="folder|directory|not an ordinary file"):
            read_ordinary(tmp_path / name, 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "link"]


def test_device_is_not_read_to_its_end() -> None:
    with pytest.raises(OSError, match="not an ordinary file"):
        read_ordinary(Path("/dev/zero"), 10)


def test_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="more than 100 bytes"):
        read_ordinary(tmp_path / "a", 100)
    assert read_ordinary(tmp_path / "a", 100, begin=4) == bytes(4)
