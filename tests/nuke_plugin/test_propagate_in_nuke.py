"""The buttons pressed in the stand-in, with a core that plays."""

from __future__ import annotations

import json
import shutil

import OpenEXR
import pytest

pytestmark = pytest.mark.timeout(300)


def hidden(stage, knob):
    from xmem_roto_nuke.node import identity

    return identity.read_hidden(stage.node, knob)


def test_propagate_puts_the_mattes_into_the_node(stage):
    before = stage.node.channels()
    stage.propagate()
    assert stage.mattes() == [f"matte.{frame}.exr" for frame in range(1001, 1011)]
    assert "tri.alpha" in stage.node.channels() and "tri.alpha" not in before
    assert "Up to date" in stage.status() and "1001-1010" in stage.status()
    picture = stage.host.pixels(stage.node, 1004)
    assert picture.at("rgba.alpha", 9, 48 - 1 - 12) == 1.0 and picture.at("rgba.alpha", 40, 5) == 0.0
    assert picture.at("rgba.red", 2, 2) == stage.host.pixels(stage.plate, 1004).at("rgba.red", 2, 2)
    assert not stage.told and not stage.host.python_errors and not stage.host.printed_errors


def test_nuke_stays_alive_and_frames_appear_while_the_rest_is_computed(stage, monkeypatch):
    monkeypatch.setenv("PRETEND", "slow")
    stage.press("propagate")
    assert stage.host.pump(30, until=lambda: stage.node["has_result"].value())
    assert stage.runs, "the first frames are shown before the run is over"
    stage.wait()
    assert "Up to date" in stage.status()


def test_the_status_says_that_it_is_at_work_and_so_do_the_passes(stage, monkeypatch):
    monkeypatch.setenv("PRETEND", "slow")
    stage.press("make_passes")
    assert "Propagate first" in stage.told[-1]
    stage.press("propagate")
    assert "At work" in stage.status() and "Propagate" in stage.status() and "Nothing has been propagated" not in stage.status()
    assert stage.host.pump(30, until=lambda: stage.node["has_result"].value())
    stage.press("refresh")
    assert "At work" in stage.status() and "Stale" not in stage.status(), "whoever asks meanwhile"
    stage.press("make_passes")
    assert "Propagate is at work" in stage.told[-1] and "Propagate first" not in stage.told[-1]
    stage.press("cancel")
    stage.wait()
    assert "At work" not in stage.status() and "did not finish" in stage.status()


def asked(stage) -> dict:
    """The request that reached the core."""
    (path,) = stage.folder.glob("**/request.json")
    return json.loads(path.read_text())


def test_every_knob_reaches_the_core_and_the_current_frame_comes_first(stage):
    for name, value in (
        ("frame_range", "1002-1008"), ("model", "compact"), ("device", "cpu"), ("size", 320), ("colorspace", "acescg"),
        ("order", "forward"), ("temporary_memory", False), ("augment", True), ("confidence", True),
    ):  # fmt: skip
        knob = stage.node[name]
        if name == "model":
            knob.setValues(["default", "compact"])
        knob.setValue(value)
    stage.propagate()
    request = asked(stage)
    exchange = (stage.cache() / "nuke" / stage.node["node_id"].value()).as_posix()
    expected = {
        "frames": "1002-1008", "model": "compact", "device": "cpu", "size": 320, "colorspace": "acescg", "order": "forward",
        "temporary_memory": False, "augment": True, "confidence": True, "viewer_frame": 1004, "node_id": stage.node["node_id"].value(),
        "plate": exchange + "/plate/plate.%04d.exr", "roto": exchange + "/roto.json", "roto_alpha": exchange + "/roto_alpha/alpha.%04d.exr",
        "masks": None, "mode": "xmem++",
    }  # fmt: skip
    assert {name: request[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("output", "folder"),
    [("{folder}/out/m.%04d.exr", "out"), ("[file dirname [value root.name]]/tcl/m.%04d.exr", "tcl"), ("near/m.%04d.exr", "near")],
    ids=["absolute", "expression", "beside the script"],
)
def test_mattes_go_where_the_output_knob_says(stage, output, folder):
    stage.node["output"].setValue(output.format(folder=stage.folder.as_posix()))
    stage.propagate()
    assert stage.told == [] and len(list((stage.folder / folder).glob("m.*.exr"))) == 10
    assert stage.host.pixels(stage.node, 1004).at("rgba.alpha", 9, 48 - 1 - 12) == 1.0


def test_mattes_whose_ending_is_in_capitals_are_found_and_can_be_approved(stage):
    from xmem_roto_nuke.panel import timeline

    stage.node["output"].setValue("near/m.%04d.EXR")
    stage.propagate()
    assert "Up to date" in stage.status() and len(list((stage.folder / "near").glob("m.*.EXR"))) == 10
    stage.press("approve")
    stage.wait()
    assert timeline.of_node(stage.node["node_id"].value()).approved == {"tri": (1004,)} and stage.told == []


def test_no_helper_node_stays_and_undo_knows_nothing_of_the_export(stage):
    nodes = [node.fullName() for node in stage.host.all_nodes()]
    stage.propagate()
    assert [node.fullName() for node in stage.host.all_nodes()] == nodes
    assert not any(node.Class() == "Write" for node in stage.host.all_nodes())


def test_only_changed_frames_are_rendered_again(stage):
    from xmem_roto_nuke.handover import plates

    rendered = []
    original = plates.host.render
    plates.host.render = lambda *arguments: (rendered.extend(arguments[1]), original(*arguments))[1]
    stage.propagate()
    assert rendered == [*range(1001, 1011), 1001], "ten frames of plate, one of the roto's alpha"
    rendered.clear()
    stage.propagate()
    assert rendered == []
    stage.grade["multiply"].setValue(0.5)
    stage.propagate()
    assert rendered == list(range(1001, 1011))
    rendered.clear()
    (stage.cache() / "nuke" / stage.node["node_id"].value() / "plate" / "plate.1005.exr").unlink()
    stage.propagate()
    assert rendered == [1005], "a frame whose file is gone"


def test_a_change_upstream_marks_the_node_without_anybody_pressing(stage):
    stage.propagate()
    assert stage.host.label(stage.node) == stage.node.name()
    stage.grade["multiply"].setValue(0.25)
    from xmem_roto_nuke.staleness import watch

    watch._due.clear()
    stage.nuke.root()["frame"].setValue(1005)  # only then does Nuke ask for labels below what was changed
    assert "inputs changed" in stage.host.label(stage.node)
    watch._due.clear()
    stage.node["label"].setValue("touched")  # lets Nuke's idle callback come round to the node
    stage.host.pump(0.3)
    assert "Stale" in stage.status() and "The plate has changed" in stage.status()
    assert "(stale)" in stage.host.label(stage.node)
    stage.grade["multiply"].setValue(1.0)
    stage.node["label"].setValue("")
    stage.press("refresh")
    assert stage.host.label(stage.node) == stage.node.name()


def test_each_cause_of_staleness_is_named(stage):
    stage.propagate()
    stage.node["size"].setValue(320)
    stage.press("refresh")
    assert "working size" in stage.status()
    stage.node["size"].setValue(480)
    stage.press("refresh")
    assert "Up to date" in stage.status()
    stage.nuke.root()["frame"].setValue(1007)
    stage.press("add_key")
    assert "tri has a new key on 1007" in stage.status()
    stage.press("remove_key")
    assert "Up to date" in stage.status()
    stage.node["frame_range"].setValue("1001-1004")
    stage.press("refresh")
    assert "Up to date" in stage.status(), "fewer frames than were made are all there"


def test_suggestions_are_kept_and_the_strip_survives_reopening(stage):
    stage.press("suggest_frames")
    stage.wait()
    assert [pick["frame"] for pick in hidden(stage, "suggestions")["suggestions"]] == [1010, 1009, 1008, 1007, 1006]


@pytest.mark.parametrize(
    ("button", "knob", "value", "sentence"),
    [
        ("suggest_frames", "suggest_count", 0, "0 suggestions are not possible"),
        ("suggest_frames", "suggest_count", -3, "-3 suggestions are not possible"),
        ("suggest_frames", "suggest_alpha", 1.5, "An alpha of 1.5 is not possible"),
        ("propagate", "size", 3, "The working size 3 is out of range"),
    ],
)
def test_an_impossible_setting_is_refused_before_anything_is_rendered(stage, button, knob, value, sentence):
    stage.node[knob].setValue(value)
    stage.press(button)
    assert stage.runs == {}
    assert sentence in stage.told[-1] and sentence in stage.status() and hidden(stage, "suggestions") == {}


def test_make_key_keys_the_roto_where_it_stands_in_one_undo(stage):
    stage.press("make_key")
    stage.press("refresh")
    assert "tri: 1001,1004" in stage.node["keyframes"].value()
    stage.host.undo()
    stage.press("refresh")
    assert stage.node["keyframes"].value() == "tri: 1001"


def test_lists_of_keyframes_follow_the_buttons(stage):
    stage.press("add_key")
    assert stage.node["keyframes"].value() == "tri: 1001,1004"
    stage.nuke.root()["frame"].setValue(1001)
    stage.press("remove_key")
    assert stage.node["keyframes"].value() == "tri: 1004"
    stage.press("absent_key")
    assert stage.node["keyframes"].value() == "tri: 1004; not in 1001"
    stage.propagate()
    written = json.loads((stage.cache() / "nuke" / stage.node["node_id"].value() / "roto.json").read_text())
    assert written["keyframes"] == {"tri": [1004]} and asked(stage)["absent"] == ["tri:1001"]


def test_passes_are_made_of_stock_nodes_and_render_without_the_plugin(stage, start):
    stage.propagate()
    stage.press("make_passes")
    path = stage.save("passes.nk")
    stage.host.close()
    bare = start(plugin=False)
    bare.host.open(path)
    passes = [node for node in bare.host.all_nodes() if node.name().startswith("XMemPass") and node.Class() == "Group"]
    assert [node["pass"].value() for node in passes] == ["rgba.alpha", "tri.alpha"]
    for node in passes:
        picture = bare.host.pixels(node, 1004)
        assert picture.at("rgba.alpha", 9, 48 - 1 - 12) == 1.0 and picture.at("rgba.red", 40, 5) == 0.0
        assert bare.host.pixels(node, 1020).at("rgba.alpha", 9, 48 - 1 - 12) == 0.0


def test_the_cryptomatte_pass_feeds_nukes_own_node_on_machines_without_the_plugin_too(stage, start):
    pytest.importorskip("mmh3", reason="the extra cryptomatte is not installed")
    from xmemcore.shot.mattes.cryptomatte import name_id

    stage.node["cryptomatte"].setValue(True)
    stage.propagate()
    stage.press("make_passes")
    path = stage.save("passes.nk")
    stage.host.close()
    bare = start(plugin=False, gui=False)
    bare.host.open(path)
    (picker,) = (node for node in bare.host.all_nodes() if node.Class() == "Cryptomatte")
    fed = picker.input(0)
    assert fed["label"].value() == "Cryptomatte" and fed.Class() == "Group"
    picture = bare.host.pixels(fed, 1004)
    at = (9, 48 - 1 - 12)
    assert (picture.at("XMemRoto00.red", *at), picture.at("XMemRoto00.green", *at)) == (float(name_id("tri")), 1.0)
    assert picture.at("XMemRoto00.green", 60, 2) == 0.0 and "tri.alpha" not in fed.channels()
    known = {key.rsplit("/", 1)[-1]: value for key, value in fed.metadata(time=1004).items() if "/cryptomatte/" in key}
    assert known["name"] == "XMemRoto" and set(json.loads(known["manifest"])) == {"tri"}


def test_reopening_shows_the_mattes_at_once_without_a_core_or_the_plugin(stage, start):
    stage.propagate()
    path = stage.save("reopened.nk")
    stage.host.close()
    bare = start(plugin=False)
    bare.host.open(path)
    assert bare.host.pixels(bare.host.node("XMemRoto"), 1004).at("rgba.alpha", 9, 48 - 1 - 12) == 1.0
    assert not bare.host.python_errors
    bare.host.close()
    again = start()
    again.host.open(path)
    node = again.host.node("XMemRoto")
    assert again.host.pixels(node, 1004).at("tri.alpha", 9, 48 - 1 - 12) == 1.0
    again.press("refresh", node)
    assert "Up to date" in again.status(node)
    from xmem_roto_nuke.core import client

    assert not client._session.running


def test_models_are_listed_with_their_terms(stage):
    stage.press("list_models")
    stage.wait()
    assert stage.node["model"].values() == ["default", "compact"]
    assert "Apache-2.0 &amp; more" in stage.node["model_terms"].value()


def test_the_alpha_of_any_input_is_rendered_on_the_listed_frames(stage):
    stage.node["roto_input"].setValue("alpha of the input")
    stage.press("refresh")
    assert "press Add current" in stage.status()
    stage.press("add_key")
    stage.propagate()
    folder = stage.cache() / "nuke" / stage.node["node_id"].value() / "alpha"
    assert [path.name for path in folder.glob("*.exr")] == ["alpha.1004.exr"]
    stage.nuke.root()["frame"].setValue(1006)
    stage.press("absent_key")
    stage.propagate()
    brightest = {}
    for path in sorted(folder.glob("*.exr")):
        with OpenEXR.File(str(path), separate_channels=True) as file:
            brightest[path.name] = float(file.channels()["A"].pixels.max())
    assert brightest == {"alpha.1004.exr": 1.0, "alpha.1006.exr": 0.0}, "black where the object is absent"


def test_clear_deletes_the_cache_and_leaves_the_mattes(stage):
    stage.propagate()
    stage.press("clear")
    stage.wait()
    assert not (stage.cache() / "nuke" / stage.node["node_id"].value()).exists()
    assert len(stage.mattes()) == 10


def test_a_disabled_roto_counts_and_the_status_says_so(stage):
    stage.roto["disable"].setValue(True)
    stage.press("refresh")
    assert "Roto1 is disabled; its shapes count all the same." in stage.status()
    stage.propagate()
    assert len(stage.mattes()) == 10 and stage.status().count("Roto1 is disabled") == 1
    stage.roto["disable"].setValue(False)
    stage.press("refresh")
    assert "disabled" not in stage.status() and "Up to date" in stage.status()


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda stage: stage.node.setInput(0, None), "Nothing is connected to the plate input"),
        (lambda stage: stage.node.setInput(1, None), "Nothing is connected to the roto input"),
        (lambda stage: stage.node.setInput(1, stage.grade), "Connect the Roto or RotoPaint itself"),
        (lambda stage: stage.node["frame_range"].setValue("ten to twenty"), "ten to twenty"),
        (lambda stage: stage.node["output"].setValue("/nowhere/matte.exr"), "no pattern"),
        (lambda stage: stage.nuke.root()["workingSpaceLUT"].setValue("Gamma2.2"), "does not know"),
        (lambda stage: stage.roto["curves"].fromScript("{v x3f99999a} {f 0} {n {layer Root {f 0} {t 32 24} {a}}}"), "has no shapes"),
        (lambda stage: stage.plate["first_frame"].setValue(1002), "keyed on 1001"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(stage, prepare, sentence):
    prepare(stage)
    stage.propagate()
    assert stage.told and sentence in stage.told[-1], stage.told
    assert stage.mattes() == []


def test_a_refusal_before_the_run_takes_an_older_failures_place_in_the_status(stage, monkeypatch):
    monkeypatch.setenv("PRETEND", "disk")
    stage.propagate()
    assert "is full" in stage.status()
    stage.node["output"].setValue("/nowhere/matte.exr")
    stage.press("propagate")
    assert "no pattern" in stage.told[-1] and "no pattern" in stage.status() and "is full" not in stage.status()


def test_an_unsaved_script_has_no_place_for_mattes(start):
    stage = start()
    stage.save, keep = (lambda name="": None), stage.save
    stage.build()
    stage.propagate()
    assert "has no place yet" in stage.told[-1]
    stage.save = keep
    stage.save()
    stage.propagate()
    assert len(stage.mattes()) == 10


def waiting() -> bool:
    from xmem_roto_nuke.node import runs

    return bool(runs.waiting or runs.under_way)


EVERY_BUTTON = (
    "refresh", "propagate", "suggest_frames", "next_key", "previous_weak", "make_passes", "make_write", "copy_mattes", "add_key",
    "absent_key", "make_key", "approve", "take_back", "ask_core", "clear", "cancel",
)  # fmt: skip


@pytest.mark.parametrize("edition", ["nc", "indie"])
def test_ten_node_objects_are_enough_for_a_propagate_and_what_comes_after_says_so(start, temper, edition):
    stage = start(**{edition: True})
    stage.host.nodes_obtained = -1000  # while the test builds its script
    stage.build()
    stage.host.nodes_obtained = 0
    stage.press("propagate")
    stage.wait()
    if temper == "plain":  # a hostile Nuke counts what callbacks are given too, and may have none left by now
        assert "Up to date" in stage.status() and stage.told == [], stage.told
    for _ in range(3):
        for button in EVERY_BUTTON:
            stage.press(button)
            stage.wait()
        for title in ("Next view", "Propagate all", "Propagate selected"):
            stage.nuke.menu("Nodes").menu("XMem Roto").findItem(title).invoke()
            stage.host.pump(60, until=lambda: not waiting())
    stage.press("make_passes")
    assert "ten nodes for each script" in stage.told[-1] and "xmem-roto" in stage.told[-1]
    assert not stage.host.python_errors and not stage.host.printed_errors, "no None was taken for a node"
    stage.host.user_edit(stage.node["size"], 240)
    stage.host.pump(0.1)
    assert "XMemRoto" in stage.host.label(stage.node) and not stage.host.python_errors


def limited(start, edition="nc"):
    """A stage where nodes are counted from now on, as in a script that was just opened."""
    stage = start(**{edition: True})
    stage.host.nodes_obtained = -1000  # while the test builds its script
    stage.build()
    stage.host.nodes_obtained = 0
    return stage


def opened_again(stage, start, edition="nc"):
    name, path = stage.node.name(), stage.save("shot.nknc")
    stage.host.close()
    again = start(**{edition: True})
    again.host.open(str(path))
    again.host.pump(0.2)
    again.node = next(node for node in again.host.all_nodes() if node.name() == name)
    return again


@pytest.mark.parametrize("edition", ["nc", "indie"])
def test_ten_node_objects_are_enough_to_propagate_look_version_up_and_propagate_again(start, edition):
    stage = opened_again(limited(start, edition), start, edition)
    for button in ("propagate", "refresh", "version_up", "propagate"):
        stage.press(button)
        stage.wait()
        assert stage.told == [], (button, stage.host.nodes_obtained)
    assert "Up to date" in stage.status() and stage.host.nodes_obtained <= 10
    stage.host.nodes_obtained = -1000
    assert "/v002/" in stage.node.node("Result")["file"].value()


@pytest.mark.parametrize("changed", ["another plate", "another name", "another roto", "a plate that was deleted", "another inside"])
def test_a_node_that_is_held_where_nodes_are_counted_is_let_go_when_it_is_no_longer_the_one(start, changed):
    stage = limited(start)
    stage.propagate()
    before, nuke = stage.host.nodes_obtained, stage.nuke
    stage.host.nodes_obtained = -1000  # while the test changes the script
    if changed == "another plate":
        stage.node.setInput(0, nuke.nodes.FrameRange(inputs=[stage.grade], first_frame=1001, last_frame=1005))
    elif changed == "another name":
        stage.plate.setName("Footage")
        stage.plate["last_frame"].setValue(1005)
    elif changed == "another roto":
        stage.roto.setName("Former")
        other = nuke.nodes.Roto(name="Roto1")
        other["curves"].fromScript(stage.roto["curves"].toScript().replace("tri", "sleeve"))
        stage.node.setInput(1, other)
    elif changed == "a plate that was deleted":
        nuke.delete(stage.plate)
    else:
        twin = stage.copied(stage.node)
        stage.node.setName("Former")
        twin.setName("XMemRoto")
        twin.setInput(0, stage.plate)
        twin.setInput(1, stage.roto)
        stage.node = twin
    stage.host.nodes_obtained = before - 4
    stage.press("version_up" if changed == "another inside" else "refresh")
    stage.propagate()
    if changed == "another roto":
        assert "sleeve" in stage.node["keyframes"].value()
    elif changed == "a plate that was deleted":
        assert stage.told == [] and "Up to date" in stage.status(), "Nuke connects what was above it"
    elif changed == "another inside":
        assert (
            "/v002/" in stage.node.node("Result")["file"].value() and "/v002/" not in nuke.toNode("Former").node("Result")["file"].value()
        )
    else:
        assert "1001-1005" in stage.status(), stage.told
    assert not stage.host.python_errors and not stage.host.printed_errors


def test_mattes_that_were_written_as_nodes_ran_out_are_no_failure_and_show_when_the_script_is_opened_again(start):
    stage = limited(start)
    stage.propagate()
    cost = stage.host.nodes_obtained
    shutil.rmtree(stage.folder / "mattes")
    stage.host.close()
    stage = limited(start)
    stage.host.nodes_obtained = 10 - cost + 1  # the last node that a run asks for is the one that shows the mattes
    stage.propagate()
    assert len(stage.mattes()) == 10, "the core went on to the end"
    assert "The mattes are written at" in stage.told[-1] and "save and open the script again to see them" in stage.status()
    assert "Written, not shown" in stage.status() and "Failed" not in stage.status() and len(stage.told) == 1
    assert not stage.node["has_result"].value()
    stage.host.nodes_obtained = -1000
    again = opened_again(stage, start)
    assert again.node["has_result"].value()
    again.press("refresh")
    assert "Up to date" in again.status()
