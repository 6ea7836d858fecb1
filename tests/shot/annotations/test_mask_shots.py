"""Shots whose annotations are masks: real clips, other sizes, other names, and every way to get it wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest
from PIL import Image

from tests.shot.made_shot import write_model, write_plate
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.requests import ApproveRequest, PropagateRequest, SuggestRequest
from xmemcore.shot.annotations.annotations import position
from xmemcore.shot.annotations.masks import MaskAnnotations
from xmemcore.shot.inputs.approved import approve
from xmemcore.shot.inputs.inputs import open_shot
from xmemcore.shot.listener import Silence
from xmemcore.shot.mattes.mattes import MatteWriter
from xmemcore.shot.plate.plate import Plate
from xmemcore.shot.propagate import propagate
from xmemcore.shot.suggest import suggest


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_model(tmp_path_factory.mktemp("model")))


@pytest.fixture
def shot(tmp_path: Path, model: str) -> PropagateRequest:
    """Ten small JPEG-sized pictures and index masks on three of them."""
    (tmp_path / "plate").mkdir()
    (tmp_path / "masks").mkdir()
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 90, (48, 64, 3), np.uint8)
    for frame in range(10):
        picture, mask = noise.copy(), np.zeros((48, 64), np.uint8)
        picture[10:30, 5 + 3 * frame : 20 + 3 * frame] = (20, 60, 220)
        mask[10:30, 5 + 3 * frame : 20 + 3 * frame] = 1
        mask[36:44, 40:52] = 2 if frame != 9 else 0
        cv2.imwrite(str(tmp_path / "plate" / f"p.{frame:04d}.png"), picture)
        if frame in (0, 4, 9):
            image = Image.fromarray(mask, "P")
            image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
            image.save(tmp_path / "masks" / f"m.{frame:04d}.png")
    return PropagateRequest(
        plate=str(tmp_path / "plate"),
        masks=str(tmp_path / "masks"),
        model=model,
        size=64,
        out=str(tmp_path / "out" / "matte.####.exr"),
        cache=str(tmp_path / "cache"),
    )


def alpha(request: PropagateRequest, frame: int, layer: str) -> np.ndarray:
    path = Path(request.out).parent / f"matte.{frame:04d}.exr"
    with OpenEXR.File(str(path), separate_channels=True) as file:
        (x0, y0), (x1, y1) = file.header()["dataWindow"]
        plane = np.zeros((48, 64), np.float32)
        plane[y0 : y1 + 1, x0 : x1 + 1] = file.channels()[f"{layer}.alpha"].pixels
    return plane


def test_index_masks_become_objects_named_by_their_index(shot: PropagateRequest) -> None:
    result = propagate(shot)
    assert result.objects == ("1", "2") and result.layers == ("obj_1", "obj_2")
    assert result.keyframes == (0, 4, 9)
    assert np.array_equal(alpha(shot, 4, "obj_1")[10:30, 17:32], np.ones((20, 15)))
    assert alpha(shot, 4, "obj_1").sum() == 20 * 15


def test_index_that_is_missing_from_a_mask_is_absent_there(shot: PropagateRequest) -> None:
    propagate(shot)
    assert not alpha(shot, 9, "obj_2").any()
    assert alpha(shot, 0, "obj_2").sum() == 8 * 12


def test_listed_keyframes_are_the_ones_that_count(shot: PropagateRequest) -> None:
    assert propagate(replace(shot, keyframes=(0, 9))).keyframes == (0, 9)


def test_real_clip_with_two_objects_and_few_masks(shared: Path, tmp_path: Path, model: str) -> None:
    request = PropagateRequest(
        plate=str(shared / "clips" / "caps" / "frames"),
        masks=str(shared / "clips" / "caps" / "masks"),
        frames="10-20",
        model=model,
        size=96,
        out=str(tmp_path / "m.%04d.exr"),
        cache=str(tmp_path / "cache"),
    )
    result = propagate(request)
    assert list(result.frames) == list(range(10, 21))
    assert result.keyframes == (0, 14, 33, 43, 66), "keyframes outside the range still count"
    with OpenEXR.File(str(tmp_path / "m.0014.exr"), separate_channels=True) as file:
        assert "obj_1.alpha" in file.channels()
        assert not file.channels()["obj_2.alpha"].pixels.any(), "frame 14 labels object 1 only"


def test_suggestion_names_frames_that_are_not_annotated(shot: PropagateRequest) -> None:
    propagate(shot)
    common = {name: getattr(shot, name) for name in ("plate", "masks", "model", "size", "cache")}
    result = suggest(SuggestRequest(**common, mattes=shot.out.replace("####", "%04d"), count=3, alpha=0.5))
    frames = [suggestion.frame for suggestion in result.suggestions]
    assert len(set(frames)) == len(frames) and not {0, 4, 9}.intersection(frames)
    assert result.encoded_frames == 0, "propagate has encoded them"
    assert set(result.scores) == set(range(10))
    assert all(suggestion.score > 0 and suggestion.reason for suggestion in result.suggestions)


def test_published_reason_says_whom_it_speaks_of(shot: PropagateRequest) -> None:
    result = propagate(shot)
    common = {name: getattr(shot, name) for name in ("plate", "masks", "model", "size", "cache")}
    for chosen, whom in ((None, "all objects: "), ("1", "1: ")):
        request = SuggestRequest(**common, mattes=result.out, method="published", alpha=0.5, count=2, object=chosen)
        picks = suggest(request).suggestions
        assert picks and all(pick.reason.startswith(whom) for pick in picks)


def test_reason_tells_keyed_frames_from_suggested_ones(shot: PropagateRequest) -> None:
    common = {name: getattr(shot, name) for name in ("plate", "masks", "model", "size", "cache")}
    picks = suggest(SuggestRequest(**common, keyframes=(0,), count=5, method="published")).suggestions
    assert picks[0].reason == "it looks least like any keyed frame; closest is 0"
    for number, pick in enumerate(picks[1:], 1):
        assert pick.reason.startswith(f"it looks least like any keyed or suggested frame; closest is {pick.nearest_keyframe}")
        earlier = pick.nearest_keyframe in [pick.frame for pick in picks[:number]]
        assert earlier == (pick.nearest_keyframe != 0) == pick.reason.endswith(", suggested before it")
    assert any(pick.nearest_keyframe != 0 for pick in picks)


@pytest.mark.parametrize("method", ["uniform", "random"])
def test_method_that_sees_nothing_needs_no_network(shot: PropagateRequest, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xmemcore.shot.suggest.load_network", lambda *_: pytest.fail("a network was loaded"))
    result = suggest(SuggestRequest(plate=shot.plate, masks=shot.masks, keyframes=(0,), count=3, method=method, frames="4-9"))
    frames = [suggestion.frame for suggestion in result.suggestions]
    assert len(set(frames)) == 3 and set(frames) <= set(range(4, 10)) and result.encoded_frames == 0
    for place, suggestion in enumerate(result.suggestions):
        earlier = ", suggested before it" if suggestion.nearest_keyframe in frames[:place] else ""
        assert suggestion.reason.endswith(f"closest is {suggestion.nearest_keyframe}{earlier}")


def test_only_frames_of_the_range_are_suggested(shot: PropagateRequest) -> None:
    common = {"plate": shot.plate, "masks": shot.masks, "model": shot.model, "size": 64, "use_cache": False}
    whole = suggest(SuggestRequest(**common, keyframes=(0,), count=9))
    part = suggest(SuggestRequest(**common, keyframes=(0,), count=9, frames="5-7"))
    assert {suggestion.frame for suggestion in part.suggestions} <= {5, 6, 7}
    assert {frame: score for frame, score in whole.scores.items() if frame in (5, 6, 7)} == {f: part.scores[f] for f in (5, 6, 7)}


def test_suggestion_says_when_nothing_is_worth_keying(shot: PropagateRequest) -> None:
    common = {name: getattr(shot, name) for name in ("plate", "masks", "model", "size", "cache")}
    for frame in range(10):
        first = Path(shot.plate) / "p.0000.png"
        (Path(shot.plate) / f"p.{frame:04d}.png").write_bytes(first.read_bytes())
    result = suggest(SuggestRequest(**common))
    assert result.suggestions == ()
    assert result.message.startswith("Nothing is worth keying")


def test_suggestion_tells_which_frames_it_left_out(shot: PropagateRequest, tmp_path: Path) -> None:
    propagate(shot)
    common = {name: getattr(shot, name) for name in ("plate", "masks", "model", "size", "cache")}
    result = suggest(SuggestRequest(**common, mattes=shot.out, min_pixels=10**6, method="published"))
    assert result.suggestions == ()
    assert "all others but 7 that were left out (their mattes have under 1000000 pixels: frames 1-3, 5" in result.message


@pytest.mark.parametrize("count", [0, -1])
def test_no_suggestions_is_not_that_nothing_is_worth_keying(shot: PropagateRequest, count: int) -> None:
    with pytest.raises(RequestError, match=f"{count} suggestions are not possible"):
        suggest(SuggestRequest(plate=shot.plate, masks=shot.masks, model=shot.model, size=64, count=count))


class Recorder(Silence):
    """Keep the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, text: str) -> None:
        self.warnings.append(text)


def test_mattes_of_something_else_are_refused(shot: PropagateRequest, tmp_path: Path) -> None:
    propagate(shot)
    common = {name: getattr(shot, name) for name in ("plate", "masks", "model", "size", "cache")}
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "empty.0001.exr").write_text("")
    write_plate(tmp_path / "exrs", 0, 3, ())
    other = Path(shot.out).parent
    for path in sorted(other.glob("*.exr")):
        path.replace(path.with_name(f"far.{int(path.stem[-4:]) + 5000}.exr"))
    for named, sentence in {
        tmp_path / "empty.txt": "empty.txt are no mattes: those are EXR files, not .txt",
        tmp_path / "empty.0001.exr": "empty.0001.exr",
        shot.masks: "are no mattes: those are EXR files, not .png",
        Path(shot.masks) / "m.0000.png": "are no mattes: those are EXR files, not .png",
        shot.plate: "are no mattes: those are EXR files, not .png",
        tmp_path / "exrs": "has no layer obj_1 or obj_2: these are no mattes of this roto or these masks",
        other / "far.%04d.exr": "No frame of the plate has a matte in .*far.*: it holds frames 5000-5009",
    }.items():
        with pytest.raises(RequestError, match=sentence):
            suggest(SuggestRequest(**common, mattes=str(named)))


def test_few_mattes_are_said(shot: PropagateRequest) -> None:
    propagate(replace(shot, frames="0-3"))
    common = {name: getattr(shot, name) for name in ("plate", "masks", "model", "size", "cache")}
    recorder = Recorder()
    suggest(SuggestRequest(**common, mattes=shot.out), recorder)
    assert recorder.warnings == [f"Only 4 of 10 frames have a matte in {shot.out}; the others are judged by the plate alone."]
    propagate(replace(shot, frames="0-4"))
    recorder = Recorder()
    suggest(SuggestRequest(**common, mattes=shot.out), recorder)
    assert recorder.warnings == []


def test_picks_depend_on_the_object(shot: PropagateRequest) -> None:
    common = {name: getattr(shot, name) for name in ("plate", "masks", "model", "size", "cache")}
    with pytest.raises(RequestError, match="No object is called 'hat'. The annotations have: '1', '2'."):
        suggest(SuggestRequest(**common, object="hat"))
    assert suggest(SuggestRequest(**common, object="2")).object == "2"


def test_an_object_may_be_named_by_its_layer(shot: PropagateRequest) -> None:
    opened = open_shot(replace(shot, objects=("obj_2",), absent=("obj_2:6", "obj_1:1-3")))
    assert opened.annotations.objects == ("2",) and opened.annotations.absent(6) == {0}
    with pytest.raises(RequestError, match="No object is called 'obj_3'. The annotations have: '1', '2'."):
        open_shot(replace(shot, objects=("2",), absent=("obj_3:6",)))
    assert [position(name, ("1", "obj_1")) for name in ("1", "obj_1", "obj_1_2")] == [0, 1, 1], "the object's own name counts more"


def test_approved_mattes_may_be_named_by_their_layer(shot: PropagateRequest) -> None:
    propagate(shot)
    assert approve(ApproveRequest(shot.out, "5", objects=("obj_2",))).approved == {"2": "5"}
    assert approve(ApproveRequest(shot.out, "5", objects=("obj_2",), undo=True)).approved == {}


def broken(kind: str, shot: PropagateRequest, folder: Path) -> PropagateRequest:
    """Spoil a good request in one way."""
    plate, masks = Path(shot.plate), Path(shot.masks)
    if kind == "no plate":
        return replace(shot, plate=str(folder / "nothing.%04d.exr"))
    if kind == "no annotation":
        return replace(shot, masks=None)
    if kind == "empty masks":
        for path in masks.iterdir():
            Image.fromarray(np.zeros((48, 64), np.uint8), "P").save(path)
    if kind == "mask of another size":
        Image.fromarray(np.ones((24, 64), np.uint8), "P").save(masks / "m.0004.png")
    if kind == "mask off the plate":
        (masks / "m.0004.png").rename(masks / "m.0044.png")
    if kind == "mask on a hole":
        (plate / "p.0004.png").unlink()
    if kind == "damaged mask":
        (masks / "m.0004.png").write_bytes((masks / "m.0004.png").read_bytes()[:60])
    if kind == "damaged plate":
        (plate / "p.0003.png").write_bytes((plate / "p.0003.png").read_bytes()[:600])
    if kind == "sizes differ":
        cv2.imwrite(str(plate / "p.0003.png"), np.zeros((10, 10, 3), np.uint8))
    if kind == "unknown colour space":
        return replace(shot, colorspace="rec2100")
    if kind == "unknown model":
        return replace(shot, model="huge")
    if kind == "unknown device":
        return replace(shot, device="tpu")
    if kind == "unknown mode":
        return replace(shot, mode="magic")
    if kind == "frames off the plate":
        return replace(shot, frames="100-200")
    if kind == "no frame range":
        return replace(shot, frames="ten to twelve")
    if kind == "unwritable folder":
        (folder / "file").write_text("")
        return replace(shot, out=str(folder / "file" / "matte.%04d.exr"))
    if kind == "truncated exr":
        pattern = write_plate(folder / "exr", 0, 9, ())
        path = folder / "exr" / "plate.5.exr"
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return replace(shot, plate=pattern, masks=_masks(folder / "m2", (64, 96)))
    return shot


def _masks(folder: Path, size: tuple[int, int]) -> str:
    folder.mkdir()
    mask = np.zeros(size, np.uint8)
    mask[20:40, 20:60] = 1
    Image.fromarray(mask, "P").save(folder / "m.0000.png")
    return str(folder)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("no plate", "There are no files nothing.%04d.exr"),
        ("no annotation", "one of --roto and --masks"),
        ("empty masks", "are all empty"),
        ("mask of another size", "m.0004.png .* is 64x24, but the plate's format is 64x48"),
        ("mask off the plate", "Keyframe 44 is not on the plate"),
        ("mask on a hole", "Keyframe 4 is missing on disk .* or leave that keyframe out."),
        ("damaged mask", "The mask m.0004.png .* is truncated or damaged"),
        ("damaged plate", "p.0003.png .* truncated"),
        ("sizes differ", "Frame 3 .* is 10x10, but the plate begins with 64x48"),
        ("unknown colour space", "There is no colour space 'rec2100'"),
        ("unknown model", "There is no model called huge"),
        ("unknown device", "There is no device 'tpu'"),
        ("unknown mode", "There is no mode 'magic'"),
        ("frames off the plate", "None of the frames 100-200 is on the plate"),
        ("no frame range", "is no frame range"),
        ("unwritable folder", "cannot be written"),
        ("truncated exr", "plate.5.exr .* truncated or damaged"),
    ],
)
def test_bad_input_gets_a_sentence_and_loses_nothing(shot: PropagateRequest, tmp_path: Path, kind: str, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence) as failure:
        propagate(broken(kind, shot, tmp_path))
    assert failure.value.exit_code == 2
    assert str(failure.value).endswith(".") and "\n" not in str(failure.value)


@pytest.mark.exhaustive
def test_choice_of_object_changes_the_picks_on_a_real_clip(shared: Path, tmp_path: Path, model: str) -> None:
    clip = shared / "clips" / "combo-dance-dog-libby"
    plate = Plate.open(str(clip / "frames"))
    truth = MaskAnnotations.open(str(clip / "masks"), plate)
    writer = MatteWriter(tmp_path / "matte.%04d.exr", plate.canvas, [("obj_1", "1"), ("obj_2", "2"), ("obj_3", "3")], {})
    for frame in plate.frames:
        mattes = np.stack([truth.matte(frame, obj) for obj in range(3)])
        writer.write(frame, mattes, mattes.max(axis=0), keyframe=False)
    request = SuggestRequest(
        plate=str(clip / "frames"),
        masks=str(clip / "masks"),
        keyframes=(0,),
        model=model,
        size=96,
        cache=str(tmp_path / "cache"),
        mattes=str(tmp_path / "matte.%04d.exr"),
        alpha=1.0,
        method="published",
        count=3,
    )
    picks = {obj: tuple(s.frame for s in suggest(replace(request, object=obj)).suggestions) for obj in (None, "1", "2", "3")}
    assert len(set(picks.values())) >= 3, picks
    assert all(0 not in frames and len(set(frames)) == 3 for frames in picks.values())
