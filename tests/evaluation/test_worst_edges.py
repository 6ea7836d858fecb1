"""The sheet's part about edges: flicker where an edge trembles, crops where an edge is wide."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.shot.mattes.moving_body import HEIGHT, WIDTH, body, grey
from xmemcore.evaluation.report import CURVE, Sheet, draw
from xmemcore.evaluation.worst_edges import CROPS, LOOKED_AT, look_at_edges

FRAMES = tuple(range(1001, 1009))


def picture(frame: int) -> np.ndarray:
    return np.repeat(grey(frame - 1001)[..., None].astype(np.float32) / 255, 3, axis=2)


def union(frame: int) -> np.ndarray:
    """A block that moves with the picture; on frame 1005 it jumps, on frame 1003 its edge is wide."""
    matte = body(frame - 1001, strap=False)
    if frame == 1005:
        matte = np.roll(matte, 5, axis=1)
    return cv2.GaussianBlur(matte, (0, 0), 6) if frame == 1003 else matte


def test_flicker_stands_where_an_edge_jumps_and_the_wide_edge_comes_first() -> None:
    found = look_at_edges(FRAMES, picture, union)
    assert set(found.flicker) == set(FRAMES[1:])
    jumps = sorted(found.flicker, key=lambda frame: -found.flicker[frame])[:2]
    assert set(jumps) == {1005, 1006}
    assert found.crops[0].frame == 1003 and len(found.crops) <= CROPS
    assert found.crops[0].plate.shape[:2] == found.crops[0].matte.shape == (HEIGHT, min(HEIGHT, WIDTH))


@pytest.mark.parametrize("count", [LOOKED_AT + 1, 3 * LOOKED_AT])
def test_a_long_shot_has_a_curve_from_end_to_end_and_few_frames_are_read(count: int) -> None:
    read: list[int] = []

    def noted(frame: int) -> np.ndarray:
        read.append(frame)
        return picture(1001 + (frame - 1001) % 8)

    found = look_at_edges(range(1001, 1001 + count), noted, lambda frame: union(1001 + (frame - 1001) % 8))
    assert len(read) == len(set(read)) <= LOOKED_AT
    assert len(found.flicker) >= LOOKED_AT // 2
    assert min(found.flicker) == 1002 and max(found.flicker) == 1000 + count
    assert np.diff(sorted(found.flicker)).max() <= 2 * count / (LOOKED_AT // 2)


def test_a_crop_has_its_edge_in_the_middle() -> None:
    size, place = (700, 900), (300, 500)
    matte = np.zeros(size, np.float32)
    cv2.circle(matte, place[::-1], 30, 1.0, -1)
    matte = cv2.GaussianBlur(matte, (0, 0), 6)
    (crop,) = look_at_edges((1,), lambda _: np.zeros((*size, 3), np.float32), lambda _: matte).crops
    rows, columns = np.nonzero(crop.matte)
    middle = crop.matte.shape[0] / 2
    assert abs(rows.mean() - middle) <= 2 and abs(columns.mean() - middle) <= 2


def test_sheet_grows_by_what_is_drawn_of_edges() -> None:
    found = look_at_edges(FRAMES, picture, union)
    plain = Sheet("a shot", FRAMES, ("block",), (1001,), confidence=dict.fromkeys(FRAMES, 0.9))
    small = [
        draw(sheet, lambda frame, size: np.zeros((*size, 3), np.float32), 16 / 9)
        for sheet in (plain, Sheet(**{**vars(plain), "edges": found}))
    ]
    assert isinstance(small[1], Image.Image) and small[1].height > small[0].height + 500
    added = np.asarray(small[1])[small[0].height :]
    assert (added == CURVE).all(axis=-1).any(), "the curve"


def test_nothing_to_look_at_is_nothing() -> None:
    found = look_at_edges((), picture, union)
    assert found.crops == () and found.flicker == {}
