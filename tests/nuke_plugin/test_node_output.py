"""What the node puts out and what it does to the script around it: layers, metadata, label, Undo, passes, and nodes of version 0.1.0."""

from __future__ import annotations

import builtins
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.timeout(300)

OLDER = Path(__file__).with_name("older")


def inside(stage, node, frame: int = 1004) -> float:
    return stage.host.pixels(node, frame).at("rgba.alpha", 9, 48 - 1 - 12)


def with_spec(stage) -> None:
    """Give the plate a layer of its own, with something in it."""
    stage.nuke.Layer("spec", ["spec.red", "spec.green", "spec.blue"])
    stage.node.setInput(0, stage.nuke.nodes.AddChannels(inputs=[stage.plate], channels="spec", color=0.25))


def test_the_output_keeps_every_layer_of_the_plate(stage):
    with_spec(stage)
    before = set(stage.node.channels())
    stage.propagate()
    assert before < set(stage.node.channels()) and "tri.alpha" in stage.node.channels()
    picture = stage.host.pixels(stage.node, 1004)
    assert picture.at("spec.green", 30, 20) == 0.25
    assert picture.at("rgba.red", 30, 20) == stage.host.pixels(stage.plate, 1004).at("rgba.red", 30, 20) > 0
    assert picture.at("rgba.alpha", 9, 48 - 1 - 12) == picture.at("tri.alpha", 9, 48 - 1 - 12) == 1.0


def test_the_output_has_the_plates_metadata(stage):
    from xmemcore.shot.files import exr
    from xmemcore.shot.files.box import Box

    folder = stage.folder / "plate"
    folder.mkdir()
    for frame in range(1001, 1011):
        planes = dict.fromkeys("RGB", np.full((48, 64), 0.5, np.float16))
        exr.write(folder / f"p.{frame}.exr", planes, Box(0, 0, 64, 48), Box(0, 0, 64, 48), 1.0, {"reel": "A012"})
    read = stage.nuke.nodes.Read(file=(folder / "p.%04d.exr").as_posix(), first=1001, last=1010, raw=True)
    stage.node.setInput(0, read)
    before = stage.node.metadata()
    assert any("reel" in name for name in before)
    stage.propagate()
    assert stage.told == [] and inside(stage, stage.node) == 1.0
    assert stage.node.metadata() == before


def test_undo_after_a_propagate_takes_back_what_the_artist_did_last(stage):
    stage.propagate()  # the first look fills lists of objects, the second run has nothing new to say
    undo = stage.nuke.Undo
    undo.begin()
    undo.name("artist")
    stage.grade["multiply"].setValue(0.5)
    undo.end()
    stage.propagate()
    stage.press("suggest_frames")
    stage.wait()
    stage.press("list_models")
    stage.wait()
    stage.press("refresh")
    stage.host.undo()
    assert stage.grade["multiply"].value() == 1.0
    assert stage.node["has_result"].value() and stage.node["record"].value() and stage.node["suggestions"].value()
    assert inside(stage, stage.node) == 1.0


def test_undo_reaches_the_edit_before_the_very_first_run(stage):
    size = stage.nuke.Undo.undoSize()
    stage.propagate()
    assert stage.nuke.Undo.undoSize() == size


def test_the_artists_own_label_is_shown_below_ours(stage):
    stage.node["label"].setValue("hero sleeve [value size]")
    assert stage.host.label(stage.node) == f"{stage.node.name()}\nhero sleeve 480"
    stage.propagate()
    stage.node["size"].setValue(320)
    stage.press("refresh")
    assert stage.host.label(stage.node) == f"{stage.node.name()}\n(stale)\nhero sleeve 320"


def test_the_label_is_shown_without_the_plugin_too(stage, start):
    stage.node["label"].setValue("hero sleeve")
    path = stage.save()
    stage.host.close()
    bare = start(plugin=False)
    bare.host.open(path)
    node = bare.host.node("XMemRoto")
    assert bare.host.label(node) == "XMemRoto\nhero sleeve"
    node["label"].setValue("")
    assert bare.host.label(node) == "XMemRoto"


def test_without_the_plugin_no_idle_moment_searches_the_disks_for_it(stage, start, monkeypatch):
    path = stage.save()
    stage.host.close()
    bare = start(plugin=False)
    bare.host.open(path)
    bare.host.node("XMemRoto").showControlPanel()  # idle moments come to open panels for sure, to others perhaps
    searched, original = [], builtins.__import__
    monkeypatch.setattr(builtins, "__import__", lambda name, *rest: (searched.append(name), original(name, *rest))[1])
    node = bare.host.node("XMemRoto")
    node["hide_input"].setValue(True)
    node["size"].setValue(320)
    bare.host.pump(0.3)
    assert searched and not any(name.startswith(("nuke_plugin", "xmem_roto_nuke")) for name in searched) and not bare.host.python_errors


@pytest.mark.parametrize("plugin", [True, False], ids=["with the plugin", "without"])
def test_the_status_of_the_day_a_script_was_saved_is_never_shown_as_todays(stage, start, plugin):
    stage.propagate()
    assert "Up to date" in stage.status()
    path = stage.save()
    stage.host.close()
    later = start(plugin=plugin)
    later.host.open(path)
    node = later.host.node("XMemRoto")
    assert "Up to date" not in later.status(node)
    node.showControlPanel()
    later.host.pump(0.3)
    assert ("Up to date" if plugin else "is not installed on this machine") in later.status(node) and not later.host.python_errors


def a_pass(stage):
    """A pass made from the menu, its files named by hand."""
    node = stage.nuke.createNode("XMemPass")
    node.setInput(0, None)
    node["mattes"].setValue(stage.node.node("Result")["file"].value())
    return node


def test_a_pass_made_by_hand_shows_the_matte_at_once(stage):
    stage.propagate()
    pass_node = a_pass(stage)
    assert inside(stage, pass_node) == 1.0


def test_a_pass_can_stop_a_render_where_a_matte_is_gone(stage):
    stage.propagate()
    (path,) = stage.folder.glob("mattes/*/matte.1004.exr")
    path.unlink()
    pass_node = a_pass(stage)
    assert inside(stage, pass_node) == 0.0, "where somebody looks"
    pass_node["on_missing"].setValue("hold nearest")
    assert inside(stage, pass_node) == 1.0
    pass_node["on_missing"].setValue("error")
    assert inside(stage, pass_node) == 0.0, "where somebody looks"
    stage.host.gui = False
    pass_node.node("Result")["reload"].execute()
    with pytest.raises(RuntimeError, match=r"matte\.1004"):
        inside(stage, pass_node)
    assert inside(stage, pass_node, 1005) == 1.0


def test_passes_choose_their_channel_where_the_knob_points(stage):
    stage.propagate()
    stage.press("make_passes")
    pass_node = stage.host.node("XMemPass1")
    assert pass_node.node("Picked")["from0"].value() == "tri.alpha" == pass_node["pass"].value()


@pytest.fixture
def older(start):
    """A saved script with a node of version 0.1.0 that has a result, opened with today's plugin."""

    def make(change=lambda node: None):
        stage = start().build()
        stage.propagate()
        out = stage.node.node("Result")["file"].value()
        record, ours = stage.node["record"].value(), stage.node["node_id"].value()
        stage.host.close()
        bare = start(plugin=False)
        bare.host.startup([str(OLDER)])
        nuke = bare.nuke
        nuke.Layer("spec", ["spec.red", "spec.green", "spec.blue"])
        stage = bare
        stage.host.open(stage.folder / "shot.nk")
        nuke.delete(stage.host.node("XMemRoto"))
        node = nuke.createNode("XMemRoto")
        roto, plate = stage.host.node("Roto1"), stage.host.node("FrameRange1")
        node.setInput(0, nuke.nodes.AddChannels(inputs=[plate], channels="spec", color=0.25))
        node.setInput(1, roto)
        assert node["plugin_version"].value() == "0.1.0"
        node["node_id"].setValue(ours)
        node["record"].setValue(record)
        node["has_result"].setValue(True)
        read = node.node("Result")
        for name, value in (("file", out), ("first", 1001), ("last", 1010)):
            read[name].setValue(value)
        change(node)
        path = stage.save("shot_v002.nk")
        assert "spec.green" not in node.channels()
        stage.host.close()
        again = start()
        again.host.open(path)
        return again, again.host.node(node.name()), ours

    return make


def test_a_node_of_the_first_version_gets_todays_output_and_keeps_its_id_and_mattes(older):
    stage, node, before = older()
    assert "was made with XMem Roto 0.1.0" in stage.told[-1] and "other layers" in stage.told[-1]
    assert node["on_missing"].value() == "error" and "from now on it stops a render" in stage.told[-1]
    assert node["node_id"].value() == before
    picture = stage.host.pixels(node, 1004)
    assert picture.at("spec.green", 30, 20) == 0.25 and picture.at("tri.alpha", 9, 48 - 1 - 12) == 1.0
    assert picture.at("rgba.red", 30, 20) > 0 and inside(stage, node) == 1.0
    assert node.knob("home") is not None
    assert not stage.host.python_errors
    dialogues, name = len(stage.told), node.name()
    stage.host.open(stage.save("shot_v003.nk"))
    assert len(stage.told) == dialogues, "migrated once"
    assert stage.host.pixels(stage.host.node(name), 1004).at("spec.green", 30, 20) == 0.25


def test_a_body_that_was_changed_by_hand_is_left_alone_and_the_artist_is_told(older):
    stage, node, _ = older(lambda node: node.node("Composed").setInput(0, None))
    assert "changed by hand" in stage.told[-1] and "make a new XMemRoto" in stage.told[-1]
    assert node.node("Layers") is None


def test_the_list_of_an_alpha_made_by_the_first_version_is_kept(older):
    def list_a_frame(node):
        import base64
        import json

        node["roto_input"].setValue("alpha of the input")
        node["key_edits"].setValue(base64.b64encode(json.dumps({"added": {"Roto1": [1004]}}).encode()).decode())

    stage, node, _ = older(list_a_frame)
    stage.press("refresh", node)
    assert node["keyframes"].value() == "roto: 1004"


def test_no_matte_replaces_a_channel_of_the_plate_and_the_status_names_what_it_hides(stage):
    nuke = stage.nuke
    for channel in ("edge.value", "XMemRoto01.red", "specular.red"):
        nuke.Layer(channel.split(".")[0], [channel])
    fed = stage.plate
    for name in ("edge", "XMemRoto01", "specular"):
        fed = nuke.nodes.AddChannels(inputs=[fed], channels=name, color=0.25)
    stage.node.setInput(0, fed)
    stage.press("refresh")
    assert "called like the mattes' own" not in stage.status()
    stage.node["bands"].setValue(True)
    stage.press("refresh")
    assert "called like the mattes' own, and the plate's come out here: edge. " in stage.status().replace("&#x27;", "'")
    stage.node["cryptomatte"].setValue(True)
    stage.press("refresh")
    assert "come out here: XMemRoto01, edge. " in stage.status()
    stage.node["cryptomatte"].setValue(False)
    stage.propagate()
    picture = stage.host.pixels(stage.node, 1004)
    assert inside(stage, stage.node) == picture.at("tri.alpha", 9, 48 - 1 - 12) == 1.0
    assert picture.at("edge.value", 9, 48 - 1 - 12) == 0.25, "the plate's own"
    assert picture.at("core.value", 9, 48 - 1 - 12) == 1.0, "of the mattes, since the plate has none"
    assert stage.host.pixels(stage.node.node("Result"), 1004).at("edge.value", 9, 48 - 1 - 12) == 1.0


def test_an_aov_that_comes_after_the_run_is_not_replaced_either(stage):
    stage.propagate()
    stage.nuke.Layer("tri", ["tri.alpha"])
    stage.node.setInput(0, stage.nuke.nodes.AddChannels(inputs=[stage.plate], channels="tri", color=0.25))
    assert stage.host.pixels(stage.node, 1004).at("tri.alpha", 9, 48 - 1 - 12) == 0.25 and inside(stage, stage.node) == 1.0
    stage.propagate()
    assert stage.host.pixels(stage.node, 1004).at("roto_tri.alpha", 9, 48 - 1 - 12) == 1.0


def test_more_layers_than_nuke_takes_are_refused_and_known_ones_count_once(stage):
    room = 1023 - len(stage.nuke.channels())
    stage.nuke.Layer("many", [f"many.c{number}" for number in range(room)])
    stage.press("propagate")
    assert "has 1023 channels, the mattes of this roto need 1 more, and Nuke takes 1023 in all" in stage.told[-1]
    assert stage.mattes() == []
    stage.nuke.Layer("tri", ["tri.alpha"])
    stage.propagate()
    assert len(stage.mattes()) == 10, "the mattes bring no channel that is not there"


def test_a_layer_that_is_known_counts_once_whatever_its_shape_is_called(stage):
    stage.roto["curves"].rootLayer[0].name = "left arm"
    stage.roto["curves"].changed()
    stage.nuke.Layer("left_arm", ["left_arm.alpha"])
    stage.nuke.Layer("many", [f"many.c{number}" for number in range(1023 - len(stage.nuke.channels()))])
    stage.propagate()
    assert stage.told == [] and len(stage.mattes()) == 10


@pytest.mark.parametrize("edition", ["nc", "indie"])
def test_two_rows_of_passes_never_lie_on_one_spot_where_nodes_are_counted(start, edition):
    stage = start(**{edition: True})
    stage.host.nodes_obtained = -1000  # as if the script were saved and opened in between
    stage.build()
    stage.propagate()
    for _ in range(3):
        stage.press("make_passes")
    passes = [node for node in stage.nuke.allNodes() if node.knob("made_of") is not None]
    assert len(passes) == 6 and len({(node.xpos(), node.ypos()) for node in passes}) == 6
