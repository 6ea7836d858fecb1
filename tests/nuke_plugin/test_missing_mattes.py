"""A smaller range loses no frame, and a matte that is missing is never silent black in a render."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.nuke_plugin.stage_steps import behind_a_grade, plate_of_files, run

pytestmark = pytest.mark.timeout(300)


def on_a_bare_farm(start, script):
    """Open a script in a terminal without the plugin; gives the stage and the pass of the union."""
    farm = start(plugin=False, gui=False)
    farm.host.open(script)
    return farm, next(node for node in farm.nuke.allNodes("Group") if node.name().startswith("XMemPass"))


def inside(stage, node, frame: int) -> float:
    return stage.host.pixels(node, frame).at("rgba.alpha", 9, 48 - 1 - 12)


def test_run_over_a_part_of_the_range_leaves_the_other_frames_in_the_picture(stage):
    run(stage, "1001-1010")
    run(stage, "1004-1005")
    assert [inside(stage, stage.node, frame) for frame in (1001, 1004, 1010)] == [1.0, 1.0, 1.0]
    assert "The mattes of 1001-1003,1006-1010 show too; they are of earlier runs." in stage.status()
    assert '"#6fbf73">Up to date on 1004-1005; 8 mattes of earlier runs</font>' in stage.status()
    assert stage.host.label(stage.node).endswith("(8 mattes of earlier runs)")


def strip(stage) -> str:
    from xmem_roto_nuke.panel import timeline

    return timeline.of_node(stage.node["node_id"].value()).sentence()


@pytest.mark.parametrize("change", ["settings", "shapes", "plate"])
def test_mattes_of_earlier_runs_count_as_stale_where_they_are_known_to_be_of_other_inputs(stage, change):
    run(stage, "1001-1010")
    run(stage, "1009-1010")
    assert '"#6fbf73">Up to date on 1009-1010; 8 mattes of earlier runs</font>' in stage.status()
    if change == "settings":
        before = stage.node["edges"].value()
        stage.node["edges"].setValue("plain")
    elif change == "shapes":
        stage.nuke.root()["frame"].setValue(1003)
        stage.press("add_key")
    else:
        before = stage.grade["multiply"].value()
        stage.grade["multiply"].setValue(0.5)
    run(stage, "1003-1004")
    assert '"#e0a030">Up to date on 1003-1004; 8 mattes of earlier runs, stale</font>' in stage.status()
    assert "The mattes of 1001-1002,1005-1010 show too; they are of earlier runs with other shapes, settings or plate." in stage.status()
    assert stage.host.label(stage.node).endswith("(8 mattes of earlier runs, stale)")
    assert "2 mattes, 8 mattes of earlier runs (stale)" in strip(stage)
    if change == "shapes":
        stage.press("remove_key")
    else:
        knob = stage.node["edges"] if change == "settings" else stage.grade["multiply"]
        knob.setValue(before)
    run(stage, "1003-1003")
    assert "8 mattes of earlier runs, stale" not in stage.status(), "they are of what is there again"
    assert "9 mattes of earlier runs, 1 of them stale" in stage.status() and "9 mattes of earlier runs (1 stale)" in strip(stage)


def with_a_second_object(stage) -> None:
    """Run the whole range with one object, and two frames of it with another one too."""
    run(stage, "1001-1010")
    text = stage.roto["curves"].toScript()
    shape = text[text.index("{curvegroup tri") :].rstrip("}") + "}}"
    stage.roto["curves"].fromScript(text.replace("{curvegroup tri", shape.replace("curvegroup tri", "curvegroup low") + " {curvegroup tri"))
    run(stage, "1003-1004")


def test_mattes_that_were_made_before_an_object_was_there_are_named_with_its_layer(stage):
    run(stage, "1001-1010")
    assert "have no layer" not in stage.status()
    with_a_second_object(stage)
    sentence = "The mattes of 1001-1002,1005-1010 have no layer low, which is black there, and a render stops unless"
    assert sentence in stage.status() and stage.node["keyframes"].value().count("1001") == 2
    stage.press("refresh")
    assert sentence in stage.status()
    run(stage, "1001-1010")
    assert "have no layer" not in stage.status()


def layers_by_pass(stage, frame: int):
    """What the passes of the union and of both objects give at a frame, or the sentence that stops their render."""
    found = {}
    for node in stage.nuke.allNodes("Group"):
        if node.knob("made_of") is not None and node.name().startswith("XMemPass"):
            try:
                found[node.node("Picked")["from0"].value()] = inside(stage, node, frame)
            except RuntimeError as error:
                found[node.node("Picked")["from0"].value()] = str(error)
    return found


@pytest.mark.parametrize("made", ["before the part", "after it"])
def test_a_pass_of_an_object_that_earlier_mattes_have_not_got_stops_a_render_there(stage, start, made):
    if made == "before the part":
        run(stage, "1001-1010")
        stage.press("make_passes")
        made_of_it = next(node for node in stage.nuke.allNodes("Group") if node.name() == "XMemPass1")
        stage.copied(made_of_it).node("Picked")["from0"].setValue("low.alpha")  # an artist's own, before there is such an object
    with_a_second_object(stage)
    if made == "after it":
        stage.press("make_passes")
    assert layers_by_pass(stage, 1001)["low.alpha"] == 0.0, "black in the interface, and said in the status"
    script = stage.save()
    stage.host.close()
    for plugin in (False, True):
        farm = start(plugin=plugin, gui=False)
        farm.host.open(script)
        assert layers_by_pass(farm, 1003) == {"rgba.alpha": 1.0, "tri.alpha": 1.0, "low.alpha": 1.0}
        there = layers_by_pass(farm, 1001)
        assert "low.alpha is not in the matte of frame 1001, propagate it" in str(there.pop("low.alpha"))
        assert there == {"rgba.alpha": 1.0, "tri.alpha": 1.0}
        lone = next(node for node in farm.nuke.allNodes("Group") if node.knob("made_of") and "low" in node.node("Picked")["from0"].value())
        lone["on_missing"].setValue("black")
        assert layers_by_pass(farm, 1001)["low.alpha"] == 0.0
        farm.host.close()


def test_a_pass_stops_no_render_any_more_when_all_its_mattes_have_its_layer_or_it_picks_another_one(stage, start):
    with_a_second_object(stage)
    stage.press("make_passes")
    low = next(node for node in stage.nuke.allNodes("Group") if node.knob("made_of") and "low" in node.node("Picked")["from0"].value())
    assert low["lacks"].getValueAt(1001) == 1 and low["lacks"].getValueAt(1003) == 0
    low.node("Picked")["from0"].setValue("tri.alpha")
    stage.save()
    assert low["lacks"].getValueAt(1001) == 0
    low.node("Picked")["from0"].setValue("low.alpha")
    stage.press("refresh")
    assert low["lacks"].getValueAt(1001) == 1
    run(stage, "1001-1010")
    assert low["lacks"].getValueAt(1001) == 0


@pytest.mark.parametrize("choice", ["error", "black"])
@pytest.mark.parametrize("why", ["made before it was there", "gone"])
def test_a_write_whose_layer_is_in_no_matte_stops_a_render(stage, start, why, choice):
    stage.node["publish"].setValue((stage.folder / "publish" / "m.%04d.exr").as_posix())
    stage.node["on_missing"].setValue(choice)
    with_a_second_object(stage)
    stage.press("make_write")
    frame = 1001
    if why == "gone":
        stage.roto["curves"].rootLayer[0].name = "hand"
        stage.roto["curves"].changed()
        stage.node["frame_range"].setValue("1001-1010")
        stage.propagate()
        frame = 1003
        assert "of a Write still names it. What was made with today" in stage.status()
    script = stage.save()
    stage.host.close()
    for plugin in (True, False):
        farm = start(plugin=plugin, gui=False)
        farm.host.open(script)
        write = next(node for node in farm.nuke.allNodes("Write"))
        if choice == "error":
            with pytest.raises(RuntimeError, match=f"low is not in the matte of frame {frame}, propagate it"):
                farm.nuke.execute(write, frame, frame)
        else:
            farm.nuke.execute(write, frame, frame)
        if why != "gone":
            farm.nuke.execute(write, 1003, 1003)
        farm.host.close()


def test_a_write_stops_no_render_any_more_once_all_mattes_have_its_layers(stage, start):
    stage.node["publish"].setValue((stage.folder / "publish" / "m.%04d.exr").as_posix())
    with_a_second_object(stage)
    stage.press("make_write")
    run(stage, "1001-1010")
    script = stage.save()
    stage.host.close()
    farm = start(plugin=False, gui=False)
    farm.host.open(script)
    farm.nuke.execute(next(node for node in farm.nuke.allNodes("Write")), 1001, 1010)
    assert len(list((farm.folder / "publish").iterdir())) == 10


@pytest.mark.parametrize("asked_by", ["an object's layer", "alpha", "act on", "bands"])
def test_the_nodes_own_output_stops_a_render_where_a_matte_lacks_a_layer_that_it_puts_out(stage, start, asked_by):
    if asked_by == "an object's layer":
        with_a_second_object(stage)
    elif asked_by == "bands":
        run(stage, "1001-1010")
        stage.node["bands"].setValue(True)
        run(stage, "1003-1004")
    else:  # it is gone everywhere, and still picked
        run(stage, "1001-1010")
        knob = ("InAlpha", "from0") if asked_by == "alpha" else ("Expand", "channels")
        stage.node.node(knob[0])[knob[1]].setValue("gone.alpha" if asked_by == "alpha" else "gone")
    script = stage.save()
    assert inside(stage, stage.node, 1001) == (0.0 if asked_by == "alpha" else 1.0), "in the interface it is said in the status"
    stage.host.close()
    for plugin in (False, True):
        farm = start(plugin=plugin, gui=False)
        farm.host.open(script)
        node = farm.host.node("XMemRoto")
        for choice in ("error", "hold nearest"):
            node["on_missing"].setValue(choice)
            with pytest.raises(RuntimeError, match="XMemRoto has no matte of frame 1001, or one without a layer, propagate it"):
                inside(farm, node, 1001)
        if asked_by in ("an object's layer", "bands"):
            assert inside(farm, node, 1003) == 1.0
        node["on_missing"].setValue("black")
        assert inside(farm, node, 1001) == (0.0 if asked_by == "alpha" else 1.0)
        farm.host.close()


def test_a_terminal_with_the_plugin_looks_at_the_mattes_themselves_for_layers(stage, start):
    with_a_second_object(stage)
    script = stage.save()
    pattern = stage.node.node("Result")["file"].value()
    for frame in (1001, 1002):  # as a farm makes them after the script was saved
        shutil.copy(pattern % 1003, pattern % frame)
    stage.host.close()
    farm = start(gui=False)
    farm.host.open(script)
    node = farm.host.node("XMemRoto")
    assert [inside(farm, node, frame) for frame in (1001, 1002, 1003)] == [1.0] * 3
    with pytest.raises(RuntimeError, match="frame 1005"):
        inside(farm, node, 1005)


def test_a_former_script_whose_mattes_a_later_one_made_without_its_layer_stops_a_render(stage, start):
    run(stage, "1001-1010")
    stage.press("make_passes")
    script = stage.save("shot_v001.nk")
    stage.save("shot_v002.nk")
    stage.roto["curves"].fromScript(stage.roto["curves"].toScript().replace("curvegroup tri", "curvegroup other"))
    run(stage, "1001-1010")
    stage.host.close()
    farm = start(gui=False)
    farm.host.open(script)
    assert "tri.alpha is not in the matte of frame 1004" in str(layers_by_pass(farm, 1004)["tri.alpha"])
    with pytest.raises(RuntimeError, match="has no matte of frame 1004, or one without a layer"):
        inside(farm, farm.host.node("XMemRoto"), 1004)


def test_a_layer_that_the_plate_has_is_missing_in_no_matte_and_mattes_of_another_version_lack_none(stage):
    with_a_second_object(stage)
    assert [stage.node["lacks"].getValueAt(frame) for frame in (1001, 1003)] == [1, 0]
    stage.press("version_up")
    assert stage.node["lacks"].getValueAt(1001) == 1, "the former version shows"
    run(stage, "1001-1002")
    assert [stage.node["lacks"].getValueAt(frame) for frame in (1001, 1003)] == [0, 0]
    stage.node["confidence"].setValue(True)
    run(stage, "1002-1002")
    assert stage.node["lacks"].getValueAt(1001) == 1
    stage.nuke.Layer("confidence", ["confidence.value"])
    stage.node.setInput(0, stage.nuke.nodes.AddChannels(inputs=[stage.plate], channels="confidence"))
    stage.press("refresh")
    assert stage.node["lacks"].getValueAt(1001) == 0, "the plate's own comes out"


def test_nothing_is_claimed_of_mattes_that_no_run_of_this_node_tells_of(stage):
    run(stage, "1001-1010")
    stage.node["record"].setValue("")
    next(stage.folder.glob("mattes/*/nuke.json")).unlink()
    stage.node["edges"].setValue("plain")
    run(stage, "1003-1004")
    assert '"#6fbf73">Up to date on 1003-1004; 8 mattes of earlier runs</font>' in stage.status()


def test_frames_that_nobody_asked_for_and_that_are_black_are_counted(stage):
    run(stage, "1001-1010")
    stage.press("version_up")
    run(stage, "1003-1004")
    assert inside(stage, stage.node, 1008) == 0.0
    assert '"#e0a030">Up to date on 1003-1004; 8 frames without a matte</font>' in stage.status()
    assert stage.status().count("Frames without a matte: 1001-1002,1005-1010.") == 1
    assert stage.host.label(stage.node).endswith("(8 frames without a matte)")
    assert "2 mattes, 8 frames without a matte" in strip(stage)
    run(stage, "1001-1004")
    assert stage.host.label(stage.node).endswith("(6 frames without a matte)") and "6 frames without a matte" in strip(stage)
    run(stage, "")
    assert "without a matte" not in stage.status() + strip(stage) + stage.host.label(stage.node)


def last_missing(stage):
    from xmem_roto_nuke.staleness.last_run import last_record

    return last_record(stage.node).missing


def is_marked(stage) -> bool:
    marks = [stage.node["hole"].getValueAt(frame) for frame in (1005, 1006, 1007)]
    assert marks in ([0, 1, 0], [0, 0, 0])
    return marks[1] == 1


def below_a_merge(stage):
    """Where nothing tells beforehand that there is a hole: the render does."""
    stage.node.setInput(0, stage.nuke.nodes.Merge2(inputs=[stage.plate, stage.node.input(0)]))


def behind_a_retime(stage):
    stage.node.setInput(0, stage.nuke.nodes.TimeOffset(inputs=[stage.node.input(0)]))


@pytest.mark.parametrize(
    "above", [lambda stage: None, behind_a_grade, below_a_merge, behind_a_retime], ids=["Read", "Grade", "Merge", "Time"]
)
def test_holes_of_the_plate_stay_holes_until_the_plate_is_there_however_it_gets_noticed(stage, above):
    file = plate_of_files(stage)
    above(stage)
    os.rename(file(1006), file(1006) + ".late")
    run(stage, "1001-1010")
    for frames in ("1003-1004", "1002-1003"):
        stage.node["size"].setValue(stage.node["size"].value() + 16)  # so that there are new mattes, which the node shows
        run(stage, frames)
        stage.press("refresh")
        stage.save()
        assert "without a matte" not in stage.status() + strip(stage)
        assert last_missing(stage) == (1006,) and is_marked(stage)
    os.rename(file(1006) + ".late", file(1006))
    stage.node["size"].setValue(stage.node["size"].value() + 16)
    run(stage, "1003-1004")
    assert last_missing(stage) == () and not is_marked(stage), "a run over other frames notices it"
    assert "Frames without a matte: 1006." in stage.status() and "1 frame without a matte" in strip(stage)
    for read in stage.nuke.allNodes("Read"):
        read["reload"].execute()  # Nuke remembers that there was no file
    run(stage, "1005-1007")
    assert "without a matte" not in stage.status()


def by_refresh(stage):
    stage.press("refresh")
    return stage.save()


def by_saving(stage):
    return stage.save()


@pytest.mark.parametrize("noticed", [by_refresh, by_saving])
def test_hole_whose_plate_has_come_stops_a_render_of_node_and_pass(stage, start, noticed):
    file = plate_of_files(stage)
    os.rename(file(1006), file(1006) + ".late")
    run(stage, "1001-1010")
    stage.press("make_passes")
    stage.save()
    os.rename(file(1006) + ".late", file(1006))
    script = noticed(stage)
    stage.press("refresh")
    assert "Frames without a matte: 1006." in stage.status()
    stage.host.close()
    farm, union = on_a_bare_farm(start, script)
    for node in (farm.host.node("XMemRoto"), union):
        assert inside(farm, node, 1005) == 1.0
        with pytest.raises(Exception, match="1006"):
            farm.host.pixels(node, 1006)


def test_hole_whose_plate_came_while_the_script_was_closed_is_none_in_the_interface_and_stays_one_in_a_terminal(stage, start):
    file = plate_of_files(stage)
    os.rename(file(1006), file(1006) + ".late")
    run(stage, "1001-1010")
    script = stage.save()
    stage.host.close()
    os.rename(file(1006) + ".late", file(1006))
    for gui in (False, True):
        opened = start(gui=gui)
        opened.host.open(script)
        if gui:
            opened.host.pump(0.2)
        assert opened.host.node("XMemRoto")["hole"].getValueAt(1006) == (0 if gui else 1)
        opened.host.close()


def test_hole_stays_one_while_nothing_is_known_of_the_plate(stage):
    file = plate_of_files(stage)
    os.rename(file(1006), file(1006) + ".late")
    run(stage, "1001-1010")
    os.rename(file(1006) + ".late", file(1006))
    stage.node.setInput(0, None)
    stage.press("refresh")
    assert is_marked(stage)


# --- what is known of mattes that other runs than the last one made


def test_mattes_of_a_run_stay_stale_however_many_parts_were_corrected_since(stage):
    from xmem_roto_nuke.staleness import record

    run(stage, "1001-1010")
    stage.grade["multiply"].setValue(0.4)
    for frame in range(1001, 1010):
        run(stage, str(frame))
        assert f"{1010 - frame} of them stale" in stage.status() or frame == 1001
    assert stage.node["frame_range"].value() == "1009" and record.MOST_EARLIER < 9
    run(stage, "1010")
    assert "The matte of 1001 shows too; it is of earlier runs of unknown inputs, which counts as stale." in stage.status()
    run(stage, "1001-1010")
    assert "stale" not in stage.status()


def earlier_runs(count: int):
    from xmem_roto_nuke.staleness.record import EarlierRun

    return tuple(EarlierRun(str(1020 + number), f"inputs {number}", "plate", "1001-1100") for number in range(count))


def record_with(**changes):
    from xmem_roto_nuke.staleness.record import Record
    from xmem_roto_nuke.staleness.snapshot import Snapshot

    values = dict.fromkeys(("first", "last", "seconds", "seconds_per_frame", "computed", "encoded_frames", "encoded_annotations"), 0)
    texts = dict.fromkeys(("model", "stamp", "node_name"), "")
    known = {"out": "/m.%04d.exr", "frames": "1001-1010", "complete": True, "objects": (), "layers": ()}
    return Record(snapshot=Snapshot("plate"), **{**values, **texts, **known, **changes})


def frames_of(runs):
    from xmemcore.protocol.frames import FrameRange

    return sorted(frame for each in runs for frame in FrameRange.parse(each.frames))


def test_runs_of_equal_inputs_are_one_entry_and_no_frame_is_dropped():
    from dataclasses import replace

    from xmem_roto_nuke.staleness.record import MOST_EARLIER, Record, left_of

    runs = earlier_runs(3 * MOST_EARLIER)
    left = left_of(record_with(earlier=runs), [1002])
    assert frames_of(left) == sorted({*range(1001, 1011), *(1020 + number for number in range(3 * MOST_EARLIER))} - {1002})
    assert len(left) == MOST_EARLIER + 1 and [each.inputs == "" for each in left] == [False] * MOST_EARLIER + [True]
    assert Record.of_json(record_with(earlier=left).as_json()).earlier == left
    again = left_of(record_with(earlier=left), [1002])
    assert frames_of(again) == frames_of(left) and len(again) == MOST_EARLIER + 1, "it grows no further"
    alike = tuple(replace(each, inputs="equal") for each in runs)
    assert len(left_of(record_with(earlier=alike), [1002])) == 2


def test_run_that_was_cut_short_counts_for_the_frames_that_it_finished():
    from xmem_roto_nuke.staleness.record import EarlierRun, left_of

    before = (EarlierRun("1004-1010", "others", "plate", "1001-1010"),)
    left = left_of(record_with(complete=False, done="1001-1003", earlier=before), [1010])
    assert [(each.frames, each.inputs == "others") for each in left] == [("1001-1003", False), ("1004-1009", True)]
    unheard = left_of(record_with(complete=False, earlier=before), [1010])
    assert [(each.frames, each.inputs) for each in unheard] == [("1001-1009", "")], "nobody knows which are its own, so all count as stale"
    assert left_of(record_with(complete=False, done="", earlier=before), [1010])[0].frames == "1004-1009"


def test_mattes_that_a_cancelled_run_did_not_reach_are_stale_beside_the_next(start, monkeypatch):
    monkeypatch.setenv("PRETEND", "slow")
    stage = start().build()
    stage.propagate()
    stage.grade["multiply"].setValue(0.4)
    before = {path: path.stat().st_mtime_ns for path in stage.folder.glob("mattes/*/matte*.exr")}
    old = lambda: {path for path in before if path.stat().st_mtime_ns == before[path]}  # noqa: E731
    stage.press("propagate")
    stage.host.pump(30, until=lambda: len(before) - len(old()) >= 3)
    stage.press("cancel")
    stage.wait()
    assert "The last run did not finish" in stage.status()
    left = [path for path in old() if not path.name.startswith("matte.1010")]
    assert left
    run(stage, "1010")
    assert f"9 mattes of earlier runs, {len(left)} of them stale" in stage.status()


def interrupted(stage):
    """Propagate the next version, and give script and mattes as they are in the midst of it."""
    stage.propagate()
    stage.press("version_up")
    stage.press("propagate")
    stage.host.pump(20, until=lambda: len(list(stage.folder.glob("mattes/*/v002/*.exr"))) >= 3)


def test_a_nuke_that_went_with_its_run_leaves_a_node_that_is_stale(start, monkeypatch):
    monkeypatch.setenv("PRETEND", "slow")
    stage = start().build()
    interrupted(stage)
    script = stage.save()
    saved = script.read_text()
    shutil.copytree(stage.folder / "mattes", stage.folder / "then")
    stage.press("cancel")
    stage.wait()
    stage.host.close()
    script.write_text(saved)
    shutil.rmtree(stage.folder / "mattes")
    (stage.folder / "then").rename(stage.folder / "mattes")
    again = start()
    again.host.open(script)
    again.host.pump(0.5)
    node = again.host.node("XMemRoto")
    again.press("refresh", node)
    status = again.status(node)
    assert "/v002/" in node.node("Result")["file"].value() and "Stale" in status and "did not finish" in status
    assert "Frames without a matte:" in status and "is gone" not in status and "Another run" not in status


def test_a_node_that_was_deleted_with_its_run_and_came_back_is_stale(start, monkeypatch):
    monkeypatch.setenv("PRETEND", "slow")
    stage = start().build()
    interrupted(stage)
    stage.host.user_delete(stage.node)
    stage.wait()
    stage.host.undo()
    stage.host.pump(0.4)
    node = stage.nuke.toNode("XMemRoto")
    stage.press("refresh", node)
    assert "/v002/" in node.node("Result")["file"].value() and "Stale" in stage.status(node)


def test_label_counts_mattes_of_earlier_runs_after_opening_without_a_panel_and_the_script_need_not_be_saved(stage, start):
    stage.propagate()
    stage.grade["multiply"].setValue(0.4)
    run(stage, "1008-1010")
    script = stage.save()
    stage.host.close()
    again = start()
    again.host.open(script)
    again.nuke.root().setModified(False)
    again.host.pump(0.5)
    assert not again.host.modified
    node = again.host.node("XMemRoto")
    assert again.host.label(node).endswith("(7 mattes of earlier runs, stale)") and "7 mattes" in again.status(node)
    again.host.node("Grade1")["multiply"].setValue(0.9)
    again.press("refresh", node)
    assert again.host.label(node).endswith("(stale)")
    again.host.open(script)
    again.nuke.scriptClear()
    again.host.pump(0.2)
    assert again.host.python_errors == again.host.printed_errors == [], "the script went before the idle moment"


def test_nothing_is_judged_after_opening_in_a_terminal(stage, start):
    stage.propagate()
    script = stage.save()
    stage.host.close()
    farm = start(gui=False)
    farm.host.open(script)
    assert not farm.host.node("XMemRoto")["status"].value().strip()


def test_status_is_of_the_mattes_that_show_where_the_read_was_pointed_elsewhere(stage):
    stage.propagate()
    first = stage.node.node("Result")["file"].value()
    stage.press("version_up")
    stage.propagate()
    os.remove(first % 1004)
    stage.node.node("Result")["file"].setValue(first)
    stage.node["version"].setValue("v001")
    stage.press("refresh")
    assert "The matte of 1004 is gone." in stage.status()


def test_passes_follow_a_result_that_grows_or_moves(stage):
    run(stage, "1004-1005")
    stage.press("make_passes")
    union = next(node for node in stage.nuke.allNodes("Group") if node.name().startswith("XMemPass"))
    run(stage, "1001-1010")
    assert inside(stage, union, 1001) == inside(stage, union, 1010) == 1.0
    stage.node["output"].setValue((stage.folder / "elsewhere" / "m.%04d.exr").as_posix())
    run(stage, "1001-1010")
    assert union["mattes"].value().endswith("elsewhere/m.%04d.exr") and inside(stage, union, 1010) == 1.0


def test_a_script_of_an_older_version_shows_the_mattes_of_later_runs_and_so_do_its_passes(stage, start):
    run(stage, "1004-1005")
    stage.press("make_passes")
    older = stage.save("shot_v001.nk")
    run(stage, "1001-1010")
    stage.save("shot_v002.nk")
    stage.host.close()
    again = start()
    again.host.open(older)
    again.host.pump(0.2)
    union = next(node for node in again.nuke.allNodes("Group") if node.name().startswith("XMemPass"))
    for node in (again.host.node("XMemRoto"), union):
        assert [inside(again, node, frame) for frame in (1001, 1004, 1010)] == [1.0, 1.0, 1.0]


def test_passes_inside_a_group_follow_the_next_version(stage):
    nuke = stage.nuke
    group = nuke.nodes.Group(name="Holder")
    with group:
        node = nuke.createNode("XMemRoto", inpanel=False)
        for number in (0, 1):
            node.setInput(number, nuke.nodes.Input(number=number))
        nuke.nodes.Output(inputs=[node])
    group.setInput(0, stage.plate)
    group.setInput(1, stage.roto)
    stage.save()
    stage.propagate(node)
    stage.press("make_passes", node)
    with group:
        passes = [each for each in nuke.allNodes("Group") if each.name().startswith("XMemPass")]
    assert len(passes) == 2, "they stand beside their node"
    stage.press("version_up", node)
    stage.propagate(node)
    shown = node.node("Result")["file"].getEvaluatedValue()
    assert "/v002/" in shown and [each["mattes"].value() for each in passes] == [shown, shown]


def test_passes_that_are_made_again_lie_below_the_first_ones(stage):
    run(stage, "1001-1002")
    stage.press("make_passes")
    stage.press("make_passes")
    places = [(node.xpos(), node.ypos()) for node in stage.nuke.allNodes("Group") if node.name().startswith("XMemPass")]
    assert len(places) == len(set(places)) == 4


def test_passes_that_are_made_again_do_not_cover_a_cryptomatte_node(stage):
    pytest.importorskip("mmh3", reason="the extra cryptomatte is not installed")
    stage.node["cryptomatte"].setValue(True)
    run(stage, "1001-1002")
    stage.press("make_passes")
    stage.press("make_passes")
    below = [node for node in stage.nuke.allNodes() if node.Class() == "Cryptomatte" or node.name().startswith("XMemPass")]
    assert len({(node.xpos(), node.ypos()) for node in below}) == len(below) == 8


def saved_with_a_hole(stage):
    run(stage, "1001-1010")
    for name in os.listdir(stage.folder / "mattes"):
        os.remove(stage.folder / "mattes" / name / "matte.1006.exr")
    return stage.save()


@pytest.mark.parametrize("plugin", [True, False], ids=["with the plugin", "without the plugin"])
def test_missing_matte_stops_a_render_and_names_the_frame(stage, start, plugin):
    script = saved_with_a_hole(stage)
    stage.host.close()
    farm = start(plugin=plugin, gui=False)
    farm.host.open(script)
    node = farm.host.node("XMemRoto")
    assert inside(farm, node, 1005) == 1.0
    with pytest.raises(Exception, match="1006"):
        farm.host.pixels(node, 1006)


def test_missing_matte_is_black_where_somebody_looks_and_is_counted(stage):
    saved_with_a_hole(stage)
    stage.press("refresh")
    assert inside(stage, stage.node, 1006) == 0.0
    assert "The matte of 1006 is gone." in stage.status()


def test_frame_that_was_never_propagated_stops_a_render_too(stage, start):
    run(stage, "1004-1005")
    script = stage.save()
    stage.host.close()
    farm = start(plugin=False, gui=False)
    farm.host.open(script)
    for frame in (1001, 1010):
        with pytest.raises(Exception, match=str(frame)):
            farm.host.pixels(farm.host.node("XMemRoto"), frame)


@pytest.mark.parametrize("choice, expected", [("black", 0.0), ("hold nearest", 1.0)])
def test_other_choices_render_on(stage, start, choice, expected):
    stage.node["on_missing"].setValue(choice)
    script = saved_with_a_hole(stage)
    stage.host.close()
    farm = start(plugin=False, gui=False)
    farm.host.open(script)
    assert inside(farm, farm.host.node("XMemRoto"), 1006) == expected


def test_hole_of_the_plate_is_no_missing_matte(stage, start):
    from xmem_roto_nuke.panel import result
    from xmemcore.protocol.frames import FrameRange

    run(stage, "1001-1010")
    pattern = stage.node.node("Result")["file"].value()
    os.remove(pattern % 1006)
    result.show(stage.node, pattern, FrameRange.parse("1001-1005,1007-1010"), [1006])
    script = stage.save()
    stage.host.close()
    farm = start(plugin=False, gui=False)
    farm.host.open(script)
    node = farm.host.node("XMemRoto")
    assert [inside(farm, node, frame) for frame in (1005, 1006, 1007)] == [1.0, 0.0, 1.0]


def test_terminal_does_not_repoint_an_approved_version(stage, start):
    run(stage, "1004-1005")
    approved = stage.save("shot_v001.nk")
    run(stage, "1001-1010")
    stage.host.close()
    farm = start(gui=False)
    farm.host.open(approved)
    node = farm.host.node("XMemRoto")
    assert node["record"].value() and (node.node("Result")["first"].value(), node.node("Result")["last"].value()) == (1001, 1010)
    assert '"frames": "1004-1005"' in _record(node)


def _record(node) -> str:
    import base64

    return base64.b64decode(node["record"].value()).decode()


def test_mattes_of_the_command_line_show_when_the_script_is_opened(stage, start):

    run(stage, "1001-1010")
    mattes = stage.folder / "mattes"
    (folder,) = mattes.iterdir()
    (folder / "nuke.json").unlink()
    stage.node["has_result"].setValue(False)
    stage.node["record"].setValue("")
    stage.node.node("Result")["file"].setValue("")
    script = stage.save()
    stage.host.close()
    artist = start()
    artist.host.open(script)
    artist.host.pump(0.1)
    node = artist.host.node("XMemRoto")
    assert inside(artist, node, 1007) == 1.0
    artist.press("refresh", node)
    assert "were not made by this node" in artist.status(node)


# --- the plate grows after the run


@pytest.mark.parametrize("growth", ["plate", "frame range"])
@pytest.mark.parametrize("noticed", [by_refresh, by_saving])
def test_frames_that_came_after_the_run_stop_a_render_of_node_and_pass(stage, start, growth, noticed):
    run(stage, "" if growth == "plate" else "1001-1010")
    stage.press("make_passes")
    if growth == "plate":
        stage.plate["last_frame"].setValue(1020)
    else:
        stage.node["frame_range"].setValue("1001-1020")
    script = noticed(stage)
    stage.host.close()
    farm, union = on_a_bare_farm(start, script)
    for node in (farm.host.node("XMemRoto"), union):
        assert inside(farm, node, 1005) == 1.0
        for frame in (1011, 1020):
            with pytest.raises(Exception, match=str(frame)):
                farm.host.pixels(node, frame)
    assert inside(farm, farm.host.node("XMemRoto"), 1021) == 0.0, "no plate is there, so no matte is missing"


def grown_elsewhere(stage):
    """A script whose plate was given ten frames more by something that is not Nuke; closed."""
    run(stage, "")
    stage.press("make_passes")
    script = stage.save()
    stage.host.close()
    text = script.read_text()
    assert text.count("last_frame 1010") == 2, "of the project and of the plate"
    script.write_text(text.replace("last_frame 1010", "last_frame 1020"))
    return script


@pytest.mark.parametrize("gui", [False, True])
def test_script_whose_plate_grew_elsewhere_covers_it_once_it_is_opened(stage, start, gui):
    script = grown_elsewhere(stage)
    opened = start(gui=gui)
    opened.host.open(script)
    if gui:
        opened.host.pump(0.2)
    union = next(node for node in opened.nuke.allNodes("Group") if node.name().startswith("XMemPass"))
    node = opened.host.node("XMemRoto")
    assert (node.node("Result")["last"].value(), union["last"].value()) == (1020, 1020)
    if not gui:
        for shows_it in (node, union):
            assert inside(opened, shows_it, 1010) == 1.0
            with pytest.raises(RuntimeError, match="1011"):
                inside(opened, shows_it, 1011)


@pytest.mark.parametrize("choice", ["error", "black", "hold nearest"])
def test_frames_that_a_plate_got_since_the_script_was_saved_go_by_on_missing_on_a_machine_without_the_plugin(stage, start, choice):
    stage.node["on_missing"].setValue(choice)
    script = grown_elsewhere(stage)
    farm, _ = on_a_bare_farm(start, script)
    node = farm.host.node("XMemRoto")
    assert inside(farm, node, 1010) == 1.0
    for frame in (1011, 1020):
        if choice == "error":
            with pytest.raises(RuntimeError, match=f"XMemRoto has no matte of frame {frame}"):
                inside(farm, node, frame)
        else:
            assert inside(farm, node, frame) == (1.0 if choice == "hold nearest" else 0.0)
    assert inside(farm, node, 1000) == inside(farm, node, 1021) == 0.0, "no plate is there, so no matte is missing"
    node["matte_outside"].setValue("hold")
    assert inside(farm, node, 1021) == 1.0
    node.setInput(0, None)
    assert inside(farm, node, 1011) == 1.0, "nothing is known of a plate that is not connected"


@pytest.mark.parametrize("choice", ["error", "black", "hold nearest"])
def test_frames_that_a_plate_got_go_by_on_missing_in_a_pass_without_the_plugin_too(stage, start, choice):
    stage.node["on_missing"].setValue(choice)
    script = grown_elsewhere(stage)
    farm, union = on_a_bare_farm(start, script)
    assert inside(farm, union, 1010) == 1.0
    for frame in (1011, 1020):
        if choice == "error":
            with pytest.raises(RuntimeError, match=f"there is no matte of frame {frame}"):
                inside(farm, union, frame)
        else:
            assert inside(farm, union, frame) == (1.0 if choice == "hold nearest" else 0.0)
    assert inside(farm, union, 1000) == inside(farm, union, 1021) == 0.0, "no plate is there, so no matte is missing"
    assert (union.firstFrame(), union.lastFrame()) == (1001, 1020), "its plate's"


def test_a_pass_asks_its_own_node_under_its_name_of_today_wherever_it_is(stage, start):
    run(stage, "")
    stage.press("make_passes")
    stage.node.setName("Hero")
    script = stage.save()
    assert next(node for node in stage.nuke.allNodes("Group") if node.knob("made_of"))["node_name"].value() == "Hero"
    stage.host.close()
    script.write_text(script.read_text().replace("last_frame 1010", "last_frame 1020"))
    farm, union = on_a_bare_farm(start, script)
    with pytest.raises(RuntimeError, match="1011"):
        inside(farm, union, 1011)
    union["first"].setValue(1002)
    assert inside(farm, union, 1011) == 0.0, "an artist's own range"
    union["first"].setValue(1001)
    farm.host.node("Hero")["node_id"].setValue("another")
    assert inside(farm, union, 1011) == 0.0, "another node of that name is none of its business"
    farm.nuke.delete(farm.host.node("Hero"))
    assert inside(farm, union, 1010) == 1.0 and inside(farm, union, 1011) == 0.0, "nothing is known of a node that is gone"


def test_a_node_and_a_pass_have_the_range_of_plate_and_mattes_and_not_of_the_reads_that_stop_renders(stage):
    stage.nuke.root()["last_frame"].setValue(1500)
    assert (stage.node.firstFrame(), stage.node.lastFrame()) == (1001, 1010), "before its first run"
    run(stage, "1001-1010")
    stage.press("make_passes")
    union = next(node for node in stage.nuke.allNodes("Group") if node.name().startswith("XMemPass"))
    for node in (stage.node, union):
        assert (node.firstFrame(), node.lastFrame()) == (1001, 1010)


def test_a_range_that_an_artist_set_inside_of_the_node_stops_no_render(stage, start):
    run(stage, "")
    stage.node.node("Result")["last"].setValue(1005)
    script = stage.save()
    stage.host.close()
    farm = start(plugin=False, gui=False)
    farm.host.open(script)
    assert [inside(farm, farm.host.node("XMemRoto"), frame) for frame in (1005, 1006)] == [1.0, 0.0]


def test_range_follows_a_plate_that_shrinks_but_never_leaves_a_matte_out(stage):
    run(stage, "1001-1008")
    read = stage.node.node("Result")
    assert read["last"].value() == 1010
    stage.node["frame_range"].setValue("")
    stage.plate["last_frame"].setValue(1006)
    stage.press("refresh")
    assert read["last"].value() == 1008
    stage.node.setInput(0, None)
    stage.press("refresh")
    assert (read["first"].value(), read["last"].value()) == (1001, 1008), "nothing is known of a plate that is not connected"


def test_slip_of_the_frame_range_makes_no_frame_missing(stage):
    run(stage, "")
    stage.node["frame_range"].setValue("1-10")
    stage.press("refresh")
    assert stage.node.node("Result")["first"].value() == 1001


@pytest.mark.parametrize("damage", ["cut off", "another frame's"])
def test_a_damaged_matte_of_an_earlier_run_is_named(stage, damage):
    run(stage, "1001-1010")
    run(stage, "1001-1002")
    assert "8 mattes of earlier runs</font>" in stage.status()
    folder = next(stage.folder.glob("mattes/*"))
    if damage == "cut off":
        (folder / "matte.1008.exr").write_bytes((folder / "matte.1008.exr").read_bytes()[:200])
    else:
        shutil.copy(folder / "matte.1001.exr", folder / "matte.1008.exr")
    stage.press("refresh")
    assert "Stale" in stage.status() and "The matte of 1008 is not what the core wrote." in stage.status()
    run(stage, "1001-1010")
    assert "Up to date" in stage.status() and "not what" not in stage.status()


@pytest.mark.parametrize("through", ["node", "pass"])
def test_a_node_does_not_learn_from_mattes_of_another_one_that_are_missing(stage, through):
    run(stage, "1001-1005")
    stage.press("make_passes")
    above = stage.node if through == "node" else next(node for node in stage.host.all_nodes() if node.knob("made_of"))
    below = stage.nuke.createNode("XMemRoto", "name Below")
    below.setInput(0, stage.plate)
    below.setInput(1, stage.nuke.nodes.Dot(inputs=[above]))
    below["roto_input"].setValue("alpha of the input")
    for frame in (1003, 1008):
        stage.nuke.root()["frame"].setValue(frame)
        stage.press("add_key", below)
    stage.propagate(below)
    (refusal,) = stage.told
    assert f"comes from {above.name()}, which has no matte on 1008." in refusal
    assert refusal in stage.status(below) and not below["has_result"].value()
    above["on_missing"].setValue("black")
    stage.propagate(below)
    assert "Up to date" in stage.status(below), "black is what the artist chose"
    above["on_missing"].setValue("error")
    stage.node["frame_range"].setValue("1001-1010")
    stage.propagate()
    stage.propagate(below)
    assert stage.told == [refusal] and "Up to date" in stage.status(below)


def test_a_node_does_not_learn_the_plates_alpha_from_another_one_that_has_no_mattes_yet(stage):
    below = stage.nuke.createNode("XMemRoto", "name Below")
    below.setInput(0, stage.plate)
    below.setInput(1, stage.node)
    below["roto_input"].setValue("alpha of the input")
    stage.press("add_key", below)
    stage.propagate(below)
    (refusal,) = stage.told
    assert refusal == f"The roto input of Below is {stage.node.name()}, which has no mattes yet. Propagate it first."


def below_another(stage, frames: str):
    """Put a node between plate and node, whose mattes are there on some frames; gives the one below it."""
    stage.node["matte_premultiply"].setValue(True)
    if frames:
        run(stage, frames)
        stage.node["frame_range"].setValue("")
        stage.press("refresh")
    below = stage.nuke.createNode("XMemRoto", "name Below")
    below.setInput(0, stage.nuke.nodes.Grade(inputs=[stage.node]))
    below.setInput(1, stage.roto)
    return below


@pytest.mark.parametrize("frames, lacking", [("1001-1005", "1006-1010"), ("", "1001-1010")])
def test_a_plate_whose_colours_come_from_mattes_that_are_missing_is_refused(stage, frames, lacking):
    below = below_another(stage, frames)
    for _ in range(2):
        stage.propagate(below)
        assert stage.told[-1] == (
            f"{below.input(0).name()} comes from XMemRoto, which has no matte on {lacking}. "
            "Propagate XMemRoto there first, or set its 'on missing' to black."
        )
        assert not below["has_result"].value()
    for knob, value in (("matte_premultiply", False), ("on_missing", "black"), ("disable", True)):
        before = stage.node[knob].value()
        stage.node[knob].setValue(value)
        stage.propagate(below)
        assert len(stage.told) == 2 and "Up to date" in stage.status(below), knob
        stage.node[knob].setValue(before)
    stage.propagate()
    stage.propagate(below)
    assert len(stage.told) == 2 and "Up to date" in stage.status(below)


@pytest.mark.parametrize("hold", ["black", "hold"])
def test_a_plate_that_grew_is_refused_where_the_node_that_it_comes_through_was_not_looked_at_since(stage, hold):
    below = below_another(stage, "1001-1010")
    stage.node["matte_outside"].setValue(hold)
    stage.plate["last_frame"].setValue(1015)
    stage.propagate(below)
    assert "comes from XMemRoto, which has no matte on 1011-1015." in stage.told[-1] and not below["has_result"].value()
    stage.press("refresh")
    stage.propagate(below)
    assert "comes from XMemRoto, which has no matte on 1011-1015." in stage.told[-1]
    stage.propagate()
    stage.propagate(below)
    assert "Up to date" in stage.status(below)


@pytest.mark.parametrize("between", [True, False], ids=["Grade", "nothing"])
def test_a_terminal_refuses_a_plate_through_a_node_whose_mattes_are_missing_and_takes_them_for_no_holes(stage, start, between):
    below = below_another(stage, "1001-1005")
    stage.node["matte_premultiply"].setValue(False)
    if not between:
        below.setInput(0, stage.node)
    script = stage.save()
    stage.host.close()
    farm = start(gui=False)
    farm.host.open(script)
    farm.press("propagate", farm.host.node("Below"))
    assert "comes from XMemRoto, which has no matte on 1006-1010." in farm.status(farm.host.node("Below"))
    assert not farm.host.node("Below")["has_result"].value()


def test_a_file_with_a_date_for_a_number_is_no_frame_of_the_mattes(stage):
    run(stage, "1001-1010")
    folder = next(stage.folder.glob("mattes/*"))
    shutil.copy(folder / "matte.1001.exr", folder / "matte.20260101.exr")
    stage.press("refresh")
    assert "Up to date" in stage.status() and "20260101" not in stage.status()
    run(stage, "1001-1003")
    assert stage.node.node("Result")["last"].value() == 1010


def test_a_link_to_nothing_is_a_matte_that_is_gone_and_hides_no_other_one(stage):
    run(stage, "1001-1010")
    matte = next(stage.folder.glob("mattes/*/matte.1005.exr"))
    matte.unlink()
    matte.symlink_to("nowhere.exr")
    stage.press("refresh")
    assert "The matte of 1005 is gone." in stage.status()


# --- a node that was never propagated


@pytest.fixture
def plate_alpha(stage):
    """Give the plate an alpha of its own, which is none of the node's."""
    constant = stage.nuke.nodes.Constant(color=0.5, channels="rgba")
    stage.node.setInput(0, stage.nuke.nodes.FrameRange(inputs=[constant], first_frame=1001, last_frame=1010))
    return 0.5


def shown(opened, frame: int = 1004) -> tuple[float, float]:
    """Red and alpha of the node, within the shape."""
    picture = opened.host.pixels(opened.host.node("XMemRoto"), frame)
    return picture.at("rgba.red", 9, 35), picture.at("rgba.alpha", 9, 35)


@pytest.mark.parametrize("plugin", [True, False], ids=["with the plugin", "without the plugin"])
def test_a_node_without_any_mattes_stops_a_render_and_says_to_propagate(stage, plate_alpha, start, plugin):
    assert shown(stage) == (0.5, 0.5), "in the interface it gives the plate"
    stage.node["view_as"].setValue("overlay")
    script = stage.save()
    stage.host.close()
    farm = start(plugin=plugin, gui=False)
    farm.host.open(script)
    for frame, named in ((1004, "1004"), (2000, "(2000|1010)")):  # behind the plate perhaps its last one
        with pytest.raises(Exception, match=rf"XMemRoto\.PropagateFirst: .*no matte of frame {named} yet, propagate XMemRoto first"):
            shown(farm, frame)


@pytest.mark.parametrize("choice", ["black", "hold nearest"])
@pytest.mark.parametrize("tab, expected", [("", (0.5, 0.0)), ("matte_premultiply", (0.0, 0.0)), ("matte_invert", (0.5, 1.0))])
def test_a_node_without_any_mattes_is_an_empty_matte_where_that_was_chosen(stage, plate_alpha, start, choice, tab, expected):
    stage.node["on_missing"].setValue(choice)
    if tab:
        stage.node[tab].setValue(True)
    assert shown(stage) == (0.5, 0.5)
    script = stage.save()
    stage.host.close()
    farm = start(plugin=False, gui=False)
    farm.host.open(script)
    assert shown(farm) == expected
