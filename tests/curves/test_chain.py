"""Rotos one above the other, in a script."""

from __future__ import annotations

import pytest

from tests.roto.made_roto import curves, script, square
from xmemcore.curves.script import read_script
from xmemcore.protocol.failures import RequestError
from xmemcore.roto import read_roto


def roto(name: str, shape: str, inputs: str | None = None, knobs: str = "", x: float = 1) -> str:
    count = "" if inputs is None else f" inputs {inputs}\n"
    return f"Roto {{\n{count} curves {curves(square(shape, x, 1, 5))}\n{knobs} name {name}\n}}"


def names(*nodes: str, node: str | None = None) -> list[str]:
    return [obj.name for obj in read_roto(script(*nodes), node).objects]


def test_a_chain_is_read_whole_and_the_last_one_lies_on_top() -> None:
    nodes = (roto("Roto1", "low", "0"), roto("Roto2", "middle"), roto("Roto3", "top"))
    assert names(*nodes) == ["top", "middle", "low"]
    assert names(*nodes, node="Roto2") == ["middle", "low"]


@pytest.mark.parametrize(
    "between",
    [
        "Dot {\n name Dot1\n}", "NoOp {\n name NoOp1\n}", "PostageStamp {\n name Stamp1\n postage_stamp true\n}",
        "Blur {\n size 8\n disable true\n name Blur1\n}", "Merge2 {\n inputs 2\n disable true\n name M\n}",
        "Dot {\n name Dot1\n}\nset N1 [stack 0]\nBlur {\n name B\n}\npush $N1\nDot {\n name Dot2\n}",
    ],
)  # fmt: skip
def test_what_lets_its_input_through_is_passed(between: str) -> None:
    first = roto("Roto1", "low", "0")
    if between.startswith("Merge2"):
        first = "Constant {\n inputs 0\n name C\n}\n" + first  # input 0 is what was made last
    assert names(first, between, roto("Roto2", "top")) == ["top", "low"]


@pytest.mark.parametrize("between", ["Blur {\n size 8\n name Blur1\n}", "push 0", "Constant {\n inputs 0\n name C\n}"])
def test_what_changes_the_picture_ends_a_chain(between: str) -> None:
    nodes = (roto("Roto1", "low", "0"), between, roto("Roto2", "top"))
    with pytest.raises(RequestError, match="Roto1, Roto2"):
        names(*nodes)
    read = read_roto(script(*nodes), "Roto2")
    assert [obj.name for obj in read.objects] == ["top"]
    sentence = "The shapes of Roto1 do not count: Blur1, a Blur, stands between it and Roto2"
    assert [warning.startswith(sentence) for warning in read.warnings] == ([True] if "Blur" in between else [])


def test_a_chain_goes_on_outside_of_its_group() -> None:
    other = "Constant {\n inputs 0\n name C\n}"
    group = "Group {\n inputs 2\n name G\n}\n" + "".join(f"Input {{\n inputs 0\n name Input{i}\n number {i}\n}}\n" for i in (0, 1))
    nodes = (other, roto("Roto1", "low", "0"), "set N1 [stack 0]", "push 0", "push $N1", group + roto("Inner", "top"), "end_group")
    assert names(*nodes, node="G.Inner") == ["top"], "Input1 is the second, to which nothing is connected"
    nodes = (other, roto("Roto1", "low", "0"), "set N1 [stack 0]", "push $N1", "push 0", group + roto("Inner", "top"), "end_group")
    assert names(*nodes) == ["top", "low"]


def in_a_group(*nodes: str, knobs: str = "", inputs: int = 1) -> str:
    feed = "Input {\n inputs 0\n name Input1\n}\n"
    return f"Group {{\n inputs {inputs}\n{knobs} name G\n}}\n{feed}" + "\n".join([*nodes, "Output {\n name Output1\n}\nend_group"])


def test_a_chain_goes_into_a_group_and_out_of_it() -> None:
    low, top = roto("Roto1", "low", "0"), roto("Roto2", "top")
    assert names(low, in_a_group(roto("Inner", "middle"), "Dot {\n name Dot1\n}"), top) == ["top", "middle", "low"]
    assert names(low, in_a_group("Dot {\n name Dot1\n}"), top) == ["top", "low"], "it puts out what it gets"
    assert names(low, in_a_group(roto("Inner", "middle"))) == ["middle", "low"], "the last one stands in the Group"
    assert names(low, in_a_group(roto("Inner", "middle"), knobs=" disable true\n"), top, node="Roto2") == ["top", "low"]


def test_a_group_that_changes_the_picture_or_has_two_outputs_ends_a_chain() -> None:
    low, top = roto("Roto1", "low", "0"), roto("Roto2", "top")
    for inner in ("Blur {\n name Blur1\n}", "Output {\n name Output2\n}"):
        nodes = (low, in_a_group(inner), top)
        assert names(*nodes, node="Roto2") == ["top"], inner
    read = read_roto(script(low, in_a_group("Blur {\n name Blur1\n}"), top), "Roto2")
    assert any("The shapes of Roto1 do not count: G.Blur1, a Blur, stands between it and Roto2" in warning for warning in read.warnings)


def test_a_roto_that_replaces_ends_a_chain() -> None:
    nodes = (roto("Roto1", "low", "0"), roto("Roto2", "top", knobs=" replace true\n"))
    assert names(*nodes, node="Roto2") == ["top"]


def test_a_disabled_roto_in_a_chain_is_passed_and_named() -> None:
    nodes = (roto("Roto1", "low", "0"), roto("Roto2", "middle", knobs=" disable true\n"), roto("Roto3", "top"))
    read = read_roto(script(*nodes))
    assert [obj.name for obj in read.objects] == ["top", "low"]
    assert any("Roto2 is disabled" in warning and "do not count" in warning for warning in read.warnings)


def test_objects_are_named_by_their_node_where_names_clash() -> None:
    nodes = (roto("Roto1", "sleeve", "0", x=1), roto("Roto2", "sleeve", x=9), roto("Roto3", "hat"))
    objects = read_roto(script(*nodes)).objects
    assert [obj.name for obj in objects] == ["hat", "Roto2.sleeve", "Roto1.sleeve"]
    assert [obj.original for obj in objects] == ["hat", "sleeve", "sleeve"]
    assert [obj.at(1001)[0].points[0, 0, 0] for obj in objects[1:]] == [9, 1]


def test_a_roto_on_two_branches_is_above_both() -> None:
    nodes = (roto("Roto1", "low", "0"), "set N1 [stack 0]", roto("Roto2", "a"), "push $N1", roto("Roto3", "b"))
    assert names(*nodes, node="Roto3") == ["b", "low"]
    with pytest.raises(RequestError, match="Choose one"):
        names(*nodes)


def test_masks_are_no_part_of_a_chain() -> None:
    """`inputs 1+1`: the mask was pushed first."""
    mask = roto("Mask", "mask", "0")
    assert names(mask, roto("Roto1", "low", "0"), roto("Roto2", "top", "1+1"), node="Roto2") == ["top", "low"]


def test_groups_have_a_stack_of_their_own() -> None:
    group = (
        "Group {\n name G\n}\nInput {\n inputs 0\n name Input1\n}\n" + roto("Inner", "inner") + "\nOutput {\n name Output1\n}\nend_group"
    )
    nodes = read_script(script(roto("Roto1", "low", "0"), group, "Blur {\n name B\n}")).nodes
    assert [(node.path, [above and above.path for above in node.inputs]) for node in nodes if node.name in ("G", "Inner", "B")] == [
        ("G", ["Roto1"]), ("G.Inner", ["G.Input1"]), ("B", ["G"]),
    ]  # fmt: skip


def test_a_clone_has_its_originals_knobs() -> None:
    nodes = (roto("Roto1", "low", "0"), "set C1 [stack 0]", "push 0", "clone $C1 {\n xpos 3\n}")
    clone = read_script(script(*nodes)).nodes[-1]
    assert clone.kind == "Roto" and clone.knob("curves") is not None and clone.name == "Roto1"


CLONE = "clone $C1 {\n xpos 3\n}"


def test_clones_in_a_chain_count_once_and_what_is_above_them_counts_too() -> None:
    first = (roto("Roto0", "base", "0"), roto("Roto1", "low"), "set C1 [stack 0]")
    read = read_roto(script(*first, roto("Roto2", "middle"), CLONE))
    assert [obj.name for obj in read.objects] == ["low", "middle", "base"], "the topmost is the one that lies on top"
    assert read.warnings == ("Roto1 comes more than once in the chain, as a clone: its shapes count once.",)
    assert names(*first, CLONE, CLONE) == ["low", "base"]


def test_clones_apart_are_one_choice_where_their_shapes_are_the_same() -> None:
    nodes = (roto("Roto1", "low", "0"), "set C1 [stack 0]", "push 0", CLONE)
    assert names(*nodes) == names(*nodes, node="Roto1") == ["low"]
    nodes = (roto("Roto1", "low", "0"), "set C1 [stack 0]", roto("Roto2", "other", "0"), CLONE)
    with pytest.raises(RequestError, match=r"3 Roto nodes: Roto1, Roto2, Roto1. Choose one"):
        names(*nodes)
    assert names(*nodes, node="Roto2") == ["other"]
    with pytest.raises(RequestError, match="clones of Roto1 with different Rotos above them, and they have one name. Declone one"):
        names(*nodes, node="Roto1")


@pytest.mark.parametrize("node", [None, "Roto1"])
def test_nodes_of_one_name_are_told_apart_by_no_option(node: str | None) -> None:
    nodes = (roto("Roto1", "low", "0"), "push 0", roto("Roto1", "other", "0"))
    with pytest.raises(RequestError, match="Roto1, Roto1. They have one name: rename one of them"):
        names(*nodes, node=node)


@pytest.mark.parametrize(
    ("knob", "sentence"),
    [
        ("motionblur_mode global", "The global motion blur of Roto1 is left out."),
        ("useLifetime true", "The lifetime of the node Roto1 is left out; that of its shapes counts."),
    ],
)
def test_what_a_node_adds_to_its_shapes_is_named(knob: str, sentence: str) -> None:
    assert read_roto(script(roto("Roto1", "a", "0", f" {knob}\n"))).warnings == (sentence,)


def test_a_roto_without_curves_in_a_chain_has_no_shapes() -> None:
    empty = "Roto {\n curves {}\n name Roto2\n}"
    assert names(roto("Roto1", "low", "0"), empty) == ["low"]
