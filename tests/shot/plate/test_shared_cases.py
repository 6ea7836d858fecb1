"""Plates that failed once, from the shared cases: each is right now, or one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xmemcore.protocol.failures import RequestError
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.sequence import Sequence
from xmemcore.shot.plate.plate import Plate


@pytest.fixture
def cases(shared: Path) -> Path:
    folder = shared / "cases"
    if not folder.is_dir():
        pytest.skip("the shared data has no cases")
    return folder


@pytest.mark.parametrize("name", ["exr-preview-attribute", "exr-text-not-utf8"])
def test_attribute_in_one_frame_disturbs_no_frame(cases: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    plate = Plate.open(str(cases / name / "shot.%04d.exr"))
    assert plate.frames == (1001, 1002, 1003) and plate.warnings == ()
    pictures = [plate.read(frame) for frame in plate.frames]
    # The ball moves a little from frame to frame.
    assert all(0 < np.abs(picture - other).mean() < 0.1 for picture, other in zip(pictures, pictures[1:]))
    assert capfd.readouterr() == ("", "")


def test_two_views_are_named_and_can_be_chosen(cases: Path) -> None:
    pattern = str(cases / "exr-two-views" / "shot.%04d.exr")
    plate = Plate.open(pattern)
    assert "has the views right and left; right is used" in plate.warnings[0]
    left = Plate.open(pattern, view="left")
    assert left.warnings == () and not np.array_equal(left.read(1001), plate.read(1001))


def test_number_in_the_middle_is_found(cases: Path) -> None:
    folder = cases / "folder-number-in-the-middle"
    assert Sequence.find(str(folder)).frames == (1001, 1002, 1003)
    assert Path(Sequence.find(str(folder)).pattern).name == "sh_010_%04d_lin.exr"
    inside = Sequence.find(str(folder / "res"))
    assert len(inside.frames) == len(list((folder / "res").iterdir())) and inside.frames[0] == 1001


@pytest.mark.parametrize("name", ["ACEScg", "sRGB", "LogC3", "Linear", "ACES - ACEScg", "scene_linear"])
def test_colour_spaces_are_taken_however_they_are_spelled(cases: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)
    assert Plate.open(str(cases / "colorspace-spelling" / "shot.%04d.exr"), name).read(1001).max() > 0


def test_planes_of_a_tiff_are_the_same_pixels(cases: Path) -> None:
    folder = cases / "tiff-planar-16bit"
    for frame in (1001, 1002):
        assert np.array_equal(Plate.open(str(folder / "shot.%04d.tif")).read(frame), Plate.open(str(folder / "same.%04d.tif")).read(frame))


def test_what_is_not_read_is_named_and_nothing_is_printed(cases: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = cases / "not-an-image-we-read"
    for name, sentence in (("clip.mov", "is a movie, and movies are not read.*Export the frames"), ("scan.0001.cin", "Cineon")):
        with pytest.raises(RequestError, match=sentence) as failure:
            Plate.open(str(folder / name))
        assert "damaged" not in str(failure.value)
    half = Plate.open(str(folder / "half.1001.tif"))
    assert half.colorspace == "linear" and 0 < half.read(1001).mean() < 1, "half floats are read now"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("exr-damaged-PIZ", "truncated or damaged"),
        ("exr-damaged-ZIP", "truncated or damaged"),
        ("exr-display-100000", "100000x100000; pictures of up to 40 million pixels are read"),
        ("exr-display-1x1e9", "1x1000000001; pictures of up to 40 million pixels are read"),
        ("exr-display-30000", "30000x30000; pictures of up to 40 million pixels are read"),
        ("exr-pixel-aspect-0", "pixel aspect of 0; from 0.1 to 10 are possible"),
        ("exr-pixel-aspect-1000", "pixel aspect of 1000; from 0.1 to 10 are possible"),
        ("png-claims-13000", "13000x13000"),
        ("picture-hang-2968", "truncated or damaged"),
        ("picture-hang-33", "truncated or damaged"),
        ("picture-memory-1340", "truncated or damaged"),
    ],
)
def test_damage_is_one_sentence_that_names_the_file(cases: Path, name: str, sentence: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = next((cases / "damage" / name).glob("p.1001.*"))
    with pytest.raises(RequestError, match=rf"p\.1001\..*{sentence}") as failure:
        Plate.open(str(path)).read(1001)
    assert "\n" not in str(failure.value)
    assert capfd.readouterr() == ("", "")


def test_data_far_off_the_format_is_said_to_be_black(cases: Path) -> None:
    plate = Plate.open(str(cases / "damage" / "exr-data-off-display" / "p.%04d.exr"))
    assert plate.canvas.box == Box(0, 0, 64, 40) and "It is black" in plate.warnings[0]
