"""Make mattes on disk from predictions at working size, while the propagation goes on.

A frame waits here until every competition group has given its prediction. Another thread composes its mattes and writes them.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from xmemcore.engine.planes import Boxed
from xmemcore.engine.sweep import Prediction
from xmemcore.network.xmem import STRIDE
from xmemcore.protocol.failures import MachineError
from xmemcore.protocol.result_file import MatteRecord
from xmemcore.shot.mattes.composition import Composer, GroupPrediction, View
from xmemcore.shot.mattes.matte_proof import metadata
from xmemcore.shot.mattes.mattes import MatteWriter
from xmemcore.shot.mattes.planes import Planes, Scattered

FRAMES_BEHIND = 3
"""Frames that may wait for the disk; more would only fill the memory."""


@dataclass(frozen=True)
class Written:
    """One frame that is on disk."""

    index: int
    path: Path
    record: MatteRecord
    remark: str | None = None
    """What the artist should know about this frame, in a sentence."""


class MatteQueue:
    """Collect predictions, write mattes."""

    def __init__(
        self,
        composer: Composer,
        writer: MatteWriter,
        signature: Callable[[int], str],
        waiting_room: Path,
        with_confidence: bool,
        also: Callable[[int], None] | None = None,
    ) -> None:
        """Prepare to write.

        Args:
            composer: makes a frame's mattes of its groups' predictions.
            writer: of the files.
            signature: hash of all that the matte of an index depends on.
            waiting_room: folder of this run alone, for predictions that wait for another group.
            with_confidence: whether that layer is written too.
            also: called with the number of each frame whose mattes are on disk, before it counts as finished.
        """
        self._composer = composer
        self._groups = len(composer.groups)
        self._writer = writer
        self._signature = signature
        self._waiting_room = waiting_room
        self._with_confidence = with_confidence
        self._also = also
        self._waiting: dict[int, set[int]] = {}
        self._views: dict[tuple[int, int], View] = {}
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="matte-writer", initializer=_on_one_core)
        self._pending: deque[Future[Written]] = deque()

    def __enter__(self) -> MatteQueue:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()

    def put(
        self,
        group: int,
        index: int,
        planes: Planes,
        around: Mapping[int, Planes] = MappingProxyType({}),
        view: View | None = None,
    ) -> list[Written]:
        """Hand in one group's prediction; give the frames that were finished meanwhile.

        Args:
            group: its number.
            index: of the frame.
            planes: of `handed`.
            around: planes of neighbouring frames, by index, where the chain asks for them.
            view: the part of the canvas that the planes cover; None: the whole canvas.

        Raises:
            What writing raised, for this frame or an earlier one; MachineError.
        """
        missing = self._waiting.setdefault(index, set(range(self._groups)))
        missing.discard(group)
        if view is not None:
            self._views[group, index] = view
        if missing:
            self._spill(group, index, planes, around)
        else:
            del self._waiting[index]
            views = [self._views.pop((number, index), None) for number in range(self._groups)]
            predictions = self._predictions(index, GroupPrediction(group, planes, around, view), views)
            self._pending.append(self._executor.submit(self._write, index, predictions, self._signature(index)))
        return self._finished(wait_down_to=FRAMES_BEHIND)

    def drain(self) -> list[Written]:
        """Wait for everything that was handed in."""
        return self._finished(wait_down_to=0)

    def _finished(self, wait_down_to: int) -> list[Written]:
        finished = []
        while self._pending and (self._pending[0].done() or len(self._pending) > wait_down_to):
            finished.append(self._pending.popleft().result())
        return finished

    def _write(self, index: int, predictions: Iterable[GroupPrediction], signature: str) -> Written:
        mattes = self._composer.compose(index, predictions)
        confidence = self._composer.at_plate(mattes.margin) if self._with_confidence else None
        path = self._writer.write(
            self._composer.plate.frames[index],
            mattes.layers,
            mattes.union,
            keyframe=mattes.keyframe,
            confidence=confidence,
            proof=metadata(signature, mattes.areas, mattes.sureness, mattes.sure_of),
        )
        if self._also is not None:
            self._also(self._composer.plate.frames[index])
        record = MatteRecord(signature, path.stat().st_size, mattes.keyframe, mattes.areas, mattes.sureness, mattes.sure_of)
        return Written(index, path, record, mattes.remark)

    def _predictions(self, index: int, last: GroupPrediction, views: Sequence[View | None]) -> Iterator[GroupPrediction]:
        """Give the predictions of all groups in order; the last one to come has not left the memory."""
        for number, view in enumerate(views):
            yield last if number == last.group else GroupPrediction(number, *self._unspilled(number, index), view)

    def _spill(self, group: int, index: int, planes: Planes, around: Mapping[int, Planes]) -> None:
        content = io.BytesIO()
        named: dict[str, Any] = {}
        for name, each in {"planes": planes, **{str(other): neighbour for other, neighbour in around.items()}}.items():
            named.update(each.arrays(name) if isinstance(each, Scattered) else {name: each})
        np.savez(content, **named)
        try:
            self._spilled(group, index).write_bytes(content.getbuffer())
        except OSError as error:
            raise MachineError(
                f"Predictions that wait for other objects cannot be kept in {self._waiting_room}: {error.strerror}. "
                "Free some disk there or point $TMPDIR at another, then run this again; the mattes that were finished stay."
            ) from error

    def _spilled(self, group: int, index: int) -> Path:
        return self._waiting_room / f"{index}.{group}.npz"

    def _unspilled(self, group: int, index: int) -> tuple[Planes, dict[int, Planes]]:
        path = self._spilled(group, index)
        with np.load(path) as content:
            names = dict.fromkeys(name.split(".")[0] for name in content.files)
            read = {name: content[name] if name in content.files else Scattered.from_arrays(content, name) for name in names}
        path.unlink()
        return read.pop("planes"), {int(name): planes for name, planes in read.items()}


def _on_one_core() -> None:
    """Let this thread compute alone: the other cores belong to the gaps. Torch keeps the number for each thread."""
    torch.set_num_threads(1)


def handed(prediction: Prediction) -> Planes:
    """Give a prediction's planes (1 + K, h, w) as the queue takes them."""
    # Half is what the matte is written in, and what a spilled prediction is kept in: both paths give the same bits.
    kept = prediction.kept
    if not isinstance(kept, Boxed):
        return prediction.planes.half().cpu().numpy()
    assert kept.behind is not None, "a prediction is aggregated"
    behind, padding = prediction.padding.unpad(kept.behind).half().cpu().numpy(), prediction.padding
    left, _, top, _ = padding.sides
    pieces = [(0, 0, behind)]
    for part in kept.parts:
        if part is None:
            pieces.append((0, 0, behind[:0, :0]))
            continue
        (row, column, _, _), values = part
        row, column = STRIDE * row - top, STRIDE * column - left
        # A box may reach into the padding.
        inside = values[max(-row, 0) : padding.height - row, max(-column, 0) : padding.width - column]
        pieces.append((max(row, 0), max(column, 0), inside.half().cpu().numpy()))
    return Scattered((padding.height, padding.width), pieces)
