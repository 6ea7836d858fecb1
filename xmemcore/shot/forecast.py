"""What a propagate would do, before it is sent anywhere: its gaps, what is stale, what it costs, and a share for each of N workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from xmemcore.engine.order import Gap
from xmemcore.protocol.frames import FrameRange
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.inputs.opened import OpenedShot, open_propagate
from xmemcore.shot.machine.device import choose_device
from xmemcore.shot.mattes import matting
from xmemcore.shot.plan.chunks import shared_out, together
from xmemcore.shot.plan.plan import Plan
from xmemcore.shot.run.pace import Pace, expected_mb, find_pace, pace_key
from xmemcore.shot.status import Outlook

VARIANTS = 12
"""Memories of one annotation with its eleven augmentations."""
MEASURED, GIVEN, UNKNOWN = "earlier runs here", "the pace that was given", "not known: no run here has measured it"
PEAK_OF_A_RUN, FORMULA = "the peak of an earlier run here", "model, memories and pictures added up"


@dataclass(frozen=True)
class GapForecast:
    """Frames that are computed together."""

    frames: str
    """Range of its frames that is wanted."""
    steps: int
    """Frames that sweeps step through for all that is wanted."""
    stale: int
    """Mattes of it that are to be computed."""
    seconds: float | None
    """Time for what is stale."""


@dataclass(frozen=True)
class ChunkForecast:
    """One worker's share, with what is done of it already."""

    chunk: str
    """Value of `--chunk`, such as 2/5."""
    frames: str
    steps: int
    stale: int
    seconds: float | None
    """Time for the whole chunk, loading and learning included."""


@dataclass(frozen=True)
class Forecast:
    """What `xmem-roto plan` prints."""

    out: str
    frames: str
    missing: tuple[int, ...]
    """Frames that were asked for and have no plate."""
    keyframes: tuple[int, ...]
    objects: tuple[str, ...]
    stale: str
    """Frame range whose mattes are missing or of something else; empty: there is nothing to do."""
    stale_count: int
    gaps: tuple[GapForecast, ...]
    steps: int
    """Frames that sweeps step through for what is stale."""
    seconds: float | None
    """One worker's time for what is stale; None where no pace is known."""
    seconds_from: str
    memory_mb: float
    """Memory of one worker."""
    memory_from: str
    chunks: tuple[ChunkForecast, ...]
    model: str
    model_sha256: str
    precision: str
    device: str
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Give what `--json` prints."""
        return asdict(self)


def forecast(request: PropagateRequest, workers: int = 1, step_seconds: float | None = None) -> Forecast:
    """Look ahead. Reads the plate where mattes are to be proven; runs no network.

    Args:
        request: of the propagate.
        workers: to share the work out to.
        step_seconds: what a step takes where it will be computed; None: as earlier runs here have found.

    Raises:
        RequestError.
    """
    outlook = Outlook.of(open_propagate(request))
    opened, planned, stale = outlook.opened, outlook.plan, outlook.stale()
    frames, places = opened.shot.plate.frames, opened.places
    device = choose_device(request.device)
    known = find_pace(places.cache, pace_key(opened, device))
    pace = Pace(step_seconds, 0.0, None) if step_seconds is not None else known
    groups = [group.gaps for group in planned.groups]
    all_gaps = [gap for gaps in groups for gap in gaps]
    shares = shared_out(groups, opened.wanted, workers)
    steps = _steps(all_gaps, stale)
    peak = known.peak_mb if known is not None else None

    def named(indices: Iterable[int]) -> str:
        return str(FrameRange.of(frames[index] for index in indices))

    return Forecast(
        out=str(places.out),
        frames=named(opened.wanted),
        missing=tuple(opened.missing),
        keyframes=tuple(opened.shot.annotations.keyframes),
        objects=tuple(opened.shot.annotations.objects),
        stale=named(stale),
        stale_count=len(stale),
        gaps=tuple(
            _part(part, planned, opened.wanted, stale, pace, named) for part in together(list(dict.fromkeys(all_gaps)), set(opened.wanted))
        ),
        steps=steps,
        seconds=_seconds(pace, _effort(planned, stale), begin=bool(stale)),
        seconds_from=GIVEN if step_seconds is not None else UNKNOWN if pace is None else MEASURED,
        memory_mb=round(_formula_mb(opened, planned, device) if peak is None else peak),
        memory_from=FORMULA if peak is None else PEAK_OF_A_RUN,
        chunks=tuple(
            ChunkForecast(
                f"{number}/{workers}",
                named(share.indices),
                share.steps,
                len(old),
                _seconds(pace, _effort(planned, old), begin=bool(old)),
            )
            for number, share in enumerate(shares, 1)
            for old in [[index for index in stale if index in share.indices]]
        ),
        model=opened.model.name,
        model_sha256=opened.model_sha256,
        precision=opened.precision,
        device=device.type,
        warnings=planned.warnings,
    )


def _formula_mb(opened: OpenedShot, planned: Plan, device: torch.device) -> float:
    """Add up what one worker holds, in MB."""
    padding, canvas = opened.content.padding, opened.shot.plate.canvas
    return expected_mb(
        opened.model.path,
        canvas.width * canvas.height,
        (padding.height // 16) * (padding.width // 16),
        sum(len(group.permanent) for group in planned.groups) * (VARIANTS if planned.config.augment else 1),
        len(opened.shot.annotations.objects),
        device.type,
        matting.wanted(opened.request),
    )


def _part(
    part: list[Gap], planned: Plan, wanted: list[int], stale: list[int], pace: Pace | None, named: Callable[[Iterable[int]], str]
) -> GapForecast:
    """Look ahead at frames that are computed together.

    Args:
        part: the gaps that share them.
        planned: of the whole shot.
        wanted: indices of the whole shot.
        stale: those of them that are to be computed.
        pace: of the machine.
        named: writes indices as a frame range.
    """
    inside = {index for gap in part for index in gap.delivers}
    asked, old = [index for index in wanted if index in inside], [index for index in stale if index in inside]
    gaps = [gap for group in planned.groups for gap in group.gaps if gap in part]
    return GapForecast(named(asked), _steps(gaps, asked), len(old), _seconds(pace, _effort(planned, old), begin=False))


def _steps(gaps: list[Gap], wanted: list[int]) -> int:
    asked = set(wanted)
    return sum(len(indices) for gap in gaps if asked.intersection(gap.delivers) for indices in gap.sweeps_for(asked))


def _effort(planned: Plan, wanted: list[int]) -> float:
    asked = set(wanted)
    return sum(planned.effort(group, gap, asked) for group in planned.groups for gap in group.gaps)


def _seconds(pace: Pace | None, effort: float, begin: bool) -> float | None:
    return None if pace is None else round(effort * pace.step_seconds + (pace.begin_seconds if begin else 0.0), 1)
