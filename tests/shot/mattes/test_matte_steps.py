"""The chain between network and file: steps in order, the plate read once and only when asked for, every step in the signature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.shot.set_up import depends
from tests.witness.pixels import decoded
from tests.witness.shots import WitnessShot, write_shot
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.files.box import Box
from xmemcore.shot.mattes import steps
from xmemcore.shot.mattes.steps import Enlarge, Predicted, Refine, Rows, Step, chain_of, finished, keys_of
from xmemcore.shot.plan import plan as plans
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.propagate import propagate

CANVAS = Canvas(Box(0, 0, 12, 8), Box(0, 0, 12, 8))


@dataclass(frozen=True)
class Harden:
    """A step that decides every pixel, on a picture that it looks at."""

    key: str | None = "harden 1"

    def begun(self, predicted: Predicted) -> Rows:
        width = predicted.picture().shape[1]

        def rows(band: slice, planes: np.ndarray) -> np.ndarray:
            assert planes.shape == (len(predicted.values), band.stop - band.start, width)
            best = planes.argmax(axis=0)
            return np.stack([(best == place).astype(np.float32) for place in range(len(planes))])

        return rows


def whole(chain: Sequence[Step], predicted: np.ndarray, picture: Callable[[], np.ndarray], canvas: Canvas = CANVAS) -> np.ndarray:
    return np.concatenate([planes for _, planes in finished(chain, canvas, Predicted(predicted, 3, picture))], axis=1)


def never() -> np.ndarray:
    raise AssertionError("nobody asked for the picture")


def test_the_plain_chain_enlarges_and_reads_no_plate() -> None:
    predicted = np.random.default_rng(0).dirichlet((1, 1, 1), (4, 6)).astype(np.float32).transpose(2, 0, 1)
    before = predicted.copy()
    planes = whole(chain_of(PropagateRequest(plate="p", edges="plain"), CANVAS), predicted, never)
    assert planes.shape == (3, 8, 12)
    np.testing.assert_allclose(planes.sum(axis=0), 1, atol=1e-6)
    planes[:] = 0
    np.testing.assert_array_equal(predicted, before)


@pytest.mark.parametrize(("size", "small"), [((40, 30), (6, 4)), ((64, 48), (64, 48)), ((31, 97), (40, 13)), ((7, 5), (1, 1))])
def test_bands_are_the_rows_of_the_enlarged_planes(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], small: tuple[int, int]) -> None:
    canvas = Canvas(Box(0, 0, *size), Box(0, 0, *size))
    predicted = np.random.default_rng(2).dirichlet((1, 1, 1), small[::-1]).astype(np.float32).transpose(2, 0, 1)
    by_library = np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in predicted])
    for pixels in (1 << 20, size[0] * 4, 1):
        monkeypatch.setattr(steps, "BAND_PIXELS", pixels)
        np.testing.assert_allclose(
            whole((Enlarge(canvas),), predicted, never, canvas), by_library, atol=1e-5
        )  # the library rounds where a row lies


@pytest.mark.parametrize(("top", "left"), [(0, 0), (3, 5), (11, 17), (5, 17)])
def test_the_box_around_objects_holds_all_that_is_not_faint(monkeypatch: pytest.MonkeyPatch, top: int, left: int) -> None:
    canvas, faint = Canvas(Box(0, 0, 111, 73), Box(0, 0, 111, 73)), 1 / 2048
    objects = np.full((2, 14, 20), faint / 8, np.float32)
    objects[0, top : top + 3, left : left + 3] = 0.9
    objects[1, top, left] = 0.05
    predicted = np.concatenate((1 - objects.sum(axis=0, keepdims=True), objects))
    everywhere = whole((Enlarge(canvas),), predicted, never, canvas)
    monkeypatch.setattr(steps, "BAND_PIXELS", 400)
    rest, pixels = everywhere[1:].copy(), 0
    for box, planes in finished((Enlarge(canvas),), canvas, Predicted(predicted, 3, never), faint):
        np.testing.assert_allclose(planes, everywhere[:, box.y0 : box.y1, box.x0 : box.x1], atol=1e-5)
        rest[:, box.y0 : box.y1, box.x0 : box.x1] = 0
        pixels += box.width * box.height
    assert rest.max() <= faint, "what is left out is faint"
    assert 0 < pixels < everywhere[0].size / 4


@pytest.mark.parametrize(("objects", "rows"), [(1, 20), (15, 20), (31, 2), (400, 1)])
def test_bands_of_many_objects_are_lower(monkeypatch: pytest.MonkeyPatch, objects: int, rows: int) -> None:
    monkeypatch.setattr(steps, "BAND_PIXELS", 96 * 20)
    planes = np.full((objects + 1, 8, 12), 1 / (objects + 1), np.float32)
    canvas = Canvas(Box(0, 0, 96, 64), Box(0, 0, 96, 64))
    bands = [box for box, _ in finished((Enlarge(canvas),), canvas, Predicted(planes, 3, never))]
    assert {box.height for box in bands[:-1]} == {rows} and sum(box.height for box in bands) == 64


def test_nothing_is_enlarged_where_there_is_no_object_but_what_is_asked_for() -> None:
    empty = Predicted(np.stack((np.ones((4, 6), np.float32), np.zeros((4, 6), np.float32))), 3, never)
    assert not list(finished((Enlarge(CANVAS),), CANVAS, empty, faint=0.001))
    ((box, planes),) = finished((Enlarge(CANVAS),), CANVAS, empty, faint=0.001, also=[Box(2, 1, 5, 7), Box(0, 0, 0, 0)])
    assert box == Box(2, 1, 5, 7) and planes.shape == (2, 6, 3)
    ((box, _),) = finished((Enlarge(CANVAS), Harden()), CANVAS, replace(empty, picture=lambda: np.zeros((8, 12, 3))), faint=0.001)
    assert box == Box(0, 0, 12, 8), "another step may find an object anywhere"


def test_edges_do_not_know_where_bands_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    canvas, draw = Canvas(Box(0, 0, 96, 80), Box(0, 0, 96, 80)), np.random.default_rng(3)
    inside = cv2.GaussianBlur((np.hypot(*(np.mgrid[:20, :24] - 11)) < 6).astype(np.float32), (0, 0), 1)
    picture = draw.random((80, 96, 3)).astype(np.float32)
    planes = []
    for pixels in (1 << 20, 96 * 7):
        monkeypatch.setattr(steps, "BAND_PIXELS", pixels)
        planes.append(whole((Enlarge(canvas), Refine()), np.stack((1 - inside, inside)), lambda: picture, canvas))
    np.testing.assert_allclose(*planes, atol=2e-3)


def test_steps_run_in_order_and_are_named_in_order() -> None:
    chain = (Enlarge(CANVAS), Harden())
    predicted = np.random.default_rng(1).dirichlet((1, 1), (4, 6)).astype(np.float32).transpose(2, 0, 1)
    planes = whole(chain, predicted, lambda: np.zeros((8, 12, 3), np.float32))
    assert set(np.unique(planes)) == {0, 1}
    assert keys_of(chain) == ["harden 1"] and keys_of(chain_of(PropagateRequest(plate="p", edges="plain"), CANVAS)) == []


@pytest.fixture
def shot(tmp_path: Path) -> WitnessShot:
    return write_shot("pictures", tmp_path)


def test_a_step_makes_other_mattes_with_another_signature_and_leaves_keyed_frames_alone(
    shot: WitnessShot, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shot.request.out).parent
    propagate(shot.request)
    before, plain = decoded(folder, shot.window), depends(shot.request)
    monkeypatch.setattr(plans, "chain_of", lambda request, canvas, differences, flows, came_from: (Enlarge(canvas), Harden()))
    hardened = depends(shot.request)
    assert hardened.signature(1) != plain.signature(1)
    assert hardened.signature(0) == plain.signature(0), "a frame on which everything is keyed has no part of the network's"
    result = propagate(replace(shot.request, frames="1-2"))
    assert result.written == (1, 2)
    after = decoded(folder, shot.window)
    assert set(np.unique(after["1/obj_1.alpha"])) <= {0, 255} and len(np.unique(before["1/obj_1.alpha"])) > 2
