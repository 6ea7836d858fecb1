"""The cache on disk: where it is, what belongs to whom, and who goes first when it is full.

It holds only what can be made again, so nothing that is wrong with it is ever fatal:

    <root>/features/<ab>/<hash>.safetensors      what depends on the plate alone, shared by nodes
    <root>/<node id>/manifest.json               what the node's last run was made of
    <root>/<node id>/memory/<key>.safetensors    permanent memory, one file for each annotated frame and group
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from xmemcore.protocol.failures import RequestError
from xmemcore.shot.whole_file import whole

FORMAT = "2"
"""Raised whenever what a cache file holds changes; older files are then made again."""

NODE_FILES = ("manifest.json", "memory")
_NODE_ID = re.compile(r"[A-Za-z0-9_.-]{1,100}")


class NodeIdInvalid(RequestError):
    """A node id that could leave the cache folder."""


def cache_root(chosen: str | None) -> Path:
    """Find the cache: what was asked for, $XMEM_ROTO_CACHE, $NUKE_TEMP_DIR, else the platform's cache folder."""
    if chosen:
        return Path(chosen).expanduser()
    if os.environ.get("XMEM_ROTO_CACHE"):
        return Path(os.environ["XMEM_ROTO_CACHE"]).expanduser()
    if os.environ.get("NUKE_TEMP_DIR"):
        return Path(os.environ["NUKE_TEMP_DIR"]) / "xmem-roto"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "xmem-roto" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/xmem-roto"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "xmem-roto"


def digest(*parts: object) -> str:
    """Hash bytes, and anything else by its JSON, to 40 hexadecimal digits."""
    hasher = hashlib.blake2b(digest_size=20)
    for part in parts:
        content = part if isinstance(part, (bytes, bytearray, memoryview)) else json.dumps(part, sort_keys=True, default=str).encode()
        # Each part's length goes in first: two parts must not hash like their concatenation.
        hasher.update(len(content).to_bytes(8, "little"))
        hasher.update(content)
    return hasher.hexdigest()


class CacheFolder:
    """Tensors in files that are whole or absent, and are checked when read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: str) -> Path:
        """Say where a key's file is."""
        return self.folder / f"{key}.safetensors"

    def load(self, key: str) -> dict[str, Tensor] | None:
        """Read a file; None when it is absent.

        Raises:
            CacheDamaged: it is there, but not what was written; it is deleted.
        """
        path = self.path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        try:
            tensors = safetensors.torch.load(content)
            written = int(tensors.pop("_checksum"))
        except (SafetensorError, KeyError, ValueError, RuntimeError):
            written = -1
            tensors = {}
        if not tensors or written != _checksum(tensors):
            path.unlink(missing_ok=True)
            raise CacheDamaged(path)
        with suppress(OSError):
            os.utime(path)  # the least recently used goes first
        return tensors

    def save(self, key: str, tensors: dict[str, Tensor]) -> None:
        """Write a file whole, or not at all; raises OSError."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {name: tensor.contiguous().cpu() for name, tensor in tensors.items()}
        content = safetensors.torch.save({**tensors, "_checksum": torch.tensor(_checksum(tensors), dtype=torch.int64)})
        with whole(path) as partial:
            partial.write_bytes(content)

    def __contains__(self, key: str) -> bool:
        return self.path(key).is_file()


class CacheDamaged(Exception):
    """A cache file is not what was written. Never leaves the shot: what it held is made again, with a message."""


class FeatureFolder(CacheFolder):
    """`CacheFolder` in 256 folders, because a show has many frames."""

    def path(self, key: str) -> Path:
        """Say where a key's file is."""
        return self.folder / key[:2] / f"{key}.safetensors"


def features_folder(root: Path) -> FeatureFolder:
    """Open what nodes share."""
    return FeatureFolder(root / "features")


def node_folder(root: Path, node_id: str) -> Path:
    """Say where a node keeps its own.

    Raises:
        NodeIdInvalid.
    """
    if not _NODE_ID.fullmatch(node_id) or node_id in {"features", ".", ".."}:
        raise NodeIdInvalid(f"The node id {node_id!r} cannot name a folder. Use letters, digits, '_', '.' and '-'.")
    return root / node_id


def make_room(root: Path, limit_bytes: int, keep: Iterable[Path] = ()) -> int:
    """Delete what was used longest ago until the cache fits; `keep` goes last of all.

    Returns:
        Bytes deleted.
    """
    kept = set(keep)
    files = []
    for path in root.rglob("*.safetensors"):
        with suppress(OSError):
            status = path.stat()
            files.append((path in kept, status.st_mtime_ns, status.st_size, path))
    surplus = sum(size for _, _, size, _ in files) - limit_bytes
    deleted = 0
    for _, _, size, path in sorted(files):
        if deleted >= surplus:
            break
        with suppress(OSError):
            path.unlink()
            deleted += size
    return deleted


def clear_node_files(root: Path, node_id: str) -> None:
    """Delete what a node keeps; features stay, other nodes may use them."""
    folder = node_folder(root, node_id)
    for name in NODE_FILES:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _checksum(tensors: dict[str, Tensor]) -> int:
    value = 0
    for name in sorted(tensors):
        value = zlib.crc32(name.encode(), value)
        value = zlib.crc32(memoryview(tensors[name].contiguous().view(torch.uint8).numpy()).cast("B"), value)
    return value
