"""What suggestion has measured between pairs of frames, kept per node: the next suggestion measures only the pairs that are new."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from xmemcore.engine.nearness import NAME_BYTES, VERSION, Nearness
from xmemcore.shot.store.cache import LOOKS, CacheDamaged, CacheFolder, digest, node_folder, require_tensor


class KeptNearness:
    """The file of a node's `Nearness`. Its names come from what the frames show, so a changed frame is another frame."""

    def __init__(self, root: Path, node_id: str) -> None:
        """Take the cache's root and the node."""
        self._files = CacheFolder(node_folder(root, node_id) / LOOKS)
        self._key = digest("nearness", VERSION, torch.__version__)

    def load(self) -> Nearness:
        """Give what was measured. A damaged file is deleted without a word: it costs measuring again."""
        try:
            tensors = self._files.load(self._key)
            return Nearness() if tensors is None else _checked(tensors["names"], tensors["table"])
        except (CacheDamaged, KeyError, ValueError):
            self._files.forget(self._key)
            return Nearness()

    def save(self, nearness: Nearness) -> None:
        """Keep what was measured, where it is not what is there; a cache that cannot be written is only slower."""
        if nearness.changed:
            with suppress(OSError):
                self._files.save(self._key, {"names": packed_names(nearness.names), "table": nearness.table})


def _checked(names: Tensor, table: Tensor) -> Nearness:
    """Give what was measured when the tensors belong together; raises ValueError."""
    texts = unpacked_names(names)
    if table.dtype != torch.float16:
        raise ValueError("no table of pairs")
    require_tensor(table, len(texts), len(texts), None)
    return Nearness(texts, table)


def packed_names(names: Iterable[str]) -> Tensor:
    """Lay names out as (N, NAME_BYTES) uint8."""
    return torch.frombuffer(bytearray.fromhex("".join(names)), dtype=torch.uint8).view(-1, NAME_BYTES)


def unpacked_names(names: Tensor) -> list[str]:
    """Give names that were laid out, when each is there once; raises ValueError."""
    if names.dtype != torch.uint8 or names.ndim != 2 or names.shape[1] != NAME_BYTES or not len(names):
        raise ValueError("names of frames that are none")
    texts = [bytes(row).hex() for row in names.numpy()]
    if len(set(texts)) < len(texts):
        raise ValueError("a name that is there twice")
    return texts
