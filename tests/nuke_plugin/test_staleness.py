"""What is stale is never shown as fresh, wherever the artist is; and what is not is not rendered again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.nuke_plugin.conftest import TRIANGLE
from tests.nuke_plugin.stage_steps import let_idle_run

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def rendered(stage):
    """Frames that Nuke was asked to render, the roto's alpha among them."""
    from xmem_roto_nuke.handover import plates

    frames: list[int] = []
    original = plates.host.render
    plates.host.render = lambda *arguments: (frames.extend(arguments[1]), original(*arguments))[1]
    return frames


def move_the_roto(stage, frame=1007):
    for point in stage.roto["curves"].rootLayer[0]:
        point.center.addPositionKey(frame, (5, 5))
    stage.roto["curves"].changed()


def test_a_plate_changed_on_another_frame_than_the_last_look_is_noticed(stage):
    stage.propagate()
    stage.nuke.root()["frame"].setValue(1007)
    stage.grade["multiply"].setValue(0.25)
    let_idle_run(stage)
    assert "Stale" in stage.status() and "The plate has changed" in stage.status()
    assert "(stale)" in stage.host.label(stage.node)


def test_a_roto_keyed_on_another_frame_than_the_last_look_is_noticed(stage):
    stage.propagate()
    stage.nuke.root()["frame"].setValue(1007)
    move_the_roto(stage)
    let_idle_run(stage)
    assert "tri has a new key on 1007" in stage.status() and "(stale)" in stage.host.label(stage.node)


def test_the_label_tells_before_idle_comes_round(stage):
    from xmem_roto_nuke.staleness import watch

    stage.propagate()
    stage.nuke.root()["frame"].setValue(1007)
    watch._due.clear()
    assert "changed" not in stage.host.label(stage.node)
    move_the_roto(stage)
    stage.nuke.root()["frame"].setValue(1009)  # at which Nuke asks for labels after a change upstream, and not before
    watch._due.clear()
    assert "inputs changed" in stage.host.label(stage.node), "the shapes, on a frame that never was looked at"
    let_idle_run(stage)
    assert "(stale)" in stage.host.label(stage.node)


def test_a_change_that_shows_on_another_frame_alone_is_noticed(stage):
    """A key set in the curve editor changes no pixel of the frame on which the artist stands."""
    stage.propagate()
    stage.grade["multiply"].setAnimated()
    for frame, value in ((1001, 1.0), (1009, 1.0), (1010, 0.5)):
        stage.grade["multiply"].setValueAt(value, frame)
    let_idle_run(stage)
    assert "The plate has changed" in stage.status()


def test_looking_at_other_frames_is_cheap_and_changes_nothing(stage, monkeypatch):
    from xmem_roto_nuke.panel import status
    from xmem_roto_nuke.staleness import watch

    stage.propagate()
    refreshed = []
    monkeypatch.setattr(status, "refresh", lambda node: refreshed.append(node))
    walked = []
    original = watch._token_in_steps
    monkeypatch.setattr(watch, "_token_in_steps", lambda node: (walked.append(node), original(node))[1])
    for frame in range(1001, 1011):
        stage.nuke.root()["frame"].setValue(frame)
        assert "changed" not in stage.host.label(stage.node)
        stage.node["hide_input"].setValue(bool(frame % 2))
        stage.host.pump(0.02)
    assert not refreshed and len(walked) <= 1, "at most one walk in two seconds, and no look at files"


def test_an_idle_moment_leaves_the_undo_list_alone_while_nothing_has_changed(stage, monkeypatch):
    stage.propagate()
    let_idle_run(stage)
    switched = []
    monkeypatch.setattr(stage.nuke.Undo, "disable", lambda: switched.append("off"))
    monkeypatch.setattr(stage.nuke.Undo, "enable", lambda: switched.append("on"))
    let_idle_run(stage)
    assert switched == []


def test_a_fault_at_an_idle_moment_is_said_once(stage, monkeypatch, capsys):
    from xmem_roto_nuke.staleness import look, watch

    stage.propagate()
    original = look.look

    def fail(*_):
        raise OSError("a fault of ours")

    monkeypatch.setattr(look, "look", fail)
    stage.grade["multiply"].setValue(0.25)
    let_idle_run(stage)
    for wanted in (True, False):
        stage.node["hide_input"].setValue(wanted)
        stage.host.pump(0.1)
    assert capsys.readouterr().err.count("OSError: a fault of ours") == 1 and not stage.host.python_errors
    monkeypatch.setattr(look, "look", original)
    stage.press("refresh")
    assert "The plate has changed" in stage.status() and not watch.is_due(stage.node["node_id"].value())
    stage.grade["multiply"].setValue(1.0)
    let_idle_run(stage)
    assert "Up to date" in stage.status()


def test_what_takes_long_is_looked_at_less_often(stage, monkeypatch):
    from xmem_roto_nuke.staleness import watch

    stage.propagate()
    node_id = stage.node["node_id"].value()
    now = [1000.0]
    monkeypatch.setattr(watch.time, "monotonic", lambda: now[0])
    watch._wait(node_id, 1000.0)
    assert watch._due[node_id] == 1002.0
    watch._wait(node_id, 999.0)
    assert watch._due[node_id] == 1020.0, "a second of work in twenty"


@pytest.fixture
def inside(stage):
    """An XMemRoto in a Group, its plate and its Roto outside."""
    nuke = stage.nuke
    group = nuke.nodes.Group(name="Shot")
    with group:
        plate, roto = nuke.nodes.Input(name="plate_in", number=0), nuke.nodes.Input(name="roto_in", number=1)
        node = nuke.createNode("XMemRoto")
        node.setInput(0, plate)
        node.setInput(1, nuke.nodes.Dot(inputs=[roto]))
        nuke.nodes.Output().setInput(0, node)
    group.setInput(0, stage.plate)
    group.setInput(1, stage.roto)
    stage.host.pump(0.2)
    return node


def test_changes_outside_a_group_are_noticed_and_rendered(stage, inside, rendered):
    stage.propagate(inside)
    assert stage.told == [] and "Up to date" in stage.status(inside)
    stage.nuke.root()["frame"].setValue(1007)
    stage.grade["multiply"].setValue(0.1)
    let_idle_run(stage, inside)
    assert "The plate has changed" in stage.status(inside)
    rendered.clear()
    stage.propagate(inside)
    assert rendered == list(range(1001, 1011))


def test_files_outside_a_group_are_used_as_they_are(stage, inside):
    from xmem_roto_nuke import graph, host

    read = stage.nuke.nodes.Read(file="/plates/a.%04d.exr", raw=True)
    inside.parent().setInput(0, stage.nuke.nodes.Dot(inputs=[read]))
    assert graph.behind_dots(inside.input(0)) is read
    assert host.upstream(inside.input(0)) == [read]
    inside.parent().setInput(0, None)
    assert host.upstream(inside.input(0)) == [] and graph.behind_dots(inside.input(0)) is None


def test_mattes_that_are_gone_are_named(stage):
    stage.propagate()
    for frame in (1005, 1007):
        next(stage.folder.glob(f"mattes/*/matte.{frame}.exr")).unlink()
    stage.press("refresh")
    assert "Stale" in stage.status() and "2 mattes are gone: 1005,1007." in stage.status()
    for path in stage.folder.glob("mattes/*/matte.*.exr"):
        path.unlink()
    stage.press("refresh")
    assert "10 mattes are gone: 1001-1010." in stage.status()


def test_mattes_of_an_earlier_run_are_not_said_to_be_missing(stage):
    stage.node["frame_range"].setValue("1001-1006")
    stage.propagate()
    stage.node["frame_range"].setValue("1007-1008")
    stage.propagate()
    stage.node["output"].setValue((stage.folder / "other" / "m.%04d.exr").as_posix())
    stage.propagate()
    stage.node["output"].setValue("")
    stage.node["frame_range"].setValue("")
    stage.press("refresh")
    assert "Stale" in stage.status() and "Frames without a matte: 1009-1010." in stage.status()
    assert "mattes of 1001-1006 are on disk; the next run keeps those that hold." in stage.status()
    next(stage.folder.glob("mattes/*/matte.1003.exr")).unlink()
    stage.press("refresh")
    assert "Frames without a matte: 1003,1009-1010." in stage.status()
    stage.propagate()
    assert "Up to date" in stage.status()


def test_mattes_of_another_size_are_named_where_the_core_has_said_theirs(stage):
    import json

    stage.propagate()
    (result,) = stage.folder.glob("mattes/*/result.json")
    sizes = {path.name.split(".")[1]: {"bytes": path.stat().st_size} for path in result.parent.glob("matte.*.exr")}
    before = result.stat()
    result.write_text(json.dumps({"version": 1, "mattes": {"matte.%04d.exr": {"frames": sizes}}}))
    from xmem_roto_nuke.node import identity
    from xmem_roto_nuke.staleness import mattes_on_disk
    from xmem_roto_nuke.staleness.record import Record

    record = Record.of_json(identity.read_hidden(stage.node, "record"))
    assert mattes_on_disk.faults(record) == [] and before.st_size
    (result.parent / "matte.1003.exr").write_bytes(b"short")
    assert mattes_on_disk.faults(record) == ["The matte of 1003 is not what the core wrote."]


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("{")])
def test_a_lost_record_beside_the_mattes_makes_nothing_stale(stage, damage):
    stage.propagate()
    (result,) = stage.folder.glob("mattes/*/result.json")
    damage(result)
    stage.press("refresh")
    assert "Up to date" in stage.status(), stage.status()
    mattes = result.parent
    (mattes / "matte.1003.exr").write_bytes((mattes / "matte.1003.exr").read_bytes().replace(b"xmem/signature", b"xmem/signaturf"))
    stage.press("refresh")
    assert f"result.json is gone from {mattes.as_posix()}, and the mattes there are not all of the last run." in stage.status()
    for path in mattes.glob("matte.*.exr"):
        path.unlink()
    stage.press("refresh")
    assert f"The mattes are no longer at {mattes.as_posix()}." in stage.status()


def test_matte_of_the_same_size_counts_by_its_own_signature(stage):
    stage.propagate()
    assert "Up to date" in stage.status()
    path = next(stage.folder.glob("mattes/*/matte.1003.exr"))
    content, times = path.read_bytes(), path.stat()
    start = content.index(b"xmem/signature\0string\0") + len(b"xmem/signature\0string\0") + 4
    for step, other in enumerate((content[:start] + b"7" + content[start + 1 :], bytes(len(content)))):
        path.write_bytes(other)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns + 1 + step))
        stage.press("refresh")
        assert "The matte of 1003 is not what the core wrote." in stage.status()
    path.write_bytes(content)
    stage.press("refresh")
    assert "Up to date" in stage.status()


def test_a_renamed_node_upstream_is_the_same_plate(stage, rendered):
    stage.propagate()
    stage.grade.setName("Balance")
    stage.press("refresh")
    assert "Up to date" in stage.status()
    rendered.clear()
    stage.propagate()
    assert rendered == []


def test_a_version_that_a_studios_node_has_as_a_text_is_a_part_of_the_plate(stage):
    """Of a Read, `version` counts reloads; of a gizmo it may choose the picture, and need not be a number."""
    nuke = stage.nuke
    group = nuke.nodes.Group(name="StudioRead")
    for knob in (nuke.File_Knob("file"), nuke.Int_Knob("first"), nuke.String_Knob("version")):
        group.addKnob(knob)
    group["version"].setValue("v012")
    with group:
        nuke.nodes.Output().setInput(0, nuke.nodes.FrameRange(inputs=[nuke.nodes.CheckerBoard2()], first_frame=1001, last_frame=1010))
    stage.node.setInput(0, group)
    stage.propagate()
    assert stage.told == [] and "Up to date" in stage.status()
    group["version"].setValue("v013")
    stage.press("refresh")
    assert "The plate has changed" in stage.status()


def test_a_studios_knob_is_a_part_of_the_plate_though_another_class_has_one_of_that_name_that_acts_on_nothing(stage):
    """As `in_colorspace`: of a Read it changes by itself, of an OCIOColorSpace it is what an artist chooses."""
    from xmem_roto_nuke.handover import digest

    group = stage.nuke.nodes.Group(name="Look")
    for name in digest.COSMETIC_OF_FILES | digest.COSMETIC_OF_ROTOS | digest.COSMETIC_OF_PASSES - {"made_of"}:
        group.addKnob(stage.nuke.String_Knob(name))
        before = tree_digest(group)
        group[name].setValue("ACEScg")
        assert tree_digest(group) != before, name
    master = stage.nuke.nodes.NoOp(name="Master")
    for name in digest.COSMETIC_OF_GROUPS:
        master.addKnob(stage.nuke.Double_Knob(name))
        stage.grade["gamma"].setExpression(f"Master.{name}")
        before = tree_digest(stage.plate)
        master[name].setValue(2)
        assert tree_digest(stage.plate) != before, name


def test_what_a_node_above_keeps_for_itself_is_no_change_of_its_picture(stage):
    """An XMemRoto whose plate is the output of another one."""
    stage.propagate()
    below = stage.nuke.createNode("XMemRoto")
    below.setInput(0, stage.node)
    below.setInput(1, stage.roto)
    stage.host.pump(0.1)
    stage.propagate(below)
    assert "Up to date" in stage.status(below)
    stage.press("add_key")
    stage.save("another_shot.nk")
    stage.press("refresh", below)
    assert "copy of" in stage.status(below) and "The plate has changed" not in stage.status(below)
    stage.grade["multiply"].setValue(0.5)
    stage.press("refresh", below)
    assert "The plate has changed" in stage.status(below)


def test_what_a_pass_above_keeps_for_itself_is_no_change_of_its_picture(stage):
    """An XMemRoto whose plate has a pass of another one in it."""
    nuke = stage.nuke
    stage.propagate()
    stage.press("make_passes")
    union = next(node for node in nuke.allNodes("Group") if node.knob("made_of") is not None)
    below = nuke.createNode("XMemRoto")
    below.setInput(0, nuke.nodes.Merge2(inputs=[stage.plate, union]))
    below.setInput(1, stage.roto)
    stage.host.pump(0.1)
    stage.propagate(below)
    assert "Up to date" in stage.status(below)
    stage.node.setName("Hero")
    union["lacks"].fromScript("{curve K x1001 0 x1002 1}")
    stage.save()
    stage.press("refresh", below)
    assert union["node_name"].value() == "Hero" and "Up to date" in stage.status(below)
    union["matte_invert"].setValue(True)
    stage.press("refresh", below)
    assert "The plate has changed" in stage.status(below)


def test_swapped_inputs_are_another_plate(stage):
    from xmem_roto_nuke.handover import plates

    bars = stage.nuke.nodes.ColorBars()
    merge = stage.nuke.nodes.Merge2(inputs=[bars, stage.grade])
    before = plates.tree_above(merge).at(1001)
    merge.setInput(0, stage.grade)
    merge.setInput(1, bars)
    assert plates.tree_above(merge).at(1001) != before


def test_a_lifetime_is_a_change(stage):
    stage.propagate()
    stage.grade["useLifetime"].setValue(True)
    stage.grade["lifetimeEnd"].setValue(1003)
    stage.press("refresh")
    assert "The plate has changed" in stage.status()


def test_what_nukes_hash_speaks_against_is_rendered_again_though_not_at_once(stage, rendered, monkeypatch):
    from xmem_roto_nuke import host
    from xmem_roto_nuke.handover import plates
    from xmemcore.protocol.failures import Cancelled

    monkeypatch.setattr(plates, "BITE_SECONDS", 0.0)

    def render(frames, most=100):
        rendered.clear()
        export = plates.PlateExport(stage.plate, stage.folder / "plate", host.RunWrite())
        try:
            export.render(frames, lambda done, total: None, lambda: len(rendered) >= most)
        except Cancelled:
            assert most < len(frames)
        return list(rendered)

    assert render(range(1001, 1007)) == list(range(1001, 1007)) and render(range(1001, 1007)) == []
    contexts = host.op_hashes(stage.plate)
    assert len(contexts) == 1
    # A change that our text of the tree does not show.
    monkeypatch.setattr(host, "op_hashes", lambda node: dict.fromkeys(contexts, "7"))
    assert render(range(1001, 1005), most=2) == [1001, 1002], "cancelled, and a part of the range"
    assert render(range(1001, 1007)) == [1003, 1004, 1005, 1006]
    assert render(range(1001, 1007)) == []


def test_a_narrower_range_does_not_throw_rendered_frames_away(stage, rendered):
    stage.propagate()
    folder = stage.cache() / "nuke" / stage.node["node_id"].value() / "plate"
    stage.node["frame_range"].setValue("1001-1003")
    rendered.clear()
    stage.propagate()
    assert rendered == [] and len(list(folder.glob("*.exr"))) == 3, "the core takes every file there for a part of the plate"
    stage.node["frame_range"].setValue("")
    stage.propagate()
    assert rendered == [] and len(list(folder.glob("*.exr"))) == 10 and len(stage.mattes()) == 10


def test_a_frame_set_aside_is_rendered_again_when_its_plate_has_changed(stage, rendered):
    stage.propagate()
    stage.node["frame_range"].setValue("1001-1003")
    stage.propagate()
    stage.grade["multiply"].setValue(0.5)
    stage.node["frame_range"].setValue("")
    rendered.clear()
    stage.propagate()
    assert rendered == list(range(1001, 1011))


def test_a_frame_that_cannot_be_set_aside_is_said_in_a_sentence(stage, monkeypatch):
    """Windows lets nobody move or delete a file that another program has open."""
    from xmem_roto_nuke.handover import export_record

    stage.propagate()
    stage.node["frame_range"].setValue("1001-1003")
    replace, unlink = export_record.os.replace, export_record.Path.unlink

    def refuse(change):
        def refused(path, *arguments, **options):
            if "plate.1004" in str(path):
                raise PermissionError(13, "Permission denied", str(path))
            return change(path, *arguments, **options)

        return refused

    monkeypatch.setattr(export_record.os, "replace", refuse(replace))
    monkeypatch.setattr(export_record.Path, "unlink", refuse(unlink))
    stage.propagate()
    assert "plate.1004.exr: Permission denied. Close the program that has it open" in stage.told[-1]


def test_frames_set_aside_have_a_limit_and_go_with_clear(stage, monkeypatch):
    from xmem_roto_nuke.handover import export_record

    stage.propagate()
    folder = stage.cache() / "nuke" / stage.node["node_id"].value()
    size = (folder / "plate" / "plate.1004.exr").stat().st_size
    monkeypatch.setattr(export_record, "KEPT_BYTES", 2 * size)
    stage.node["frame_range"].setValue("1001-1003")
    stage.propagate()
    assert len(list((folder / "plate_aside").glob("*.exr"))) == 2
    stage.press("clear")
    stage.wait()
    assert not folder.exists()


def test_a_tracker_that_the_roto_follows_marks_the_node_on_a_frame_without_a_hash(stage):
    tracker = stage.nuke.nodes.Grade(name="Tracker1")
    stage.roto["curves"].fromScript(TRIANGLE.replace("{t 25 18}", "{t 25 18 0 {=Tracker1.multiply*4 0}}"))
    stage.propagate()
    assert "Up to date" in stage.status()
    from xmem_roto_nuke.staleness import watch

    stage.nuke.root()["frame"].setValue(1009)  # of which there is no hash
    tracker["multiply"].setValue(2)
    watch._due.clear()
    node_id = stage.node["node_id"].value()
    assert any(watch.has_moved(stage.node, node_id, validate=False) for _ in range(50))
    stage.press("refresh")
    assert "tri was changed on 1001" in stage.status()


def tree_digest(node):
    from xmem_roto_nuke.handover import plates

    return plates.tree_above(node).digest


@pytest.mark.parametrize("class_name", ["Group", "VariableGroup", "LiveGroup", "Precomp"])
def test_what_stands_inside_of_another_node_is_a_part_of_the_plate(stage, class_name):
    outer = getattr(stage.nuke.nodes, class_name)(inputs=[stage.plate])
    with outer:
        inner = stage.nuke.nodes.Grade(inputs=[stage.nuke.nodes.Input()])
        stage.nuke.nodes.Output(inputs=[inner])
    known = tree_digest(outer)
    assert tree_digest(outer) == known
    inner["multiply"].setValue(0.5)
    assert tree_digest(outer) != known
    inner["multiply"].setValue(1)
    assert tree_digest(outer) == known
    inner["label"].setValue("seen"), inner["xpos"].setValue(900)
    assert tree_digest(outer) == known


@pytest.mark.parametrize(
    "asked", ["[value Master.gain]", "2 * [knob parent.Master.gain]", "[python {nuke.toNode('Master')['gain'].value()}]"]
)
def test_a_node_that_brackets_name_is_a_part_of_the_plate_with_what_that_names(stage, asked):
    nuke = stage.nuke
    for name in ("Master", "Chief"):
        node = nuke.nodes.NoOp(name=name)
        node.addKnob(nuke.Double_Knob("gain"))
    nuke.toNode("Master")["gain"].setExpression("[value Chief.gain]")
    stage.grade["multiply"].setExpression(asked)
    known = tree_digest(stage.plate)
    nuke.toNode("Chief")["gain"].setValue(0.5)
    changed = tree_digest(stage.plate)
    nuke.toNode("Master")["gain"].clearAnimated()
    nuke.toNode("Master")["gain"].setValue(0.5)
    assert len({known, changed, tree_digest(stage.plate)}) == 3


@pytest.mark.parametrize("above", ["the first", "the clone"])
def test_what_is_above_each_of_two_clones_is_a_part_of_the_plate(stage, above):
    nuke = stage.nuke
    blur, other = nuke.nodes.Blur(inputs=[stage.grade]), nuke.nodes.Grade(inputs=[stage.grade.input(0)])
    clone = nuke.clone(blur, "", False)
    clone.setInput(0, other)
    assert clone.fullName() == blur.fullName()
    stage.plate.setInput(0, nuke.nodes.Merge2(inputs=[blur, clone]))
    before = tree_digest(stage.plate)
    clone["xpos"].setValue(500)
    assert tree_digest(stage.plate) == before, "where it lies changes no pixel"
    stage.propagate()
    (stage.grade if above == "the first" else other)["multiply"].setValue(0.5)
    stage.press("refresh")
    assert "The plate has changed." in stage.status() and tree_digest(stage.plate) != before


@pytest.mark.parametrize("by", ["undo", "a script", "an expression"])
def test_a_setting_that_changes_without_a_callback_is_noticed(stage, by):
    stage.node.showControlPanel()
    if by == "undo":
        stage.host.user_edit(stage.node["size"], 360)
    elif by == "an expression":
        master = stage.nuke.nodes.NoOp(name="Master")
        master.addKnob(stage.nuke.Double_Knob("lines", "lines"))
        master["lines"].setValue(360)
        stage.node["size"].setExpression("Master.lines")
    stage.propagate()
    let_idle_run(stage)
    assert "Up to date" in stage.status()
    if by == "undo":
        stage.host.undo()
    elif by == "an expression":
        master["lines"].setValue(240)
    else:
        stage.node["size"].setValue(240)
    let_idle_run(stage)
    assert "Changed settings: working size." in stage.status()


def test_the_inside_of_a_gizmo_is_a_part_of_the_plate(stage):
    def made(amount):
        folder = stage.folder / f"gizmos{amount}"
        folder.mkdir()
        grade = f" Grade {{\n  multiply {amount}\n  name G\n }}\n"
        inside = " Input {\n  inputs 0\n  name In\n }\n" + grade + " Output {\n  name Out\n }\nend_group\n"
        (folder / "Balance.gizmo").write_text(f"Gizmo {{\n inputs 1\n}}\n{inside}")
        node = stage.host.load_gizmo(folder / "Balance.gizmo")
        node.setInput(0, stage.plate)
        return node

    first, other = made(0.5), made(0.7)
    assert first.Class() == other.Class() and tree_digest(first) == tree_digest(first) != tree_digest(other)


def test_a_precomps_script_on_disk_is_a_part_of_the_plate(stage):
    from xmem_roto_nuke.handover import plates

    path = stage.folder / "element.nk"
    path.write_text("Constant {\n inputs 0\n}\n")
    precomp = stage.nuke.nodes.Precomp(file=path.as_posix())
    before = plates.tree_above(precomp).at(1001)
    assert plates.tree_above(precomp).at(1001) == before
    os.utime(path, ns=(1, 1))
    assert plates.tree_above(precomp).at(1001) != before


def test_what_flips_by_itself_is_no_change(stage):
    read = stage.nuke.nodes.Read(file="/nowhere/a.%04d.exr", first=1001, last=1010)
    write = stage.nuke.nodes.Write(file="/nowhere/b.%04d.exr", inputs=[read])
    known = tree_digest(write)
    read["in_colorspace"].setValue("linear"), read["out_colorspace"].setValue("linear")
    for node in (read, write):
        node["version"].setValue(7)
    assert tree_digest(write) == known
    loaded = stage.nuke.nodes.Read(file="/nowhere/a.%04d.jpg", first=1001, last=1010)
    fresh = tree_digest(loaded)
    spellings = {loaded["colorspace"].toScript()}
    stage.host._read_validated(next(node for node in stage.host._by_uid.values() if node._name == loaded.name()))
    spellings.add(loaded["colorspace"].toScript())
    assert len(spellings) == 2 and tree_digest(loaded) == fresh, "a look at its file writes the default out, in quotes"


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("format", "HD_1080"),
        ("int8Lut", "linear"),
        ("floatLut", "sRGB"),
        ("logLut", "linear"),
        ("customOCIOConfigPath", "/studio/config.ocio"),
    ],
)
def test_a_project_setting_that_acts_on_pixels_is_a_part_of_the_plate(stage, knob, value):
    root = stage.nuke.root()
    known, before = tree_digest(stage.plate), root[knob].value()
    root[knob].setValue(value)
    assert tree_digest(stage.plate) != known
    root[knob].setValue(before)
    root["label"].setValue("shot 10"), root["proxy"].setValue(True)
    assert tree_digest(stage.plate) == known


@pytest.mark.parametrize(
    "asked",
    [
        "[getenv XMEM_TEST_GAIN]",
        "[set env(XMEM_TEST_GAIN)]",
        "[python {float(__import__('os').environ['XMEM_TEST_GAIN'])}]",
        """[python -execlocal {import os\nret = float(os.environ.get("XMEM_TEST_GAIN", 1))}]""",
        '[python {float(__import__("os").getenv("XMEM_TEST_GAIN"))}]',
    ],
)
@pytest.mark.parametrize("where", ["in the tree", "in a node that brackets name"])
def test_a_variable_of_the_environment_that_brackets_ask_for_is_a_part_of_the_plate(stage, monkeypatch, asked, where):
    knob = stage.grade["multiply"]
    if where != "in the tree":
        master = stage.nuke.nodes.NoOp(name="Master")
        master.addKnob(stage.nuke.Double_Knob("gain"))
        knob.setExpression("[value Master.gain]")
        knob = master["gain"]
    monkeypatch.setenv("XMEM_TEST_GAIN", "1")
    knob.setExpression(asked)
    known = tree_digest(stage.plate)
    monkeypatch.setenv("XMEM_TEST_OTHER", "2")
    assert tree_digest(stage.plate) == known
    monkeypatch.setenv("XMEM_TEST_GAIN", "0.5")
    changed = tree_digest(stage.plate)
    monkeypatch.delenv("XMEM_TEST_GAIN")
    assert len({known, changed, tree_digest(stage.plate)}) == 3


@pytest.mark.parametrize("by", ["project", "a node", "a path in the project"])
def test_the_ocio_configuration_is_a_part_of_a_plate_that_is_managed_by_it(stage, monkeypatch, by):
    config = stage.folder / "show.ocio"
    config.write_text("search_path: luts/$XMEM_TEST_SHOT\n")
    plain, plate, root = tree_digest(stage.plate), stage.plate, stage.nuke.root()
    monkeypatch.setenv("OCIO", str(config))
    assert tree_digest(plate) == plain, "Nuke's own colours do not ask for it"
    if by == "a node":
        script = stage.save()
        script.write_text(script.read_text().replace("\nGrade {", "\nOCIOColorSpace {"))
        stage.host.open(script, unknown="inert")  # a class that the stand-in does not know
        plate = stage.nuke.toNode("FrameRange1")
        assert plate.input(0).Class() == "OCIOColorSpace"
    else:
        root["colorManagement"].setValue("OCIO")
    if by == "a path in the project":
        monkeypatch.delenv("OCIO")
        root["OCIO_config"].setValue("custom")
        root["customOCIOConfigPath"].setValue(config.as_posix())
    digests = [tree_digest(plate), tree_digest(plate)]
    monkeypatch.setenv("XMEM_TEST_SHOT", "sh010")
    digests.append(tree_digest(plate))
    config.write_text("search_path: luts/$XMEM_TEST_SHOT/graded\n")
    digests.append(tree_digest(plate))
    config.unlink()
    digests.append(tree_digest(plate))
    assert digests[0] == digests[1] and len(set(digests)) == 4


def test_a_file_that_a_node_reads_beside_its_picture_is_a_part_of_the_plate(stage):
    from xmem_roto_nuke.handover import plates

    table = stage.folder / "look.cube"
    table.write_text("LUT_3D_SIZE 2")
    stage.grade.addKnob(stage.nuke.File_Knob("vfield_file", "vfield file"))
    stage.grade["vfield_file"].setValue(table.as_posix())
    write = stage.nuke.nodes.Write(file=table.as_posix(), inputs=[stage.grade])
    before = plates.tree_above(write).at(1001)
    assert plates.tree_above(write).at(1001) == before
    os.utime(table, ns=(1, 1))
    assert plates.tree_above(write).at(1001) != before
    stage.grade["vfield_file"].setValue("[no_such_command]/look.cube")
    assert plates.tree_above(write).at(1001), "what cannot be evaluated is no file"


def test_an_xmemroto_above_changes_with_its_mattes_and_matte_tab_and_with_nothing_else(stage):
    stage.propagate()
    known = tree_digest(stage.node)
    for name, value in (
        ("on_frames", "1003"),
        ("size", 256),
        ("key_by", "in-between"),
        ("output", "/elsewhere/m.%04d.exr"),
        ("publish", "/p/m.%04d.exr"),
        ("view_as", "overlay"),
    ):
        stage.node[name].setValue(value)
        assert tree_digest(stage.node) == known, name
    from xmem_roto_nuke.node import body

    assert {"matte_expand", "on_missing", "hole", "has_result"}.isdisjoint(body.knobs_beside_the_picture())
    stage.node["matte_expand"].setValue(2)
    assert tree_digest(stage.node) != known


def test_a_knob_of_the_artists_own_stays_whatever_it_is_called(stage):
    stage.node.addKnob(stage.nuke.Double_Knob("area_of_interest", "area"))
    stage.propagate()
    assert stage.node.knob("area_of_interest") is not None and stage.node.knob("area_tri") is not None
