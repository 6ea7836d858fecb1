"""Move the artist's own shapes onto the predicted matte of a frame: a key that the artist corrects only where it is wrong.

The shapes begin where they were keyed nearest to that frame. From frame to frame they go along with the object's own motion (optical
flow, weighted by the matte), and are fitted to each matte on the way, so that a point stays on its place of the object.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from xmemcore.curves.script import Format
from xmemcore.engine.jaccard import jaccard
from xmemcore.protocol.failures import Cancelled, RequestError, not_written
from xmemcore.protocol.frames import counted
from xmemcore.protocol.outside import read_object
from xmemcore.protocol.requests import FitRequest
from xmemcore.protocol.results import FitResult, FittedObject
from xmemcore.protocol.whole_file import write_text
from xmemcore.protocol.words import listed
from xmemcore.roto import read_roto
from xmemcore.roto.fit import fit, moved, whole, without_closed_holes
from xmemcore.roto.grid import PixelGrid
from xmemcore.roto.raster import rasterise_hard
from xmemcore.roto.roto_json import write
from xmemcore.roto.shapes import EvaluatedShape, Roto, RotoObject
from xmemcore.shot.annotations.annotations import positions
from xmemcore.shot.annotations.roto import RotoAnnotations
from xmemcore.shot.inputs.inputs import Shot, open_shot
from xmemcore.shot.listener import Listener, Silence
from xmemcore.shot.mattes.kept_inputs import replaced_input
from xmemcore.shot.mattes.mattes import MatteSequence, read_mattes

STEP_REACH = 0.05
"""Share of the object's extent within which an edge is looked for around a carried shape."""
NEIGHBOURHOODS = (0.02, 0.1, 0.4)
"""Widths of the windows over which motion is averaged around a point, as shares of the object's extent."""
LEAST_OVERLAP = 0.9
"""Overlap of a fitted shape and its matte, below which the artist is told."""
LOST_SHOWN = 8
"""Objects that a refusal names whose keys would be lost."""
NEAR = 0.2
"""Share of a window that the object must cover, so that its motion in the window counts."""


def fit_shapes(request: FitRequest, listener: Listener | None = None) -> FitResult:
    """Move shapes onto the mattes of a frame, and write the roto with this key as a roto JSON.

    An object that counts as keyed on the frame stays as it was drawn.

    Raises:
        RequestError, MachineError, Cancelled.
    """
    began = time.monotonic()
    listener = listener or Silence()
    request.require_possible_here()
    shot, annotations, mattes = _opened(request)
    out = None if request.out is None else _output(request, request.out)
    if out is not None:
        # What is left out here is not in the written roto either, and the runs that take it cannot say so.
        for warning in (*shot.plate.warnings, *annotations.warnings):
            listener.warning(warning)
    work = _Work(shot, annotations, mattes, request)
    chosen = range(len(annotations.objects)) if request.objects is None else positions(request.objects, annotations.objects)
    fitted: dict[int, tuple[EvaluatedShape, ...]] = {}
    found: list[FittedObject] = []
    warnings: list[str] = []
    for place, obj in enumerate(chosen):
        listener.progress(place, len(chosen))
        start = work.nearest_key(obj)
        why_not = work.why_not(obj, start)
        if start is None or why_not:
            warnings.append(why_not)
            continue
        fitted[obj], described, remarks = work.brought(obj, start, listener)
        found.append(described)
        warnings += remarks
    listener.progress(len(chosen), len(chosen))
    if not fitted:
        raise RequestError(f"No shape could be brought to frame {request.frame}. " + " ".join(warnings))
    if out is not None:
        warnings += _write(out, request, shot, annotations, fitted)
    return FitResult(request.frame, None if out is None else str(out), tuple(found), tuple(warnings), round(time.monotonic() - began, 3))


def _opened(request: FitRequest) -> tuple[Shot, RotoAnnotations, MatteSequence]:
    """Open the shot and its mattes; raises RequestError where there are no shapes, or the frame has no plate or no matte."""
    # Shapes are drawn: neither what is absent nor what is approved has any. The written roto has the objects that stay as they are too.
    shot = open_shot(replace(request, objects=request.objects if request.out is None else None, absent=None, approved=None))
    if not isinstance(shot.annotations, RotoAnnotations):
        raise RequestError("Masks have no shapes that could be moved. Give --roto.")
    mattes, strange = read_mattes(request.mattes).of_format(shot.plate.canvas.display)
    if strange and request.frame not in mattes.frames:
        raise RequestError(f"{strange} Propagate over frame {request.frame} first.")
    if request.frame not in shot.plate.frames or request.frame not in mattes.frames:
        raise RequestError(f"Frame {request.frame} has no plate or no matte in {request.mattes}. Propagate over it first.")
    return shot, shot.annotations, mattes


def _remarks(found: FittedObject, frame: int, in_pieces: bool) -> list[str]:
    """Say where a fitted outline needs a hand; [] where it needs none."""
    said = []
    if in_pieces:
        said.append(
            f"{found.name} is in pieces on frame {frame}, and its outline goes across the gaps: they count as the object once this is a "
            "key, until a shape cuts them out (blending minus)."
        )
    if found.iou < LEAST_OVERLAP:
        said.append(
            f"{found.name} covers its matte badly on frame {frame} (overlap {found.iou:.2f}): more than a few points need a hand. "
            "Is the matte right, and in one piece?"
        )
    return said


def _write(
    out: Path, request: FitRequest, shot: Shot, annotations: RotoAnnotations, fitted: Mapping[int, Sequence[EvaluatedShape]]
) -> list[str]:
    """Write the roto with its new keys; gives a sentence about the keys that are not in it.

    Raises:
        RequestError, DiskFailed.
    """
    _keep_keys(out, annotations, request.frame, fitted)
    try:
        write_text(out, _with_key(shot, annotations, request.frame, fitted))
    except OSError as error:
        raise not_written(out, error) from error
    left_out = [f"{name} on {counted(frames)}" for name, frames in annotations.uncounted().items()]
    if request.keyframes is None or not left_out:
        return []
    others = f"The other keys of the roto are not in it: {listed(left_out, LOST_SHOWN)}."
    return [f"{out.name} has the keys that --keyframes names, and this one. {others}"]


def _with_key(shot: Shot, annotations: RotoAnnotations, frame: int, fitted: Mapping[int, Sequence[EvaluatedShape]]) -> str:
    """Write a shot's roto with all its keys as a roto JSON, and with fitted shapes, by object, as keys on a frame."""

    def keyed(obj: int) -> RotoObject:
        shapes = {at: list(annotations.shapes(at, obj)) for at in annotations.keyframes if obj in annotations.known(at)}
        if obj in fitted:
            shapes[frame] = list(fitted[obj])
        name = annotations.objects[obj]
        return RotoObject(name, tuple(sorted(shapes)), shapes.__getitem__, hides=lambda at: obj in annotations.absent(at))

    display = shot.plate.canvas.display
    size = Format(display.width, display.height, shot.plate.canvas.pixel_aspect)
    return write(Roto(tuple(map(keyed, range(len(annotations.objects)))), size, ()), plate=shot.plate.frames)


def _output(request: FitRequest, name: str) -> Path:
    """Give the file that the roto goes to; raises RequestError where it is the roto itself, or something of another kind."""
    out = Path(name).expanduser().absolute()
    if out.suffix.lower() != ".json":
        raise RequestError(f"The fitted shapes are a roto JSON, but the output is {out.name}. Write a name that ends in .json.")
    assert request.roto is not None, "a roto has shapes"
    if replaced_input([out], [Path(request.roto).expanduser().absolute()]) is not None:
        raise RequestError(f"The fitted shapes would replace the roto {out}. Choose another name (--out).")
    there = read_object(out)
    if os.path.lexists(out) and (there is None or not {"format", "objects"} <= there.keys()):
        raise RequestError(f"{out} is there and is no roto JSON: it stays. Choose another name (--out).")
    return out


def _keep_keys(out: Path, annotations: RotoAnnotations, frame: int, fitted: Collection[int]) -> None:
    """Raise RequestError where keys of a former fit would be lost with the file that is written."""
    if not out.exists():
        return
    keys = {
        name: {at for at in annotations.keyframes if obj in annotations.known(at)} | ({frame} if obj in fitted else set())
        for obj, name in enumerate(annotations.objects)
    }
    there = {drawn.name: sorted(set(drawn.keyframes) - keys.get(drawn.name, set())) for drawn in read_roto(out, None).objects}
    lost = [f"{name} on {counted(frames)}" for name, frames in there.items() if frames]
    if lost:
        raise RequestError(
            f"{out} has keys that would be lost, since --roto has not got them, or --keyframes leaves them out: "
            f"{listed(lost, LOST_SHOWN)}. Go on from that file with --roto, and write another (--out); or delete it."
        )


class _Work:
    """A shot on the way from a key to a frame."""

    def __init__(self, shot: Shot, annotations: RotoAnnotations, mattes: MatteSequence, request: FitRequest) -> None:
        self._shot, self._annotations, self._mattes, self._request = shot, annotations, mattes, request
        self._size = shot.plate.canvas.working_size(request.size)
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def nearest_key(self, obj: int) -> int | None:
        """Give the frame nearest in time on which an object has shapes; None when it has none anywhere."""
        keyed = [f for f in self._annotations.keyframes if obj in self._annotations.known(f) and self._annotations.shapes(f, obj)]
        return min(keyed, key=lambda frame: (abs(frame - self._request.frame), frame), default=None)

    def why_not(self, obj: int, start: int | None) -> str:
        """Say why an object's shapes are not moved from its nearest key; empty where they can be."""
        name, frame = self._annotations.objects[obj], self._request.frame
        if start == frame:
            # The matte may be older than what was drawn.
            advice = f" Leave {start} out of --keyframes to have it moved." if start in (self._request.keyframes or ()) else ""
            return f"{name} counts as keyed on {start} already: what is drawn there stays.{advice}"
        if start is None or float(self._matte(frame, obj).max(initial=0)) < 0.5:
            return f"{name} has no shape or no matte that could be used; it is left out."
        return ""

    def brought(self, obj: int, start: int, listener: Listener) -> tuple[tuple[EvaluatedShape, ...], FittedObject, list[str]]:
        """Bring an object's shapes from a key to the frame, fit them to the matte at the plate's own size, describe and judge them."""
        frame, canvas = self._request.frame, self._shot.plate.canvas
        carried = self._carried(obj, start, listener)
        grid = self._annotations.grid((canvas.height, canvas.width))
        target = self._predicted(frame, obj)
        assert target is not None, "why_not has seen that it is there"
        shapes = without_closed_holes(fit(carried, target, grid, STEP_REACH), target, grid)
        joined = whole(target, shapes)
        iou = round(overlap(rasterise_hard(shapes, grid), joined), 4)
        found = FittedObject(self._annotations.objects[obj], start, iou, tuple(self._annotations.own(start, frame, obj, shapes)))
        return shapes, found, _remarks(found, frame, in_pieces=joined is not target)

    def _carried(self, obj: int, start: int, listener: Listener) -> tuple[EvaluatedShape, ...]:
        """Bring an object's shapes from a key to the frame, one existing frame after the other."""
        frames = self._shot.plate.frames
        first, last = frames.index(start), frames.index(self._request.frame)
        shapes = tuple(self._annotations.shapes(start, obj))
        grid = self._annotations.grid(self._size)
        before, matte = self._grey(start), self._matte(start, obj)
        for index in range(first + 1, last + 1) if last > first else range(first - 1, last - 1, -1):
            if listener.cancelled():
                raise Cancelled("Cancelled. Nothing was changed.")
            now = self._grey(frames[index])
            shapes = _along(shapes, self._flow.calc(before, now, None), matte, grid)  # type: ignore[call-overload]
            before, matte = now, self._matte(frames[index], obj)
            if matte.max(initial=0) >= 0.5:
                shapes = fit(shapes, matte, grid, STEP_REACH)
        return shapes

    def _grey(self, frame: int) -> np.ndarray:
        picture = self._shot.plate.working_image(frame, self._request.size)
        return cv2.cvtColor((picture * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY)

    def _matte(self, frame: int, obj: int) -> np.ndarray:
        """Give an object's matte at working size, (h, w); empty where there is none."""
        if obj in self._annotations.known(frame):
            mask = self._annotations.network_mask(frame, obj, self._size)
            return np.zeros(self._size, np.float32) if mask is None else mask.unpacked()
        if frame not in self._mattes.frames:
            return np.zeros(self._size, np.float32)
        predicted = self._predicted(frame, obj)
        if predicted is None:
            return np.zeros(self._size, np.float32)
        return cv2.resize(predicted, self._size[::-1], interpolation=cv2.INTER_AREA)

    def _predicted(self, frame: int, obj: int) -> np.ndarray | None:
        """Read an object's matte; None where the file has none of it."""
        matte = self._mattes.read(frame, self._shot.plate.canvas)
        return matte.of_objects(self._annotations.objects, self._annotations.originals)[obj]


def _along(shapes: Sequence[EvaluatedShape], flow: np.ndarray, matte: np.ndarray, grid: PixelGrid) -> tuple[EvaluatedShape, ...]:
    """Move shapes by the flow of what lies under the matte: beside an edge, the background moves differently."""
    own = _own_flow(flow, matte)
    result = []
    for shape in shapes:
        places = grid.place(shape.points[:, 0]).astype(np.float32) - np.float32(0.5)
        steps = [cv2.remap(plane, places[:, :1], places[:, 1:], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0] for plane in own]
        result.append(moved(shape, shape.points[:, 0] + np.stack(steps, axis=1) * [grid.pixel_width, -grid.pixel_height]))
    return tuple(result)


def _own_flow(flow: np.ndarray, matte: np.ndarray) -> list[np.ndarray]:
    """Average the flow (h, w, 2) over what the matte (h, w) covers around each pixel, x and y: near by, and farther where nothing is near.

    A point that has lost the object goes along with it, and is not left behind.
    """
    extent = float(np.sqrt(max((matte >= 0.5).sum(), 1)))
    covered = matte if matte.any() else np.ones_like(matte)
    own = [np.full(matte.shape, float((flow[..., axis] * covered).sum() / covered.sum()), np.float32) for axis in (0, 1)]
    for share in reversed(NEIGHBOURHOODS):
        width = max(2.0, share * extent)
        amount = cv2.GaussianBlur(covered, (0, 0), width)
        near = np.minimum(amount / NEAR, 1)
        for axis in (0, 1):
            mean = cv2.GaussianBlur(flow[..., axis] * covered, (0, 0), width) / np.maximum(amount, 1e-4)
            own[axis] += near * (mean - own[axis])
    return own


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Give the Jaccard index of two planes of one shape, both cut at one half."""
    return jaccard(first >= 0.5, second >= 0.5)
