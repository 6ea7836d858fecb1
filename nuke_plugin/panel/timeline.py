"""The state of a node's frames, one by one, which the strip draws and the jumps use.

Kept for the session by node id, as it was when the node was last judged, so that a closed panel loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Collection, Dict, FrozenSet, Iterable, List, Mapping, Optional, Sequence, Tuple

LEAST_DIP = 0.02
"""A frame is weak only where its sureness is this much below the shot's mean. Otherwise every shot would have a weak frame."""
MOST_DIPS = 10
"""Most places that count as weak only because they are unsure; the least sure come first."""


@dataclass(frozen=True)
class Timeline:
    """A shot's frames."""

    first: int
    last: int
    keyed: Mapping[str, Tuple[int, ...]] = field(default_factory=dict)
    """Frames of each object that count as annotated, without its absences."""
    absent: Mapping[str, Tuple[int, ...]] = field(default_factory=dict)
    """Frames of each object on which it is declared absent."""
    approved: Mapping[str, Tuple[int, ...]] = field(default_factory=dict)
    """Frames of each object whose matte the artist approved."""
    renamed: Optional[Tuple[str, str]] = None
    """The name that an object has in the mattes of the last run, and that of now; None where all are called as they were."""
    current: FrozenSet[int] = frozenset()
    """Frames whose matte is of the last run."""
    former: FrozenSet[int] = frozenset()
    """Frames whose matte is of an earlier run, or somebody else's."""
    outdated: FrozenSet[int] = frozenset()
    """Those of them that are known to be of other inputs than those of now."""
    missing: FrozenSet[int] = frozenset()
    """Frames that the node shows, and whose matte is not on disk."""
    stale: bool = False
    """Whether a run would make other mattes now than the last run made."""
    sureness: Mapping[int, float] = field(default_factory=dict)
    """Sureness of each frame, in [0, 1]; see `result.json`."""
    reasons: Mapping[int, str] = field(default_factory=dict)
    """Reason of each weak frame: what looks wrong there."""
    advice_is_old: bool = False
    """Whether the suggested frames were found in other mattes than those that show."""

    @property
    def weak(self) -> List[int]:
        """List the frames that are worth a look."""
        return sorted({*self.reasons, *dips(self.sureness)})

    def lanes(self, most: int) -> List[List[str]]:
        """Give each object a lane; where there are more objects than lanes, the last lane is for all that are left."""
        names = list(self.keyed)
        own = len(names) if len(names) <= most else most - 1
        return [[name] for name in names[:own]] + ([names[own:]] if names[own:] else [])

    def sentence(self) -> str:
        """Count what the strip shows."""
        stale = " (stale)" if self.stale else ""
        old = len(self.outdated)
        outdated = f" ({old} stale)" if old and old < len(self.former) else " (stale)" if old else ""
        counts = (
            (len(frames_of(self.keyed)), "keyed", "keyed"),
            (len(self.current), f"matte{stale}", f"mattes{stale}"),
            (len(self.former), f"matte of earlier runs{outdated}", f"mattes of earlier runs{outdated}"),
            (len(self.missing), "frame without a matte", "frames without a matte"),
            (len(frames_of(self.approved)), "approved", "approved"),
        )
        counted = [f"{number} {single if number == 1 else many}" for number, single, many in counts if number]
        return ", ".join(counted)


_timelines: Dict[str, Timeline] = {}


def keep(node_id: str, timeline: Timeline) -> None:
    """Note what a look has found."""
    _timelines[node_id] = timeline


def of_node(node_id: str) -> Optional[Timeline]:
    """Give what the last look has found; None before the first."""
    return _timelines.get(node_id)


def frames_of(listed: Mapping[str, Sequence[int]], name: Optional[str] = None) -> List[int]:
    """List the frames of an object; None for those of all."""
    chosen = listed.values() if name is None else [listed.get(name, ())]
    return sorted({frame for frames in chosen for frame in frames})


def dips(sureness: Mapping[int, float]) -> List[int]:
    """Find where the mattes are least sure: of each stretch that lies more than a standard deviation below the mean, the lowest frame."""
    if not sureness:
        return []
    values = list(sureness.values())
    mean = sum(values) / len(values)
    spread = (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
    limit = mean - max(spread, LEAST_DIP)
    lowest: List[int] = []
    stretch: List[int] = []
    for frame in sorted(sureness):
        if sureness[frame] < limit:
            stretch.append(frame)
        elif stretch:
            lowest.append(min(stretch, key=lambda dip: (sureness[dip], dip)))
            stretch = []
    if stretch:
        lowest.append(min(stretch, key=lambda dip: (sureness[dip], dip)))
    return sorted(sorted(lowest, key=lambda dip: (sureness[dip], dip))[:MOST_DIPS])


def reasons_of(answer: Mapping[str, Any], settled: Mapping[str, Collection[int]]) -> Dict[int, str]:
    """Take from the answer to Suggest frames what looks wrong, by frame.

    Args:
        answer: as the node keeps it.
        settled: frames of each object on which the artist has said what it is: keyed, absent or approved. It is not wrong there.
    """

    def is_settled(frame: int, *names: Optional[str]) -> bool:
        known = all(name is not None and name in settled for name in names)
        meant = [settled[name] for name in names if name is not None] if known else list(settled.values())
        return bool(meant) and all(frame in frames for frames in meant)

    of_all = answer.get("object")
    reasons: Dict[int, str] = {}
    for suggestion in answer.get("suggestions") or ():
        frame = int(suggestion["frame"])
        named = (suggestion.get("object") or of_all, *(suggestion.get("also") or ()))
        if suggestion.get("wrong", True) and not is_settled(frame, *named):
            reasons[frame] = str(suggestion["reason"])
    for first, _ in runs(int(frame) for frame in answer.get("lost_frames") or ()):
        if not is_settled(first, of_all):
            reasons.setdefault(first, "the matte is empty here, between frames that have it")
    return reasons


def without_name(reason: str, name: str) -> str:
    """Leave out the object that a reason begins with, where it stands above the reason."""
    start = f"{name}: "
    return reason[len(start) :] if name and reason.startswith(start) else reason


def runs(frames: Iterable[int]) -> List[Tuple[int, int]]:
    """Give first and last of each unbroken run of frames."""
    stretches: List[Tuple[int, int]] = []
    for frame in sorted(frames):
        stretches[-1:] = [(stretches[-1][0], frame)] if stretches and stretches[-1][1] == frame - 1 else [*stretches[-1:], (frame, frame)]
    return stretches


def beside(frames: Sequence[int], current: int, forward: bool) -> Optional[int]:
    """Give the nearest frame of a list on one side; None when there is none."""
    candidates = [frame for frame in frames if (frame > current if forward else frame < current)]
    return None if not candidates else min(candidates) if forward else max(candidates)
