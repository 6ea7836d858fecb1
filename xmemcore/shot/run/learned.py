"""Weights tuned to a shot, kept per node under a hash of all that they were made from.

In `<cache>/<node id>/learned/` lie the weights of the last two rounds, under their hashes (no weights where learning would not help);
a learning that was stopped; and a note that names the last round and the round before it. A second round goes on from the first
one's weights, so its hash includes that of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from xmemcore.engine.learning import Learned, LearningConfig, learn, with_weights
from xmemcore.engine.staging import Key
from xmemcore.network.xmem import XMem
from xmemcore.shot.annotations.objects import Group
from xmemcore.shot.inputs.opened import OpenedShot
from xmemcore.shot.listener import Listener
from xmemcore.shot.plan.plan import Plan
from xmemcore.shot.plate.frame_source import PlateContent
from xmemcore.shot.store.cache import FORMAT, LEARNED, CacheDamaged, CacheFolder, cache_files, digest, node_folder

_LATEST = digest(FORMAT, "latest round")
"""Key of the note."""


@dataclass(frozen=True)
class LearningRound:
    """One learning of a shot: its inputs, and the round from which it goes on."""

    inputs: str
    """Hash of model, settings and keyframes."""
    parent: str | None
    """Hash of the round before."""

    @property
    def hash(self) -> str:
        """Name what is learned."""
        return digest(FORMAT, self.inputs, self.parent)


def learning_round(opened: OpenedShot, plan: Plan) -> LearningRound | None:
    """Say what is to be learned of a shot; None where nothing was asked for."""
    if plan.learning is None:
        return None
    inputs = learning_inputs(plan.learning, opened.content, [planned.group for planned in plan.groups])
    places = opened.places
    return LearnedStore(places.cache, places.node_id).next_round(inputs) if places.caching else LearningRound(inputs, None)


def expected_weights(opened: OpenedShot, plan: Plan) -> str | None:
    """Give the hash of the tuned weights with which a run would compute; None for the model as it is.

    Weights that are not learned yet count as if they helped. Only a run that has learned them knows whether they do.
    """
    round = learning_round(opened, plan)
    if round is None:
        return None
    places = opened.places
    learned = LearnedStore(places.cache, places.node_id).load(round.hash) if places.caching else None
    return round.hash if learned is None or learned.used else None


def taught(network: XMem, opened: OpenedShot, plan: Plan, store: LearnedStore | None, listener: Listener) -> tuple[XMem, str | None]:
    """Let a network learn the shot where that was asked for and helps; what an earlier run learned is taken as it is.

    Args:
        network: the model as it is.
        opened: inputs of a propagate.
        plan: of its gaps.
        store: what is kept of the node; None: nothing.
        listener: hears how the learning goes.

    Returns:
        The network to compute with, and the hash of its weights; None for the model as it is.

    Raises:
        Cancelled.
    """
    round = learning_round(opened, plan)
    if round is None or plan.learning is None:
        return network, None
    learned = store.load(round.hash) if store else None
    if learned is None:
        began = store.load(round.parent) if store and round.parent else None
        if began is None:
            # The hash must not name a round whose weights were not used here.
            round = LearningRound(round.inputs, None)
        learned = learn(
            network,
            learning_keys(opened.content, [planned.group for planned in plan.groups]),
            plan.learning,
            begin=began.weights if began else None,
            cancelled=listener.cancelled,
            report=lambda done, total: _say_step(listener, done, total),
            unfinished=store.begun(round) if store else None,
            keep=(lambda state: store.keep_begun(round, state)) if store else lambda state: None,
        )
        if store:
            store.save(round, learned)
    listener.message(learned.reason)
    return (with_weights(network, learned.weights), round.hash) if learned.used else (network, None)


def _say_step(listener: Listener, done: int, total: int) -> None:
    if done % max(1, total // 20) == 0:
        listener.message(f"Learning this shot: {done} of {total} steps")


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

    def next_round(self, inputs: str) -> LearningRound:
        """Say what learning these inputs is called here: the latest round itself where nothing has changed, else the next one."""
        latest = self._latest()
        if latest is None:
            return LearningRound(inputs, None)
        if latest.inputs == inputs and (latest.hash in self._files or latest.parent is None or latest.parent in self._files):
            return latest
        return LearningRound(inputs, latest.hash if latest.hash in self._files else None)

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

    def begun(self, round: LearningRound) -> dict[str, Tensor] | None:
        """Give the state of a learning that was stopped."""
        return self._load(_begun(round))

    def keep_begun(self, round: LearningRound, state: dict[str, Tensor]) -> None:
        """Keep the state of a learning that is being stopped; where that fails, it begins anew."""
        with suppress(OSError):
            self._files.save(_begun(round), state)

    def save(self, round: LearningRound, learned: Learned) -> None:
        """Keep learned weights and those they went on from, and delete all others. A cache that cannot be written costs only time."""
        try:
            self._files.save(round.hash, {**learned.weights, "_gain": torch.tensor([learned.gain])})
            self._files.save(_LATEST, {"inputs": _spelled(round.inputs), "parent": _spelled(round.parent or "")})
        except OSError as error:
            self._warn(f"The cache cannot be written ({error.strerror}); this shot will be learned again next time.")
            return
        needed = {self._files.path(key) for key in (round.hash, round.parent, _LATEST) if key}
        for file in cache_files(self._root, self._node_id):
            if file.path.parent == self._files.folder and file.path not in needed:
                file.delete()

    def _load(self, key: str) -> dict[str, Tensor] | None:
        try:
            return self._files.load(key)
        except CacheDamaged:
            self._warn("What was learned of this shot was damaged in the cache; it is learned again.")
            return None

    def _latest(self) -> LearningRound | None:
        try:
            note = self._files.load(_LATEST)
        except CacheDamaged:
            return None
        return None if note is None else LearningRound(_read(note["inputs"]), _read(note["parent"]) or None)


def _begun(round: LearningRound) -> str:
    return digest(round.hash, "begun")


def _spelled(text: str) -> Tensor:
    return torch.tensor(list(text.encode()), dtype=torch.uint8)


def _read(spelled: Tensor) -> str:
    return bytes(spelled.tolist()).decode()
