"""The artist's shapes are brought to another frame: same points, on the matte."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from xmemcore.cli.main import main
from xmemcore.evaluation.demo_shot import FIRST_FRAME, POINTS, DemoShot
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.requests import FitRequest
from xmemcore.roto import read_roto
from xmemcore.shot.files.box import Box
from xmemcore.shot.fit import fit_shapes
from xmemcore.shot.listener import Silence
from xmemcore.shot.mattes.mattes import MatteWriter
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.plate.plate import Plate

WIDTH, HEIGHT, LENGTH = 128, 96, 9


def middle(frame: int) -> tuple[float, float]:
    return 36 + 5.0 * frame, 40 + 2.0 * frame


def truth(frame: int) -> np.ndarray:
    """A disc that moves, grows and has a notch, row 0 at the top."""
    x, y = middle(frame)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.clip(20.5 + 0.4 * frame - np.hypot(columns + 0.5 - x, rows + 0.5 - y), 0, 1).astype(np.float32)


def roto() -> dict:
    """The disc of frame 0 as eight points with straight tangents; y up."""
    angle = 2 * np.pi * np.arange(8) / 8
    x, y = middle(0)
    handle = 20.5 * 4 / 3 * np.tan(np.pi / 16)
    points = [
        [
            [x + 20.5 * np.cos(a), HEIGHT - y + 20.5 * np.sin(a)],
            [handle * np.sin(a), -handle * np.cos(a)],
            [-handle * np.sin(a), handle * np.cos(a)],
        ]
        for a in angle
    ]
    shape = {
        "points": points,
        "feather": None,
        "closed": True,
        "opacity": 1.0,
        "inverted": False,
        "blending": "over",
        "feather_falloff": 1.0,
    }
    return {"version": 1, "format": [WIDTH, HEIGHT, 1.0], "objects": [{"name": "disc", "frames": {"0": {"shapes": [shape]}}}]}


@pytest.fixture
def request_(tmp_path: Path) -> FitRequest:
    (tmp_path / "plate").mkdir()
    rng = np.random.default_rng(2)
    ground = cv2.GaussianBlur(rng.integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.float32), (0, 0), 2) * 0.5
    skin = cv2.GaussianBlur(rng.integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.float32), (0, 0), 2) * 0.5 + 100
    for frame in range(LENGTH):
        x, y = (int(round(now - then)) for now, then in zip(middle(frame), middle(0)))
        mask = truth(frame)[..., None]
        cv2.imwrite(str(tmp_path / "plate" / f"p.{frame:04d}.png"), ground * (1 - mask) + np.roll(skin, (y, x), (0, 1)) * mask)
    (tmp_path / "roto.json").write_text(json.dumps(roto()))
    plate = Plate.open(str(tmp_path / "plate"))
    writer = MatteWriter(tmp_path / "mattes" / "matte.%04d.exr", plate.canvas, [("disc", "disc")], {})
    (tmp_path / "mattes").mkdir()
    for frame in range(LENGTH):
        writer.write(frame, truth(frame)[None], truth(frame), keyframe=frame == 0)
    return FitRequest(
        plate=str(tmp_path / "plate"),
        roto=str(tmp_path / "roto.json"),
        mattes=str(tmp_path / "mattes"),
        frame=8,
        size=HEIGHT,
        out=str(tmp_path / "fitted.json"),
    )


def test_fitted_shape_covers_the_matte_and_keeps_its_points_places(request_: FitRequest) -> None:
    result = fit_shapes(request_)
    assert [(obj.name, obj.keyed_on) for obj in result.objects] == [("disc", 0)] and result.objects[0].iou >= 0.97
    (disc,) = read_roto(str(result.out), None).objects
    (shape,) = disc.at(8)
    x, y = middle(8)
    around = np.arctan2(shape.points[:, 0, 1] - (HEIGHT - y), shape.points[:, 0, 0] - x)
    turned = np.degrees(np.angle(np.exp(1j * (around - 2 * np.pi * np.arange(8) / 8))))
    assert np.abs(turned).max() < 8, "a point stays on its place of the object"


def test_points_keep_their_places_on_an_object_that_turns_and_bends(tmp_path: Path) -> None:
    """The drawn shot knows where each spot of its outline is; it turns by 21 degrees on the way."""
    shot, frame = DemoShot(width=320, height=180), FIRST_FRAME + 9
    frames = range(FIRST_FRAME, frame + 1)
    (tmp_path / "plate").mkdir()
    for index in frames:
        light = np.clip(shot.plate(index), 0, 1) ** (1 / 2.2)
        cv2.imwrite(str(tmp_path / "plate" / f"p.{index}.png"), (255 * light[..., ::-1]).astype(np.uint8))
    plate = Plate.open(str(tmp_path / "plate"))
    writer = MatteWriter(tmp_path / "mattes" / "matte.%04d.exr", plate.canvas, [("shape", "shape")], {})
    writer.prepare()
    for index in frames:
        matte = shot.matte(index).astype(np.float32)
        writer.write(index, matte[None], matte, keyframe=index == FIRST_FRAME)
    (tmp_path / "roto.nk").write_text(shot.script("p.%04d.png"))
    request = FitRequest(
        plate=str(tmp_path / "plate"), roto=str(tmp_path / "roto.nk"), mattes=str(tmp_path / "mattes"), frame=frame, size=180
    )
    result = fit_shapes(replace(request, keyframes=(FIRST_FRAME,), out=str(tmp_path / "fitted.json")))
    (shape,) = read_roto(str(result.out), None).objects[0].at(frame)
    places = shot.outline(frame, 2 * np.pi * np.arange(POINTS) / POINTS) * [1, -1] + [0, shot.height]
    off = np.hypot(*(shape.points[:, 0] - places).T) / np.sqrt(shot.matte(frame).sum())
    # Points that do not follow the object are 0.13 of its extent away.
    assert result.objects[0].iou > 0.97 and np.median(off) < 0.05


def test_what_is_written_is_the_roto_with_one_key_more(request_: FitRequest) -> None:
    drawn = roto()
    still = {**drawn["objects"][0]["frames"], "5": {"shapes": []}}
    drawn["objects"].append({"name": "post", "hidden": "3-6", "frames": still})
    Path(str(request_.roto)).write_text(json.dumps(drawn))
    first = fit_shapes(replace(request_, objects=("disc",)))
    assert [obj.name for obj in first.objects] == ["disc"] and first.out is not None
    disc, post = json.loads(Path(first.out).read_text())["objects"]
    assert post == drawn["objects"][1]
    assert disc["frames"].pop("8") and disc == drawn["objects"][0]
    second = fit_shapes(replace(request_, roto=first.out, frame=6, objects=("disc",), out=str(Path(first.out).with_name("next.json"))))
    assert second.objects[0].keyed_on == 8, "the next fit goes on from it"
    assert read_roto(str(second.out), None).objects[0].keyframes == (0, 6, 8)


def test_what_is_drawn_on_the_frame_stays(request_: FitRequest) -> None:
    """The matte may be of a run that did not know it yet."""
    drawn = roto()
    moved = json.loads(json.dumps(drawn["objects"][0]["frames"]["0"]))
    moved["shapes"][0]["points"] = [[[x + 5, y], *tangents] for (x, y), *tangents in moved["shapes"][0]["points"]]
    drawn["objects"][0]["frames"]["8"] = moved
    drawn["objects"].append({"name": "double", "frames": {"0": drawn["objects"][0]["frames"]["0"]}})
    Path(str(request_.roto)).write_text(json.dumps(drawn))
    plate = Plate.open(request_.plate)
    writer = MatteWriter(Path(request_.mattes) / "matte.%04d.exr", plate.canvas, [("disc", "disc"), ("double", "double")], {})
    for frame in range(LENGTH):
        writer.write(frame, np.stack([truth(frame)] * 2), truth(frame), keyframe=frame == 0)
    result = fit_shapes(request_)
    assert [obj.name for obj in result.objects] == ["double"]
    assert result.warnings == ("disc counts as keyed on 8 already: what is drawn there stays.",)
    disc, double = json.loads(Path(str(result.out)).read_text())["objects"]
    assert disc == drawn["objects"][0] and sorted(double["frames"]) == ["0", "8"]
    with pytest.raises(RequestError, match="No shape could be brought to frame 8. disc counts as keyed on 8 already"):
        fit_shapes(replace(request_, objects=("disc",)))


def rewrite(request: FitRequest, changed: Callable[[int], np.ndarray]) -> None:
    """Write other mattes."""
    plate = Plate.open(request.plate)
    writer = MatteWriter(Path(request.mattes) / "matte.%04d.exr", plate.canvas, [("disc", "disc")], {})
    for frame in range(1, LENGTH):
        matte = changed(frame)
        writer.write(frame, matte[None], matte, keyframe=False)


def test_a_shape_goes_across_what_stands_before_its_object_and_says_so(request_: FitRequest) -> None:
    def behind(frame: int) -> np.ndarray:
        matte = truth(frame)
        matte[:, int(middle(frame)[0]) - 4 : int(middle(frame)[0]) + 5] = 0
        return matte

    assert fit_shapes(request_).warnings == ()
    rewrite(request_, behind)
    result = fit_shapes(request_)
    assert result.objects[0].iou > 0.97
    assert "disc is in pieces on frame 8, and its outline goes across the gaps" in " ".join(result.warnings)


def test_a_shape_that_covers_its_matte_badly_is_told(request_: FitRequest) -> None:
    def with_another(frame: int) -> np.ndarray:
        matte = truth(frame)
        matte[:20, 100:] = matte[76:, 100:] = matte[:14, :40] = 1
        return matte

    rewrite(request_, with_another)
    result = fit_shapes(request_)
    assert result.objects[0].iou < 0.9 and "disc covers its matte badly on frame 8 (overlap 0." in " ".join(result.warnings)


def test_a_fit_for_another_program_writes_nothing(request_: FitRequest) -> None:
    result = fit_shapes(replace(request_, out=None))
    assert result.out is None and result.objects[0].iou >= 0.97 and not list(Path(str(request_.roto)).parent.glob("fitted*"))


def test_command_says_how_well_the_shapes_cover_the_matte(request_: FitRequest, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fit", request_.plate, "--roto", str(request_.roto), "--mattes", request_.mattes, "--frame", "5", "--out", request_.out]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert f"Give to the next runs: --roto {request_.out}" in printed
    assert float(printed.split("disc: shapes of frame 0 on frame 5, overlap with the matte ")[1].split()[0]) >= 0.97


def test_command_asks_for_the_frame(request_: FitRequest, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fit", request_.plate, "--roto", str(request_.roto), "--mattes", request_.mattes, "--out", request_.out]
    assert main(words) != 0
    assert "--frame F" in capsys.readouterr().err and not Path(request_.out).exists()


def test_frame_without_a_matte_is_refused_in_a_sentence(request_: FitRequest) -> None:
    with pytest.raises(RequestError, match="Frame 99 has no plate or no matte"):
        fit_shapes(FitRequest(**{**vars(request_), "frame": 99}))


def test_a_matte_of_another_format_is_refused(request_: FitRequest) -> None:
    small = Canvas(Box(0, 0, WIDTH // 2, HEIGHT // 2), Box(0, 0, WIDTH // 2, HEIGHT // 2))
    writer = MatteWriter(Path(request_.mattes) / "matte.%04d.exr", small, [("disc", "disc")], {})
    writer.write(8, truth(8)[None, ::2, ::2], truth(8)[::2, ::2], keyframe=False)
    with pytest.raises(RequestError, match="frame 8 in .* are 64x48, and the plate is 128x96.* Propagate over frame 8 first"):
        fit_shapes(request_)


def test_masks_have_no_shapes(request_: FitRequest, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "masks" / "m.0000.png"), (truth(0) >= 0.5).astype(np.uint8))
    with pytest.raises(RequestError, match="Masks have no shapes"):
        fit_shapes(FitRequest(**{**vars(request_), "roto": None, "masks": str(tmp_path / "masks")}))


@pytest.mark.parametrize("name", ["roto.json", "link.json", "mattes/result.json", "plate/p.0000.png", "script.nk", "strange.json"])
def test_fitted_shapes_replace_neither_an_input_nor_what_is_of_another_kind(request_: FitRequest, tmp_path: Path, name: str) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / "roto.json")
    (tmp_path / "mattes" / "result.json").write_text("{}")
    (tmp_path / "strange.json").write_text("not ours")
    out = tmp_path / name
    before = out.read_bytes() if out.exists() else None
    with pytest.raises(RequestError, match="Choose another name|ends in .json"):
        fit_shapes(replace(request_, out=str(out)))
    assert (out.read_bytes() if out.exists() else None) == before


def test_shapes_that_were_fitted_before_are_replaced_but_no_key_is_lost(request_: FitRequest) -> None:
    fit_shapes(replace(request_, frame=1))
    before = Path(str(request_.out)).read_bytes()
    with pytest.raises(RequestError, match=r"has keys that would be lost, .* leaves them out: disc on frame 1\. Go on from that file"):
        fit_shapes(replace(request_, frame=2))
    assert Path(str(request_.out)).read_bytes() == before
    writer = MatteWriter(Path(request_.mattes) / "matte.%04d.exr", Plate.open(request_.plate).canvas, [("disc", "disc")], {})
    writer.write(1, truth(2)[None], truth(2), keyframe=False)
    fit_shapes(replace(request_, frame=1))
    assert Path(str(request_.out)).read_bytes() != before


def test_what_the_written_roto_has_not_got_is_said(request_: FitRequest) -> None:
    drawn = roto()
    drawn["objects"].append({"name": "gone", "frames": {"70": drawn["objects"][0]["frames"]["0"]}})
    Path(str(request_.roto)).write_text(json.dumps(drawn))
    told: list[str] = []
    listener = Silence()
    listener.warning = told.append  # type: ignore[method-assign]
    fit_shapes(request_, listener)
    assert any("nothing is left of gone" in sentence for sentence in told), told


def test_keys_that_are_not_among_the_named_ones_are_not_written_and_are_told(request_: FitRequest) -> None:
    fitted = fit_shapes(replace(request_, frame=4))
    (Path(request_.roto or "")).write_bytes(Path(str(fitted.out)).read_bytes())
    named = replace(request_, out=str(Path(str(fitted.out)).with_name("named.json")), keyframes=(0,))
    found = fit_shapes(named)
    (disc,) = json.loads(Path(str(found.out)).read_text())["objects"]
    assert sorted(disc["frames"]) == ["0", "8"] and found.warnings == (
        "named.json has the keys that --keyframes names, and this one. The other keys of the roto are not in it: disc on frame 4.",
    )
    with pytest.raises(RequestError, match=r"disc counts as keyed on 4 already.* Leave 4 out of --keyframes to have it moved"):
        fit_shapes(replace(named, frame=4, keyframes=(0, 4)))
    assert "--keyframes" not in " ".join(fit_shapes(replace(named, frame=8, keyframes=(0, 4))).warnings), "all of them count"


def test_the_command_takes_no_masks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "plate", "--masks", "masks", "--mattes", "m", "--frame", "3"]) == 2
    assert "--roto" in capsys.readouterr().err
