"""The views of a shot's frames that Algorithm 1 compares, made when they are asked for, and the scores of pairs that are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch

from xmemcore.engine.suggestion import View, dissimilarity, view
from xmemcore.protocol.failures import Cancelled
from xmemcore.protocol.words import plural
from xmemcore.shot.listener import Listener
from xmemcore.shot.plate.frame_source import ShotFrames
from xmemcore.shot.store.cache import digest
from xmemcore.shot.store.scores import KeptScores
from xmemcore.shot.suggestion.shot_masks import ShotMasks


class ShotViews:
    """Every frame's view by index. Keys alone are held: 1.7 MB a frame at 480 lines."""

    def __init__(self, frames: ShotFrames, masks: ShotMasks, alpha: float, kept: KeptScores | None, listener: Listener) -> None:
        """Look at no frame yet.

        Args:
            frames: of the shot; open as long as views are asked for.
            masks: that keys are weighed by.
            alpha: of `suggestion.view`; 0: masks do not matter.
            kept: scores of earlier suggestions; None: nothing is kept.
            listener: told that frames are looked at, and asked whether the artist has cancelled.
        """
        self._frames, self._masks, self._alpha, self._kept, self._listener = frames, masks, alpha, kept, listener
        self._views: dict[int, View] = {}
        self._names: dict[int, str] = {}

    def look(self, keyed: Sequence[int], others: Iterable[int]) -> None:
        """Look at the frames that the first pick needs, in order: at those of a pair whose score is not known."""
        # Frames that were not read yet are named by reading them, so where nothing is kept no name is asked for.
        kept = None if self._kept is None or self._kept.empty else self._kept
        needed: set[int] = set()
        for other in others:
            self._ask()
            unknown = [index for index in keyed if kept is None or not kept.knows(self._name(index), self._name(other))]
            needed.update([*unknown, other] if unknown else ())
        if needed:
            self._listener.message(f"Looking at {plural(len(needed), 'frame')}")
        self._frames.expect(sorted(needed))
        for index in sorted(needed):
            self._ask()
            self.view(index)

    def view(self, index: int) -> View:
        """Give a frame's view."""
        if index not in self._views:
            mask = self._masks.mask(index) if self._alpha > 0 else None
            features = self._frames.frame(index).features
            padded = None if mask is None else self._frames.padding.pad(torch.from_numpy(mask).to(features.key.device))
            self._views[index] = view(features, padded, self._alpha if mask is not None else 0.0)
        return self._views[index]

    def apart(self, keyed: int, other: int) -> float:
        """Give the dissimilarity of a keyed and another frame."""
        if self._kept is None:
            return dissimilarity(self.view(keyed), self.view(other))
        return self._kept.score(self._name(keyed), self._name(other), lambda: dissimilarity(self.view(keyed), self.view(other)))

    def save(self, forgetting: bool) -> None:
        """Keep the scores that were asked for, and forget the others or not."""
        if self._kept is not None:
            self._kept.save(forgetting)

    def _ask(self) -> None:
        """Stop when the artist has cancelled."""
        if self._listener.cancelled():
            raise Cancelled("Cancelled. Nothing was changed.")

    def _name(self, index: int) -> str:
        """Name what a frame's view depends on, by content."""
        if index not in self._names:
            mask = self._masks.name(index) if self._alpha > 0 else None
            weighed = None if mask is None else [self._alpha, mask]
            self._names[index] = digest("view", self._frames.content.digest(index), self._frames.device.type, weighed)
        return self._names[index]
