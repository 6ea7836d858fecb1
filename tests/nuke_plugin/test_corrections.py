"""Corrections from the panel: shapes keyed where the matte is, mattes approved and taken back, stretches without the object."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.nuke_plugin.conftest import TRIANGLE
from tests.nuke_plugin.stage_steps import choose, let_idle_run, rename

pytestmark = pytest.mark.timeout(300)

MOVED = (
    "{v x3f99999a} {f 0} {n {layer Root {f 0} {t 32 24} {a} {layer L {f 0} {tx 1001 32 24 0 5 -3 0 0 0 30 2 2 1} {a} "
    "{curvegroup tri 512 bezier {{cc {f 8192} {px 1001 {-1 0} {10 10} {1 0} {0 0} {20 10} {0 0} {0 0} {15 18} {0 0}}} idem} "
    "{t 15 12} {a}}}}}"
)


def go(stage, frame: int) -> None:
    stage.nuke.root()["frame"].setValue(frame)


def request(stage, version: str = "") -> dict:
    return json.loads(next(stage.folder.glob(f"mattes/*/{version}request.json")).read_text())


def picture_points(stage, frame: int) -> list:
    """Where the Roto's points are in the picture, as the core reads its text: point, in and out tangent."""
    from xmemcore.curves import read_tree
    from xmemcore.roto.nuke_roto import objects_of

    (obj,) = objects_of([("Roto1", read_tree(stage.roto["curves"].toScript()))])
    return obj.at(frame)[0].points.tolist()


def feather(stage, frame: int):
    from xmemcore.curves import read_tree
    from xmemcore.roto.nuke_roto import objects_of

    (obj,) = objects_of([("Roto1", read_tree(stage.roto["curves"].toScript()))])
    return obj.at(frame)[0].feather


@pytest.mark.parametrize("curves", [None, MOVED], ids=["plain", "in a layer that turns and doubles"])
def test_make_key_here_moves_the_shapes_onto_the_matte_whatever_their_transforms(stage, curves):
    if curves is not None:
        stage.roto["curves"].fromScript(curves)
    stage.propagate()
    go(stage, 1005)
    before = picture_points(stage, 1001)
    stage.press("make_key")
    stage.wait()
    after = picture_points(stage, 1005)
    for old, new in zip(before, after):
        assert new[0] == pytest.approx([old[0][0] + 2, old[0][1] + 1], abs=2e-3), "the core that plays moves by 2 and 1"
        assert new[1] == pytest.approx(old[1], abs=2e-3) and new[2] == pytest.approx(old[2], abs=2e-3)
    assert picture_points(stage, 1001) == before and stage.told == []
    assert feather(stage, 1005) is None, "a feather that nobody drew stays where the shape is"
    assert "tri has a new key on 1005" in stage.status() or "L has a new key on 1005" in stage.status()
    assert "was changed" not in stage.status(), "the other keys are what they were"
    stage.host.undo()
    assert picture_points(stage, 1005) == before, "one step in Undo"


def test_the_in_between_is_a_choice_and_what_comes_where_there_is_no_matte(stage):
    go(stage, 1005)
    stage.press("make_key")
    assert picture_points(stage, 1005) == picture_points(stage, 1001) and not stage.runs
    stage.propagate()
    stage.node["key_by"].setValue("in-between")
    go(stage, 1007)
    stage.press("make_key")
    assert picture_points(stage, 1007) == picture_points(stage, 1001)
    times = stage.roto["curves"].rootLayer[0][0].center.getControlPointKeyTimes()
    assert {1005, 1007} <= {int(time) for time in times}


TWO = TRIANGLE.replace(
    "{curvegroup tri",
    TRIANGLE[TRIANGLE.index("{curvegroup tri") : -2].replace("curvegroup tri", "curvegroup box") + " {curvegroup tri",
)


def key_by_hand(stage, name: str, frame: int, across: float) -> None:
    for point in stage.roto["curves"].toElement(name):
        at = point.center.getPosition(frame)
        point.center.addPositionKey(frame, (at.x + across, at.y))
    stage.roto["curves"].changed()


def first_point(stage, name: str, frame: int) -> tuple:
    at = stage.roto["curves"].toElement(name)[0].center.getPosition(frame)
    return round(at.x, 2), round(at.y, 2)


def test_what_is_drawn_on_a_frame_is_not_moved_onto_its_matte(stage, monkeypatch):
    """The matte there is of a run that did not know the drawing."""
    stage.roto["curves"].fromScript(TWO)
    stage.propagate()
    go(stage, 1005)
    key_by_hand(stage, "tri", 1005, 7)
    stage.press("make_key")
    stage.wait()
    assert first_point(stage, "tri", 1005) == (17, 10) and first_point(stage, "box", 1005) == (12, 11)
    assert "tri counts as keyed on 1005 already" in stage.status() and "could not be moved" not in stage.status()
    stage.press("make_key")
    assert "box, tri count as keyed on 1005 already" in stage.told[-1]
    from xmem_roto_nuke.panel import keys

    whole = keys.key_fitted

    def drawn_meanwhile(node, frame, moved, chosen):
        key_by_hand(stage, "tri", 1007, 7)
        return whole(node, frame, moved, chosen)

    monkeypatch.setattr(keys, "key_fitted", drawn_meanwhile)
    before = first_point(stage, "tri", 1007)
    go(stage, 1007)
    stage.press("make_key")
    stage.wait()
    assert first_point(stage, "tri", 1007) == (before[0] + 7, before[1]) and "tri counts as keyed on 1007 already" in stage.status()


@pytest.mark.parametrize("meaning", ["each shape or layer", "union of all shapes"])
@pytest.mark.parametrize("key_by", ["fit to the matte", "in-between"])
@pytest.mark.parametrize("said", ["remove_key", "absent_key"])
def test_a_frame_counts_once_it_is_keyed_whatever_was_said_of_it_before(stage, said, key_by, meaning):
    stage.node["roto_input"].setValue(meaning)
    stage.node["key_by"].setValue(key_by)
    stage.propagate()
    go(stage, 1005)
    stage.press(said)
    listed = stage.node["keyframes"].value()
    assert "1001,1005" not in listed
    stage.press("make_key")
    stage.wait()
    assert "1001,1005" in stage.node["keyframes"].value() and "not in" not in stage.node["keyframes"].value() and not stage.told
    stage.host.undo()
    stage.press("refresh")
    assert stage.node["keyframes"].value() == listed, "one step in Undo"


def test_an_absence_of_one_object_outlives_a_key_for_all(stage):
    stage.roto["curves"].fromScript(TWO)
    stage.propagate()
    go(stage, 1005)
    stage.node["key_object"].setValue("box")
    stage.press("absent_key")
    stage.node["key_object"].setValue("all")
    stage.press("make_key")
    stage.wait()
    assert "box: 1001; not in 1005" in stage.node["keyframes"].value() and "tri: 1001,1005" in stage.node["keyframes"].value()
    assert "box is said to be absent on 1005 and was left alone" in stage.status()
    stage.node["key_object"].setValue("box")
    stage.press("make_key")
    stage.wait()
    assert "box: 1001,1005<br>" in stage.node["keyframes"].value() + "<br>"


@pytest.mark.parametrize("meaning", ["each shape or layer", "union of all shapes"])
def test_an_absence_is_taken_back_as_a_stretch(stage, meaning):
    stage.node["roto_input"].setValue(meaning)
    name = "tri" if meaning == "each shape or layer" else "roto"
    stage.node["on_frames"].setValue("1003-1008")
    stage.press("absent_key")
    stage.node["on_frames"].setValue("1004-1006")
    stage.press("take_back")
    assert stage.node["keyframes"].value() == f"{name}: 1001; not in 1003,1007-1008" and not stage.told and not stage.runs
    stage.host.undo()
    stage.press("refresh")
    assert stage.node["keyframes"].value() == f"{name}: 1001; not in 1003-1008", "one step in Undo"
    stage.propagate()
    stage.node["on_frames"].setValue("1003-1008")
    stage.press("approve")
    stage.wait()
    stage.press("take_back")
    stage.wait()
    assert stage.node["keyframes"].value() == f"{name}: 1001" and not approved(stage) and not stage.told, "and what is approved there"
    stage.press("take_back")
    stage.wait()
    assert "no mark to take back" in stage.status()


def test_what_may_not_be_taken_back_is_left_whole(stage, monkeypatch):
    """An absence and an approval of the same frames: both go, or none."""
    stage.propagate()
    approve(stage, "1003-1008")
    stage.press("absent_key")
    from xmem_roto_nuke.panel import ownership
    from xmemcore.protocol.failures import RequestError

    def refuses(node):
        raise RequestError("The mattes are another node's.")

    monkeypatch.setattr(ownership, "require_approvable", refuses)
    stage.press("take_back")
    assert "another node's" in stage.told[-1] and stage.node["keyframes"].value() == "tri: 1001; not in 1003-1008"
    assert approved(stage) == {"tri": tuple(range(1003, 1009))}


def test_a_key_that_does_not_count_for_an_alpha_is_said(stage):
    stage.node["roto_input"].setValue("alpha of the input")
    stage.press("add_key")
    go(stage, 1008)
    stage.press("make_key")
    assert "1008 is none of them: press Add current" in stage.status()
    stage.press("add_key")
    stage.press("make_key")
    assert "none of them" not in stage.status()


def test_a_shape_that_is_no_longer_the_same_is_keyed_as_it_stands(stage, monkeypatch):
    stage.propagate()
    from xmem_roto_nuke.panel import keys

    whole = keys.key_fitted

    def shortened(node, frame, moved, chosen):
        return whole(node, frame, [replace(shape, points=shape.points[:-1]) for shape in moved], chosen)

    monkeypatch.setattr(keys, "key_fitted", shortened)
    go(stage, 1005)
    stage.press("make_key")
    stage.wait()
    assert picture_points(stage, 1005) == picture_points(stage, 1001) and "could not be moved" in stage.status()


def test_a_shape_that_was_drawn_on_top_meanwhile_does_not_take_anothers_place(stage, monkeypatch):
    """It has as many points, and stands where the other one stood when the core began."""
    stage.propagate()
    from xmem_roto_nuke.panel import keys

    whole = keys.key_fitted

    def drawn_meanwhile(node, frame, moved, chosen):
        text = stage.roto["curves"].toScript()
        shape = text[text.index("{curvegroup tri") :].rstrip("}") + "}}"
        stage.roto["curves"].fromScript(
            text.replace("{curvegroup tri", shape.replace("curvegroup tri", "curvegroup new") + " {curvegroup tri")
        )
        node["key_object"].setValues(["all", "new"])
        node["key_object"].setValue("new")
        return whole(node, frame, moved, chosen)

    monkeypatch.setattr(keys, "key_fitted", drawn_meanwhile)
    go(stage, 1005)
    stage.press("make_key")
    stage.wait()

    def point(shape) -> tuple:
        position = shape[0].center.getPosition(1005)
        return round(position.x, 2), round(position.y, 2)

    assert {shape.name: point(shape) for shape in stage.roto["curves"].rootLayer} == {"new": (10, 10), "tri": (12, 11)}
    assert "could not be moved onto the matte: new." in stage.status()


def test_two_rotos_of_one_name_in_a_chain_out_of_a_group_are_keyed_each_by_its_own_matte(stage):
    nuke = stage.nuke
    group = nuke.nodes.Group()
    with group:
        plate, outer = nuke.nodes.Input(number=0), nuke.nodes.Input(number=1)
        inner = nuke.nodes.Roto(name=stage.roto.name(), inputs=[outer])
        inner["curves"].fromScript(TRIANGLE.replace("tri", "hat").replace("{10 10}", "{4 4}").replace("{40 10}", "{20 4}"))
        node = nuke.createNode("XMemRoto")
        node.setInput(0, plate)
        node.setInput(1, inner)
        nuke.nodes.Output(inputs=[node])
    group.setInput(0, stage.plate)
    group.setInput(1, stage.roto)
    assert inner.name() == stage.roto.name()
    stage.propagate(node)
    assert "hat: 1001" in node["keyframes"].value() and "tri: 1001" in node["keyframes"].value(), node["keyframes"].value()
    go(stage, 1005)
    stage.press("make_key", node)
    stage.wait()
    for roto in (stage.roto, inner):
        first = roto["curves"].rootLayer[0][0].center
        before, after = first.getPosition(1001), first.getPosition(1005)
        assert after.x - before.x == pytest.approx(2, abs=2e-3), "and not where the other Roto's shape goes"
        assert after.y - before.y == pytest.approx(1, abs=2e-3)
    assert stage.told == [] and "has a new key on 1005" in stage.status(node)


def test_approved_mattes_go_with_the_next_run_and_show_in_the_strip(stage):
    stage.propagate()
    assert request(stage)["approved"] is None
    stage.node["on_frames"].setValue("1003-1005")
    stage.press("approve")
    stage.wait()
    from xmem_roto_nuke.panel import timeline

    shown = timeline.of_node(stage.node["node_id"].value())
    assert shown.approved == {"tri": (1003, 1004, 1005)} and "3 approved" in shown.sentence()
    assert "approved mattes" in stage.status(), "what counts as an annotation makes the others stale"
    stage.propagate()
    assert request(stage)["approved"].endswith("/approved") and "Up to date" in stage.status()
    stage.press("take_back")
    stage.wait()
    assert timeline.of_node(stage.node["node_id"].value()).approved == {}
    stage.propagate()
    assert request(stage)["approved"] is None and stage.told == []


def approved(stage, node=None):
    from xmem_roto_nuke.panel import timeline

    stage.press("refresh", node)
    return timeline.of_node((node or stage.node)["node_id"].value()).approved


def approve(stage, frames, button="approve", node=None):
    (node or stage.node)["on_frames"].setValue(frames)
    stage.press(button, node)
    stage.wait()


def test_a_new_version_keeps_what_was_approved_and_has_copies_of_its_own(stage):
    stage.propagate()
    approve(stage, "1003-1005")
    stage.propagate()
    stage.press("version_up")
    assert "approved mattes" not in stage.status() and approved(stage) == {"tri": (1003, 1004, 1005)}
    stage.propagate()
    first, second = sorted(stage.folder.glob("mattes/**/approved"), key=lambda folder: len(folder.parts))
    assert second.parent.name == "v002" and request(stage, "v002/")["approved"] == str(second)
    assert "Up to date" in stage.status() and approved(stage) == {"tri": (1003, 1004, 1005)}
    approve(stage, "1004", "take_back")
    assert approved(stage) == {"tri": (1003, 1005)} and len(list(first.iterdir())) == 3, "the former version keeps its own"
    choose(stage, "v001")
    assert approved(stage) == {"tri": (1003, 1004, 1005)} and "approved mattes" not in stage.status()


def test_what_is_approved_before_the_first_run_of_a_version_lies_beside_that_version(stage):
    stage.propagate()
    approve(stage, "1003")
    stage.press("version_up")
    approve(stage, "1007")
    assert [len(list(folder.iterdir())) for folder in sorted(stage.folder.glob("mattes/**/approved"), key=str)] == [1, 2]
    assert approved(stage) == {"tri": (1003, 1007)}
    approve(stage, "1003,1007", "take_back")
    assert approved(stage) == {}, "and not those of the former version again"
    stage.propagate()
    assert request(stage, "v002/")["approved"] is None and stage.told == []


def test_a_pasted_node_approves_for_itself_and_never_takes_over_what_anothers_shot_has_approved(stage):
    stage.propagate()
    approve(stage, "1003")
    twin = stage.copied(stage.node)
    twin.setInput(0, stage.plate)
    twin.setInput(1, stage.roto)
    assert approved(stage, twin) == {}
    approve(stage, "1008", node=twin)
    assert approved(stage, twin) == {"tri": (1008,)} and approved(stage) == {"tri": (1003,)}
    assert "Up to date" not in stage.status(), "1003 was approved after the run"


def approved_curve(stage, node=None):
    knob = (node or stage.node).knob("approved_tri")
    return None if knob is None else [int(frame) for frame in knob.getKeyList()]


def test_a_renamed_shape_takes_what_was_approved_along(stage):
    stage.propagate()
    approve(stage, "1003-1005")
    stage.propagate()
    rename(stage, 0, "hand")
    assert approved(stage) == {"hand": (1003, 1004, 1005)}
    assert "What you approved of tri on 1003-1005 counts for hand, which has taken its place" in stage.status()
    stage.press("suggest_frames")
    stage.wait()
    assert "Propagate first, for a suggestion that counts what you approved of tri, which is hand now." in stage.status()
    from xmem_roto_nuke import export

    export.export(stage.node, stage.folder / "job", False)
    stage.wait()
    assert "What you approved of tri does not count in this job, since it is called hand now" in stage.status()
    stage.node["key_object"].setValue("hand")
    approve(stage, "1004", "take_back")
    approve(stage, "1007")
    assert approved(stage) == {"hand": (1003, 1005, 1007)}, "the mattes still have the former layer"
    rename(stage, 0, "tri")
    assert approved(stage) == {"tri": (1003, 1005, 1007)} and "counts for" not in stage.status()
    rename(stage, 0, "hand")
    stage.propagate()
    assert request(stage)["approved"] and approved(stage) == {"hand": (1003, 1005, 1007)} and "Up to date" in stage.status()
    from xmemcore.protocol.matte_header import approved_in

    copies = sorted(stage.folder.glob("mattes/*/approved/*.exr"))
    assert [approved_in(copy) for copy in copies] == [(1003, ("hand",)), (1005, ("hand",)), (1007, ("hand",))] and stage.told == []


def test_approved_mattes_of_a_shape_that_is_gone_are_named_and_given_to_nobody(stage):
    stage.roto["curves"].fromScript(TWO)
    stage.propagate()
    approve(stage, "1003-1005")
    rename(stage, 0, "left")
    rename(stage, 1, "right")
    assert approved(stage) == {}
    for name in ("box", "tri"):
        assert f"What you approved of {name} on 1003-1005 does not count, since the roto has no {name} any more" in stage.status()
    rename(stage, 0, "box")
    assert approved(stage) == {"box": (1003, 1004, 1005), "right": (1003, 1004, 1005)}, "one alone can be told"
    key_by_hand(stage, "right", 1009, 3)
    assert "counts for right" in stage.status(), "and has a key more"
    rename(stage, 1, "tri")
    approve(stage, "1003-1005", "take_back")
    assert approved(stage) == {} and "What you approved" not in stage.status() and stage.told == []


def test_what_is_said_of_approved_frames_tells_what_becomes_of_them(stage):
    stage.propagate()
    approve(stage, "1004-1006")
    stage.node["on_frames"].setValue("")
    go(stage, 1004)
    stage.press("remove_key")
    assert "What you approved of tri on 1004 stays, and counts as before: Take back undoes that." in stage.status()
    stage.press("refresh")
    assert "What you approved" not in stage.status(), "said once"
    go(stage, 1005)
    stage.press("add_key")
    assert "on 1005 does not count any more, since the shape as it is drawn counts there" in stage.status()
    stage.node["key_by"].setValue("in-between")
    go(stage, 1006)
    stage.press("make_key")
    assert "on 1006 does not count any more, since the shape as it is drawn" in stage.status()
    stage.node["on_frames"].setValue("1003-1004")
    stage.press("absent_key")
    assert "on 1004 does not count any more, since the object is said to be absent there" in stage.status()
    stage.press("approve")
    stage.wait()
    assert "tri is said to be absent on 1003-1004, which counts more than an approved matte" in stage.status()
    go(stage, 1008)
    stage.press("remove_key")
    assert "What you approved" not in stage.status()


def test_what_is_approved_of_an_alpha_is_that_of_its_one_object(stage):
    """The core calls its layer otherwise than the panel calls the object."""
    stage.node["roto_input"].setValue("alpha of the input")
    stage.press("add_key")
    stage.propagate()
    stage.node["key_object"].setValue("roto")
    approve(stage, "1006-1007")
    assert approved(stage) == {"roto": (1006, 1007)} and not stage.told and "does not count" not in stage.status()
    approve(stage, "1006-1007", "take_back")
    assert approved(stage) == {} and not stage.told


def test_a_hidden_curve_has_a_key_on_each_approved_frame_until_it_is_taken_back(stage):
    stage.propagate()
    undo = stage.nuke.Undo.undoSize()
    approve(stage, "1003-1005,1008")
    assert approved_curve(stage) == [1003, 1004, 1005, 1008] and not stage.node["approved_tri"].visible()
    assert "Up to date" not in stage.status() and stage.nuke.Undo.undoSize() <= undo + 1, "the artist's range alone is in Undo"
    stage.propagate()
    assert approved_curve(stage) == [1003, 1004, 1005, 1008] and "Up to date" in stage.status()
    stage.node.showControlPanel()
    viewer = stage.nuke.createNode("Viewer")
    viewer.setInput(0, stage.node)
    stage.nuke.root()["frame"].setValue(1007)
    stage.nuke.activeViewer().frameControl(2)
    assert int(stage.nuke.root()["frame"].value()) == 1008, "Nuke's own jump finds it"
    approve(stage, "1004", "take_back")
    assert approved_curve(stage) == [1003, 1005, 1008]
    approve(stage, "1003-1008", "take_back")
    assert approved_curve(stage) is None and stage.told == [] and not stage.host.python_errors


def test_the_curve_of_approved_frames_is_that_of_the_version_that_shows_and_of_the_node_itself(stage):
    stage.propagate()
    approve(stage, "1003")
    stage.press("version_up")
    stage.propagate()
    approve(stage, "1007")
    assert approved_curve(stage) == [1003, 1007]
    choose(stage, "v001")
    assert approved_curve(stage) == [1003]
    choose(stage, "v002")
    assert approved_curve(stage) == [1003, 1007]
    twin = stage.copied(stage.node)
    twin.setInput(0, stage.plate)
    twin.setInput(1, stage.roto)
    stage.press("refresh", twin)
    assert approved_curve(stage, twin) is None and approved_curve(stage) == [1003, 1007]
    name = stage.node.name()
    stage.host.open(stage.save())
    opened = stage.host.node(name)
    assert approved_curve(stage, opened) == [1003, 1007] and not opened["approved_tri"].visible()
    stage.press("refresh", opened)
    assert approved_curve(stage, opened) == [1003, 1007] and stage.told == []


def test_copies_that_cannot_be_taken_along_stop_the_run_and_leave_none(stage, monkeypatch):
    from xmem_roto_nuke.handover import approvals

    stage.propagate()
    approve(stage, "1003-1004")
    stage.press("version_up")
    monkeypatch.setattr(approvals.shutil, "copystat", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    stage.propagate()
    assert "was not written: No space left on device" in stage.told[-1]
    assert len(list(stage.folder.glob("mattes/**/approved"))) == 1 and approved(stage) == {"tri": (1003, 1004)}


def test_approving_says_when_there_is_nothing_to_approve(stage):
    stage.press("approve")
    assert "Propagate first" in stage.told[-1]
    stage.propagate()
    stage.node["on_frames"].setValue("2001")
    stage.press("approve")
    stage.wait()
    assert "There is no matte" in stage.told[-1]
    stage.node["on_frames"].setValue("soon")
    stage.press("approve")
    assert "no frame range" in stage.told[-1]


def test_a_stretch_without_the_object_goes_to_the_core_as_a_range(stage):
    stage.node["on_frames"].setValue("1005-1008")
    stage.press("absent_key")
    assert "tri: 1001; not in 1005-1008" in stage.node["keyframes"].value()
    stage.propagate()
    assert request(stage)["absent"] == ["tri:1005-1008"]
    roto = json.loads(open(request(stage)["roto"]).read())
    assert roto["keyframes"] == {"tri": [1001]} and roto["absent"] == {}
    stage.node["on_frames"].setValue("")
    go(stage, 1006)
    stage.press("remove_key")
    stage.propagate()
    assert request(stage)["absent"] == ["tri:1005,1007-1008"]


def test_the_status_tells_an_absence_from_a_key(stage):
    stage.propagate()
    stage.node["on_frames"].setValue("1006-1007")
    stage.press("absent_key")
    assert "tri is now said to be absent on 1006, 1007." in stage.status() and "new key" not in stage.status()
    stage.propagate()
    stage.node["on_frames"].setValue("")
    go(stage, 1007)
    stage.press("remove_key")
    assert "tri is no longer said to be absent on 1007." in stage.status() and "lost its key" not in stage.status()
    go(stage, 1001)
    stage.press("absent_key")
    assert "tri is now said to be absent on 1001." in stage.status() and "was changed" not in stage.status()


def test_frames_that_the_plate_has_not_got_cannot_be_annotated(stage):
    for button in ("absent_key", "add_key"):
        go(stage, 2000)
        stage.press(button)
        assert "has the frames 1001-1010, and not 2000. Choose frames of the plate." in stage.told[-1]
    assert stage.node["key_edits"].value() == ""
    stage.node["on_frames"].setValue("1009-1100")
    stage.press("absent_key")
    assert stage.node["keyframes"].value() == "tri: 1001; not in 1009-1010", "to the plate's end"
    stage.propagate()
    assert len(stage.told) == 2 and "Up to date" in stage.status()


def slips(stage):
    """Name buttons that will be refused, with a part of what they say."""
    stage.node["on_frames"].setValue("1050-1051")
    yield "approve", "no matte"
    yield "take_back", "no mark"
    stage.node["on_frames"].setValue("")
    stage.node["suggest_count"].setValue(0)
    yield "suggest_frames", "suggest"
    stage.node["publish"].setValue("/proc/no/such/place/m.%04d.exr")
    yield "copy_mattes", "/proc/no/such/place"


def test_a_slip_at_a_button_is_said_and_is_no_failed_run(stage):
    stage.propagate()
    for told, (button, says) in enumerate(slips(stage), 1):
        stage.press(button)
        stage.wait()
        assert len(stage.told) == told and says in stage.told[-1], button
        assert "Up to date" in stage.status() and "Failed" not in stage.status(), button
        assert "failed" not in stage.host.label(stage.node), button
    stage.grade["multiply"].setValue(0.4)
    let_idle_run(stage)
    assert "Stale" in stage.status(), "idle moments look on"
