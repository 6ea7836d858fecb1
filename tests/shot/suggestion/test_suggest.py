"""Suggestion finds what is wrong with the mattes, says so in an artist's words, and is quiet when nothing is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from tests.shot.made_shot import write_model
from xmemcore.engine.selection import STRATEGIES, Situation
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.requests import SuggestRequest
from xmemcore.protocol.results import SuggestResult
from xmemcore.shot import suggest as suggesting
from xmemcore.shot.files.box import Box
from xmemcore.shot.listener import Silence
from xmemcore.shot.mattes.mattes import MatteWriter
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.plate.plate import Plate
from xmemcore.shot.suggest import suggest

LENGTH = 40
KEYED = (0, 39)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_model(tmp_path_factory.mktemp("model")))


def truth(frame: int) -> np.ndarray:
    rows, columns = np.mgrid[:96, :128]
    return np.clip(18.5 - np.hypot(columns - 30 - 1.5 * frame, rows - 48), 0, 1).astype(np.float32)


@pytest.fixture
def request_(tmp_path: Path, model: str) -> SuggestRequest:
    """A disc that crosses the picture, keyed at both ends; the mattes are right."""
    for folder in ("plate", "masks"):
        (tmp_path / folder).mkdir()
    noise = np.random.default_rng(5).integers(0, 90, (96, 128, 3), np.uint8)
    for frame in range(LENGTH):
        mask = truth(frame)
        picture = noise * (1 - mask[..., None]) + np.array([20.0, 60.0, 220.0]) * mask[..., None]
        cv2.imwrite(str(tmp_path / "plate" / f"p.{frame:04d}.png"), picture.astype(np.uint8))
        if frame in KEYED:
            image = Image.fromarray((mask >= 0.5).astype(np.uint8), "P")
            image.putpalette([0, 0, 0, 255, 0, 0])
            image.save(tmp_path / "masks" / f"m.{frame:04d}.png")
    request = SuggestRequest(
        plate=str(tmp_path / "plate"),
        masks=str(tmp_path / "masks"),
        mattes=str(tmp_path / "mattes" / "matte.%04d.exr"),
        model=model,
        size=96,
        cache=str(tmp_path / "cache"),
        count=3,
    )
    spoil(request, {})
    return request


def spoil(request: SuggestRequest, wrong: dict[int, np.ndarray]) -> None:
    """Write the mattes, some of them wrong."""
    plate = Plate.open(request.plate)
    pattern = Path(str(request.mattes))
    pattern.parent.mkdir(exist_ok=True)
    writer = MatteWriter(pattern, plate.canvas, [("obj_1", "1")], {})
    for frame in range(LENGTH):
        matte = wrong.get(frame, truth(frame))
        writer.write(frame, matte[None], matte, keyframe=frame in KEYED)


def test_right_mattes_raise_no_alarm(request_: SuggestRequest) -> None:
    result = suggest(request_)
    assert not any(pick.wrong for pick in result.suggestions)
    assert result.message.startswith("Nothing looks wrong.") and result.lost_frames == ()
    assert result.expected_j is not None and result.expected_j > 0.75
    assert f"expected to reach J {result.expected_j:.2f}, give or take 0.1." in result.message


def test_lost_stretch_is_suggested_first_and_named(request_: SuggestRequest) -> None:
    spoil(request_, {frame: np.zeros((96, 128), np.float32) for frame in range(25, 31)})
    result = suggest(request_)
    first = result.suggestions[0]
    assert 23 <= first.frame <= 32 and first.wrong and first.object == "1"
    assert (first.first, first.last) == (25, 30) and first.reason == "1: lost for 6 frames (25-30)"
    assert result.message.startswith(f"Key frame {first.frame} next: 1: lost for 6 frames")
    assert result.lost_frames == () and "empty" not in result.message, "a suggestion is for them"


@pytest.mark.parametrize("method", ["published", "uniform"])
def test_lost_frames_that_no_suggestion_is_for_are_named_as_a_stretch(request_: SuggestRequest, method: str) -> None:
    spoil(request_, {frame: np.zeros((96, 128), np.float32) for frame in range(25, 31)})
    result = suggest(replace(request_, method=method))
    assert result.lost_frames == (25, 26, 27, 28, 29, 30)
    assert result.message.endswith(" On frames 25-30 the matte is empty, between frames that have it.")


@pytest.mark.parametrize("method", ["published", "uniform", "random"])
def test_only_coverage_names_the_first_frame(request_: SuggestRequest, method: str) -> None:
    nothing = replace(request_, masks=None, mattes=None)
    assert len(suggest(nothing).suggestions) == 3
    with pytest.raises(RequestError, match=f"Method {method} goes on from keyed frames.*let coverage name the first one"):
        suggest(replace(nothing, method=method))


@pytest.mark.parametrize("frames", ["2-5", "0"])
def test_what_looks_wrong_is_named_where_none_of_its_frames_may_be_suggested(request_: SuggestRequest, frames: str) -> None:
    """0 is keyed, so nothing at all is suggested."""
    spoil(request_, {frame: np.roll(truth(frame), (-25, 40), (0, 1)) for frame in range(31, 36)})
    result = suggest(replace(request_, frames=frames, count=1))
    assert not any(pick.wrong for pick in result.suggestions) and "Nothing" not in result.message
    assert result.message.startswith("No suggested frame puts right what looks wrong: 1: jumps to another place on 31-35.")


def test_coverage_is_told_where_the_object_is(request_: SuggestRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """On keyed frames by the keys, on the others by the mattes; without mattes nothing is known."""
    spoil(request_, {20: np.zeros((96, 128), np.float32)})
    asked: list[Situation] = []
    listening = replace(STRATEGIES["coverage"], picks=lambda situation, count: iter(asked.append(situation) or ()))  # type: ignore[func-returns-value]
    monkeypatch.setitem(suggesting.STRATEGIES, "coverage", listening)
    suggest(request_)
    suggest(replace(request_, mattes=None))
    told_, untold = asked
    for frame in (0, 10, 39):
        shares = told_.covered(frame)
        assert shares is not None and len(shares) == len(told_.glimpse(frame))  # type: ignore[misc]
        assert float(shares.mean()) == pytest.approx(float(truth(frame).mean()), rel=0.03)
    assert not told_.covered(20).any(), "the matte is empty there"  # type: ignore[union-attr]
    assert untold.covered(10) is None


def told(request: SuggestRequest) -> tuple[SuggestResult, list[str]]:
    """Suggest, and give the warnings too."""
    warnings: list[str] = []
    listener = Silence()
    listener.warning = warnings.append  # type: ignore[method-assign]
    return suggest(request, listener), warnings


def test_an_object_without_mattes_is_named(request_: SuggestRequest) -> None:
    """It was drawn since: nothing can be said of it, and quiet would sound like praise."""
    assert told(request_)[1] == []
    for frame in KEYED:
        path = Path(str(request_.masks)) / f"m.{frame:04d}.png"
        picture = np.array(Image.open(path))
        picture[:8, :8] = 2
        image = Image.fromarray(picture, "P")
        image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
        image.save(path)
    (warning,) = told(request_)[1]
    assert warning.startswith("2 has no matte in ") and "nothing can look wrong there" in warning


def test_two_objects_that_are_lost_on_the_same_frames_are_both_named(request_: SuggestRequest) -> None:
    """Of the second one nothing would be known else: not even that its mattes are empty."""
    other, nothing = np.zeros((96, 128), np.float32), np.zeros((96, 128), np.float32)
    other[4:16, 4:24] = 1
    for frame in KEYED:
        path = Path(str(request_.masks)) / f"m.{frame:04d}.png"
        image = Image.fromarray(np.where(other > 0, 2, (truth(frame) >= 0.5)).astype(np.uint8), "P")
        image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
        image.save(path)
    writer = MatteWriter(Path(str(request_.mattes)), Plate.open(request_.plate).canvas, [("obj_1", "1"), ("obj_2", "2")], {})
    for frame in range(LENGTH):
        planes = np.stack([nothing if 10 <= frame <= 20 else truth(frame), nothing if 12 <= frame <= 15 else other])
        writer.write(frame, planes, planes.max(axis=0), keyframe=frame in KEYED)
    result = suggest(request_)
    (first,) = (pick for pick in result.suggestions if pick.wrong)
    assert first.reason == "1: lost for 11 frames (10-20); 2: lost for 4 frames (12-15)" and (first.object, first.also) == ("1", ("2",))
    assert result.lost_frames == ()
    # Beside the first one's stretch only; the second one's is named by nobody, so its empty mattes are.
    result = suggest(replace(request_, frames="20", count=1))
    assert result.suggestions[0].reason == "1: lost for 11 frames (10-20)" and result.lost_frames == (12, 13, 14, 15)
    assert result.message.endswith(" On frames 12-15 the matte is empty, between frames that have it.")


def test_mattes_of_another_format_are_not_judged(request_: SuggestRequest) -> None:
    writer = MatteWriter(Path(str(request_.mattes)), Canvas(Box(0, 0, 64, 48), Box(0, 0, 64, 48)), [("obj_1", "1")], {})
    for frame in range(10, 20):
        writer.write(frame, truth(frame)[None, ::2, ::2], truth(frame)[::2, ::2], keyframe=False)
    result, (warning,) = told(request_)
    assert "The mattes of frames 10-19 in " in warning and "are 64x48, and the plate is 128x96: they are not looked at." in warning
    assert not any(pick.wrong for pick in result.suggestions)
    for frame in range(LENGTH):
        writer.write(frame, truth(frame)[None, ::2, ::2], truth(frame)[::2, ::2], keyframe=False)
    with pytest.raises(RequestError, match="are 64x48, and the plate is 128x96. Propagate this plate first."):
        suggest(request_)


def test_a_stretch_is_named_once_and_the_next_suggestion_is_for_another(request_: SuggestRequest) -> None:
    nothing = np.zeros((96, 128), np.float32)
    spoil(request_, dict.fromkeys((*range(7, 15), *range(27, 31)), nothing))
    first, second, *rest = suggest(request_).suggestions
    assert {first.reason, second.reason} == {"1: lost for 8 frames (7-14)", "1: lost for 4 frames (27-30)"}
    assert not any(pick.wrong for pick in rest)


@pytest.mark.parametrize("kind", ["other place", "two places", "soft"])
def test_wrong_stretch_is_among_the_first_two(request_: SuggestRequest, kind: str) -> None:
    spoils = {
        "other place": lambda frame: np.roll(truth(frame), (-25, 40), (0, 1)),
        "two places": lambda frame: np.maximum(truth(frame), np.roll(truth(frame), 45, 1)),
        "soft": lambda frame: cv2.GaussianBlur(truth(frame), (0, 0), 9) * 0.9,
    }
    spoil(request_, {frame: spoils[kind](frame) for frame in range(9, 15)})
    result = suggest(request_)
    assert any(5 <= pick.frame <= 18 for pick in result.suggestions[:2])
    assert any(pick.wrong for pick in result.suggestions[:2])


def test_matte_that_stays_beside_the_object_is_found_by_what_it_covers(request_: SuggestRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def colours(frames: object, indices: list[int], *_: object) -> dict[int, torch.Tensor]:
        """Looks of a network that knows colours, because an untrained one knows nothing."""
        pictures = {index: cv2.imread(f"{request_.plate}/p.{index:04d}.png") for index in indices}
        return {
            index: torch.from_numpy(cv2.resize(picture, (16, 12), interpolation=cv2.INTER_AREA).transpose(2, 0, 1)).float()
            for index, picture in pictures.items()
        }

    monkeypatch.setattr(suggesting, "_looks", colours)
    spoil(request_, {frame: np.roll(truth(frame), -48, 1) for frame in range(1, 39)})
    first = suggest(request_).suggestions[0]
    assert first.wrong and first.reason == "1: two candidates on 1-38", "with the frame on which it jumps there"
    spoil(request_, {})
    assert not any(pick.wrong for pick in suggest(request_).suggestions)


def test_first_key_is_suggested_without_any_annotation(request_: SuggestRequest) -> None:
    result = suggest(SuggestRequest(plate=request_.plate, model=request_.model, size=96, cache=request_.cache, count=2))
    first = result.suggestions[0]
    assert result.scores[first.frame] == max(result.scores.values()) > 0
    assert first.nearest_keyframe is None and result.message.startswith(f"Key frame {first.frame} first: ")
    few = suggest(SuggestRequest(plate=request_.plate, model=request_.model, size=96, cache=request_.cache, count=5, frames="3-4"))
    assert few.suggestions[1].reason == f"1 frame from {few.suggestions[0].frame}, suggested before it; a key here helps " + (
        "4-39 most" if few.suggestions[0].frame == 3 else "0-3 most"
    ), "it is no key yet"
    assert len(few.suggestions) == 2 and few.message.startswith(f"Key frame {few.suggestions[0].frame} first: "), "nothing is keyed"


def test_roto_that_nobody_has_keyed_is_like_none(request_: SuggestRequest, tmp_path: Path) -> None:
    empty = SuggestRequest(plate=request_.plate, model=request_.model, size=96, cache=request_.cache, count=1)
    roto = tmp_path / "roto.json"
    roto.write_text('{"version": 1, "format": [128, 96, 1.0], "objects": [{"name": "sleeve", "frames": {}}]}')
    assert suggest(replace(empty, roto=str(roto))).suggestions == suggest(empty).suggestions
    for wrong in ({"method": "published"}, {"mattes": request_.mattes}, {"object": "sleeve"}):
        with pytest.raises(RequestError, match="No shape of the roto has a key"):
            suggest(replace(empty, roto=str(roto), **wrong))


@pytest.mark.parametrize("said", [{"mattes": "mattes"}, {"object": "1"}, {"absent": ("1:5-9",)}, {"approved": "approved"}], ids=str)
def test_what_is_said_of_objects_needs_annotations(request_: SuggestRequest, said: dict) -> None:
    with pytest.raises(RequestError, match="one of --roto and --masks"):
        suggest(replace(request_, **{"masks": None, "mattes": None, **said}))


def test_reason_far_from_keys_names_the_nearest_one(request_: SuggestRequest) -> None:
    result = suggest(SuggestRequest(**{**vars(request_), "mattes": None}))
    pick = result.suggestions[0]
    nearest = f"{min(pick.frame, 39 - pick.frame)} frames from its nearest key ({0 if pick.frame < 20 else 39})"
    assert pick.reason == f"1: {nearest}; a key here helps {pick.frame // 2 + 1}-{(pick.frame + 40) // 2 - 1} most"
    assert result.expected_j is None
