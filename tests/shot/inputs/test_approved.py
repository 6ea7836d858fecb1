"""An approved matte stays as it is in every later run, counts as an annotation, and can be taken back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest

from tests.shot.inputs.conftest import LAST
from tests.shot.made_shot import write_roto
from xmemcore.cli.main import main
from xmemcore.protocol import whole_file
from xmemcore.protocol.failures import Failure, NotWritable, RequestError
from xmemcore.protocol.matte_header import APPROVED_FRAME, approved_in
from xmemcore.protocol.requests import ApproveRequest, PropagateRequest
from xmemcore.protocol.result_file import ResultFile, require_ours
from xmemcore.shot.files import exr
from xmemcore.shot.files.box import Box
from xmemcore.shot.files.layers import FAINTEST
from xmemcore.shot.forecast import forecast
from xmemcore.shot.inputs.approved import approve
from xmemcore.shot.inputs.inputs import open_shot
from xmemcore.shot.mattes.mattes import artists_names
from xmemcore.shot.propagate import propagate
from xmemcore.shot.status import node_status


def channels(request: PropagateRequest, frame: int) -> dict[str, np.ndarray]:
    """Read a matte on the whole canvas, overscan included."""
    with OpenEXR.File(request.out.replace("%04d", str(frame)), separate_channels=True) as file:
        header = file.header()
        (x0, y0), (x1, y1) = header["dataWindow"]
        planes = {}
        for name, channel in file.channels().items():
            planes[name] = np.zeros((80, 112), np.float32)
            planes[name][y0 + 8 : y1 + 9, x0 + 8 : x1 + 9] = channel.pixels
        return planes


def approved(request: PropagateRequest) -> str:
    return str(Path(request.out).parent / "approved")


def test_an_approved_matte_stays_while_the_others_learn_from_it(request_: PropagateRequest, tmp_path: Path) -> None:
    propagate(request_)
    before = {frame: channels(request_, frame) for frame in range(1001, LAST + 1)}
    found = approve(ApproveRequest(request_.out, "1006"))
    assert found.approved == {"body": "1006", "sleeve": "1006"} and found.changed == (1006,)
    # The roto changes elsewhere: every prediction moves, the approved frame does not.
    write_roto(tmp_path / "other.nk", body_keys=(1001, 1003, LAST), sleeve_keys=(1002, 1010))
    later = replace(request_, roto=str(tmp_path / "other.nk"), approved=approved(request_))
    result = propagate(later)
    assert 1006 in result.keyframes
    assert ResultFile(Path(later.out)).header.approved == (1006,)
    after = {frame: channels(later, frame) for frame in range(1001, LAST + 1)}
    for name in ("body.alpha", "sleeve.alpha"):
        assert np.array_equal(after[1006][name], before[1006][name])
        assert not np.array_equal(after[1005][name], before[1005][name])
    # Each of the two layers leaves out what is fainter than this, which the first union still counted.
    assert np.abs(after[1006]["A"] - before[1006]["A"]).max() <= 2 * FAINTEST
    assert node_status(later).stale == ()


def test_copies_of_mattes_whose_ending_is_in_capitals_count(request_: PropagateRequest) -> None:
    request = replace(request_, out=request_.out.replace(".exr", ".EXR"))
    propagate(request)
    assert approve(ApproveRequest(request.out, "1006")).changed == (1006,)
    assert 1006 in propagate(replace(request, approved=approved(request))).keyframes


def test_one_object_is_approved_and_the_other_is_predicted(request_: PropagateRequest) -> None:
    propagate(request_)
    before = channels(request_, 1006)
    approve(ApproveRequest(request_.out, "1006", ("sleeve",)))
    later = replace(request_, approved=approved(request_))
    propagate(later)
    after = channels(later, 1006)
    assert np.array_equal(after["sleeve.alpha"], before["sleeve.alpha"])
    assert not np.array_equal(channels(later, 1005)["sleeve.alpha"], np.zeros_like(after["A"]))
    # The second object joins the first one's copy; the first one's approved values stay.
    found = approve(ApproveRequest(later.out, "1005-1006", ("body",)))
    assert found.approved == {"body": "1005-1006", "sleeve": "1006"}
    again = propagate(later)
    assert 1005 in again.keyframes
    assert np.array_equal(channels(later, 1006)["sleeve.alpha"], before["sleeve.alpha"])


def test_what_is_taken_back_is_predicted_again(request_: PropagateRequest) -> None:
    propagate(request_)
    before = channels(request_, 1006)
    approve(ApproveRequest(request_.out, "1004-1008"))
    assert approve(ApproveRequest(request_.out, "1005", ("body",), undo=True)).approved == {"body": "1004,1006-1008", "sleeve": "1004-1008"}
    with pytest.raises(RequestError, match="obj_body has no approved matte in .*Approved are: body, sleeve"):
        approve(ApproveRequest(request_.out, "1006", ("obj_body",), undo=True))
    # The folder names the mattes as well as their pattern does, also when they are gone.
    folder = Path(request_.out).parent
    assert approve(ApproveRequest(str(folder), "1001-1012", undo=True)).approved == {}
    assert not Path(approved(request_)).exists()
    result = propagate(request_)
    assert result.written == () and np.array_equal(channels(request_, 1006)["A"], before["A"])
    with pytest.raises(RequestError, match="Nothing is approved on 1005"):
        approve(ApproveRequest(request_.out, "1005", undo=True))


def test_what_is_drawn_counts_more_than_what_was_approved(request_: PropagateRequest, tmp_path: Path) -> None:
    propagate(request_)
    approve(ApproveRequest(request_.out, "1006"))
    write_roto(tmp_path / "drawn.nk", body_keys=(1001, 1006, LAST), sleeve_keys=(1002, 1006, 1010))
    drawn = replace(request_, roto=str(tmp_path / "drawn.nk"))
    propagate(drawn)
    alone = channels(drawn, 1006)
    propagate(replace(drawn, approved=approved(request_)))
    assert all(np.array_equal(plane, channels(drawn, 1006)[name]) for name, plane in alone.items())


def test_a_run_that_is_not_told_of_approved_mattes_says_so(request_: PropagateRequest) -> None:
    propagate(request_)
    approve(ApproveRequest(request_.out, "1006"))
    assert any("1006 are approved, but this run does not count them" in warning for warning in propagate(request_).warnings)
    assert any("1006 are approved, but" in warning for warning in forecast(request_).warnings), "before the run, too"


def test_a_suggestion_that_is_not_told_of_approved_mattes_says_so(request_: PropagateRequest, capsys: pytest.CaptureFixture[str]) -> None:
    propagate(request_)
    approve(ApproveRequest(request_.out, "1005-1006"))
    words = ["suggest", request_.plate, "--roto", str(request_.roto), "--mattes", request_.out, "--model", str(request_.model)]
    rest = ["--size", "64", "--cache", str(request_.cache)]
    assert main([*words, *rest]) == 0
    assert "The mattes of frames 1005-1006 are approved, but this run does not count them. Add --approved" in capsys.readouterr().err
    assert main([*words, *rest, "--approved", approved(request_)]) == 0
    assert "does not count" not in capsys.readouterr().err


def test_what_was_approved_of_another_format_does_not_count(request_: PropagateRequest) -> None:
    """The plate was a proxy then: its pixels lie elsewhere in the picture."""
    propagate(request_)
    approve(ApproveRequest(request_.out, "1005-1006"))
    copy = Path(approved(request_)) / "matte.1005.exr"
    header = exr.read_header(copy)
    image = exr.read_channels(header, header.parts[0], header.parts[0].channels)
    exr.write(copy, image.channels, image.data_window, Box(0, 0, 48, 32), 1.0, {APPROVED_FRAME: 1005})
    annotations = open_shot(replace(request_, approved=approved(request_))).annotations
    assert not annotations.approved(1005) and annotations.approved(1006)
    assert any(f"frame 1005 in {approved(request_)} are 48x32, and the plate is 96x64" in told for told in annotations.warnings), [
        *annotations.warnings
    ]
    with pytest.raises(RequestError, match="matte.1005.exr is 48x32, and the matte is 96x64. Take it back on frame 1005 first"):
        approve(ApproveRequest(request_.out, "1005", objects=("body",)))
    approve(ApproveRequest(request_.out, "1005"))
    assert open_shot(replace(request_, approved=approved(request_))).annotations.approved(1005), "all of it is new"


def test_what_cannot_be_approved_is_said(request_: PropagateRequest, tmp_path: Path) -> None:
    propagate(replace(request_, frames="1001-1004"))
    with pytest.raises(RequestError, match="There is no matte of 1008"):
        approve(ApproveRequest(request_.out, "1008"))
    with pytest.raises(RequestError, match="has no matte of 'hat'. It has: body, sleeve"):
        approve(ApproveRequest(request_.out, "1003", ("hat",)))
    assert approve(ApproveRequest(request_.out, "1003-1006")).warnings == (
        "There is no matte on frames 1005-1006: nothing is approved there.",
    )
    plate = Path(request_.plate).parent
    with pytest.raises(RequestError, match="has no object's layer, such as sleeve.alpha: it is no matte. Give the mattes"):
        approve(ApproveRequest(str(request_.plate), "1003"))
    assert not (plate / "approved").exists()
    with pytest.raises(RequestError, match="There is no folder .* of approved mattes"):
        propagate(replace(request_, approved=str(tmp_path / "nowhere")))
    with pytest.raises(RequestError, match="mattes would replace"):
        propagate(replace(request_, approved=approved(request_), out=f"{approved(request_)}/matte.%04d.exr"))


def test_the_command_approves_and_takes_back(request_: PropagateRequest, capsys: pytest.CaptureFixture[str]) -> None:
    propagate(request_)
    capsys.readouterr()
    assert main(["approve", request_.out, "--frames", "1004-1006", "--object", "body", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["approved"] == {"body": "1004-1006"}
    assert main(["approve", request_.out, "--frames", "1005", "--undo"]) == 0
    assert "body: 1004,1006" in capsys.readouterr().out


def test_mattes_of_another_version_in_one_folder_go_into_the_copies_that_there_are(request_: PropagateRequest) -> None:
    propagate(request_)
    approve(ApproveRequest(request_.out, "1005-1006", ("sleeve",)))
    other = request_.out.replace("matte.", "matte_v002.")
    assert other != request_.out
    for frame in range(1001, LAST + 1):
        Path(request_.out % frame).rename(other % frame)
    found = approve(ApproveRequest(other, "1006-1007"))
    assert found.approved == {"body": "1006-1007", "sleeve": "1005-1007"}
    copies = {path.name: approved_in(path) for path in Path(approved(request_)).iterdir()}
    assert copies == {
        Path(request_.out % 1005).name: (1005, ("sleeve",)),
        Path(request_.out % 1006).name: (1006, ("body", "sleeve")),
        Path(other % 1007).name: (1007, ("body", "sleeve")),
    }
    assert approved_in(Path(other % 1008)) is None and approved_in(Path(approved(request_))) is None


def test_a_folder_of_mattes_that_nobody_approved_is_named(request_: PropagateRequest) -> None:
    propagate(replace(request_, frames="1005-1006"))
    folder = Path(request_.out).parent
    (warning,) = (text for text in forecast(replace(request_, approved=str(folder))).warnings if "approved" in text)
    assert warning == f"No EXR in {folder} is an approved matte, so nothing of it counts."
    approve(ApproveRequest(request_.out, "1006"))
    warnings = forecast(replace(request_, approved=str(folder))).warnings
    assert f"No EXR in {folder} is an approved matte, so nothing of it counts. Is {approved(request_)} meant?" in warnings
    folder = Path(approved(request_))
    for name in ("matte.1005.exr", "other.exr"):
        (folder / name).write_bytes(Path(request_.out % 1005).read_bytes())
    (warning,) = (text for text in forecast(replace(request_, approved=str(folder))).warnings if "approved" in text)
    assert warning.startswith(f"matte.1005.exr in {folder} is called like an approved matte, but nobody has approved it")


@pytest.fixture
def mattes(tmp_path: Path) -> str:
    """Write mattes of two objects on frames 1003 to 1006; gives their pattern."""
    for frame in range(1003, 1007):
        write_matte(str(tmp_path / "matte.%04d.exr") % frame, "body", "sleeve")
    return str(tmp_path / "matte.%04d.exr")


def write_matte(path: str, *objects: str, size: tuple[int, int] = (12, 8)) -> None:
    planes = {f"{name}.alpha": np.full((4, 6), 0.5, np.float16) for name in objects}
    exr.write(Path(path), {**planes, "A": planes[f"{objects[0]}.alpha"]}, Box(2, 2, 8, 6), Box(0, 0, *size), 1.0, {})


def copied(mattes: str) -> dict[str, bytes]:
    """Read all that lies beside the mattes for what is approved, files in work included."""
    return {path.name: path.read_bytes() for path in (Path(mattes).parent / "approved").glob("*")}


@pytest.mark.parametrize("undo", [False, True], ids=["approve", "take back"])
@pytest.mark.parametrize("fault", ["damaged", "full disk", "not moved"])
def test_frames_are_approved_and_taken_back_all_of_them_or_none(
    mattes: str, monkeypatch: pytest.MonkeyPatch, fault: str, undo: bool
) -> None:
    approve(ApproveRequest(mattes, "1003-1006" if undo else "1004", None if undo else ("body",)))
    if fault == "damaged":
        path = Path(mattes).parent / "approved" / "matte.1005.exr" if undo else Path(mattes % 1005)
        path.write_bytes(path.read_bytes()[:-20])
    elif fault == "full disk":
        whole = exr.write

        def full(path: Path, *rest: object, **more: object) -> None:
            if path.name == "matte.1005.exr":
                raise NotWritable("the disk is full")
            whole(path, *rest, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(exr, "write", full)
    else:
        whole_rename, failed = whole_file._rename, []

        def rename(partial: Path, path: Path) -> None:
            if path.name == "matte.1005.exr" and not failed:
                failed.append(path)
                raise OSError(5, "Input/output error", str(path))
            whole_rename(partial, path)

        monkeypatch.setattr(whole_file, "_rename", rename)
    before = copied(mattes)
    with pytest.raises(Failure) as raised:
        approve(ApproveRequest(mattes, "1004-1006", ("sleeve",), undo=undo))
    assert copied(mattes) == before
    if fault == "not moved":
        assert str(raised.value).endswith(f"Nothing is {'taken back' if undo else 'approved'}.")


def test_an_approval_that_fails_leaves_no_empty_folder(mattes: str) -> None:
    """It would say to Nuke that nothing is approved here, also where a former version's copies count."""
    Path(mattes % 1005).write_bytes(b"no EXR")
    with pytest.raises(Failure):
        approve(ApproveRequest(mattes, "1003-1006"))
    assert not (Path(mattes).parent / "approved").exists()


def test_an_object_that_some_mattes_have_not_got_is_approved_on_the_others(mattes: str) -> None:
    for frame in (1003, 1004):
        write_matte(mattes % frame, "body")
    found = approve(ApproveRequest(mattes, "1003-1006", ("sleeve",)))
    assert found.approved == {"sleeve": "1005-1006"} and found.changed == (1005, 1006)
    assert found.warnings == ("The mattes of frames 1003-1004 have no 'sleeve': nothing of it is approved there.",)
    with pytest.raises(RequestError, match=r"matte.1003.exr in .* has no matte of 'sleeve'. It has: body. Nothing is approved"):
        approve(ApproveRequest(mattes, "1003-1004", ("sleeve", "body")))
    assert approve(ApproveRequest(mattes, "1005", ("sleeve", "hat"), undo=True)).warnings == (
        f"hat has no approved matte in {Path(mattes).parent / 'approved'}. Approved are: sleeve.",
    )


def test_what_is_approved_follows_an_object_that_is_called_otherwise(mattes: str, capsys: pytest.CaptureFixture[str]) -> None:
    approve(ApproveRequest(mattes, "1003-1005"))
    words = ["approve", mattes, "--frames", "1001-1010", "--object", "sleeve", "--rename"]
    assert main([*words, "left sleeve"]) == 0
    told = capsys.readouterr().out
    assert "Renamed: frames 1003-1005" in told and "left sleeve: 1003-1005" in told and "body: 1003-1005" in told
    copy = Path(mattes).parent / "approved" / "matte.1004.exr"
    assert approved_in(copy) == (1004, ("body", "left sleeve"))
    assert sorted(exr.read_header(copy).parts[0].channels) == ["A", "body.alpha", "left_sleeve.alpha"]
    assert main([*words, "left sleeve"]) == 2 and "Nothing is approved of 'sleeve'" in capsys.readouterr().err
    assert main([*words[:-1], "--undo", "--rename", "x"]) == 2
    approve(ApproveRequest(mattes, "1003", ("sleeve",)))
    assert main(["approve", mattes, "--frames", "1003", "--object", "sleeve", "--rename", "left sleeve"]) == 0
    assert "Renamed: nothing" in capsys.readouterr().out
    found = approve(ApproveRequest(mattes, "1003", ("sleeve",), rename="left sleeve"))
    assert found.changed == () and found.warnings == (
        "left sleeve is approved itself on frame 1003, so what is approved of sleeve stays there, and does not count.",
    )
    approve(ApproveRequest(mattes, "1003", ("sleeve",), undo=True))
    approve(ApproveRequest(mattes, "1003-1005", ("left sleeve",), rename="sleeve"))
    assert {approved_in(path) for path in copy.parent.iterdir()} == {(frame, ("body", "sleeve")) for frame in (1003, 1004, 1005)}
    with pytest.raises(RequestError, match="Name the one object"):
        approve(ApproveRequest(mattes, "1003", rename="x"))


def write_named(path: str, *objects: tuple[str, str, float]) -> None:
    """Write a matte of objects: the layer, the artist's name, and what the matte is everywhere."""
    planes = {f"{layer}.alpha": np.full((4, 6), value, np.float16) for layer, _, value in objects}
    names = {f"xmem/name/{layer}": name for layer, name, _ in objects if name != layer}
    exr.write(Path(path), {**planes, "A": next(iter(planes.values()))}, Box(2, 2, 8, 6), Box(0, 0, 96, 64), 1.0, names)


def approved_values(copy: Path) -> dict[str, float]:
    """Read what is approved, by the artist's name."""
    header = exr.read_header(copy)
    names = artists_names(header)
    planes = exr.read_channels(header, header.parts[0], [f"{layer}.alpha" for layer in names]).channels
    return {name: float(planes[f"{layer}.alpha"].max()) for layer, name in names.items()}


def write_named_roto(path: Path, *names: str) -> str:
    """Write a roto JSON of a square on the first frame for each name."""
    corners = [[[x, y], [0, 0], [0, 0]] for x, y in ((8, 8), (40, 8), (40, 40), (8, 40))]
    frames = {"1001": {"shapes": [{"points": corners, "feather": None, "closed": True}]}}
    objects = [{"name": name, "frames": frames} for name in names]
    path.write_text(json.dumps({"version": 1, "format": [96, 64, 1.0], "objects": objects}))
    return str(path)


def test_what_is_approved_is_the_objects_of_its_name_whatever_its_layer_is_called_today(request_: PropagateRequest, tmp_path: Path) -> None:
    """Of names that make one layer the first in the roto has it: "手" and "足" are `obj__` and `obj___2`, or the other way round."""
    mattes, copy = str(tmp_path / "matte.%04d.exr"), tmp_path / "approved" / "matte.1003.exr"
    write_named(mattes % 1003, ("obj__", "手", 0.25), ("obj___2", "足", 0.75))
    approve(ApproveRequest(mattes, "1003"))
    for order in (("手", "足"), ("足", "手"), ("足",)):
        shot = open_shot(replace(request_, roto=write_named_roto(tmp_path / "roto.json", *order), approved=str(copy.parent)))
        found = {name: float(shot.annotations.matte(1003, obj).max()) for obj, name in enumerate(shot.annotations.objects)}
        assert found == {name: {"手": 0.25, "足": 0.75}[name] for name in order}
        assert [text for text in shot.annotations.warnings if "手 is approved" in text and "no object" in text] or "手" in order

    # A copy takes in one object from mattes whose layers have changed places.
    write_named(mattes % 1003, ("obj__", "足", 0.5), ("obj___2", "手", 0.125))
    approve(ApproveRequest(mattes, "1003", ("足",)))
    assert approved_values(copy) == {"手": 0.25, "足": 0.5}
    approve(ApproveRequest(mattes, "1003", ("手",), rename="腕"))
    assert approved_values(copy) == {"腕": 0.25, "足": 0.5}
    approve(ApproveRequest(mattes, "1003", ("足",), undo=True))
    assert approved_values(copy) == {"腕": 0.25}


def test_a_copy_that_cannot_be_read_says_how_to_approve_again(request_: PropagateRequest, mattes: str) -> None:
    approve(ApproveRequest(mattes, "1003-1004"))
    copy = Path(mattes).parent / "approved" / "matte.1003.exr"
    copy.write_bytes(b"")
    for fails in (
        lambda: approve(ApproveRequest(mattes, "1004")),
        lambda: open_shot(replace(request_, approved=str(copy.parent))),
    ):
        with pytest.raises(RequestError, match=r"matte.1003.exr in .* Move it away, and approve the frame again."):
            fails()


def test_what_is_approved_of_a_stranger_is_named_with_the_way_to_let_it_count(request_: PropagateRequest, mattes: str) -> None:
    write_matte(mattes % 1003, "hat", size=(96, 64))
    approve(ApproveRequest(mattes, "1003"))
    (told,) = (
        text for text in open_shot(replace(request_, approved=str(Path(mattes).parent / "approved"))).annotations.warnings if "hat" in text
    )
    assert "hat is approved" in told and "does not count" in told and "--object OLD --rename NEW" in told


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"mattes": " "}, "The folder of mattes is empty"),  # else the folder that the program runs in
        ({"approved": ""}, "The folder of approved mattes is empty"),
        ({"objects": ("sleeve",), "rename": ""}, "The new name of the object is empty"),
    ],
)
def test_empty_words_approve_nothing(mattes: str, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], sentence: str) -> None:
    approve(ApproveRequest(mattes, "1003"))
    before = copied(mattes)
    monkeypatch.chdir(Path(mattes).parent)
    with pytest.raises(RequestError, match=sentence):
        approve(replace(ApproveRequest(mattes, "1003-1004"), **changed))
    assert copied(mattes) == before


def test_no_run_replaces_an_approved_matte(mattes: str) -> None:
    approve(ApproveRequest(mattes, "1004"))
    copies = Path(mattes).parent / "approved" / "matte.%04d.exr"
    require_ours(copies, (1001, 1003))
    with pytest.raises(RequestError, match=r"would replace .*matte.1004.exr, which is an approved matte"):
        require_ours(copies, range(1001, 1006))


@pytest.mark.parametrize("undo", [False, True])
def test_copies_of_copies_are_refused(request_: PropagateRequest, undo: bool) -> None:
    propagate(request_)
    approve(ApproveRequest(request_.out, "1005-1006"))
    folder = Path(approved(request_))
    with pytest.raises(RequestError, match="holds approved mattes") as caught:
        approve(ApproveRequest(str(folder), "1006", undo=undo))
    assert f"usually {folder.parent};" in str(caught.value)
    assert sorted(path.name for path in folder.iterdir()) == ["matte.1005.exr", "matte.1006.exr"]
    # Copies may be copied into another folder, which is named.
    assert approve(ApproveRequest(str(folder), "1006", approved=str(folder.parent.parent / "second"))).changed == (1006,)


def test_one_or_several_strangers_are_named_in_whole_sentences(request_: PropagateRequest, tmp_path: Path) -> None:
    propagate(request_)
    approve(ApproveRequest(request_.out, "1006"))
    script = Path(request_.roto or "").read_text()
    for former, sentence in (
        (("body",), "body is approved in {}, but is no object of this shot; it does not count. If it is called"),
        (
            ("body", "sleeve"),
            "body, sleeve are approved in {}, but are no objects of this shot; they do not count. If one of them is called",
        ),
    ):
        text = script
        for name in former:
            text = text.replace(f"curvegroup {name}", f"curvegroup other_{name}")
        (tmp_path / "other.nk").write_text(text)
        ahead = forecast(replace(request_, roto=str(tmp_path / "other.nk"), approved=approved(request_)), 1, None)
        assert any(sentence.format(approved(request_)) in warning for warning in ahead.warnings)
