"""Pictures: what Reads, Writes, groups and channels do, against numbers worked out here."""

from __future__ import annotations

import os

import pytest


def srgb_to_linear(v):
    return v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4


def solid(value, form="12 8 0 0 12 8 1 small", channels="rgba"):
    import nuke

    node = nuke.nodes.Constant(channels=channels)
    node["format"].setValue(form)
    node["color"].setValue(value)
    return node


def written(host, node, path, **knobs):
    """Render one frame and open it in a Read."""
    import nuke

    write = nuke.nodes.Write(file=str(path), create_directories=True)
    write.setInput(0, node)
    for name, value in knobs.items():
        write[name].setValue(value)
    nuke.execute(write, 1, 1)
    return nuke.nodes.Read(file=str(path), first=1, last=1, raw=True)


def test_grade_is_the_formula_of_its_knobs(host, tmp_path):
    import nuke

    source = written(host, solid([0.5, 0.25, 0.125, 1.0]), tmp_path / "in.%04d.exr", channels="rgba", datatype="32 bit float")
    grade = nuke.nodes.Grade(inputs=[source])
    for name, value in (
        ("blackpoint", 0.1),
        ("whitepoint", 0.9),
        ("black", 0.05),
        ("white", 1.2),
        ("multiply", 1.5),
        ("add", 0.02),
        ("gamma", 2.0),
    ):
        grade[name].setValue(value)
    out = written(host, grade, tmp_path / "out.%04d.exr", channels="rgba", datatype="32 bit float")
    for channel, x in (("red", 0.5), ("green", 0.25), ("blue", 0.125)):
        gain = 1.5 * (1.2 - 0.05) / (0.9 - 0.1)
        expected = (x * gain + 0.02 + 0.05 - gain * 0.1) ** 0.5
        assert out.sample(channel, 3, 3) == pytest.approx(expected, abs=1e-6)
    assert out.sample("alpha", 3, 3) == 1.0


def test_numpy_agrees_on_every_pixel_of_read_grade_write(host, tmp_path):
    np = pytest.importorskip("numpy")
    OpenEXR = pytest.importorskip("OpenEXR")
    import nuke

    rng = np.random.default_rng(3)
    pixels = {name: rng.random((7, 11), np.float32).astype(np.float16) for name in "RGB"}
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, dict(pixels)).write(str(tmp_path / "p.0001.exr"))
    grade = nuke.nodes.Grade(inputs=[nuke.nodes.Read(file=str(tmp_path / "p.%04d.exr"))])
    grade["multiply"].setValue([2.0, 0.5, 1.0, 1.0])
    write = nuke.nodes.Write(file=str(tmp_path / "q.%04d.exr"), inputs=[grade])
    nuke.execute(write, 1, 1)
    with OpenEXR.File(str(tmp_path / "q.0001.exr"), separate_channels=True) as result:
        for name, factor in (("R", 2.0), ("G", 0.5), ("B", 1.0)):
            expected = (pixels[name].astype(np.float32) * np.float32(factor)).astype(np.float16)
            assert np.array_equal(result.channels()[name].pixels, expected), name  # not flipped, not shifted, not rounded twice
        assert result.channels()["R"].pixels.dtype == np.float16


def test_write_defaults_are_half_rgb_and_folders_are_not_made(host, tmp_path):
    import nuke

    write = nuke.nodes.Write(file=str(tmp_path / "none" / "a.%04d.exr"), inputs=[solid([0.1, 0.2, 0.3, 0.4])])
    with pytest.raises(RuntimeError, match="No such file or directory"):
        nuke.execute(write, 1, 1)
    write["create_directories"].setValue(True)
    nuke.execute("Write1", 3, 7, 2)
    assert sorted(os.listdir(tmp_path / "none")) == ["a.0003.exr", "a.0005.exr", "a.0007.exr"]
    read = nuke.nodes.Read(file=str(tmp_path / "none" / "a.%04d.exr"), first=3, last=7)
    nuke.frame(3)
    assert read.channels() == ["rgba.red", "rgba.green", "rgba.blue"] and read.sample("red", 1, 1) == pytest.approx(0.1, abs=1e-4)


@pytest.mark.parametrize(
    "knob, value, text",
    [("file", "C:\\a\\b.exr", "backslash"), ("file", "", "no file"), ("file", "/tmp/a.mov", "file type"), ("disable", True, "disabled")],
)
def test_writes_that_cannot_render_say_why(host, knob, value, text):
    import nuke

    write = nuke.nodes.Write(file="/tmp/a.exr", inputs=[solid(1.0)])
    write[knob].setValue(value)
    with pytest.raises(RuntimeError, match=text):
        nuke.execute(write, 1, 1)


def test_render_callbacks_come_in_order_and_may_stop_it(host, tmp_path):
    import nuke

    log = []
    for event in ("BeforeRender", "BeforeFrameRender", "AfterFrameRender", "AfterRender"):
        getattr(nuke, "add" + event)(lambda event=event: log.append((event, nuke.frame(), nuke.executing(), nuke.thisNode().name())))
    write = nuke.nodes.Write(file=str(tmp_path / "a.%04d.exr"), inputs=[solid(1.0)])
    write["beforeFrameRender"].setValue("seen.append(nuke.frame())")
    host.main_module.seen = seen = []
    nuke.execute(write, 4, 5)
    assert [(e, f) for e, f, _, _ in log] == [
        ("BeforeRender", 1),
        ("BeforeFrameRender", 4),
        ("AfterFrameRender", 4),
        ("BeforeFrameRender", 5),
        ("AfterFrameRender", 5),
        ("AfterRender", 1),
    ]
    assert (
        all(running and name == "Write1" for _, _, running, name in log) and not nuke.executing() and seen == [4, 5] and nuke.frame() == 1
    )
    nuke.addBeforeFrameRender(lambda: nuke.execute(write, 1, 1))
    with pytest.raises(RuntimeError, match="already executing"):
        nuke.execute(write, 6, 6)
    assert not nuke.executing()


def test_cancel_stops_before_the_next_frame(host, tmp_path):
    import nuke

    write = nuke.nodes.Write(file=str(tmp_path / "a.%04d.exr"), inputs=[solid(1.0)])
    host.on_frame_rendered = lambda frame, done, total: host.cancel_render() if done == 2 else None
    with pytest.raises(RuntimeError, match="Cancelled"):
        nuke.execute(write, 1, 9)
    assert sorted(os.listdir(tmp_path)) == ["a.0001.exr", "a.0002.exr"]


def test_read_of_a_missing_frame_follows_on_error(host, tmp_path):
    import nuke

    written(host, solid([0.5, 0.5, 0.5, 1.0]), tmp_path / "a.%04d.exr")
    read = nuke.nodes.Read(file=str(tmp_path / "a.%04d.exr"), first=1, last=5)
    nuke.frame(4)
    with pytest.raises(RuntimeError, match=r"Read\d: .*a.0004.exr: No such file"):
        read.sample("red", 1, 1)
    read["on_error"].setValue("black")
    assert read.sample("red", 1, 1) == 0
    read["on_error"].setValue("nearest frame")
    assert read.sample("red", 1, 1) == 0.5


def test_frames_outside_a_read_hold_loop_bounce_or_are_black(host, tmp_path):
    import nuke

    for frame in (1, 2, 3):
        written(host, solid([frame / 4, 0, 0, 1]), tmp_path / f"a.{frame:04d}.exr")
    read = nuke.nodes.Read(file=str(tmp_path / "a.%04d.exr"), first=1, last=3)
    expected = {"hold": [3, 3, 3], "loop": [1, 2, 3], "bounce": [2, 1, 2], "black": [0, 0, 0]}
    for mode, frames in expected.items():
        read["after"].setValue(mode)
        assert [read.sample("red", 1, 1, frame=f) for f in (4, 5, 6)] == [f / 4 for f in frames], mode
    read["frame_mode"].setValue("start at")
    read["frame"].setValue("101")
    assert read.sample("red", 1, 1, frame=102) == 0.5
    assert (read.firstFrame(), read.lastFrame()) == (101, 103)
    read["frame_mode"].setValue("offset")
    read["frame"].setValue("-10")
    assert read.sample("red", 1, 1, frame=13) == 0.75


def test_a_relative_file_counts_from_the_project_directory(host, tmp_path):
    import nuke

    written(host, solid([0.25, 0, 0, 1]), tmp_path / "a.0001.exr")
    nuke.root()["project_directory"].setValue(str(tmp_path))
    read = nuke.nodes.Read(file="a.%04d.exr", first=1, last=1)
    assert read.sample("red", 1, 1, frame=1) == 0.25 and nuke.filename(read) == "a.%04d.exr"


def test_a_read_does_not_see_a_changed_file_until_reload(host, tmp_path):
    import nuke

    read = written(host, solid([0.25, 0, 0, 1]), tmp_path / "a.%04d.exr")
    later = nuke.nodes.Read(file=str(tmp_path / "b.%04d.exr"), on_error="black")
    assert (read.sample("red", 1, 1), later.sample("red", 1, 1)) == (0.25, 0)
    before = read.opHashes()
    written(host, solid([0.75, 0, 0, 1]), tmp_path / "a.%04d.exr")
    written(host, solid([0.75, 0, 0, 1]), tmp_path / "b.%04d.exr")
    assert (read.sample("red", 1, 1), later.sample("red", 1, 1), read.opHashes()) == (0.25, 0, before)
    for node in (read, later):
        node["reload"].execute()
        assert node.sample("red", 1, 1) == 0.75
    assert read.opHashes() != before  # asking for a sample validated it


def test_eight_bit_files_are_srgb_unless_raw(host, tmp_path):
    import nuke

    written(host, solid([0.5, 0.5, 0.5, 1.0]), tmp_path / "a.png", channels="rgba")
    read = nuke.nodes.Read(file=str(tmp_path / "a.png"))
    code = round(255 * (1.055 * 0.5 ** (1 / 2.4) - 0.055)) / 255
    assert read.sample("red", 1, 1) == pytest.approx(srgb_to_linear(code), abs=1e-6) and read.sample("alpha", 1, 1) == 1
    read["raw"].setValue(True)
    assert read.sample("red", 1, 1) == pytest.approx(code, abs=1e-6)
    read["colorspace"].setValue("ARRILogC4")
    with pytest.raises(RuntimeError, match="ARRILogC4"):
        read.sample("red", 1, 1)


def test_layers_travel_through_files_copy_and_shuffle(host, tmp_path):
    import nuke

    nuke.Layer("sleeve", ["sleeve.alpha"])
    copy = nuke.nodes.Copy(inputs=[solid([0.1, 0.2, 0.3, 0.4]), solid([0.5, 0.6, 0.7, 0.8])])
    copy["from0"].setValue("rgba.green")
    copy["to0"].setValue("sleeve.alpha")
    read = written(host, copy, tmp_path / "l.%04d.exr", channels="all", datatype="32 bit float")
    assert read.channels() == ["rgba.red", "rgba.green", "rgba.blue", "rgba.alpha", "sleeve.alpha"]
    assert read.sample("sleeve.alpha", 2, 2) == pytest.approx(0.6, abs=1e-6) and read.sample("alpha", 2, 2) == pytest.approx(0.4, abs=1e-6)
    nuke.scriptReadText(
        "Shuffle { inputs 0\n in sleeve\n red alpha\n green black\n blue white\n name S1 }\nShuffle2 { inputs 0\n in1 sleeve\n"
        ' mappings "2 sleeve.alpha 0 0 rgba.alpha 0 3 white -1 -1 rgba.red 0 0"\n name S2 }'
    )
    host.node("S1").setInput(0, read)
    host.node("S2").setInput(0, read)
    assert [round(host.node("S1").sample(c, 1, 1), 3) for c in ("red", "green", "blue", "alpha")] == [0.6, 0, 1, 0.6]
    assert [round(host.node("S2").sample(c, 1, 1), 3) for c in ("red", "green", "alpha")] == [1, 0.2, 0.6]
    keep = nuke.nodes.Remove(operation="keep", channels="sleeve", inputs=[read])
    assert keep.channels() == ["sleeve.alpha"]


def test_groups_render_through_their_inputs(host):
    import nuke

    nuke.scriptReadText("""
Group { inputs 0
 name G
 addUserKnob {20 User}
 addUserKnob {7 gain}
 gain 4 }
 Input { inputs 0
 name second
 number 1 }
 Input { inputs 0
 name first }
 Multiply { channels rgba
 value {{parent.gain}}
 name Multiply1 }
 Merge2 { inputs 2
 operation plus
 name M }
 Output { name Output1 }
end_group""")
    group = host.node("G")
    group.setInput(0, solid([0.125, 0, 0, 0]))
    group.setInput(1, solid([0.25, 0, 0, 0]))
    assert group.maxInputs() == 2 and group.sample("red", 2, 2) == 0.125 * 4 + 0.25
    group["disable"].setValue(True)
    assert group.sample("red", 2, 2) == 0.125


def test_crop_reformat_and_data_windows(host, tmp_path):
    import nuke

    crop = nuke.nodes.Crop(inputs=[solid([1, 1, 1, 1])])
    crop["box"].setValue([2, 1, 5, 4])
    assert (crop.bbox().x(), crop.bbox().y(), crop.bbox().w(), crop.bbox().h()) == (2, 1, 3, 3)
    assert crop.format().width() == 12
    assert [crop.sample("red", x, y) for x, y in ((1, 1), (2, 1), (4, 3), (5, 3), (4, 4))] == [0, 1, 1, 0, 0]
    read = written(host, crop, tmp_path / "c.%04d.exr", channels="rgba")
    assert (read.bbox().x(), read.bbox().y(), read.bbox().w(), read.bbox().h(), read.width(), read.height()) == (2, 1, 3, 3, 12, 8)
    assert [read.sample("red", x, y) for x, y in ((1, 1), (2, 1), (4, 3), (5, 3), (4, 4))] == [0, 1, 1, 0, 0]
    crop["reformat"].setValue(True)
    assert (crop.width(), crop.height()) == (3, 3) and crop.sample("red", 0, 0) == 1
    nuke.addFormat("24 16 0 0 24 16 1 double")
    big = nuke.nodes.Reformat(inputs=[read], format="double")
    assert (big.width(), big.bbox().x(), big.bbox().w()) == (24, 4, 6) and big.sample("red", 6, 4) == 1 and big.sample("red", 3, 4) == 0


def test_exr_keeps_metadata_and_pixel_aspect(host, tmp_path):
    OpenEXR = pytest.importorskip("OpenEXR")
    np = pytest.importorskip("numpy")
    import nuke

    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "pixelAspectRatio": 2.0,
        "xmem/keyframe": 1,
        "xmem/version": "0.1",
    }
    OpenEXR.File(header, {"A": np.ones((4, 6), np.float16), "dog.alpha": np.full((4, 6), 0.5, np.float16)}).write(
        str(tmp_path / "m.0001.exr")
    )
    read = nuke.nodes.Read(file=str(tmp_path / "m.%04d.exr"))
    assert read.metadata("exr/xmem/version") == "0.1" and read.metadata()["exr/xmem/keyframe"] == 1 and read.metadata("none") is None
    assert read.pixelAspect() == 2 and read.channels() == ["rgba.alpha", "dog.alpha"] and read.sample("dog.alpha", 5, 3) == 0.5


def hashes(node):
    node.forceValidate()
    return node.opHashes()


def test_hashes_follow_the_picture_and_nothing_else(host):
    import nuke

    constant = solid([0.5, 0.5, 0.5, 1])
    grade = nuke.nodes.Grade(inputs=[constant])
    other = nuke.nodes.Blur(inputs=[constant])
    before = hashes(grade)
    assert all(isinstance(number, int) for number in before)
    other["size"].setValue(5)
    grade.setXYpos(100, 200)
    grade["label"].setValue("x")
    constant.setName("Renamed")
    assert hashes(grade) == before
    grade["multiply"].setValue(2)
    changed = hashes(grade)
    assert changed != before
    constant["color"].setValue([0.5, 0.5, 0.5, 0.5])
    assert hashes(grade) not in (before, changed)
    constant["color"].setValue([0.5, 0.5, 0.5, 1])
    grade["multiply"].setValue(1)
    assert hashes(grade) == before


def test_hashes_are_those_of_the_last_validation_one_for_each_frame(host):
    """NUKE_MEASURED 3: none for Dot and NoOp or before a node was validated; one for each frame in use; live where a Viewer looks."""
    import nuke

    grade = nuke.nodes.Grade(inputs=[solid(0.5)])
    dot, nothing = nuke.nodes.Dot(inputs=[grade]), nuke.nodes.NoOp(inputs=[grade])
    assert grade.opHashes() == []
    first = hashes(grade)
    assert (dot.opHashes(), hashes(dot), hashes(nothing)) == ([], [], [])
    grade["multiply"].setValue(2)
    assert grade.opHashes() == first  # nobody looks
    second = hashes(grade)
    assert len(second) == 1 and second != first
    grade.metadata("none", 7)
    assert len(grade.opHashes()) == 2
    nuke.connectViewer(0, dot)
    grade["multiply"].setValue(3)
    assert grade.opHashes()[0] not in (first[0], second[0])
    lines = [line for line in grade.showInfo().splitlines() if "hash=" in line]
    assert [line.split("hash=")[1] for line in lines] == [f"{number:x}" for number in grade.opHashes()]
    assert "frame=1" in lines[0] and "frame=7" in lines[1]


def test_hashes_follow_the_frame_only_where_it_matters(host):
    import nuke

    still, moving = solid(0.5), solid(0.5)
    moving["color"].setExpression("frame/10", 0)
    hold = nuke.nodes.FrameHold(inputs=[moving], firstFrame=3)
    nuke.frame(1)
    hashes(still), hashes(moving)
    nuke.frame(7)
    assert [len(set(hashes(node))) for node in (still, moving)] == [1, 2] and hashes(hold) == []
    assert hold.sample("red", 1, 1) == pytest.approx(0.3, abs=1e-6)
    offset = nuke.nodes.TimeOffset(inputs=[moving], time_offset=2)
    assert offset.sample("red", 1, 1) == pytest.approx(0.5, abs=1e-6)


def test_mix_masks_disable_and_switch(host):
    import nuke

    base, mask = solid([0.5, 0.5, 0.5, 1]), nuke.nodes.Crop(inputs=[solid([1, 1, 1, 1])])
    mask["box"].setValue([0, 0, 6, 8])
    grade = nuke.nodes.Multiply(inputs=[base, mask])
    grade["value"].setValue(3)
    assert (grade.sample("red", 5, 1), grade.sample("red", 6, 1)) == (1.5, 0.5)
    grade["mix"].setValue(0.5)
    assert grade.sample("red", 5, 1) == 1.0
    grade["disable"].setValue(True)
    assert grade.sample("red", 5, 1) == 0.5
    switch = nuke.nodes.Switch(inputs=[base, mask])
    switch["which"].setValue(1)
    assert switch.sample("red", 0, 0) == 1


def test_merge_over_and_union_of_boxes(host):
    import nuke

    a, b = nuke.nodes.Crop(inputs=[solid([0.4, 0, 0, 0.5])]), nuke.nodes.Crop(inputs=[solid([0.2, 0.8, 0, 1])])
    a["box"].setValue([0, 0, 4, 4])
    b["box"].setValue([2, 2, 8, 8])
    merge = nuke.nodes.Merge2(inputs=[b, a])
    assert (merge.bbox().x(), merge.bbox().w(), merge.bbox().h()) == (0, 8, 8)
    assert merge.sample("red", 3, 3) == pytest.approx(0.4 + 0.2 * 0.5, abs=1e-6) and merge.sample("alpha", 3, 3) == 1
    assert merge.sample("red", 1, 1) == pytest.approx(0.4, abs=1e-6) and merge.sample("green", 7, 7) == pytest.approx(0.8, abs=1e-6)


def test_pixels_are_bottom_row_first(host):
    import nuke

    crop = nuke.nodes.Crop(inputs=[solid([1, 0, 0, 1])])
    crop["box"].setValue([0, 0, 12, 2])
    picture = host.pixels(crop, channels=["rgba.red"])
    assert (picture.width, picture.height) == (12, 8) and list(picture.planes["rgba.red"][:12]) == [1.0] * 12
    assert picture.at("rgba.red", 3, 1) == 1 and picture.at("rgba.red", 3, 2) == 0
