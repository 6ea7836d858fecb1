"""The wrapper around OpenEXR, and each trap of the library that it covers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.make_data import exr_header, half_noise, write_deep, write_exr, write_parts
from xmemcore.protocol import whole_file
from xmemcore.protocol.failures import DiskFailed, MachineError, MemoryFull, NotWritable, RequestError
from xmemcore.shot.files import exr
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.terminal_noise import kept_off_the_terminal

WHOLE = (0, 0, 24, 16)
DISPLAY = Box(0, 0, 24, 16)


def read(path: Path, *names: str, part: int = 0) -> dict[str, np.ndarray]:
    header = exr.read_header(path)
    return exr.read_channels(header, header.parts[part], names or header.parts[part].channels).channels


def write(path: Path, channels: dict[str, np.ndarray], **metadata: str | int | float) -> None:
    height, width = next(iter(channels.values())).shape
    exr.write(path, channels, Box(0, 0, width, height), Box(0, 0, width, height), 1.0, metadata)


# Reading


def test_header_tells_windows_aspect_channels_and_metadata(tmp_path: Path) -> None:
    path = write_exr(
        tmp_path / "a.exr", half_noise(10, 20), (-4, -2, 16, 8), (0, 0, 12, 6), pixel_aspect=2.0, owner="Zoë", **{"studio/take": 7}
    )
    header = exr.read_header(path)
    assert header.display_window == Box(0, 0, 12, 6)
    assert header.parts[0].data_window == Box(-4, -2, 16, 8)
    assert header.parts[0].channels == ("B", "G", "R")
    assert header.pixel_aspect == 2.0
    assert header.metadata["owner"] == "Zoë" and header.metadata["studio/take"] == 7


def test_half_float_and_uint_channels_keep_their_values(tmp_path: Path) -> None:
    half = half_noise(16, 24)["R"]
    single = half.astype(np.float32) * np.float32(1.0001)
    whole = np.arange(16 * 24, dtype=np.uint32).reshape(16, 24)
    found = read(write_exr(tmp_path / "a.exr", {"R": half, "G": single, "B": whole}, WHOLE), "R", "G", "B")
    assert found["R"].dtype == np.float16 and np.array_equal(found["R"], half)
    assert found["G"].dtype == np.float32 and np.array_equal(found["G"], single)
    assert found["B"].dtype == np.float32 and np.array_equal(found["B"], whole)


@pytest.mark.parametrize("compression", ["NO", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "DWAA"])
def test_every_usual_compression_is_read(tmp_path: Path, compression: str) -> None:
    channels = half_noise(40, 24)
    path = write_exr(tmp_path / "a.exr", channels, (0, 0, 24, 40), compression=getattr(OpenEXR, f"{compression}_COMPRESSION"))
    tolerance = 0.02 if compression == "DWAA" else 0
    assert all(np.abs(read(path)[name].astype(float) - plane).max() <= tolerance for name, plane in channels.items())


def test_tiled_files_are_read(tmp_path: Path) -> None:
    channels = half_noise(40, 50)
    path = write_exr(tmp_path / "a.exr", channels, (3, 5, 53, 45), type=OpenEXR.tiledimage, tiles=OpenEXR.TileDescription())
    assert np.array_equal(read(path, "G")["G"], channels["G"])
    parts = write_parts(
        tmp_path / "b.exr",
        [("depth", half_noise(40, 50, channels="Z"), (3, 5, 53, 45)), ("rgba", channels, (3, 5, 53, 45))],
        (0, 0, 60, 50),
        type=OpenEXR.tiledimage,
        tiles=OpenEXR.TileDescription(),
    )
    assert np.array_equal(read(parts, "G", part=1)["G"], channels["G"])


@pytest.mark.parametrize("compression", ["NO", "ZIP", "PIZ", "DWAB"])
def test_tall_file_is_read_some_rows_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str) -> None:
    """Other threads wait for as long as the library decodes."""
    rows = 2 * exr.ROWS_AT_A_TIME + 77
    path = write_exr(
        tmp_path / "a.exr", half_noise(rows, 9), (-3, 11, 6, 11 + rows), compression=getattr(OpenEXR, f"{compression}_COMPRESSION")
    )
    in_pieces, asked, original = read(path), [], exr._read
    monkeypatch.setattr(exr, "_read", lambda *args: asked.append(args[-1] - args[-2]) or original(*args))
    read(path)
    assert asked == [exr.ROWS_AT_A_TIME, exr.ROWS_AT_A_TIME, 77]
    monkeypatch.setattr(exr, "ROWS_AT_A_TIME", rows)
    at_once = read(path)
    assert all(np.array_equal(in_pieces[name], at_once[name]) for name in "RGB")
    assert compression == "DWAB" or all(np.array_equal(in_pieces[name], plane) for name, plane in half_noise(rows, 9).items())


def test_some_channels_of_many_are_read_alone(tmp_path: Path) -> None:
    channels = half_noise(16, 24, channels="RGBAXYZ")
    path = write_exr(tmp_path / "a.exr", channels, WHOLE)
    found = read(path, "B", "R")
    assert set(found) == {"R", "B"} and all(np.array_equal(found[name], channels[name]) for name in found)


def test_layers_stay_apart_where_the_library_would_group_them(tmp_path: Path) -> None:
    planes = half_noise(16, 24, channels="RGBA")
    channels = {"right.R": planes["R"], "right.G": planes["G"], "right.B": planes["B"], "fg.red": planes["A"]}
    found = read(write_exr(tmp_path / "a.exr", channels, WHOLE))
    assert set(found) == set(channels) and np.array_equal(found["right.G"], planes["G"])


def test_each_part_of_a_file_has_its_own_channels_and_window(tmp_path: Path) -> None:
    depth, beauty = half_noise(16, 24, 1, "Z"), half_noise(10, 9, 2)
    path = write_parts(tmp_path / "a.exr", [("depth", depth, WHOLE), ("beauty", beauty, (-3, 2, 6, 12))], WHOLE)
    header = exr.read_header(path)
    assert [(part.name, part.channels) for part in header.parts] == [("depth", ("Z",)), ("beauty", ("B", "G", "R"))]
    assert header.parts[1].data_window == Box(-3, 2, 6, 12)
    assert np.array_equal(read(path, "G", part=1)["G"], beauty["G"])
    assert np.array_equal(read(path, part=0)["Z"], depth["Z"])


@given(st.lists(st.integers(1, 3), min_size=1, max_size=3), st.sampled_from(["ZIP", "ZIPS", "PIZ"]), st.integers(1, 40))
@settings(max_examples=20, deadline=None)
def test_part_cut_out_of_a_file_is_the_part(tmp_path_factory: pytest.TempPathFactory, widths: list[int], codec: str, height: int) -> None:
    folder = tmp_path_factory.mktemp("parts")
    exr_parts = [
        (f"p{place}", half_noise(height, 7 * width, place), (place, -place, place + 7 * width, height - place))
        for place, width in enumerate(widths)
    ]
    path = write_parts(folder / "a.exr", exr_parts, (0, 0, 20, 20), compression=getattr(OpenEXR, f"{codec}_COMPRESSION"))
    for place, (_, channels, _) in enumerate(exr_parts):
        found = read(path, "R", "B", part=place)
        assert np.array_equal(found["R"], channels["R"]) and np.array_equal(found["B"], channels["B"])


def test_paths_with_spaces_and_other_alphabets_are_read_and_written(tmp_path: Path) -> None:
    path = tmp_path / "plän 東京 it's" / "a b.0001.exr"
    path.parent.mkdir()
    write(path, half_noise(16, 24))
    assert np.array_equal(read(path)["R"], half_noise(16, 24)["R"])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is Unicode")
def test_path_in_another_encoding_is_read_and_written(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/M\xfcller/p.0001.exr"))
    path.parent.mkdir()
    write(path, half_noise(16, 24))
    assert exr.read_header(path).layout.harmless, "such a file is opened by its path"
    assert np.array_equal(read(path)["R"], half_noise(16, 24)["R"])


def test_two_threads_can_read_at_once(tmp_path: Path) -> None:
    paths = [write_exr(tmp_path / f"{seed}.exr", half_noise(64, 96, seed), (0, 0, 96, 64)) for seed in range(8)]
    found: dict[int, bool] = {}

    def check(seed: int) -> None:
        found[seed] = all(np.array_equal(read(paths[seed])["R"], half_noise(64, 96, seed)["R"]) for _ in range(5))

    threads = [threading.Thread(target=check, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == dict.fromkeys(range(8), True)


def test_library_works_on_several_threads() -> None:
    assert OpenEXR.global_thread_count() == max(1, min(os.cpu_count() or 1, 8)), "0 would be serial"


# Files that hold no image


def test_deep_files_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="a.exr in .* is a deep EXR, which has no single image. Flatten it first"):
        exr.read_header(write_deep(tmp_path / "a.exr"))


def test_subsampled_channels_are_refused_by_name(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "a.exr", {"R": half_noise(16, 24)["R"]}, WHOLE)
    content = path.read_bytes()
    place = content.index(b"channels\0chlist\0") + len(b"channels\0chlist\0") + 4 + len(b"R\0") + 8
    assert content[place : place + 8] == np.array((1, 1), np.int32).tobytes()
    path.write_bytes(content[:place] + np.array((2, 2), np.int32).tobytes() + content[place + 8 :])
    with pytest.raises(RequestError, match="Channel R of a.exr in .* is subsampled. Render it at full size."):
        read(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "Cannot read .*a.exr: No such file or directory. Check that the file exists"),
        (b"", r"is not an EXR file \(0 bytes\). Render the frame again."),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "is not an EXR file"),
        (exr.MAGIC, "is truncated or damaged"),
        (exr.MAGIC + bytes(200), "is truncated or damaged"),
    ],
)
def test_files_that_are_no_exr_are_told_apart(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    if content is not None:
        (tmp_path / "a.exr").write_bytes(content)
    with pytest.raises(RequestError, match=sentence) as failure:
        exr.read_header(tmp_path / "a.exr")
    assert isinstance(failure.value, RequestError) and "\n" not in str(failure.value)


def test_folder_named_like_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.exr").mkdir()
    with pytest.raises(RequestError, match="Cannot read .*a.exr"):
        exr.read_header(tmp_path / "a.exr")


@pytest.fixture(params=["scanline", "tiled", "parts"])
def good(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of each make; what is read of it comes last in the file."""
    window = (0, 0, 50, 40)
    if request.param == "parts":
        parts = [("depth", half_noise(40, 50, 1, "Z"), window), ("rgba", half_noise(40, 50), window)]
        return write_parts(tmp_path / "a.exr", parts, window)
    tiled = {"type": OpenEXR.tiledimage, "tiles": OpenEXR.TileDescription()} if request.param == "tiled" else {}
    return write_exr(tmp_path / "a.exr", half_noise(40, 50), window, **tiled)


def test_file_cut_anywhere_is_refused_by_name_and_nothing_is_printed(good: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = good.read_bytes()
    for size in [*range(4, len(content), len(content) // 60), len(content) - 1]:
        good.write_bytes(content[:size])
        with pytest.raises(RequestError, match="a.exr in .* is truncated or damaged"):
            header = exr.read_header(good)
            part = header.parts[-1]
            exr.read_channels(header, part, part.channels)
    printed = capfd.readouterr()
    assert printed.out == "", "stdout belongs to the worker's protocol"
    assert printed.err == "", "an artist gets our sentence, and nothing else"


def test_flipped_bits_never_give_anything_but_pixels_or_a_sentence(good: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = bytearray(good.read_bytes())
    places = np.random.default_rng(4).integers(8, len(content), 120)
    refused = 0
    for place in places:
        spoiled = bytearray(content)
        spoiled[place] ^= 0x41
        good.write_bytes(bytes(spoiled))
        try:
            header = exr.read_header(good)
            part = header.parts[-1]
            for name, plane in exr.read_channels(header, part, part.channels).channels.items():
                assert plane.shape == (part.data_window.height, part.data_window.width), name
        except RequestError as failure:
            refused += 1
            assert "a.exr" in str(failure) and "\n" not in str(failure)
    assert refused > 60, "ZIP has checksums"
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_what_others_write_while_a_damaged_file_is_read_is_passed_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_exr(tmp_path / "a.exr", half_noise(400, 600), (0, 0, 600, 400))
    content = bytearray(path.read_bytes())
    content[-5000] ^= 0xFF
    path.write_bytes(bytes(content))
    ended = threading.Event()

    def talk() -> None:
        for place in range(100_000):
            os.write(2, f"line {place}\n".encode())
            lines.append(place)
            if ended.is_set():
                return

    lines: list[int] = []
    thread = threading.Thread(target=talk)
    thread.start()
    for _ in range(10):
        with pytest.raises(RequestError):
            read(path, "R")
    ended.set()
    thread.join(60)
    printed = capfd.readouterr().err.splitlines()
    # Where the descriptor turns, two lines may change places.
    assert sorted(printed) == sorted(f"line {place}" for place in lines)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork.")
def test_forked_process_hands_on_nothing_that_its_parent_caught(capfd: pytest.CaptureFixture[str]) -> None:
    for length in (200, 20):
        with kept_off_the_terminal():
            os.write(2, b"(EXR_ERR_OK) " + length * b"x" + b"\n")
        child = os.fork()
        if child == 0:
            with kept_off_the_terminal():
                os.write(2, b"(EXR_ERR_OK) y\nours\n")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    assert capfd.readouterr() == ("", "ours\nours\n")


def test_damage_in_one_part_does_not_give_the_pixels_of_another(tmp_path: Path) -> None:
    first, second = half_noise(40, 50, 1), half_noise(40, 50, 2)
    window = (0, 0, 50, 40)
    path = write_parts(tmp_path / "a.exr", [("one", first, window), ("two", second, window)], window)
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 4, len(content) // 2, 97):
        content[place] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(RequestError, match="truncated or damaged"):
        read(path, "R", part=0)
    assert np.array_equal(read(path, "R", part=1)["R"], second["R"])


# Writing


@pytest.mark.parametrize("layout", ["slice of rgba", "crop", "flip", "transpose", "Fortran"])
def test_arrays_of_any_layout_are_written_as_they_look(tmp_path: Path, layout: str) -> None:
    picture = np.random.default_rng(0).random((16, 24, 4)).astype(np.float16)
    plane = {
        "slice of rgba": picture[..., 3],
        "crop": np.pad(picture[..., 0], 5)[5:-5, 5:-5],
        "flip": picture[::-1, ::-1, 1],
        "transpose": picture[..., 0].T,
        "Fortran": np.asfortranarray(picture[..., 2]),
    }[layout]
    write(tmp_path / "a.exr", {"A": plane})
    assert np.array_equal(read(tmp_path / "a.exr")["A"], plane)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8, np.bool_])
def test_arrays_of_any_type_are_written_as_half(tmp_path: Path, dtype: type) -> None:
    plane = np.eye(16, 24).astype(dtype)
    write(tmp_path / "a.exr", {"A": plane})
    found = read(tmp_path / "a.exr")["A"]
    assert found.dtype == np.float16 and np.array_equal(found, np.eye(16, 24))


@given(
    st.tuples(st.integers(-40, 40), st.integers(-40, 40), st.integers(1, 30), st.integers(1, 30)),
    st.tuples(st.integers(-40, 40), st.integers(-40, 40), st.integers(1, 60), st.integers(1, 60)),
    st.sampled_from([1.0, 0.5, 2.0, 1.0940001]),
)
@settings(max_examples=30, deadline=None)
def test_windows_and_pixels_survive_being_written_and_read(
    tmp_path_factory: pytest.TempPathFactory, data: tuple[int, int, int, int], display: tuple[int, int, int, int], aspect: float
) -> None:
    path = tmp_path_factory.mktemp("windows") / "a.exr"
    data_window, display_window = (Box(x, y, x + width, y + height) for x, y, width, height in (data, display))
    plane = np.random.default_rng(0).random((data_window.height, data_window.width)).astype(np.float16)
    exr.write(path, {"A": plane, "arm.alpha": plane[::-1]}, data_window, display_window, aspect, {"xmem/plate": "plän"})
    header = exr.read_header(path)
    assert (header.display_window, header.parts[0].data_window) == (display_window, data_window)
    assert header.pixel_aspect == pytest.approx(aspect, rel=1e-6)
    assert header.metadata["xmem/plate"] == "plän"
    found = read(path)
    assert np.array_equal(found["A"], plane) and np.array_equal(found["arm.alpha"], plane[::-1])


def test_file_is_zip_and_scanline(tmp_path: Path) -> None:
    write(tmp_path / "a.exr", half_noise(16, 24))
    with OpenEXR.File(str(tmp_path / "a.exr"), header_only=True) as file:
        assert file.header()["compression"] == OpenEXR.ZIP_COMPRESSION
        assert file.header()["type"] == OpenEXR.scanlineimage


@pytest.mark.parametrize("value", [2**31, b"bytes", None, (1, 2)])
def test_metadata_that_the_library_would_lose_is_our_mistake(tmp_path: Path, value: object) -> None:
    with pytest.raises(AssertionError):
        write(tmp_path / "a.exr", half_noise(16, 24), **{"xmem/x": value})  # type: ignore[arg-type]


def test_text_numbers_and_flags_come_back_from_metadata(tmp_path: Path) -> None:
    write(tmp_path / "a.exr", half_noise(16, 24), text="é", number=-(2**31), share=0.5, flag=True)
    metadata = exr.read_header(tmp_path / "a.exr").metadata
    assert (metadata["text"], metadata["number"], metadata["share"], metadata["flag"]) == ("é", -(2**31), 0.5, 1)


def test_path_in_another_encoding_spoils_no_matte(tmp_path: Path) -> None:
    write(tmp_path / "a.exr", half_noise(16, 24), plate=os.fsdecode(b"caf\xe9.%04d.exr"))
    assert exr.read_header(tmp_path / "a.exr").metadata["plate"] == "caf?.%04d.exr"


def test_former_file_stays_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.exr"
    write(path, half_noise(16, 24))
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DiskFailed, match=r"a.exr was not written \(.*Input/output error\)") as failure:
        write(path, half_noise(16, 24, seed=9))
    assert failure.value.exit_code == 3
    assert path.read_bytes() == before
    assert [left.name for left in tmp_path.iterdir()] == ["a.exr"]


def test_interrupted_writing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a.exr", half_noise(16, 24))
    assert list(tmp_path.iterdir()) == []


def test_folder_that_went_away_is_said_to_be_the_cause(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="was not written .* Check that its folder is there"):
        write(tmp_path / "gone" / "a.exr", half_noise(16, 24))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_is_the_machines_fault_and_leaves_what_was_finished(small_disk: Path) -> None:
    write(small_disk / "m.0001.exr", half_noise(64, 96))
    before = (small_disk / "m.0001.exr").read_bytes()
    with pytest.raises(DiskFailed, match="The disk is full: .*m.0002.exr was not written. Make room and run again") as failure:
        write(small_disk / "m.0002.exr", half_noise(400, 600))
    assert failure.value.exit_code == 3
    assert [left.name for left in small_disk.iterdir()] == ["m.0001.exr"]
    assert (small_disk / "m.0001.exr").read_bytes() == before


def test_small_file_that_found_no_room_does_not_appear_either(small_disk: Path) -> None:
    with pytest.raises(OSError):
        (small_disk / "other").write_bytes(bytes(1 << 20))
    with pytest.raises(DiskFailed):
        write(small_disk / "m.0001.exr", half_noise(2, 2))
    assert [left.name for left in small_disk.iterdir()] == ["other"]


def test_full_disk_is_recognised_by_its_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFailed):
        write(tmp_path / "a.exr", half_noise(16, 24))


@pytest.mark.parametrize("error", [OSError("Allocation failed: 6000x256"), MemoryError(), RuntimeError("std::bad_alloc")])
def test_a_full_memory_is_no_damaged_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def full(*_: object) -> None:
        raise error

    write(tmp_path / "a.exr", half_noise(16, 24))
    header = exr.read_header(tmp_path / "a.exr")
    monkeypatch.setattr(exr, "_read", full)
    with pytest.raises(MemoryFull, match="The memory is full"):
        exr.read_channels(header, header.parts[0], [plane.name for plane in header.parts[0].planes])
    monkeypatch.setattr(exr, "_store", full)
    with pytest.raises(MemoryFull, match="The memory is full"):
        write(tmp_path / "b.exr", half_noise(16, 24))


def test_a_disk_that_fails_while_a_frame_is_read_is_no_damaged_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    write(tmp_path / "a.exr", half_noise(16, 24))
    header = exr.read_header(tmp_path / "a.exr")
    monkeypatch.setattr(exr, "_read", fail)
    with pytest.raises(DiskFailed, match="Cannot read .*a.exr: Input/output error"):
        exr.read_channels(header, header.parts[0], [plane.name for plane in header.parts[0].planes])


# Folders


def partial(folder: Path, host: str, process: int) -> Path:
    path = folder / f".m.0001.exr.{host}-{process}-{16 * '0'}{whole_file.PARTIAL_SUFFIX}"
    path.write_bytes(b"half a file")
    return path


def test_folder_is_made(tmp_path: Path) -> None:
    exr.make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir() and list((tmp_path / "a" / "b").iterdir()) == []


def test_remains_of_a_killed_run_are_cleared_and_those_of_a_running_one_stay(tmp_path: Path) -> None:
    here = socket.gethostname().split(".")[0]
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(60)
    dead, alive = partial(tmp_path, here, ended.pid), partial(tmp_path, here, os.getpid())
    fresh, old = partial(tmp_path, "elsewhere", 1), partial(tmp_path, "elsewhere", 2)
    hours_ago = time.time() - 2 * whole_file.FOREIGN_PARTIAL_SECONDS
    os.utime(old, (hours_ago, hours_ago))
    foreign = [tmp_path / name for name in (".hidden", ".m.0001.exr.part", ".m.0001.exr.elsewhere-2.part", ".sync.xmem-part")]
    for path in foreign:
        path.write_bytes(b"")
        os.utime(path, (hours_ago, hours_ago))
    exr.make_folder(tmp_path)
    assert not dead.exists() and not old.exists()
    assert alive.exists() and fresh.exists() and all(path.exists() for path in foreign)


def test_folder_that_cannot_be_made_is_a_wrong_request(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RequestError, match="The output folder .*file/out cannot be written: .*Choose another") as failure:
        exr.make_folder(tmp_path / "file" / "out")
    assert failure.value.exit_code == 2


def test_library_really_writes_other_layouts_wrongly(tmp_path: Path) -> None:
    """If this fails, the library was mended, and the copy in our wrapper can go."""
    plane = np.random.default_rng(0).random((16, 24)).astype(np.float16).T
    OpenEXR.File(exr_header((0, 0, 16, 24)), {"A": plane}).write(str(tmp_path / "a.exr"))
    assert not np.array_equal(read(tmp_path / "a.exr")["A"], plane)


@pytest.mark.parametrize("below", [".", "deeper/still"])
def test_a_file_in_the_way_of_the_output_folder_is_named(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotWritable, match=f"cannot be written: {tmp_path / 'file'} is a file. Choose another"):
        exr.make_folder(tmp_path / "file" / below)
    assert (tmp_path / "file").read_text() == "mine"
