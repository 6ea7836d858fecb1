"""Header attributes that no pixel needs never stop or kill reading; what a header chooses for the artist is said."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from tests.make_data import half_noise, with_attributes, write_exr, write_parts
from xmemcore.protocol.failures import RequestError
from xmemcore.shot.files import exr, exr_layout
from xmemcore.shot.files.box import Box
from xmemcore.shot.plate.plate import Plate

WINDOW = (0, 0, 24, 40)
ATTRIBUTES = {
    "preview": ("preview", "preview", struct.pack("<II", 2, 2) + bytes(16)),
    "huge preview": ("preview", "preview", struct.pack("<II", 4_000_000, 4_000_000)),
    "empty preview": ("preview", "preview", b""),
    "Latin-1": ("owner", "string", b"Universit\xe9"),
    "empty text": ("owner", "string", b""),
    "UTF-16": ("comments", "string", "plate".encode("utf-16")),
    "text with zeros": ("comments", "string", b"a\0b\0"),
    "text list": ("aces", "stringvector", struct.pack("<i", 3) + b"\xff\xfe\xfd"),
    "damaged text list": ("aces", "stringvector", b"\xff\xff\xff\x7f"),
    "deep state": ("deepImageState", "deepImageState", b"\1"),
    "unknown type": ("studio/thing", "studioType", b"\0\1\2"),
    "unknown empty type": ("studio/none", "x", b""),
    "opaque": ("blob", "opaque", bytes(3000)),
    "bytes": ("blob", "bytes", struct.pack("<I", 4) + b"blob\0\1\2"),
    "id manifest": ("idManifest", "idmanifest", bytes(range(40))),
    "environment map": ("envmap", "envmap", b"\7"),
    "key code": ("keyCode", "keycode", b"\xff" * 28),
    "time code": ("timeCode", "timecode", b"\xff" * 8),
    "rational": ("framesPerSecond", "rational", bytes(8)),
    "list of floats": ("sensor", "floatvector", bytes(13)),
    "m33d": ("a", "m33d", bytes(72)),
    "m44d": ("b", "m44d", bytes(128)),
    "v2d": ("c", "v2d", bytes(16)),
    "v3d": ("d", "v3d", bytes(24)),
    "v2i of a wrong length": ("e", "v2i", bytes(3)),
    "int of a wrong length": ("f", "int", bytes(3)),
    "double": ("g", "double", bytes(8)),
    "box2f": ("h", "box2f", b"\xff" * 16),
    "chromaticities of a wrong length": ("chromaticities", "chromaticities", bytes(31)),
    "chromaticities of another type": ("chromaticities", "int", bytes(4)),
    "name of another type": ("view", "float", bytes(4)),
    "pixel aspect of another type": ("pixelAspectRatio", "double", bytes(8)),
    "tiles where there are none": ("tiles", "string", b"none"),
    "name with letters of Latin-1": ("\xe9tat", "string", b"x"),
    "second data window": ("dataWindow", "box2i", struct.pack("<4i", 0, 0, 9, 9)),
    "second channels": ("channels", "chlist", b"\0"),
}
TILED = {"type": OpenEXR.tiledimage, "tiles": OpenEXR.TileDescription()}


@pytest.fixture(params=["scanline", "tiled", "first part", "second part", "tiled part"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, int, dict[str, np.ndarray]]:
    """A file, the part of it whose header is changed, and that part's channels."""
    channels, other = half_noise(40, 24), half_noise(40, 24, 1, "Z")
    path, tiled = tmp_path / "p.1001.exr", TILED if request.param.startswith("tiled") else {}
    if not request.param.endswith("part"):
        return write_exr(path, channels, WINDOW, **tiled), 0, channels
    parts = [("rgba", channels, WINDOW), ("depth", other, WINDOW)]
    part = 1 if request.param == "second part" else 0
    return write_parts(path, parts[::-1] if part else parts, WINDOW, **tiled), part, channels


def test_attribute_that_no_pixel_needs_changes_nothing(
    make: tuple[Path, int, dict[str, np.ndarray]], capfd: pytest.CaptureFixture[str]
) -> None:
    path, part, channels = make
    before, content = exr.read_header(path), path.read_bytes()
    for name, attribute in ATTRIBUTES.items():
        path.write_bytes(content)
        header = exr.read_header(with_attributes(path, [attribute], part))
        assert (header.display_window, header.pixel_aspect) == (before.display_window, before.pixel_aspect), name
        # Of an attribute that is there twice, the first counts.
        assert [here.planes for here in header.parts] == [here.planes for here in before.parts], name
        found = exr.read_channels(header, header.parts[part], "RGB").channels
        assert all(np.array_equal(found[channel], channels[channel]) for channel in "RGB"), name
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_all_attributes_at_once_are_stepped_over(make: tuple[Path, int, dict[str, np.ndarray]]) -> None:
    path, part, channels = make
    header = exr.read_header(with_attributes(path, list(ATTRIBUTES.values()), part))
    assert np.array_equal(exr.read_channels(header, header.parts[part], ["G"]).channels["G"], channels["G"])


def test_every_compression_is_read_under_our_own_header(tmp_path: Path) -> None:
    channels = half_noise(300, 70)
    for name in ("NO", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB", "HTJ2K256", "HTJ2K32"):
        compression = getattr(OpenEXR, f"{name}_COMPRESSION")
        for tiled in ({}, TILED):
            path = write_exr(tmp_path / f"{name}.exr", channels, (3, -5, 73, 295), compression=compression, **tiled)
            plain = exr.read_header(path)
            expected = exr.read_channels(plain, plain.parts[0], "RGB").channels
            header = exr.read_header(with_attributes(path, [ATTRIBUTES["preview"]]))
            found = exr.read_channels(header, header.parts[0], "RGB").channels
            assert all(np.array_equal(found[channel], expected[channel], equal_nan=True) for channel in "RGB"), name
            tolerance = 0.15 if name.startswith(("B44", "DWA")) else 0
            assert np.abs(found["G"].astype(float) - channels["G"]).max() <= tolerance, name


def test_reduced_levels_are_left_aside(tmp_path: Path) -> None:
    oiio = pytest.importorskip("OpenImageIO")
    channels = half_noise(64, 128)
    picture = oiio.ImageBuf(np.ascontiguousarray(np.stack([channels[name] for name in "RGB"], axis=-1)))
    path = tmp_path / "a.exr"
    assert oiio.ImageBufAlgo.make_texture(oiio.MakeTxTexture, picture, str(path), oiio.ImageSpec())
    assert path.read_bytes()[4:8] == b"\2\2\0\0", "tiled"
    for attributes in ([], [ATTRIBUTES["preview"]]):
        header = exr.read_header(with_attributes(path, attributes))
        assert header.parts[0].data_window == Box(0, 0, 128, 64)
        assert np.array_equal(exr.read_channels(header, header.parts[0], ["R"]).channels["R"], channels["R"])


def test_text_that_is_not_utf_8_is_still_text(tmp_path: Path) -> None:
    path = with_attributes(write_exr(tmp_path / "a.exr", half_noise(4, 4), (0, 0, 4, 4)), [ATTRIBUTES["Latin-1"]])
    assert exr.read_header(path).metadata["owner"] == "Université"


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ([(f"a{place}", "int", bytes(4)) for place in range(exr_layout.MAX_ATTRIBUTES)], "header has over 20000 attributes"),
        ([("a", "string", b"x")] * 3 + [("b" * 300, "int", bytes(4))], "truncated or damaged .an attribute has no sensible name"),
    ],
)
def test_headers_without_end_are_refused(tmp_path: Path, attributes: list[tuple[str, str, bytes]], sentence: str) -> None:
    path = with_attributes(write_exr(tmp_path / "a.exr", half_noise(4, 4), (0, 0, 4, 4)), attributes)
    with pytest.raises(RequestError, match=sentence):
        exr.read_header(path)


# Views and parts


def stereo(path: Path, views: tuple[str, ...] = ("right", "left"), shift: int = 0) -> Path:
    exr_parts = [(view, half_noise(10, 12, place + shift), (0, 0, 12, 10)) for place, view in enumerate(views)]
    write_parts(path, exr_parts, (0, 0, 12, 10))
    for part, view in enumerate(views):
        with_attributes(path, [("view", "string", view.encode())], part)
    return path


def seen(plate: Plate, frame: int, seed: int) -> bool:
    picture = half_noise(10, 12, seed)
    from xmemcore.shot.plate.colour import display_curve

    return np.array_equal(plate.read(frame), display_curve(np.stack([picture[name] for name in "RGB"], axis=-1)))


def test_view_that_is_used_is_said_and_can_be_chosen(tmp_path: Path) -> None:
    stereo(tmp_path / "p.1.exr")
    plate = Plate.open(str(tmp_path))
    assert plate.warnings == ("The plate has the views right and left; right is used. Choose another one with --view.",)
    assert plate.view == "right" and seen(plate, 1, 0)
    left = Plate.open(str(tmp_path), view="LEFT")
    assert left.warnings == () and seen(left, 1, 1)
    with pytest.raises(RequestError, match=r"p.1.exr has no view 'up'; it has the views right and left. Name one of these"):
        Plate.open(str(tmp_path), view="up")


def test_view_stays_the_same_when_a_later_file_has_another_order(tmp_path: Path) -> None:
    stereo(tmp_path / "p.1.exr")
    stereo(tmp_path / "p.2.exr", ("left", "right"))
    plate = Plate.open(str(tmp_path))
    assert seen(plate, 1, 0) and seen(plate, 2, 1)


def test_views_of_a_single_part_are_told_apart_by_their_names(tmp_path: Path) -> None:
    left, right = half_noise(10, 12, 0), half_noise(10, 12, 1)
    channels = left | {f"right.{name}": plane for name, plane in right.items()}
    path = write_exr(tmp_path / "p.1.exr", channels, (0, 0, 12, 10))
    views = b"".join(struct.pack("<i", len(view)) + view for view in (b"left", b"right"))
    with_attributes(path, [("multiView", "stringvector", views)])
    plate = Plate.open(str(tmp_path))
    assert "views left and right; left is used" in plate.warnings[0] and seen(plate, 1, 0)
    assert seen(Plate.open(str(tmp_path), view="right"), 1, 1)


@pytest.mark.parametrize("layered", [False, True])
def test_parts_that_all_have_a_picture_are_named_and_can_be_chosen(tmp_path: Path, layered: bool) -> None:
    exr_parts = [
        (part, {f"{part}.{name}" if layered else name: plane for name, plane in half_noise(10, 12, place).items()}, (0, 0, 12, 10))
        for place, part in enumerate(("diffuse", "specular"))
    ]
    write_parts(tmp_path / "p.1.exr", exr_parts, (0, 0, 12, 10))
    plate = Plate.open(str(tmp_path))
    assert plate.warnings == (
        "The plate's parts diffuse and specular all have a picture; diffuse is used. Choose another one with --view.",
    )
    assert seen(Plate.open(str(tmp_path), view="specular"), 1, 1)
    write_parts(tmp_path / "p.1.exr", [("rgba", half_noise(10, 12, 0), (0, 0, 12, 10)), exr_parts[1]], (0, 0, 12, 10))
    assert Plate.open(str(tmp_path)).warnings == (), "a part named rgba is plainly the picture"


def test_layer_can_be_chosen_where_no_picture_is_plain(tmp_path: Path) -> None:
    layers = {f"{layer}.{name}": plane for seed, layer in enumerate(("left", "right")) for name, plane in half_noise(10, 12, seed).items()}
    write_exr(tmp_path / "p.1.exr", layers, (0, 0, 12, 10))
    with pytest.raises(RequestError, match="no channels R, G, B; it has left.B.* choose a layer with --view"):
        Plate.open(str(tmp_path))
    assert seen(Plate.open(str(tmp_path), view="right"), 1, 1)
    with pytest.raises(RequestError, match="has no view 'up'; it has one view only, with the layers left and right"):
        Plate.open(str(tmp_path), view="up")


def test_percent_v_asks_for_the_view_and_takes_it(tmp_path: Path) -> None:
    for seed, view in enumerate(("left", "right")):
        write_exr(tmp_path / f"sh_{view}.1001.exr", half_noise(10, 12, seed), (0, 0, 12, 10))
    with pytest.raises(Exception, match="several views of the plate; the views left, right are there. Name one with --view"):
        Plate.open(str(tmp_path / "sh_%V.%04d.exr"))
    assert seen(Plate.open(str(tmp_path / "sh_%V.%04d.exr"), view="right"), 1001, 1)
    write_exr(tmp_path / "l" / "p.1001.exr", half_noise(10, 12, 3), (0, 0, 12, 10))
    assert seen(Plate.open(str(tmp_path / "%v" / "p.####.exr"), view="left"), 1001, 3)


# What a header says of colour


@pytest.mark.parametrize(
    ("primaries", "hint"),
    [
        ((0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329), None),
        (
            (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767),
            r"ACEScg \(AP1\), but it is read as linear Rec.709. Say --colorspace acescg",
        ),
        ((0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767), "ACES2065-1"),
        ((0.7, 0.3, 0.2, 0.7, 0.1, 0.05, 0.3, 0.3), "primaries other than Rec.709"),
        ((float("nan"),) * 8, None),
        ((0.0,) * 8, None),
    ],
)
def test_primaries_that_are_not_rec709_are_pointed_out(tmp_path: Path, primaries: tuple[float, ...], hint: str | None) -> None:
    path = write_exr(tmp_path / "p.1.exr", half_noise(4, 4), (0, 0, 4, 4))
    with_attributes(path, [("chromaticities", "chromaticities", struct.pack("<8f", *primaries))])
    warnings = Plate.open(str(tmp_path)).warnings
    assert len(warnings) == (hint is not None)
    if hint:
        with pytest.raises(UserWarning, match=hint):
            raise UserWarning(warnings[0])
    assert Plate.open(str(tmp_path), "linear").warnings == (), "the artist has said it"


def test_luminance_alone_is_grey_and_with_chroma_is_refused_by_name(tmp_path: Path) -> None:
    grey = half_noise(10, 12, channels="Y")
    write_exr(tmp_path / "p.1.exr", grey, (0, 0, 12, 10))
    picture = Plate.open(str(tmp_path)).read(1)
    assert np.array_equal(picture[..., 0], picture[..., 1]) and np.array_equal(picture[..., 0], picture[..., 2])
    assert picture.std() > 0.1
    channels = half_noise(10, 12, channels="Y") | {"RY": grey["Y"], "BY": grey["Y"]}
    write_exr(tmp_path / "p.1.exr", channels, (0, 0, 12, 10))
    with pytest.raises(RequestError, match="stores luminance and chroma .Y, RY, BY., which is not read. Render R, G, B"):
        Plate.open(str(tmp_path))


def test_vectors_are_no_grey_picture(tmp_path: Path) -> None:
    write_exr(tmp_path / "p.1.exr", {f"N.{name}": plane for name, plane in half_noise(4, 4, channels="XYZ").items()}, (0, 0, 4, 4))
    with pytest.raises(RequestError, match="no channels R, G, B; it has N.X"):
        Plate.open(str(tmp_path))
    write_exr(tmp_path / "p.1.exr", half_noise(4, 4, channels="XYZ"), (0, 0, 4, 4))
    with pytest.raises(RequestError, match="no channels R, G, B; it has X, Y, Z"):
        Plate.open(str(tmp_path))


def test_colours_in_parts_of_their_own_are_refused_by_name(tmp_path: Path) -> None:
    write_parts(tmp_path / "p.1.exr", [(name, half_noise(4, 4, channels=name), (0, 0, 4, 4)) for name in "RGB"], (0, 0, 4, 4))
    with pytest.raises(RequestError, match="has R, G and B in parts of their own, which are not put together. Render them into one part"):
        Plate.open(str(tmp_path))


def test_whole_number_channels_are_pointed_out(tmp_path: Path) -> None:
    whole = {name: np.ones((4, 4), np.uint32) for name in "RGB"}
    write_exr(tmp_path / "p.1.exr", whole, (0, 0, 4, 4))
    assert "hold whole numbers, as ids do" in Plate.open(str(tmp_path)).warnings[0]


# Limits


def rewritten(path: Path, old: tuple[str, str], value: bytes) -> Path:
    """Change an attribute's value in place."""
    content = path.read_bytes()
    place = content.index(f"{old[0]}\0{old[1]}\0".encode()) + len("".join(old)) + 2 + 4
    path.write_bytes(content[:place] + value + content[place + len(value) :])
    return path


@pytest.mark.parametrize(
    ("attribute", "value", "sentence"),
    [
        (
            ("displayWindow", "box2i"),
            struct.pack("<4i", 0, 0, 29999, 29999),
            "The format of p.1.exr is 30000x30000; pictures of up to 40 million",
        ),
        (("displayWindow", "box2i"), struct.pack("<4i", 0, 0, 0, 10**9), "The format of p.1.exr is 1x1000000001"),
        (
            ("displayWindow", "box2i"),
            struct.pack("<4i", 0, 0, 9999, 99),
            "10000x100 at a pixel aspect of 1: one side is over 16 times the other",
        ),
        (("displayWindow", "box2i"), struct.pack("<4i", 5, 5, 2, 9), "truncated or damaged .it has a window without pixels"),
        (("pixelAspectRatio", "float"), struct.pack("<f", 0), "has a pixel aspect of 0; from 0.1 to 10 are possible"),
        (("pixelAspectRatio", "float"), struct.pack("<f", 1000), "has a pixel aspect of 1000; from 0.1 to 10"),
        (("pixelAspectRatio", "float"), struct.pack("<f", float("nan")), "has a pixel aspect of nan; from 0.1 to 10"),
    ],
)
def test_formats_beyond_the_limits_are_refused_by_name(tmp_path: Path, attribute: tuple[str, str], value: bytes, sentence: str) -> None:
    rewritten(write_exr(tmp_path / "p.1.exr", half_noise(40, 64), (0, 0, 64, 40)), attribute, value)
    with pytest.raises(RequestError, match=f"Frame 1 cannot be read: .*{sentence}"):
        Plate.open(str(tmp_path))


def test_data_window_beyond_the_limit_is_refused_before_anything_is_allocated(tmp_path: Path) -> None:
    path = rewritten(
        write_exr(tmp_path / "p.1.exr", half_noise(16, 64), (0, 0, 64, 16)), ("dataWindow", "box2i"), struct.pack("<4i", 0, 0, 2**30, 15)
    )
    header = exr.read_header(path)
    with pytest.raises(RequestError, match="The data window of p.1.exr is 1073741825x16; pictures of up to 40 million pixels"):
        exr.read_channels(header, header.parts[0], ["R"])


def test_data_window_far_off_the_format_does_not_enlarge_the_canvas(tmp_path: Path) -> None:
    write_exr(tmp_path / "p.1.exr", half_noise(4, 4), (1_000_000, 1_000_000, 1_000_004, 1_000_004), (0, 0, 64, 40))
    plate = Plate.open(str(tmp_path))
    assert plate.canvas.box == Box(0, 0, 64, 40)
    assert plate.warnings == ("Frame 1 (p.1.exr) has no pixel on the format or near it: the data window lies elsewhere. It is black.",)
    assert not plate.read(1).any()
