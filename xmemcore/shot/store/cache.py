"""The on-disk cache: layout, proof of its files, eviction.

It holds only what can be made again, so no damage to it is fatal:

    <root>/features/<ab>/<hash>.xmemcache      what depends on the plate alone, and what memory has found there, shared by nodes
    <root>/<node id>/manifest.json             what the node's last run was made of
    <root>/<node id>/memory/<key>.xmemcache    permanent memory, one file for each annotated frame and group
    <root>/<node id>/learned/<key>.xmemcache   weights that learned the shot, see `run/learned.py`
    <root>/nuke/<node id>/plate/...            plates and alphas that Nuke rendered for the core, see `rendered.py`
    <root>/<node id>/looks/<key>.xmemcache     what suggestion has seen of frames and mattes, and measured between frames
    <root>/pace.json                           how fast this machine computes, see `run/pace.py`

A file is our mark, a hash of its key and of all its bytes, and tensors (safetensors). Nothing is parsed before the hash is right,
and nothing is deleted that has not our name and our mark. Files of version 0.2.0 and older (`.safetensors`) are never read; they
are the first to go, and Clear deletes them too.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.names import TAKEN_NODE_IDS, is_node_id
from xmemcore.protocol.outside import short
from xmemcore.protocol.whole_file import read_ordinary, sweep, whole
from xmemcore.shot.store.rendered import RenderedFrame, folders_in, rendered_frames

FORMAT = "3"
"""Version of the content of cache files; raised when it changes, and older files are then made again."""
OLDER_FORMATS = ("1", "2")

MAGIC = b"XMem Roto cache 3\n"
PROOF_BYTES = 32
FEATURES, MEMORY, LEARNED, LOOKS = "features", "memory", "learned", "looks"
SUFFIX = ".xmemcache"
OLDER_SUFFIX = ".safetensors"
OLDER_MARK = b'"_checksum"'
"""Name of a tensor in the header of every older file, by which older files are recognised."""
OLDER_HEADER_BYTES = 1 << 20
MAX_FILE_BYTES = 4 << 30

_KEY = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class CacheFile:
    """A file of the cache that has one of our names."""

    path: Path
    bytes: int
    used_ns: int
    older: bool
    """Whether version 0.2.0 or an older one made it."""

    def delete(self) -> bool:
        """Delete it, if our mark says that it is ours."""
        try:
            if self.older:
                begin = read_ordinary(self.path, MAX_FILE_BYTES, begin=OLDER_HEADER_BYTES)
                is_ours = OLDER_MARK in begin[8 : 8 + int.from_bytes(begin[:8], "little")]
            else:
                is_ours = read_ordinary(self.path, MAX_FILE_BYTES, begin=len(MAGIC)) == MAGIC
            if is_ours:
                self.path.unlink()
        except OSError:
            return False
        return is_ours


def digest(*parts: object) -> str:
    """Hash bytes, and anything else by its JSON, to 40 hexadecimal digits."""
    hasher = hashlib.blake2b(digest_size=20)
    for part in parts:
        content = part if isinstance(part, (bytes, bytearray, memoryview)) else json.dumps(part, sort_keys=True, default=str).encode()
        # Each part's length goes in first: two parts must not hash like their concatenation.
        hasher.update(len(content).to_bytes(8, "little"))
        hasher.update(content)
    return hasher.hexdigest()


class CacheDamaged(Exception):
    """A cache file is not what was written. Never leaves the shot: what it held is made again, with a message."""


class CacheFolder:
    """A folder of tensors. Its files are whole or absent, and are verified before they are parsed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: set[str] = set()
        """Keys of files that were asked for or written here."""

    def path(self, key: str) -> Path:
        """Say where a key's file is; raises ValueError."""
        if not is_key(key):
            raise ValueError(f"{short(key)} is no key of the cache")
        return self.folder / f"{key}{SUFFIX}"

    def load(self, key: str) -> dict[str, Tensor] | None:
        """Read a file; None when it is absent.

        Raises:
            CacheDamaged: it is there, but not what was written under this key; it is deleted.
        """
        path = self.path(key)
        self.asked.add(key)
        try:
            content = read_ordinary(path, MAX_FILE_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CacheDamaged(path) from error
        try:
            payload = _proven(key, content)
            tensors = safetensors.torch.load(payload)
        except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError, MemoryError) as error:
            with suppress(OSError):
                path.unlink()
            raise CacheDamaged(path) from error
        with suppress(OSError):
            os.utime(path)  # the least recently used goes first
        return tensors

    def forget(self, key: str) -> None:
        """Delete a file whose content is not what it should be."""
        with suppress(OSError):
            self.path(key).unlink()

    def save(self, key: str, tensors: dict[str, Tensor]) -> None:
        """Write a file whole, or not at all; raises OSError."""
        path = self.path(key)
        self.asked.add(key)
        payload = safetensors.torch.save({name: tensor.contiguous().cpu() for name, tensor in tensors.items()})
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as file:
            file.write(MAGIC + _proof(key, payload))
            file.write(payload)

    def __contains__(self, key: str) -> bool:
        return self.path(key).is_file()


class FeatureFolder(CacheFolder):
    """`CacheFolder` in 256 folders, because a show has many frames."""

    def path(self, key: str) -> Path:
        """Say where a key's file is; raises ValueError."""
        return self.folder / key[:2] / super().path(key).name


def features_folder(root: Path) -> FeatureFolder:
    """Open the features, which nodes share."""
    return FeatureFolder(root / FEATURES)


def node_folder(root: Path, node_id: str) -> Path:
    """Give the folder of a node.

    Raises:
        RequestError.
    """
    if not is_node_id(node_id):
        raise RequestError(
            f"The node id {short(node_id)} cannot name a folder of the cache. Use up to 100 letters, digits, '_', '.' and '-', and none of "
            f"the names that the cache has for itself: {', '.join(TAKEN_NODE_IDS)}."
        )
    return root / node_id


def is_key(text: object) -> bool:
    """Say whether something is a hash as `digest` gives them."""
    return isinstance(text, str) and _KEY.fullmatch(text) is not None


def cache_files(root: Path, node_id: str | None = None) -> Iterator[CacheFile]:
    """List the cache's files: those with our names and our mark at their beginning. Links are not followed.

    Args:
        root: of the cache.
        node_id: only those that this node keeps for itself; None: all.
    """
    if node_id is None:
        for shard in folders_in(root / FEATURES):
            if re.fullmatch("[0-9a-f]{2}", shard.name):
                yield from (file for file in _files(shard) if file.path.name.startswith(shard.name))
    for node in folders_in(root):
        if is_node_id(node.name) and node_id in (None, node.name):
            for room in folders_in(node):
                if room.name in (MEMORY, LEARNED, LOOKS):
                    yield from _files(room)


def make_room(root: Path, limit_bytes: int, keep: Iterable[Path] = ()) -> int:
    """Delete the least recently used files until the cache fits: files of older versions first, `keep` last.

    Plates that Nuke rendered for the core count, and go likewise.

    Returns:
        Bytes deleted.
    """
    spared = set(keep)
    files: list[CacheFile | RenderedFrame] = [*cache_files(root), *rendered_frames(root)]
    files.sort(key=lambda file: (file.path in spared, not file.older, file.used_ns, str(file.path)))
    surplus = sum(file.bytes for file in files) - limit_bytes
    deleted = 0
    for file in files:
        if deleted >= surplus:
            break
        if file.delete():
            deleted += file.bytes
    return deleted


def sweep_partial_files(root: Path) -> None:
    """Delete the half-written files of killed runs in the cache."""
    for folder in (*folders_in(root / FEATURES), *(memory for node in folders_in(root) for memory in folders_in(node)), *folders_in(root)):
        sweep(folder)


def _files(folder: Path) -> Iterator[CacheFile]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            key, dot, suffix = entry.name.partition(".")
            if is_key(key) and dot + suffix in (SUFFIX, OLDER_SUFFIX) and entry.is_file(follow_symlinks=False):
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    yield CacheFile(Path(entry.path), status.st_size, status.st_mtime_ns, dot + suffix == OLDER_SUFFIX)


def require_tensor(tensor: Tensor, *sizes: int | None) -> Tensor:
    """Give a tensor back when it holds finite real numbers in this shape; None stands for any size. Raises ValueError."""
    if (
        not tensor.is_floating_point()
        or tensor.ndim != len(sizes)
        or any(size not in (None, length) for size, length in zip(sizes, tensor.shape))
    ):
        raise ValueError(f"a tensor of {tensor.dtype} and {tuple(tensor.shape)} is not what was asked for")
    # One NaN makes the sum NaN; testing each number takes three times as long.
    if not bool(torch.isfinite(tensor.sum(dtype=torch.float32))):
        raise ValueError("a tensor holds a number that is none")
    return tensor


def _proof(key: str, payload: bytes) -> bytes:
    """Hash a file's key and all that it holds, to `PROOF_BYTES`."""
    hasher = hashlib.sha256(key.encode())
    hasher.update(payload)
    return hasher.digest()


def _proven(key: str, content: bytes) -> bytes:
    """Give a file's payload after comparing its hash; raises ValueError."""
    begin = len(MAGIC) + PROOF_BYTES
    payload = content[begin:]
    if content[: len(MAGIC)] != MAGIC or content[len(MAGIC) : begin] != _proof(key, payload):
        raise ValueError("not what was written")
    return payload
