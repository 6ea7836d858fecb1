"""Hand a run the parts of its shot, one after another: first those that no other run computes, then the others, when they are free."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from xmemcore.engine.order import Gap
from xmemcore.protocol.failures import Busy, Cancelled
from xmemcore.protocol.words import plural
from xmemcore.shot.plan.chunks import together
from xmemcore.shot.store.at_work import POLL_SECONDS
from xmemcore.shot.store.leases import Lease

CANCELLED = "Cancelled. The mattes that were finished stay."


@dataclass(frozen=True)
class Part:
    """Frames that are computed in one go, and that no sweep leaves."""

    gaps: tuple[tuple[Gap, tuple[int, ...]], ...]
    """Each gap with the numbers of the groups that share it, the one nearest to the viewer first."""
    wanted: frozenset[int]
    """Indices that are wanted of it, at least one."""


def parts_of(groups: Sequence[Sequence[Gap]], missing: Collection[int], viewer: int) -> list[Part]:
    """List the parts of a shot that hold missing frames, the viewer's first.

    Args:
        groups: the gaps of each competition group.
        missing: indices that are to be computed.
        viewer: index of the frame that the artist looks at.
    """
    parts = []
    for gaps in together(list(dict.fromkeys(gap for group in groups for gap in group)), set(missing)):
        nearest = sorted(gaps, key=lambda gap: (min(abs(index - viewer) for index in gap.delivers), gap.delivers[0]))
        shared = tuple((gap, tuple(number for number, group in enumerate(groups) if gap in group)) for gap in nearest)
        parts.append(Part(shared, frozenset(index for gap in gaps for index in gap.delivers if index in missing)))
    return sorted(parts, key=lambda part: (min(abs(index - viewer) for index in part.wanted), min(part.wanted)))


def in_turn(
    parts: Iterable[Part],
    claim: Callable[[Part], Lease | None],
    patience_seconds: float,
    busy: Callable[[], Busy],
    cancelled: Callable[[], bool],
    say: Callable[[str], None],
    at_once: int = 1,
) -> Generator[list[Part], None, None]:
    """Give each part when it is claimed; those that others have come last. Close it, so that a claim ends with its work.

    Args:
        parts: in the order in which they are wanted.
        claim: gives None while somebody else has a part.
        patience_seconds: how long others are waited for when nothing else is left.
        busy: gives what to raise then.
        cancelled: asked while waiting.
        say: told that others are waited for.
        at_once: how many parts may be computed side by side.

    Yields:
        Parts that are claimed until the next ones are asked for, at least one.

    Raises:
        Busy: what `busy` gives.
        Cancelled: while waiting.
    """
    waiting = deque(parts)
    deadline: float | None = None
    while waiting:
        with ExitStack() as leases:
            claimed: list[Part] = []
            for _ in range(len(waiting)):
                if len(claimed) == at_once:
                    break
                part = waiting.popleft()
                lease = claim(part)
                if lease is None:
                    waiting.append(part)
                else:
                    leases.enter_context(lease)
                    claimed.append(part)
            if claimed:
                yield claimed
                deadline = None
                continue
        if deadline is None:
            deadline = time.monotonic() + patience_seconds
            say(f"Waiting for {plural(len(waiting), 'part')} of the shot, in work elsewhere")
        if cancelled():
            raise Cancelled(CANCELLED)
        if time.monotonic() > deadline:
            raise busy()
        time.sleep(POLL_SECONDS)
