"""The cache is never trusted, never fatal, and never larger than it may be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from xmemcore.shot.cache import (
    CacheDamaged,
    CacheFolder,
    NodeIdInvalid,
    cache_root,
    clear_node_files,
    digest,
    features_folder,
    make_room,
    node_folder,
)


def tensors(seed: int = 0) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {"key": torch.randn(3, 4, generator=draw), "f16": torch.randn(2, 5, generator=draw).half()}


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    folder = CacheFolder(tmp_path / "a")
    assert folder.load("x") is None
    folder.save("x", tensors())
    loaded = folder.load("x")
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors().items()) and len(loaded) == 2
    assert "x" in folder and "y" not in folder
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["x.safetensors"]


@pytest.mark.parametrize("place", [0.3, 0.7, 0.99])
def test_flipped_byte_is_found_and_the_file_deleted(tmp_path: Path, place: float) -> None:
    folder = CacheFolder(tmp_path)
    folder.save("x", tensors())
    content = bytearray(folder.path("x").read_bytes())
    content[int(place * len(content))] ^= 0x10
    folder.path("x").write_bytes(content)
    with pytest.raises(CacheDamaged):
        folder.load("x")
    assert folder.load("x") is None


@pytest.mark.parametrize("content", [b"", b"not safetensors", b"\x00" * 100])
def test_foreign_and_truncated_files_are_found(tmp_path: Path, content: bytes) -> None:
    folder = CacheFolder(tmp_path)
    folder.path("x").write_bytes(content)
    with pytest.raises(CacheDamaged):
        folder.load("x")


def test_digest_keeps_its_parts_apart() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest(b"a", 1) == digest(b"a", 1)


def test_least_recently_used_goes_first_and_what_is_in_use_last(tmp_path: Path) -> None:
    folder = features_folder(tmp_path)
    for age, key in enumerate(("aa1", "bb2", "cc3", "dd4")):
        folder.save(key, tensors(age))
        os.utime(folder.path(key), (1000 + age, 1000 + age))
    size = folder.path("aa1").stat().st_size
    os.utime(folder.path("aa1"), (2000, 2000))
    deleted = make_room(tmp_path, 2 * size, keep=[folder.path("bb2")])
    assert deleted == 2 * size
    assert "aa1" in folder and "bb2" in folder
    assert "cc3" not in folder and "dd4" not in folder


@pytest.mark.parametrize("node_id", ["../x", "", "a/b", "..", "features"])
def test_node_id_cannot_leave_the_cache(tmp_path: Path, node_id: str) -> None:
    with pytest.raises(NodeIdInvalid, match="cannot name a folder"):
        node_folder(tmp_path, node_id)


def test_clearing_a_node_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "node1" / "memory").mkdir(parents=True)
    (tmp_path / "node1" / "manifest.json").write_text("{}")
    (tmp_path / "node1" / "notes.txt").write_text("mine")
    features_folder(tmp_path).save("aa1", tensors())
    clear_node_files(tmp_path, "node1")
    assert [path.name for path in (tmp_path / "node1").iterdir()] == ["notes.txt"]
    assert "aa1" in features_folder(tmp_path)


def test_root_is_chosen_then_environment_then_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XMEM_ROTO_CACHE", "NUKE_TEMP_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_root(None) == Path.home() / ".cache" / "xmem-roto"
    monkeypatch.setenv("NUKE_TEMP_DIR", str(tmp_path / "nuke"))
    assert cache_root(None) == tmp_path / "nuke" / "xmem-roto"
    monkeypatch.setenv("XMEM_ROTO_CACHE", str(tmp_path / "own"))
    assert cache_root(None) == tmp_path / "own"
    assert cache_root(str(tmp_path / "asked")) == tmp_path / "asked"
