"""Motion blur: an edge whose plate is blurred by its motion is undecided all over the blur, and every other edge stays as it is."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.shot.mattes.moving_body import grey
from tests.witness.shots import write_shot
from xmemcore.engine.order import Gap
from xmemcore.evaluation.alpha_shots import AlphaFrame, AlphaShot, answered
from xmemcore.evaluation.bench_edges import judged
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.annotations.objects import Group
from xmemcore.shot.files.box import Box
from xmemcore.shot.mattes.shutter import blurred
from xmemcore.shot.mattes.steps import Predicted, chain_of, finished
from xmemcore.shot.plan.plan import GroupPlan
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.plate.flow import Flows, PartFlows, grey_of
from xmemcore.shot.plate.plate import Plate
from xmemcore.shot.propagate import propagate

WIDTH, HEIGHT, LINES = 1024, 576, 480
CANVAS = Canvas(Box(0, 0, WIDTH, HEIGHT), Box(0, 0, WIDTH, HEIGHT))
WAY = (0.035 * LINES, 0.3 * 0.035 * LINES)
"""How far the drawn body moves from frame to frame, in cells."""


@cache
def drawn(kind: str, number: int = 0) -> AlphaFrame:
    return AlphaShot(kind, WIDTH, HEIGHT).frame(number)


def planes_of(alpha: np.ndarray) -> np.ndarray:
    answer = answered(alpha, LINES, 1)
    return np.stack((1 - answer, answer))


def sharp(alpha: np.ndarray) -> np.ndarray:
    """What a network answers that was taught with masks of hard edges."""
    return planes_of((alpha >= 0.5).astype(np.float32))


def everywhere(way: tuple[float, float], planes: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.float32(way), (*planes.shape[1:], 2))


def solved(planes: np.ndarray, frame: AlphaFrame, flows: Flows | None, edges: str = "refined", apart: int = 1) -> np.ndarray:
    chain = chain_of(PropagateRequest("p", edges=edges), CANVAS, flows=flows, came_from=[{0: (1, apart)}])
    return np.concatenate([rows[1] for _, rows in finished(chain, CANVAS, Predicted(planes, 0, lambda: frame.picture))])


def error(matte: np.ndarray, frame: AlphaFrame) -> float:
    return judged(frame, matte, matte, np.ones(matte.shape, bool), 0).band


@pytest.mark.parametrize(("answer", "share"), [(sharp, 0.6), (planes_of, 0.98)], ids=["as of hard masks", "as soft as the blur"])
def test_motion_blur_comes_back_by_the_plates_own_flow(answer: object, share: float) -> None:
    frame = drawn("motion")
    planes = answer(frame.alpha)  # type: ignore[operator]
    greys = [grey_of(cv2.resize(each.picture, planes.shape[:0:-1], interpolation=cv2.INTER_AREA)) for each in (frame, drawn("motion", 1))]
    flows = Flows(greys.__getitem__)
    assert error(solved(planes, frame, flows), frame) < share * error(solved(planes, frame, None), frame)
    np.testing.assert_array_equal(solved(planes, frame, flows, "plain"), solved(planes, frame, None, "plain"))


def test_on_twos_motion_is_half_of_what_the_neighbour_shows() -> None:
    frame = drawn("motion")
    planes = sharp(frame.alpha)

    class Moves:
        """Flows that see one way everywhere, and say it where it is more than what matters."""

        def __init__(self, columns: float) -> None:
            self.columns = columns

        def motion(self, index: int, neighbour: int, size: tuple[int, int], least: float) -> np.ndarray | None:
            return everywhere((self.columns, 0), planes) if self.columns > least else None

    once, twice = (solved(planes, frame, Moves(8.0 * apart), apart=apart) for apart in (1, 2))  # type: ignore[arg-type]
    np.testing.assert_array_equal(once, twice)
    assert (once != solved(planes, frame, Moves(4.0), apart=2)).any()  # type: ignore[arg-type]


def test_the_planes_still_sum_to_one_and_an_object_that_stands_still_keeps_its_edge() -> None:
    frame = drawn("motion")
    answer = sharp(frame.alpha)[1]
    answer[10:40, 10:60] = 0
    still = np.zeros_like(answer)
    still[10:40, 10:60] = 1
    planes = np.stack((1 - answer - still, answer, still))
    motion = everywhere(WAY, planes).copy()
    motion[:120, :160] = 0
    after = blurred(planes, motion, lambda: frame.picture)
    assert np.abs(after[1] - answer).max() > 0.2
    np.testing.assert_array_equal(after[2], still)
    np.testing.assert_allclose(after.sum(axis=0), 1, atol=1e-6)


def test_slow_motion_changes_nothing_and_does_not_ask_for_the_plate() -> None:
    planes = sharp(drawn("motion").alpha)

    def never() -> np.ndarray:
        raise AssertionError("nobody asked for the picture")

    for way in ((0.0, 0.0), (2.8, 2.8)):
        assert blurred(planes, everywhere(way, planes), never) is planes
    empty = np.stack((np.ones((60, 80), np.float32), np.zeros((60, 80), np.float32)))
    assert blurred(empty, everywhere((30, 0), empty), never) is empty


@pytest.mark.parametrize("way", [WAY, (-6, 6), (0, 16)])
def test_an_edge_that_the_plate_shows_sharp_stays_sharp_however_fast_it_moves(way: tuple[float, float]) -> None:
    frame = drawn("leaving")
    planes = planes_of(frame.alpha)
    assert np.abs(blurred(planes, everywhere(way, planes), lambda: frame.picture) - planes).max() < 0.1


def test_where_there_is_no_edge_to_see_nothing_is_blurred() -> None:
    planes = sharp(drawn("motion").alpha)
    flat = np.full((HEIGHT, WIDTH, 3), 0.4, np.float32)
    np.testing.assert_array_equal(blurred(planes, everywhere(WAY, planes), lambda: flat), planes)


def test_a_feather_of_the_artists_stays_as_it_is() -> None:
    frame = drawn("motion")
    planes = sharp(frame.alpha)
    soft = np.zeros_like(planes[1:])
    soft[:, :, 400:] = 1
    after = blurred(planes, everywhere(WAY, planes), lambda: frame.picture, soft)
    np.testing.assert_array_equal(after[1, :, 400:], planes[1, :, 400:])
    assert np.abs(after[1, :, :400] - planes[1, :, :400]).max() > 0.2


def test_motion_in_windows_is_that_of_the_frame_whatever_the_window_does() -> None:
    whole = Flows(grey).motion(6, 7, (96, 160), 1)
    parts = {6: Box(40, 24, 120, 64), 7: Box(60, 30, 140, 70)}
    part = PartFlows(Flows(grey), parts, (96, 160)).motion(6, 7, (80, 160), 1)
    assert whole is not None and part is not None
    np.testing.assert_allclose(part[::2, ::2] / 2, whole[24:64, 40:120], atol=0.1)
    assert abs(float(np.median(whole[..., 0])) - 2) < 0.3, "the cloth moves by two pixels a frame"
    for flows in (Flows(grey), PartFlows(Flows(grey), parts, (96, 160))):
        assert flows.motion(6, 7, (40, 80), 40) is None


def test_a_thin_part_that_moves_across_stays() -> None:
    """A rod that is thinner than its way, before a ground that is blurred as if the rod were."""
    rows = np.arange(HEIGHT, dtype=np.float32)[:, None] / HEIGHT * LINES
    rod = np.broadcast_to((np.abs(rows - 100) < 2).astype(np.float32), (HEIGHT, WIDTH))
    blur = cv2.GaussianBlur(rod, (0, 0), sigmaX=0.1, sigmaY=8)
    picture = np.repeat(0.2 + 0.5 * blur[..., None], 3, axis=2)
    answer = cv2.resize(rod, (round(WIDTH * LINES / HEIGHT), LINES), interpolation=cv2.INTER_AREA)
    planes = np.stack((1 - answer, answer))
    after = blurred(planes, everywhere((0, 16), planes), lambda: picture)
    np.testing.assert_array_equal(after[1] >= 0.5, answer >= 0.5)


def test_motion_is_seen_in_the_frame_before_along_the_sweep_and_over_no_long_hole() -> None:
    gap = Gap(((2, 3, 4, 5, 6), (8, 7, 6, 5, 4)), (4, 5, 6), (2, 3, 4, 5, 6, 7))
    planned = GroupPlan(Group((0,), {}, {}, {}, frozenset()), [gap, Gap(((8, 9, 10, 11),), (), (8, 9, 10, 11))], ())
    before = {3: 2, 4: 3, 5: 4, 6: 5, 7: 8, 9: 8, 10: 9, 11: 10}
    for step in (1, 2):
        assert planned.came_from(range(1001, 1001 + 12 * step, step)) == {index: (other, step) for index, other in before.items()}
    assert planned.came_from((*range(1001, 1011), 1014, 1015)) == {index: (other, 1) for index, other in before.items() if index != 10}
    assert planned.came_from(range(1001, 1037, 3)) == {}


def test_a_frame_that_cannot_be_read_is_in_nobodys_way_behind_the_range(tmp_path: Path) -> None:
    request = replace(write_shot("roto", tmp_path).request, carry=False, crop="off", edges="refined")
    *_, before, last = Plate.open(request.plate).sequence.paths.items()
    last[1].write_bytes(last[1].read_bytes()[:500])
    assert propagate(replace(request, frames=str(before[0]))).written == (before[0],)
