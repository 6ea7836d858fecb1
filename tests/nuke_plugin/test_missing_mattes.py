"""A smaller range loses no frame, and a matte that is missing is never silent black in a render."""

from __future__ import annotations

import os

import pytest

pytestmark = pytest.mark.timeout(300)


def inside(stage, node, frame: int) -> float:
    return stage.host.pixels(node, frame).at("rgba.alpha", 9, 48 - 1 - 12)


def run(stage, frames: str) -> None:
    stage.node["frame_range"].setValue(frames)
    stage.propagate()
    assert stage.told == []


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


def test_holes_of_the_plate_stay_holes_when_other_frames_are_run(stage):
    from dataclasses import replace

    from xmem_roto_nuke.staleness.last_run import last_record
    from xmem_roto_nuke.staleness.record import write_record

    run(stage, "1001-1010")
    os.remove(stage.node.node("Result")["file"].value() % 1006)
    write_record(stage.node, replace(last_record(stage.node), missing=(1006,)))
    for frames in ("1003-1004", "1002-1003"):
        stage.node["size"].setValue(stage.node["size"].value() + 16)  # so that there are new mattes, which the node shows
        run(stage, frames)
        assert "without a matte" not in stage.status() + strip(stage)
        assert last_record(stage.node).missing == (1006,)
        hole = stage.node["hole"]
        assert [hole.getValueAt(frame) for frame in (1005, 1006, 1007)] == [0, 1, 0]
    stage.node["size"].setValue(stage.node["size"].value() + 16)
    run(stage, "1005-1007")
    assert last_record(stage.node).missing == () and stage.node["hole"].getValueAt(1006) == 0, "the plate has a picture there again"


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


def by_refresh(stage):
    stage.press("refresh")
    return stage.save()


def by_saving(stage):
    return stage.save()


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
    farm = start(plugin=False, gui=False)
    farm.host.open(script)
    union = next(node for node in farm.nuke.allNodes("Group") if node.name().startswith("XMemPass"))
    for node in (farm.host.node("XMemRoto"), union):
        assert inside(farm, node, 1005) == 1.0
        for frame in (1011, 1020):
            with pytest.raises(Exception, match=str(frame)):
                farm.host.pixels(node, frame)
    assert inside(farm, farm.host.node("XMemRoto"), 1021) == 0.0, "no plate is there, so no matte is missing"


def test_script_whose_plate_grew_elsewhere_covers_it_once_it_is_opened_in_the_interface_and_not_in_a_terminal(stage, start):
    run(stage, "")
    stage.press("make_passes")
    script = stage.save()
    stage.host.close()
    text = script.read_text()
    assert text.count("last_frame 1010") == 2, "of the project and of the plate"
    script.write_text(text.replace("last_frame 1010", "last_frame 1020"))
    for gui, last in ((False, 1010), (True, 1020)):
        opened = start(gui=gui)
        opened.host.open(script)
        if gui:
            opened.host.pump(0.2)
        union = next(node for node in opened.nuke.allNodes("Group") if node.name().startswith("XMemPass"))
        assert (opened.host.node("XMemRoto").node("Result")["last"].value(), union["last"].value()) == (last, last)
        opened.host.close()


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
