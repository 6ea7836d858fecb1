"""Knobs, contexts and callbacks."""

from __future__ import annotations

import nukesim
import pytest
from nukesim import SimError


def test_missing_knob_is_a_name_error_and_knob_is_none(host):
    import nuke

    node = nuke.createNode("NoOp")
    with pytest.raises(NameError, match="nothing_here"):
        node["nothing_here"]
    assert node.knob("nothing_here") is None


@pytest.mark.parametrize("knob, bad", [("label", 3), ("xpos", "a"), ("bookmark", "yes"), ("note_font", None)])
def test_wrong_types_are_type_errors(host, knob, bad):
    import nuke

    with pytest.raises(TypeError):
        nuke.createNode("NoOp")[knob].setValue(bad)


def test_enumeration_takes_names_labels_and_numbers_but_nothing_else(host):
    import nuke

    copy = nuke.createNode("Copy")
    copy["bbox"].setValue("B")
    assert copy["bbox"].value() == "B" and copy["bbox"].getValue() == 1
    copy["bbox"].setValue("A side")
    assert copy["bbox"].value() == "A"
    with pytest.raises(TypeError):
        copy["bbox"].setValue("nothing")
    copy["bbox"].setValues(["union", "other"])
    assert copy["bbox"].value() == "union" and copy["bbox"].values() == ["union", "other"]


def test_file_knob_is_text_until_it_is_evaluated(host, tmp_path):
    import nuke

    nuke.scriptSave(str(tmp_path / "shot.nk"))
    write = nuke.createNode("Write")
    write["file"].setValue("[file dirname [value root.name]]/cache/x.%04d.exr")
    assert write["file"].value() == "[file dirname [value root.name]]/cache/x.%04d.exr"
    assert write["file"].evaluate(7) == str(tmp_path) + "/cache/x.0007.exr"
    assert nuke.filename(write) == str(tmp_path) + "/cache/x.%04d.exr", "commands are expanded, the frame number is not"
    nuke.frame(12)
    assert nuke.filename(write, nuke.REPLACE) == str(tmp_path) + "/cache/x.0012.exr"
    write["file"].setValue("/a/#####.%V.exr")
    assert write["file"].evaluate(-3) == "/a/-0003.main.exr"


def test_write_grows_its_file_types_knobs_only_when_it_has_a_type(host):
    import nuke

    write = nuke.createNode("Write")
    with pytest.raises(NameError):
        write["datatype"]
    write["file"].setValue("/a/b.%04d.exr")
    write["datatype"].setValue("32 bit float")
    write["file_type"].setValue("png")
    with pytest.raises(NameError):
        write["compression"]
    assert write["datatype"].value() == "8 bit"


def test_expressions_reach_parents_inputs_fields_and_tcl(host):
    import nuke

    nuke.scriptReadText("""
Constant { inputs 0
 format "300 200 0 0 300 200 1 X"
 name C }
Group { name G
 addUserKnob {20 User}
 addUserKnob {7 gain}
 gain 3
 addUserKnob {12 where}
 where {5 6} }
 Input { inputs 0
 name i }
 Grade { name Inside
 multiply {{parent.gain*2}}
 add {{parent.where.y+where_is.x}}
 gamma {{"\\[value parent.gain] > 2 ? frame : 0"}}
 addUserKnob {20 User}
 addUserKnob {12 where_is}
 where_is {1 2} }
 Output { name o }
end_group
Crop { box {0 0 {input.width/2} {input.height-frame}}
 name K }""")
    inside, crop = host.node("G.Inside"), host.node("K")
    assert inside["multiply"].value() == 6 and inside["add"].value() == 7
    nuke.frame(10)
    assert inside["gamma"].value() == 10
    assert crop["box"].value() == [0, 0, 150, 190]
    assert host.node("G") in inside.dependencies(nuke.EXPRESSIONS)


def test_add_remove_and_rename_user_knobs(host):
    import nuke

    node = nuke.createNode("NoOp")
    knob = nuke.String_Knob("state", "state", "old")
    node.addKnob(knob)
    assert node["state"].value() == "old" and node["User"].Class() == "Tab_Knob"
    with pytest.raises(RuntimeError):
        node.addKnob(knob)
    with pytest.raises(RuntimeError):
        node.addKnob(nuke.Int_Knob("state"))
    node.removeKnob(knob)
    assert node.knob("state") is None
    with pytest.raises(ValueError):
        node.removeKnob(knob)


def test_buttons_run_with_their_node_and_inside_their_group(host):
    import nuke

    group = nuke.createNode("Group")
    group.addKnob(
        nuke.PyScript_Knob(
            "go", "Go", "seen = (nuke.thisNode().name(), nuke.thisKnob().name(), nuke.thisGroup().name())\nnuke.createNode('Blur')"
        )
    )
    host.press(group, "go")
    assert host.main_module.seen == ("Group1", "go", "Group1")
    assert [node.name() for node in group.nodes()] == ["Blur1"] and nuke.toNode("Blur1") is None
    assert nuke.toNode("Group1.Blur1").fullName() == "Group1.Blur1" and nuke.thisNode() is nuke.root()


def test_grey_and_hidden_buttons_cannot_be_pressed(host):
    import nuke

    node = nuke.createNode("NoOp")
    node.addKnob(nuke.PyScript_Knob("go", "Go", "pass"))
    node["go"].setFlag(nuke.DISABLED)
    with pytest.raises(SimError):
        host.press(node, "go")


def test_knob_changed_is_for_users_with_an_open_panel(host):
    import nuke

    seen = []
    nuke.addKnobChanged(lambda: seen.append(nuke.thisKnob().name()), nodeClass="Blur")
    blur = nuke.createNode("Blur", inpanel=False)
    blur["size"].setValue(3)
    assert seen == []
    with pytest.raises(SimError):
        host.user_edit(blur["size"], 4)
    blur.showControlPanel()
    assert seen == ["showPanel"]
    blur["size"].setValue(5)
    host.user_edit(blur["size"], 6)
    assert seen == ["showPanel", "size"] and blur["size"].value() == 6
    blur.setInput(0, nuke.nodes.Constant())
    blur.hideControlPanel()
    assert seen == ["showPanel", "size", "inputChange", "hidePanel"]


def test_from_17_1_knob_changed_follows_every_change_but_not_itself():
    with nukesim.start(version=(17, 1)) as host:
        import nuke

        node = nuke.createNode("NoOp", inpanel=False)
        node["knobChanged"].setValue("log.append(nuke.thisKnob().name())\nnuke.thisNode()['label'].setValue(str(len(log)))")
        host.main_module.log = []
        node["xpos"].setValue(50)
        assert host.main_module.log[-1] == "xpos" and "label" not in host.main_module.log
        assert nuke.NUKE_VERSION_MAJOR == 17 and nuke.NUKE_VERSION_MINOR == 1


def test_create_callbacks_come_in_nukes_order(host, tmp_path):
    import nuke

    log = []
    nuke.addOnUserCreate(lambda: log.append("user " + nuke.thisNode().name()), nodeClass="Tool")
    nuke.addOnUserCreate(lambda: log.append("user " + nuke.thisNode().name()), nodeClass="Group")
    nuke.addOnCreate(lambda: log.append("* " + nuke.thisNode().name()))
    nuke.addOnCreate(lambda: log.append("Group " + nuke.thisNode().name()), nodeClass="Group")
    host.main_module.log = log
    (tmp_path / "Tool.gizmo").write_text(
        "Group {\n name Tool\n onCreate \"log.append('knob ' + nuke.thisNode().name())\"\n}\n"
        " NoOp {\n inputs 0\n name In\n }\n Output {\n name Out\n }\nend_group\n"
    )
    host.startup([tmp_path])
    nuke.createNode("Tool")
    assert log == ["* In", "* Out", "user Tool", "knob Tool", "Group Tool", "* Tool"]
    nuke.scriptSave(str(tmp_path / "t.nk"))
    log.clear()
    host.open(tmp_path / "t.nk")
    assert log == ["* In", "* Out", "knob Tool", "Group Tool", "* Tool", "* " + nuke.root().name()]


def test_errors_in_callbacks_are_shown_and_do_not_stop_nuke(host):
    import nuke

    nuke.addOnCreate(lambda: 1 / 0)
    assert nuke.createNode("NoOp").name() == "NoOp1"
    assert isinstance(host.python_errors[0], ZeroDivisionError)


def test_custom_knob_has_its_object_only_while_the_panel_is_open(host):
    import nuke

    class Strip:
        updates = 0

        def makeUI(self):
            return "widget"

        def updateValue(self):
            Strip.updates += 1

    host.main_module.Strip = Strip
    node = nuke.createNode("NoOp", inpanel=False)
    node.addKnob(nuke.PyCustom_Knob("strip", "", "Strip()"))
    node.addKnob(nuke.PyCustom_Knob("broken", "", "missing_name.Panel()"))
    assert node["strip"].getObject() is None
    node.showControlPanel()
    assert isinstance(node["strip"].getObject(), Strip) and host.widget(node, "strip") == "widget" and Strip.updates == 1
    assert isinstance(host.python_errors[0], NameError) and node["broken"].getObject() is None
    node.hideControlPanel()
    assert node["strip"].getObject() is None and host.widget(node, "strip") is None


def test_autolabel_and_update_ui(host):
    import nuke

    node = nuke.createNode("NoOp")
    node["label"].setValue("x [value xpos]")
    assert host.label(node) == "NoOp1\nx 0"
    nuke.addAutolabel(lambda: None)
    nuke.addAutolabel(lambda: "first", nodeClass="NoOp")
    assert host.label(node) == "NoOp1\nx 0"  # Nuke asks on few events: here, at the first change of frame since
    nuke.frame(2)
    assert host.label(node) == "first"
    node["autolabel"].setValue("nuke.thisNode()['name'].value() + '!'")
    assert host.label(node) == "NoOp1!"
    node["updateUI"].setValue("seen.append(nuke.thisNode().name())")
    host.main_module.seen = seen = []
    host.pump()
    seen.clear()
    node["xpos"].setValue(9)
    assert seen == []
    host.pump()
    assert seen == ["NoOp1"]


def test_startup_runs_init_backwards_then_menu_with_an_interface_only(tmp_path):
    for name in ("a", "b", "b/inner"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "init.py").write_text(
            "import nuke\nlog.append('init {}')\n{}".format(name, "nuke.pluginAddPath('./inner')\n" if name == "b" else "")
        )
        (tmp_path / name / "menu.py").write_text(
            f"log.append('menu {name}')\nnuke.menu('Nuke').addMenu('T').addCommand('{name}', 'log.append(\"ran\")')\n"
        )
    for gui in (True, False):
        with nukesim.start(gui=gui) as host:
            import nuke

            host.main_module.log = log = []
            host.startup([tmp_path / "a", tmp_path / "b"])
            assert log[:3] == ["init b", "init b/inner", "init a"] and gui == nuke.GUI
            assert sorted(log[3:]) == (["menu a", "menu b", "menu b/inner"] if gui else [])
            assert host.plugin_path[0] == str(tmp_path / "b" / "inner")
            if gui:
                host.click("T/a")
                assert log[-1] == "ran" and nuke.menu("Nuke").findItem("T/none") is None
            else:
                assert nuke.menu("Nuke") is None


def test_deleted_nodes_are_dead(host):
    import nuke

    above, node, below = nuke.createNode("Constant"), nuke.createNode("Grade"), nuke.createNode("Blur")
    knob = node["multiply"]
    nuke.delete(node)
    for use in (node.name, lambda: node["multiply"], lambda: knob.setValue(3), lambda: nuke.delete(node)):
        with pytest.raises(ValueError, match="not attached"):
            use()
    assert below.input(0) is above


def test_names_are_unique_in_their_group(host):
    import nuke

    first, second = nuke.createNode("NoOp"), nuke.createNode("NoOp")
    second.setName("NoOp1")
    assert (first.name(), second.name()) == ("NoOp1", "NoOp2")
    second.setName("Better")
    first["name"].setValue("Better")
    assert first.name() == "Better1"
    assert nuke.toNode("Better") is second and nuke.toNode("NoOp2") is None
    with pytest.raises(ValueError):
        second.setName("two words")


def test_a_circle_cannot_be_connected(host):
    import nuke

    first, second = nuke.createNode("NoOp"), nuke.createNode("NoOp")
    assert not first.setInput(0, second) and not first.setInput(0, first) and not second.setInput(5, first)


def test_viewer_and_time(host):
    import nuke

    assert nuke.activeViewer() is None
    constant = nuke.createNode("Constant")
    nuke.connectViewer(0, constant)
    viewer = nuke.activeViewer()
    nuke.root()["last_frame"].setValue(50)
    viewer.frameControl(6)
    viewer.frameControl(-1)
    assert nuke.frame() == 49 and viewer.node().input(0) is constant
    nuke.root()["frame"].setValue(20)
    assert nuke.frame() == 20


def test_what_is_told_is_kept(host):
    import nuke

    nuke.message("done")
    assert host.messages == [("message", "done")]
