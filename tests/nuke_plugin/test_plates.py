"""The plate as the core gets it: its own files where they will do, else rendered; overscan, pixel aspect, holes, negative frames, views."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from xmemcore.shot.files import exr
from xmemcore.shot.files.box import Box

pytestmark = pytest.mark.timeout(300)


def write_exr(path: Path, frame: int, window=(0, 0, 63, 47)) -> None:
    """Write a flat picture of format 64 x 48; `window` is inclusive, as EXR counts."""
    value = np.full((window[3] - window[1] + 1, window[2] - window[0] + 1), frame % 100 / 50.0, np.float16)
    box = Box(window[0], window[1], window[2] + 1, window[3] + 1)
    exr.write(path, dict.fromkeys("RGB", value), box, Box(0, 0, 64, 48), 1.0, {})


def read_exr(path: Path):
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return dict(file.header()), {name: channel.pixels for name, channel in file.channels().items()}


@pytest.fixture
def footage(stage):
    """Replace the plate by a Read of EXR files; gives (make, folder)."""
    folder = stage.folder / "plates"
    folder.mkdir()

    def make(frames=range(1001, 1011), pattern="plate.%04d.exr", **knobs):
        for frame in frames:
            write_exr(folder / (pattern % frame), frame)
        frames = list(frames)
        values = {"first": frames[0], "last": frames[-1], "origfirst": frames[0], "origlast": frames[-1], "raw": True, **knobs}
        read = stage.nuke.nodes.Read(file=(folder / pattern).as_posix(), **values)
        stage.node.setInput(0, read)
        return read

    return make


def handed(stage) -> Path:
    return stage.cache() / "nuke" / stage.node["node_id"].value() / "plate"


def direct(stage) -> bool:
    from xmem_roto_nuke import host
    from xmem_roto_nuke.handover import plate_files

    return plate_files.direct_files(stage.node.input(0), host.file_pattern, host.working_space()[2]) is not None


def test_files_of_a_plain_exr_read_are_used_as_they_are(stage, footage):
    footage()
    stage.propagate()
    assert "Up to date" in stage.status() and not handed(stage).exists()


def test_dots_do_not_matter(stage, footage):
    read = footage()
    stage.node.setInput(0, stage.nuke.nodes.Dot(inputs=[stage.nuke.nodes.Dot(inputs=[read])]))
    assert direct(stage)


@pytest.mark.parametrize(
    "knobs",
    [{"raw": False, "colorspace": "sRGB"}, {"frame": "frame+10"}, {"frame_mode": "offset", "frame": "10"},
     {"frame_mode": "start at", "frame": "1"}, {"disable": True}],
    ids=lambda knobs: " ".join(knobs),
)  # fmt: skip
def test_a_read_that_changes_pixels_or_numbers_is_rendered(stage, footage, knobs):
    read = footage()
    for name, value in knobs.items():
        read[name].setValue(value)
    assert not direct(stage)


def test_linear_reads_are_direct_without_raw(stage, footage):
    read = footage(raw=False, colorspace="linear")
    assert direct(stage)
    read["useLifetime"].setValue(True)
    assert not direct(stage), "outside of its lifetime it shows nothing"


@pytest.mark.parametrize(
    ("encoded", "working", "same"),
    [("default (linear)", "linear", True), ("default (linear)\tdefault", "linear", True), ("default", "linear", True),
     ("default (ACES - ACEScg)", "ACES - ACEScg", True), ("scene_linear (ACES - ACEScg)", "ACES - ACEScg", True),
     ("Working/ACES - ACEScg", "scene_linear (ACES - ACEScg)", True), ("Utility/Linear/Linear Rec.709", "Linear Rec.709", True),
     ("default (sRGB)", "linear", False), ("default (ACES2065-1)", "ACES - ACEScg", False), ("default", "ACES - ACEScg", False),
     ("sRGB", "linear", False)],
)  # fmt: skip
def test_a_colour_space_is_compared_without_default_and_menus(start, encoded, working, same):
    start()
    from xmem_roto_nuke.handover.plate_files import _is_same_space

    assert _is_same_space(encoded, working) == same


def test_anything_between_read_and_node_is_rendered(stage, footage):
    read = footage()
    stage.node.setInput(0, stage.nuke.nodes.Grade(inputs=[read], multiply=0.5))
    stage.propagate()
    _, channels = read_exr(handed(stage) / "plate.1010.exr")
    assert channels["R"].dtype == np.float16 and channels["R"][0, 0] == np.float16(0.5 * 10 / 50.0)


def test_a_changed_file_makes_its_frame_stale_and_only_it_is_rendered_again(stage, footage):
    read = footage()
    stage.node.setInput(0, stage.nuke.nodes.Grade(inputs=[read], multiply=0.5))
    stage.propagate()
    before = {path.name: path.stat().st_mtime_ns for path in handed(stage).glob("*.exr")}
    write_exr(stage.folder / "plates" / "plate.1005.exr", 1045)
    read["reload"].execute()
    stage.press("refresh")
    assert "The plate has changed" in stage.status()
    stage.propagate()
    after = {path.name: path.stat().st_mtime_ns for path in handed(stage).glob("*.exr")}
    assert [name for name in before if after[name] != before[name]] == ["plate.1005.exr"]


def test_a_missing_frame_is_a_hole_and_not_a_failure(stage, footage):
    read = footage()
    (stage.folder / "plates" / "plate.1006.exr").unlink()
    stage.node.setInput(0, stage.nuke.nodes.Grade(inputs=[read], multiply=0.5))
    stage.propagate()
    assert stage.told == [], stage.told
    assert not (handed(stage) / "plate.1006.exr").exists() and "matte.1006.exr" not in stage.mattes() and len(stage.mattes()) == 9


@pytest.mark.parametrize(
    ("window", "expected"),
    [((-10, -6, 70, 50), [(-10, -6), (70, 50)]), ((-100, -80, 200, 150), [(-32, -24), (95, 71)])],
    ids=["some", "too much"],
)
def test_overscan_is_kept_up_to_twice_the_format(stage, footage, window, expected):
    read = footage([1001])
    write_exr(stage.folder / "plates" / "plate.1001.exr", 1001, window)
    read["reload"].execute()
    stage.node.setInput(0, stage.nuke.nodes.Grade(inputs=[read], multiply=0.5))
    stage.propagate()
    header, _ = read_exr(handed(stage) / "plate.1001.exr")
    assert [tuple(int(value) for value in corner) for corner in header["dataWindow"]] == expected


def test_negative_frames_have_files(stage):
    plate = stage.nuke.nodes.FrameRange(inputs=[stage.grade], first_frame=-3, last_frame=2)
    stage.node.setInput(0, plate)
    shape = stage.roto["curves"].rootLayer[0]
    for point in shape:
        for part in (
            point.center,
            point.leftTangent,
            point.rightTangent,
            point.featherCenter,
            point.featherLeftTangent,
            point.featherRightTangent,
        ):
            position = part.getPosition(1001)
            part.removeAllKeys()
            part.addPositionKey(-2, (position.x, position.y))
    stage.roto["curves"].changed()
    stage.nuke.root()["frame"].setValue(-2)
    stage.press("refresh")
    assert stage.node["keyframes"].value() == "tri: -2"
    stage.propagate()
    assert stage.told == [], stage.told
    written = {path.name for path in handed(stage).glob("*.exr")}
    assert written == {"plate.-001.exr", "plate.-002.exr", "plate.-003.exr", "plate.0000.exr", "plate.0001.exr", "plate.0002.exr"}


def test_pixel_aspect_reaches_roto_and_plate(stage):
    import json

    stage.nuke.addFormat("64 48 0 0 64 48 2 anamorphic")
    stage.nuke.root()["format"].setValue("anamorphic")
    stage.propagate()
    written = json.loads((handed(stage).parent / "roto.json").read_text())
    assert written["format"] == [64, 48, 2.0]
    header, _ = read_exr(handed(stage) / "plate.1002.exr")
    assert header["pixelAspectRatio"] == 2.0


def test_several_views_are_refused_with_the_way_round(stage):
    stage.host._views = ["left", "right"]
    stage.propagate()
    assert "left, right" in stage.told[-1] and "OneView" in stage.told[-1]


def test_undo_state_is_as_before_even_when_a_frame_fails(stage, footage, monkeypatch):
    read = footage()
    (stage.folder / "plates" / "plate.1003.exr").write_bytes(b"no exr at all")
    stage.node.setInput(0, stage.nuke.nodes.Grade(inputs=[read], multiply=0.5))
    stage.propagate()
    assert "cannot render frame 1003" in stage.told[-1]
    assert not stage.nuke.Undo.disabled() and not any(node.Class() == "Write" for node in stage.host.all_nodes())


def test_the_roto_alpha_is_the_rotos_own_whatever_lies_behind_it(stage):
    """The artist's Roto is connected over a picture with alpha; what is handed over is the shapes alone."""
    solid = stage.nuke.nodes.Constant(channels="rgba", color=1.0)
    stage.roto.setInput(0, solid)
    stage.propagate()
    _, channels = read_exr(handed(stage).parent / "roto_alpha" / "alpha.1001.exr")
    height = channels["A"].shape[0]
    assert channels["A"].max() == 1.0 and 0 < (channels["A"] > 0.5).mean() < 0.9, "a triangle, not the whole picture"
    assert height > 0


@pytest.mark.parametrize(
    ("management", "config", "space", "expected"),
    [
        ("Nuke", "nuke-default", "linear", "linear"),
        ("OCIO", "aces_1.2", "ACES - ACEScg", "acescg"),
        ("OCIO", "fn-nuke_cg-config-v1.0.0_aces-v1.3_ocio-v2.1", "scene_linear", "acescg"),
        ("OCIO", "fn-nuke_studio-config-v1.0.0_aces-v1.3_ocio-v2.1", "scene_linear (ACEScg)\tACEScg", "acescg"),
        ("OCIO", "custom", "Utility - Linear - sRGB", "linear"),
        ("OCIO", "custom", "scene_linear", None),
        ("OCIO", "custom", "scene_linear (lin_rec2020)", None),
        ("OCIO", "aces_1.2", "ACES - ACES2065-1", None),
        ("OCIO", "custom", "Alexa Wide Gamut", None),
    ],
)
def test_working_space_is_known_or_refused(stage, management, config, space, expected):
    from xmem_roto_nuke.handover.colour import encoding
    from xmemcore.protocol.failures import RequestError

    if expected is None:
        with pytest.raises(RequestError, match="does not know"):
            encoding(management, config, space)
    else:
        assert encoding(management, config, space) == expected


@pytest.mark.parametrize("wide", ["format", "bounding box"])
def test_a_plate_over_hd_is_refused_by_name_in_non_commercial_and_the_command_line_can_go_on(start, wide):
    stage = start(nc=True)
    stage.host.nodes_obtained = -1000  # while the test builds its script
    stage.build()
    large = (
        stage.nuke.nodes.Constant(format="UHD_4K")
        if wide == "format"
        else stage.nuke.nodes.Crop(inputs=[stage.plate], box=(0, 0, 2048, 48))
    )
    stage.node.setInput(0, stage.nuke.nodes.FrameRange(inputs=[large], first_frame=1001, last_frame=1010, name="plate_of_show"))
    stage.save()
    stage.host.pump(0.05)
    stage.propagate()
    told = stage.told[-1]
    assert "does not render plate_of_show" in told and {"format": "3840x2160", "bounding box": "2048x48"}[wide] in told
    assert "Reformat to HD" in told and "`xmem-roto propagate PLATE --roto FILE`" in told and str(stage.cache() / "nuke") in told
    assert not list(handed(stage).glob("*.exr"))
    from xmemcore.roto.read import read_roto

    assert [one.name for one in read_roto(handed(stage).with_name("roto.json")).objects] == ["tri"]
    assert not stage.host.python_errors and not stage.host.printed_errors


def test_files_over_hd_are_used_as_they_are_in_non_commercial(start):
    stage = start(nc=True)
    stage.host.nodes_obtained = -1000
    stage.build()
    folder = stage.folder / "plates"
    folder.mkdir()
    for frame in range(1001, 1011):
        box = Box(0, 0, 2048, 64)
        exr.write(folder / f"plate.{frame}.exr", dict.fromkeys("RGB", np.full((64, 2048), 0.5, np.float16)), box, box, 1.0, {})
    ends = {"first": 1001, "last": 1010, "origfirst": 1001, "origlast": 1010}
    stage.node.setInput(0, stage.nuke.nodes.Read(file=(folder / "plate.%04d.exr").as_posix(), raw=True, **ends))
    stage.save()
    stage.host.pump(0.05)
    stage.propagate()
    assert stage.told == [] and len(stage.mattes()) == 10


def test_what_nuke_says_of_a_size_it_does_not_render_is_made_plain_where_it_may_be_the_edition(start, monkeypatch):
    stage = start(indie=True)
    stage.host.nodes_obtained = -1000
    stage.build()

    def refuse(*arguments, **named):
        raise RuntimeError("Write1: resolution 8192 x 4320 is above the limit")

    monkeypatch.setattr(stage.nuke, "execute", refuse)
    stage.propagate()
    assert "8192 x 4320" in stage.told[-1] and "xmem-roto propagate" in stage.told[-1]
