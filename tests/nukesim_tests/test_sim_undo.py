"""Undo, and the ten nodes of Non-commercial (NUKE_MEASURED 1 and 4)."""

from __future__ import annotations

import nukesim
import pytest


def test_knob_changes_go_back_and_forth(host):
    import nuke

    blur = nuke.createNode("Blur")
    host.user_edit(blur["size"], 3)
    host.user_edit(blur["size"], 8)
    host.undo()
    assert blur["size"].value() == 3
    host.undo()
    assert blur["size"].value() == 0
    host.redo()
    host.redo()
    assert blur["size"].value() == 8


def test_what_python_does_is_in_no_step_outside_of_begin_and_end(host):
    import nuke

    blur = nuke.createNode("Blur")
    host.user_edit(blur["size"], 3)
    blur["size"].setValue(8)
    blur.setInput(0, nuke.nodes.Constant())
    host.undo()  # takes back the step before
    assert blur["size"].value() == 0 and blur.input(0) is not None


def test_undo_does_nothing_without_an_interface(terminal):
    import nuke

    with nuke.Undo("step"):
        blur = nuke.createNode("Blur")
        blur["size"].setValue(3)
    nuke.undo()
    assert blur["size"].value() == 3


def test_begin_and_end_make_one_step(host):
    import nuke

    blur = nuke.createNode("Blur")
    with nuke.Undo("two things"):
        blur["size"].setValue(3)
        nuke.Undo.begin()
        blur["label"].setValue("x")
        nuke.Undo.end()
        blur["mix"].setValue(0.5)
    nuke.undo()
    assert (blur["size"].value(), blur["label"].value(), blur["mix"].value()) == (0, "", 1)
    with pytest.raises(RuntimeError):
        nuke.Undo.end()


def test_disabled_undo_keeps_nothing_and_counts(host):
    import nuke

    blur = nuke.createNode("Blur")
    before = nuke.Undo.undoSize()
    nuke.Undo.disable()
    nuke.Undo.disable()
    write = nuke.nodes.Write()
    write.setInput(0, blur)
    nuke.delete(write)
    nuke.Undo.enable()
    blur["size"].setValue(9)
    assert nuke.Undo.disabled()
    nuke.Undo.enable()
    assert not nuke.Undo.disabled() and nuke.Undo.undoSize() == before
    with pytest.raises(RuntimeError):
        nuke.Undo.enable()


def test_a_deleted_group_comes_back_with_its_id_under_new_objects(host):
    import nuke

    created = []
    nuke.addOnCreate(lambda: created.append(nuke.thisNode().fullName()))
    above = nuke.createNode("Constant")
    group = nuke.createNode("Group")
    with group:
        nuke.nodes.Input()
        nuke.nodes.Output()
    group.setInput(0, above)
    below = nuke.createNode("Blur")
    below.setInput(0, group)
    group.addKnob(nuke.String_Knob("uuid"))
    group["uuid"].setValue("1234")
    with nuke.Undo("delete"):
        nuke.delete(group)
    assert nuke.toNode("Group1") is None and below.input(0) is above
    created.clear()
    host.undo()
    back = nuke.toNode("Group1")
    assert back is not group and back["uuid"].value() == "1234" and below.input(0) is back and back.input(0) is above
    assert [node.name() for node in back.nodes()] == ["Input1", "Output1"] and created == ["Group1.Output1", "Group1.Input1", "Group1"]
    with pytest.raises(ValueError):
        group.name()
    host.redo()
    assert nuke.toNode("Group1") is None
    host.undo()
    assert nuke.toNode("Group1")["uuid"].value() == "1234"


def test_undo_of_a_creation_destroys_it(host):
    import nuke

    gone = []
    nuke.addOnDestroy(lambda: gone.append(nuke.thisNode().name()))
    with nuke.Undo("create"):
        node = nuke.createNode("NoOp")
    host.undo()
    assert gone == ["NoOp1"] and nuke.toNode("NoOp1") is None
    host.redo()
    assert nuke.toNode("NoOp1") is not node


def test_added_knobs_and_connections_are_undone(host):
    import nuke

    first, second = nuke.nodes.NoOp(), nuke.nodes.NoOp()
    with nuke.Undo("connect"):
        second.setInput(0, first)
    host.undo()
    assert second.input(0) is None
    with nuke.Undo("add"):
        second.addKnob(nuke.Int_Knob("number"))
    host.undo()
    assert second.knob("number") is None


def test_non_commercial_hands_out_ten_node_objects_and_then_none():
    with nukesim.start(nc=True, hostile=False) as host:
        import nuke

        nodes = [nuke.nodes.NoOp() for _ in range(8)]
        assert nuke.env["nc"] and host.nodes_obtained == 8
        assert nuke.toNode("NoOp1") is nodes[0]  # held already, and costs one more
        nuke.delete(nodes[1])  # gives none back
        assert nuke.toNode("NoOp3") is nodes[2] and host.nodes_obtained == 10
        nuke.root()
        assert (nuke.toNode("NoOp1"), nuke.nodes.NoOp(), nuke.createNode("Blur"), nodes[0].input(0)) == (None,) * 4
        assert nuke.allNodes() == [] and nuke.tcl("value root.first_frame") == "1"
        nuke.scriptClear()
        assert nuke.nodes.NoOp().name() == "NoOp1"
        with pytest.raises(ValueError):
            nodes[0].name()
    with nukesim.start(nc=True, hostile=True) as host:
        import nuke

        assert [nuke.root() is None for _ in range(11)] == [False] * 10 + [True]
