"""What suggestion has seen of frames and of mattes, kept per node: the next suggestion looks only at what has changed."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from xmemcore.shot.store.cache import LOOKS, CacheDamaged, CacheFolder, digest, node_folder

VERSION = 2
"""Raised whenever what is kept of a frame or a matte changes."""


class Looks:
    """Small tensors by the hash of what was looked at; those that a run did not ask for are forgotten when it saves."""

    def __init__(self, root: Path, node_id: str, kind: str) -> None:
        """Read what the last suggestion kept.

        Args:
            root: of the cache.
            node_id: of the node.
            kind: of the tensors; each kind has a file of its own.
        """
        self._files = CacheFolder(node_folder(root, node_id) / LOOKS)
        self._key = digest("looks", VERSION, kind)
        self._used: dict[str, Tensor] = {}
        self._changed = False
        try:
            self._kept = self._files.load(self._key) or {}
        except CacheDamaged:
            self._kept = {}  # it costs a look at every frame, and nothing else

    def __contains__(self, name: str) -> bool:
        return name in self._kept or name in self._used

    def get(self, name: str) -> Tensor | None:
        """Give what was kept under a hash, float32; None where there is nothing that could be meant."""
        tensor = self._used.get(name, self._kept.get(name))
        if tensor is None or not tensor.is_floating_point() or not bool(torch.isfinite(tensor).all()):
            return None
        self._used[name] = tensor
        return tensor.float()

    def put(self, name: str, tensor: Tensor) -> Tensor:
        """Keep a tensor, in the precision that it has; gives it as a later `get` will."""
        self._used[name] = tensor.clone()  # two tensors of one file must not share their memory
        self._changed = True
        return tensor.float()

    def save(self) -> None:
        """Write what this run has used, where that is not what is there; a cache that cannot be written is only slower."""
        if self._changed or len(self._used) < len(self._kept):
            with suppress(OSError):
                self._files.save(self._key, self._used)
