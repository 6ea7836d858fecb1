"""Permanent memory kept per node. An annotation is encoded again only when it or its plate frame changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from torch import Tensor

from xmemcore.memory.permanent import Entry
from xmemcore.shot.store.cache import MEMORY, CacheDamaged, CacheFolder, cache_files, node_folder, require_tensor

Entries = dict[int, Entry]
"""Entries by variant: 0 for the annotated frame itself, others for its augmentations."""


class PermanentStore:
    """Entries by key; values are kept in half precision."""

    def __init__(self, root: Path, node_id: str, warn: Callable[[str], None]) -> None:
        self._root, self._node_id = root, node_id
        self._files = CacheFolder(node_folder(root, node_id) / MEMORY)
        self._warn = warn

    def __contains__(self, key: str) -> bool:
        return key in self._files

    def load(self, key: str) -> Entries | None:
        """Give the entries kept under a key, or None."""
        try:
            tensors = self._files.load(key)
            return None if tensors is None else _unpacked(tensors)
        except (CacheDamaged, KeyError, ValueError):
            self._files.forget(key)
            self._warn("A cached annotation was damaged; it is encoded again.")
            return None

    def save(self, key: str, entries: Entries) -> None:
        """Keep entries. A cache that cannot be written costs only time."""
        try:
            self._files.save(key, _packed(entries))
        except OSError as error:
            self._warn(f"The cache cannot be written ({error.strerror}); annotations will be encoded again next time.")

    def forget_all_but(self, keys: Iterable[str]) -> None:
        """Delete the entries that no annotation of this run uses."""
        needed = {self._files.path(key) for key in keys}
        for file in cache_files(self._root, self._node_id):
            # Files of older versions are left to Clear and to the limit.
            if file.path.parent == self._files.folder and file.path not in needed and not file.older:
                file.delete()


def rounded(entry: Entry) -> Entry:
    """Round an entry as it is kept, so that a first run computes with the values that a second one loads."""
    sensory = None if entry.sensory is None else entry.sensory.half().float()
    values = {obj: value.half().float() for obj, value in entry.values.items()}
    return Entry(entry.key, entry.shrinkage, values, entry.coverage, sensory)


def _packed(entries: Entries) -> dict[str, Tensor]:
    tensors = {}
    for variant, entry in entries.items():
        tensors[f"{variant}.key"] = entry.key
        tensors[f"{variant}.shrinkage"] = entry.shrinkage
        if entry.coverage is not None:
            tensors[f"{variant}.coverage"] = entry.coverage
        if entry.sensory is not None:
            tensors[f"{variant}.sensory"] = entry.sensory.half()
        for obj, value in entry.values.items():
            tensors[f"{variant}.value.{obj}"] = value.half()
    return tensors


def _checked(entry: Entry) -> Entry:
    """Give an entry back when its tensors belong together; raises ValueError."""
    require_tensor(entry.shrinkage, None)
    elements = len(entry.shrinkage)
    require_tensor(entry.key, elements, None)
    if not entry.values:
        raise ValueError("no object is known")
    widths = {require_tensor(value, elements, None).shape[1] for value in entry.values.values()}
    if len(widths) != 1:
        raise ValueError("values of several widths")
    if entry.coverage is None:
        raise ValueError("where the objects are is missing")
    require_tensor(entry.coverage, None, elements)
    if entry.sensory is not None:
        require_tensor(entry.sensory, None, None, None, None)
    return entry


def _unpacked(tensors: dict[str, Tensor]) -> Entries:
    entries = {}
    for variant in sorted({int(name.split(".")[0]) for name in tensors}):
        mark = f"{variant}.value."
        values = {
            int(name[len(mark) :]): require_tensor(tensor, None, None).float() for name, tensor in tensors.items() if name.startswith(mark)
        }
        sensory = tensors.get(f"{variant}.sensory")
        entry = Entry(
            tensors[f"{variant}.key"],
            tensors[f"{variant}.shrinkage"],
            values,
            tensors[f"{variant}.coverage"],
            None if sensory is None else sensory.float(),
        )
        entries[variant] = _checked(entry)
    if 0 not in entries:
        raise ValueError("the annotation itself is missing")
    return entries
