"""The frames of a shot: what the strip's row says of them, and the buttons that jump to keyframes and to weak places."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.timeout(300)


def known(stage):
    from xmem_roto_nuke.panel import timeline

    return timeline.of_node(stage.node["node_id"].value())


def here(stage) -> int:
    return int(stage.nuke.root()["frame"].value())


def test_a_row_tells_keys_mattes_of_which_run_and_those_that_are_gone(stage):
    stage.propagate()
    stage.node["frame_range"].setValue("1001-1004")
    stage.nuke.root()["frame"].setValue(1003)
    stage.press("add_key")
    stage.propagate()
    assert known(stage).keyed == {"tri": (1001, 1003)}
    assert sorted(known(stage).current) == [1001, 1002, 1003, 1004] and sorted(known(stage).former) == list(range(1005, 1011))
    assert known(stage).sentence() == "2 keyed, 4 mattes, 6 mattes of earlier runs (stale)"
    next(stage.folder.glob("mattes/*/matte.1002.exr")).unlink()
    stage.nuke.root()["frame"].setValue(1009)
    stage.press("absent_key")
    shown = known(stage)
    assert shown.missing == {1002} and shown.absent == {"tri": (1009,)} and shown.keyed == {"tri": (1001, 1003)} and shown.stale
    assert shown.sentence() == "2 keyed, 3 mattes (stale), 6 mattes of earlier runs (stale), 1 frame without a matte"


def test_the_buttons_jump_to_keys_of_the_chosen_object_and_stay_past_the_last(stage):
    stage.nuke.root()["frame"].setValue(1008)
    stage.press("add_key")
    stage.nuke.root()["frame"].setValue(1004)
    stage.press("next_key")
    assert here(stage) == 1008
    stage.press("next_key")
    assert here(stage) == 1008
    stage.press("previous_key")
    assert here(stage) == 1001
    stage.node["key_object"].setValue("tri")
    stage.press("next_key")
    assert here(stage) == 1008 and stage.told == []


def test_a_key_that_was_just_made_is_listed_and_jumped_to_before_the_first_run_and_after(stage):
    def key(frame: int) -> None:
        for point in stage.roto["curves"].rootLayer[0]:
            point.center.addPositionKey(frame, (20.0, 20.0))
        stage.roto["curves"].changed()

    stage.node.showControlPanel()
    stage.host.pump(0.1)
    key(1008)
    stage.press("next_key")
    assert here(stage) == 1008
    from xmem_roto_nuke.staleness import watch

    watch._due.clear()
    stage.node["hide_input"].setValue(True)  # Nuke's idle callback comes round to the node
    stage.host.pump(0.3)
    assert stage.node["keyframes"].value() == "tri: 1001,1008", "nobody pressed Refresh"
    stage.propagate()
    key(1010)
    stage.press("next_key")
    assert here(stage) == 1010 and stage.told == []


def test_the_weak_place_is_where_the_core_was_least_sure_or_said_so(stage):
    stage.press("next_weak")
    assert "no weak place yet" in stage.told[-1]
    stage.propagate()
    stage.press("next_weak")
    assert here(stage) == 1006, "the one frame of which the core that plays is not sure"
    stage.press("suggest_frames")
    stage.wait()
    stage.press("refresh")
    stage.press("next_weak")
    assert here(stage) == 1007 and "turned away" in known(stage).reasons[1007]


def test_places_are_weak_only_against_the_rest_of_the_shot(start):
    start()
    from xmem_roto_nuke.panel.timeline import Timeline, dips, reasons_of

    assert dips(dict.fromkeys(range(20), 0.8)) == [] == dips({})
    assert dips({**dict.fromkeys(range(40), 0.9), 7: 0.5, 8: 0.4, 9: 0.45, 30: 0.3}) == [8, 30]
    reasons = reasons_of({"suggestions": [{"frame": 5, "reason": "jumps", "wrong": True}, {"frame": 9, "reason": "far", "wrong": False}],
                       "lost_frames": [20, 21, 22, 30]}, {})  # fmt: skip
    assert sorted(reasons) == [5, 20, 30]
    assert Timeline(1, 9, reasons=reasons).weak == [5, 20, 30]


def test_advice_about_former_mattes_is_called_old_and_keyed_frames_are_no_weak_places(stage):
    stage.propagate()
    stage.press("suggest_frames")
    stage.wait()
    assert sorted(known(stage).reasons) == [1006, 1007, 1008, 1009, 1010] and not known(stage).advice_is_old
    stage.nuke.root()["frame"].setValue(1010)
    stage.press("add_key")
    assert sorted(known(stage).reasons) == [1006, 1007, 1008, 1009] and not known(stage).advice_is_old
    stage.propagate()
    assert known(stage).advice_is_old
    stage.press("suggest_frames")
    stage.wait()
    assert not known(stage).advice_is_old


def test_frames_that_were_declared_absent_or_approved_are_no_weak_places(stage):
    stage.propagate()
    stage.press("suggest_frames")
    stage.wait()
    stage.node["on_frames"].setValue("1006-1007")
    stage.press("absent_key")
    assert sorted(known(stage).reasons) == [1008, 1009, 1010]
    stage.node["on_frames"].setValue("1009")
    stage.press("approve")
    stage.wait()
    assert sorted(known(stage).reasons) == [1008, 1010]
    stage.press("take_back")
    stage.wait()
    assert sorted(known(stage).reasons) == [1008, 1009, 1010]


def test_what_is_said_of_one_object_leaves_the_reasons_of_others(start):
    start()
    from xmem_roto_nuke.panel.timeline import reasons_of, without_name

    told = [without_name("sleeve: lost on 5", name) for name in ("sleeve", "", "head", "sle")]
    assert told == ["lost on 5", *3 * ["sleeve: lost on 5"]], "a card has the name above its reason"

    said = {"frame": 5, "reason": "sleeve: lost", "wrong": True, "object": "sleeve"}
    answer = {"suggestions": [said], "object": None, "lost_frames": [7, 8]}
    assert sorted(reasons_of(answer, {"sleeve": (), "head": (5, 7)})) == [5, 7]
    assert sorted(reasons_of(answer, {"sleeve": (5, 7), "head": ()})) == [7], "nobody says which object is lost"
    assert reasons_of(answer, {"sleeve": (5, 7), "head": (7,)}) == {}
    assert sorted(reasons_of({**answer, "object": "sleeve"}, {"sleeve": (7,), "head": ()})) == [5]
    both = {"suggestions": [{**said, "also": ["head"]}], "object": None}
    assert sorted(reasons_of(both, {"sleeve": (5,), "head": (), "body": ()})) == [5], "a key of one mends one"
    assert reasons_of(both, {"sleeve": (5,), "head": (5,), "body": ()}) == {}


def test_objects_without_a_lane_of_their_own_share_the_last(start):
    start()
    from xmem_roto_nuke.panel.timeline import Timeline

    shown = Timeline(1, 9, keyed=dict.fromkeys("abcd", (1,)))
    assert shown.lanes(4) == [["a"], ["b"], ["c"], ["d"]] and shown.lanes(3) == [["a"], ["b"], ["c", "d"]]


def curve(stage, name: str) -> list[int]:
    return [int(frame) for frame in stage.node[name].getKeyList()]


def test_hidden_curves_carry_keyframes_areas_and_sureness_after_a_run(stage):
    stage.nuke.root()["frame"].setValue(1003)
    stage.press("add_key")
    undo = stage.nuke.Undo.undoSize()
    stage.propagate()
    assert stage.nuke.Undo.undoSize() == undo
    assert curve(stage, "keyed_tri") == [1001, 1003]
    assert curve(stage, "sure") == [1001, 1005, 1006, 1007, 1010], "where it bends: at the one bad frame"
    assert (
        curve(stage, "sure_tri") == curve(stage, "sure")
        and stage.node["sure"].getValueAt(1006) == 0.5
        and stage.node["sure"].getValueAt(1008) == pytest.approx(0.9)
    )
    assert stage.node["area_tri"].getValueAt(1004) == pytest.approx(0.02)
    assert not any(stage.node[name].visible() for name in ("keyed_tri", "sure", "area_tri")) and not stage.host.python_errors


def test_nukes_own_jump_to_the_next_key_finds_keyframes_and_dips(stage):
    stage.propagate()
    stage.node.showControlPanel()
    viewer = stage.nuke.createNode("Viewer")
    viewer.setInput(0, stage.node)
    stage.nuke.root()["frame"].setValue(1002)
    stage.nuke.activeViewer().frameControl(2)
    assert here(stage) == 1005
    stage.nuke.activeViewer().frameControl(2)
    assert here(stage) == 1006


def test_curves_of_objects_that_are_gone_go_and_the_others_survive_saving(stage):
    stage.propagate()
    stage.roto["curves"].rootLayer[0].name = "sleeve"
    stage.roto["curves"].changed()
    stage.propagate()
    assert stage.node.knob("keyed_tri") is None and curve(stage, "keyed_sleeve") == [1001]
    stage.host.open(stage.save())
    node = stage.host.node("XMemRoto")
    assert node["area_sleeve"].getValueAt(1004) == pytest.approx(0.02) and not node["area_sleeve"].visible()


def test_a_curve_keeps_the_frames_where_it_bends(start):
    start()
    from xmem_roto_nuke.panel.curves import bends

    assert bends({}) == [] and bends({5: 1.0}) == [5]
    assert bends({frame: frame / 10 for frame in range(11)}) == [0, 10]
    assert bends({**dict.fromkeys(range(20), 1.0), 7: 0.2}) == [0, 6, 7, 8, 19]
