"""Many objects: planes kept where they are not 0 become the mattes, bit for bit, that whole planes become."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from tests.shot.mattes.moving_body import HEIGHT, WIDTH, Keys, grey
from xmemcore.engine.frames import Padding
from xmemcore.engine.planes import Boxed, Whole
from xmemcore.engine.sweep import Prediction
from xmemcore.shot.files.box import Box
from xmemcore.shot.mattes.carry import KeyDifferences
from xmemcore.shot.mattes.planes import Planes, Scattered, share_out
from xmemcore.shot.mattes.queue import MatteQueue, handed
from xmemcore.shot.mattes.steps import Carry, Enlarge, Predicted, Refine, Shutter, Steady, finished
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.plate.flow import Flows

OBJECTS, INDEX = 20, 12
PADDING = Padding(HEIGHT - 6, WIDTH - 10)


def soft_blocks(shift: float, of: int = OBJECTS) -> np.ndarray:
    """Little soft blocks, some of which touch their neighbours, and one of which is nowhere; half precision."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    blocks = []
    for obj in range(of):
        top, left = 8 + 22 * (obj // 5) + 3 * (obj % 2), 6 + 30 * (obj % 5) + 12 * (obj % 3) + shift
        inside = np.minimum(np.minimum(columns - left, left + 18 - columns), np.minimum(rows - top, top + 14 - rows))
        blocks.append((inside / 3 + 0.5).clip(0, 1) * (obj != 7))
    planes = np.stack((np.zeros_like(rows), *blocks)).astype(np.float32)
    return share_out(planes).astype(np.float16)


def scattered(planes: np.ndarray) -> Scattered:
    return Scattered.of(planes, (planes.shape[1], planes.shape[2]))


def differences() -> KeyDifferences:
    found = KeyDifferences(Keys({8: frozenset(range(OBJECTS))}), OBJECTS, Flows(grey), range(100))
    key = soft_blocks(3).astype(np.float32)
    shapes = {obj: np.roll(plane, 1, axis=1) for obj, plane in enumerate(key[1:])}
    found.put(8, shapes, key, {obj: (plane > 0) * np.float32(0.3) for obj, plane in shapes.items()})
    return found


def test_every_step_gives_the_same_bits() -> None:
    picture = cv2.resize(np.repeat(grey(INDEX)[..., None], 3, axis=2), (2 * WIDTH, 2 * HEIGHT)).astype(np.float32) / 255
    canvas = Canvas(Box(0, 0, 2 * WIDTH, 2 * HEIGHT), Box(0, 0, 2 * WIDTH, 2 * HEIGHT))
    around = {other: soft_blocks(0.5 * other) for other in (11, 13)}
    flows = Flows(grey)
    before = Carry([differences()]), Steady(flows), Shutter(flows, [{INDEX: (INDEX - 3, 1)}])

    def solved(planes: Planes, beside: dict[int, Planes], faint: float | None, *steps: Refine) -> list[tuple[Box, np.ndarray]]:
        predicted = Predicted(planes.astype(np.float32), INDEX, lambda: picture, around=beside)
        return list(finished((*before, Enlarge(canvas), *steps), canvas, predicted, faint))

    few = {other: scattered(planes) for other, planes in around.items()}
    for faint, steps in ((None, (Refine(),)), (1 / 2048, ())):
        whole, kept = solved(soft_blocks(6), around, faint, *steps), solved(scattered(soft_blocks(6)), few, faint, *steps)
        assert [box for box, _ in whole] == [box for box, _ in kept]
        assert all(np.array_equal(mine, theirs) for (_, mine), (_, theirs) in zip(kept, whole, strict=True))


def test_objects_of_more_than_one_share_the_pixel_as_in_an_array() -> None:
    planes = np.random.default_rng(3).random((OBJECTS, 12, 17), np.float32) * (np.random.default_rng(4).random((OBJECTS, 12, 17)) > 0.7)
    planes[:, :, :3] = 0
    kept = share_out(scattered(planes))
    np.testing.assert_array_equal(np.stack(list(kept)), share_out(planes))


def test_a_prediction_in_boxes_is_handed_on_in_boxes_without_its_padding() -> None:
    blocks = PADDING.pad(torch.from_numpy(soft_blocks(0)[1:].astype(np.float32))[None, :, : PADDING.height, : PADDING.width])
    boxed = Boxed(OBJECTS, PADDING.padded, torch.device("cpu"))
    for obj in range(OBJECTS):
        if obj != 7:
            rows, columns = (axis.nonzero() // 16 for axis in (blocks[0, obj].any(dim=1), blocks[0, obj].any(dim=0)))
            top, left, bottom, right = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
            boxed.put([obj], (top, left, bottom, right), blocks[:, obj : obj + 1, 16 * top : 16 * bottom, 16 * left : 16 * right])
    behind = 1 - blocks.sum(dim=1, keepdim=True)
    boxed.behind = behind[0, 0]
    kept, whole = handed(Prediction(boxed, PADDING)), handed(Prediction(Whole.of(torch.cat((behind, blocks), dim=1)), PADDING))
    assert isinstance(kept, Scattered) and isinstance(whole, np.ndarray) and kept.shape == whole.shape
    np.testing.assert_array_equal(np.stack(list(kept)), whole)


def test_what_waits_for_another_group_comes_back_from_disk_as_it_was(tmp_path: Path) -> None:
    queue = MatteQueue.__new__(MatteQueue)
    queue._waiting_room = tmp_path
    planes, neighbour = scattered(soft_blocks(0)), scattered(soft_blocks(2))
    queue._spill(1, INDEX, planes, {INDEX + 1: neighbour, INDEX - 1: soft_blocks(4, 3)})
    back, around = queue._unspilled(1, INDEX)
    assert sorted(around) == [INDEX - 1, INDEX + 1] and not list(tmp_path.iterdir())
    for found, put in ((back, planes), (around[INDEX + 1], neighbour), (around[INDEX - 1], soft_blocks(4, 3))):
        assert found.shape == put.shape and all(np.array_equal(mine, theirs) for mine, theirs in zip(found, put))
    assert isinstance(back, Scattered) and back.nbytes == planes.nbytes


def test_many_small_objects_wait_in_the_memory_of_what_they_cover() -> None:
    planes = np.zeros((101, 160, 256), np.float16)
    for obj in range(100):
        planes[1 + obj, 16 * (obj // 10) : 16 * (obj // 10) + 12, 24 * (obj % 10) : 24 * (obj % 10) + 12] = 1
    planes[0] = 1 - planes[1:].sum(axis=0)
    kept = scattered(planes)
    assert kept.nbytes < planes.nbytes / 40
    carried, soft = KeyDifferences(Keys({}), 100, Flows(grey), range(100)).added_to(kept, 3)
    assert isinstance(carried, Scattered) and isinstance(soft, Scattered) and soft.nbytes == 0
