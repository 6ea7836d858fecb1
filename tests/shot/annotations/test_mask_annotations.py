"""Mask files of every kind: which objects they hold, where, how soft, and what the network is told."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest
from PIL import Image

from tests.make_data import with_attributes
from xmemcore.protocol.failures import Busy, RequestError
from xmemcore.protocol.names import layer_names
from xmemcore.shot.annotations.annotations import network_mask_from_coverage
from xmemcore.shot.annotations.mask_exrs import ExrMasks
from xmemcore.shot.annotations.mask_pictures import PictureMasks
from xmemcore.shot.annotations.masks import MaskAnnotations
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.sequence import Sequence
from xmemcore.shot.mattes.mattes import MatteWriter
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.plate.plate import Plate
from xmemcore.shot.plate.resampling import nearest, resampled

HEIGHT, WIDTH = 12, 20
SHAPES = np.zeros((90, 160), np.uint8)
SHAPES[10:80, 20:70] = SHAPES[30:60, 90:140] = 255
OVERSCAN = 2


@pytest.fixture
def plate() -> Plate:
    """A plate of 20 x 12 with two pixels of overscan all around; its frames are not read here."""
    display = Box(0, 0, WIDTH, HEIGHT)
    box = Box(-OVERSCAN, -OVERSCAN, WIDTH + OVERSCAN, HEIGHT + OVERSCAN)
    return Plate(Sequence("plate.%04d.exr", {1001: Path("plate.1001.exr")}), Canvas(box, display), "linear")


def labels(*boxes: tuple[int, int, int, int, int]) -> np.ndarray:
    """Draw boxes (x0, y0, x1, y1, index)."""
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for x0, y0, x1, y1, index in boxes:
        pixels[y0:y1, x0:x1] = index
    return pixels


def save_index(folder: Path, frame: int, pixels: np.ndarray) -> None:
    image = Image.fromarray(pixels, "P")
    # The palette is no identity: whoever takes its colours for the indices is found out.
    image.putpalette([value for index in range(256) for value in ((index * 37) % 256, (index * 91 + 40) % 256, 255 - index)])
    image.save(folder / f"m.{frame}.png")


def save_picture(folder: Path, frame: int, pixels: np.ndarray) -> None:
    cv2.imwrite(str(folder / f"m.{frame}.png"), pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]] if pixels.ndim == 3 else pixels)


def save_exr(path: Path, channels: dict[str, np.ndarray], x0: int = 0, y0: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    height, width = next(iter(channels.values())).shape
    header = {
        "type": OpenEXR.scanlineimage,
        "compression": OpenEXR.ZIP_COMPRESSION,
        "displayWindow": (np.array((0, 0), np.int32), np.array((size[0] - 1, size[1] - 1), np.int32)),
        "dataWindow": (np.array((x0, y0), np.int32), np.array((x0 + width - 1, y0 + height - 1), np.int32)),
    }
    OpenEXR.File(header, {name: np.ascontiguousarray(plane) for name, plane in channels.items()}).write(str(path))


def format_part(matte: np.ndarray) -> np.ndarray:
    return matte[OVERSCAN:-OVERSCAN, OVERSCAN:-OVERSCAN]


def test_index_pictures_name_objects_by_their_index_over_all_files(tmp_path: Path, plate: Plate) -> None:
    save_index(tmp_path, 1001, labels((2, 2, 8, 8, 1), (10, 2, 14, 6, 12)))
    save_index(tmp_path, 1002, labels((2, 2, 8, 8, 2)))
    masks = MaskAnnotations.open(str(tmp_path), plate)
    assert masks.objects == ("1", "2", "12")
    assert layer_names(masks.objects) == ["obj_1", "obj_2", "obj_12"]
    assert masks.keyframes == (1001, 1002)
    assert np.array_equal(format_part(masks.matte(1001, 2)), labels((10, 2, 14, 6, 1)).astype(np.float32))
    assert masks.known(1002) == {0, 1, 2} and masks.known(1003) == frozenset()
    assert masks.network_mask(1002, 0, (6, 10)) is None, "missing from a full index mask is absent"
    assert not masks.matte(1002, 0).any()


def test_objects_stay_when_other_keyframes_are_chosen(tmp_path: Path, plate: Plate) -> None:
    save_index(tmp_path, 1001, labels((2, 2, 8, 8, 1)))
    save_index(tmp_path, 1002, labels((2, 2, 8, 8, 2)))
    masks = MaskAnnotations.open(str(tmp_path), plate, keyframes=(1001,))
    assert masks.objects == ("1", "2") and masks.keyframes == (1001,)


def test_grey_pictures_of_small_values_are_indices_even_where_a_frame_is_empty(tmp_path: Path, plate: Plate) -> None:
    save_picture(tmp_path, 1001, labels((2, 2, 8, 8, 3), (10, 2, 14, 6, 255)))
    save_picture(tmp_path, 1002, labels())
    masks = MaskAnnotations.open(str(tmp_path), plate)
    assert masks.objects == ("3",), "void is nobody"
    assert not masks.matte(1002, 0).any()


def test_grey_pictures_are_one_soft_object(tmp_path: Path, plate: Plate) -> None:
    soft = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    save_picture(tmp_path, 1001, soft)
    save_picture(tmp_path, 1002, labels((2, 2, 8, 8, 255)))
    save_picture(tmp_path, 1003, np.repeat(soft[..., None], 3, axis=2))
    masks = MaskAnnotations.open(str(tmp_path), plate)
    assert masks.objects == ("mask",)
    assert np.allclose(format_part(masks.matte(1001, 0)), soft / 255)
    assert np.array_equal(masks.matte(1001, 0), masks.matte(1003, 0))
    assert format_part(masks.matte(1002, 0)).sum() == 36


def test_sixteen_bits_of_a_picture_are_kept(tmp_path: Path, plate: Plate) -> None:
    soft = np.tile(np.linspace(0, 65535, WIDTH).astype(np.uint16), (HEIGHT, 1))
    save_picture(tmp_path, 1001, soft)
    save_picture(tmp_path, 1002, np.stack([soft, soft[:, ::-1], soft // 2], axis=-1))
    masks = MaskAnnotations.open(str(tmp_path), plate, keyframes=(1002,))
    assert masks.objects == ("red", "green", "blue")
    assert np.abs(format_part(masks.matte(1002, 1)) - soft[:, ::-1] / 65535).max() < 1e-7


def test_small_numbers_in_sixteen_bits_are_indices_and_larger_ones_are_doubted(tmp_path: Path, plate: Plate) -> None:
    save_picture(tmp_path, 1001, labels((2, 2, 8, 8, 1), (10, 2, 14, 6, 2)).astype(np.uint16))
    masks = MaskAnnotations.open(str(tmp_path), plate)
    assert masks.objects == ("1", "2") and masks.matte(1001, 0).sum() == 36
    for factor, faint in ((1000, True), (30000, False)):
        save_picture(tmp_path, 1001, labels((2, 2, 8, 8, 1), (10, 2, 14, 6, 2)).astype(np.uint16) * factor)
        masks = MaskAnnotations.open(str(tmp_path), plate)
        assert masks.objects == ("mask",)
        (warning,) = masks.warnings
        assert ("nowhere brighter than 3.1 % of white" if faint else "looks like an index mask saved as greys") in warning


SOFT = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
WHITE_BOX = labels((2, 2, 8, 8, 255))


@pytest.mark.parametrize(
    "other",
    [SOFT, WHITE_BOX, WHITE_BOX.astype(np.uint16) * 257, np.stack([WHITE_BOX] * 4, axis=-1)],
    ids=["soft", "white", "deep", "alpha"],
)
@pytest.mark.parametrize("palette", [True, False])
def test_indices_beside_masks_of_another_kind_are_refused(tmp_path: Path, plate: Plate, palette: bool, other: np.ndarray) -> None:
    (save_index if palette else save_picture)(tmp_path, 1001, labels((2, 2, 8, 8, 1), (10, 2, 14, 6, 2)))
    save_picture(tmp_path, 1002, other)
    if not palette and other is not WHITE_BOX and other.ndim == 2:
        # Beside a soft matte, small numbers are one that has nearly gone.
        assert MaskAnnotations.open(str(tmp_path), plate).objects == ("mask",)
        return
    with pytest.raises(RequestError, match=r"m.1001.png holds|m.1002.png holds"):
        MaskAnnotations.open(str(tmp_path), plate)


def test_white_without_an_alpha_beside_alphas_is_refused_and_black_is_absent(tmp_path: Path, plate: Plate) -> None:
    save_picture(tmp_path, 1001, np.stack([WHITE_BOX] * 4, axis=-1))
    save_picture(tmp_path, 1002, labels())
    masks = MaskAnnotations.open(str(tmp_path), plate)
    assert masks.matte(1001, 0).sum() == 36 and not masks.matte(1002, 0).any()
    save_picture(tmp_path, 1002, WHITE_BOX)
    with pytest.raises(RequestError, match=r"m.1001.png holds an alpha, m.1002.png holds white alone. Save all of them in one way"):
        MaskAnnotations.open(str(tmp_path), plate)


def test_palette_of_greys_is_a_grey_picture(tmp_path: Path, plate: Plate) -> None:
    Image.fromarray(SOFT).convert("P").save(tmp_path / "m.1001.png")
    masks = MaskAnnotations.open(str(tmp_path), plate)
    assert masks.objects == ("mask",) and np.allclose(format_part(masks.matte(1001, 0)), SOFT / 255)


def test_labels_saved_as_greys_are_doubted_and_soft_mattes_are_not(tmp_path: Path) -> None:
    pixels = np.zeros((90, 160), np.uint8)
    pixels[10:80, 20:70], pixels[30:60, 90:140] = 100, 200
    (warning,) = doubts(tmp_path, pixels)
    assert warning.startswith("The mask m.1001.png looks like an index mask saved as greys")
    for blur in (1, 3, 7, 31):
        assert doubts(tmp_path, cv2.GaussianBlur((pixels > 0) * np.uint8(255), (blur, blur), 0)) == []


def test_each_colour_is_an_object_also_where_a_frame_is_black(tmp_path: Path, plate: Plate) -> None:
    save_picture(tmp_path, 1001, np.stack([labels((2, 2, 8, 8, 255)), labels((9, 2, 12, 8, 128)), labels()], axis=-1))
    save_picture(tmp_path, 1002, np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    save_picture(tmp_path, 1003, labels())
    masks = MaskAnnotations.open(str(tmp_path), plate)
    assert masks.objects == ("red", "green") and layer_names(masks.objects) == ["obj_red", "obj_green"]
    assert format_part(masks.matte(1001, 1)).max() == np.float32(128 / 255)
    assert not masks.matte(1002, 0).any() and not masks.matte(1003, 1).any()


def doubts(folder: Path, pixels: np.ndarray) -> list[str]:
    """Save one coloured picture of any size and give what is said of it as masks."""
    save_picture(folder, 1001, pixels)
    return list(picture_masks(folder, pixels.shape).warnings)


def picture_masks(folder: Path, shape: tuple[int, ...]) -> PictureMasks:
    """Look through a folder of masks of one size."""
    format_ = Box(0, 0, shape[1], shape[0])
    return PictureMasks(Sequence.find(str(folder), "masks"), Canvas(format_, format_), frozenset((1001,)))


@pytest.mark.parametrize("blur", [1, 7, 31])
@pytest.mark.parametrize("colours", [1, 3])
def test_white_in_a_jpeg_is_one_object_however_soft(tmp_path: Path, blur: int, colours: int) -> None:
    pixels = cv2.GaussianBlur(SHAPES, (blur, blur), 0)
    Image.fromarray(pixels if colours == 1 else np.stack([pixels] * 3, axis=-1)).save(tmp_path / "m.1001.jpg", quality=75)
    masks = picture_masks(tmp_path, pixels.shape)
    assert masks.objects == ("mask",) and masks.warnings == []


def test_jpeg_keeps_no_numbers_of_objects(tmp_path: Path) -> None:
    Image.fromarray(SHAPES // 127).save(tmp_path / "m.1001.jpg", quality=90)
    with pytest.raises(RequestError, match="m.1001.jpg in .* is a JPEG of small numbers, .* Save index masks as PNG"):
        picture_masks(tmp_path, SHAPES.shape)
    Image.fromarray(SHAPES // 255 * 80 + np.roll(SHAPES, 20, 1) // 255 * 80).save(tmp_path / "m.1001.jpg", quality=75)
    (warning,) = picture_masks(tmp_path, SHAPES.shape).warnings
    assert warning.startswith("The mask m.1001.jpg looks like an index mask saved as greys")


def test_what_jpeg_spills_into_a_colour_is_no_object(tmp_path: Path) -> None:
    pixels = np.stack([SHAPES, np.roll(SHAPES, 60, 1), SHAPES * 0], axis=-1)
    Image.fromarray(pixels).save(tmp_path / "m.1001.jpg", quality=75)
    assert picture_masks(tmp_path, SHAPES.shape).objects == ("red", "green")


def test_a_palette_that_numbers_the_greys_of_a_soft_matte_is_a_grey_picture(tmp_path: Path) -> None:
    soft = cv2.GaussianBlur(SHAPES, (9, 9), 0)
    Image.fromarray(np.stack([soft] * 3, axis=-1)).quantize(16).save(tmp_path / "m.1001.png")
    masks = picture_masks(tmp_path, SHAPES.shape)
    assert masks.objects == ("mask",) and np.abs(masks.mask(1001, "mask") - soft / np.float32(255)).max() < 0.15
    labels_ = np.arange(6, dtype=np.uint8).repeat(15)[:, None].repeat(160, 1)
    image = Image.fromarray(labels_, "P")
    image.putpalette([grey for grey in (0, 51, 102, 153, 204, 255) for _ in range(3)])
    image.save(tmp_path / "m.1001.png")
    assert picture_masks(tmp_path, SHAPES.shape).objects == ("1", "2", "3", "4", "5"), "flat greys are labels"


def test_exr_picture_that_is_no_mask_is_doubted(tmp_path: Path, plate: Plate) -> None:
    noise = np.random.default_rng(1).random((3, HEIGHT, WIDTH)).astype(np.float16)
    save_exr(tmp_path / "m.1001.exr", dict(zip("RGB", noise)))
    (warning,) = MaskAnnotations.open(str(tmp_path), plate).warnings
    assert warning.startswith("The mask m.1001.exr looks like a picture, not a mask")


@pytest.mark.parametrize("blur", [1, 3])
def test_labels_saved_as_colours_are_doubted(tmp_path: Path, blur: int) -> None:
    pixels = np.zeros((90, 160, 3), np.uint8)
    for place, colour in enumerate(((128, 0, 0), (0, 128, 0), (128, 128, 0))):
        pixels[10:80, 5 + place * 50 : 50 + place * 50] = colour
    (warning,) = doubts(tmp_path, cv2.GaussianBlur(pixels, (blur, blur), 0))
    assert warning.startswith("The mask m.1001.png looks like an index mask saved as RGB") and "Save it with its palette" in warning


def test_picture_that_is_no_mask_is_doubted(tmp_path: Path) -> None:
    (warning,) = doubts(tmp_path, np.random.default_rng(1).integers(0, 256, (90, 160, 3), np.uint8))
    assert "looks like a picture, not a mask" in warning and warning.endswith("Check the path of the masks.")


@pytest.mark.parametrize("blur", [1, 7, 31])
def test_objects_in_colours_are_not_doubted_however_soft(tmp_path: Path, blur: int) -> None:
    pixels = np.zeros((90, 160, 3), np.uint8)
    pixels[:45, :80, 0] = pixels[20:, 50:, 1] = 255
    assert doubts(tmp_path, cv2.GaussianBlur(pixels, (blur, blur), 0)) == []


def test_alpha_of_white_pictures_is_the_mask(tmp_path: Path, plate: Plate) -> None:
    white = np.full((HEIGHT, WIDTH), 255, np.uint8)
    for frame, alpha in ((1001, labels((2, 2, 8, 8, 200))), (1002, labels())):
        save_picture(tmp_path, frame, np.stack([white, white, white, alpha], axis=-1))
    masks = MaskAnnotations.open(str(tmp_path), plate)
    assert format_part(masks.matte(1001, 0)).max() == np.float32(200 / 255)
    assert not masks.matte(1002, 0).any()


def test_exr_layers_are_objects_with_soft_values_and_windows(tmp_path: Path, plate: Plate) -> None:
    body, sleeve = np.full((4, 5), 0.25, np.float16), np.full((4, 5), 0.75, np.float16)
    colour = np.ones((4, 5), np.float16)
    channels = {"A": colour, "body.alpha": body, "body.red": colour, "sleeve.red": sleeve, "confidence.value": colour, "depth.Z": colour}
    save_exr(tmp_path / "m.1001.exr", channels, x0=-1, y0=3)
    masks = MaskAnnotations.open(str(tmp_path), plate)
    assert masks.objects == ("body", "sleeve")
    matte = masks.matte(1001, 0)
    assert matte.shape == (HEIGHT + 2 * OVERSCAN, WIDTH + 2 * OVERSCAN)
    assert matte.dtype == np.float32 and matte.sum() == 20 * 0.25
    assert np.all(matte[3 + OVERSCAN : 7 + OVERSCAN, OVERSCAN - 1 : OVERSCAN + 4] == 0.25)


def test_exr_channels_without_layers_are_objects(tmp_path: Path, plate: Plate) -> None:
    save_exr(tmp_path / "m.1001.exr", {name: labels((2, 2, 8, 8, 1)).astype(np.float16) for name in ("A", "hat", "coat")})
    assert MaskAnnotations.open(str(tmp_path), plate).objects == ("coat", "hat")


@pytest.mark.parametrize(
    ("names", "objects"),
    [("RGBA", ("mask",)), ("A", ("mask",)), ("Y", ("mask",)), ("RGB", ("mask",))],
)
def test_plain_exr_is_one_object(tmp_path: Path, plate: Plate, names: str, objects: tuple[str, ...]) -> None:
    save_exr(tmp_path / "m.1001.exr", {name: labels((2, 2, 8, 8, 1)).astype(np.float16) for name in names})
    assert MaskAnnotations.open(str(tmp_path), plate).objects == objects


def test_different_colours_of_an_exr_without_alpha_are_objects(tmp_path: Path, plate: Plate) -> None:
    save_exr(tmp_path / "m.1001.exr", {name: labels((place, 2, 8, 8, 1)).astype(np.float32) for place, name in enumerate("RGB")})
    masks = MaskAnnotations.open(str(tmp_path), plate)
    assert masks.objects == ("B", "G", "R")
    assert masks.matte(1001, masks.objects.index("G")).sum() == 7 * 6


@pytest.mark.parametrize(("names", "objects"), [("RGB", ("B", "G", "R")), ("Y", ("mask",))])
def test_an_alpha_that_is_1_everywhere_is_no_mask(tmp_path: Path, plate: Plate, names: str, objects: tuple[str, ...]) -> None:
    planes = {name: labels((place + 1, 2, 8, 8, 1)).astype(np.float16) for place, name in enumerate(names)}
    for frame in (1001, 1002):
        save_exr(tmp_path / f"m.{frame}.exr", {**planes, "A": np.ones((HEIGHT, WIDTH), np.float16)})
    masks = MaskAnnotations.open(str(tmp_path), plate)
    assert masks.objects == objects and np.array_equal(format_part(masks.matte(1002, len(objects) - 1)), planes[names[0]])
    save_exr(tmp_path / "m.1002.exr", {**planes, "A": planes[names[0]]})
    assert MaskAnnotations.open(str(tmp_path), plate).objects == ("mask",), "on one frame it shows something"


@pytest.mark.parametrize("told", [True, False])
def test_cryptomattes_are_no_masks(tmp_path: Path, plate: Plate, told: bool) -> None:
    name = "ids" if told else "ViewLayer.CryptoObject"
    ranks = {f"{name}00.{channel}": labels((2, 2, 8, 8, 1)).astype(np.float32) for channel in "RGBA"}
    means = [("cryptomatte/1234567/name", "string", name.encode())] if told else []
    save_exr(tmp_path / "m.1001.exr", {**ranks, "hat.A": ranks[f"{name}00.R"]})
    with_attributes(tmp_path / "m.1001.exr", means)
    assert MaskAnnotations.open(str(tmp_path), plate).objects == ("hat",)
    save_exr(tmp_path / "m.1001.exr", ranks)
    with_attributes(tmp_path / "m.1001.exr", means)
    with pytest.raises(RequestError, match="Its Cryptomatte holds ids: pick the objects in Nuke's Cryptomatte node"):
        MaskAnnotations.open(str(tmp_path), plate)


def test_passes_of_our_mattes_are_no_objects(tmp_path: Path, plate: Plate) -> None:
    plane = labels((2, 2, 8, 8, 1)).astype(np.float32)
    channels = dict.fromkeys(("A", "hat.alpha", "core.value", "edge.value", "confidence.value", "XMemRoto00.R", "XMemRoto00.A"), plane)
    save_exr(tmp_path / "m.1001.exr", channels)
    with_attributes(tmp_path / "m.1001.exr", [("xmem/signature", "string", b"0123")])
    assert MaskAnnotations.open(str(tmp_path), plate).objects == ("hat",)


def test_parts_of_an_exr_are_layers(tmp_path: Path, plate: Plate) -> None:
    parts = [
        OpenEXR.Part(
            {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION, "name": name},
            {"A": np.full((HEIGHT, WIDTH), value, np.float16)},
            name,
        )
        for name, value in (("rgba", 1.0), ("hat", 0.5), ("coat", 0.25))
    ]
    OpenEXR.File(parts).write(str(tmp_path / "m.1001.exr"))
    masks = MaskAnnotations.open(str(tmp_path), plate)
    assert masks.objects == ("coat", "hat")
    assert format_part(masks.matte(1001, 1)).max() == 0.5


def test_exr_without_an_objects_layer_says_nothing_of_it(tmp_path: Path, plate: Plate) -> None:
    mask = labels((2, 2, 8, 8, 1)).astype(np.float16)
    save_exr(tmp_path / "m.1001.exr", {"hat.alpha": mask, "coat.alpha": mask * 0})
    save_exr(tmp_path / "m.1002.exr", {"hat.alpha": mask})
    masks = MaskAnnotations.open(str(tmp_path), plate)
    assert masks.objects == ("coat", "hat")
    assert masks.known(1001) == {0, 1} and masks.known(1002) == {1}
    assert masks.network_mask(1001, 0, (6, 10)) is None, "an empty layer is absent"


def test_values_that_are_no_mask_are_brought_into_range(tmp_path: Path, plate: Plate) -> None:
    strange = np.array([[np.nan, np.inf, -np.inf, -0.5, 2.0, 0.5]], np.float32)
    save_exr(tmp_path / "m.1001.exr", {"A": strange})
    assert MaskAnnotations.open(str(tmp_path), plate).matte(1001, 0)[OVERSCAN, OVERSCAN : OVERSCAN + 6].tolist() == [0, 1, 0, 0, 1, 0.5]


def test_our_own_mattes_come_back_under_the_artists_names(tmp_path: Path, plate: Plate) -> None:
    writer = MatteWriter(tmp_path / "m.%04d.exr", plate.canvas, [("left_arm", "left arm"), ("obj_1", "1")], {})
    mattes = np.zeros((2, plate.canvas.height, plate.canvas.width), np.float32)
    mattes[0, 3:6, 4:9], mattes[1, 0, 0] = 0.5, 1
    writer.write(1001, mattes, mattes.max(axis=0), keyframe=True)
    masks = MaskAnnotations.open(str(tmp_path), plate)
    assert masks.objects == ("1", "left arm")
    assert np.array_equal(masks.matte(1001, 1), mattes[0]) and np.array_equal(masks.matte(1001, 0), mattes[1])


@pytest.mark.parametrize("size", [(WIDTH // 2, HEIGHT), (WIDTH + 1, HEIGHT), (WIDTH, HEIGHT - 1)])
def test_mask_of_another_size_is_refused_by_name(tmp_path: Path, plate: Plate, size: tuple[int, int]) -> None:
    (tmp_path / "exr").mkdir()
    (tmp_path / "png").mkdir()
    save_exr(tmp_path / "exr" / "m.1001.exr", {"A": np.ones((3, 3), np.float16)}, size=size)
    save_index(tmp_path / "png", 1001, np.ones(size[::-1], np.uint8))
    for folder, name in (("exr", "m.1001.exr"), ("png", "m.1001.png")):
        with pytest.raises(RequestError, match=rf"{name} .* is {size[0]}x{size[1]}, but the plate's format is {WIDTH}x{HEIGHT}"):
            MaskAnnotations.open(str(tmp_path / folder), plate)


@pytest.mark.parametrize("keep", [0, 5, 40, 90])
def test_truncated_mask_is_refused_by_name(tmp_path: Path, plate: Plate, keep: int) -> None:
    rng = np.random.default_rng(1)
    save_index(tmp_path, 1001, rng.integers(0, 3, (HEIGHT, WIDTH), np.uint8))
    path = tmp_path / "m.1001.png"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(RequestError, match="m.1001.png .* is truncated"):
        MaskAnnotations.open(str(tmp_path), plate)


def test_damaged_mask_that_is_no_keyframe_is_left_out_with_a_warning(tmp_path: Path, plate: Plate) -> None:
    save_index(tmp_path, 1001, labels((2, 2, 8, 8, 1)))
    (tmp_path / "m.1002.png").write_bytes(b"no picture")
    masks = MaskAnnotations.open(str(tmp_path), plate, keyframes=(1001,))
    assert masks.objects == ("1",)
    assert len(masks.warnings) == 1 and "m.1002.png" in masks.warnings[0] and "left out" in masks.warnings[0]


def test_keyframe_without_a_mask_and_empty_masks_have_their_sentences(tmp_path: Path, plate: Plate) -> None:
    save_index(tmp_path, 1001, labels())
    with pytest.raises(RequestError, match="no mask for keyframe 1005 .* Masks exist for 1001"):
        MaskAnnotations.open(str(tmp_path), plate, keyframes=(1005,))
    with pytest.raises(RequestError, match="are all empty"):
        MaskAnnotations.open(str(tmp_path), plate)


def test_mask_without_a_number_is_that_of_a_still_and_of_no_other_plate(tmp_path: Path, plate: Plate) -> None:
    Image.fromarray(np.full((HEIGHT, WIDTH), 255, np.uint8)).save(tmp_path / "sleeve.png")
    with pytest.raises(RequestError, match=r"sleeve\.png in .* has no frame number, .* Call it, for example, sleeve\.1001\.png\."):
        MaskAnnotations.open(str(tmp_path / "sleeve.png"), plate)
    Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(tmp_path / "still.png")
    assert MaskAnnotations.open(str(tmp_path / "sleeve.png"), Plate.open(str(tmp_path / "still.png"))).keyframes == (1,)


def test_signature_changes_with_the_mask_and_with_nothing_else(tmp_path: Path, plate: Plate) -> None:
    save_index(tmp_path, 1001, labels((2, 2, 8, 8, 1), (10, 2, 14, 6, 2)))
    before = MaskAnnotations.open(str(tmp_path), plate)
    save_index(tmp_path, 1001, labels((2, 2, 8, 8, 1), (10, 2, 14, 7, 2)))
    after = MaskAnnotations.open(str(tmp_path), plate)
    assert before.signature(1001, 0) == after.signature(1001, 0)
    assert before.signature(1001, 1) != after.signature(1001, 1)


def test_published_masks_are_nearest_neighbours() -> None:
    image = np.arange(7 * 9, dtype=np.float32).reshape(7, 9)
    for height, width in ((3, 4), (7, 9), (1, 1), (14, 5)):
        slow = [[image[y * 7 // height, x * 9 // width] for x in range(width)] for y in range(height)]
        assert np.array_equal(nearest(image, (height, width)), slow)


def test_shrinking_averages_also_where_the_other_axis_grows() -> None:
    image = np.zeros((8, 4), np.float32)
    image[::2] = 1
    assert np.allclose(resampled(image, (4, 8)), 0.5), "plain bilinear would see one row of two"
    assert resampled(image, (8, 4)) is image


def test_half_covered_pixels_are_the_objects() -> None:
    assert network_mask_from_coverage(np.array([[0.49, 0.5, 1.0, 0.0]], np.float32)).tolist() == [[0, 1, 1, 0]]


def test_thin_object_keeps_its_best_covered_pixels() -> None:
    wire = np.zeros((9, 9), np.float32)
    wire[4] = 0.25
    wire[5] = 0.05
    mask = network_mask_from_coverage(wire)
    assert mask[4].all() and mask.sum() == 9, "a wire stays whole: equal pixels are kept together"
    assert not network_mask_from_coverage(np.zeros((4, 4), np.float32)).any()


# Several sequences


def test_folder_for_each_object_gives_objects_of_their_names(tmp_path: Path, plate: Plate) -> None:
    for name, frames in (("arm", (1001, 1002)), ("leg", (1002,))):
        (tmp_path / name).mkdir()
        for frame in frames:
            save_index(tmp_path / name, frame, labels((2, 2, 8, 8, 1)))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "read me.txt").write_text("nothing")
    masks = MaskAnnotations.open(str(tmp_path), plate)
    assert masks.objects == ("arm", "leg") and masks.keyframes == (1001, 1002)
    assert masks.known(1001) == {0} and masks.known(1002) == {0, 1}
    assert format_part(masks.matte(1002, 1))[2:8, 2:8].all()
    assert MaskAnnotations.open(str(tmp_path), plate, keyframes=[1002]).known(1001) == frozenset()
    with pytest.raises(RequestError, match="no mask for keyframe 1003 .* Masks exist for 1001, 1002"):
        MaskAnnotations.open(str(tmp_path), plate, keyframes=[1003])


def test_prefix_for_each_object_gives_objects_of_their_names(tmp_path: Path, plate: Plate) -> None:
    for frame in (1001, 1002):
        cv2.imwrite(str(tmp_path / f"arm_mask.{frame}.png"), labels((2, 2, 8, 8, 255)))
        save_exr(tmp_path / f"leg-{frame}.exr", {"A": np.full((3, 3), 0.5, np.float16)}, 4, 5)
        cv2.imwrite(str(tmp_path / f"{frame}_hand.png"), labels((0, 0, 2, 2, 200)))
    masks = MaskAnnotations.open(str(tmp_path), plate)
    assert masks.objects == ("arm_mask", "hand", "leg")
    assert format_part(masks.matte(1001, 2))[5:8, 4:7].max() == 0.5
    assert masks.known(1002) == {0, 1, 2}


def test_several_objects_in_one_of_several_folders_keep_their_own_names_too(tmp_path: Path, plate: Plate) -> None:
    for name, pixels in (("crowd", labels((2, 2, 8, 8, 1), (10, 2, 14, 6, 2))), ("hero", labels((0, 0, 2, 2, 1)))):
        (tmp_path / name).mkdir()
        save_index(tmp_path / name, 1001, pixels)
    assert MaskAnnotations.open(str(tmp_path), plate).objects == ("crowd.1", "crowd.2", "hero")


def test_versions_are_no_objects_and_one_object_is_not_there_twice(tmp_path: Path, plate: Plate) -> None:
    for name in ("m_v1.1001.png", "m_v2.1001.png", "m_v1.1002.png", "m_v2.1002.png"):
        cv2.imwrite(str(tmp_path / name), labels((2, 2, 8, 8, 255)))
    with pytest.raises(
        RequestError, match=r"several sequences \(m_v1.%04d.png, m_v2.%04d.png\) that differ in numbers only. Name one of them, or put"
    ):
        MaskAnnotations.open(str(tmp_path), plate)
    for frame in (1001, 1002):
        (tmp_path / f"m_v2.{frame}.png").unlink()
    save_exr(tmp_path / "m_v1.1001.exr", {"A": np.ones((3, 3), np.float16)})
    with pytest.raises(RequestError, match="holds two sequences for the object m_v1. Remove one of them"):
        MaskAnnotations.open(str(tmp_path), plate)


def test_our_own_mattes_beside_masks_and_plates_are_not_taken_for_them(tmp_path: Path, plate: Plate) -> None:
    for frame in (1001, 1002):
        cv2.imwrite(str(tmp_path / f"arm.{frame}.png"), labels((2, 2, 8, 8, 255)))
    canvas = Canvas(Box(0, 0, WIDTH, HEIGHT), Box(0, 0, WIDTH, HEIGHT))
    (tmp_path / "mattes").mkdir()
    for out in (tmp_path / "matte.%04d.exr", tmp_path / "mattes" / "matte.%04d.exr"):
        writer = MatteWriter(out, canvas, [("arm", "arm")], {"xmem/version": "0.3.0"})
        writer.write(1001, np.ones((1, HEIGHT, WIDTH), np.float32), np.ones((HEIGHT, WIDTH), np.float32), keyframe=True)
    assert Sequence.find(str(tmp_path)).frames == (1001, 1002)
    assert MaskAnnotations.open(str(tmp_path), plate).objects == ("mask",)
    assert Sequence.find(str(tmp_path), "mattes").frames == (1001,)


def test_whole_numbers_in_an_exr_mask_are_no_coverage(tmp_path: Path, plate: Plate) -> None:
    save_exr(tmp_path / "m.1001.exr", {"id": np.full((3, 3), 7, np.uint32)})
    with pytest.raises(RequestError, match="Channel id of the mask m.1001.exr .* holds whole numbers up to 7, as ids do"):
        MaskAnnotations.open(str(tmp_path), plate)
    save_exr(tmp_path / "m.1001.exr", {"id": np.ones((3, 3), np.uint32)})
    assert MaskAnnotations.open(str(tmp_path), plate).matte(1001, 0).max() == 1
    save_exr(tmp_path / "m.1001.exr", {"id": np.arange(9, dtype=np.float32).reshape(3, 3)})
    with pytest.raises(RequestError, match="holds whole numbers up to 8, as ids do"):
        MaskAnnotations.open(str(tmp_path), plate)
    save_exr(tmp_path / "m.1001.exr", {"A": np.float32([[0, 255, 255]])})
    assert MaskAnnotations.open(str(tmp_path), plate).matte(1001, 0).sum() == 2


@pytest.mark.parametrize("suffix", ["exr", "png"])
def test_masks_with_attributes_that_no_pixel_needs_are_read(tmp_path: Path, plate: Plate, suffix: str) -> None:
    path = tmp_path / f"m.1001.{suffix}"
    save_exr(tmp_path / "m.1001.exr", {"A": np.ones((3, 3), np.float16)}, 4, 5)
    with_attributes(tmp_path / "m.1001.exr", [("preview", "preview", bytes(8)), ("owner", "string", b"\xe9")])
    (tmp_path / "m.1001.exr").rename(path)
    assert format_part(MaskAnnotations.open(str(tmp_path), plate).matte(1001, 0))[5:8, 4:7].all(), "what counts is the content"


def test_movie_given_as_masks_says_how_to_export_frames(tmp_path: Path, plate: Plate) -> None:
    (tmp_path / "m.mov").write_bytes(b"\0\0\0\x14ftypqt  ")
    for pattern in (tmp_path, tmp_path / "m.mov"):
        with pytest.raises(RequestError, match="is a movie, and movies are not read.*Export the frames"):
            MaskAnnotations.open(str(pattern), plate)


@pytest.mark.parametrize("kind", ["png", "exr"])
def test_a_mask_that_is_written_again_while_a_run_reads_it_is_refused(tmp_path: Path, plate: Plate, kind: str) -> None:
    def save(frame: int, width: int) -> None:
        pixels = labels((2, 2, 2 + width, 6, 1))
        if kind == "png":
            save_index(tmp_path, frame, pixels)
        else:
            save_exr(tmp_path / f"m.{frame}.exr", {"1.alpha": pixels.astype(np.float16)})

    frames = (1001, 1002, 1003, 1004)
    for frame in frames:
        save(frame, 3)
    reader = PictureMasks if kind == "png" else ExrMasks
    masks = reader(Sequence.find(str(tmp_path), "masks"), plate.canvas, frozenset(frames))
    for frame in frames:
        assert masks.mask(frame, "1").sum() == 12
    save(1001, 9)
    os.utime(tmp_path / f"m.1001.{kind}", ns=(1, 1))  # a clock may be too coarse for a test
    with pytest.raises(Busy, match=f"The mask m.1001.{kind} in .* was written again while it was read here. Run this again"):
        masks.mask(1001, "1")
    assert masks.mask(1002, "1").sum() == 12
