"""What is chosen in the first frame of a plate is what every frame is read from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.make_data import half_noise, write_exr, write_parts
from xmemcore.protocol.failures import RequestError
from xmemcore.shot.plate.colour import display_curve
from xmemcore.shot.plate.plate import Plate

WHOLE = (0, 0, 24, 16)
ONE, OTHER = half_noise(16, 24, 1), half_noise(16, 24, 2)


def is_one(plate: Plate, frame: int) -> bool:
    return np.allclose(plate.read(frame), display_curve(np.stack([ONE[name] for name in "RGB"], axis=-1)), atol=1e-6)


@pytest.mark.parametrize("names", [("main", "beauty"), ("alpha", "beta"), ("left", "right"), ("rgba.left", "rgba.right")])
def test_part_is_the_same_whatever_order_the_frames_have_them_in(tmp_path: Path, names: tuple[str, str]) -> None:
    parts = [(names[0], ONE, WHOLE), (names[1], OTHER, WHOLE)]
    for frame, written in enumerate((parts, parts[::-1], parts), 1001):
        write_parts(tmp_path / f"p.{frame}.exr", written, WHOLE)
    plate = Plate.open(str(tmp_path))
    assert all(is_one(plate, frame) for frame in plate.frames)


def test_frame_without_the_chosen_part_is_refused(tmp_path: Path) -> None:
    write_parts(tmp_path / "p.1001.exr", [("main", ONE, WHOLE), ("other", OTHER, WHOLE)], WHOLE)
    write_parts(tmp_path / "p.1002.exr", [("other", OTHER, WHOLE), ("third", OTHER, WHOLE)], WHOLE)
    with pytest.raises(RequestError, match=r"Frame 1002.*has no view 'main'"):
        Plate.open(str(tmp_path))


def test_frame_with_its_picture_in_another_layer_is_refused(tmp_path: Path) -> None:
    write_exr(tmp_path / "p.1001.exr", ONE, WHOLE)
    write_exr(tmp_path / "p.1002.exr", {f"beauty.{name}": plane for name, plane in ONE.items()}, WHOLE)
    with pytest.raises(RequestError, match=r"Frame 1002.*layer beauty.*plain R, G, B"):
        Plate.open(str(tmp_path))


def test_layers_beside_the_chosen_one_may_come_and_go(tmp_path: Path) -> None:
    beside = {f"beauty.{name}": plane for name, plane in OTHER.items()}
    write_exr(tmp_path / "p.1001.exr", {**ONE, **beside}, WHOLE)
    write_exr(tmp_path / "p.1002.exr", ONE, WHOLE)
    plate = Plate.open(str(tmp_path))
    assert is_one(plate, 1001) and is_one(plate, 1002)
