"""What a scan of Nuke 17.0v3 (S17, NUKE_MEASURED 6) and measurements say of the classes that we touch, as tests of the stand-in."""

from __future__ import annotations

import nukesim
import pytest

DEFAULTS = {
    "Read": "before hold, after hold, on_error error, frame_mode expression, frame , first 1, last 1, origfirst 1, origlast 1, "
    "auto_alpha False, colorspace default, localizationPolicy fromAutoLocalizePath, version 0, "
    "in_colorspace scene_linear, out_colorspace scene_linear",
    "Write": "channels rgb, create_directories False, use_limit False, on_error error, transformType colorspace, checkHashOnRead True",
    "Copy": "from0 rgba.alpha, to0 rgba.alpha, channels none, bbox union, metainput B, rangeinput B",
    "Remove": "operation remove, channels all",
    "Keymix": "channels all, maskChannel rgba.alpha, invertMask False",
    "Crop": "intersect False, reformat False, crop True",
    "FilterErode": "channels alpha, filter box, size 1.0",
    "Blur": "channels all, size 0.0, crop True, filter gaussian",
    "Grade": "channels rgb, black_clamp True, white_clamp False",
    "Clamp": "channels all",
    "Premult": "channels rgb, alpha rgba.alpha",
    "Merge2": "Achannels rgba, Bchannels rgba, output rgba, also_merge none, bbox union, operation over",
    "FrameRange": "first_frame 0, last_frame -123",
    "Constant": "channels rgb",
    "Roto": "output alpha, cliptype format, rotoMode 1, premultiply none, replace False",
    "RotoPaint": "output rgba, rotoMode 0",
}
CHOICES = {
    ("Read", "before"): "hold loop bounce black",
    ("Read", "after"): "hold loop bounce black",
    ("Read", "on_error"): "error,black,checkerboard,nearest frame",
    ("Read", "frame_mode"): "expression,start at,offset",
    ("Write", "on_error"): "error,black,checkerboard,read input",
    ("Write", "transformType"): "colorspace display",
    ("Remove", "operation"): "remove keep",
}


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_a_fresh_node_has_these_values(host, name):
    import nuke

    node = getattr(nuke.nodes, name)()
    for pair in DEFAULTS[name].split(", "):
        knob, _, expected = pair.partition(" ")
        assert str(node[knob].value()) == expected, knob


def test_choices_are_these(host):
    import nuke

    for (name, knob), listed in CHOICES.items():
        words = listed.split(",") if "," in listed else listed.split()
        assert list(getattr(nuke.nodes, name)()[knob].values()) == words, (name, knob)
    assert "null" in nuke.nodes.Write()["file_type"].values()


def test_classes_lack_what_nuke_lacks(host):
    import nuke

    for name in ("NoOp", "Dot"):
        node = getattr(nuke.nodes, name)()
        assert [knob for knob in ("disable", "useLifetime", "lifetimeStart", "postage_stamp", "dope_sheet") if node.knob(knob)] == []
    assert nuke.nodes.PostageStamp().knob("disable") is not None
    assert nuke.nodes.Write().knob("compression") is None and nuke.nodes.Write(file="a.exr").knob("compression") is not None
    hold = nuke.nodes.FrameHold()
    assert hold.knob("firstFrame") is not None and hold.knob("first_frame") is None
    for name in ("LiveGroup", "Precomp"):
        node = getattr(nuke.nodes, name)()
        wanted = ("file", "output", "useOutput", "reading", "on_error", "version", "reload_script")
        assert [knob for knob in wanted if node.knob(knob) is None] == [], name
    assert nuke.nodes.VariableGroup().knob("gsv") is not None and nuke.nodes.LiveGroup().knob("gsv") is not None


@pytest.mark.parametrize("mode, frame, expected", [("offset", "1000", "1003"), ("start at", "101", "1003"), ("expression", "", "1003")])
def test_a_read_maps_frames_as_measured(host, tmp_path, mode, frame, expected):
    """M L2S: an offset N shows file F + N, on its own range; `start at` S shows F - S + first."""
    import nuke

    shown = {"offset": 3, "start at": 103, "expression": 1003}[mode]
    read = nuke.nodes.Read(file=str(tmp_path / "a.%04d.exr"), first=1001, last=1005, frame_mode=mode, frame=frame)
    with pytest.raises(RuntimeError, match=f"a.{expected}.exr"):
        read.sample("red", 1, 1, frame=shown)
    if mode == "offset":
        assert (read.firstFrame(), read.lastFrame()) == (1, 5)


def test_what_a_read_says_changes_by_itself_once(host, tmp_path):
    """`default` becomes `default (linear)`, and in_colorspace flips, with the first validation (FA; T NFY)."""
    import nuke

    nuke.nodes.Write(inputs=[nuke.nodes.Constant()], file=str(tmp_path / "a.exr"))
    read = nuke.nodes.Read(file=str(tmp_path / "a.exr"), on_error="black")
    before = read["colorspace"].value(), read["in_colorspace"].value()
    read.forceValidate()
    once = read["colorspace"].value(), read["in_colorspace"].value()
    read.forceValidate()
    assert (before, once) == (("default", "scene_linear"), ("default (linear)", "linear"))
    assert (read["colorspace"].value(), read["in_colorspace"].value()) == once and "colorspace default" not in host.script_text()


def test_an_unknown_colour_space_is_appended_with_a_warning(host):  # M LM
    import nuke

    nuke.scriptReadText("Read { inputs 0\n colorspace OurCamera\n name R }")
    assert nuke.toNode("R")["colorspace"].value() == "OurCamera" and "OurCamera" in host.warnings[0]


def test_a_filter_erode_shrinks_above_zero_and_grows_below(host):  # S17, the tooltip
    import nuke

    crop = nuke.nodes.Crop(inputs=[nuke.nodes.Constant(channels="rgba", color=1)], box=(10, 10, 20, 20))
    for size, covered in ((2, 6), (0, 10), (-3, 16)):
        eroded = nuke.nodes.FilterErode(inputs=[crop], size=size)
        assert sum(eroded.sample("alpha", x + 0.5, 15) for x in range(40)) == covered


# --- the interface: NUKE_MEASURED 4 and 5


def test_a_cancelled_render_says_how_far_it_came(host, tmp_path):  # F15: what Foundry's own dialogues test
    import nuke

    write = nuke.nodes.Write(inputs=[nuke.nodes.Constant()], file=str(tmp_path / "a.%04d.exr"))
    host.cancel_at_frame = 4
    with pytest.raises(RuntimeError) as raised:
        nuke.execute(write, 1, 10)
    words = str(raised.value.args[0]).split()
    assert (words[0], words[1], words[3]) == ("Cancelled", "3", "10") and len(host.meters) == 1


def test_nuke_cancel_is_the_button_of_the_meter(host, tmp_path):  # D16
    import nuke

    write = nuke.nodes.Write(inputs=[nuke.nodes.Constant()], file=str(tmp_path / "a.%04d.exr"))
    host.on_frame_rendered = lambda frame, done, total: nuke.cancel() if frame == 3 else None
    with pytest.raises(RuntimeError, match="Cancelled 3 of 10"):
        nuke.execute(write, 1, 10)
    assert len(list(tmp_path.glob("a.*.exr"))) == 3


def test_non_commercial_renders_up_to_hd_the_bounding_box_included(tmp_path):  # M NK
    with nukesim.start(nc=True, gui=False):
        import nuke

        nuke.addFormat("64 48 0 0 64 48 1 tiny")
        wide = nuke.nodes.Crop(inputs=[nuke.nodes.Constant(format="tiny")], box=(0, 0, 1920, 48))
        write = nuke.nodes.Write(inputs=[wide], file=str(tmp_path / "a.%04d.exr"))
        nuke.execute(write, 1, 1)
        wide["box"].setValue(1921, 2)
        with pytest.raises(RuntimeError, match="1920x1080"):
            nuke.execute(write, 2, 2)
        assert [path.name for path in tmp_path.iterdir()] == ["a.0001.exr"]


def test_one_exception_of_a_callback_skips_those_after_it_and_twice_is_once(host):
    import nuke

    ran = []
    first, second = (lambda: ran.append(1)), (lambda: ran.append(2))
    for callback in (first, second, first):
        nuke.addOnCreate(callback, nodeClass="NoOp")
    nuke.nodes.NoOp()
    assert ran == [2, 1]

    def fails():
        raise RuntimeError("studio")

    nuke.addOnCreate(fails, nodeClass="Dot")
    nuke.addOnCreate(first, nodeClass="Dot")
    nuke.nodes.Dot()
    assert ran == [2, 1] and len(host.python_errors) == 1


def test_labels_are_asked_for_on_few_events(host):
    """M LM 1, 6, 10, 12: none for moving, selecting, rewiring, deleting; a knob's own, and all at the first change of frame after one."""
    import nuke

    asked = []
    node, other = nuke.nodes.Blur(), nuke.nodes.Grade()
    nuke.addAutolabel(lambda: asked.append(nuke.thisNode().name()))
    for labelled in (node, other):
        host.label(labelled)
    asked.clear()
    node.setXYpos(50, 60)
    node["selected"].setValue(True)
    node.setInput(0, other)
    other["size" if other.knob("size") else "mix"].setValue(0.5)
    nuke.delete(nuke.nodes.Dot())
    host.label(node)
    assert asked == []
    node["size"].setValue(4)
    host.label(node), host.label(node)
    assert asked == ["Blur1"]
    nuke.frame(5)
    host.label(node), host.label(other)
    assert asked == ["Blur1", "Blur1", "Grade1"]
    nuke.frame(6)
    host.label(node), host.label(other)
    assert len(asked) == 3


# --- the hostile temper


@pytest.fixture
def hostile():
    with nukesim.start(hostile=True) as host:
        yield host


def test_hostile_hashes_want_a_validation(hostile):
    import nuke

    grade = nuke.nodes.Grade(inputs=[nuke.nodes.Constant()])
    grade.format(), grade.sample("red", 1, 1)
    assert grade.opHashes() == []
    grade.forceValidate()
    assert len(grade.opHashes()) == 1


def test_hostile_idle_comes_to_open_panels_alone_and_knob_changed_to_closed_ones(hostile):
    import nuke

    nuke.root()
    idle, changed = [], []
    node, panel = nuke.nodes.Blur(), nuke.createNode("Grade")
    nuke.addUpdateUI(lambda: idle.append(nuke.thisNode().name()))
    nuke.addKnobChanged(lambda: changed.append((nuke.thisNode().name(), nuke.thisKnob().name())))
    node["size"].setValue(3)
    hostile.pump()
    assert idle == [panel.name()]
    node.setXYpos(3, 4)
    node["selected"].setValue(True)
    assert changed == [("Blur1", "xpos"), ("Blur1", "ypos"), ("Blur1", "selected")]


def test_hostile_clones_run_on_create_and_presets_carry_hidden_knobs(hostile):
    import nuke

    names = []
    node = nuke.createNode("Group")
    nuke.addOnCreate(lambda: names.append(nuke.thisNode().name()), nodeClass="Blur")
    nuke.clone(nuke.nodes.Blur())
    assert names == ["Blur1", "Blur1"]
    node.readKnobs("addUserKnob {20 User}\naddUserKnob {1 secret l secret +INVISIBLE}\nsecret abc")
    other = nuke.createNode("Group")
    other.readKnobs("addUserKnob {20 User}\naddUserKnob {1 secret l secret +INVISIBLE}")
    hostile.apply_preset(other, hostile.preset_of(node))
    assert other["secret"].value() == "abc"


def test_hostile_objects_of_closed_panels_still_answer_and_waiting_for_oneself_raises(hostile):
    import nuke

    node = nuke.createNode("Group")
    node.readKnobs("addUserKnob {20 User}\naddUserKnob {52 strip l strip T \"type('S', (), {'makeUI': lambda self: 7})()\"}")
    node.hideControlPanel()
    node.showControlPanel()
    node.hideControlPanel()
    assert node["strip"].getObject() is not None and hostile.widget(node, "strip") is None
    with pytest.raises(SystemError):
        nuke.executeInMainThreadWithResult(lambda: 1)


def test_hostile_reads_behind_brackets_obey_their_range(hostile, tmp_path):
    import nuke

    nuke.nodes.Group(name="Result")
    group = nuke.toNode("Result")
    group.readKnobs("addUserKnob {20 User}\naddUserKnob {2 mattes l mattes}\nmattes " + str(tmp_path / "a.%04d.exr"))
    with group:
        read = nuke.nodes.Read(file="[value parent.mattes]", first=1, last=3, before="black", after="black")
    assert read.sample("red", 1, 1, frame=9) == 0.0


def test_a_studios_callbacks_count_and_may_fail(hostile):
    import nuke

    nuke.nodes.Write()
    nuke.nodes.Crop()
    assert hostile.studio_calls[:1] == ["Write onCreate"] and "Crop onCreate" in hostile.studio_calls
    hostile.studio_raises = True
    nuke.nodes.Write()
    assert len(hostile.python_errors) == 1


# --- graph scope variables: M MCP 17.0v2, NUKE_MEASURED 7


def test_percent_names_stand_for_variables(host):
    import nuke

    knob = nuke.root()["gsv"]
    knob.setValue({"__default__": {"shot": "sh010", "again": "%shot"}, "cam": {"lens": "50"}})
    write = nuke.nodes.Write()
    for text, expected in (
        ("/a/%shot-x", "/a/sh010-x"),
        ("/a/%shots", "/a/%shots"),
        ("/a/%{shot}s", "/a/sh010s"),
        ("/a/%{cam.lens}", "/a/50"),
        ("/a/%{ shot}", "/a/%{ shot}"),
        ("/a/%cam", "/a/%cam"),
        ("/a/%again", "/a/sh010"),
        ("/a/%04d.%V", "/a/%04d.%V"),
    ):
        write["file"].setValue(text)
        assert nuke.filename(write) == expected, text
    knob.setGsvValue("shot", "sh020")
    group = nuke.nodes.VariableGroup()
    with group:
        inner = nuke.nodes.Write(file="%shot")
    assert group["gsv"].getGsvValue("shot") is None and nuke.filename(inner) == "sh020"
    group["gsv"].setGsvValue("shot", "sh030")
    assert nuke.filename(inner) == "sh030"
