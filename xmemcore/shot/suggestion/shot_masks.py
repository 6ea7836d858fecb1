"""What keys and mattes show of a shot's objects, frame by frame, at working size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from xmemcore.engine.coverage import glimpse
from xmemcore.engine.frames import Padding
from xmemcore.engine.order import outward_gaps
from xmemcore.protocol.failures import Cancelled
from xmemcore.protocol.names import layer_names
from xmemcore.shot.inputs.inputs import Shot
from xmemcore.shot.mattes import matte_proof
from xmemcore.shot.mattes.mattes import Matte, MatteSequence
from xmemcore.shot.store.cache import digest
from xmemcore.shot.store.looks import Looks
from xmemcore.shot.suggestion.doubt import SIGHT_NUMBERS, Judgement, Sight, doubts, sight
from xmemcore.shot.suggestion.likeness import KeyLooks, Likeness, along, cells_of


@dataclass(frozen=True)
class LookedAt:
    """What suggestion has seen of frames, roughly."""

    looks: Mapping[int, Tensor]
    """(Ck, h, w) by index, of `coverage.look`; not empty."""
    padding: Padding
    """Of the frames, as the network sees them."""

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of a look."""
        rows, columns = next(iter(self.looks.values())).shape[-2:]
        return rows, columns


@dataclass(frozen=True)
class Glance:
    """One object's mask or matte at one frame, as it is kept for the next suggestion."""

    sight: Sight
    cells: np.ndarray
    """(h, w): the share of each cell of a look that is covered."""

    def numbers(self) -> Tensor:
        """Give the sight and the cells in a row, for keeping."""
        return torch.tensor([*self.sight.numbers(), *self.cells.ravel()])

    @classmethod
    def of_numbers(cls, numbers: Tensor, cells: tuple[int, int]) -> Glance:
        """Read what `numbers` gave."""
        return cls(Sight.of_numbers(numbers[:SIGHT_NUMBERS].tolist()), numbers[SIGHT_NUMBERS:].numpy().reshape(cells))


@dataclass(frozen=True)
class _Union:
    """What is remembered of a mask: pixels, and a name by its content; None where it is unknown."""

    pixels: int | None
    name: str | None


class ShotMasks:
    """All objects, or one, at every frame where they are keyed or have a matte."""

    def __init__(self, shot: Shot, obj: int | None, size: tuple[int, int], mattes: MatteSequence | None, looks: Looks | None) -> None:
        """Open nothing yet.

        Args:
            shot: whose objects are looked at.
            obj: the only object that counts; None: all count.
            size: height and width, the working size.
            mattes: of the shot; None: only keys are known.
            looks: keep what is seen of mattes; None: nothing is kept.
        """
        self.shot = shot
        self.objects = list(range(len(shot.annotations.objects))) if obj is None else [obj]
        """Numbers of the objects that count."""
        self._size = size
        self.mattes = mattes
        self._looks = looks
        self._obj = obj
        self._unions: dict[int, _Union] = {}
        self._seen: list[dict[int, Glance]] = []
        self.unseen: list[int] = []
        """Objects that have no matte on any frame where they are not keyed, of `judged`."""

    def mask(self, index: int) -> np.ndarray | None:
        """Give the union of the objects at a frame, (h, w) in [0, 1]; None where it is unknown."""
        frame, annotations = self.shot.plate.frames[index], self.shot.annotations
        matte = None
        shown = [obj for obj in self.objects if obj not in annotations.absent(frame)]
        if not shown:
            return np.zeros(self._size, np.float32)
        if annotations.known(frame).issuperset(shown):
            matte = np.maximum.reduce([annotations.matte(frame, obj) for obj in shown])
        elif self.mattes is not None and frame in self.mattes.frames:
            found = self.mattes.read(frame, self.shot.plate.canvas)
            matte = found.union if self._obj is None else self._planes(found)[self._obj]
        return None if matte is None else self._at_working_size(matte)

    def pixels(self, index: int) -> int | None:
        """Count mask pixels at working size; None where it is unknown."""
        return self._union(index).pixels

    def name(self, index: int) -> str | None:
        """Name the union of the objects at a frame by its content; None where it is unknown."""
        return self._union(index).name

    def _union(self, index: int) -> _Union:
        """Read the mask of a frame once."""
        if index not in self._unions:
            mask = self.mask(index)
            self._unions[index] = _Union(None, None) if mask is None else _Union(int((mask > 0.5).sum()), _content_name(mask))
        return self._unions[index]

    def lost(self) -> list[int]:
        """Find frames where the object is missing between frames that show it, and is not declared absent."""
        keyed = self.shot.indices.values()
        shown = [index for index in range(len(self.shot.plate.frames)) if (self.pixels(index) or 0) > 0]
        if not shown:
            return []
        return [index for index in range(shown[0], shown[-1]) if self.pixels(index) == 0 and index not in keyed and not self.hidden(index)]

    def hidden(self, index: int) -> bool:
        """Say whether the artist's word makes every object that is looked at absent: there is nothing to key."""
        return self.shot.annotations.absent(self.shot.plate.frames[index]).issuperset(self.objects)

    def keys(self) -> list[set[int]]:
        """List, for each object that is looked at, the indices on which the artist's word decides it."""
        annotations = self.shot.annotations
        known = [annotations.known(frame) | annotations.absent(frame) for frame in self.shot.plate.frames]
        return [{index for index, objects in enumerate(known) if obj in objects} for obj in self.objects]

    def judged(self, looked: LookedAt, cancelled: Callable[[], bool]) -> Judgement:
        """Say what every object's mattes are expected to be wrong by; raises Cancelled."""
        self._seen = seen = []
        for index in range(len(self.shot.plate.frames)):
            if cancelled():
                raise Cancelled("Cancelled. Nothing was changed.")
            seen.append(self._glances(index, looked))
        glances = [[found.get(obj) for found in seen] for obj in self.objects]
        keyed = [self._keyed(obj, found) for obj, found in zip(self.objects, glances)]
        open_frames = [[index for index in range(len(seen)) if index not in keys] for keys in keyed]
        self.unseen = [
            obj
            for obj, found, unkeyed in zip(self.objects, glances, open_frames)
            if unkeyed and all(found[index] is None for index in unkeyed)
        ]
        sights = [[None if glance is None else glance.sight for glance in found] for found in glances]
        alike, fades = likenesses(glances, keyed, looked), _fades(len(seen), keyed)
        return Judgement([doubts(*of_object, fades) for of_object in zip(sights, keyed, alike)])

    def covered(self, index: int) -> Tensor | None:
        """Give the share of each cell of a glimpse that some object covers, (cells,), after `judged`; None where it is unknown."""
        if not self._seen or not self._seen[index]:
            return None
        shares = np.maximum.reduce([glance.cells for glance in self._seen[index].values()])
        return glimpse(torch.from_numpy(shares)[None])[:, 0]

    def save(self) -> None:
        """Keep what was seen of mattes for the next suggestion; what this one did not ask for is forgotten."""
        if self._looks is not None:
            self._looks.save()

    def _keyed(self, obj: int, glances: Sequence[Glance | None]) -> dict[int, bool]:
        """List the indices on which the artist's word decides an object, and whether it is seen there."""
        annotations, keyed = self.shot.annotations, {}
        for index, (frame, drawn) in enumerate(zip(self.shot.plate.frames, glances)):
            if obj in annotations.absent(frame):
                keyed[index] = False
            elif obj in annotations.known(frame):
                keyed[index] = drawn is not None and drawn.sight.seen
        return keyed

    def _glances(self, index: int, looked: LookedAt) -> dict[int, Glance]:
        """Reduce each object's mask or matte at a frame; without those that are unknown."""
        frame, annotations = self.shot.plate.frames[index], self.shot.annotations
        keyed = annotations.known(frame).intersection(self.objects)
        glances = {}
        for obj in keyed:
            mask = annotations.network_mask(frame, obj, self._size)
            glances[obj] = _glance(np.zeros(self._size, np.float32) if mask is None else mask.unpacked(), looked)
        names = self._kept_names(frame, [obj for obj in self.objects if obj not in keyed])
        glances.update((obj, kept) for obj, name in names.items() if (kept := self._kept(name, looked.cells)) is not None)
        new = [obj for obj in self.objects if obj not in glances]
        if new and self.mattes is not None and frame in self.mattes.frames:
            planes = self._planes(self.mattes.read(frame, self.shot.plate.canvas))
            for obj in new:
                if (plane := planes[obj]) is not None:
                    found = _glance(self._at_working_size(plane), looked)
                    glances[obj] = self._keep(names.get(obj), found, looked.cells)
        return glances

    def _kept_names(self, frame: int, objects: Sequence[int]) -> dict[int, str]:
        """Name what is seen of objects' mattes at a frame, by what the matte says that it was made from; {} where it proves nothing."""
        if not objects or self._looks is None or self.mattes is None or frame not in self.mattes.frames:
            return {}
        matte = matte_proof.read(self.mattes.path(frame))
        if matte is None or matte.record is None:
            return {}
        made_of = matte.record.signature, self.shot.plate.canvas.key, self._size
        layers, originals = layer_names(self.shot.annotations.objects), self.shot.annotations.originals
        return {obj: digest(*made_of, layers[obj], originals[obj]) for obj in objects}

    def _kept(self, name: str, cells: tuple[int, int]) -> Glance | None:
        numbers = None if self._looks is None else self._looks.get(name)
        fits = numbers is not None and len(numbers) == SIGHT_NUMBERS + cells[0] * cells[1]
        return Glance.of_numbers(numbers, cells) if numbers is not None and fits else None

    def _keep(self, name: str | None, found: Glance, cells: tuple[int, int]) -> Glance:
        """Give what is seen of a matte as the next suggestion will find it kept."""
        if self._looks is None or name is None:
            return found
        return Glance.of_numbers(self._looks.put(name, found.numbers()), cells)

    def _planes(self, matte: Matte) -> list[np.ndarray | None]:
        return matte.of_objects(self.shot.annotations.objects, self.shot.annotations.originals)

    def _at_working_size(self, matte: np.ndarray) -> np.ndarray:
        return cv2.resize(matte, self._size[::-1], interpolation=cv2.INTER_AREA)


def _content_name(mask: np.ndarray) -> str:
    return digest(mask.shape, np.ascontiguousarray(mask).data.cast("B"))


def _glance(matte: np.ndarray, looked: LookedAt) -> Glance:
    """Reduce a matte (h, w), in [0, 1], at working size."""
    return Glance(sight(matte), cells_of(looked.padding.pad(torch.from_numpy(matte)), looked.cells))


def likenesses(
    glances: Sequence[Sequence[Glance | None]], keyed: Sequence[Mapping[int, bool]], looked: LookedAt
) -> list[list[Likeness | None]]:
    """Compare each object's mattes with its keys.

    Args:
        glances: for each object, of every frame.
        keyed: for each object, indices on which the artist's word decides it, and whether it is seen there.
        looked: what is seen of frames.

    Returns:
        For each object, of every frame.
    """
    nothing = np.full(looked.cells, np.nan, np.float32)
    cells = {index: np.array([nothing if (glance := of[index]) is None else glance.cells for of in glances]) for index in looked.looks}
    shown = {index: [keys.get(index, False) for keys in keyed] for index in looked.looks}
    at_keys = {
        index: np.where(np.array(shows)[:, None, None], cells[index], nothing).astype(np.float32)
        for index, shows in shown.items()
        if any(shows)
    }
    keys = KeyLooks(looked.looks, at_keys)
    found = {index: keys.likenesses(index, look, cells[index]) for index, look in looked.looks.items() if index not in at_keys}
    seen = sorted(looked.looks)
    step = max((after - before for before, after in zip(seen, seen[1:])), default=1)
    length = len(glances[0]) if glances else 0
    return [along({index: some[place] for index, some in found.items()}, length, step // 2) for place in range(len(keyed))]


def _fades(length: int, keyed: Sequence[Mapping[int, bool]]) -> list[tuple[int, ...]]:
    """List the frames over which the sweeps of each gap are cross-faded, where mattes were computed outward."""
    anywhere = set().union(*keyed)
    whole = {index for index in anywhere if all(index in keys for keys in keyed)}
    return [gap.blend for gap in outward_gaps(length, whole or {min(anywhere), max(anywhere)}) if gap.blend] if anywhere else []
