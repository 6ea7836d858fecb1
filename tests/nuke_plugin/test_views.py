"""The node's views: what they show, how they are stepped through, and that no render without interface gives one."""

from __future__ import annotations

import OpenEXR
import pytest

from tests.nuke_plugin.drawn_rotos import TWO

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def viewed(stage):
    stage.roto["curves"].fromScript(TWO)
    stage.propagate()
    return stage


def at(stage, x: int, channel: str = "rgba.red", node=None) -> float:
    return stage.host.pixels(node or stage.node, 1004).at(channel, x, 48 - 1 - 16)


def test_plate_matte_and_overlay_show_what_their_names_say(viewed):
    plate = at(viewed, 9, node=viewed.plate)
    viewed.node["view_as"].setValue("plate")
    assert at(viewed, 9) == plate and at(viewed, 9, "rgba.alpha") == at(viewed, 9, "rgba.alpha", viewed.plate)
    viewed.node["view_as"].setValue("matte")
    assert at(viewed, 9) == at(viewed, 9, "rgba.blue") == 1 and at(viewed, 30) == 0
    viewed.node["view_as"].setValue("overlay")
    assert at(viewed, 30) == at(viewed, 30, node=viewed.plate), "beside the objects the plate"
    assert at(viewed, 9) != plate


def test_the_overlay_has_the_objects_colours_of_the_strip(viewed):
    from xmem_roto_nuke.panel import colours

    viewed.node["view_as"].setValue("overlay")
    names = list(viewed.node["key_object"].values())[1:]
    for place, name in enumerate(names):
        tint = viewed.node.node(f"Tint{place + 1}" if place else "Tint")
        assert tint["maskChannelInput"].value() == f"{name}.alpha"
        assert tint["add"].value(2) == pytest.approx(colours.of_object(place)[2] / 2)
    only_second = 8 + 4 + 1  # the second box is four pixels wider
    expected = at(viewed, only_second, "rgba.green", viewed.plate) / 2 + colours.of_object(1)[1] / 2
    assert at(viewed, only_second, "rgba.green") == pytest.approx(expected, abs=1e-5)


def test_an_object_that_goes_takes_its_tint_along(viewed):
    assert viewed.node.node("Tint2") is not None
    viewed.roto["curves"].fromScript(TWO[: TWO.index("{curvegroup hat")] + "}}")
    viewed.propagate()
    assert viewed.node.node("Tint2") is None and viewed.node.node("View").input(2).name() == "Tint"


def test_the_difference_is_black_until_another_version_is_named(viewed):
    viewed.node["view_as"].setValue("difference")
    assert at(viewed, 9) == 0
    other = viewed.folder / "v001"
    other.mkdir()
    for path in viewed.folder.glob("mattes/*/matte.*.exr"):
        frame = int(path.name.split(".")[1])
        if frame != 1004:
            (other / path.name).write_bytes(path.read_bytes())
    viewed.node.node("Other")["file"].setValue((other / "matte.%04d.exr").as_posix())
    assert viewed.node["compare_with"].value() == (other / "matte.%04d.exr").as_posix(), "the knob is a link to it"
    assert at(viewed, 9) == 1, "the other version has no such frame"
    assert viewed.host.pixels(viewed.node, 1005).at("rgba.red", 9, 48 - 1 - 16) == 0


def test_a_render_without_interface_gives_the_result(viewed, start):
    viewed.node["view_as"].setValue("matte")
    path = viewed.save()
    viewed.host.close()
    bare = start(plugin=False, gui=False)
    bare.host.open(path)
    node = bare.host.node("XMemRoto")
    assert at(bare, 9, node=node) == at(bare, 9, node=bare.host.node("FrameRange1"))


def test_the_label_says_what_is_shown_instead_of_the_result(viewed):
    viewed.node["view_as"].setValue("overlay")
    assert viewed.host.label(viewed.node).splitlines()[-1] == "(shows overlay)"
    viewed.node["view_as"].setValue("result")
    assert "shows" not in viewed.host.label(viewed.node)


def step(stage) -> None:
    item = stage.nuke.menu("Nodes").menu("XMem Roto").findItem("Next view")
    assert item.shortcut() == "alt+shift+v"
    item.invoke()


def test_a_hotkey_steps_through_the_views(viewed):
    viewed.node["selected"].setValue(True)
    seen = []
    for _ in range(5):
        step(viewed)
        seen.append(viewed.node["view_as"].value())
    assert seen == ["plate", "overlay", "matte", "difference", "result"]


def test_the_hotkey_acts_on_the_open_panel_and_says_when_nothing_is_meant(viewed):
    other = viewed.nuke.createNode("XMemRoto")
    for node in (viewed.node, other):
        node["selected"].setValue(False)
        node.hideControlPanel()
    step(viewed)
    assert "Select the XMemRoto" in viewed.told[-1]
    other.showControlPanel()
    step(viewed)
    assert (viewed.node["view_as"].value(), other["view_as"].value()) == ("result", "plate")


def test_version_up_compares_the_next_version_with_the_one_that_is_left(viewed):
    left = viewed.node.node("Result")["file"].value()
    viewed.press("version_up")
    viewed.press("version_up")
    assert viewed.node["compare_with"].value() == left and viewed.told == [], "v002 is empty, and nothing to compare with"
    viewed.propagate()
    viewed.node["view_as"].setValue("difference")
    assert viewed.node.node("Result")["file"].value() != left and at(viewed, 9) == 0, "the core that plays makes the same again"


def test_a_view_is_no_part_of_the_plate_of_a_node_below(viewed):
    """What an artist looks at in one node must not reach the core, or another artist's mattes, through the next."""
    below = viewed.nuke.createNode("XMemRoto")
    below.setInput(0, viewed.node)
    below.setInput(1, viewed.roto)
    viewed.propagate(below)

    folder = viewed.cache() / "nuke" / below["node_id"].value() / "plate"

    def handed():
        return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.exr")}

    def reds():
        with OpenEXR.File(str(next(folder.glob("*1005.exr"))), separate_channels=True) as file:
            return file.channels()["R"].pixels.tolist()

    before, red = handed(), reds()
    viewed.node["view_as"].setExpression("frame < 0 ? 0 : 2")
    said = [knob.toScript() for knob in (viewed.node["view_as"], viewed.node.node("View")["which"])]
    viewed.press("refresh", below)
    assert "Up to date" in viewed.status(below)
    viewed.propagate(below)
    assert handed() == before, "nothing changed that the core sees"
    for path in folder.glob("*.exr"):
        path.unlink()
    viewed.propagate(below)
    assert viewed.told == [] and reds() == red and viewed.node["view_as"].value() == "overlay"
    assert [knob.toScript() for knob in (viewed.node["view_as"], viewed.node.node("View")["which"])] == said, "expressions stay"


def test_the_next_view_leaves_keys_and_expressions_of_the_view_alone(viewed):
    from xmem_roto_nuke import buttons

    viewed.node["view_as"].setExpression("frame > 1005 ? 2 : 0")
    buttons.next_view()
    assert viewed.node["view_as"].hasExpression() and "has keys or an expression, which stay" in viewed.told[-1]
    viewed.node["view_as"].clearAnimated()
    viewed.node["view_as"].setValue("result")
    buttons.next_view()
    assert viewed.node["view_as"].value() == "plate" and len(viewed.told) == 1
