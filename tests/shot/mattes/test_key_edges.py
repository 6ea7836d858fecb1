"""What the artist's edge has and the plate would draw otherwise goes on from a key to the frames around it, at the plate's size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from tests.shot.mattes.moving_body import HEIGHT, SPEED, WIDTH, grey, planes
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.files.box import Box
from xmemcore.shot.mattes import steps
from xmemcore.shot.mattes.carry import REACH, KeyDifferences
from xmemcore.shot.mattes.planes import Scattered
from xmemcore.shot.mattes.steps import Carry, CarryEdges, Enlarge, Predicted, Refine, chain_of, finished, keys_of
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.plate.flow import Flows

SCALE = 4
HIGH, WIDE = SCALE * HEIGHT, SCALE * WIDTH
CANVAS = Canvas(Box(0, 0, WIDE, HIGH), Box(0, 0, WIDE, HIGH))
KEY = 10
LIP = 5
"""Pixels by which the artist's shape is larger than what the plate shows."""


def on_plate(rows: slice, columns: slice, index: int) -> np.ndarray:
    """Draw a block of the plate, which has gone along with everything."""
    plane = np.zeros((HIGH, WIDE), np.float32)
    plane[rows, columns] = 1
    matrix = np.array(((1, 0, SCALE * SPEED * index), (0, 1, 0)), np.float32)
    return cv2.warpAffine(plane, matrix, (WIDE, HIGH))


def block(index: int) -> np.ndarray:
    return on_plate(slice(160, 280), slice(160, 280), index)


def with_lip(index: int) -> np.ndarray:
    """The block as the artist draws it: with a seam below that the plate does not show."""
    return on_plate(slice(160, 280 + LIP), slice(160, 280), index)


def with_wire(index: int) -> np.ndarray:
    """The block with a wire of one pixel, a quarter of a cell."""
    return np.maximum(block(index), on_plate(slice(60, 160), slice(220, 221), index))


def picture(index: int) -> np.ndarray:
    """The block in colour on the cloth, under which everything moves alike."""
    cloth = cv2.resize(grey(index), (WIDE, HIGH), interpolation=cv2.INTER_LINEAR).astype(np.float32)[..., None] / 255
    inside = block(index)[..., None]
    return (inside * (0.7, 0.3, 0.2) + (1 - inside) * (0.15, 0.3, 0.5) * (0.8 + 0.2 * cloth)).astype(np.float32)


@dataclass(frozen=True)
class Drawn:
    """Keys at which one object was drawn so; see DrawnKeys."""

    shape: Callable[[int], np.ndarray]
    known: Mapping[int, frozenset[int]]

    def matte(self, key: int, obj: int) -> np.ndarray:
        return self.shape(key)

    def picture(self, key: int) -> np.ndarray:
        return picture(key)


def cells(plane: np.ndarray) -> np.ndarray:
    return cv2.resize(plane, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def keys(shape: Callable[[int], np.ndarray], *at: int) -> KeyDifferences:
    return KeyDifferences(Drawn(shape, {key: frozenset({0}) for key in at}), 1, Flows(grey), range(100))


def step(shape: Callable[[int], np.ndarray]) -> CarryEdges:
    return CarryEdges([keys(shape, KEY)], CANVAS, Refine())


def matte(index: int, found: np.ndarray, *after: CarryEdges) -> np.ndarray:
    """Finish what was found at working size, (h, w), at a frame."""
    predicted = Predicted(planes(found), index, lambda: picture(index))
    large = np.concatenate([part for _, part in finished((Enlarge(CANVAS), Refine(), *after), CANVAS, predicted)], axis=1)
    np.testing.assert_allclose(large.sum(axis=0), 1, atol=1e-5)
    assert large.min() >= 0 and large.max() <= 1
    return large[1]


def astray(found: np.ndarray, truth: np.ndarray) -> float:
    """Average how many pixels the lower edge is astray."""
    columns = slice(int(170 + SCALE * SPEED * KEY), int(270 + SCALE * SPEED * KEY))
    return float(np.abs(found - truth)[220:, columns].sum(axis=0).mean())


def test_an_edge_that_the_artist_draws_beside_that_of_the_plate_stays_there() -> None:
    index = KEY + 1
    found, truth = cells(with_lip(index)), with_lip(index)
    plates = matte(index, found)
    assert astray(plates, truth) > 0.5 * LIP, "the plate draws the edge where it shows one"
    assert astray(matte(index, found, step(with_lip)), truth) < 0.3 * astray(plates, truth)


def test_a_line_finer_than_a_cell_goes_along() -> None:
    index = KEY + 2
    found, wire = cells(with_wire(index)), with_wire(index) - block(index) > 0.5
    without, carried = matte(index, found), matte(index, found, step(with_wire))
    assert without[wire].mean() < 0.5 < 0.75 < carried[wire].mean()
    beside = np.roll(wire, 6, axis=1) | np.roll(wire, -6, axis=1)
    assert carried[beside & (with_wire(index) == 0)].mean() < 0.05


def test_what_is_carried_fades_with_distance_and_ends() -> None:
    def left(distance: int) -> float:
        found = cells(with_lip(KEY + distance))
        return float((matte(KEY + distance, found, step(with_lip)) - matte(KEY + distance, found)).sum())

    near, middle = left(1), left(REACH // 2)
    assert near > middle > 0 and left(REACH + 1) == 0


def test_nothing_is_carried_to_an_object_that_is_not_as_it_was() -> None:
    index = KEY + 1
    other = cells(on_plate(slice(190, 330), slice(220, 340), index))
    np.testing.assert_array_equal(matte(index, other, step(with_lip)), matte(index, other))


def test_nothing_changes_where_the_plate_draws_what_the_artist_drew() -> None:
    index = KEY + 1

    def changed(shape: Callable[[int], np.ndarray]) -> float:
        found = cells(shape(index))
        return float(np.abs(matte(index, found, step(shape)) - matte(index, found)).sum())

    assert changed(block) < 0.1 * changed(with_lip)


def test_bands_and_the_way_planes_are_kept_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    index = KEY + 2
    whole, small = matte(index, cells(with_wire(index)), step(with_wire)), planes(cells(with_wire(index)))
    monkeypatch.setattr(steps, "BAND_PIXELS", 37 * WIDE)
    np.testing.assert_array_equal(matte(index, cells(with_wire(index)), step(with_wire)), whole)
    predicted = Predicted(Scattered.of(small, (HEIGHT, WIDTH)), index, lambda: picture(index))
    kept = finished((Enlarge(CANVAS), Refine(), step(with_wire)), CANVAS, predicted)
    np.testing.assert_array_equal(np.concatenate([part for _, part in kept], axis=1)[1], whole)


def test_it_is_asked_for_with_refined_edges_and_carried_keys() -> None:
    found = [keys(block, KEY)]
    chain = chain_of(PropagateRequest("p"), CANVAS, found)
    assert isinstance(chain[-1], CarryEdges) and isinstance(chain[0], Carry) and keys_of(chain)[-1] == "key edges 1"
    for request in (PropagateRequest("p", edges="plain"), PropagateRequest("p", carry=False), PropagateRequest("p", plain=True)):
        assert not any(isinstance(step, CarryEdges) for step in chain_of(request, CANVAS, found))


def test_the_last_keys_alone_stay_in_memory() -> None:
    carried = CarryEdges([keys(with_lip, *range(0, 20, 2))], CANVAS, Refine())
    for index in range(1, 18, 2):
        matte(index, cells(with_lip(index)), carried)
    assert len(carried._kept) == steps.KEPT_KEYS
