"""A shot in, mattes out: the right frames, windows, layers and pixels, whatever happened on the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.engine.small import small_network
from tests.shot.made_shot import (
    BODY_KEYS,
    FIRST,
    HEIGHT,
    HOLE,
    LAST,
    OVERSCAN,
    SLEEVE_KEYS,
    WIDTH,
    body_left,
    sent_to,
    write_frame,
    write_plate,
    write_roto,
    write_shot,
)
from tests.shot.written import Recorder, mattes, read_matte, same
from xmemcore.network.checkpoint import save_network
from xmemcore.network.inference import computes_in_half
from xmemcore.protocol.failures import Cancelled, DiskFailed, MachineError, RequestError
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.result_file import ResultFile
from xmemcore.protocol.result_lock import lock
from xmemcore.protocol.results import PropagateResult
from xmemcore.protocol.whole_file import machine
from xmemcore.shot.mattes import matte_proof
from xmemcore.shot.propagate import propagate
from xmemcore.shot.status import node_status
from xmemcore.shot.store import leases
from xmemcore.shot.store.at_work import AtWork
from xmemcore.shot.store.cache import features_folder
from xmemcore.shot.store.state import bytes_used, clear_node
from xmemcore.shot.store.work_folder import MARKER

FRAMES = [frame for frame in range(FIRST, LAST + 1) if frame != HOLE]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> PropagateRequest:
    return replace(write_shot(tmp_path_factory.mktemp("written"), holes=(HOLE,)), confidence=True)


@pytest.fixture
def request_of(written: PropagateRequest, tmp_path: Path) -> PropagateRequest:
    return sent_to(written, tmp_path)


@pytest.fixture(scope="module")
def whole(written: PropagateRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PropagateResult]:
    """One undisturbed run, to compare others with."""
    folder = tmp_path_factory.mktemp("whole")
    return folder / "out", propagate(sent_to(written, folder))


def read(folder: Path, frame: int) -> tuple[dict, dict[str, np.ndarray]]:
    return read_matte(folder / f"matte.{frame:04d}.exr")


def on_format(folder: Path, frame: int, channel: str) -> np.ndarray:
    """Give a channel on the display window, row 0 at the top."""
    header, channels = read(folder, frame)
    (x0, y0), (x1, y1) = header["dataWindow"]
    canvas = np.zeros((HEIGHT + 2 * OVERSCAN, WIDTH + 2 * OVERSCAN), np.float32)
    canvas[y0 + OVERSCAN : y1 + 1 + OVERSCAN, x0 + OVERSCAN : x1 + 1 + OVERSCAN] = channels[channel]
    return canvas[OVERSCAN:-OVERSCAN, OVERSCAN:-OVERSCAN]


def test_every_frame_of_the_plate_has_its_matte_and_the_hole_has_none(whole: tuple[Path, PropagateResult]) -> None:
    folder, result = whole
    assert sorted(path.name for path in folder.glob("*.exr")) == [f"matte.{frame}.exr" for frame in FRAMES]
    assert list(result.frames) == FRAMES
    assert result.missing == (HOLE,)
    assert any(str(HOLE) in warning for warning in result.warnings)


def test_mattes_have_the_layers_windows_and_metadata_of_the_design(whole: tuple[Path, PropagateResult]) -> None:
    folder, result = whole
    header, channels = read(folder, 1010)
    assert set(channels) == {"A", "body.alpha", "sleeve.alpha", "confidence.value"}
    assert all(pixels.dtype == np.float16 for pixels in channels.values())
    assert [tuple(corner) for corner in header["displayWindow"]] == [(0, 0), (WIDTH - 1, HEIGHT - 1)]
    assert [tuple(corner) for corner in header["dataWindow"]] == [(-OVERSCAN, -OVERSCAN), (WIDTH + OVERSCAN - 1, HEIGHT + OVERSCAN - 1)]
    assert header["xmem/keyframe"] == 0 and read(folder, 1008)[0]["xmem/keyframe"] == 1
    assert header["xmem/model"].startswith("small ")
    assert result.keyframes == (1001, 1008, 1030, 1040)


def test_keyed_object_is_the_artists_own_and_the_other_is_predicted(whole: tuple[Path, PropagateResult]) -> None:
    folder, _ = whole
    for frame in BODY_KEYS:
        body = on_format(folder, frame, "body.alpha")
        expected = np.zeros((HEIGHT, WIDTH), np.float32)
        expected[16:48, body_left(frame) : body_left(frame) + 32] = 1
        assert np.array_equal(body, expected), frame
    for frame in SLEEVE_KEYS:
        body = on_format(folder, frame, "body.alpha")
        assert body.max() > 0.01, "unknown is not absent"


def test_object_without_a_key_does_not_jump_at_the_others_keyframe(whole: tuple[Path, PropagateResult]) -> None:
    folder, _ = whole
    frames = list(range(1003, 1014))
    body = [on_format(folder, frame, "body.alpha") for frame in frames]
    steps = {frame: float(np.abs(b - a).mean()) for frame, a, b in zip(frames[1:], body, body[1:])}
    around = [steps[1008], steps[1009]]
    elsewhere = [step for frame, step in steps.items() if frame not in (1008, 1009)]
    assert max(around) <= 2 * max(elsewhere)


def test_a_locked_result_is_written_by_no_run(request_of: PropagateRequest) -> None:
    out = Path(request_of.out)
    out.parent.mkdir(parents=True)
    lock(request_of.out)
    with pytest.raises(RequestError, match="are locked by"):
        propagate(request_of)
    assert list(out.parent.glob("*.exr")) == []


def test_second_run_computes_nothing(request_of: PropagateRequest) -> None:
    first = propagate(request_of)
    assert first.encoded_frames == len(FRAMES) and first.written == tuple(FRAMES)
    second = propagate(request_of)
    assert second.encoded_frames == second.encoded_annotations == 0
    assert second.written == () and list(second.frames) == FRAMES


def test_run_that_has_nothing_to_compute_still_deletes_what_a_killed_one_left(
    request_of: PropagateRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    propagate(request_of)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    left = tmp_path / f"xmem-roto-work-{machine()}-{child.pid}-abcd1234"
    left.mkdir()
    (left / MARKER).touch()
    assert propagate(request_of).written == ()
    assert not left.exists()


def test_one_more_keyframe_encodes_no_plate_frame_and_one_annotation(request_of: PropagateRequest, whole) -> None:
    fewer = replace(request_of, keyframes=(1001, 1008, 1040))
    propagate(fewer)
    status = node_status(request_of)
    assert status.frames_to_encode == 0
    assert any("1030" in reason for reason in status.reasons)
    second = propagate(request_of)
    assert second.encoded_frames == 0
    assert same(mattes(request_of.out), mattes(whole[1].out))


def test_first_matte_is_recorded_at_once_for_a_run_that_is_killed(request_of: PropagateRequest) -> None:
    recorded: list[int] = []

    class Looking(Recorder):
        def frame_done(self, frame: int, path: Path) -> None:
            recorded.append(len(ResultFile(Path(request_of.out)).records))

    propagate(request_of, Looking())
    assert recorded[0] == 1 and len(ResultFile(Path(request_of.out)).records) == len(recorded)
    assert len(set(recorded)) < len(recorded) / 2, "it is not written with every matte"


def test_cancelled_run_goes_on_to_the_same_mattes(request_of: PropagateRequest, whole) -> None:
    recorder = Recorder(stop_after=9)
    with pytest.raises(Cancelled):
        propagate(request_of, recorder)
    left = sorted(Path(request_of.out).parent.glob("matte.*.exr"))
    assert len(FRAMES) > len(left) >= 9
    finished = propagate(request_of)
    assert len(finished.written) < len(FRAMES)
    assert same(mattes(request_of.out), mattes(whole[1].out))


def test_objects_that_overlap_are_finished_frame_by_frame(request_of: PropagateRequest, tmp_path: Path) -> None:
    request = replace(request_of, roto=write_roto(tmp_path / "together.nk", (1001, 1040), (1001, 1040)))
    recorder = Recorder(stop_after=5)
    with pytest.raises(Cancelled):
        propagate(request, recorder)
    assert len([*Path(request.out).parent.glob("matte.*.exr")]) >= 5
    finished = propagate(replace(request, use_cache=False))
    # Two groups, and yet each frame is encoded once; but the keyframes, which each group learns and sweeps begin at.
    assert finished.encoded_frames <= len(FRAMES) + 5


def test_full_disk_where_predictions_wait_is_said(request_of: PropagateRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> int:
        if path.suffix == ".npz":
            raise OSError(28, "No space left on device")
        return real(path, content)

    real = Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(MachineError, match=r"wait for other objects.*xmem-roto-work.*No space left"):
        propagate(request_of)
    monkeypatch.undo()
    propagate(request_of)
    assert not [*Path(tempfile.gettempdir()).glob(f"xmem-roto-work-*-{os.getpid()}-*")]


@pytest.mark.parametrize("viewer", [1005, 1036])
def test_gap_of_the_viewer_comes_first_and_changes_nothing(request_of: PropagateRequest, whole, viewer: int) -> None:
    recorder = Recorder()
    propagate(replace(request_of, viewer_frame=viewer), recorder)
    assert abs(recorder.frames[0] - viewer) < 25
    assert recorder.steps[-1] == (len(FRAMES), len(FRAMES))
    assert same(mattes(request_of.out), mattes(whole[1].out))


def test_mattes_are_the_same_without_a_cache(request_of: PropagateRequest, whole) -> None:
    result = propagate(replace(request_of, use_cache=False))
    assert not Path(request_of.cache).exists()
    assert result.encoded_frames >= len(FRAMES)
    assert same(mattes(request_of.out), mattes(whole[1].out))


def test_part_of_the_range_is_the_same_as_in_the_whole(request_of: PropagateRequest, whole) -> None:
    result = propagate(replace(request_of, frames="1010-1020x2"))
    assert list(result.frames) == [1010, 1012, 1014, 1016, 1018, 1020]
    for frame in result.frames:
        first, second = read(Path(request_of.out).parent, frame)[1], read(whole[0], frame)[1]
        assert all(np.array_equal(first[name], second[name]) for name in first)


def test_damaged_cache_is_made_again_with_a_message(request_of: PropagateRequest, whole) -> None:
    propagate(request_of)
    files = [*Path(request_of.cache).rglob("*.xmemcache")]
    for number, path in enumerate(files):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2] if number % 2 else content[:-7] + b"\0" * 7)
    for matte in Path(request_of.out).parent.glob("*.exr"):
        matte.unlink()
    recorder = Recorder()
    result = propagate(request_of, recorder)
    assert any("damaged" in warning for warning in recorder.warnings)
    assert result.encoded_frames > 0
    assert same(mattes(request_of.out), mattes(whole[1].out))


def test_changed_plate_frame_is_encoded_again_alone(request_of: PropagateRequest, tmp_path: Path) -> None:
    pattern = write_plate(tmp_path / "plate")
    request = replace(request_of, plate=pattern)
    propagate(request)
    write_frame(tmp_path / "plate" / "plate.1020.exr", 1020, brightness=0.5)
    status = node_status(request)
    assert status.frames_to_encode == 1
    assert 1020 in status.stale and set(status.stale) != set(FRAMES)
    assert any("1020" in reason for reason in status.reasons)
    result = propagate(request)
    assert result.encoded_frames == 1
    assert set(result.written) == set(status.stale)


def test_status_of_a_finished_node_is_up_to_date(request_of: PropagateRequest) -> None:
    propagate(request_of)
    status = node_status(request_of)
    assert status.stale == () and list(status.fresh) == FRAMES
    assert status.bytes_used == bytes_used(Path(request_of.cache), "node1") > 0


def test_clearing_a_node_keeps_its_mattes(request_of: PropagateRequest) -> None:
    propagate(request_of)
    clear_node("node1", request_of.cache)
    assert not [*features_folder(Path(request_of.cache)).folder.rglob("*.xmemcache")]
    assert len([*Path(request_of.out).parent.glob("matte.*.exr")]) == len(FRAMES)
    assert propagate(request_of).written == ()


def test_cache_stays_within_its_limit(request_of: PropagateRequest) -> None:
    propagate(replace(request_of, cache_limit=300_000))
    assert sum(path.stat().st_size for path in Path(request_of.cache).rglob("*.xmemcache")) <= 300_000


def test_disk_that_fills_up_keeps_what_was_finished(request_of: PropagateRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: object, *args: object, **kwargs: object) -> None:
        if "1012" in str(path):
            raise OSError(28, "No space left on device")
        return real(path, *args, **kwargs)

    real = os.replace
    monkeypatch.setattr("os.replace", full)
    with pytest.raises(MachineError, match="1012|space|full"):
        propagate(request_of)
    monkeypatch.undo()
    folder = Path(request_of.out).parent
    assert (folder / "matte.1001.exr").is_file()
    assert not [path for path in folder.iterdir() if path.suffix not in (".exr", ".json")]
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("kind", ["a file", "read-only"])
def test_cache_that_cannot_be_written_costs_time_and_nothing_else(request_of: PropagateRequest, tmp_path: Path, whole, kind: str) -> None:
    spoiled = tmp_path / "spoiled"
    if kind == "a file":
        spoiled.write_text("")
    else:
        (spoiled / "node1").mkdir(parents=True)
        AtWork.on_node(spoiled / "node1").folder.touch()
    recorder = Recorder()
    propagate(replace(request_of, cache=str(spoiled)), recorder)
    assert any("This run goes on without the cache" in warning for warning in recorder.warnings)
    assert same(mattes(request_of.out), mattes(whole[1].out))


def test_mattes_of_another_model_name_it_on_keyframes_too(request_of: PropagateRequest, tmp_path: Path) -> None:
    request = replace(request_of, roto=write_roto(tmp_path / "one.nk", (1001, 1040), (1001, 1040)), frames="1001-1003")
    propagate(request)
    save_network(tmp_path / "other.safetensors", small_network(seed=9), {})
    propagate(replace(request, model=str(tmp_path / "other.safetensors")))
    folder = Path(request_of.out).parent
    assert {read(folder, frame)[0]["xmem/model"].split()[0] for frame in (1001, 1002, 1003)} == {"other"}
    assert Path(read(folder, 1001)[0]["xmem/annotations"]).is_absolute()


def test_keys_that_show_nothing_are_refused(request_of: PropagateRequest, tmp_path: Path) -> None:
    shape = {"points": [[[500, 500], [0, 0], [0, 0]], [[600, 500], [0, 0], [0, 0]], [[600, 600], [0, 0], [0, 0]]]}
    roto = {"version": 1, "format": [WIDTH, HEIGHT, 1], "objects": [{"name": "a", "frames": {"1001": {"shapes": [shape]}}}]}
    (tmp_path / "off.json").write_text(json.dumps(roto))
    with pytest.raises(RequestError, match="No keyframe shows a: absent everywhere, or off the plate"):
        propagate(replace(request_of, roto=str(tmp_path / "off.json")))


def test_two_shapes_of_one_name_keep_it_in_the_metadata(request_of: PropagateRequest, tmp_path: Path) -> None:
    text = Path(write_roto(tmp_path / "twins.nk")).read_text().replace("curvegroup sleeve", "curvegroup body")
    (tmp_path / "twins.nk").write_text(text)
    propagate(replace(request_of, roto=str(tmp_path / "twins.nk"), frames="1001-1001"))
    header, channels = read(Path(request_of.out).parent, 1001)
    assert {"body.alpha", "body_2.alpha"} <= set(channels)
    assert header["xmem/name/body_2"] == "body"


def test_result_file_says_what_the_mattes_are(request_of: PropagateRequest) -> None:
    propagate(request_of)
    content = json.loads((Path(request_of.out).parent / "result.json").read_text())
    mattes = content["mattes"]["matte.%04d.exr"]
    assert mattes["objects"] == ["body", "sleeve"] or mattes["objects"] == ["sleeve", "body"]
    assert set(mattes["frames"]) == {str(frame) for frame in FRAMES}
    assert all(0 <= frame["confidence"] <= 1 for frame in mattes["frames"].values())
    keys = {"body": BODY_KEYS, "sleeve": SLEEVE_KEYS}
    for number, frame in mattes["frames"].items():
        sure = dict(zip(mattes["objects"], frame["sureness"]))
        assert set(sure) == set(keys) and all(0 <= value <= 1 for value in sure.values())
        assert all(sure[name] == 1 for name, keyed in keys.items() if int(number) in keyed), "the artist's word"
    assert any(value < 1 for frame in mattes["frames"].values() for value in frame["sureness"])
    proof = matte_proof.read(Path(request_of.out % FRAMES[1]))
    assert proof is not None and proof.record == ResultFile(Path(request_of.out)).records[FRAMES[1]], "the matte says it itself"


def test_plain_mode_gives_mattes_too(request_of: PropagateRequest) -> None:
    result = propagate(replace(request_of, plain=True, frames="1001-1006"))
    assert list(result.frames) == [1001, 1002, 1003, 1004, 1005, 1006]
    assert not Path(request_of.cache).exists()


@pytest.mark.skipif(not computes_in_half(torch.device("cpu")), reason="this processor has no bfloat16 instructions")
def test_level_of_rounding_is_in_every_signature_and_in_the_state(request_of: PropagateRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xmemcore.shot.machine.device.is_faster_in_half", lambda device: True)
    first = propagate(replace(request_of, frames="1001-1004", precision="float32"))
    assert first.precision == "float32"
    assert propagate(replace(request_of, frames="1001-1004", precision="float32")).written == ()
    status = node_status(replace(request_of, frames="1001-1004"))
    assert status.stale and any("precision" in reason for reason in status.reasons)
    second = propagate(replace(request_of, frames="1001-1004"))
    assert second.precision == "mixed" and second.encoded_frames > 0


def test_values_that_are_no_numbers_are_told_with_their_frames(tmp_path: Path) -> None:
    request = sent_to(write_shot(tmp_path, last=FIRST + 3, body_keys=(FIRST, FIRST + 3), sleeve_keys=(FIRST,)), tmp_path)
    for frame in (FIRST + 1, FIRST + 2):
        write_frame(Path(request.plate % frame), frame, brightness=float("nan"))
    recorder = Recorder()
    propagate(replace(request, device="cpu"), recorder)
    (warning,) = (text for text in recorder.warnings if "NaN" in text)
    assert f"on frames {FIRST + 1}-{FIRST + 2}: they count as black" in warning


def test_a_full_disk_of_the_cache_stops_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = sent_to(write_shot(tmp_path, last=FIRST + 2, body_keys=(FIRST,), sleeve_keys=(FIRST,)), tmp_path)
    take = leases.take

    def full(path: Path) -> leases.Lease | None:
        if Path(request.cache or "") in path.parents:
            raise DiskFailed(f"The lock {path} cannot be made: No space left on device.")
        return take(path)

    monkeypatch.setattr(leases, "take", full)
    recorder = Recorder()
    assert len(propagate(replace(request, device="cpu"), recorder).written) == 3
    assert any("This run goes on without the cache" in warning for warning in recorder.warnings)
