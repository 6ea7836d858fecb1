"""The cache is never trusted, never fatal, and never larger than it may be."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch

from xmemcore.protocol import whole_file
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.names import TAKEN_NODE_IDS
from xmemcore.protocol.places import cache_root
from xmemcore.shot.store.cache import (
    CacheDamaged,
    CacheFolder,
    cache_files,
    digest,
    features_folder,
    make_room,
    node_folder,
    sweep_partial_files,
)
from xmemcore.shot.store.permanent import PermanentStore
from xmemcore.shot.store.state import NodeManifest, clear_node

X, Y = "a1" + 38 * "0", "b2" + 38 * "0"
"""Keys are hashes of 40 digits; no other name is ours."""
OLDER_FEATURE = f"features/c3/{'c3' + 38 * '0'}.safetensors"


def tensors(seed: int = 0) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {"key": torch.randn(3, 4, generator=draw), "f16": torch.randn(2, 5, generator=draw).half()}


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    folder = CacheFolder(tmp_path / "a")
    assert folder.load(X) is None
    folder.save(X, tensors())
    loaded = folder.load(X)
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors().items()) and len(loaded) == 2
    assert X in folder and Y not in folder
    assert [path.name for path in (tmp_path / "a").iterdir()] == [f"{X}.xmemcache"]


@pytest.mark.parametrize("place", [0.0, 0.01, 0.1, 0.2, 0.3, 0.5, 0.7, 0.99])
def test_flipped_byte_is_found_and_the_file_deleted(tmp_path: Path, place: float) -> None:
    folder = CacheFolder(tmp_path)
    folder.save(X, tensors())
    content = bytearray(folder.path(X).read_bytes())
    content[int(place * len(content))] ^= 0x10
    folder.path(X).write_bytes(content)
    with pytest.raises(CacheDamaged):
        folder.load(X)
    assert folder.load(X) is None


@pytest.mark.parametrize("content", [b"", b"not safetensors", b"\x00" * 100])
def test_foreign_and_truncated_files_are_found(tmp_path: Path, content: bytes) -> None:
    folder = CacheFolder(tmp_path)
    folder.path(X).write_bytes(content)
    with pytest.raises(CacheDamaged):
        folder.load(X)


def zero_dimensional(entries: dict[str, torch.Tensor]) -> None:
    entries["0.key"] = torch.tensor(1.0)


def other_kind(entries: dict[str, torch.Tensor]) -> None:
    entries["0.value.0"] = torch.zeros(6, 8, dtype=torch.int64)


def no_number(entries: dict[str, torch.Tensor]) -> None:
    entries["0.shrinkage"][3] = float("nan")


def no_elements_match(entries: dict[str, torch.Tensor]) -> None:
    entries["0.value.0"] = torch.zeros(5, 8)


def no_object(entries: dict[str, torch.Tensor]) -> None:
    del entries["0.value.0"]


def no_names_of_ours(entries: dict[str, torch.Tensor]) -> None:
    entries["x.key"] = torch.zeros(3)


@pytest.mark.parametrize("spoil", [zero_dimensional, other_kind, no_number, no_elements_match, no_object, no_names_of_ours])
def test_annotation_that_is_whole_but_cannot_be_used_is_deleted_and_said_every_time(tmp_path: Path, spoil) -> None:
    """Written by a fault of ours, say: every byte is proven, and it is still not believed."""
    warnings: list[str] = []
    store = PermanentStore(tmp_path, "node1", warnings.append)
    for _ in range(2):
        entries = {
            "0.key": torch.zeros(6, 4),
            "0.shrinkage": torch.ones(6),
            "0.coverage": torch.ones(2, 6),
            "0.value.0": torch.zeros(6, 8).half(),
        }
        CacheFolder(tmp_path / "node1" / "memory").save(X, entries)
        assert store.load(X) is not None
        spoil(entries)
        CacheFolder(tmp_path / "node1" / "memory").save(X, entries)
        assert store.load(X) is None and X not in store
    assert len(warnings) == 2


@pytest.mark.parametrize("case", ["cache-0dim", "cache-header"])
def test_damaged_files_of_the_older_format_are_found_before_they_are_parsed(
    tmp_path: Path, shared: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PermanentStore(tmp_path, "node1", lambda text: None)
    path = CacheFolder(tmp_path / "node1" / "memory").path(X)
    path.parent.mkdir(parents=True)
    shutil.copy(shared / "cases" / "damage" / case / "memory.safetensors", path)
    monkeypatch.setattr(safetensors.torch, "load", lambda content: pytest.fail("parsed"))
    assert store.load(X) is None and not path.exists()


def test_digest_keeps_its_parts_apart() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest(b"a", 1) == digest(b"a", 1)


def test_file_under_another_key_is_not_what_was_written(tmp_path: Path) -> None:
    folder = CacheFolder(tmp_path)
    folder.save(X, tensors())
    folder.path(X).rename(folder.path(Y))
    with pytest.raises(CacheDamaged):
        folder.load(Y)
    assert not folder.path(Y).exists()


@pytest.mark.parametrize("key", ["../precious/model", "", "A1" + 38 * "0", 39 * "0", "/" + 39 * "0"])
def test_key_that_is_no_hash_names_no_file(tmp_path: Path, key: str) -> None:
    for folder in (CacheFolder(tmp_path), features_folder(tmp_path)):
        with pytest.raises(ValueError, match="no key of the cache"):
            folder.path(key)


def test_pipe_in_place_of_a_file_is_neither_waited_for_nor_deleted(tmp_path: Path) -> None:
    folder = CacheFolder(tmp_path)
    os.mkfifo(folder.path(X))
    with pytest.raises(CacheDamaged):
        folder.load(X)
    with pytest.raises(OSError, match="not an ordinary file"):
        folder.save(X, tensors())
    assert folder.path(X).is_fifo()


def test_least_recently_used_goes_first_and_what_is_in_use_last(tmp_path: Path) -> None:
    folder = features_folder(tmp_path)
    aa, bb, cc, dd = (start + 38 * "0" for start in ("aa", "bb", "cc", "dd"))
    for age, key in enumerate((aa, bb, cc, dd)):
        folder.save(key, tensors(age))
        os.utime(folder.path(key), (1000 + age, 1000 + age))
    size = folder.path(aa).stat().st_size
    os.utime(folder.path(aa), (2000, 2000))
    deleted = make_room(tmp_path, 2 * size, keep=[folder.path(bb)])
    assert deleted == 2 * size
    assert aa in folder and bb in folder
    assert cc not in folder and dd not in folder


def older_file(path: Path, marked: bool = True) -> Path:
    """Write a file as version 0.2.0 did."""
    path.parent.mkdir(parents=True, exist_ok=True)
    held = {**tensors(), **({"_checksum": torch.tensor(5)} if marked else {})}
    path.write_bytes(safetensors.torch.save(held))
    return path


def test_limit_deletes_our_files_alone_and_older_ones_first(tmp_path: Path) -> None:
    root = tmp_path / "cache"
    features_folder(root).save(X, tensors())
    CacheFolder(root / "node1" / "memory").save(Y, tensors())
    older = [
        older_file(root / OLDER_FEATURE),
        older_file(root / "node1" / "memory" / f"{X}.safetensors"),
    ]
    foreign = [
        older_file(root / "model.safetensors"),
        older_file(root / "models" / "hero.safetensors"),
        older_file(root / "node1" / f"{X}.safetensors"),
        older_file(root / "node1" / "memory" / "mine.safetensors"),
        older_file(root / "node1" / "memory" / "deep" / f"{X}.safetensors"),
        older_file(root / "node1" / "memory" / f"{Y}.safetensors", marked=False),
        older_file(root / "features" / "ff" / f"{X}.safetensors"),
        older_file(root / "features" / "a1" / f"{'a1' + 38 * '1'}.xmemcache"),
        older_file(tmp_path / "elsewhere" / f"{X}.safetensors"),
    ]
    (root / "node2").mkdir()
    (root / "node2" / "memory").symlink_to(tmp_path / "elsewhere")
    make_room(root, sum(file.bytes for file in cache_files(root)) - sum(path.stat().st_size for path in older))
    assert not any(path.exists() for path in older)
    assert X in features_folder(root)
    make_room(root, 0)
    assert X not in features_folder(root) and Y not in CacheFolder(root / "node1" / "memory")
    assert all(path.exists() for path in foreign)


def test_half_written_files_of_killed_runs_are_swept_and_foreign_ones_stay(tmp_path: Path) -> None:
    dead = [
        tmp_path / place / f".{X}.{whole_file.machine()}-999999999-{16 * 'a'}.xmem-part"
        for place in ("features/a1", "node1/memory", "node1")
    ]
    foreign = tmp_path / "node1" / ".download.part"
    for path in (*dead, foreign):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
        os.utime(path, (1000, 1000))
    sweep_partial_files(tmp_path)
    assert not any(path.exists() for path in dead) and foreign.exists()


@pytest.mark.parametrize("node_id", ["../x", "", "a/b", "..", *TAKEN_NODE_IDS, "Features", "a" * 101])
def test_node_id_can_neither_leave_the_cache_nor_take_what_is_the_caches_own(tmp_path: Path, node_id: str) -> None:
    with pytest.raises(RequestError, match="cannot name a folder"):
        node_folder(tmp_path, node_id)


def manifest(features: dict[str, str], form: str = "3") -> str:
    return json.dumps({"format": form, "plate": "p", "model_sha256": "m", "features": features, "annotations": {}, "settings": {}})


@pytest.mark.parametrize("form", ["2", "3"])
def test_clearing_a_node_leaves_what_is_not_its_own(tmp_path: Path, form: str) -> None:
    root = tmp_path / "cache"
    CacheFolder(root / "node1" / "memory").save(X, tensors())
    older = [
        older_file(root / "node1" / "memory" / f"{Y}.safetensors"),
        older_file(root / OLDER_FEATURE),
    ]
    foreign = [root / "node1" / "notes.txt", root / "node1" / "memory" / "notes.safetensors", root / "precious" / "model.safetensors"]
    for path in foreign:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    features_folder(root).save(X, tensors())
    features_folder(root).save(Y, tensors())
    (root / "node1" / "manifest.json").write_text(manifest({"1": "../precious/model", "2": X, "3": Y}, form))
    (root / "node2").mkdir()
    (root / "node2" / "manifest.json").write_text(manifest({"1": Y}, form))
    clear_node("node1", str(root))
    assert all(path.read_text() == "mine" for path in foreign)
    assert not any(path.exists() for path in older)
    assert X not in features_folder(root) and Y in features_folder(root), "the other node uses it"
    assert sorted(path.name for path in (root / "node1").rglob("*")) == ["memory", "notes.safetensors", "notes.txt"]


@pytest.mark.parametrize("content", ["{}", '{"name": "my-app"}', "[" * 99_000, '{"format": []}', ""])
def test_foreign_manifest_is_neither_deleted_nor_overwritten(tmp_path: Path, content: str) -> None:
    (tmp_path / "node1").mkdir()
    path = tmp_path / "node1" / "manifest.json"
    path.write_text(content)
    clear_node("node1", str(tmp_path))
    NodeManifest("p", "m", {}, {}, {}).save(tmp_path / "node1")
    assert path.read_text() == content


def test_damaged_manifest_of_ours_counts_as_none(tmp_path: Path) -> None:
    for features in ([], {"x": X}, {"1": 5}, "x"):
        (tmp_path / "manifest.json").write_text(manifest(features))
        assert NodeManifest.load(tmp_path) is None
    NodeManifest("p", "m", {1: X}, {1: {"a": "b"}}, {"size": 480}).save(tmp_path)
    assert NodeManifest.load(tmp_path) == NodeManifest("p", "m", {1: X}, {1: {"a": "b"}}, {"size": 480})


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
