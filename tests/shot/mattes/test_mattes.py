"""Mattes out: layers, windows, metadata and pixels as the contract says, whole or not at all; and what is read back."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmemcore.protocol.failures import MachineError, RequestError
from xmemcore.protocol.names import layer_names
from xmemcore.shot.files.box import Box
from xmemcore.shot.mattes.composition import _margin
from xmemcore.shot.mattes.mattes import MatteWriter, layers_of_objects, matte_pattern, read_mattes, require_inputs_kept
from xmemcore.shot.plate.canvas import Canvas

DISPLAY = Box(10, 5, 42, 29)
CANVAS = Canvas(Box(6, 3, 46, 31), DISPLAY, 2.0)
"""40 x 28, with overscan around a format of 32 x 24 that does not begin at 0."""


def writer(folder: Path, names: tuple[str, ...] = ("body", "sleeve"), **metadata: str) -> MatteWriter:
    return MatteWriter(folder / "matte.%04d.exr", CANVAS, list(zip(layer_names(names), names)), metadata)


def planes(count: int = 2) -> np.ndarray:
    return np.zeros((count, CANVAS.height, CANVAS.width), np.float32)


def stored(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Read with the library itself."""
    with OpenEXR.File(str(path), separate_channels=True) as file:
        assert len(file.parts) == 1
        return dict(file.header()), {name: channel.pixels.copy() for name, channel in file.channels().items()}


def corners(header: dict, name: str) -> tuple[int, int, int, int]:
    (x0, y0), (x1, y1) = header[name]
    return int(x0), int(y0), int(x1) + 1, int(y1) + 1


def test_each_object_is_a_true_layer_and_the_union_is_the_alpha(tmp_path: Path) -> None:
    mattes = planes()
    mattes[0, 4:9, 5:11], mattes[1, 6:12, 8:20] = 0.5, 0.25
    path = writer(tmp_path).write(1001, mattes, mattes.max(axis=0), keyframe=True)
    header, channels = stored(path)
    assert path == tmp_path / "matte.1001.exr"
    assert set(channels) == {"A", "body.alpha", "sleeve.alpha"}
    assert all(plane.dtype == np.float16 for plane in channels.values())
    assert header["compression"] == OpenEXR.ZIP_COMPRESSION and header["type"] == OpenEXR.scanlineimage
    assert corners(header, "displayWindow") == (10, 5, 42, 29) and header["pixelAspectRatio"] == 2.0
    assert corners(header, "dataWindow") == (6 + 5, 3 + 4, 6 + 20, 3 + 12), "the box of both, in the plate's coordinates"
    assert np.array_equal(channels["body.alpha"], mattes[0, 4:12, 5:20].astype(np.float16))
    assert np.array_equal(channels["A"], mattes.max(axis=0)[4:12, 5:20].astype(np.float16))


def test_metadata_say_what_the_matte_is_and_what_objects_were_called(tmp_path: Path) -> None:
    matte_writer = writer(tmp_path, ("Ärmel links", "1", "body"), **{"xmem/version": "1.0", "xmem/plate": "plä te.%04d.exr"})
    for frame, keyframe in ((7, True), (8, False)):
        header, _ = stored(matte_writer.write(frame, planes(3), planes(1)[0], keyframe=keyframe))
        assert header["xmem/keyframe"] == int(keyframe)
        assert header["xmem/version"] == "1.0" and header["xmem/plate"] == "plä te.%04d.exr"
        assert header["xmem/name/_rmel_links"] == "Ärmel links" and header["xmem/name/obj_1"] == "1"


def test_faint_values_are_written_as_0_and_do_not_widen_the_window(tmp_path: Path) -> None:
    mattes = planes()
    mattes[0, 10, 10], mattes[0, 2, 2], mattes[1, 10, 12] = 0.5, 0.9 / 1024, 1 / 1024
    header, channels = stored(writer(tmp_path).write(1, mattes, mattes.max(axis=0), keyframe=False))
    assert corners(header, "dataWindow") == (6 + 10, 3 + 10, 6 + 13, 3 + 11)
    assert channels["sleeve.alpha"][0, 2] == np.float16(1 / 1024)


def test_empty_matte_is_one_black_pixel(tmp_path: Path) -> None:
    header, channels = stored(writer(tmp_path).write(1, planes(), planes(1)[0], keyframe=False))
    x0, y0, x1, y1 = corners(header, "dataWindow")
    assert (x1 - x0, y1 - y0) == (1, 1)
    assert all(plane.shape == (1, 1) and plane[0, 0] == 0 for plane in channels.values())


def test_confidence_covers_the_whole_canvas(tmp_path: Path) -> None:
    mattes, confidence = planes(), np.full((CANVAS.height, CANVAS.width), 0.75, np.float32)
    mattes[0, 4:9, 5:11] = 1
    path = writer(tmp_path).write(1, mattes, mattes[0], keyframe=False, confidence=confidence)
    header, channels = stored(path)
    assert corners(header, "dataWindow") == (6, 3, 46, 31)
    assert (channels["confidence.value"] == np.float16(0.75)).all()
    assert np.array_equal(channels["body.alpha"], mattes[0].astype(np.float16))


@settings(max_examples=30, deadline=None)
@given(
    x=st.integers(0, 39), y=st.integers(0, 27), width=st.integers(1, 12), height=st.integers(1, 12),
    value=st.sampled_from([1 / 1024, 0.125, 0.5, 0.9375, 1]),
)  # fmt: skip
def test_what_is_written_is_read_back_in_place(
    tmp_path_factory: pytest.TempPathFactory, x: int, y: int, width: int, height: int, value: float
) -> None:
    folder = tmp_path_factory.mktemp("mattes")
    mattes = planes()
    mattes[1, y : y + height, x : x + width] = value
    writer(folder).write(-3, mattes, mattes[1], keyframe=False)
    back = read_mattes(str(folder))
    assert back.frames == (-3,)
    whole = back.read(-3, CANVAS)
    assert np.array_equal(whole.layers["sleeve"], mattes[1]) and not whole.layers["body"].any()
    assert np.array_equal(whole.union, mattes[1])
    on_format = back.read(-3)
    assert np.array_equal(on_format.union, mattes[1, 2:26, 4:36]), "without a canvas: the display window"


def test_a_former_result_is_replaced_and_nothing_else_appears(tmp_path: Path) -> None:
    matte_writer = writer(tmp_path)
    matte_writer.write(1, planes() + 1, planes(1)[0] + 1, keyframe=False)
    matte_writer.write(1, planes(), planes(1)[0], keyframe=False)
    assert [path.name for path in tmp_path.iterdir()] == ["matte.0001.exr"]
    assert not read_mattes(str(tmp_path)).read(1).union.any()


def test_failed_write_keeps_the_former_result_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    matte_writer = writer(tmp_path)
    path = matte_writer.write(1, planes() + 1, planes(1)[0] + 1, keyframe=False)
    before = path.read_bytes()

    def refuse(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(MachineError, match="The disk is full: .*matte.0001.exr was not written"):
        matte_writer.write(1, planes(), planes(1)[0], keyframe=False)
    assert path.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["matte.0001.exr"]


def test_making_a_writer_makes_no_folder_and_preparing_does(tmp_path: Path) -> None:
    matte_writer = writer(tmp_path / "new" / "folder")
    assert not (tmp_path / "new").exists()
    matte_writer.prepare()
    assert (tmp_path / "new" / "folder").is_dir() and not list((tmp_path / "new" / "folder").iterdir())


def test_folder_that_cannot_be_made_is_the_requests_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="cannot be written") as failure:
        writer(tmp_path / "file" / "folder").prepare()
    assert failure.value.exit_code == 2


def test_pattern_without_a_number_gets_one(tmp_path: Path) -> None:
    matte_writer = MatteWriter(tmp_path / "matte.exr", CANVAS, [("body", "body")], {})
    assert matte_writer.write(12, planes(1), planes(1)[0], keyframe=False).name == "matte.0012.exr"


@pytest.mark.parametrize(
    ("out", "pattern"),
    [
        ("m.%04d.exr", "m.%04d.exr"),
        ("m.####.exr", "m.%04d.exr"),
        ("m.[1-9].exr", "m.%04d.exr"),
        ("m.%d.exr", "m.%01d.exr"),
        ("m.exr", "m.%04d.exr"),
        ("made", "made/matte.%04d.exr"),
        ("there.v1", "there.v1/matte.%04d.exr"),
    ],
)
def test_output_is_a_pattern_or_a_folder(tmp_path: Path, out: str, pattern: str) -> None:
    (tmp_path / "there.v1").mkdir()
    assert matte_pattern(str(tmp_path / out)) == tmp_path / pattern
    assert matte_pattern(str(tmp_path / pattern)) == tmp_path / pattern


@pytest.mark.parametrize("out", ["m.%04d.png", "m.%04d", "m.####.exr.tif"])
def test_output_of_another_format_is_refused(tmp_path: Path, out: str) -> None:
    with pytest.raises(RequestError, match=f"Mattes are EXR files, but the output is {out}. Write a pattern") as failure:
        matte_pattern(str(tmp_path / out))
    assert failure.value.exit_code == 2


@pytest.mark.parametrize(("out", "meant"), [("m.1001.exr", "m.%04d.exr"), ("sh_010.v2.-7.exr", "sh_010.v2.%04d.exr")])
def test_the_matte_of_one_frame_is_no_output(tmp_path: Path, out: str, meant: str) -> None:
    with pytest.raises(RequestError, match=f"The output {out} names the matte of one frame. Write a pattern such as {meant}"):
        matte_pattern(str(tmp_path / out))
    assert matte_pattern(str(tmp_path / "sh010_0020.exr")).name == "sh010_0020.%04d.exr", "the number of a shot"


@pytest.mark.parametrize("name", ["m.%V.%04d.exr", "m.%s.exr", "50%.%04d.exr", "m%%.exr"])
def test_output_with_a_percent_sign_that_is_no_place_for_the_frame_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RequestError, match=f"The output {name} has a % that is no place for the frame number"):
        matte_pattern(str(tmp_path / name))


@pytest.mark.parametrize("out", ["%d/m.%04d.exr", "%04d/deeper/m.exr", "shot.####/m.####.exr", "%d"])
def test_folder_has_no_place_for_a_frame_number(tmp_path: Path, out: str) -> None:
    with pytest.raises(RequestError, match="has a place for the frame number in the folder .*: only a file may have one"):
        matte_pattern(str(tmp_path / out))
    (tmp_path / out).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "%d").mkdir(exist_ok=True)
    matte_pattern(str(tmp_path / out))


@pytest.mark.parametrize("out", ["%V/m.%04d.exr", "cam_%v/deeper/m.exr", "%V"])
def test_folder_has_no_place_for_a_view_where_one_view_would_replace_the_other(tmp_path: Path, out: str) -> None:
    with pytest.raises(RequestError, match="has a place for a view in the folder .*%[Vv]. Write the view's name there"):
        matte_pattern(str(tmp_path / out))


@pytest.mark.parametrize("folder", ["take #2", "plate[1-2]", "100%"])
def test_folder_may_be_called_what_one_calls_folders(tmp_path: Path, folder: str) -> None:
    assert matte_pattern(str(tmp_path / folder / "m.####.exr")) == tmp_path / folder / "m.%04d.exr"


@pytest.fixture
def plate_files(tmp_path: Path) -> list[Path]:
    """Give the files of a plate, 7 and 8."""
    (tmp_path / "plate").mkdir()
    files = [tmp_path / "plate" / f"p.{frame:04d}.exr" for frame in (7, 8)]
    for path in files:
        path.write_bytes(path.name.encode())
    return files


def kept(out: Path, plate_files: list[Path], report: Path | None = None) -> None:
    require_inputs_kept(matte_pattern(str(out)), (7, 8), report, plate_files)


def test_mattes_never_replace_what_they_are_made_from(tmp_path: Path, plate_files: list[Path]) -> None:
    with pytest.raises(RequestError, match="would replace .*p.0007.exr, which they are made from. Choose another output"):
        kept(tmp_path / "plate" / "p.####.exr", plate_files)
    kept(tmp_path / "plate" / "matte.####.exr", plate_files)


def test_mattes_never_replace_a_file_that_no_run_has_made(tmp_path: Path, plate_files: list[Path]) -> None:
    """Such as the files of a plate that Nuke has rendered on, a camera's long header included; what is broken may be a matte of ours."""
    out, first = tmp_path / "m.%04d.exr", tmp_path / "m.0008.exr"
    for header in ({}, {"camera": "x" * (1 << 17)}):
        OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, **header}, {"R": np.ones((4, 4), np.float16)}).write(str(first))
        with pytest.raises(RequestError, match="would replace .*m.0008.exr, which XMem Roto has not made. Choose another output"):
            kept(out, plate_files)
    broken = first.read_bytes()[:100]
    for content in (broken, broken[:2], b"", bytes(100)):
        first.write_bytes(content)
        kept(out, plate_files)
    for content in (b"\x89PNG\r\n\x1a\n", b"notes"):
        first.write_bytes(content)
        with pytest.raises(RequestError, match="would replace .*m.0008.exr, which XMem Roto has not made"):
            kept(out, plate_files)
    first.unlink()
    first.mkdir()
    with pytest.raises(RequestError, match="would replace .*m.0008.exr, which XMem Roto has not made"):
        kept(out, plate_files)


@pytest.mark.parametrize("way", ["folder", "file", "hard", "dots"])
def test_link_to_an_input_is_the_input(tmp_path: Path, plate_files: list[Path], way: str) -> None:
    other = tmp_path / "other"
    if way == "folder":
        other.symlink_to(tmp_path / "plate")
    else:
        other.mkdir()
    if way == "file":
        (other / "m.0008.exr").symlink_to(plate_files[1])
    if way == "hard":
        os.link(plate_files[1], other / "m.0008.exr")
    out = {"folder": other / "p.%04d.exr", "dots": other / ".." / "plate" / "p.%04d.exr"}.get(way, other / "m.%04d.exr")
    with pytest.raises(RequestError, match="would replace .*which they are made from"):
        kept(out, plate_files)


def test_file_that_two_mounts_show_is_one_file(tmp_path: Path, plate_files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two mounts of one disk differ in the device alone; here a link to the folder plays the second mount."""
    (tmp_path / "mount").symlink_to(tmp_path / "plate")

    class Elsewhere:
        def __init__(self, status: os.stat_result) -> None:
            self.status = status
            self.st_dev = status.st_dev + 1

        def __getattr__(self, name: str) -> object:
            return getattr(self.status, name)

    real = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **how: Elsewhere(real(path, **how)) if "mount" in str(path) else real(path, **how))
    with pytest.raises(RequestError, match="would replace"):
        kept(tmp_path / "mount" / "p.%04d.exr", plate_files)


def test_contact_sheet_and_record_never_replace_an_input(tmp_path: Path, plate_files: list[Path]) -> None:
    (tmp_path / "sheet.png").symlink_to(plate_files[0])
    with pytest.raises(RequestError, match="The contact sheet would replace .*p.0007.exr"):
        kept(tmp_path / "mattes", plate_files, tmp_path / "sheet.png")
    with pytest.raises(RequestError, match="The mattes would replace .*result.json"):
        (tmp_path / "result.json").write_text("{}")
        kept(tmp_path / "m.%04d.exr", [*plate_files, tmp_path / "result.json"])


@pytest.mark.parametrize("planes", [2, 3, 6])
def test_margin_is_the_best_plane_minus_the_second(planes: int) -> None:
    drawn = np.random.default_rng(planes).random((planes, 5, 7), dtype=np.float32)
    ordered = np.sort(drawn, axis=0)
    assert np.array_equal(_margin(drawn), ordered[-1] - ordered[-2])


@pytest.mark.parametrize(
    "out", ["x" * 300 + ".%04d.exr", "d" * 300 + "/m.%04d.exr", "ä" * 200 + ".exr", "/".join(["d" * 100] * 50), "x" * 300]
)
def test_name_too_long_for_a_disk_is_a_wrong_request(out: str) -> None:
    with pytest.raises(RequestError, match="is too long for a disk") as refusal:
        matte_pattern(out)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    ("layers", "originals", "names", "found"),
    [
        (("a", "b"), ("a", "b"), {"a": "a", "b": "b"}, ["a", "b"]),
        # The artist's name counts, and a layer that says another one does not.
        (("obj__", "obj___2"), ("足", "手"), {"obj__": "手", "obj___2": "足"}, ["obj___2", "obj__"]),
        (("obj__",), ("足",), {"obj__": "手"}, [None]),
        (("left_arm", "left_arm_2"), ("left arm", "left_arm"), {"left_arm": "left_arm"}, [None, "left_arm"]),
        # Somebody rendered the matte without its metadata.
        (("obj_mask",), ("mask",), {"obj_mask": "obj_mask"}, ["obj_mask"]),
        # Two nodes have a shape of one name each.
        (("Roto2_a", "Roto1_a"), ("a", "a"), {"Roto1_a": "a", "Roto2_a": "a"}, ["Roto2_a", "Roto1_a"]),
        (("b",), ("b",), {"a": "a"}, [None]),
    ],
)
def test_a_mattes_layer_is_found_by_the_name_that_the_artist_gave(
    layers: tuple[str, ...], originals: tuple[str, ...], names: dict[str, str], found: list[str | None]
) -> None:
    assert layers_of_objects(layers, originals, names) == found
