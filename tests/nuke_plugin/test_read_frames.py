"""Which file a Read shows at a frame: what Nuke renders is a plate, what has no file is named, and nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xmem_roto_nuke.handover.reads import ReadFiles
from xmemcore.shot.files import exr
from xmemcore.shot.files.box import Box

pytestmark = pytest.mark.timeout(300)


def write_exr(path: Path, frame: int) -> None:
    value = np.full((48, 64), frame % 100 / 50.0, np.float16)
    exr.write(path, dict.fromkeys("RGB", value), Box(0, 0, 64, 48), Box(0, 0, 64, 48), 1.0, {})


@pytest.fixture
def footage(stage):
    """Make a sequence on disk and a Read of it."""

    def make(frames, name="a", **knobs):
        folder = stage.folder / name
        folder.mkdir(exist_ok=True)
        frames = list(frames)
        for frame in frames:
            write_exr(folder / f"p.{frame:04d}.exr", frame)
        values = {"first": frames[0], "last": frames[-1], "origfirst": frames[0], "origlast": frames[-1], "raw": True, **knobs}
        return stage.nuke.nodes.Read(file=(folder / "p.%04d.exr").as_posix(), **values)

    return make


def plate(stage, node, frames="1001-1010"):
    stage.node.setInput(0, node)
    stage.node["frame_range"].setValue(frames)


def handed(stage) -> list[int]:
    folder = stage.cache() / "nuke" / stage.node["node_id"].value() / "plate"
    return sorted(int(path.name.split(".")[1]) for path in folder.glob("*.exr"))


@pytest.mark.parametrize(
    ("knobs", "frames"),
    [
        ({}, range(998, 1008)),
        ({"before": "black", "after": "black"}, range(998, 1008)),
        ({"before": "loop", "after": "bounce"}, range(990, 1020)),
        ({"before": "bounce", "after": "loop"}, range(990, 1020)),
        ({"frame_mode": "start at", "frame": "2001"}, range(1998, 2010)),
        ({"frame_mode": "offset", "frame": "10"}, range(988, 998)),
        ({"frame": "frame-1000"}, range(1999, 2008)),
        ({"frame": "frame + 3"}, range(996, 1006)),
        ({"frame": "1002"}, range(998, 1008)),
    ],
    ids=str,
)
def test_the_file_is_the_one_that_nuke_shows(stage, footage, knobs, frames):
    from xmem_roto_nuke import host

    read = footage(range(1001, 1006), **knobs)
    files = ReadFiles.of_node(read, host.file_pattern(read))
    for frame in frames:
        path = files.path(frame)
        shown = stage.host.pixels(read, frame).at("rgba.red", 5, 5)
        assert shown == (0.0 if path is None else float(np.float16(int(path.split(".")[-2]) % 100 / 50.0))), frame


@pytest.mark.parametrize("knobs", [{"frame": "frame*2"}, {"frame": "[expr 3]"}], ids=str)
def test_what_cannot_be_told_is_unknown(stage, footage, knobs):
    from xmem_roto_nuke import host
    from xmem_roto_nuke.handover import plates

    read = footage(range(1001, 1006), **knobs)
    files = ReadFiles.of_node(read, host.file_pattern(read))
    assert files.mapping is None and files.path(1003) is None
    tree = plates.tree_above(stage.nuke.nodes.Grade(inputs=[read]))
    assert not tree.is_hole(500)
    before = tree.at(1001)
    write_exr(stage.folder / "a" / "p.1004.exr", 1040)
    assert plates.tree_above(stage.nuke.nodes.Grade(inputs=[read])).at(1001) != before, "any file may be the one"


def test_numbers_are_put_into_names_as_nuke_does():
    def files(pattern):
        return ReadFiles(pattern, 1, 9, "hold", "hold", (1, 0), True)

    assert files("/a/p.%04d.exr").named(-3) == "/a/p.-003.exr"
    assert files("/a/p.#####.exr").named(12) == "/a/p.00012.exr"
    assert files("/a/p.%d.exr").named(12) == "/a/p.12.exr"
    assert files("/50%_grey/p.%04d.exr").named(7) == "/50%_grey/p.0007.exr"
    assert files("/a/movie.mov").path(7) == "/a/movie.mov"


def test_an_element_that_ends_does_not_end_the_plate(stage, footage):
    element = footage(range(1001, 1004), "b", before="black", after="black")
    plate(stage, stage.nuke.nodes.Merge2(inputs=[footage(range(1001, 1011)), element]))
    stage.propagate()
    assert stage.told == [] and handed(stage) == list(range(1001, 1011)) and len(stage.mattes()) == 10
    assert "Up to date" in stage.status() and "No plate" not in stage.status()


@pytest.mark.parametrize("above", ["Grade", None], ids=["a Grade", "the Read itself"])
def test_a_read_that_holds_its_ends_has_those_frames(stage, footage, above):
    read = footage(range(1001, 1006))
    plate(stage, stage.nuke.nodes.Grade(inputs=[read]) if above else read)
    stage.propagate()
    assert stage.told == [] and handed(stage) == list(range(1001, 1011)) and len(stage.mattes()) == 10


@pytest.mark.parametrize("above", ["Grade", None], ids=["a Grade", "the Read itself"])
def test_frames_beyond_the_plate_are_filled_with_a_warning_that_stays(stage, footage, above):
    read = footage(range(1001, 1006))
    plate(stage, stage.nuke.nodes.Grade(inputs=[read]) if above else read, "1004-1007")
    stage.propagate()
    assert stage.told == [] and len(stage.mattes()) == 4
    assert "has 1001-1005; 1006-1007 is filled from what Nuke shows there" in stage.status()
    stage.press("refresh")
    assert stage.status().count("1006-1007 is filled") == 1 and "Up to date" in stage.status()


def test_a_range_without_a_frame_of_the_plate_is_refused_and_a_framerange_is_the_way_round(stage, footage):
    read = footage(range(1001, 1006))
    plate(stage, read, "2000-2010")
    stage.propagate()
    assert "None of the frames 2000-2010 is on the plate Read1, which has 1001-1005." in stage.told[-1] and stage.mattes() == []
    plate(stage, stage.nuke.nodes.FrameRange(inputs=[read], first_frame=1001, last_frame=2010), "2000-2010")
    stage.propagate()
    assert len(stage.mattes()) == 11 and "is filled from" not in stage.status()


def test_a_plate_of_one_frame_stands_for_all_and_is_refused_nothing(stage):
    stage.plate["first_frame"].setValue(1)
    stage.plate["last_frame"].setValue(1)
    stage.node["frame_range"].setValue("1001-1003")
    stage.propagate()
    assert stage.told == [] and len(stage.mattes()) == 3
    assert "has 1; 1001-1003 is filled from what Nuke shows there" in stage.status()


def test_a_clip_that_starts_elsewhere_is_there(stage, footage):
    read = footage(range(1, 11), frame_mode="start at", frame="1001")
    plate(stage, stage.nuke.nodes.Grade(inputs=[read]), "")
    stage.propagate()
    assert stage.told == [] and stage.mattes() == [f"matte.{frame}.exr" for frame in range(1001, 1011)]
    before = stage.status()
    write_exr(stage.folder / "a" / "p.0004.exr", 40)
    read["reload"].execute()
    stage.press("refresh")
    assert "Up to date" in before and "The plate has changed" in stage.status(), "the right file is looked at"


@pytest.mark.parametrize("above", ["Grade", "TimeOffset", "Group", None], ids=str)
def test_a_missing_frame_is_named_in_the_status(stage, footage, above):
    nuke, read = stage.nuke, footage(range(1001, 1011))
    (stage.folder / "a" / "p.1006.exr").unlink()
    top = read
    if above == "Group":
        top = nuke.nodes.Group()
        with top:
            nuke.nodes.Output().setInput(0, nuke.nodes.Grade(inputs=[nuke.nodes.Input()]))
        top.setInput(0, read)
    elif above:
        top = getattr(nuke.nodes, above)(inputs=[read])
    plate(stage, top)
    stage.propagate()
    assert stage.told == [] and "matte.1006.exr" not in stage.mattes() and len(stage.mattes()) == 9
    assert "Up to date" in stage.status() and "No plate on 1006." in stage.status()
    stage.press("refresh")
    assert "No plate on 1006." in stage.status()
    write_exr(stage.folder / "a" / "p.1006.exr", 1006)
    read["reload"].execute()
    stage.propagate()
    assert len(stage.mattes()) == 10 and "No plate" not in stage.status()


@pytest.mark.parametrize("above", ["Grade", None], ids=["a Grade", "the Read itself"])
def test_a_read_that_shows_black_for_a_missing_file_has_that_frame(stage, footage, above):
    read = footage(range(1001, 1011), on_error="black")
    (stage.folder / "a" / "p.1006.exr").unlink()
    plate(stage, stage.nuke.nodes.Grade(inputs=[read]) if above else read)
    stage.propagate()
    assert stage.told == [] and 1006 in handed(stage) and len(stage.mattes()) == 10 and "No plate" not in stage.status()


def test_no_former_picture_stands_for_a_missing_frame(stage, footage):
    read = footage(range(1001, 1011))
    plate(stage, stage.nuke.nodes.TimeOffset(inputs=[read]))
    stage.propagate()
    (stage.folder / "a" / "p.1006.exr").unlink()
    read["reload"].execute()
    stage.propagate()
    assert 1006 not in handed(stage) and "No plate on 1006." in stage.status()


def test_a_file_that_cannot_be_read_is_no_hole(stage, footage):
    read = footage(range(1001, 1011))
    (stage.folder / "a" / "p.1006.exr").write_bytes(b"no exr")
    plate(stage, stage.nuke.nodes.Grade(inputs=[read]))
    stage.propagate()
    assert "cannot render frame 1006" in stage.told[-1]


def test_a_write_upstream_is_passed_through(stage, footage):
    write = stage.nuke.nodes.Write(inputs=[footage(range(1001, 1011))], file=(stage.folder / "never" / "w.%04d.exr").as_posix())
    plate(stage, write)
    stage.propagate()
    assert stage.told == [] and len(stage.mattes()) == 10


def test_a_relative_path_counts_from_the_project_directory(stage, footage):
    footage(range(1001, 1011))
    stage.nuke.root()["project_directory"].setValue(stage.folder.as_posix())
    read = stage.nuke.nodes.Read(file="a/p.%04d.exr", first=1001, last=1010, raw=True)
    assert stage.host.pixels(read, 1005).at("rgba.red", 5, 5) == pytest.approx(0.1, abs=1e-3)
    plate(stage, read)
    stage.propagate()
    assert stage.told == [] and "Up to date" in stage.status()
    (request,) = stage.folder.glob("**/request.json")
    assert f'"plate": "{(stage.folder / "a").as_posix()}/p.%04d.exr"' in request.read_text(), "and the core is told the whole path"
    write_exr(stage.folder / "a" / "p.1004.exr", 1040)
    stage.press("refresh")
    assert "The plate has changed" in stage.status()


def test_a_path_that_is_relative_to_nothing_is_left_to_nuke(stage, footage, monkeypatch):
    """The core runs in another folder than Nuke."""
    from xmem_roto_nuke import host
    from xmem_roto_nuke.handover import plate_files

    footage(range(1001, 1011))
    monkeypatch.chdir(stage.folder)
    read = stage.nuke.nodes.Read(file="a/p.%04d.exr", first=1001, last=1010, raw=True)
    assert plate_files.direct_files(read, host.file_pattern, "linear") is None


def test_a_plate_without_a_picture_here_is_said_in_a_sentence(stage, footage):
    read = footage(range(1001, 1011))
    (stage.folder / "a" / "p.1004.exr").unlink()
    plate(stage, read)
    stage.propagate()
    assert "has no picture on frame 1004" in stage.told[-1]


@pytest.mark.parametrize("above", ["Grade", None], ids=["a Grade", "the Read itself"])
def test_a_path_that_names_no_file_at_all_is_to_be_checked(stage, footage, above):
    read = footage(range(1001, 1011))
    read["file"].setValue((stage.folder / "mistyped" / "p.%04d.exr").as_posix())
    plate(stage, stage.nuke.nodes.Grade(inputs=[read]) if above else read)
    stage.propagate()
    assert "No file that Read1 reads is on disk. Check the path there." in stage.told[-1]
    assert "Go to a frame that it has" not in stage.told[-1] and "mistyped" in stage.told[-1]


def test_a_plate_for_an_alpha_whose_path_names_no_file_is_to_be_checked_too(stage, footage):
    stage.node["roto_input"].setValue("alpha of the input")
    stage.press("add_key")
    read = footage(range(1001, 1011))
    read["file"].setValue((stage.folder / "mistyped" / "p.%04d.exr").as_posix())
    plate(stage, stage.nuke.nodes.Grade(inputs=[read]))
    stage.propagate()
    assert "No file that Read1 reads is on disk." in stage.told[-1] and "Check the frame range" not in stage.told[-1]


@pytest.mark.parametrize("above", ["Grade", None], ids=["a Grade", "the Read itself"])
def test_a_keyframe_whose_plate_file_is_gone_is_said_in_words_of_the_panel(stage, footage, above):
    read = footage(range(1001, 1011))
    (stage.folder / "a" / "p.1001.exr").unlink()
    plate(stage, stage.nuke.nodes.Grade(inputs=[read]) if above else read)
    stage.propagate()
    assert "The plate has no picture on 1001, but the roto is keyed there." in stage.told[-1] and "press Remove" in stage.told[-1]
    stage.press("add_key")
    stage.nuke.root()["frame"].setValue(1001)
    stage.press("remove_key")
    stage.nuke.root()["frame"].setValue(1004)
    stage.propagate()
    assert "Up to date" in stage.status() and len(stage.mattes()) == 9


def test_an_alpha_without_a_picture_here_is_rendered_on_the_frames_that_are_listed(stage, footage):
    stage.node["roto_input"].setValue("alpha of the input")
    stage.node.setInput(1, footage(range(1001, 1011)))
    stage.nuke.root()["frame"].setValue(1006)
    stage.press("add_key")
    (stage.folder / "a" / "p.1004.exr").unlink()
    stage.nuke.root()["frame"].setValue(1004)
    stage.propagate()
    assert stage.told == [] and len(stage.mattes()) == 10


def test_paths_that_the_studio_maps_are_found(stage, footage):
    real = footage(range(1001, 1011))["file"].value()
    stage.nuke.addFilenameFilter(lambda name: name.replace("P:/show", stage.folder.as_posix()))
    read = stage.nuke.nodes.Read(file="P:/show/a/p.%04d.exr", first=1001, last=1010, raw=True)
    plate(stage, stage.nuke.nodes.Grade(inputs=[read]))
    stage.propagate()
    assert stage.told == [] and len(stage.mattes()) == 10 and "No plate" not in stage.status()
    from xmem_roto_nuke import host

    assert host.file_pattern(read) == real


def test_a_read_is_used_directly_only_where_its_files_are(stage, footage):
    from xmem_roto_nuke import host
    from xmem_roto_nuke.handover import plate_files

    read = footage(range(1001, 1011))

    def direct(frames):
        return plate_files.direct_files(read, host.file_pattern, "linear", frames) is not None

    assert direct(range(1001, 1011)) and not direct([1010, 1011])
    for path in (stage.folder / "a").iterdir():
        path.unlink()
    assert not direct(range(1001, 1011)), "Nuke may know where they are"
