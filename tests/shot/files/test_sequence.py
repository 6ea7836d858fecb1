"""Numbered files: which patterns find them, what their frames and holes are, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmemcore.protocol.failures import RequestError
from xmemcore.shot.files.sequence import Sequence, SequenceNotFound, frame_path


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


@pytest.mark.parametrize(
    "pattern",
    [
        "shot.%04d.exr",
        "shot.####.exr",
        "shot.#.exr",
        "shot.%d.exr",
        "shot.[1001-1100].exr",
        "shot.[1001-1004].exr",
        "shot.[1001-1001,1002-1004].exr",
        "shot.[####].exr",
        "shot.<F4>.exr",
        "shot.<frame>.exr",
        "shot.%04d.exr 1001 1004",
        "*.exr",
        "sh*.*",
        "",
    ],
)
def test_every_way_of_writing_a_sequence_finds_its_frames(tmp_path: Path, pattern: str) -> None:
    touch(tmp_path, "shot.1001.exr", "shot.1002.exr", "shot.1004.exr")
    sequence = Sequence.find(str(tmp_path / pattern))
    assert sequence.frames == (1001, 1002, 1004)
    assert sequence.holes == (1003,)
    assert sequence.path(1004) == tmp_path / "shot.1004.exr"
    assert frame_path(sequence.pattern, 1002) == sequence.path(1002)


def test_star_that_stands_for_more_than_a_number_names_one_sequence(tmp_path: Path) -> None:
    touch(tmp_path, "a.left.1001.exr", "a.left.1002.exr", "a.right.1001.exr", "b.1001.exr")
    assert Sequence.find(str(tmp_path / "*.left.*.exr")).frames == (1001, 1002)
    with pytest.raises(RequestError, match="holds several sequences .a.left.%04d.exr, a.right.%04d.exr."):
        Sequence.find(str(tmp_path / "a*.exr"))
    with pytest.raises(SequenceNotFound, match=r"There are no files c\*.exr"):
        Sequence.find(str(tmp_path / "c*.exr"))


def test_two_numbers_behind_a_pattern_are_its_first_and_last_frame(tmp_path: Path) -> None:
    touch(tmp_path, *(f"a 7 {frame}.exr" for frame in range(1001, 1005)))
    assert Sequence.find(str(tmp_path / "a 7 %04d.exr 1002 1003")).frames == (1002, 1003)
    assert Sequence.find(str(tmp_path / "a 7 1003.exr")).frames == (1003,)


def test_bracketed_range_leaves_out_what_lies_beyond(tmp_path: Path) -> None:
    touch(tmp_path, *(f"shot.{frame}.exr" for frame in range(1001, 1011)))
    assert Sequence.find(str(tmp_path / "shot.[1003-1009x2].exr")).frames == (1003, 1005, 1007, 1009)


@pytest.mark.parametrize(
    ("names", "frames", "pattern"),
    [
        (["00000.jpg", "00001.jpg"], (0, 1), "%05d.jpg"),
        (["frame_000012.png", "frame_000014.png"], (12, 14), "frame_%06d.png"),
        (["shot_v002.0099.exr", "shot_v002.0100.exr"], (99, 100), "shot_v002.%04d.exr"),
        (["a.9.exr", "a.10.exr", "a.11.exr"], (9, 10, 11), "a.%01d.exr"),
        (["a.0999.exr", "a.10000.exr"], (999, 10000), "a.%04d.exr"),
        (["shot-0001.exr", "shot-0002.exr"], (1, 2), "shot-%04d.exr"),
        (["shot.-002.exr", "shot.-001.exr", "shot.0000.exr", "shot.0001.exr"], (-2, -1, 0, 1), "shot.%04d.exr"),
        (["-0001.exr", "0000.exr"], (-1, 0), "%04d.exr"),
        (["shot.0007.EXR"], (7,), "shot.%04d.EXR"),
    ],
)
def test_folder_is_read_by_its_file_names(tmp_path: Path, names: list[str], frames: tuple[int, ...], pattern: str) -> None:
    touch(tmp_path, *names)
    sequence = Sequence.find(str(tmp_path))
    assert sequence.frames == frames
    assert Path(sequence.pattern).name == pattern
    assert Sequence.find(sequence.pattern).frames == frames


def test_folder_ignores_what_is_no_numbered_image(tmp_path: Path) -> None:
    touch(tmp_path, "shot.1001.exr", "notes.txt", "result.json", "thumbs.db", "cover.png", ".shot.1002.exr.here-12.part", ".shot.1003.exr")
    (tmp_path / "shot.1004.exr").mkdir()
    assert Sequence.find(str(tmp_path)).frames == (1001,)


def test_name_may_hold_digits_signs_and_brackets_of_its_own(tmp_path: Path) -> None:
    touch(tmp_path / "a b [1-2]", "sh#t_50%_[1-2] ünï.1001.exr", "sh#t_50%_[1-2] ünï.1002.exr", "shXt_50%_[1-2] ünï.1003.exr")
    assert Sequence.find(str(tmp_path / "a b [1-2]" / "sh#t_50%_[1-2] ünï.####.exr")).frames == (1001, 1002)


def test_frame_padded_as_the_pattern_says_wins_over_another_spelling(tmp_path: Path) -> None:
    touch(tmp_path, "shot.7.exr", "shot.0007.exr", "shot.8.exr")
    sequence = Sequence.find(str(tmp_path / "shot.%04d.exr"))
    assert sequence.path(7).name == "shot.0007.exr" and sequence.path(8).name == "shot.8.exr"


def test_frame_with_two_files_that_are_neither_padded_as_said_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "shot.007.exr", "shot.07.exr")
    with pytest.raises(RequestError, match="shot.007.exr and shot.07.exr in .* are one and the same frame"):
        Sequence.find(str(tmp_path / "shot.%04d.exr"))


def test_one_file_is_a_sequence_of_one_frame(tmp_path: Path) -> None:
    touch(tmp_path, "still-0012.png", "still.png")
    assert Sequence.find(str(tmp_path / "still-0012.png")).frames == (12,)
    assert Sequence.find(str(tmp_path / "still.png")).frames == (1,)
    assert Sequence.find(str(tmp_path / "still-0012.png")).of_more == "", "nothing else is of its sequence"


@pytest.mark.parametrize(
    ("beside", "name"),
    [
        (("plate.1001.exr", "plate.1002.exr", "plate.1003.exr", "plate.1001.png", "other.1004.exr"), "plate.%04d.exr"),
        (("plate.1001.exr", "plate.1002.exr", "plate.1003.exr", ".plate.1004.exr", "plate.exr"), "plate.%04d.exr"),
        (("plate_v2.1001.exr", "plate_v2.1002.exr", "plate_v2.1003.exr", "plate_v1.1001.exr"), "plate_v2.%04d.exr"),
        (("1001_left2.exr", "1002_left2.exr", "1003_left2.exr"), "%04d_left2.exr"),
    ],
)
def test_one_file_of_a_sequence_says_how_the_sequence_is_named(tmp_path: Path, beside: tuple[str, ...], name: str) -> None:
    touch(tmp_path, *beside)
    found = Sequence.find(str(tmp_path / beside[0]))
    assert len(found.frames) == 1
    assert found.of_more == (
        f"{beside[0]} is one file, so the plate has this one frame; beside it lie 2 more of its sequence. To have them all, name {name}."
    )
    assert Sequence.find(str(tmp_path / name)).of_more == ""


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("shot.%04d.exr", "There are no files shot.%04d.exr in .* Check the path of the plate."),
        ("nowhere/shot.%04d.exr", "There are no files shot.%04d.exr in .*nowhere"),
        ("shot.1001.exr", "Nothing is at .*shot.1001.exr, where the plate should be"),
        ("other.[1-5].exr", "There are no files"),
        ("", "holds no numbered images"),
    ],
)
def test_absent_files_are_said_to_be_absent(tmp_path: Path, pattern: str, sentence: str) -> None:
    with pytest.raises(SequenceNotFound, match=sentence) as failure:
        Sequence.find(str(tmp_path / pattern))
    assert isinstance(failure.value, RequestError) and str(failure.value).endswith(".")


def test_folder_of_one_picture_without_a_number_says_how_to_name_it(tmp_path: Path) -> None:
    touch(tmp_path, "still.exr", "notes.txt")
    with pytest.raises(SequenceNotFound, match="holds no numbered images. If still.exr is the one frame of the plate, name that file."):
        Sequence.find(str(tmp_path))
    assert Sequence.find(str(tmp_path / "still.exr")).frames == (1,)


def test_folder_with_two_sequences_asks_which(tmp_path: Path) -> None:
    touch(tmp_path, "a.1.exr", "b.1.exr")
    with pytest.raises(RequestError, match=r"several sequences \(a.%01d.exr, b.%01d.exr\). Name one of them"):
        Sequence.find(str(tmp_path), "masks")


def test_dates_are_no_frame_numbers(tmp_path: Path) -> None:
    touch(tmp_path, "shot.1.exr", "shot.20260101.exr")
    with pytest.raises(SequenceNotFound, match="run from 1 to 20260101: these are no frame numbers"):
        Sequence.find(str(tmp_path / "shot.%d.exr"))


@pytest.mark.parametrize(
    ("pattern", "frame", "name"),
    [
        ("m.%04d.exr", 1001, "m.1001.exr"),
        ("m.####.exr", 7, "m.0007.exr"),
        ("m.##.exr", 1001, "m.1001.exr"),
        ("m.%d.exr", 7, "m.7.exr"),
        ("m.exr", 7, "m.0007.exr"),
        ("m.[1-9].exr", 7, "m.0007.exr"),
        ("m.%04d.exr", -1, "m.-001.exr"),
        ("m#1.%04d.exr", 5, "m#1.0005.exr"),
    ],
)
def test_frame_is_put_into_a_pattern_as_printf_does(pattern: str, frame: int, name: str) -> None:
    assert frame_path(Path("/a") / pattern, frame) == Path("/a") / name
    if "%" in pattern:
        assert pattern % frame == name


@given(st.sets(st.integers(-300, 12000), min_size=1, max_size=12), st.sampled_from(["m.%04d.exr", "m.%05d.exr", "m_%d.exr"]))
@settings(max_examples=40, deadline=None)
def test_frames_written_by_a_pattern_are_found_by_it_and_by_their_folder(
    tmp_path_factory: pytest.TempPathFactory, frames: set[int], pattern: str
) -> None:
    folder = tmp_path_factory.mktemp("sequence")
    touch(folder, *(frame_path(folder / pattern, frame).name for frame in frames))
    for where in (folder / pattern, folder):
        sequence = Sequence.find(str(where))
        assert sequence.frames == tuple(sorted(frames))
        assert set(sequence.holes) == set(range(min(frames), max(frames))) - frames


# The number wherever it stands


@pytest.mark.parametrize(
    ("names", "frames", "pattern"),
    [
        (["sh_010_1001_lin.exr", "sh_010_1002_lin.exr", "sh_010_1003_lin.exr"], (1001, 1002, 1003), "sh_010_%04d_lin.exr"),
        (["sh010.1001.2048x1152.exr", "sh010.1002.2048x1152.exr"], (1001, 1002), "sh010.%04d.2048x1152.exr"),
        (["sh010.1001.2048x1152.exr"], (1001,), "sh010.%04d.2048x1152.exr"),
        (["sh_010_1001_lin.exr"], (1001,), "sh_010_%04d_lin.exr"),
        (["0001_plate_v003.png", "0002_plate_v003.png"], (1, 2), "%04d_plate_v003.png"),
        (["shot_v2.0010-left.exr", "shot_v2.0011-left.exr"], (10, 11), "shot_v2.%04d-left.exr"),
        (["a1b1c1.png", "a1b2c1.png", "a1b3c1.png"], (1, 2, 3), "a1b%01dc1.png"),
        (["take1.0998.exr", "take1.0999.exr", "take1.1000.exr"], (998, 999, 1000), "take1.%04d.exr"),
    ],
)
def test_frame_is_the_one_number_that_changes(tmp_path: Path, names: list[str], frames: tuple[int, ...], pattern: str) -> None:
    touch(tmp_path, *names)
    sequence = Sequence.find(str(tmp_path))
    assert (sequence.frames, Path(sequence.pattern).name) == (frames, pattern)
    assert Sequence.find(sequence.pattern).frames == frames


def test_folder_of_two_shots_shows_both_patterns(tmp_path: Path) -> None:
    touch(tmp_path, *(f"sh{shot}_{frame}_lin.exr" for shot in ("010", "020") for frame in (1001, 1002, 1003)))
    with pytest.raises(RequestError, match=r"several sequences \(sh010_%04d_lin.exr, sh020_%04d_lin.exr\). Name one of them"):
        Sequence.find(str(tmp_path))


@pytest.mark.parametrize(
    "pattern",
    [
        "shot.%04d.exr 1001-1003",
        "shot.####.exr 1001-1003x1",
        "shot.1001-1003#.exr",
        "shot.1001-1003@@@@.exr",
        "shot.1001-1001,1002-1003#.exr",
        "shot.@@@@.exr",
        "shot.@.exr",
        "shot.$F4.exr",
        "shot.$F.exr",
        "shot.${F4}.exr",
        "shot.*.exr",
        "shot.????.exr",
        " shot.%04d.exr  1001,1002,1003 ",
        "shot.%04d.exr ",
    ],
)
def test_spellings_of_other_programs_are_understood(tmp_path: Path, pattern: str) -> None:
    touch(tmp_path, *(f"shot.{frame}.exr" for frame in (1001, 1002, 1003)), "shot.left.exr", "shot.10x4.exr")
    if "1001" not in pattern:
        sequence = Sequence.find(str(tmp_path / pattern))
        assert sequence.frames == (1001, 1002, 1003)
    else:
        touch(tmp_path, "shot.1004.exr")
        sequence = Sequence.find(f"{tmp_path}/{pattern.strip()}")
        assert sequence.frames == (1001, 1002, 1003)
    assert re.fullmatch(r"shot\.%0[14]d\.exr", Path(sequence.pattern).name)


def test_range_beside_a_pattern_or_folder_narrows_it_and_must_be_there(tmp_path: Path) -> None:
    touch(tmp_path, *(f"shot.{frame}.exr" for frame in range(1001, 1011)))
    assert Sequence.find(f"{tmp_path} 1003-1009x3").frames == (1003, 1006, 1009)
    with pytest.raises(SequenceNotFound, match="None of the frames 2000-2010 is there; .*shot.%04d.exr has 1001-1010"):
        Sequence.find(f"{tmp_path}/shot.%04d.exr 2000-2010")


def test_name_that_ends_like_a_range_is_a_name_where_it_exists(tmp_path: Path) -> None:
    touch(tmp_path / "take 1001-1003", "shot.5.exr")
    assert Sequence.find(str(tmp_path / "take 1001-1003")).frames == (5,)
    touch(tmp_path, "still #1.exr")
    assert Sequence.find(str(tmp_path / "still #1.exr")).frames == (1,)


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("m.%0999999999d.exr", "asks for frame numbers of 999999999 digits; up to 10 are possible"),
        ("m.%0" + "9" * 200 + "d.exr", "asks for frame numbers of 999999999 digits"),
        ("m.%0" + "9" * 5000 + "d.exr", "is too long for a path of a plate. Check it"),
        ("m." + "#" * 40 + ".exr", "asks for frame numbers of 40 digits"),
        ("m.$F99.exr", "asks for frame numbers of 99 digits"),
        ("a\0b.%04d.exr", "There are no files|is no path of a plate"),
        ("~nobody-of-that-name/shot.%04d.exr", "is no path of a plate"),
        ("x" * 5000 + ".%04d.exr", "is too long for a path of a plate|no files"),
        ("m.%04d.exr 5-1", "runs backwards"),
        ("m.[9999999999-9999999999].exr", "There are no files|no frame numbers"),
    ],
)
def test_patterns_that_no_name_has_are_refused_in_a_sentence(tmp_path: Path, pattern: str, sentence: str) -> None:
    where = pattern if pattern.startswith("~") else f"{tmp_path}/{pattern}"
    with pytest.raises(RequestError, match=sentence) as failure:
        Sequence.find(where)
    assert "\n" not in str(failure.value)


def test_numbers_that_are_no_frames_are_not_taken_for_them(tmp_path: Path) -> None:
    touch(tmp_path, "IMG_20260101123456789.png")
    assert Sequence.find(str(tmp_path / "IMG_20260101123456789.png")).frames == (1,)
    with pytest.raises(SequenceNotFound, match="these are no frame numbers"):
        Sequence.find(str(tmp_path))


@pytest.mark.parametrize("name", ["plate.%04d.exr", "plate.####.exr", "plate.[1001-1002].exr"])
def test_a_file_that_is_called_like_the_pattern_stands_for_no_frame_where_there_are_frames(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert Sequence.find(str(tmp_path / name)).frames != (1001, 1002), "the file itself, as it may be called"
    for frame in (1001, 1002):
        (tmp_path / f"plate.{frame}.exr").touch()
    assert Sequence.find(str(tmp_path / name)).frames == (1001, 1002)
