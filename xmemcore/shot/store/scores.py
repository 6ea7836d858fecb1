"""The scores of Algorithm 1 between frames, kept per node: the next suggestion measures only the pairs whose frames or masks are new."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from xmemcore.engine import suggestion
from xmemcore.shot.store.cache import LOOKS, CacheDamaged, CacheFolder, digest, node_folder, require_tensor
from xmemcore.shot.store.pairs import packed_names, unpacked_names


class KeptScores:
    """The dissimilarities of Algorithm 1 by the names of two frames; those that a suggestion did not ask for are forgotten."""

    def __init__(self, root: Path, node_id: str) -> None:
        """Read what the last suggestion kept. A damaged file is deleted without a word: it costs measuring again."""
        self._files = CacheFolder(node_folder(root, node_id) / LOOKS)
        self._key = digest("scores", suggestion.VERSION, torch.__version__)
        self._used: dict[tuple[str, str], float] = {}
        self._changed = False
        try:
            tensors = self._files.load(self._key)
            self._kept = {} if tensors is None else _scores(tensors["names"], tensors["pairs"], tensors["scores"])
        except (CacheDamaged, KeyError, ValueError):
            self._files.forget(self._key)
            self._kept = {}

    @property
    def empty(self) -> bool:
        """Whether no score was kept."""
        return not self._kept

    def knows(self, keyed: str, other: str) -> bool:
        """Say whether the score of two frames is kept."""
        return (keyed, other) in self._kept

    def score(self, keyed: str, other: str, measure: Callable[[], float]) -> float:
        """Give the score of two frames; it is measured when it is not kept."""
        pair = keyed, other
        if pair not in self._used:
            self._changed |= pair not in self._kept
            self._used[pair] = self._kept[pair] if pair in self._kept else measure()
        return self._used[pair]

    def save(self, forgetting: bool) -> None:
        """Write the scores, where they are not what is there; a cache that cannot be written is only slower.

        Args:
            forgetting: leave out scores that were not asked for; not after a suggestion that was cancelled, which asks for more next time.
        """
        scores = self._used if forgetting else {**self._kept, **self._used}
        if scores and (self._changed or len(scores) < len(self._kept)):
            place = {name: position for position, name in enumerate(dict.fromkeys(name for pair in scores for name in pair))}
            tensors = {
                "names": packed_names(place),
                "pairs": torch.tensor([(place[keyed], place[other]) for keyed, other in scores], dtype=torch.int32),
                "scores": torch.tensor(list(scores.values()), dtype=torch.float64),
            }
            with suppress(OSError):
                self._files.save(self._key, tensors)


def _scores(names: Tensor, pairs: Tensor, scores: Tensor) -> dict[tuple[str, str], float]:
    """Give the scores when the tensors belong together; raises ValueError."""
    texts = unpacked_names(names)
    if scores.dtype != torch.float64 or pairs.dtype != torch.int32 or pairs.shape != (len(scores), 2):
        raise ValueError("no scores of pairs")
    if require_tensor(scores, None).lt(0).any() or pairs.lt(0).any() or pairs.ge(len(texts)).any():
        raise ValueError("a score or a place that is none")
    return {(texts[keyed], texts[other]): score for (keyed, other), score in zip(pairs.tolist(), scores.tolist())}
