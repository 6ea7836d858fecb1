"""A shot shared out to several workers: runs of whole gaps that cost about the same.

A cut between two chunks lies at the beginning of a gap. Where competition groups have different gaps, a cut may fall into a gap of another
group; that group's sweeps are then computed from their keyframe in both chunks. The mattes are the same, and the cost is counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from xmemcore.engine.order import Gap
from xmemcore.protocol.failures import RequestError

MOST_CHUNKS = 10_000


@dataclass(frozen=True)
class Chunk:
    """Consecutive frames for one worker."""

    indices: tuple[int, ...]
    """Wanted plate indices, ascending."""
    steps: int
    """Frames that the sweeps of all groups step through for them."""


def parse_chunk(text: str) -> tuple[int, int]:
    """Read `2/5`, the second of five chunks; raises RequestError."""
    named = re.fullmatch(r"([0-9]{1,5})/([0-9]{1,5})", text.strip())
    if named is None or not 1 <= int(named[1]) <= int(named[2]) <= MOST_CHUNKS:
        raise RequestError(f"'{text}' is no chunk. Write for example 2/5: the second of five, counted from 1.")
    return int(named[1]), int(named[2])


def shared_out(groups: Sequence[Sequence[Gap]], wanted: Sequence[int], workers: int) -> list[Chunk]:
    """Share out what is wanted.

    Args:
        groups: the gaps of each competition group.
        wanted: plate indices, ascending, not empty.
        workers: at least 1.

    Returns:
        Chunks in the order of the shot, at most as many as workers and as gaps. What is done already is not looked at, so that
        every worker gets the same chunks.
    """
    spans = _spans(groups, wanted)
    low, high = max(_steps(groups, *span) for span in spans), _steps(groups, wanted[0], wanted[-1])
    while low < high:
        middle = (low + high) // 2
        if len(_packed(groups, spans, middle)) <= workers:
            high = middle
        else:
            low = middle + 1
    packed = _packed(groups, spans, high)
    while len(packed) > workers:  # two spans together may cost less than one of them, so a search by halves can miss the best number
        high += max(1, high // 20)
        packed = _packed(groups, spans, high)
    return [Chunk(tuple(index for index in wanted if first <= index <= last), _steps(groups, first, last)) for first, last in packed]


def together(gaps: Sequence[Gap], wanted: set[int]) -> list[list[Gap]]:
    """Put gaps of different groups that share frames together: the smallest parts of a shot that no sweep leaves.

    Args:
        gaps: of all groups.
        wanted: indices; gaps that deliver none of them are left out.
    """
    parts: list[list[Gap]] = []
    end = -1
    for gap in sorted((gap for gap in gaps if wanted.intersection(gap.delivers)), key=lambda gap: (gap.delivers[0], gap.delivers[-1])):
        if parts and gap.delivers[0] <= end:
            parts[-1].append(gap)
        else:
            parts.append([gap])
        end = max(end, gap.delivers[-1])
    return parts


def _spans(groups: Sequence[Sequence[Gap]], wanted: Sequence[int]) -> list[tuple[int, int]]:
    """Cut what is wanted at the beginning of every gap; gives first and last index of each part that holds something wanted."""
    starts = sorted({gap.delivers[0] for gaps in groups for gap in gaps if gap.delivers})
    spans = []
    for start, end in zip(starts, [*starts[1:], wanted[-1] + 1]):
        inside = [index for index in wanted if start <= index < end]
        if inside:
            spans.append((inside[0], inside[-1]))
    return spans


def _packed(groups: Sequence[Sequence[Gap]], spans: Sequence[tuple[int, int]], most_steps: int) -> list[tuple[int, int]]:
    """Join neighbours for as long as a chunk has at most so many steps."""
    packed: list[tuple[int, int]] = []
    for first, last in spans:
        if packed and _steps(groups, packed[-1][0], last) <= most_steps:
            packed[-1] = (packed[-1][0], last)
        else:
            packed.append((first, last))
    return packed


def _steps(groups: Sequence[Sequence[Gap]], first: int, last: int) -> int:
    """Count the frames that sweeps step through until every index from first to last is delivered; as `Gap.sweeps_for` of all of them."""
    return sum(_steps_in(gap, first, last) for gaps in groups for gap in gaps)


def _steps_in(gap: Gap, first: int, last: int) -> int:
    if not gap.delivers or gap.delivers[-1] < first or gap.delivers[0] > last:
        return 0
    first, last = max(first, gap.delivers[0]), min(last, gap.delivers[-1])
    steps = 0
    for sweep in gap.sweeps:
        begin, end = sweep[0], sweep[-1]
        forward = end >= begin
        target = min(last, end) if forward else max(first, end)
        asked = first <= target <= last
        steps += abs(target - begin) + 1 if asked and (target >= begin) == forward else 0
    return steps
