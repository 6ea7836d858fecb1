"""The node's views: what they show, how they are stepped through, and that no render without interface gives one."""

from __future__ import annotations

import pytest

from tests.nuke_plugin.test_matte_tab import TWO

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def made(stage):
    stage.roto["curves"].fromScript(TWO)
    stage.propagate()
    return stage


def at(stage, x: int, channel: str = "rgba.red", node=None) -> float:
    return stage.host.pixels(node or stage.node, 1004).at(channel, x, 48 - 1 - 16)


def test_plate_matte_and_overlay_show_what_their_names_say(made):
    plate = at(made, 9, node=made.plate)
    made.node["view_as"].setValue("plate")
    assert at(made, 9) == plate and at(made, 9, "rgba.alpha") == at(made, 9, "rgba.alpha", made.plate)
    made.node["view_as"].setValue("matte")
    assert at(made, 9) == at(made, 9, "rgba.blue") == 1 and at(made, 30) == 0
    made.node["view_as"].setValue("overlay")
    assert at(made, 30) == at(made, 30, node=made.plate), "beside the objects the plate"
    assert at(made, 9) != plate


def test_the_overlay_has_the_objects_colours_of_the_strip(made):
    from xmem_roto_nuke.panel import colours

    made.node["view_as"].setValue("overlay")
    names = list(made.node["key_object"].values())[1:]
    for place, name in enumerate(names):
        tint = made.node.node(f"Tint{place + 1}" if place else "Tint")
        assert tint["maskChannelInput"].value() == f"{name}.alpha"
        assert tint["add"].value(2) == pytest.approx(colours.of_object(place)[2] / 2)
    only_second = 8 + 4 + 1  # the second box is four pixels wider
    expected = at(made, only_second, "rgba.green", made.plate) / 2 + colours.of_object(1)[1] / 2
    assert at(made, only_second, "rgba.green") == pytest.approx(expected, abs=1e-5)


def test_an_object_that_goes_takes_its_tint_along(made):
    assert made.node.node("Tint2") is not None
    made.roto["curves"].fromScript(TWO[: TWO.index("{curvegroup hat")] + "}}")
    made.propagate()
    assert made.node.node("Tint2") is None and made.node.node("View").input(2).name() == "Tint"


def test_the_difference_is_black_until_another_version_is_named(made):
    made.node["view_as"].setValue("difference")
    assert at(made, 9) == 0
    other = made.folder / "v001"
    other.mkdir()
    for path in made.folder.glob("mattes/*/matte.*.exr"):
        frame = int(path.name.split(".")[1])
        if frame != 1004:
            (other / path.name).write_bytes(path.read_bytes())
    made.node.node("Other")["file"].setValue((other / "matte.%04d.exr").as_posix())
    assert made.node["compare_with"].value() == (other / "matte.%04d.exr").as_posix(), "the knob is a link to it"
    assert at(made, 9) == 1, "the other version has no such frame"
    assert made.host.pixels(made.node, 1005).at("rgba.red", 9, 48 - 1 - 16) == 0


def test_a_render_without_interface_gives_the_result(made, start):
    made.node["view_as"].setValue("matte")
    path = made.save()
    made.host.close()
    bare = start(plugin=False, gui=False)
    bare.host.open(path)
    node = bare.host.node("XMemRoto")
    assert at(bare, 9, node=node) == at(bare, 9, node=bare.host.node("FrameRange1"))


def test_the_label_says_what_is_shown_instead_of_the_result(made):
    made.node["view_as"].setValue("overlay")
    assert made.host.label(made.node).splitlines()[-1] == "(shows overlay)"
    made.node["view_as"].setValue("result")
    assert "shows" not in made.host.label(made.node)


def step(stage) -> None:
    item = stage.nuke.menu("Nodes").menu("XMem Roto").findItem("Next view")
    assert item.shortcut() == "alt+shift+v"
    item.invoke()


def test_a_hotkey_steps_through_the_views(made):
    made.node["selected"].setValue(True)
    seen = []
    for _ in range(5):
        step(made)
        seen.append(made.node["view_as"].value())
    assert seen == ["plate", "overlay", "matte", "difference", "result"]


def test_the_hotkey_acts_on_the_open_panel_and_says_when_nothing_is_meant(made):
    other = made.nuke.createNode("XMemRoto")
    for node in (made.node, other):
        node["selected"].setValue(False)
        node.hideControlPanel()
    step(made)
    assert "Select the XMemRoto" in made.told[-1]
    other.showControlPanel()
    step(made)
    assert (made.node["view_as"].value(), other["view_as"].value()) == ("result", "plate")


def test_version_up_compares_the_next_version_with_the_one_that_is_left(made):
    left = made.node.node("Result")["file"].value()
    made.press("version_up")
    assert made.node["compare_with"].value() == left and made.told == []
    made.propagate()
    made.node["view_as"].setValue("difference")
    assert made.node.node("Result")["file"].value() != left and at(made, 9) == 0, "the core that plays makes the same again"
