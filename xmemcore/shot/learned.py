"""What was learned of a shot, kept per node: tuned weights under a hash of all that they were made from.

In `<cache>/<node id>/learned/` lie the weights of the last two rounds, under their hashes (no weights where learning would not help);
a learning that somebody stopped; and a note which round was last, and what it went on from. A second round goes on from the first
one's weights, so a hash chains: what was learned now, and from where.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from xmemcore.engine.learning import Learned, LearningConfig
from xmemcore.engine.staging import Key
from xmemcore.shot.annotations.objects import Group
from xmemcore.shot.plate.frame_source import PlateContent
from xmemcore.shot.store.cache import FORMAT, LEARNED, CacheDamaged, CacheFolder, cache_files, digest, node_folder

_LATEST = digest(FORMAT, "latest round")
"""Key of the note."""


@dataclass(frozen=True)
class LearningPlan:
    """What is to be learned, and what it goes on from."""

    inputs: str
    """Hash of model, settings and keyframes."""
    parent: str | None
    """Hash of the round before."""

    @property
    def hash(self) -> str:
        """Name what is learned."""
        return digest(FORMAT, self.inputs, self.parent)


def learning_inputs(config: LearningConfig, content: PlateContent, groups: Sequence[Group]) -> str:
    """Hash what a learning depends on, but for the round before."""
    keys = [[(content.digest(index), signature) for index, signature in sorted(group.signatures.items())] for group in groups]
    return digest(asdict(config), vars(content.encoding), [group.objects for group in groups], keys)


def learning_keys(content: PlateContent, groups: Sequence[Group]) -> list[list[Key]]:
    """Read the keyframes of every group at working size."""
    pictures = {
        index: np.round(content.read(index) * 255).clip(0, 255).astype(np.uint8)
        for index in sorted({i for group in groups for i in group.annotations})
    }
    return [
        [
            Key(index, pictures[index], {obj: None if mask is None else mask.cpu().numpy() > 0.5 for obj, mask in annotation.masks.items()})
            for index, annotation in sorted(group.annotations.items())
        ]
        for group in groups
    ]


class LearnedStore:
    """One node's learned weights."""

    def __init__(self, root: Path, node_id: str, warn: Callable[[str], None] = lambda text: None) -> None:
        self._root, self._node_id = root, node_id
        self._files = CacheFolder(node_folder(root, node_id) / LEARNED)
        self._warn = warn

    def plan(self, inputs: str) -> LearningPlan:
        """Say what learning these inputs is called here: the latest round itself where nothing has changed, else the next one."""
        latest = self._latest()
        if latest is None:
            return LearningPlan(inputs, None)
        if latest.inputs == inputs and (latest.hash in self._files or latest.parent is None or latest.parent in self._files):
            return latest
        return LearningPlan(inputs, latest.hash if latest.hash in self._files else None)

    def paths(self) -> list[Path]:
        """List the files that are kept."""
        return [file.path for file in cache_files(self._root, self._node_id) if file.path.parent == self._files.folder]

    def load(self, key: str) -> Learned | None:
        """Give what was learned under a hash; None where there is nothing, or something damaged."""
        tensors = self._load(key)
        if tensors is None:
            return None
        gain = float(tensors.pop("_gain", torch.zeros(1)))
        return Learned(tensors, gain, "This shot was learned before." if tensors else "Learning this shot would not help, as before.")

    def begun(self, plan: LearningPlan) -> dict[str, Tensor] | None:
        """Give the state of a learning that was stopped."""
        return self._load(_begun(plan))

    def keep_begun(self, plan: LearningPlan, state: dict[str, Tensor]) -> None:
        """Keep the state of a learning that is being stopped; where that fails, it begins anew."""
        with suppress(OSError):
            self._files.save(_begun(plan), state)

    def save(self, plan: LearningPlan, learned: Learned) -> None:
        """Keep what was learned, and forget all but it and what it went on from; a cache that cannot be written is only slower."""
        try:
            self._files.save(plan.hash, {**learned.weights, "_gain": torch.tensor([learned.gain])})
            self._files.save(_LATEST, {"inputs": _spelled(plan.inputs), "parent": _spelled(plan.parent or "")})
        except OSError as error:
            self._warn(f"The cache cannot be written ({error.strerror}); this shot will be learned again next time.")
            return
        kept = {self._files.path(key) for key in (plan.hash, plan.parent, _LATEST) if key}
        for file in cache_files(self._root, self._node_id):
            if file.path.parent == self._files.folder and file.path not in kept:
                file.delete()

    def _load(self, key: str) -> dict[str, Tensor] | None:
        try:
            return self._files.load(key)
        except CacheDamaged:
            self._warn("What was learned of this shot was damaged in the cache; it is learned again.")
            return None

    def _latest(self) -> LearningPlan | None:
        try:
            note = self._files.load(_LATEST)
        except CacheDamaged:
            return None
        return None if note is None else LearningPlan(_read(note["inputs"]), _read(note["parent"]) or None)


def _begun(plan: LearningPlan) -> str:
    return digest(plan.hash, "begun")


def _spelled(text: str) -> Tensor:
    return torch.tensor(list(text.encode()), dtype=torch.uint8)


def _read(spelled: Tensor) -> str:
    return bytes(spelled.tolist()).decode()
