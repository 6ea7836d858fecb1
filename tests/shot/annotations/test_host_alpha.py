"""The host's own render of the roto: read as it is, compared with ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.annotations.host_alpha import HostAlpha, difference
from xmemcore.shot.files import exr
from xmemcore.shot.files.box import Box
from xmemcore.shot.mattes.mattes import read_mattes
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.propagate import propagate

FORMAT = Box(0, 0, 40, 30)
CANVAS = Canvas(Box(-4, -2, 44, 32), FORMAT, 1.0)


def square(x0, y0, x1, y1, value=1.0):
    matte = np.zeros((CANVAS.height, CANVAS.width), np.float32)
    matte[y0 - CANVAS.box.y0 : y1 - CANVAS.box.y0, x0 - CANVAS.box.x0 : x1 - CANVAS.box.x0] = value
    return matte


def test_the_hosts_numbers_come_through_bit_for_bit_and_in_their_place(tmp_path):
    values = np.linspace(0.0, 1.0, 12, dtype=np.float16).reshape(3, 4)
    exr.write(tmp_path / "alpha.1001.exr", {"A": values}, Box(10, 5, 14, 8), FORMAT, 1.0, {})
    read = HostAlpha(str(tmp_path / "alpha.%04d.exr"), CANVAS).read(1001)
    assert read.shape == (34, 48)
    assert np.array_equal(read[7:10, 14:18], values.astype(np.float32)) and read.sum() == values.astype(np.float32).sum()


def test_what_is_no_number_counts_as_0_and_is_said(tmp_path):
    values = np.full((3, 4), 0.5, np.float16)
    values[0] = np.nan, np.inf, -np.inf, 0.25
    exr.write(tmp_path / "alpha.1001.exr", {"A": values}, Box(10, 5, 14, 8), FORMAT, 1.0, {})
    alpha = HostAlpha(str(tmp_path / "alpha.%04d.exr"), CANVAS)
    read = alpha.read(1001)
    assert read[7, 14:18].tolist() == [0, 0, 0, 0.25] and np.isfinite(read).all()
    assert "alpha of frame 1001 has 3 values that are no numbers" in alpha.unusable(1001)
    assert alpha.unusable(1002) is None


def test_a_render_without_alpha_is_black(tmp_path):
    exr.write(tmp_path / "alpha.1001.exr", {"R": np.zeros((3, 4), np.float16)}, Box(10, 5, 14, 8), FORMAT, 1.0, {})
    alpha = HostAlpha(str(tmp_path / "alpha.%04d.exr"), CANVAS)
    assert not alpha.read(1001).any() and alpha.frames == {1001}


def test_signature_follows_the_pixels(tmp_path):
    pattern = str(tmp_path / "alpha.%04d.exr")
    signatures = []
    for value in (0.25, 0.5, 0.25):
        exr.write(tmp_path / "alpha.1001.exr", {"A": np.full((3, 4), value, np.float16)}, Box(10, 5, 14, 8), FORMAT, 1.0, {})
        signatures.append(HostAlpha(pattern, CANVAS).signature(1001))
    assert signatures[0] == signatures[2] != signatures[1]


def test_equal_rasters_raise_no_word():
    assert difference(square(10, 10, 30, 20), square(10, 10, 30, 20), CANVAS, 1001) is None
    assert difference(square(0, 0, 0, 0), square(0, 0, 0, 0), CANVAS, 1001) is None


@pytest.mark.parametrize("amount", [0.01, 0.02])
def test_what_antialiasing_may_differ_is_tolerated(amount):
    assert difference(square(10, 10, 30, 20, 0.5), square(10, 10, 30, 20, 0.5 + amount - 1e-6), CANVAS, 1001) is None


def test_few_pixels_are_tolerated_and_more_are_not():
    theirs = square(0, 0, 40, 25)
    ours = theirs.copy()
    ours[2, 4] = 0.0
    assert difference(theirs, ours, CANVAS, 1001) is None, "1 of 1000 pixels"
    ours[2, 5] = 0.0
    assert difference(theirs, ours, CANVAS, 1001) is not None, "2 of 1000 pixels"


def test_the_sentence_names_the_place_as_nuke_counts():
    sentence = difference(square(10, 10, 30, 20), square(10, 10, 28, 20), CANVAS, 1017)
    assert "frame 1017" in sentence and "20 pixels" in sentence and "x 28 y 10 to r 30 t 20" in sentence


@pytest.fixture(scope="module")
def shot_files(tmp_path_factory):
    """A made shot and a roto with one shape, keyed on two frames."""
    from tests.shot import made_shot

    folder = tmp_path_factory.mktemp("made")
    script = Path(made_shot.write_roto(folder / "roto.nk"))
    text = script.read_text()
    sleeve = text[text.index("{curvegroup sleeve") : text.index(" {curvegroup body")]
    script.write_text(text.replace(sleeve, ""))
    return folder, made_shot.write_plate(folder / "plate"), str(script), made_shot.write_model(folder / "models")


def propagated(shot_files, tmp_path, roto_alpha):
    folder, plate, script, model = shot_files
    request = PropagateRequest(
        plate=plate, roto=script, model=str(model), size=64, device="cpu", frames="1001-1004", out=str(tmp_path / "matte.%04d.exr"),
        cache=str(tmp_path / "cache"), roto_alpha=roto_alpha,
    )  # fmt: skip
    return propagate(request)


def test_on_keyframes_the_hosts_render_is_the_union_bit_for_bit_and_the_objects_are_ours(shot_files, tmp_path):
    plain = propagated(shot_files, tmp_path, None)
    ours = read_mattes(plain.out).read(1001)
    # What a host's own raster would be: ours with other numbers along the edge, some of them very faint.
    exr.make_folder(tmp_path / "alpha")
    theirs = (ours.union * 0.99 + np.where(ours.union == 0, 0.0005, 0)).astype(np.float16)
    exr.write(tmp_path / "alpha" / "alpha.1001.exr", {"A": theirs}, Box(0, 0, 96, 64), Box(0, 0, 96, 64), 1.0, {})
    result = propagated(shot_files, tmp_path, str(tmp_path / "alpha" / "alpha.%04d.exr"))
    assert result.written == (1001,), "only the keyframe's file depends on it"
    after = read_mattes(result.out).read(1001)
    assert np.array_equal(after.union, theirs.astype(np.float32))
    assert np.array_equal(after.layers["body"], ours.layers["body"])
    assert result.warnings == ()
    again = propagated(shot_files, tmp_path, str(tmp_path / "alpha" / "alpha.%04d.exr"))
    assert again.written == ()


def test_a_raster_that_differs_is_reported_with_its_frame(shot_files, tmp_path):
    exr.make_folder(tmp_path / "alpha")
    exr.write(tmp_path / "alpha" / "alpha.1001.exr", {"A": np.ones((64, 96), np.float16)}, Box(0, 0, 96, 64), Box(0, 0, 96, 64), 1.0, {})
    result = propagated(shot_files, tmp_path, str(tmp_path / "alpha" / "alpha.%04d.exr"))
    assert any("frame 1001" in warning and "differs from Nuke's" in warning for warning in result.warnings)
