"""The second step of a propagate: which objects compete, and in which gaps and sweeps the frames are computed. Pure: nothing is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from xmemcore.engine.config import EngineConfig
from xmemcore.engine.learning import LearningConfig, steps_for
from xmemcore.engine.order import Gap
from xmemcore.engine.propagation import asks_for, permanent_indices, plan_gaps
from xmemcore.engine.second_look import takes_second_look
from xmemcore.memory.config import MemoryConfig
from xmemcore.network.catalogue import parameters_of
from xmemcore.network.config import FULL
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.annotations.objects import Group, competition_groups
from xmemcore.shot.files.box import Box
from xmemcore.shot.inputs.approved import forgotten
from xmemcore.shot.inputs.inputs import Shot
from xmemcore.shot.inputs.opened import OpenedShot
from xmemcore.shot.mattes.carry import KeyDifferences
from xmemcore.shot.mattes.drawn_keys import GroupKeys
from xmemcore.shot.mattes.shutter import MOST_APART
from xmemcore.shot.mattes.steps import Carry, Chain, Steady, chain_of
from xmemcore.shot.plan.windows import GroupWindows, group_windows, wants_windows
from xmemcore.shot.plate.flow import Flows, Ways

SECOND_LOOK_EFFORT, WINDOW_EFFORT = 0.2, 0.5
"""What a step of a sweep costs more where it looks twice, and where a window is looked for, over a look at the whole frame."""
LEAST_SECOND_LOOK = 384
"""Least working size at which frames are also looked at in half the size."""


@dataclass(frozen=True)
class GroupPlan:
    """How one competition group is computed."""

    group: Group
    gaps: Sequence[Gap]
    """Gaps in the order of the shot."""
    permanent: tuple[int, ...]
    """Annotated indices whose memory is never dropped, ascending."""
    windows: GroupWindows | None = None
    """Windows that its gaps may be computed in; None: it has none."""

    def differences(self, shot: Shot, flows: Ways, parts: Mapping[int, Box] = MappingProxyType({})) -> KeyDifferences:
        """Make room for the differences between the artist's shapes and the network's own answers at keys.

        Args:
            shot: of the group.
            flows: of the shot, or of a window.
            parts: where a window lies, by plate index; none: the whole canvas is seen.
        """
        known = {key: self.group.annotations[key].known for key in self.permanent}
        drawn = GroupKeys(shot.plate, shot.annotations, self.group, known, parts)
        return KeyDifferences(drawn, len(self.group.objects), flows, shot.plate.frames)

    def came_from(self, frames: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Name by index the neighbour that a sweep stepped through before it, so that its prediction depends on it anyway.

        Args:
            frames: numbers of the plate's frames; over a long hole there is no neighbour.

        Returns:
            The neighbour's index, and how many frames it is off.
        """
        found = {}
        for gap in self.gaps:
            delivers = set(gap.delivers)
            for sweep in reversed(gap.sweeps):
                found.update({index: before for before, index in pairwise(sweep) if index in delivers})
        apart = {index: (before, abs(frames[index] - frames[before])) for index, before in found.items()}
        return {index: neighbour for index, neighbour in apart.items() if neighbour[1] <= MOST_APART}

    def may_crop(self, gap: Gap) -> bool:
        """Say whether a gap is computed in a window, should the coarse pass allow it."""
        return self.windows is not None and bool(self.windows.candidates(gap))


@dataclass(frozen=True)
class Plan:
    """How a shot is computed."""

    config: EngineConfig
    """Settings of all groups; see `config_of`."""
    groups: list[GroupPlan]
    chain: Chain
    """What each group's prediction goes through before it is a matte."""
    differences: list[KeyDifferences]
    """Each group's differences between the artist's shapes and the network's own answers at keys; a run fills them."""
    flows: Flows
    """Optical flow of the shot."""
    learning: LearningConfig | None
    """How the network learns the shot; None where that was not asked for."""
    warnings: tuple[str, ...]

    def config_of(self, planned: GroupPlan) -> EngineConfig:
        """Give the settings that a group is computed with: no second look, and no memory for it, where none of its sweeps is long."""
        any_long = any(takes_second_look(sweep) for gap in planned.gaps for sweep in gap.sweeps)
        return replace(self.config, second_look=self.config.second_look and any_long)

    def effort(self, planned: GroupPlan, gap: Gap, wanted: Collection[int]) -> float:
        """Say how much work one of a group's gaps is until these indices are there, in steps of one look at the whole frame."""
        config, annotations, objects = self.config_of(planned), planned.group.annotations, len(planned.group.objects)

        def looks(sweep: Sequence[int]) -> int:
            """Count the frames that the network looks at; not where the artist's masks are all that is needed."""
            return sum(asks_for(index, annotations, objects, config) for index in sweep)

        asked, steps = gap.sweeps_for(wanted), 0.0
        for sweep, indices in zip(gap.sweeps, asked):
            steps += looks(indices) * (1 + SECOND_LOOK_EFFORT * (config.second_look and takes_second_look(sweep)))
        if any(asked) and planned.may_crop(gap):
            steps += WINDOW_EFFORT * sum(map(looks, gap.sweeps))  # however much of the gap is asked for
        return steps

    @property
    def carries(self) -> bool:
        """Say whether the differences at keys are carried to other frames."""
        return any(isinstance(step, Carry) for step in self.chain)

    @property
    def steadies(self) -> bool:
        """Say whether a frame's neighbours have a part in its matte."""
        return any(isinstance(step, Steady) for step in self.chain)


def plan(opened: OpenedShot) -> Plan:
    """Plan every group's gaps.

    Raises:
        RequestError.
    """
    request, shot, content = opened.request, opened.shot, opened.content
    config = engine_config(request)
    config = replace(config, second_look=config.second_look and _looks_twice(opened))
    padding = content.padding
    groups = competition_groups(shot.annotations, shot.indices, (padding.height, padding.width), content.encoding.resampling)
    planned = [
        GroupPlan(
            group,
            plan_gaps(len(shot.plate.frames), group.annotations, len(group.objects), config),
            permanent_indices(group.annotations, config),
            _windows(group, opened, config) if wants_windows(request, len(groups)) else None,
        )
        for group in groups
    ]
    flows = Flows(content.grey)
    differences = [group.differences(shot, flows) for group in planned]
    return Plan(
        config,
        planned,
        chain_of(request, shot.plate.canvas, differences, flows, [group.came_from(shot.plate.frames) for group in planned]),
        differences,
        flows,
        LearningConfig(steps=steps_for(request.learn)) if request.learn else None,
        (*shot.plate.warnings, *shot.annotations.warnings, *_unseen(groups, shot.annotations.objects), *_uncounted(opened)),
    )


def _looks_twice(opened: OpenedShot) -> bool:
    """Say whether a second look pays: a network that was trained on small crops, at a size of which half is enough to see by."""
    small = parameters_of(opened.model.path)[1] != FULL.key_encoder
    return small and not opened.request.plain and opened.request.size >= LEAST_SECOND_LOOK


def _uncounted(opened: OpenedShot) -> tuple[str, ...]:
    """Warn of approved mattes that do not count, since the request does not name them."""
    sentence = forgotten(opened.places.out) if opened.request.approved is None else None
    return () if sentence is None else (sentence,)


def _windows(group: Group, opened: OpenedShot, config: EngineConfig) -> GroupWindows:
    permanent = permanent_indices(group.annotations, config)
    begins = [index for index in permanent if len(group.annotations[index].known) == len(group.objects)]
    return group_windows(group, opened.shot.plate.canvas, opened.content.padding, begins)


def _unseen(groups: Sequence[Group], objects: Sequence[str]) -> list[str]:
    """Warn of objects that no keyframe shows; raises RequestError when that is all of them."""
    unseen = sorted(obj for group in groups for obj in group.unseen())
    sentence = f"No keyframe shows {', '.join(objects[obj] for obj in unseen[:10])}: absent everywhere, or off the plate."
    if len(unseen) == len(objects):
        raise RequestError(f"{sentence} Key a frame on which it is seen.")
    return [f"{sentence} Nothing can be found of it."] if unseen else []


def chosen_settings(opened: OpenedShot, config: EngineConfig) -> dict[str, Any]:
    """Name what the artist chose, as JSON keeps it."""
    request = opened.request
    engine = asdict(config)
    memory = engine.pop("memory")
    learning = {"learn": request.learn} if request.learn else {}
    return {
        "size": request.size,
        "colorspace": opened.shot.plate.colorspace,
        "precision": opened.precision,
        "confidence": request.confidence,
        "crop": request.crop,
        **engine,
        **memory,
        **learning,
    }


def engine_config(request: PropagateRequest) -> EngineConfig:
    """Turn a request's settings into the engine's: those of one name.

    Raises:
        RequestError.
    """
    request.require_possible()
    shared = {field.name: getattr(request, field.name) for field in fields(EngineConfig) if hasattr(request, field.name)}
    chosen = {name: value for name, value in shared.items() if value is not None}  # None: as the engine has it
    return EngineConfig(**chosen, boxes=not request.plain, reuse=not request.plain, memory=MemoryConfig(dense=request.plain))
