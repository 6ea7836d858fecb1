"""Plates in: which frames, which pixels, where they lie on the canvas, and what is refused by name."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests import make_data
from tests.shot.made_shot import write_frame, write_plate
from xmemcore.protocol.failures import Busy, MachineError, RequestError
from xmemcore.shot.files.box import Box
from xmemcore.shot.inputs.inputs import wanted_indices
from xmemcore.shot.plate import readers
from xmemcore.shot.plate.colour import display_curve
from xmemcore.shot.plate.frame_source import Encoding, PlateContent
from xmemcore.shot.plate.plate import Plate

FORMAT = Box(0, 0, 20, 12)


def ramp(height: int, width: int, dtype: type = np.float16) -> np.ndarray:
    """Make (h, w, 3) in which every value occurs once, as far as the type holds that many."""
    return (np.arange(height * width * 3).reshape(height, width, 3) / (height * width * 3)).astype(dtype)


def rgb(pixels: np.ndarray) -> dict[str, np.ndarray]:
    return {name: pixels[..., place] for place, name in enumerate("RGB")}


def write_exr(path: Path, channels: dict[str, np.ndarray], display: Box = FORMAT, data: Box = FORMAT, **more: object) -> None:
    make_data.write_exr(path, channels, astuple(data), astuple(display), **more)


def one_frame(folder: Path, pixels: np.ndarray, display: Box = FORMAT, data: Box = FORMAT, **more: object) -> Plate:
    write_exr(folder / "p.1001.exr", rgb(pixels), display, data, **more)
    return Plate.open(str(folder / "p.%04d.exr"))


def test_one_file_of_a_sequence_is_a_plate_of_one_frame_and_says_so(tmp_path: Path) -> None:
    for frame in (1001, 1002):
        write_exr(tmp_path / f"p.{frame}.exr", rgb(ramp(12, 20)))
    plate = Plate.open(str(tmp_path / "p.1001.exr"))
    assert plate.frames == (1001,)
    assert [text for text in plate.warnings if "To have them all, name p.%04d.exr." in text]
    with pytest.raises(RequestError, match="which has 1001-1001. p.1001.exr is one file.*beside it lies 1 more of its sequence"):
        wanted_indices(plate, "1002")


def test_linear_pixels_are_display_encoded_with_row_0_at_the_top(tmp_path: Path) -> None:
    pixels = ramp(12, 20)
    picture = one_frame(tmp_path, pixels).read(1001)
    assert picture.dtype == np.float32 and picture.shape == (12, 20, 3)
    assert np.abs(picture - display_curve(pixels)).max() < 1e-6
    assert picture[0, 0, 0] < picture[11, 0, 0], "the ramp is darkest in the top row"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.uint32])
def test_every_channel_type_is_read(tmp_path: Path, dtype: type) -> None:
    pixels = np.zeros((12, 20, 3), dtype)
    pixels[3, 4] = (1, 0, 1)
    picture = one_frame(tmp_path, pixels).read(1001)
    assert np.allclose(picture[3, 4], display_curve(np.array((1.0, 0, 1.0))), atol=1e-3) and not picture[3, 5].any()


def test_channels_of_different_types_are_read_together(tmp_path: Path) -> None:
    pixels = ramp(12, 20, np.float32)
    channels = rgb(pixels) | {"R": pixels[..., 0].astype(np.float16)}
    write_exr(tmp_path / "p.1.exr", channels, FORMAT, FORMAT)
    assert np.abs(Plate.open(str(tmp_path / "p.#.exr")).read(1) - display_curve(pixels)).max() < 1e-3


@settings(max_examples=30, deadline=None)
@given(
    x0=st.integers(-9, 15), y0=st.integers(-9, 9), width=st.integers(1, 30), height=st.integers(1, 20),
    left=st.integers(-5, 5), top=st.integers(-5, 5),
)  # fmt: skip
def test_pixels_lie_where_the_windows_say(
    tmp_path_factory: pytest.TempPathFactory, x0: int, y0: int, width: int, height: int, left: int, top: int
) -> None:
    display, data = FORMAT.moved(left, top), Box(x0, y0, x0 + width, y0 + height)
    pixels = ramp(height, width) + np.float16(0.25)
    plate = one_frame(tmp_path_factory.mktemp("windows"), pixels, display, data)
    picture, box = plate.read(1001), plate.canvas.box
    wanted = display_curve(pixels)
    assert box.x0 <= display.x0 and box.y1 >= display.y1, "the canvas holds the format"
    for y in range(box.y0, box.y1):
        for x in range(box.x0, box.x1):
            inside = x0 <= x < x0 + width and y0 <= y < y0 + height
            expected = wanted[y - y0, x - x0] if inside else np.zeros(3)
            assert np.allclose(picture[y - box.y0, x - box.x0], expected, atol=1e-6)


def test_canvas_joins_the_windows_of_all_frames(tmp_path: Path) -> None:
    write_exr(tmp_path / "p.1.exr", rgb(ramp(2, 3)), FORMAT, Box(-4, 0, -1, 2))
    write_exr(tmp_path / "p.2.exr", rgb(ramp(2, 3)), FORMAT, Box(19, 12, 22, 14))
    plate = Plate.open(str(tmp_path))
    assert plate.canvas.box == Box(-4, 0, 22, 14) and plate.canvas.display == FORMAT
    assert plate.read(1).shape == plate.read(2).shape == (14, 26, 3)


def test_canvas_is_at_most_twice_the_format(tmp_path: Path) -> None:
    plate = one_frame(tmp_path, ramp(90, 90), data=Box(-40, -40, 50, 50))
    assert plate.canvas.box == Box(-10, -6, 30, 18)
    assert plate.read(1001).shape == (24, 40, 3)


def test_frames_begin_anywhere_and_holes_are_told(tmp_path: Path) -> None:
    for frame in (-1, 0, 3):
        write_exr(tmp_path / f"p.{frame:04d}.exr", rgb(ramp(12, 20)), FORMAT, FORMAT)
    plate = Plate.open(str(tmp_path / "p.####.exr"))
    assert plate.frames == (-1, 0, 3) and plate.holes == (1, 2)


def test_another_display_window_is_refused_by_frame(tmp_path: Path) -> None:
    write_exr(tmp_path / "p.1001.exr", rgb(ramp(12, 20)), FORMAT, FORMAT)
    write_exr(tmp_path / "p.1002.exr", rgb(ramp(10, 20)), Box(0, 0, 20, 10), Box(0, 0, 20, 10))
    with pytest.raises(RequestError, match=r"Frame 1002 \(p.1002.exr\) is 20x10, but the plate begins with 20x12"):
        Plate.open(str(tmp_path))
    write_exr(tmp_path / "p.1002.exr", rgb(ramp(12, 20)), FORMAT.moved(1, 0), FORMAT)
    with pytest.raises(RequestError, match="Frame 1002 .* has its display window at 1,0, but the plate begins with one at 0,0"):
        Plate.open(str(tmp_path))


def test_anamorphic_plate_is_worked_on_in_square_pixels(tmp_path: Path) -> None:
    pixels = np.zeros((12, 20, 3), np.float16)
    pixels[2:10, 6:10] = 0.2  # 4 wide and 8 high: square to the eye
    plate = one_frame(tmp_path, pixels, pixel_aspect=2.0)
    image = plate.working_image(1001, 12)
    assert image.shape == (12, 40, 3)
    seen = image[..., 0] > 0.2
    assert seen.any(axis=0).sum() == seen.any(axis=1).sum() == 8
    assert plate.working_image(1001, 6).shape == (6, 20, 3)


def test_reduction_averages_and_published_does_not(tmp_path: Path) -> None:
    pixels = np.zeros((12, 20, 3), np.float16)
    pixels[::2] = 0.2
    plate = one_frame(tmp_path, pixels)
    mean = float(display_curve(np.float16([0.2]))[0]) / 2
    assert np.allclose(plate.working_image(1001, 3, "area"), mean, atol=1e-6)
    assert np.allclose(plate.working_image(1001, 12, "published"), plate.read(1001)), "nothing is done where sizes agree"
    picture = plate.read(1001)
    # Half-pixel centres: row 0 of 4 looks at 1.0 of 12, column 0 of 6 at 7/6 of 20.
    wanted = picture[1, 1]
    assert np.allclose(plate.working_image(1001, 4, "published")[0, 0], wanted, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf, -np.inf])
def test_a_single_value_that_is_no_number_is_found(tmp_path: Path, bad: float, dtype: type) -> None:
    pixels = np.full((12, 20, 3), -65504, dtype)
    pixels[3, 4] = 65504
    plate = one_frame(tmp_path, pixels)
    plate.read(1001)
    assert plate.cleaned == {}
    pixels[11, 19, 2] = bad
    plate = one_frame(tmp_path, pixels)
    plate.read(1001)
    assert plate.cleaned == {1001: 1}


def test_no_number_becomes_black_and_infinity_white_and_both_are_counted(tmp_path: Path) -> None:
    pixels = np.full((12, 20, 3), 0.18, np.float16)
    pixels[0, 0] = (np.nan, np.inf, -np.inf)
    plate = one_frame(tmp_path, pixels)
    picture = plate.read(1001)
    assert plate.cleaned == {1001: 3}
    assert picture[0, 0, 0] == 0 and 0.99 < picture[0, 0, 1] <= 1 and picture[0, 0, 2] == 0
    assert np.isfinite(picture).all()


@pytest.mark.parametrize("colorspace", ["linear", "acescg", "srgb", "logc3", "logc4", "slog3"])
def test_no_colour_space_wraps_or_goes_black_on_extreme_values(tmp_path: Path, colorspace: str) -> None:
    values = np.array([-65504, -1, 0, 0.18, 1, 2, 100, 65504, np.inf, 3e38], np.float32)
    write_exr(tmp_path / "p.1.exr", rgb(np.repeat(values[None, :, None], 3, axis=2)), Box(0, 0, 10, 1), Box(0, 0, 10, 1))
    row = Plate.open(str(tmp_path), colorspace).read(1)[0]
    assert np.isfinite(row).all() and row.min() >= 0 and row.max() <= 1
    assert (np.diff(row.mean(axis=1)) >= -1e-6).all() and row[-1].min() > 0.99


def test_rgb_comes_from_the_first_part_that_has_it(tmp_path: Path) -> None:
    first, second = ramp(12, 20), ramp(12, 20)[::-1]
    depth, window = {"Z": np.ones((12, 20), np.float32)}, astuple(FORMAT)
    beauties = [("beauty", rgb(first), window), ("other", rgb(second), window)]
    make_data.write_parts(tmp_path / "p.1.exr", [("depth", depth, window), *beauties], window)
    make_data.write_parts(tmp_path / "p.2.exr", [("beauty", rgb(first), window), ("depth", depth, window)], window)
    plate = Plate.open(str(tmp_path))
    for frame in (1, 2):
        assert np.abs(plate.read(frame) - display_curve(first)).max() < 1e-6


def test_layers_beside_rgb_do_not_disturb_it(tmp_path: Path) -> None:
    pixels = ramp(12, 20)
    layers = {f"{layer}.{name}": np.full((12, 20), 7, np.float16) for layer in ("diffuse", "a", "zz") for name in "RGB"}
    write_exr(tmp_path / "p.1.exr", layers | rgb(pixels) | {"A": np.zeros((12, 20), np.float16)}, FORMAT, FORMAT)
    assert np.abs(Plate.open(str(tmp_path)).read(1) - display_curve(pixels)).max() < 1e-6


def test_deep_file_is_refused_by_name(tmp_path: Path) -> None:
    make_data.write_deep(tmp_path / "p.1001.exr")
    with pytest.raises(RequestError, match="Frame 1001 .*p.1001.exr .* is a deep EXR"):
        Plate.open(str(tmp_path))


def test_missing_channels_are_refused_by_name(tmp_path: Path) -> None:
    write_exr(tmp_path / "p.1001.exr", {"A": ramp(12, 20)[..., 0], "fg.R": ramp(12, 20)[..., 0]}, FORMAT, FORMAT)
    with pytest.raises(RequestError, match=r"Frame 1001 .* no channels R, G, B; it has A, fg.R"):
        Plate.open(str(tmp_path))


def test_later_frame_without_channels_is_found_before_the_first_is_read(tmp_path: Path) -> None:
    write_exr(tmp_path / "p.1001.exr", rgb(ramp(12, 20)), FORMAT, FORMAT)
    write_exr(tmp_path / "p.1002.exr", {"A": ramp(12, 20)[..., 0]}, FORMAT, FORMAT)
    with pytest.raises(RequestError, match="Frame 1002"):
        Plate.open(str(tmp_path))


def noise(height: int = 12, width: int = 20, depth: type = np.uint8, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(4).integers(0, np.iinfo(depth).max, (height, width, channels), dtype=depth)


@pytest.mark.parametrize("suffix", ["png", "tif", "tiff"])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_integers_are_unchanged_in_rgb_order(tmp_path: Path, suffix: str, depth: type) -> None:
    pixels = noise(depth=depth)
    cv2.imwrite(str(tmp_path / f"p.0001.{suffix}"), pixels[..., ::-1])
    plate = Plate.open(str(tmp_path))
    assert plate.colorspace == "srgb"
    assert np.array_equal(plate.read(1), pixels.astype(np.float32) / np.float32(np.iinfo(depth).max))


def test_alpha_is_dropped_and_grey_is_three_equal_channels(tmp_path: Path) -> None:
    pixels = noise(channels=4)
    Image.fromarray(pixels, "RGBA").save(tmp_path / "p.1.png")
    Image.fromarray(pixels[..., 0], "L").save(tmp_path / "p.2.png")
    Image.fromarray(np.ascontiguousarray(pixels[..., :2]), "LA").save(tmp_path / "p.3.png")
    plate = Plate.open(str(tmp_path))
    assert np.array_equal(plate.read(1), pixels[..., :3] / np.float32(255))
    for frame in (2, 3):
        assert np.array_equal(plate.read(frame), np.repeat(pixels[..., :1], 3, axis=2) / np.float32(255))


def test_frame_that_is_usually_encoded_otherwise_is_refused_unless_the_artist_says_how(tmp_path: Path) -> None:
    for frame in (1, 2):
        write_exr(tmp_path / f"p.{frame}.exr", rgb(ramp(12, 20)))
    Image.fromarray(noise()[:12, :20]).save(tmp_path / "p.2.exr", format="JPEG")
    with pytest.raises(RequestError, match=r"Frame 2 \(p.2.exr\) is a file of another kind than the first: usually srgb, not linear"):
        Plate.open(str(tmp_path))
    assert Plate.open(str(tmp_path), "srgb").frames == (1, 2)


def test_jpeg_is_decoded_as_pillow_does(tmp_path: Path) -> None:
    Image.fromarray(cv2.resize(noise(), (61, 43))).save(tmp_path / "p.1.jpg", quality=80)
    with Image.open(tmp_path / "p.1.jpg") as file:
        wanted = np.asarray(file)
    assert np.array_equal(Plate.open(str(tmp_path)).read(1), wanted / np.float32(255))


def test_jpeg_with_something_after_its_end_is_whole(tmp_path: Path) -> None:
    Image.fromarray(noise()).save(tmp_path / "p.1.jpg")
    whole = Plate.open(str(tmp_path)).read(1)
    path = tmp_path / "p.1.jpg"
    path.write_bytes(path.read_bytes() + bytes(1000))
    assert np.array_equal(Plate.open(str(tmp_path)).read(1), whole)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_truncated_picture_is_refused_by_name(tmp_path: Path, suffix: str, share: float) -> None:
    cv2.imwrite(str(tmp_path / f"p.7.{suffix}"), noise(60, 80))
    path = tmp_path / f"p.7.{suffix}"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(RequestError, match=rf"p.7.{suffix} .* is truncated"):
        Plate.open(str(tmp_path)).read(7)


def test_picture_of_another_size_is_found_before_the_first_is_computed(tmp_path: Path) -> None:
    for frame, size in ((1, 20), (2, 21)):
        cv2.imwrite(str(tmp_path / f"p.{frame}.png"), noise(width=size))
    with pytest.raises(RequestError, match=r"Frame 2 \(p.2.png\) is 21x12, but the plate begins with 20x12"):
        Plate.open(str(tmp_path))


def test_dpx_names_the_extra_where_it_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "OpenImageIO", None)
    (tmp_path / "p.1.dpx").write_bytes(b"SDPX")
    with pytest.raises(RequestError, match=r"p.1.dpx is a DPX file, which needs the extra .plates."):
        Plate.open(str(tmp_path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders here")
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
@pytest.mark.parametrize("suffix", [".exr", ".png", ".tif"])
def test_what_is_no_ordinary_file_is_refused_and_not_waited_for(tmp_path: Path, make: Callable[[Path], None], suffix: str) -> None:
    for frame in (1001, 1003):
        if suffix == ".exr":
            write_exr(tmp_path / f"p.{frame}.exr", rgb(ramp(12, 20)))
        else:
            cv2.imwrite(str(tmp_path / f"p.{frame}{suffix}"), ramp(12, 20, np.float32) * 255)
    make(tmp_path / f"p.1002{suffix}")
    with pytest.raises(RequestError, match="Frame 1002 cannot be read.*(it is a folder|it is not an ordinary file)"):
        Plate.open(str(tmp_path / f"p.%04d{suffix}"))
    # Of a folder only files count.
    assert Plate.open(str(tmp_path)).frames == (1001, 1003)


@pytest.mark.parametrize("suffix", [".exr", ".png"])
@pytest.mark.parametrize(("number", "kind"), [(errno.ESTALE, MachineError), (errno.EIO, MachineError), (errno.EACCES, RequestError)])
def test_disk_that_is_not_reached_is_the_machines_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, number: int, kind: type[Exception]
) -> None:
    if suffix == ".exr":
        plate = one_frame(tmp_path, ramp(12, 20))
    else:
        cv2.imwrite(str(tmp_path / "p.1001.png"), ramp(12, 20, np.float32) * 255)
        plate = Plate.open(str(tmp_path / "p.%04d.png"))

    def gone(path: Path) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(readers, "open_ordinary", gone)
    with pytest.raises(kind, match="p.1001"):
        plate.read(1001)


def test_a_frame_that_is_written_again_while_a_run_reads_it_is_refused(tmp_path: Path) -> None:
    pattern = write_plate(tmp_path, last=1002, holes=())
    known: dict[str, str] = {}
    for _ in range(2):  # the second time its file is known, and the picture is not read for its digest
        plate = Plate.open(pattern)
        encoding = Encoding("model", 64, "area", plate.encoding, plate.canvas.key, "float32", exact=False)
        content = PlateContent(plate, encoding, known)
        content.digest(0)
        plate.read(1001)
        known = content.files.remembered()
    write_frame(tmp_path / "plate.1001.exr", 1001, brightness=0.5)
    os.utime(tmp_path / "plate.1001.exr", ns=(1, 1))  # a clock may be too coarse for a test
    with pytest.raises(Busy, match=r"Frame 1001 \(plate.1001.exr in .*\) was written again while it was read here. Run this again"):
        plate.read(1001)
    plate.read(1002)
    assert len(known) == 1 and Plate.open(pattern).read(1001).any()
