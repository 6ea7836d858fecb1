"""What searches of memory have found, kept beside a frame's features, for the next round."""

from __future__ import annotations

import torch
from torch import Tensor

from xmemcore.memory.searches import MOST_TABLES, Found
from xmemcore.shot.store.cache import CacheDamaged, CacheFolder, digest, require_tensor

NAME_BYTES = 20
"""Bytes of a hash as `digest` gives it."""
_PARTS = ("tables", "scores", "places", "shortlisted")


def load_searches(folder: CacheFolder, name: str) -> list[Found]:
    """Give the lists kept for a frame, by the name of its features. Damaged ones are deleted without a word: they cost one search."""
    key = _key(name)
    try:
        tensors = folder.load(key) or {}
        return [_checked(*(tensors[f"{number}.{part}"] for part in _PARTS)) for number in range(len(tensors) // len(_PARTS))]
    except (CacheDamaged, KeyError, ValueError):
        folder.forget(key)
        return []


def save_searches(folder: CacheFolder, name: str, lists: tuple[Found, ...]) -> None:
    """Keep the lists of a frame in place of those that are kept; raises OSError."""
    tensors = {}
    for number, found in enumerate(lists):
        names = torch.frombuffer(bytearray.fromhex("".join(found.tables)), dtype=torch.uint8).view(len(found.tables), NAME_BYTES)
        parts = names, found.scores, found.places, torch.tensor([found.shortlisted])
        tensors.update({f"{number}.{part}": tensor for part, tensor in zip(_PARTS, parts)})
    folder.save(_key(name), tensors)


def _key(name: str) -> str:
    """Name the lists of a frame in the cache, by the name of its features."""
    return digest("searches", name)


def _checked(names: Tensor, scores: Tensor, places: Tensor, shortlisted: Tensor) -> Found:
    """Give a list when its tensors belong together; raises ValueError."""
    require_tensor(scores, None, None)
    if names.dtype != torch.uint8 or names.ndim != 2 or names.shape[1] != NAME_BYTES or not 0 < len(names) <= MOST_TABLES:
        raise ValueError("names of tables that are none")
    if places.dtype != torch.int32 or places.shape != scores.shape or not places.numel():
        raise ValueError("places of another shape than scores")
    if shortlisted.dtype != torch.bool or shortlisted.shape != (1,):
        raise ValueError("how they were searched is missing")
    return Found(tuple(bytes(row).hex() for row in names.numpy()), scores, places, bool(shortlisted))
