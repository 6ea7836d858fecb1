"""Passes and Writes below a node: where they are put, whom they follow, what they say of layers that are gone, and ten nodes a script."""

from __future__ import annotations

import pytest

from tests.nuke_plugin.stage_steps import let_idle_run

pytestmark = pytest.mark.timeout(300)

SHAPES = "{v x3f99999a} {f 0} {n {layer Root {f 0} {t 32 24} {a} %s}}"
SHAPE = (
    "{curvegroup %s 512 bezier {{cc {f 8192} {px 1001 {0 0} {10 10} {0 0} {0 0} {40 10} {0 0} {0 0} {25 36} {0 0}}} idem} {t 25 18} {a}} "
)


def draw(stage, *names):
    stage.roto["curves"].fromScript(SHAPES % "".join(SHAPE % name for name in names))


def passes(stage):
    return [node for node in stage.host.all_nodes() if node.knob("made_of") is not None]


def picks(stage):
    return sorted(node.node("Picked")["from0"].value() for node in passes(stage))


def pass_of(stage, channel):
    return next(node for node in passes(stage) if node.node("Picked")["from0"].value() == channel)


def pasted_into(stage, group, node):
    """A copy of a node in a Group."""
    for other in stage.host.all_nodes():
        other["selected"].setValue(other is node)
    stage.nuke.nodeCopy("%clipboard%")
    with group:
        return stage.nuke.nodePaste("%clipboard%")


def another(stage, x):
    """A second XMemRoto, that far to the right of the first one."""
    node = stage.nuke.createNode("XMemRoto")
    node.setInput(0, stage.plate)
    node.setInput(1, stage.roto)
    node.setXYpos(stage.node.xpos() + x, stage.node.ypos())
    stage.propagate(node)
    return node


def colliding(stage):
    """Pairs of nodes of the main graph that lie on each other, but for the plate's and the roto's, which a test never placed."""
    found = [node for node in stage.nuke.allNodes() if (node.xpos(), node.ypos()) != (0, 0) and node.Class() != "BackdropNode"]
    return [
        (one.name(), other.name())
        for place, one in enumerate(found)
        for other in found[:place]
        if abs(one.xpos() - other.xpos()) < 80 and abs(one.ypos() - other.ypos()) < 40
    ]


@pytest.fixture
def counted(start):
    """Non-commercial, where ten nodes are counted from now on."""
    stage = start(nc=True)
    stage.host.nodes_obtained = -1000
    stage.build()
    stage.propagate()
    stage.host.nodes_obtained = 0
    return stage


def test_a_pass_in_a_group_of_a_group_follows_the_next_version(stage):
    stage.propagate()
    stage.press("make_passes")
    outer = stage.nuke.nodes.Group(name="Outer")
    with outer:
        inner = stage.nuke.nodes.Group(name="Inner")
    pasted = pasted_into(stage, inner, passes(stage)[0])
    assert pasted.fullName().startswith("Outer.Inner.")
    stage.press("version_up")
    stage.propagate()
    assert "/v002/" in pasted["mattes"].value() == stage.node.node("Result")["file"].value()


def test_what_lies_inside_of_another_xmemroto_is_left_alone(stage):
    stage.propagate()
    stage.press("make_passes")
    pasted = pasted_into(stage, another(stage, 500), passes(stage)[0])
    former = pasted["mattes"].value()
    stage.press("version_up")
    stage.propagate()
    assert pasted["mattes"].value() == former


def test_no_idle_moment_walks_through_groups_even_where_it_writes_the_status(stage, monkeypatch):
    from xmem_roto_nuke import host

    stage.propagate()
    monkeypatch.setattr(host, "passes_of", None)  # calling it would raise, and the status would stay as it was
    stage.grade["multiply"].setValue(0.4)
    let_idle_run(stage)
    assert "Stale" in stage.status()


def test_nodes_that_are_made_lie_on_no_other_node(stage):
    draw(stage, "tri", "sq")
    stage.node.setXYpos(1000, 1000)
    stage.node["publish"].setValue(str(stage.folder / "publish" / "m.%04d.exr"))
    stage.propagate()
    stage.nuke.nodes.Blur().setXYpos(1112, 1140)  # an artist's node, not on a grid
    for node in (stage.node, another(stage, 220), stage.node):
        node["publish"].setValue(stage.node["publish"].value())
        for button in ("make_passes", "make_write", "make_write"):
            stage.press(button, node)
    assert not colliding(stage) and not stage.told


def test_a_backdrop_is_in_nobodys_way(stage):
    stage.node.setXYpos(1000, 1000)
    stage.propagate()
    backdrop = stage.nuke.nodes.BackdropNode()
    backdrop.setXYpos(1000, 1120)
    stage.press("make_passes")
    assert {node.ypos() for node in passes(stage)} == {1120}


def test_rows_and_columns_lie_below_each_other_where_nodes_are_counted(counted):
    counted.host.nodes_obtained = -1000
    counted.node.setXYpos(1000, 1000)
    counted.node["publish"].setValue(str(counted.folder / "publish" / "m.%04d.exr"))
    for button in ("make_write", "make_passes", "make_write", "make_passes", "make_passes"):
        counted.press(button)
    assert not colliding(counted) and len(passes(counted)) == 6


def stops(stage, node, frame=1005):
    write = stage.nuke.nodes.Write(file=str(stage.folder / "o.%04d.exr"), file_type="exr", channels="all")
    write.setInput(0, node)
    try:
        stage.nuke.execute(write, frame, frame, 1)
    except RuntimeError:
        return True
    return False


@pytest.mark.parametrize("earlier", [False, True], ids=["made today", "of an earlier script"])
def test_a_pass_made_by_hand_stops_a_render_and_one_of_an_earlier_script_does_not(stage, start, earlier):
    """Earlier passes were saved with black, and no artist was told that they should stop."""
    stage.propagate()
    made = stage.nuke.createNode("XMemPass", inpanel=False)
    made["mattes"].setValue(stage.node.node("Result")["file"].value())
    if earlier:
        made["on_missing"].setValue("black")
        made["plugin_version"].setValue("0.2.0")
    path = stage.save()
    stage.host.close()
    next(stage.folder.glob("mattes/*/matte.1005.exr")).unlink()
    farm = start(plugin=not earlier, gui=False)
    farm.host.open(path)
    assert stops(farm, farm.host.node("XMemPass")) is not earlier
    assert stops(farm, farm.host.node("XMemPass"), 864000) is not earlier, "a plate may be numbered by its timecode"
    assert not stops(farm, farm.host.node("XMemPass"), 1006)


@pytest.mark.parametrize("follows", ["save", "refresh", "propagate", "version up"])
@pytest.mark.parametrize("by_hand", ["numbers", "expression", "keys"])
def test_a_range_that_an_artist_set_on_a_pass_stays(stage, by_hand, follows):
    stage.propagate()
    stage.press("make_passes")
    trimmed, other = pass_of(stage, "tri.alpha"), pass_of(stage, "rgba.alpha")
    if by_hand == "numbers":
        trimmed["first"].setValue(1003)
        trimmed["last"].setValue(1006)
    elif by_hand == "expression":
        trimmed["first"].setExpression("root.first_frame + 2")
        trimmed["last"].setExpression("root.last_frame - 4")
    else:
        for name, frame in (("first", 1003), ("last", 1006)):
            trimmed[name].setAnimated()
            trimmed[name].setValueAt(frame, 1001)
    before = [trimmed[name].toScript() for name in ("first", "last")]
    stage.plate["last_frame"].setValue(1020)
    if follows == "version up":
        stage.press("version_up")
    stage.save() if follows == "save" else stage.press("refresh") if follows == "refresh" else stage.propagate()
    assert [trimmed[name].toScript() for name in ("first", "last")] == before
    assert (other["first"].value(), other["last"].value()) == (1001, 1020), "the plugin's own range follows"
    assert trimmed["mattes"].value() == other["mattes"].value() == stage.node.node("Result")["file"].value()


def test_a_pass_whose_range_was_put_back_follows_again(stage):
    stage.propagate()
    stage.press("make_passes")
    trimmed = passes(stage)[0]
    trimmed["last"].setValue(1006)
    stage.save()
    trimmed["last"].setValue(1010)
    stage.plate["last_frame"].setValue(1020)
    stage.save()
    assert trimmed["last"].value() == 1020


def test_an_expression_inside_of_a_node_stays_when_the_script_is_saved(stage):
    stage.propagate()
    stage.node.node("Result")["first"].setExpression("PlateRange.first_frame + 2")
    stage.plate["last_frame"].setValue(1020)
    stage.save()
    assert stage.node.node("Result")["first"].hasExpression() and "first_frame" in stage.node.node("Result")["first"].toScript()


def owners(nodes):
    return [node["made_of"].value() for node in nodes]


def select(stage, *nodes):
    for other in stage.host.all_nodes():
        other["selected"].setValue(False)
    for node in nodes:
        node["selected"].setValue(True)


@pytest.fixture
def group(stage):
    """A Group with a connected XMemRoto that has mattes and passes; the node of the main graph is gone."""
    nuke = stage.nuke
    select(stage, stage.node)
    nuke.nodeCopy("%clipboard%")
    nuke.delete(stage.node)
    group = nuke.nodes.Group(name="Shot", inputs=[stage.plate])
    with group:
        stage.node = nuke.nodePaste("%clipboard%")
        stage.node.setInput(0, nuke.nodes.Input())
        stage.roto = nuke.nodes.Roto(name="Shapes")
        stage.node.setInput(1, stage.roto)
    draw(stage, "tri", "sq")
    stage.propagate()
    stage.press("make_passes")
    return group


def test_passes_that_were_copied_in_a_group_with_their_node_are_the_copys(stage, group):
    nuke = stage.nuke
    select(stage, group)
    nuke.nodeCopy("%clipboard%")
    select(stage)
    twin = nuke.nodePaste("%clipboard%")
    twin.setInput(0, stage.plate)
    copy = next(node for node in twin.nodes() if node.knob("node_id"))
    copied = [node for node in twin.nodes() if node.knob("made_of")]
    others = [node for node in group.nodes() if node.knob("made_of")]
    stage.press("refresh")  # before anything of the original's can move them
    assert owners(copied) == [copy["node_id"].value()] * 3 and owners(others) == [stage.node["node_id"].value()] * 3
    twin.node("Shapes")["curves"].fromScript(SHAPES % (SHAPE % "tri" + SHAPE % "sq").replace("{10 10}", "{12 12}"))
    stage.propagate(copy)
    assert {node["mattes"].value() for node in copied} == {copy.node("Result")["file"].value()}
    assert "is a copy" not in stage.status(copy)
    stage.press("version_up")
    stage.propagate()
    assert {node["mattes"].value() for node in copied} == {copy.node("Result")["file"].value()}
    assert {node["mattes"].value() for node in others} == {stage.node.node("Result")["file"].value()}


def moved(stage, nodes, into):
    """Copy nodes into a Group or out of one and delete those before, as Nuke does for Group and Expand Group; gives the XMemRoto."""
    nuke = stage.nuke
    select(stage, *nodes)
    with nodes[0].parent():
        nuke.nodeCopy("%clipboard%")
    select(stage)
    before = {node.fullName() for node in stage.host.all_nodes()}
    with into:
        nuke.nodePaste("%clipboard%")
    for node in nodes:
        nuke.delete(node)
    return next(node for node in stage.host.all_nodes() if node.knob("node_id") and node.fullName() not in before)


@pytest.mark.parametrize("class_name", ["Group", "VariableGroup"])
def test_a_node_that_becomes_part_of_a_group_stays_itself_with_all_that_is_its_own(stage, class_name):
    nuke = stage.nuke
    stage.propagate()
    stage.press("make_passes")
    stage.node["on_frames"].setValue("1003-1004")
    stage.press("approve")
    stage.wait()
    stage.propagate()
    own_id = stage.node["node_id"].value()
    group = getattr(nuke.nodes, class_name)()
    stage.node = moved(stage, [stage.node, *passes(stage)], group)
    with group:
        for number in (0, 1):
            stage.node.setInput(number, nuke.nodes.Input(number=number))
    for number, source in enumerate((stage.plate, stage.roto)):
        group.setInput(number, source)
    stage.press("refresh")
    assert stage.node["node_id"].value() == own_id and owners(passes(stage)) == [own_id] * 2
    assert "Up to date" in stage.status(), "approved mattes, plate and roto are those of before"
    stage.press("version_up")
    stage.propagate()
    assert {node["mattes"].value() for node in passes(stage)} == {stage.node.node("Result")["file"].value()}
    stage.node = moved(stage, [stage.node, *passes(stage)], stage.host.root)
    stage.node.setInput(0, stage.plate)
    stage.node.setInput(1, stage.roto)
    stage.press("refresh")
    assert stage.node["node_id"].value() == own_id and "Up to date" in stage.status()


def test_a_copy_whose_original_is_deleted_later_stays_a_copy(stage):
    stage.propagate()
    copy = stage.copied(stage.node)
    stage.press("refresh", copy)
    own_id = copy["node_id"].value()
    stage.nuke.delete(stage.node)
    stage.press("refresh", copy)
    assert copy["node_id"].value() == own_id


def test_passes_that_an_artist_put_into_a_group_stay_those_of_their_node_when_a_copy_comes_there(stage):
    stage.propagate()
    stage.press("make_passes")
    out = stage.nuke.nodes.Group(name="Out")
    for made in passes(stage):
        pasted_into(stage, out, made)
        stage.nuke.delete(made)
    copy = pasted_into(stage, out, stage.node)
    stage.press("refresh", copy)
    assert owners(passes(stage)) == [stage.node["node_id"].value()] * 2
    stage.press("refresh", copy)
    assert "is a copy" not in stage.status(copy)


def test_passes_that_were_copied_beside_the_original_are_named_until_they_are_deleted(stage, start):
    stage.propagate()
    stage.press("make_passes")
    select(stage, stage.node, *passes(stage))
    stage.nuke.nodeCopy("%clipboard%")
    select(stage)
    before = {node.fullName() for node in stage.host.all_nodes()}
    stage.nuke.nodePaste("%clipboard%")
    copy = next(node for node in stage.host.all_nodes() if node.knob("node_id") and node.fullName() not in before)
    stage.press("refresh", copy)
    said = f"follow {stage.node.name()}, of which {copy.name()} is a copy"
    assert said in stage.status(copy) and all(node.name() in stage.status(copy) for node in passes(stage))
    stage.press("refresh")
    assert "is a copy" not in stage.status()
    name, path = copy.name(), stage.save()
    stage.host.close()
    again = start()
    again.host.open(str(path))
    copy = again.host.node(name)
    again.press("refresh", copy)
    assert said in again.status(copy), "the script keeps of which node it is a copy"
    for made in [node for node in passes(again) if node.name() not in before]:
        again.nuke.delete(made)
    again.press("refresh", copy)
    assert said not in again.status(copy)


def test_a_copy_without_passes_says_nothing_of_those_of_the_original(stage):
    stage.propagate()
    stage.press("make_passes")
    copy = stage.copied(stage.node)
    stage.press("refresh", copy)
    assert "is a copy" not in stage.status(copy)


def test_a_layer_that_is_gone_is_said_again_when_the_script_is_opened(stage, start):
    draw(stage, "tri", "sq")
    stage.propagate()
    stage.press("make_passes")
    draw(stage, "tri", "new")
    stage.propagate()
    said = "The mattes have no layer sq"
    assert said in stage.status()
    path = stage.save()
    stage.host.close()
    again = start()
    again.host.open(str(path))
    again.node = again.host.node("XMemRoto")
    again.node.showControlPanel()
    again.host.pump(0.3)
    assert said in again.status()


def test_a_layer_that_is_gone_is_said_with_all_that_still_names_it(stage):
    draw(stage, "tri", "sq")
    stage.propagate()
    stage.press("make_passes")
    stage.node.node("InAlpha")["from0"].setValue("sq.alpha")
    stage.node.node("Expand")["channels"].setValue("sq")
    draw(stage, "tri", "round")
    stage.propagate()
    name = pass_of(stage, "sq.alpha").fullName()
    said = f"The mattes have no layer sq, and {name}, &#x27;alpha&#x27; on the tab Matte, &#x27;act on&#x27; on the tab Matte still name it"
    assert said in stage.status() and "round" not in "".join(picks(stage)), "another shape may be another thing"
    stage.grade["multiply"].setValue(0.4)
    let_idle_run(stage)
    assert "Stale" in stage.status() and said in stage.status(), "it is written anew by itself"
    stage.node.node("InAlpha")["from0"].setValue("round.alpha")
    stage.node.node("Expand")["channels"].setValue("all")
    stage.press("refresh")
    assert f"no layer sq, and {name} still names it" in stage.status()
    stage.nuke.delete(pass_of(stage, "sq.alpha"))
    stage.press("refresh")
    assert "no layer" not in stage.status() and not stage.host.python_errors


def test_a_layer_beside_the_objects_that_is_gone_is_said_too(stage):
    stage.node["bands"].setValue(True)
    stage.propagate()
    stage.press("make_passes")
    assert "edge.value" in picks(stage)
    stage.node["bands"].setValue(False)
    stage.propagate()
    assert (
        "no layer core" in stage.status()
        and "no layer edge" in stage.status()
        and "switch &#x27;core and edge&#x27; on and propagate" in stage.status()
    )


def test_a_choice_that_was_pointed_elsewhere_is_nobodys_fault(stage):
    draw(stage, "tri", "sq")
    stage.propagate()
    stage.press("make_passes")
    pass_of(stage, "sq.alpha")["mattes"].setValue("/somewhere/else.%04d.exr")
    draw(stage, "tri")
    stage.propagate()
    assert "no layer" not in stage.status()


def test_what_names_a_layer_follows_when_the_plates_layers_change_its_name(stage):
    draw(stage, "tri", "sq")
    stage.propagate()
    stage.press("make_passes")
    stage.node.node("InAlpha")["from0"].setValue("tri.alpha")
    stage.node.node("Expand")["channels"].setValue("tri")
    assert picks(stage) == ["rgba.alpha", "sq.alpha", "tri.alpha"]
    for number, layer in enumerate(("tri", "sq")):
        stage.nuke.Layer(layer, [f"{layer}.alpha"])
        stage.node.setInput(0, stage.nuke.nodes.AddChannels(inputs=[stage.node.input(0)], channels=layer, name=f"Aov{number}"))
    stage.propagate()
    assert picks(stage) == ["rgba.alpha", "roto_sq.alpha", "roto_tri.alpha"] and "no layer" not in stage.status()
    assert sorted(node["label"].value() for node in passes(stage)) == picks(stage)
    assert stage.node.node("InAlpha")["from0"].value() == "roto_tri.alpha"
    assert stage.node.node("Expand")["channels"].value() == "roto_tri"
    stage.node.setInput(0, stage.plate)
    stage.propagate()
    assert picks(stage) == ["rgba.alpha", "sq.alpha", "tri.alpha"] and "no layer" not in stage.status()


def test_a_pass_made_by_an_artist_finds_the_new_name_at_refresh(stage):
    stage.nuke.Layer("tri", ["tri.alpha"])
    stage.node.setInput(0, stage.nuke.nodes.AddChannels(inputs=[stage.plate], channels="tri"))
    stage.propagate()
    stage.press("make_passes")
    pass_of(stage, "roto_tri.alpha").node("Picked")["from0"].setValue("tri.alpha")
    stage.press("refresh")
    assert picks(stage) == ["rgba.alpha", "roto_tri.alpha"]


def test_where_nodes_are_counted_refresh_covers_a_plate_that_grew_and_names_the_passes(counted):
    counted.press("make_passes")
    counted.host.nodes_obtained = 0
    counted.plate["last_frame"].setValue(1020)
    counted.save()
    assert counted.host.nodes_obtained == 0, "saving takes none"
    counted.press("refresh")
    assert counted.host.nodes_obtained <= 4
    counted.host.nodes_obtained = 0
    assert counted.node.node("Result")["last"].value() == 1020
    assert "name the mattes in each by hand" in counted.status() and "1001-1020" in counted.status()


def test_where_nodes_are_counted_the_status_says_that_passes_do_not_follow(counted):
    counted.press("make_passes")
    counted.host.nodes_obtained = 0
    counted.press("refresh")
    assert "does not let Python find passes" not in counted.status()
    counted.press("version_up")
    counted.host.nodes_obtained = 0
    counted.propagate()
    assert "name the mattes in each by hand" in counted.status() and "/v002/" in counted.status()
    counted.host.nodes_obtained = 0
    counted.press("refresh")
    assert "name the mattes in each by hand" not in counted.status(), "the artist has read it"


@pytest.mark.parametrize("left", range(7))
@pytest.mark.parametrize("button", ["make_passes", "make_write"])
def test_what_cannot_be_finished_leaves_nothing_behind(counted, button, left):
    counted.node["publish"].setValue(str(counted.folder / "publish" / "m.%04d.exr"))
    before = [node.name() for node in counted.host.all_nodes()]
    counted.host.nodes_obtained = 10 - left
    counted.press(button)
    made = len(counted.host.all_nodes()) - len(before)
    assert bool(made) != any("ten nodes" in text for text in counted.told) and not counted.host.python_errors
    assert counted.node["passes_end"].value() or not made


def test_a_failure_that_is_told_costs_no_node(start):
    stage = start(nc=True)
    stage.host.nodes_obtained = -1000
    stage.build()
    stage.host.nodes_obtained = 0
    stage.press("make_passes")
    once = stage.host.nodes_obtained
    for _ in range(3):
        stage.press("make_passes")
    # The node of a button counts in the hostile temper.
    assert stage.host.nodes_obtained - once <= (3 if stage.host.hostile else 0)
    assert all("Propagate first" in text for text in stage.told) and len(stage.told) == 4


def test_once_met_the_limit_is_said_until_another_script_is_opened(counted):
    counted.host.nodes_obtained = 10
    counted.press("make_passes")
    counted.grade["multiply"].setValue(0.5)  # the plate is rendered anew, for which a node is made
    counted.press("propagate")
    counted.wait()
    assert len(counted.told) == 2 and all("ten nodes" in text for text in counted.told)
    path = counted.save()
    counted.host.open(path)
    counted.node = next(node for node in counted.host.all_nodes() if node.knob("node_id") is not None)
    counted.press("make_passes")
    assert len(counted.told) == 2 and len(passes(counted)) == 2


def taken(stage):
    """Channels that the Copies above Writes take, and what they call them."""
    copies = [node for node in stage.nuke.allNodes("Copy") if node.knob("takes_mattes") is not None]
    return [(copy[f"from{place}"].value(), copy[f"to{place}"].value()) for copy in copies for place in range(4)]


def test_a_write_follows_a_layer_that_is_called_otherwise_and_one_that_is_gone_is_said(stage):
    draw(stage, "hat", "tri")
    stage.propagate()
    stage.node["publish"].setValue((stage.folder / "publish" / "m.%04d.exr").as_posix())
    stage.press("make_write")
    assert [pair for pair in taken(stage) if pair[0] != "none"] == [(name, name) for name in ("rgba.alpha", "hat.alpha", "tri.alpha")]
    stage.nuke.Layer("tri", ["tri.alpha"])
    stage.node.setInput(0, stage.nuke.nodes.AddChannels(inputs=[stage.plate], channels="tri", color=0.25))
    stage.propagate()
    assert ("roto_tri.alpha", "roto_tri.alpha") in taken(stage) and "still name" not in stage.status()
    stage.roto["curves"].rootLayer[0].name = "cap"
    stage.roto["curves"].changed()
    stage.propagate()
    copy = next(node for node in stage.nuke.allNodes("Copy") if node.knob("takes_mattes") is not None)
    assert f"The mattes have no layer hat, and {copy.name()} of a Write still names it" in stage.status()
    copy["from1"].setValue("cap.alpha")
    stage.press("refresh")
    assert "still names it" not in stage.status() and stage.told == []


def test_a_copy_that_an_artist_made_of_a_node_is_left_alone(stage):
    stage.propagate()
    own = stage.nuke.nodes.Copy(inputs=[stage.plate, stage.node], from0="depth.Z", to0="depth.Z")
    stage.press("refresh")
    assert own["from0"].value() == "depth.Z" and "still name" not in stage.status()
