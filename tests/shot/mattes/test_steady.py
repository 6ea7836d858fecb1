"""Steady edges: trembling is averaged away along the motion, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.shot.mattes.moving_body import HEIGHT, WIDTH, body, grey, moved, planes
from tests.witness.pixels import decoded
from tests.witness.shots import WitnessShot, write_shot
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.files.box import Box
from xmemcore.shot.mattes.edges import undecided
from xmemcore.shot.mattes.steady import Waiting, neighbours, steadied
from xmemcore.shot.mattes.steps import Enlarge, Steady, chain_of, keys_of
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.plate.flow import Flows
from xmemcore.shot.propagate import propagate


def trembling(index: int) -> np.ndarray:
    """A soft block that moves with the cloth, and to and fro by a pixel."""
    rows, columns = np.mgrid[:HEIGHT, : 2 * WIDTH].astype(np.float32)
    shake = 1.0 if index % 2 else -1.0
    inside = np.minimum(np.minimum(columns - 40 - shake, 70 + shake - columns), np.minimum(rows - 40, 70 - rows))
    return planes(moved((inside / 6 + 0.5).clip(0, 1), index))


def edge(answer: np.ndarray) -> float:
    """Where the right edge of the block lies in row 55."""
    row = answer[1, 55]
    last = int(np.flatnonzero(row >= 0.5)[-1])
    return last + float((row[last] - 0.5) / max(row[last] - row[last + 1], 1e-6))


def test_trembling_is_at_most_half_of_what_it_was() -> None:
    flows, raw, fine = Flows(grey), [], []
    for index in range(5, 11):
        around = {other: trembling(other) for other in neighbours(index, range(100), range(100))}
        raw.append(edge(trembling(index)) - 2 * index)
        steady = steadied(trembling(index), index, around, flows)
        fine.append(edge(steady) - 2 * index)
        np.testing.assert_allclose(steady.sum(axis=0), 1, atol=1e-5)
    assert np.abs(np.diff(raw)).mean() > 1.5
    assert np.abs(np.diff(fine)).mean() <= 0.5 * np.abs(np.diff(raw)).mean()


def test_what_is_decided_stays_as_it_is() -> None:
    before = trembling(6)
    after = steadied(before, 6, {5: trembling(5), 7: planes(np.zeros((HEIGHT, WIDTH), np.float32))}, Flows(grey))
    sure = ~undecided(before[1:])
    np.testing.assert_array_equal(after[:, sure], before[:, sure].clip(0, 1))


def test_a_neighbour_that_says_something_else_does_not_count() -> None:
    before = planes(body(6, strap=False))
    gone = planes(np.zeros((HEIGHT, WIDTH), np.float32))
    after = steadied(before, 6, {5: gone, 7: gone}, Flows(grey))
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_one_frame_that_is_far_off_does_not_draw_the_edges_of_others_along() -> None:
    around = {other: planes(body(other, strap=False)) for other in neighbours(6, range(100), range(100))}
    still = steadied(planes(body(6, strap=False)), 6, around, Flows(grey))
    astray = np.roll(around[7], 3, axis=2)
    after = steadied(planes(body(6, strap=False)), 6, {**around, 7: astray}, Flows(grey))
    drawn_along = np.abs(astray - around[7]).mean() / 5  # by a mean of five frames
    assert np.abs(after - still).mean() < 0.2 * drawn_along


def test_predictions_wait_for_their_neighbours_in_any_order() -> None:
    for order in ((2, 3, 4, 5, 6, 7), (2, 3, 4, 7, 6, 5)):
        waiting, given = Waiting({4, 5}, range(2, 8), range(10)), {}
        for index in order:
            for place, held, around in waiting.put(index, np.array(index)):
                given[place] = (int(held), sorted(int(place_around) for place_around in around.values()))
        assert given == {4: (4, [2, 3, 5, 6]), 5: (5, [3, 4, 6, 7])}
        assert not waiting._held


def test_neighbours_behind_a_hole_of_the_plate_count_only_as_near_as_others() -> None:
    frames = [1001, 1002, 1003, 1005, 1041, 1042]
    assert [neighbours(index, range(6), frames) for index in range(6)] == [[1, 2], [0, 2], [0, 1, 3], [2], [5], [4]]


def test_the_choice_is_off_by_default_and_named_in_the_signature() -> None:
    canvas, flows = Canvas(Box(0, 0, 12, 8), Box(0, 0, 12, 8)), Flows(grey)
    assert chain_of(PropagateRequest("p", edges="plain"), canvas, (), flows) == (Enlarge(canvas),)
    assert chain_of(PropagateRequest("p", plain=True, steady=True), canvas, (), flows) == (Enlarge(canvas),)
    chain = chain_of(PropagateRequest("p", edges="plain", steady=True), canvas, (), flows)
    assert isinstance(chain[0], Steady) and keys_of(chain) == ["steady 2"]


@pytest.fixture
def shot(tmp_path: Path) -> WitnessShot:
    return write_shot("roto", tmp_path)


def test_a_part_of_the_range_gives_the_mattes_of_the_whole_and_keyed_frames_stay(shot: WitnessShot) -> None:
    request = replace(shot.request, steady=True, carry=True)
    folder = Path(request.out).parent
    result = propagate(request)
    whole = decoded(folder, shot.window)
    assert propagate(request).written == ()
    other = replace(request, out=str(folder / "parts" / "matte.%04d.exr"), cache=str(folder / "other"))
    propagate(replace(other, frames=str(result.frames[4])))
    propagate(replace(other, frames=f"{result.frames[10]}-{result.frames[12]}"))
    propagate(other)
    parts = decoded(folder / "parts", shot.window)
    assert whole.keys() == parts.keys()
    for name, plane in whole.items():
        np.testing.assert_array_equal(plane, parts[name], err_msg=name)
    propagate(replace(request, steady=False, out=str(folder / "raw" / "matte.%04d.exr")))
    raw = decoded(folder / "raw", shot.window)
    assert any((raw[name] != whole[name]).any() for name in raw)
