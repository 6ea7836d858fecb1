"""Loading and saving: real gizmos and scripts, the stack, quoting, groups, gizmos, clones."""

from __future__ import annotations

import re

import pytest
from nukesim import ScriptError, classes

STACK = """
Constant { inputs 0 name A }
set NA [stack 0]
Constant { inputs 0 name B }
set NB [stack 0]
Constant { inputs 0 name M }
push $NA
push $NB
Merge2 { inputs 2+1 name Masked }
push 0
push $NB
Merge2 { inputs 2 name OpenA }
Grade { name Below }
push $NA
Grade { inputs 1 name FromA }
"""


def names(node):
    return [node.input(i).name() if node.input(i) else None for i in range(node.inputs())]


def test_inputs_come_off_the_stack_with_input_0_on_top(host):
    import nuke

    nuke.scriptReadText(STACK)
    assert names(host.node("Masked")) == ["B", "A", "M"]
    assert names(host.node("OpenA")) == ["B"]
    assert names(host.node("Below")) == ["OpenA"]
    assert names(host.node("FromA")) == ["A"]


def test_mask_of_a_node_with_one_main_input_is_behind_the_plus(host):
    import nuke

    nuke.scriptReadText("Constant {inputs 0 \n name M}\nConstant {inputs 0\n name X}\nGrade { inputs 1+1\n name G }")
    assert names(host.node("G")) == ["X", "M"]


def test_inputs_0_leaves_the_stack_alone(host):
    import nuke

    nuke.scriptReadText("Constant { inputs 0\n name A }\nset N1 [stack 0]\nRead { inputs 0\n name R }\npush $N1\nGrade { name G }")
    assert host.node("R").inputs() == 0 and names(host.node("G")) == ["A"]


@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.exhaustive)])
def test_every_sample_loads_and_loads_again_from_what_was_saved(host, samples, tmp_path, step):
    checked = 0
    for path in [path for path in sorted(samples.rglob("*")) if path.suffix in (".nk", ".gizmo")][::step]:
        host.open(_empty(tmp_path))
        if path.name == "MrLixm_Write-pass-template.nk":
            path = _filled_template(path, tmp_path)
        if path.suffix == ".gizmo":
            host.load_gizmo(path, unknown="inert")
        else:
            host.open(path, unknown="inert")
        count, text = len(host.all_nodes()), host.script_text()
        assert count > 0, path
        again = tmp_path / "again.nk"
        again.write_text(text, encoding="utf-8", errors="surrogateescape")
        host.startup([path.parent])  # gizmos are saved as one line: their file must be on the path
        host._plugin_path = [str(path.parent)]
        first = host.all_nodes()[0]
        gizmo = path.suffix == ".gizmo" and first._kind.kind == "gizmo"
        # A gizmo of the name of one of Nuke's own classes (Cryptomatte, a gizmo before Nuke 13) loads again as that class.
        if not gizmo or (first._class not in classes.TABLE and (path.parent / (first._class + ".gizmo")).exists()):
            host.open(again, unknown="inert")
            assert len(host.all_nodes()) == count, path.name
            assert _plain(host.script_text()) == _plain(text), path.name
        checked += 1
    assert checked >= 48 // step


def _empty(folder):
    path = folder / "empty.nk"
    path.write_text("version 16.0 v1\n")
    return path


def _filled_template(path, folder):
    """This file is a template of a tool: its %TOKENS% are names and numbers, and the node to clone comes before."""
    text = path.read_text().replace("$%WRITE_CLONE_ID%", "$C1")
    text = re.sub(r"%[A-Z_]+%", "7", text)
    template = folder / "template.nk"
    template.write_text("Write { inputs 0\n name W }\nset C1 [stack 0]\nDot { inputs 0\n name First }\n" + text)
    return template


def _plain(text):
    """Without the script's own name; an array field that was written {1} comes back as 1."""
    return [re.sub(r"\{(-?[\d.]+)\}", r"\1", line) for line in text.splitlines() if not line.startswith(" name /")]


def test_unescaped_brackets_in_quotes_run_at_load(host):
    import nuke

    nuke.scriptReadText('NoOp { inputs 0\n label "[expr 6*7]" \n name Ran }')
    assert host.node("Ran")["label"].value() == "42"
    nuke.scriptReadText('NoOp { inputs 0\n label "\\[expr 6*7]" \n name Kept }')
    assert host.node("Kept")["label"].value() == "[expr 6*7]"


def test_the_classic_bug_of_a_handwritten_gizmo_is_caught(host):
    import nuke

    with pytest.raises(ScriptError, match="thisKnob"):
        nuke.scriptReadText('NoOp { inputs 0\n knobChanged "nuke.thisNode()[nuke.thisKnob()]" }')
    with pytest.raises(ScriptError, match="price"):
        nuke.scriptReadText('NoOp { inputs 0\n label "$price" }')


def test_python_code_survives_save_and_load(host, tmp_path):
    import nuke

    code = 'k = nuke.thisKnob()\nif k.name() == "a":\n\td = {"x": [1, 2], "$": "}{"}\n\tprint("\\n[%s]" % d)  # é'
    node = nuke.createNode("NoOp")
    node["knobChanged"].setValue(code)
    node.addKnob(nuke.PyScript_Knob("go", "Go [now]", code))
    node.addKnob(nuke.String_Knob("text", "t"))
    node["text"].setValue(code)
    nuke.scriptSave(str(tmp_path / "code.nk"))
    host.open(tmp_path / "code.nk")
    node = host.node("NoOp1")
    assert [node["knobChanged"].value(), node["go"].command(), node["text"].value()] == [code] * 3
    assert node["go"].label() == "Go [now]"


def test_unknown_class_and_unknown_knob_are_errors_unless_kept_inert(host, tmp_path):
    import nuke

    with pytest.raises(RuntimeError, match="Nonsense: Unknown command"):
        nuke.createNode("Nonsense")
    script = tmp_path / "foreign.nk"
    script.write_text("Nonsense { inputs 0\n wobble {1 2}\n name N1 }\nGrade { colour_of_magic 8\n name G1 }\n")
    with pytest.raises(ScriptError, match="Nonsense"):
        host.open(script)
    host.open(script, unknown="inert")
    assert host.node("N1").Class() == "Nonsense" and host.node("N1")["wobble"].value() == "1 2"
    with pytest.raises(RuntimeError, match="Nonsense cannot render"):
        host.node("G1").sample("red", 0, 0)


def test_group_is_saved_in_full_and_gizmo_as_a_line(host, tmp_path):
    import nuke

    inside = " Input { inputs 0\n name src }\n Grade { name Grade1\n multiply {{parent.gain}} }\n Output { name Output1 }\n"
    knobs = "addUserKnob {20 User}\n addUserKnob {7 gain R 0 4}\n gain 2\n"
    (tmp_path / "TravelsAlong.gizmo").write_text(f"version 14.0 v1\nGroup {{\n name TravelsAlong\n {knobs}}}\n{inside}end_group\n")
    (tmp_path / "StaysBehind.gizmo").write_text(f"version 14.0 v1\nGizmo {{\n {knobs}}}\n{inside}end_group\n")
    host.startup([tmp_path])
    group, gizmo = nuke.createNode("TravelsAlong"), nuke.createNode("StaysBehind")
    assert (group.Class(), gizmo.Class(), group.name(), gizmo.name()) == ("Group", "StaysBehind", "TravelsAlong", "StaysBehind1")
    assert gizmo.input(0) is group and isinstance(gizmo, nuke.Gizmo)
    gizmo["gain"].setValue(3)
    text = host.script_text()
    assert " Grade {" in text and "end_group" in text
    line = text[text.index("StaysBehind {") :]
    assert "gain 3" in line and "Grade" not in line and "addUserKnob" not in line
    nuke.scriptSave(str(tmp_path / "s.nk"))
    (tmp_path / "TravelsAlong.gizmo").unlink()
    host.open(tmp_path / "s.nk")
    assert host.node("TravelsAlong.Grade1")["multiply"].value() == 2 and host.node("StaysBehind1.Grade1")["multiply"].value() == 3
    (tmp_path / "StaysBehind.gizmo").unlink()
    with pytest.raises(ScriptError, match="StaysBehind: Unknown command"):
        host.open(tmp_path / "s.nk")


def test_links_on_a_group_follow_to_the_inner_knob(host):
    import nuke

    nuke.scriptReadText(
        "Group { inputs 0\n name G\n addUserKnob {20 User}\n addUserKnob {41 size T Blur1.size} }\n"
        " Input { inputs 0\n name i }\n Blur { size 7\n name Blur1 }\n Output { name o }\nend_group"
    )
    group = host.node("G")
    assert group["size"].value() == 7
    group["size"].setValue(9)
    assert host.node("G.Blur1")["size"].value() == 9
    assert isinstance(group.knob("size", follow_link=False), nuke.Link_Knob)


def test_clones_share_their_knobs_and_are_saved_as_clones(host, tmp_path):
    import nuke

    nuke.scriptReadText("Grade { inputs 0\n multiply 3\n name G }\nset C1 [stack 0]\nclone $C1 { xpos 200 }")
    first, second = list(nuke.allNodes("Grade"))
    second["multiply"].setValue(5)
    assert first["multiply"].value() == 5 and first.clones() == 1 and second.xpos() == 200
    nuke.scriptSave(str(tmp_path / "c.nk"))
    assert "clone $C" in (tmp_path / "c.nk").read_text()
    host.open(tmp_path / "c.nk")
    assert [node["multiply"].value() for node in nuke.allNodes("Grade")] == [5, 5]


def test_copy_and_paste_hangs_below_the_selection_under_a_new_name(host):
    import nuke

    constant = nuke.createNode("Constant")
    grade = nuke.createNode("Grade")
    grade["multiply"].setValue(4)
    nuke.nodeCopy("%clipboard%")
    grade["selected"].setValue(False)
    constant["selected"].setValue(True)
    pasted = nuke.nodePaste("%clipboard%")
    assert pasted.name() == "Grade2" and pasted["multiply"].value() == 4
    assert pasted.input(0) is constant and nuke.selectedNodes() == [pasted]


def test_root_and_layers_travel_with_the_script(host, tmp_path):
    import nuke

    nuke.root()["first_frame"].setValue(1001)
    nuke.root()["fps"].setValue(25)
    nuke.addFormat("300 200 0 0 300 200 2 Wide")
    nuke.root()["format"].setValue("Wide")
    nuke.Layer("sleeve", ["sleeve.alpha"])
    nuke.scriptSave(str(tmp_path / "r.nk"))
    assert ' format "300 200 0 0 300 200 2 Wide"' in (tmp_path / "r.nk").read_text(), "whole, as in real scripts"
    host._formats.pop("Wide")  # another session does not know the name
    host.open(tmp_path / "r.nk")
    assert nuke.root().firstFrame() == 1001 and nuke.root().fps() == 25 and "sleeve" in host._layers
    form = nuke.root()["format"].value()
    assert (form.width(), form.height(), form.pixelAspect(), form.name()) == (300, 200, 2.0, "Wide")
    assert nuke.root().name() == str(tmp_path / "r.nk")


def test_every_kind_of_user_knob_comes_back(host, tmp_path):
    import nuke

    node = nuke.createNode("NoOp")
    knobs = {
        "a": (nuke.String_Knob("a", "A b"), 'tex"t'),
        "b": (nuke.File_Knob("b"), "/x/[y].%04d.exr"),
        "c": (nuke.Int_Knob("c"), 7),
        "d": (nuke.Enumeration_Knob("d", "D", ["one", "two words", "three"]), "two words"),
        "e": (nuke.Boolean_Knob("e", "E", True), True),
        "f": (nuke.Double_Knob("f"), 0.25),
        "g": (nuke.XY_Knob("g"), [3.0, -4.5]),
        "h": (nuke.Color_Knob("h"), [0.1, 0.2, 0.3]),
        "i": (nuke.Multiline_Eval_String_Knob("i"), "line\nline"),
        "j": (nuke.Text_Knob("j", "J", "<b>x</b>"), "<b>[y]</b>"),
        "k": (nuke.BBox_Knob("k"), [0.0, 1.0, 2.0, 3.0]),
        "l": (nuke.Int_Knob("l"), 0),
    }
    for knob, value in knobs.values():
        node.addKnob(knob)
        knob.setValue(value)
    node["l"].setFlag(nuke.INVISIBLE)
    node["c"].setFlag(nuke.DISABLED)
    node["f"].setVisible(False)
    nuke.scriptSave(str(tmp_path / "k.nk"))
    host.open(tmp_path / "k.nk")
    node = host.node("NoOp1")
    for name, (knob, value) in knobs.items():
        assert node[name].value() == value, name
        assert type(node[name]) is type(knob)
    assert node["l"].getFlag(nuke.INVISIBLE) and not node["c"].enabled() and not node["f"].visible()
    assert node["d"].values() == ["one", "two words", "three"] and node["a"].label() == "A b"


def test_session_knobs_are_not_saved(host, tmp_path):
    import nuke

    node = nuke.createNode("NoOp")
    knob = nuke.String_Knob("cache")
    knob.setFlag(nuke.DO_NOT_WRITE)
    node.addKnob(knob)
    knob.setValue("heavy")
    nuke.scriptSave(str(tmp_path / "d.nk"))
    assert "heavy" not in (tmp_path / "d.nk").read_text()
    host.open(tmp_path / "d.nk")
    assert host.node("NoOp1")["cache"].value() == ""


def test_animation_and_expressions_come_back(host, tmp_path):
    import nuke

    nuke.scriptReadText('Grade { inputs 0\n multiply {{curve L x1 1 x11 3}}\n add {{"frame > 5 ? 2 : parent.first_frame"}}\n name G }')
    for _ in range(2):
        node = host.node("G")
        assert [node["multiply"].getValueAt(f) for f in (1, 6, 11)] == [1, 2, 3] and node["multiply"].getKeyList() == [1, 11]
        assert [node["add"].getValueAt(f) for f in (5, 6)] == [1, 2] and node["add"].hasExpression()
        nuke.scriptSave(str(tmp_path / "anim.nk"))
        host.open(tmp_path / "anim.nk")


@pytest.mark.parametrize("class_name", classes.GROUPS)
def test_the_inside_of_every_kind_of_group_is_saved(host, tmp_path, class_name):
    import nuke

    group = getattr(nuke.nodes, class_name)(name="Around")
    with group:
        nuke.nodes.Output().setInput(0, nuke.nodes.Grade(inputs=[nuke.nodes.Input()]))
    nuke.nodes.Blur(name="Beside")
    nuke.scriptSaveAs(str(tmp_path / "a.nk"), 1)
    host.open(str(tmp_path / "a.nk"))
    assert host.node("Around.Grade1").input(0).name() == "Input1" and host.node("Beside").parent() is host.root
