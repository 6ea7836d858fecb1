"""What each matte depends on, as one hash: change anything it was made of, and the hash changes; nothing else changes it.

A prediction depends on permanent memory, on the settings, and on the frames that its sweep has seen so far. So the
hash of a frame is chained along its sweep, and two frames of one gap need not go stale together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from xmemcore.engine.order import Gap
from xmemcore.shot.store.cache import digest


@dataclass
class GroupSignatures:
    """The hashes of one competition group's predictions."""

    base: str
    """Hash of settings, model and every annotation."""
    gaps: Sequence[Gap]
    content: Callable[[int], str]
    """Gives the hash of a plate frame's content by index; may read it."""
    _chains: dict[tuple[int, int], list[str]] = field(default_factory=dict)

    def of(self, index: int) -> str:
        """Hash what the group's prediction at an index depends on."""
        number, gap = next((number, gap) for number, gap in enumerate(self.gaps) if index in gap.delivers)
        return digest(
            *(self._chained((number, place), sweep.indices, index) for place, sweep in enumerate(gap.passes) if index in sweep.indices)
        )

    def _chained(self, sweep: tuple[int, int], indices: Sequence[int], index: int) -> str:
        place = indices.index(index)
        chain = self._chains.setdefault(sweep, [])
        for step in range(len(chain), place + 1):
            chain.append(digest(chain[-1] if chain else self.base, indices[step], self.content(indices[step])))
        return chain[place]
