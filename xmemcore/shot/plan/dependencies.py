"""The third step of a propagate: what each matte depends on, as one hash. Change anything it was made of, and its hash changes.

A prediction depends on permanent memory, on the settings, and on the frames that its sweep has seen so far. So the
hash of a frame is chained along its sweep, and two frames of one gap need not go stale together. Plate frames are read
where their hash is asked for; nothing else is read or written here. Where a gap may be computed in a window, every frame of the gap
decides where that is, so these frames do go stale together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property

from xmemcore.engine import entrance
from xmemcore.engine.order import Gap
from xmemcore.engine.second_look import takes_second_look
from xmemcore.protocol.settings import values
from xmemcore.shot.annotations.objects import Group
from xmemcore.shot.inputs.opened import OpenedShot
from xmemcore.shot.mattes import carry, steady
from xmemcore.shot.mattes.steady import neighbours
from xmemcore.shot.mattes.steps import keys_of
from xmemcore.shot.plan import windows
from xmemcore.shot.plan.plan import GroupPlan, Plan, chosen_settings
from xmemcore.shot.plate.frame_source import of_second_look
from xmemcore.shot.store.cache import FORMAT, digest
from xmemcore.shot.store.state import NodeManifest

FARTHEST = max(carry.REACH, steady.REACH)
"""Frames around a frame that a step may look at."""


def work_key(opened: OpenedShot, plan: Plan) -> str:
    """Hash what all workers at one result have in common: the annotations, the model, the settings. Reads no plate frame."""
    # The model and the level of rounding are known better by now than their settings say.
    chosen = {name: value for name, value in values(opened.request).items() if name not in ("model", "precision")}
    groups = [[planned.group.objects, planned.group.signatures] for planned in plan.groups]
    return digest(FORMAT, asdict(plan.config), vars(opened.content.encoding), opened.layers, chosen, groups)


class Dependencies:
    """The hashes of one propagate."""

    def __init__(self, opened: OpenedShot, plan: Plan, learned: str | None) -> None:
        """Take the first two steps.

        Args:
            opened: inputs.
            plan: of the gaps.
            learned: hash of the tuned weights that compute the mattes; None for the model as it is.
        """
        self._opened, self._plan, self._learned = opened, plan, learned

    @cached_property
    def memory_keys(self) -> list[dict[int, str]]:
        """Hash of what an annotation's memory is made of: one mapping for each group, by permanent index."""
        return [{index: self._memory_key(planned.group, index) for index in planned.permanent} for planned in self._plan.groups]

    def signature(self, index: int) -> str:
        """Hash what a matte depends on. Where every object is keyed, it depends on the artist's own mattes alone. The plate's path is in no
        hash: when the plate is moved, a predicted matte stays valid, and its metadata keep the path that it was computed from."""
        opened, annotations, chain = self._opened, self._opened.shot.annotations, self._plan.chain
        frame = opened.shot.plate.frames[index]
        known = annotations.known(frame)
        keyed = [annotations.signature(frame, obj) for obj in sorted(known)]
        absent = annotations.absent(frame) - known
        complete = len(known | absent) == len(annotations.objects)
        predicted = [] if complete else [predictions.hash(index) for predictions in self._predictions]
        parts = [FORMAT, opened.layers, opened.shot.plate.canvas.key, opened.request.confidence, keyed, predicted]
        if complete:
            # The network has no part in these mattes. Their metadata name it all the same, and rewriting them is cheap.
            parts.append(opened.model_sha256)
        if absent:
            parts.append(["absent", *sorted(absent)])
        if keys_of(chain) and not complete:
            parts.append(["steps", *keys_of(chain)])
        if not complete and (holes := self._holes(index)):
            parts.append(["holes", *holes])
        if opened.writer.passes.key:
            parts.append(["passes", *opened.writer.passes.key])
        if self._plan.carries and not complete:
            parts.append(["carried", *self._carried(index)])
        if self._plan.steadies and not complete:
            around = neighbours(index, range(len(opened.shot.plate.frames)), opened.shot.plate.frames)
            parts.append(["around", *(predictions.hash(other) for other in around for predictions in self._predictions)])
            parts += [self._carried(other) for other in around if self._plan.carries]
        if complete and opened.host_alpha is not None and frame in opened.host_alpha.frames:
            parts.append(opened.host_alpha.signature(frame))
        return digest(*parts)

    def manifest(self, indices: Sequence[int] | None = None) -> NodeManifest:
        """List what a range is made of now, for a later run to say what changed.

        Args:
            indices: of the range; None: all that are wanted.
        """
        opened, annotations, objects = self._opened, self._opened.shot.annotations, self._opened.shot.annotations.objects
        frames = {opened.shot.plate.frames[index]: index for index in (opened.wanted if indices is None else indices)}
        absent = {frame: sorted(annotations.absent(frame)) for frame in frames}
        return NodeManifest(
            opened.shot.plate.sequence.pattern,
            opened.model_sha256,
            {frame: opened.content.digest(index) for frame, index in frames.items()},
            {
                frame: {objects[obj]: annotations.signature(frame, obj) for obj in sorted(annotations.known(frame))}
                for frame in annotations.keyframes
            },
            chosen_settings(opened, self._plan.config),
            {frame: [objects[obj] for obj in hidden] for frame, hidden in absent.items() if hidden},
            opened.content.files.remembered(),
        )

    def _holes(self, index: int) -> list[int]:
        """Give how far off the frames around are, where the plate has holes there: steps that look along the motion count them."""
        frames = self._opened.shot.plate.frames
        near = frames[max(index - FARTHEST, 0) : index + FARTHEST + 1]
        return [frame - frames[index] for frame in near] if near[-1] - near[0] >= len(near) else []

    def _carried(self, index: int) -> list[str]:
        """Hash what is carried to a frame: the artist's soft shapes on the keys around it, and the pictures from there to here."""
        shot, hashes = self._opened.shot, []
        for differences, planned in zip(self._plan.differences, self._plan.groups):
            keys = differences.keys_for(index)
            hashes += [
                shot.annotations.signature(shot.plate.frames[key], planned.group.objects[obj])
                for key in keys
                for obj in sorted(planned.group.annotations[key].known)
            ]
            hashes += [self._opened.content.digest(place) for place in differences.looked_at(index)]
        return hashes

    @cached_property
    def _predictions(self) -> list[PredictionHashes]:
        return [
            PredictionHashes(
                self._base(planned, keys),
                planned.gaps,
                self._opened.content.digest,
                frozenset(gap for gap in planned.gaps if planned.may_crop(gap)),
                self._plan.config.second_look,
                self._opened.shot.plate.frames,
            )
            for planned, keys in zip(self._plan.groups, self.memory_keys)
        ]

    def _memory_key(self, group: Group, index: int) -> str:
        config = self._plan.config
        augmentation = (config.augment, config.augmentations, config.rotation_degrees)
        parts = (FORMAT, self._opened.content.digest(index), group.signatures[index], len(group.objects), augmentation)
        return digest(*parts, *self._weights())

    def _base(self, planned: GroupPlan, keys: dict[int, str]) -> str:
        """Hash settings, model and every annotation of a group."""
        group, encoding = planned.group, self._opened.content.encoding
        # Which sweeps look twice is in their own hashes, so that what the others give stays valid.
        config = asdict(replace(self._plan.config, second_look=False))
        parts = (FORMAT, config, vars(encoding), keys, group.signatures, len(group.objects), entrance.VERSION)
        return digest(*parts, *self._weights())

    def _weights(self) -> list[str]:
        # Nothing where nothing was learned: what was kept before there was learning stays valid.
        return [self._learned] if self._learned else []


@dataclass
class PredictionHashes:
    """The hashes of one competition group's predictions."""

    base: str
    """Hash of settings, model and every annotation."""
    gaps: Sequence[Gap]
    content: Callable[[int], str]
    """Gives the hash of a plate frame's content by index; may read it."""
    cropped: Collection[Gap] = ()
    """Gaps that may be computed in a window: all frames of such a gap decide where it is."""
    second_look: bool = False
    """Whether long sweeps look twice: a plate that grows may make a sweep long."""
    numbers: Sequence[int] | None = None
    """Number of each frame of the plate: an absent object is kept out for so many of them. None: they follow one another."""
    _chains: dict[tuple[int, int], list[str]] = field(default_factory=dict)

    def hash(self, index: int) -> str:
        """Hash what the group's prediction at an index depends on."""
        number, gap = next((number, gap) for number, gap in enumerate(self.gaps) if index in gap.delivers)
        if gap in self.cropped:
            ends = [self._chained((number, place), indices, indices[-1]) for place, indices in enumerate(gap.sweeps)]
            return digest("window", windows.VERSION, index, *ends)
        return digest(*(self._chained((number, place), indices, index) for place, indices in enumerate(gap.sweeps) if index in indices))

    def _chained(self, sweep: tuple[int, int], indices: Sequence[int], index: int) -> str:
        place = indices.index(index)
        chain = self._chains.setdefault(sweep, [])
        begin = of_second_look(self.base) if self.second_look and takes_second_look(indices) else self.base
        for step in range(len(chain), place + 1):
            here = indices[step]
            chain.append(digest(chain[-1] if chain else begin, here, self.content(here), *self._hole(indices[max(step - 1, 0)], here)))
        return chain[place]

    def _hole(self, index: int, other: int) -> list[int]:
        """Give how many frames lie from one to another, where the plate has a hole between; nothing where it has none."""
        apart = 1 if self.numbers is None else abs(self.numbers[other] - self.numbers[index])
        return [apart] if apart > 1 else []
