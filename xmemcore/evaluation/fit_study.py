"""Measure what `fit` saves: an artist's shapes on two keys of a clip, and the points to be moved by hand on the frame between.

The artist is made up: an outline of the true mask as Bezier points, as few as cover it, moved onto the true mask of the second key.
Between the keys stand the in-between shape, which is what a Roto shows there, and the fitted one, which starts from the nearest key and
the mattes of a propagate from both.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from xmemcore.curves.script import Format
from xmemcore.evaluation.clip_shot import ClipShot, StopsWhenAsked
from xmemcore.evaluation.clips import Clip, NothingToScore
from xmemcore.evaluation.studies import picture_of, write_clip
from xmemcore.network.catalogue import Model
from xmemcore.protocol.requests import FitRequest, PropagateRequest, ShotRequest
from xmemcore.protocol.whole_file import write_text
from xmemcore.roto import EvaluatedShape, PixelGrid, Roto, RotoObject, rasterise_hard, read_roto
from xmemcore.roto.fit import fit
from xmemcore.roto.flatten import control_polygons, sample
from xmemcore.roto.roto_json import write
from xmemcore.shot.fit import fit_shapes, overlap
from xmemcore.shot.inputs.inputs import open_shot
from xmemcore.shot.listener import Listener
from xmemcore.shot.mattes.mattes import MatteWriter, read_mattes

POINTS = (12, 16, 24, 32, 48, 64, 96)
"""Numbers of points that the artist tries; the first that covers the mask well is kept."""
COVERS = 0.97
"""Overlap from which on an outline covers a mask well."""
PIECE_SHARE = 0.02
"""Pieces below this share of the mask get no shape."""
LONGEST = 40
"""Frames from the first key to the second at most."""
TOLERATED_PIXELS = 2.0
"""A point whose outline is this near to the true one on average, in pixels of the plate, need not be moved."""
BENDS = 2.0
"""How much denser an artist's points lie where an outline turns by a radian."""
SAMPLES = 12
NAME = "subject"


@dataclass(frozen=True)
class Saved:
    """The figures of one clip."""

    clip: str
    keys: tuple[int, int]
    frame: int
    """Frame between the two keys."""
    points: int
    iou_with_matte: float
    """Jaccard index of the fitted shape and the matte, at the plate's size."""
    iou_with_truth: float
    iou_in_between: float
    """Jaccard index of the in-between shape and the truth."""
    matte_iou: float
    """Jaccard index of the matte and the truth, which is what a fit could reach."""
    moved_by_hand: int
    """Points to be moved by hand after the fit."""
    moved_in_between: int
    """Points to be moved by hand in the in-between shape."""
    slipped: float
    """Distance along the outline from a fitted point to the place where another kind of dense flow takes it from the key. It is the median
    over the points, as a share of the object's extent."""


def run_fits(model: Model, device: str, clips: Sequence[Clip], out: Path, size: int, listener: Listener) -> list[Path]:
    """Measure every clip whose masks lie on both keys, and write a table.

    Raises:
        NothingToScore: there is no such clip.
    """
    choices = PropagateRequest(plate="", model=str(model.path), device=device, size=size)
    clips_saved = []
    for number, clip in enumerate(clips):
        listener.progress(number, len(clips))
        if clip.sparse or len(clip) < 3 or not all((clip.labels(index) > 0).any() for index in _frames(clip)):
            continue
        clips_saved.append(measure(clip, choices, out / "fits" / clip.name, listener.cancelled))
        listener.message(line(clips_saved[-1]))
    if not clips_saved:
        raise NothingToScore("No clip has an object on its first frame and on those after it.")
    write_text(
        out / "fits.json", json.dumps({"model": model.name, "size": size, "clips": [asdict(saved) for saved in clips_saved]}, indent=1)
    )
    page = out / "fits.md"
    head = [
        "| clip | keys, frame | points | IoU with the matte | with the truth | in-between with the truth | matte with the truth | "
        "points to move, fitted | in-between | slipped |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    page.write_text("\n".join([*head, *map(line, clips_saved)]) + "\n", encoding="utf-8")
    return [page]


def line(saved: Saved) -> str:
    """Write a row of the table."""
    return (
        f"| {saved.clip} | {saved.keys[0]} and {saved.keys[1]}, {saved.frame} | {saved.points} | **{saved.iou_with_matte:.3f}** | "
        f"{saved.iou_with_truth:.3f} | {saved.iou_in_between:.3f} | {saved.matte_iou:.3f} | **{saved.moved_by_hand}** | "
        f"{saved.moved_in_between} | {saved.slipped:.3f} |"
    )


def measure(clip: Clip, choices: PropagateRequest, folder: Path, cancelled: Callable[[], bool]) -> Saved:
    """Key two frames, propagate, and fit the frame between them."""
    first, frame, second = _frames(clip)
    truth = {index: (clip.labels(index) > 0).astype(np.float32) for index in range(first, second + 1)}
    height, width = truth[first].shape
    grid = PixelGrid(width, height)
    drawn = outlined(truth[first], grid)
    with ClipShot(_one_object(clip, folder / "clip")) as shot:
        artist = _Artist(shot, (first, second), choices, folder, grid, cancelled)
        # The second key: the same points on the true mask, by way of the true masks between.
        artist.key({first: drawn})
        last = artist.fitted(second, artist.mattes("true", truth))
        artist.key({first: drawn, second: last})
        mattes = _propagated(shot, (first, second), choices, cancelled)
        shapes = artist.fitted(frame, artist.mattes("mattes", mattes))
        number = shot.clip.frame_number
    between = _in_between(drawn, last, (frame - first) / (second - first))
    _draw(clip, frame, {"fitted": shapes, "in-between": between}, grid, folder / "look.png")
    mask, fitted, matte = truth[frame], rasterise_hard(shapes, grid), mattes[frame]
    return Saved(
        clip=clip.name,
        keys=(number(first), number(second)),
        frame=number(frame),
        points=sum(len(shape.points) for shape in drawn),
        iou_with_matte=round(overlap(fitted, matte), 4),
        iou_with_truth=round(overlap(fitted, mask), 4),
        iou_in_between=round(overlap(rasterise_hard(between, grid), mask), 4),
        matte_iou=round(overlap(matte, mask), 4),
        moved_by_hand=to_move(shapes, mask, grid),
        moved_in_between=to_move(between, mask, grid),
        slipped=round(_slipped(clip, drawn, shapes, truth, range(first, frame + 1), grid), 4),
    )


class _Artist:
    """The made-up artist at one shot: keys shapes in a roto, and lets `fit` move them onto mattes."""

    def __init__(
        self,
        shot: ClipShot,
        keys: tuple[int, int],
        choices: PropagateRequest,
        folder: Path,
        grid: PixelGrid,
        cancelled: Callable[[], bool],
    ) -> None:
        """Prepare.

        Args:
            shot: of one object.
            keys: indices of the two keyframes.
            choices: model, device and size.
            folder: for the roto, the mattes and what is fitted.
            grid: the plate's pixels.
            cancelled: says whether to stop.
        """
        self._folder, self._grid, self._cancelled = folder, grid, cancelled
        self._number = shot.clip.frame_number
        shared = {name: getattr(choices, name) for name in ShotRequest.__dataclass_fields__}
        inputs = {**shared, **shot.inputs(keys)}
        self._canvas = open_shot(ShotRequest(**inputs)).plate.canvas
        self._roto = folder / "roto.json"
        self._inputs = {**inputs, "masks": None, "keyframes": None, "roto": str(self._roto)}

    def mattes(self, name: str, planes: Mapping[int, np.ndarray]) -> str:
        """Write planes (H, W), by index, as the object's mattes; gives their folder."""
        writer = MatteWriter(self._folder / name / "matte.%04d.exr", self._canvas, [(NAME, NAME)], {})
        writer.prepare()
        for index, plane in planes.items():
            writer.write(self._number(index), plane[None], plane, keyframe=False)
        return str(self._folder / name)

    def key(self, shapes: Mapping[int, Sequence[EvaluatedShape]]) -> None:
        """Write the roto anew, with keys on these indices alone."""
        frames = {self._number(index): list(drawn) for index, drawn in shapes.items()}
        subject = RotoObject(NAME, tuple(sorted(frames)), frames.__getitem__, frozenset(frames))
        write_text(self._roto, write(Roto((subject,), Format(self._grid.width, self._grid.height, 1.0), ())))

    def fitted(self, index: int, mattes: str) -> tuple[EvaluatedShape, ...]:
        """Fit the keyed shapes to the mattes of a folder, on the frame of an index."""
        out = str(self._folder / f"fitted.{index}.json")
        request = FitRequest(**self._inputs, mattes=mattes, frame=self._number(index), out=out)
        fit_shapes(request, StopsWhenAsked(self._cancelled))
        return tuple(read_roto(out).objects[0].at(self._number(index)))


def _propagated(shot: ClipShot, keys: tuple[int, int], choices: PropagateRequest, cancelled: Callable[[], bool]) -> dict[int, np.ndarray]:
    """Propagate from the true masks of two keys; gives the matte (H, W) of every index from one to the other."""
    mattes = read_mattes(shot.propagate(keys, choices, cancelled).out)
    planes = {index: mattes.read(shot.clip.frame_number(index)).layers for index in range(keys[0], keys[1] + 1)}
    return {index: np.maximum.reduce(list(layers.values())) for index, layers in planes.items()}


def _in_between(drawn: Sequence[EvaluatedShape], last: Sequence[EvaluatedShape], share: float) -> tuple[EvaluatedShape, ...]:
    """Give the shapes that a Roto shows between two keys, a share of the way in [0, 1] from the first to the second."""
    return tuple(replace(a, points=a.points * (1 - share) + b.points * share) for a, b in zip(drawn, last))


def _frames(clip: Clip) -> tuple[int, int, int]:
    """Give first key, the frame between, and second key."""
    second = min(LONGEST, len(clip) - 1)
    return 0, second // 2, second


def _one_object(clip: Clip, folder: Path) -> Clip:
    """Copy a clip with all its objects as one."""
    count = _frames(clip)[2] + 1
    return write_clip(folder, [picture_of(clip, i) for i in range(count)], [(clip.labels(i) > 0).astype(np.uint8) for i in range(count)])


def outlined(mask: np.ndarray, grid: PixelGrid) -> tuple[EvaluatedShape, ...]:
    """Draw a mask (H, W) as an artist would: a closed shape for each piece and for each hole, with as few points as cover it well."""
    inside = (mask >= 0.5).astype(np.uint8)
    contours, tree = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    least = max(PIECE_SHARE * float(inside.sum()), 12)
    drawn = [
        (contour[:, 0].astype(np.float64) + 0.5, "over" if parent < 0 else "minus")
        for contour, (_, _, _, parent) in zip(contours, tree[0] if len(contours) else ())
        if cv2.contourArea(contour) >= least
    ]
    drawn.sort(key=lambda piece: piece[1] == "minus")  # a hole is cut into what lies below
    shapes: tuple[EvaluatedShape, ...] = ()
    for count in POINTS:
        shapes = fit(
            [_smooth_outline(contour, max(6, count // (4 if mode == "minus" else 1)), mode, grid) for contour, mode in drawn],
            mask,
            grid,
            0.03,
        )
        if overlap(rasterise_hard(shapes, grid), mask) >= COVERS:
            break
    return shapes


def _smooth_outline(contour: np.ndarray, count: int, blending: str, grid: PixelGrid) -> EvaluatedShape:
    """Lay smooth points along a contour (N, 2) of columns and rows: closer where it bends."""
    steps = np.hypot(*(np.roll(contour, -1, axis=0) - contour).T)
    reach = max(2, len(contour) // (4 * count))
    ahead, behind = np.roll(contour, -reach, axis=0) - contour, contour - np.roll(contour, reach, axis=0)
    turn = np.abs(np.arctan2(ahead[:, 0] * behind[:, 1] - ahead[:, 1] * behind[:, 0], (ahead * behind).sum(axis=1)))
    bends = np.convolve(np.concatenate((turn[-reach:], turn, turn[:reach])), np.ones(2 * reach + 1) / (2 * reach + 1), "valid")
    steps = steps * (1 + BENDS * bends)
    along = np.concatenate(([0.0], np.cumsum(steps)))
    closed = np.concatenate((contour, contour[:1]))
    places = np.linspace(0, along[-1], count, endpoint=False)
    points = np.stack([np.interp(places, along, closed[:, axis]) for axis in (0, 1)], axis=1)
    points = points * [1, -1] + [0, grid.height]  # y up
    slope = (np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)) / 6
    return EvaluatedShape(np.stack((points, -slope, slope), axis=1), blending=blending)


def to_move(shapes: Sequence[EvaluatedShape], truth: np.ndarray, grid: PixelGrid) -> int:
    """Count the points on either side of which the outline is off the true one by more than is tolerated, on average."""
    inside = (truth >= 0.5).astype(np.uint8)
    away = 1 - (cv2.dilate(inside, np.ones((3, 3), np.uint8)) - cv2.erode(inside, np.ones((3, 3), np.uint8)))
    distance = cv2.distanceTransform(away.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    count = 0
    for shape in shapes:
        samples = _samples(shape)  # (N, SAMPLES, 2): of the segment behind each point
        places = grid.place(samples)
        columns = np.clip(places[..., 0].astype(int), 0, grid.width - 1)
        rows = np.clip(places[..., 1].astype(int), 0, grid.height - 1)
        off = distance[rows, columns].mean(axis=1)
        count += int(((off + np.roll(off, 1)) / 2 > TOLERATED_PIXELS).sum())
    return count


def _samples(shape: EvaluatedShape) -> np.ndarray:
    """Give places along each segment of a closed shape, (N, SAMPLES, 2)."""
    segments = control_polygons(shape.points, closed=True)
    return sample(segments, np.full(len(segments), SAMPLES)).reshape(len(segments), SAMPLES, 2)


def _slipped(
    clip: Clip,
    drawn: Sequence[EvaluatedShape],
    shapes: Sequence[EvaluatedShape],
    truth: dict[int, np.ndarray],
    indices: Sequence[int],
    grid: PixelGrid,
) -> float:
    """Follow the points by Farneback's flow of the object alone, and compare along the outline; see `Saved.slipped`."""
    places = [grid.place(shape.points[:, 0]) for shape in drawn]
    before = cv2.cvtColor(picture_of(clip, indices[0]), cv2.COLOR_BGR2GRAY)
    for index in indices[1:]:
        now = cv2.cvtColor(picture_of(clip, index), cv2.COLOR_BGR2GRAY)
        flow: Any = cv2.calcOpticalFlowFarneback(before, now, None, 0.5, 4, 21, 3, 7, 1.5, 0)  # type: ignore[call-overload]
        inside = truth[index - 1]
        width = max(3.0, 0.03 * float(np.sqrt(inside.sum())))
        amount = cv2.GaussianBlur(inside, (0, 0), width) + 1e-4
        smoothed = np.stack([cv2.GaussianBlur(flow[..., axis] * inside, (0, 0), width) / amount for axis in (0, 1)], axis=-1)
        for place in places:
            rows = np.clip(place[:, 1].astype(int), 0, grid.height - 1)
            columns = np.clip(place[:, 0].astype(int), 0, grid.width - 1)
            place += smoothed[rows, columns]
        before = now
    extent = float(np.sqrt(truth[indices[-1]].sum()))
    apart = []
    for place, shape in zip(places, shapes):
        points = grid.place(shape.points[:, 0])
        along = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
        along /= np.maximum(np.hypot(*along.T), 1e-9)[:, None]
        apart += np.abs(((points - place) * along).sum(axis=1)).tolist()
    return float(np.median(apart)) / max(extent, 1.0)


def _draw(clip: Clip, frame: int, drawn: dict[str, Sequence[EvaluatedShape]], grid: PixelGrid, path: Path) -> None:
    """Draw shapes over the frame, one picture beside the other."""
    pictures = []
    for name, shapes in drawn.items():
        picture = picture_of(clip, frame)
        for shape in shapes:
            line_ = grid.place(_samples(shape).reshape(-1, 2)).round().astype(np.int32)
            cv2.polylines(picture, [line_], True, (60, 200, 255), 1, cv2.LINE_AA)
            for x, y in grid.place(shape.points[:, 0]).round().astype(int):
                cv2.circle(picture, (int(x), int(y)), 3, (60, 60, 255), -1, cv2.LINE_AA)
        cv2.putText(picture, name, (10, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 1, cv2.LINE_AA)
        pictures.append(picture)
    cv2.imwrite(str(path), np.concatenate(pictures, axis=1))
