"""What the artist changed about the list of keyframes, and what becomes of it when an object is renamed or deleted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Dict, Iterable, List, Mapping, Sequence, Set, Tuple

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.frames import FrameRange

KINDS = ("added", "removed", "absent")

ONE_OBJECT = "roto"
"""Name of the object when the roto input is one: a union of all shapes, or an alpha. Not the input's node: that may be renamed, or
another node put in between, and keyframes and layer must stay what they are."""


class NothingKeyed(RequestError):
    """Nothing is annotated yet: no roto, no shape, no key, or no frame that is listed."""


@dataclass(frozen=True)
class KeyEdits:
    """Frames that the artist changed in the panel, per object name."""

    added: Mapping[str, Set[int]] = field(default_factory=dict)
    removed: Mapping[str, Set[int]] = field(default_factory=dict)
    absent: Mapping[str, Set[int]] = field(default_factory=dict)
    known: Tuple[str, ...] = ()
    """Objects that the roto had when the list was last changed; empty in lists of older versions."""

    def frames(self, name: str, keyed: Set[int]) -> Set[int]:
        """Give the frames on which an object counts as annotated."""
        return (keyed - self.removed.get(name, set())) | self.added.get(name, set()) | self.absent.get(name, set())

    def names(self) -> List[str]:
        """List the objects of which anything is said."""
        return sorted({name for kind in KINDS for name, frames in getattr(self, kind).items() if frames})

    def of(self, names: Iterable[str]) -> KeyEdits:
        """Keep what is said of these objects."""
        wanted = set(names)
        return self._with({kind: {name: frames for name, frames in self._list(kind).items() if name in wanted} for kind in KINDS})

    def renamed(self, old: str, new: str) -> KeyEdits:
        """Say of one object what was said of another."""
        lists = {kind: {new if name == old else name: frames for name, frames in self._list(kind).items()} for kind in KINDS}
        return replace(self._with(lists), known=tuple(new if name == old else name for name in self.known))

    def orphans(self, names: Sequence[str]) -> List[str]:
        """List the objects of which something is said and that the roto has not got."""
        return [name for name in self.names() if name not in names and name != ONE_OBJECT]

    def carried_over(self, names: Sequence[str]) -> Tuple[KeyEdits, Tuple[str, ...]]:
        """Follow a rename: when one object is gone and one is new, what was said of the one is meant for the other.

        Args:
            names: of the roto's objects now.

        Returns:
            The edits with today's names, and sentences for the artist about edits whose object was renamed or is gone.
        """
        gone = self.orphans(names)
        if len(gone) == 1:
            lost = [name for name in self.known if name not in names] if self.known else gone
            new = [name for name in names if name not in self.known]
            if lost == gone and len(new) == 1:
                sentence = f"What you said of the keyframes of {gone[0]} counts for {new[0]}, which has taken its place."
                return self.renamed(gone[0], new[0]), (sentence,)
        return self, tuple(self._lament(name) for name in gone)

    def changed(self, names: Iterable[str], frame: int, kind: str) -> KeyEdits:
        """Put a frame of some objects into one of the lists, and out of the others: the last word counts."""
        lists = {kind: self._list(kind) for kind in KINDS}
        for name in names:
            for listed in lists.values():
                listed.get(name, set()).discard(frame)
            lists[kind].setdefault(name, set()).add(frame)
        return self._with(lists)

    def forgotten(self, names: Iterable[str], frame: int) -> KeyEdits:
        """Take a frame of some objects out of all lists."""
        left = set(names)
        return self._with(
            {kind: {name: frames - ({frame} if name in left else set()) for name, frames in self._list(kind).items()} for kind in KINDS}
        )

    def unsaid(self, names: Iterable[str], frame: int) -> KeyEdits:
        """Let a frame of some objects count that was removed, or on which they were said to be absent."""
        left = set(names)
        return self._with(
            {
                kind: {name: frames - ({frame} if name in left and kind != "added" else set()) for name, frames in self._list(kind).items()}
                for kind in KINDS
            }
        )

    def _list(self, kind: str) -> Dict[str, Set[int]]:
        return {name: set(frames) for name, frames in getattr(self, kind).items()}

    def _with(self, lists: Mapping[str, Dict[str, Set[int]]]) -> KeyEdits:
        return KeyEdits(lists["added"], lists["removed"], lists["absent"], self.known)

    def _lament(self, name: str) -> str:
        changes = [f"{kind} on {FrameRange.of(sorted(getattr(self, kind)[name]))}" for kind in KINDS if getattr(self, kind).get(name)]
        return (
            f"{' and '.join(changes)} was said of {name}, which is gone. Give a shape that name again, "
            "or press Remove on those frames, with all objects, to forget it."
        )
