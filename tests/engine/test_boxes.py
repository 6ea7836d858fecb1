"""Boxes never lose: what is decoded where an object can be is as good as what is decoded in the whole frame."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.engine.small import MadeUpShot, propagate, small_network
from xmemcore.engine.boxes import CONTEXT, MARGIN, STEP, by_box, cells_of, positions, shared, union, widened, within
from xmemcore.engine.boxes import boxes as boxes_of
from xmemcore.engine.config import EngineConfig
from xmemcore.engine.frames import Annotation, Frame, Padding, at_hand, normalise
from xmemcore.engine.propagation import Propagation, plan_gaps
from xmemcore.network.catalogue import NoModel, resolve
from xmemcore.network.checkpoint import load_network
from xmemcore.network.inference import prepared
from xmemcore.network.xmem import STRIDE

HEIGHT, WIDTH, FRAMES = 192, 320, 9
ALLOWED = 0.01
"""J that a frame may lose against the whole frame."""
Disc = tuple[float, float, float]
"""Row, column, radius in pixels."""


def cells(height: int, width: int, *marked: tuple[int, int]) -> torch.Tensor:
    found = torch.zeros(1, height, width, dtype=torch.bool)
    for row, column in marked:
        found[0, row, column] = True
    return found


@pytest.mark.parametrize("threshold", [0.995, 0.999])
def test_a_cell_counts_when_one_of_its_pixels_leaves_a_trace(monkeypatch: pytest.MonkeyPatch, threshold: float) -> None:
    monkeypatch.setattr("xmemcore.engine.boxes.TRACE", threshold)
    planes = torch.rand(1, 3, 5 * STRIDE, 7 * STRIDE)[:, 1:]
    found = cells_of(planes)
    assert torch.equal(found, F.max_pool2d(planes, STRIDE)[0] > threshold)
    assert found.any() and not found.all()


def test_box_is_what_was_found_with_a_margin_in_steps() -> None:
    (box,) = boxes_of(cells(30, 54, (12, 20), (13, 24)), torch.zeros(1, 30, 54))
    top, left, bottom, right = box
    assert top <= 12 - MARGIN and bottom >= 14 + MARGIN and left <= 20 - MARGIN and right >= 25 + MARGIN
    assert (bottom - top) % STEP == (right - left) % STEP == 0


@pytest.mark.parametrize("corner", [(0, 0), (29, 53), (0, 53)])
def test_box_stays_within_the_frame(corner: tuple[int, int]) -> None:
    (box,) = boxes_of(cells(30, 54, corner), torch.zeros(1, 30, 54))
    assert 0 <= box[0] < box[2] <= 30 and 0 <= box[1] < box[3] <= 54
    assert box[0] <= corner[0] < box[2] and box[1] <= corner[1] < box[3]


def test_what_memory_finds_elsewhere_extends_the_box() -> None:
    presence = torch.zeros(1, 30, 54)
    presence[0, 25, 50] = 0.6
    (alone,) = boxes_of(cells(30, 54, (3, 3)), torch.zeros(1, 30, 54))
    (both,) = boxes_of(cells(30, 54, (3, 3)), presence)
    assert alone[2] <= 25 and both[2] > 25 and both[3] > 50


def test_object_that_is_nowhere_has_no_box_and_one_that_is_everywhere_the_frame() -> None:
    places = boxes_of(torch.cat((cells(30, 54), cells(30, 54, (0, 0), (29, 53)), cells(30, 54, (5, 5)))), torch.zeros(3, 30, 54))
    assert places[0] is None and places[1] == (0, 0, 30, 54)
    assert by_box(places) == {places[1]: [1], places[2]: [2]}
    assert union([None, (2, 3, 6, 7), (4, 1, 8, 5)]) == (2, 1, 8, 7) and union([None]) is None


def test_boxes_share_plate_terms_where_that_is_less_work() -> None:
    near, overlapping, far = (2, 2, 10, 10), (4, 6, 12, 14), (20, 40, 28, 52)
    around = shared([near, overlapping, far])
    assert around == {near: (2, 2, 12, 14), overlapping: (2, 2, 12, 14), far: far}
    assert within(overlapping, around[overlapping]) == (2, 4, 10, 12)


def test_context_stays_within_the_frame_and_cells_are_numbered_by_rows() -> None:
    assert widened((0, 4, 26, 8), 27, 30) == (0, 4 - CONTEXT, 27, 8 + CONTEXT)
    assert positions((1, 2, 3, 4), 10).tolist() == [12, 13, 22, 23]


def test_trace_of_a_matte_is_where_a_pixel_of_it_is() -> None:
    planes = torch.zeros(1, 1, 32, 48)
    planes[0, 0, 17, 33] = 1
    assert cells_of(planes)[0].nonzero().tolist() == [[1, 2]]


def test_object_that_fills_the_frame_is_decoded_as_without_boxes() -> None:
    shot = MadeUpShot(small_network(), 6)
    full = {0: Annotation({0: torch.ones(40, 52)})}
    first, second = (propagate(shot, full, 1, EngineConfig(boxes=boxes)) for boxes in (True, False))
    assert all(torch.equal(first[index].planes, second[index].planes) for index in range(6))


class Discs:
    """Discs of one colour over a painted ground, as a frame source."""

    def __init__(self, network, discs: Callable[[int], list[Disc]], shake: Callable[[int], int] = lambda index: 0, cut: int | None = None):
        self.network, self.discs, self.shake, self.cut = network, discs, shake, cut
        rng = np.random.default_rng(3)
        coarse = rng.random((2, HEIGHT // 16, 2 * WIDTH // 16, 3), dtype=np.float32)
        self.ground = coarse.repeat(16, axis=1).repeat(16, axis=2) * 0.5 + 0.1

    def __len__(self) -> int:
        return FRAMES

    def name(self, index: int) -> None:
        return None

    lane = None

    @property
    def padding(self) -> Padding:
        return Padding(HEIGHT, WIDTH)

    def mask(self, index: int) -> np.ndarray:
        y, x = np.mgrid[:HEIGHT, :WIDTH]
        inside = [np.hypot(y - row, x - column - self.shake(index)) < radius for row, column, radius in self.discs(index)]
        return np.any(inside, axis=0) if inside else np.zeros((HEIGHT, WIDTH), bool)

    def frame(self, index: int) -> Frame:
        ground = self.ground[int(self.cut is not None and index >= self.cut)]
        start = WIDTH // 2 - self.shake(index)
        picture = ground[:, start : start + WIDTH].copy()
        picture[self.mask(index)] = (0.95, 0.85, 0.1)
        image = self.padding.pad(normalise(picture))
        with torch.inference_mode():
            return Frame(at_hand(image), self.network.encode_key(image))


def moving(index: int) -> list[Disc]:
    return [(96, 60 + 20 * index, 24)]


CASES: dict[str, tuple] = {
    "reappears at the other side": (lambda i: [] if 2 < i < 6 else [(60, 40, 22)] if i <= 2 else [(140, 280, 22)],),
    "splits": (lambda i: [(96, 160 - 14 * i, 20), (96, 160 + 14 * i, 20)],),
    "two far blobs": (lambda i: [(30 + 4 * i, 30, 18), (160 - 4 * i, 290, 18)],),
    "enters the frame": (lambda i: [(96, -60 + 25 * i, 26)] if i else [(96, 160, 26)],),
    "jump cut": (lambda i: [(60, 50 + 4 * i, 24)] if i < 5 else [(140, 260 - 4 * i, 24)], lambda i: 0, 5),
    "camera shake of half the frame": (lambda i: [(96, 90, 24)], lambda i: 150 if i % 2 else 0),
    "fast": (lambda i: [(96 + 50 * math.sin(2 * i), 160 + 110 * math.cos(3 * i), 22)],),
    "moves": (moving,),
}


def test_the_last_frame_of_a_part_has_the_matte_of_the_whole() -> None:
    shot, config = Discs(small_network(1), moving), EngineConfig(boxes=True, mem_every=2)
    where = {index: cells_of(torch.from_numpy(shot.mask(index)[None, None].astype(np.float32))) for index in range(FRAMES)}
    annotations = {0: Annotation({0: torch.from_numpy(shot.mask(0).astype(np.float32))})}
    propagation = Propagation(shot.network, shot, annotations, 1, config, where)
    propagation.learn(0)
    (gap,) = plan_gaps(FRAMES, annotations, 1, config)
    whole = dict(propagation.run(gap))
    for index in (3, 4):  # memory takes in every second frame, but none where a part ends
        ((_, alone),) = propagation.run(gap, wanted={index})
        assert torch.equal(alone.planes, whole[index].planes), f"frame {index}"


@pytest.fixture(scope="module")
def trained():
    try:
        model = resolve(None)
    except NoModel as missing:
        pytest.skip(str(missing))
    return prepared(load_network(model.path, torch.device("cpu")))


@pytest.mark.weights
@pytest.mark.parametrize("case", CASES)
def test_no_frame_is_worse_than_in_the_whole_frame(trained, case: str) -> None:
    shot = Discs(trained, *CASES[case])
    annotations = {0: Annotation({0: torch.from_numpy(shot.mask(0).astype(np.float32))})}
    whole, boxed = (propagate(shot, annotations, 1, EngineConfig(boxes=boxes)) for boxes in (False, True))
    for index in range(1, FRAMES):
        truth = shot.mask(index)
        scores = []
        for predictions in (whole, boxed):
            mask = predictions[index].objects[0].numpy() >= 0.5
            either = (mask | truth).sum()
            scores.append(1.0 if either == 0 else (mask & truth).sum() / either)
        assert scores[1] >= scores[0] - ALLOWED, f"frame {index}: {scores[1]:.3f} in boxes, {scores[0]:.3f} in the whole frame"
