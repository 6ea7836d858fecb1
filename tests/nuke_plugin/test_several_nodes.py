"""Several nodes propagated one after another under one bar; the mattes handed on by a Write and by copies."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.timeout(300)


def menu(stage, title: str) -> None:
    stage.nuke.menu("Nodes").menu("XMem Roto").findItem(title).invoke()


def wait_for_all(stage) -> None:
    from xmem_roto_nuke.node import runs

    assert stage.host.pump(60, until=lambda: not runs.under_way and not runs.waiting)
    stage.host.pump(0.2)


@pytest.fixture
def three(stage):
    """Three nodes on one plate and roto; the second has nothing on its roto input."""
    nodes = [stage.node]
    for _ in range(2):
        node = stage.nuke.createNode("XMemRoto")
        node.setInput(0, stage.plate)
        node.setInput(1, stage.roto)
        nodes.append(node)
    nodes[1].setInput(1, None)
    stage.host.pump(0.05)
    stage.nodes = nodes
    return stage


def test_nodes_whose_mattes_others_are_made_of_come_first_whatever_they_are_called(stage):
    """Z is the plate of A; a pass of A, in a Group, is the roto of B."""
    from xmem_roto_nuke import together

    nuke, nodes = stage.nuke, {"Z": stage.node}
    for name in "AB":
        nodes[name] = nuke.createNode("XMemRoto")
        nodes[name].setInput(1, stage.roto)
    nodes["A"].setInput(0, nuke.nodes.Grade(inputs=[stage.node]))
    stage.propagate(stage.node)
    stage.propagate(nodes["A"])
    stage.press("make_passes", nodes["A"])
    group = nuke.nodes.Group()
    with group:
        nuke.nodes.Output(inputs=[nuke.nodes.Input()])
    group.setInput(0, next(node for node in nuke.allNodes("Group") if node.knob("made_of") is not None))
    nodes["B"].setInput(0, stage.plate)
    nodes["B"].setInput(1, group)
    for name, node in nodes.items():
        node.setName({"Z": "Z", "A": "Y", "B": "A"}[name])
    queue = together.propagate_all()
    assert [node.name() for node in queue.nodes.values()] == ["Z", "Y", "A"]
    wait_for_all(stage)


@pytest.mark.parametrize("between", ["premultiply the plate", "Premult", "Merge2"])
def test_a_second_node_goes_stale_with_the_mattes_of_the_first_whatever_brings_them_into_its_plate_and_with_no_button(stage, between):
    from xmem_roto_nuke import together

    nuke, first = stage.nuke, stage.node
    second = nuke.createNode("XMemRoto")
    if between == "Premult":
        above = nuke.nodes.Premult(inputs=[first])
    elif between == "Merge2":
        above = nuke.nodes.Merge2(inputs=[stage.plate, first])
    else:
        first["matte_premultiply"].setValue(True)
        above = first
    for number, node in enumerate((above, stage.roto)):
        second.setInput(number, node)
    first.setName("Z")
    assert [node.name() for node in together.propagate_all().nodes.values()] == ["Z", second.name()]
    wait_for_all(stage)
    for pressed in (first, second):  # in whose Group Nuke then looks for names
        stage.press("refresh", pressed)
        assert "Up to date" in stage.status(second)
    stage.propagate(first)
    stage.press("refresh", second)
    assert "Stale" in stage.status(second) and "The plate has changed." in stage.status(second)


def test_propagate_all_works_for_one_after_the_other_under_one_bar_and_tells_in_the_end(three):
    bars = len(three.host.progress_records)
    menu(three, "Propagate all")
    assert "Waiting: 1 before this one" in three.status(three.nodes[1])
    wait_for_all(three)
    assert "Up to date" in three.status(three.nodes[0]) and "Up to date" in three.status(three.nodes[2])
    assert "Failed" in three.status(three.nodes[1])
    assert len(three.host.progress_records) == bars + 1
    assert len(three.told) == 1 and "2 nodes of 3 went well" in three.told[0] and three.nodes[1].name() in three.told[0]
    assert not three.host.python_errors


def test_propagate_selected_takes_the_selected_alone(three):
    for node in three.nodes:
        node["selected"].setValue(node is three.nodes[2])
    menu(three, "Propagate selected")
    wait_for_all(three)
    assert three.nodes[2]["has_result"].value() and not three.nodes[0]["has_result"].value()
    three.nodes[2]["selected"].setValue(False)
    menu(three, "Propagate selected")
    assert "No XMemRoto is selected" in three.told[-1]


def test_a_node_that_waited_while_the_script_got_another_name_writes_where_its_next_run_does(stage, monkeypatch):
    second = stage.nuke.createNode("XMemRoto")
    second.setInput(0, stage.plate)
    second.setInput(1, stage.roto)
    stage.save()
    monkeypatch.setenv("PRETEND", "slow")
    stage.nuke.menu("Nodes").menu("XMem Roto").findItem("Propagate all").invoke()
    assert stage.host.pump(30, until=lambda: len(stage.mattes()) >= 2)
    stage.save("other.nk")
    assert stage.host.pump(60, until=lambda: "Up to date" in stage.status(second))
    stage.press("refresh", second)
    assert "Up to date" in stage.status(second) and "The next run writes to" not in stage.status(second)
    assert second["node_id"].value()[:8] in second.node("Result")["file"].value() and stage.told == []


def test_cancel_of_a_waiting_node_takes_it_out_of_the_queue(three, monkeypatch):
    monkeypatch.setenv("PRETEND", "slow")
    menu(three, "Propagate all")
    three.press("cancel", three.nodes[2])
    three.press("cancel", three.nodes[0])
    wait_for_all(three)
    assert not three.nodes[2]["has_result"].value() and "No mattes yet" in three.status(three.nodes[2])


def test_a_write_for_the_mattes_writes_them_as_the_node_treats_them_and_nothing_else(stage):
    import OpenEXR

    stage.press("make_write")
    assert "Propagate first" in stage.told[-1]
    stage.propagate()
    stage.press("make_write")
    assert "no publish path" in stage.told[-1]
    stage.node["publish"].setValue((stage.folder / "publish" / "tri.%04d.exr").as_posix())
    stage.node["matte_expand"].setValue(1)
    stage.press("make_write")
    (write,) = stage.nuke.allNodes("Write")
    stage.nuke.execute(write, 1004, 1004)
    with OpenEXR.File(str(stage.folder / "publish" / "tri.1004.exr"), separate_channels=True) as file:
        channels = {name: np.asarray(channel.pixels) for name, channel in file.channels().items()}
        (left, _), _ = file.header()["dataWindow"]
    assert set(channels) == {"A", "tri.alpha"}
    assert channels["tri.alpha"][16, 7 - int(left)] == 1, "grown by a pixel"
    stage.host.undo()
    assert stage.nuke.allNodes("Write") == [] and stage.nuke.allNodes("Remove") == [], "one step in Undo"


def test_copies_are_the_files_themselves_and_replace_nothing(stage):
    stage.propagate()
    stage.node["publish"].setValue((stage.folder / "publish" / "tri.%04d.exr").as_posix())
    stage.press("copy_mattes")
    stage.wait()
    originals = sorted(stage.folder.glob("mattes/*/matte.*.exr"))
    copies = sorted((stage.folder / "publish").iterdir())
    assert [path.read_bytes() for path in copies] == [path.read_bytes() for path in originals] and len(copies) == 10
    assert "Copied 10 mattes (1001-1010)" in stage.status() and stage.told == []
    stage.press("copy_mattes")
    stage.wait()
    assert stage.told == [], "copies that are there already are as good as made"
    copies[3].write_bytes(b"somebody's")
    stage.press("copy_mattes")
    assert "1 file at the publish path would be replaced" in stage.told[-1] and copies[3].read_bytes() == b"somebody's"


def test_copies_are_never_laid_over_the_mattes_themselves(stage):
    stage.propagate()
    stage.node["publish"].setValue(stage.node.node("Result")["file"].value())
    stage.press("copy_mattes")
    assert "would be replaced" in stage.told[-1]


def test_a_full_disk_is_said_and_leaves_no_half_copy(stage, monkeypatch):
    import errno
    import shutil

    stage.propagate()
    stage.node["publish"].setValue((stage.folder / "publish" / "tri.%04d.exr").as_posix())

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    stage.press("copy_mattes")
    stage.wait()
    assert "No space left" in stage.told[-1] and list((stage.folder / "publish").iterdir()) == []


def test_a_cancelled_node_stops_waiting_and_those_behind_it_move_up(three, monkeypatch):
    three.nodes[1].setInput(1, three.roto)
    monkeypatch.setenv("PRETEND", "slow")
    menu(three, "Propagate all")
    three.press("cancel", three.nodes[1])
    assert "No mattes yet" in three.status(three.nodes[1])
    assert three.host.pump(30, until=lambda: len(three.mattes()) >= 1)
    assert "Waiting: 1 before this one" in three.status(three.nodes[2])
    wait_for_all(three)
    assert "Up to date" in three.status(three.nodes[2]) and three.told == []


def test_a_node_that_waits_is_at_work_and_is_not_run_twice(stage, monkeypatch):
    second = stage.nuke.createNode("XMemRoto")
    second.setInput(0, stage.plate)
    second.setInput(1, stage.roto)
    monkeypatch.setenv("PRETEND", "slow")
    menu(stage, "Propagate all")
    stage.press("propagate", second)
    assert "at work already: Waiting: 1 before this one. Cancel it, or wait for it." in stage.told[-1]
    wait_for_all(stage)
    assert "Up to date" in stage.status(second) and len(stage.told) == 1


def test_a_node_that_waits_is_deleted_and_brought_back(stage, monkeypatch):
    second, third = (stage.copied(stage.node) for _ in range(2))
    for node in (second, third):
        node.setInput(0, stage.plate)
        node.setInput(1, stage.roto)
    monkeypatch.setenv("PRETEND", "slow")
    menu(stage, "Propagate all")
    name = second.name()
    stage.nuke.Undo.begin()
    stage.nuke.delete(second)
    stage.nuke.delete(third)
    stage.nuke.Undo.end()
    stage.host.undo()
    wait_for_all(stage)
    assert "Up to date" in stage.status(stage.host.node(name)) and stage.told == []


def test_nodes_that_wait_when_their_script_is_closed_wait_no_more(stage, monkeypatch):
    from xmem_roto_nuke.node import runs

    second = stage.nuke.createNode("XMemRoto")
    second.setInput(0, stage.plate)
    second.setInput(1, stage.roto)
    name, path = second.name(), stage.save()
    monkeypatch.setenv("PRETEND", "slow")
    menu(stage, "Propagate all")
    assert stage.host.pump(30, until=lambda: len(stage.mattes()) >= 1)
    stage.nuke.scriptClear()
    stage.nuke.scriptOpen(str(path))
    wait_for_all(stage)
    stage.press("refresh", stage.host.node(name))
    assert "No mattes yet" in stage.status(stage.host.node(name)) and not runs.waiting and stage.told == []


def test_one_that_cannot_begin_holds_up_no_other(stage, monkeypatch):
    from xmem_roto_nuke.panel import ownership

    second = stage.nuke.createNode("XMemRoto")
    second.setInput(0, stage.plate)
    second.setInput(1, stage.roto)
    allowed = ownership.require_unlocked

    def shut(pattern: str) -> None:
        if stage.node["node_id"].value()[:8] in pattern:
            raise PermissionError(13, "Permission denied", pattern)
        allowed(pattern)

    monkeypatch.setattr(ownership, "require_unlocked", shut)
    menu(stage, "Propagate all")
    wait_for_all(stage)
    assert "Up to date" in stage.status(second) and "Failed" in stage.status()
    assert "1 node of 2 went well" in stage.told[-1] and "Permission denied" in stage.told[-1]
