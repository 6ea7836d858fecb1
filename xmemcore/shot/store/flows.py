"""Optical flow between neighbouring frames, kept beside their features: the next round follows pixels without searching them again."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch

from xmemcore.shot.store.cache import CacheDamaged, CacheFolder, digest, require_tensor

VERSION = 1
"""Raised whenever flow is searched in another way."""


class KeptFlows:
    """The flows of one plate; see `plate.flow.FlowStore`."""

    def __init__(self, folder: CacheFolder, name: Callable[[int], str]) -> None:
        """Take the folder, and what names a frame's picture by its index."""
        self._folder, self._name = folder, name

    def load(self, index: int, neighbour: int) -> np.ndarray | None:
        """Give the flow (h, w, 2) float16 between two pictures. A damaged one is deleted without a word: it costs one search."""
        key = self._key(index, neighbour)
        try:
            tensors = self._folder.load(key)
            return None if tensors is None else _checked(tensors["flow"]).numpy()
        except (CacheDamaged, KeyError, ValueError):
            self._folder.forget(key)
            return None

    def save(self, index: int, neighbour: int, flow: np.ndarray) -> None:
        """Keep a flow; where the cache cannot be written, whoever writes features says so."""
        try:
            self._folder.save(self._key(index, neighbour), {"flow": torch.from_numpy(flow)})
        except OSError:
            return

    def _key(self, index: int, neighbour: int) -> str:
        return digest("flow", VERSION, cv2.__version__, self._name(index), self._name(neighbour))


def _checked(flow: torch.Tensor) -> torch.Tensor:
    if flow.dtype != torch.float16 or flow.shape[-1] != 2:
        raise ValueError("no flow")
    return require_tensor(flow, None, None, 2)
