"""Plates of unusual makes, plates on threads, and plates at working size against the formulas."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.make_data import half_noise, write_exr, write_overscan_plate, write_picture
from xmemcore.protocol.failures import RequestError
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.pictures import read_stored
from xmemcore.shot.plate.colour import display_curve
from xmemcore.shot.plate.plate import Plate

WHOLE = (0, 0, 24, 16)


def sequence(folder: Path, *frames: dict[str, np.ndarray], first: int = 1001, **header: object) -> str:
    for place, channels in enumerate(frames):
        height, width = next(iter(channels.values())).shape
        write_exr(folder / f"p.{first + place}.exr", channels, (0, 0, width, height), **header)
    return str(folder / "p.%04d.exr")


def rgb(channels: dict[str, np.ndarray], *names: str) -> np.ndarray:
    return np.stack([channels[name] for name in names or ("R", "G", "B")], axis=-1)


# EXR


def test_frames_and_holes_come_from_file_names(tmp_path: Path) -> None:
    plate = Plate.open(write_overscan_plate(tmp_path))
    assert plate.frames == tuple(frame for frame in range(1001, 1041) if frame != 1017)
    assert plate.holes == (1017,)
    assert plate.colorspace == "linear"


def test_overscan_is_on_the_canvas_and_encoded_like_the_rest(tmp_path: Path) -> None:
    plate = Plate.open(write_overscan_plate(tmp_path, 1001, 1002, ()))
    assert (plate.canvas.box, plate.canvas.display) == (Box(-6, -6, 70, 54), Box(0, 0, 64, 48))
    picture = plate.read(1002)
    assert picture.shape == (60, 76, 3) and picture.dtype == np.float32
    # The square begins at x 7, y 16 of the format, row 0 at the top.
    square = picture[6 + 16 : 6 + 32, 6 + 7 : 6 + 23]
    assert np.allclose(square, display_curve(np.array((6.0, 0.4, 0.1), np.float16)), atol=1e-6)
    assert picture[6 + 15, 6 + 7 : 6 + 23].max() < 0.4 and picture[6 + 16 : 6 + 32, 6 + 6].max() < 0.4


def test_data_windows_that_wander_share_one_canvas_and_are_black_outside(tmp_path: Path) -> None:
    picture = half_noise(10, 8)
    write_exr(tmp_path / "p.1.exr", picture, (-3, 2, 5, 12), (0, 0, 24, 16))
    write_exr(tmp_path / "p.2.exr", picture, (18, 1, 26, 11), (0, 0, 24, 16))
    plate = Plate.open(str(tmp_path))
    assert plate.canvas.box == Box(-3, 0, 26, 16)
    first, second = plate.read(1), plate.read(2)
    encoded = display_curve(rgb(picture))
    assert np.array_equal(first[2:12, 0:8], encoded) and np.array_equal(second[1:11, 21:29], encoded)
    assert not first[:2].any() and not first[:, 8:].any() and not second[:, :21].any()


@pytest.mark.parametrize("colorspace", ["linear", "acescg", "srgb", "logc3", "logc4", "slog3"])
def test_outside_of_the_data_window_is_black_in_every_colour_space(tmp_path: Path, colorspace: str) -> None:
    write_exr(tmp_path / "p.1.exr", half_noise(4, 4), (0, 0, 4, 4), (0, 0, 8, 8))
    assert not Plate.open(str(tmp_path), colorspace).read(1)[4:].any()


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["R", "G", "B", "A"], "RGB"),
        (["R", "G", "B", "diffuse.R", "diffuse.G", "diffuse.B"], "RGB"),
        (["rgba.R", "rgba.G", "rgba.B", "spec.R", "spec.G", "spec.B"], ["rgba.R", "rgba.G", "rgba.B"]),
        (["rgba.red", "rgba.green", "rgba.blue", "depth.Z"], ["rgba.red", "rgba.green", "rgba.blue"]),
        (["ViewLayer.Combined.R", "ViewLayer.Combined.G", "ViewLayer.Combined.B", "ViewLayer.Depth.Z"], None),
        (["C.r", "C.g", "C.b"], None),
        (["beauty.R", "beauty.G", "beauty.B", "spec.R", "spec.G", "spec.B"], ["beauty.R", "beauty.G", "beauty.B"]),
        (["plate.R", "plate.G", "plate.B", "id.X"], None),
    ],
)
def test_picture_is_found_under_the_names_that_renderers_give(tmp_path: Path, names: list[str], chosen: object) -> None:
    channels = {name: half_noise(16, 24, seed)["R"] for seed, name in enumerate(names)}
    wanted = rgb(channels, *(chosen or names[:3]))  # type: ignore[misc]
    assert np.array_equal(Plate.open(sequence(tmp_path, channels)).read(1001), display_curve(wanted))


def test_other_pixel_aspect_is_refused_with_the_frame(tmp_path: Path) -> None:
    write_exr(tmp_path / "p.1.exr", half_noise(16, 24), WHOLE, pixel_aspect=2.0)
    write_exr(tmp_path / "p.2.exr", half_noise(16, 24), WHOLE)
    with pytest.raises(RequestError, match="Frame 2 .* has a pixel aspect of 1, but the plate begins with 2"):
        Plate.open(str(tmp_path))


def test_truncated_frame_is_refused_with_its_number_and_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pattern = sequence(tmp_path, *(half_noise(64, 96, seed) for seed in range(3)))
    path = tmp_path / "p.1002.exr"
    path.write_bytes(path.read_bytes()[:-2000])
    plate = Plate.open(pattern)
    plate.read(1001)
    with pytest.raises(RequestError, match="Frame 1002 cannot be read: p.1002.exr in .* is truncated or damaged") as failure:
        plate.read(1002)
    assert isinstance(failure.value, RequestError)
    assert capfd.readouterr().out == ""


def test_several_threads_read_the_same_as_one(tmp_path: Path) -> None:
    plate = Plate.open(write_overscan_plate(tmp_path, 1001, 1008, ()))
    alone = {frame: plate.read(frame) for frame in plate.frames}
    equal: dict[int, bool] = {}
    threads = [
        threading.Thread(target=lambda frame=frame: equal.update({frame: np.array_equal(plate.read(frame), alone[frame])}))
        for frame in plate.frames
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert equal == dict.fromkeys(plate.frames, True)


# Working size


def test_working_image_averages_areas(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    write_picture(tmp_path / "p.1.png", pixels)
    plate = Plate.open(str(tmp_path))
    image = plate.working_image(1, 32)
    blocks = (pixels.astype(np.float32) / 255).reshape(32, 3, -1, 3)[:, :, : 42 * 3]
    assert image.shape == (32, 42, 3)
    # 128 columns on 42 are 3.05 each: the first column is nearly the first three.
    assert np.abs(image[:, 0] - blocks[:, :, :3].mean(axis=(1, 2))).max() < 0.03
    assert image.mean() == pytest.approx(float(pixels.mean()) / 255, abs=1e-4)


def test_published_working_image_is_bilinear_between_pixel_centres_without_antialiasing(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 100, 3), np.uint8)
    write_picture(tmp_path / "p.1.png", pixels)
    image = Plate.open(str(tmp_path)).working_image(1, 33, "published")
    source = pixels.astype(np.float64) / 255
    assert image.shape == (33, 55, 3)
    for row, column in ((0, 0), (5, 7), (20, 30), (32, 54)):
        y, x = (row + 0.5) * 60 / 33 - 0.5, (column + 0.5) * 100 / 55 - 0.5
        y0, x0 = int(np.floor(y)), int(np.floor(x))
        rows, columns = np.clip((y0, y0 + 1), 0, 59), np.clip((x0, x0 + 1), 0, 99)
        upper, lower = (source[r, columns[0]] * (1 - (x - x0)) + source[r, columns[1]] * (x - x0) for r in rows)
        assert np.abs(image[row, column] - (upper * (1 - (y - y0)) + lower * (y - y0))).max() < 1e-5


@pytest.mark.parametrize("resampling", ["area", "published"])
def test_nothing_is_resampled_when_the_size_fits(tmp_path: Path, resampling: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    write_picture(tmp_path / "p.1.png", pixels)
    assert np.array_equal(Plate.open(str(tmp_path)).working_image(1, 48, resampling), pixels.astype(np.float32) / np.float32(255))


def test_anamorphic_plates_become_square_pixels(tmp_path: Path) -> None:
    # A circle of radius 20 lines, which is 10 pixels of aspect 2 wide.
    y, x = np.mgrid[:64, :48]
    circle = (((y - 31.5) ** 2 + (2 * (x - 23.5)) ** 2) < 20**2).astype(np.float16)
    plate = Plate.open(sequence(tmp_path, dict.fromkeys("RGB", circle), pixel_aspect=2.0))
    image = plate.working_image(1001, 64)
    assert image.shape == (64, 96, 3)
    rows, columns = np.nonzero(image[..., 0] > 0.4)
    assert abs((np.ptp(rows) + 1) - (np.ptp(columns) + 1)) <= 2


def test_anamorphic_plates_are_averaged_along_the_axis_that_shrinks_while_the_other_grows(tmp_path: Path) -> None:
    column = np.random.default_rng(0).random((128, 1)).astype(np.float16)
    channels = dict.fromkeys("RGB", np.repeat(column, 40, axis=1))
    image = Plate.open(sequence(tmp_path, channels, pixel_aspect=2.0), "srgb").working_image(1001, 48)
    assert image.shape == (76, 48, 3)
    scale = 128 / 76
    for row in range(76):
        covered = np.clip(np.arange(1, 129) - row * scale, 0, 1) - np.clip(np.arange(1, 129) - (row + 1) * scale, 0, 1)
        assert image[row, :, 1] == pytest.approx((covered @ column)[0] / scale, abs=1e-4)


# Pictures


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("p.1.png", np.uint8), ("p.1.png", np.uint16), ("p.1.tif", np.uint8), ("p.1.tiff", np.uint16), ("p.1.tif", np.float32)],
)
def test_pictures_of_every_depth_are_their_values(tmp_path: Path, name: str, dtype: type) -> None:
    rng = np.random.default_rng(0)
    top = 1.0 if dtype is np.float32 else np.iinfo(dtype).max
    pixels = rng.random((16, 24, 3), np.float32) if dtype is np.float32 else rng.integers(0, int(top) + 1, (16, 24, 3)).astype(dtype)
    write_picture(tmp_path / name, pixels)
    plate = Plate.open(str(tmp_path), "srgb")
    assert np.array_equal(plate.read(1), pixels.astype(np.float32) / np.float32(top))


@pytest.mark.parametrize(
    ("name", "dtype", "colorspace"),
    [("p.1.png", np.uint8, "srgb"), ("p.1.png", np.uint16, "srgb"), ("p.1.tif", np.float32, "linear")],
)
def test_default_colour_space_is_srgb_but_for_floats(tmp_path: Path, name: str, dtype: type, colorspace: str) -> None:
    write_picture(tmp_path / name, np.zeros((4, 4, 3), dtype))
    assert Plate.open(str(tmp_path)).colorspace == colorspace


def test_jpeg_is_rgb_as_pillow_decodes_it(shared: Path) -> None:
    path = shared / "clips" / "dog" / "frames" / "00000.jpg"
    with Image.open(path) as file:
        pixels = np.asarray(file.convert("RGB"))
    assert np.array_equal(read_stored(path).pixels, pixels)
    plate = Plate.open(str(path.parent))
    assert plate.frames == tuple(range(60)) and (plate.canvas.width, plate.canvas.height) == (854, 480)
    assert np.array_equal(plate.read(0), pixels.astype(np.float32) / np.float32(255))


def test_jpeg_with_a_thumbnail_and_bytes_after_its_end_is_whole(tmp_path: Path) -> None:
    pixels = cv2.resize(np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8), (64, 48))
    path = write_picture(tmp_path / "p.jpg", pixels)
    content, thumbnail = path.read_bytes(), write_picture(tmp_path / "t.jpg", pixels[:8, :8]).read_bytes()
    with_thumbnail = content[:2] + b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail + content[2:] + bytes(500)
    whole = read_stored(path).pixels
    path.write_bytes(with_thumbnail)
    assert np.array_equal(read_stored(path).pixels, whole)
    path.write_bytes(with_thumbnail[: len(thumbnail) + len(content) // 2])
    with pytest.raises(RequestError):
        read_stored(path)


def test_orientation_in_a_jpeg_is_ignored(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((20, 40, 3), np.uint8)).save(tmp_path / "p.1.jpg", exif=exif)
    assert read_stored(tmp_path / "p.1.jpg").pixels.shape == (20, 40, 3)


def test_unknown_colour_space_is_refused_before_files_are_looked_for() -> None:
    with pytest.raises(RequestError, match="There is no colour space"):
        Plate.open("/nowhere/p.%04d.exr", "rec2100")


@pytest.mark.skipif(importlib.util.find_spec("OpenImageIO") is None, reason="the extra 'plates' is not installed")
def test_dpx_is_read_and_truncated_dpx_refused(tmp_path: Path) -> None:
    import OpenImageIO as oiio

    pixels = np.random.default_rng(0).random((32, 48, 3)).astype(np.float32)
    path = tmp_path / "p.1001.dpx"
    spec = oiio.ImageSpec(48, 32, 3, "uint10")
    image = oiio.ImageOutput.create(str(path))
    assert image.open(str(path), spec) and image.write_image(pixels)
    image.close()
    plate = Plate.open(str(tmp_path))
    assert plate.colorspace == "srgb"
    assert np.abs(plate.read(1001) - pixels).max() < 1.1e-3
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(RequestError, match="Frame 1001 cannot be read: p.1001.dpx"):
        Plate.open(str(tmp_path)).read(1001)
