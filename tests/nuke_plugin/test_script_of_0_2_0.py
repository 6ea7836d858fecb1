"""A script that version 0.2.0 saved: it opens, shows its mattes, every button works, and its nodes are brought up to date."""

from __future__ import annotations

import shutil

import pytest

from tests.witness.old_script import placed

pytestmark = pytest.mark.timeout(300)

BUTTONS = (
    "add_key", "remove_key", "absent_key", "list_models", "refresh", "ask_core", "suggest_frames", "make_key", "make_passes", "cancel",
    "propagate", "clear",
)  # fmt: skip


@pytest.fixture
def opened(start, tmp_path):
    """The old script in a session of today."""
    script = placed(tmp_path)
    stage = start()
    stage.host.open(script)
    stage.node, stage.roto = stage.host.node("XMemRoto"), stage.host.node("Roto1")
    return stage


def test_what_a_terminal_migrated_and_saved_is_told_to_the_artist_who_opens_it(start, tmp_path):
    script = placed(tmp_path)
    farm = start(gui=False)
    farm.host.open(script)
    assert farm.host.node("XMemRoto")["on_missing"].value() == "black"
    farm.nuke.scriptSave(str(script))
    farm.host.close()
    artist = start()
    artist.host.open(script)
    node = artist.host.node("XMemRoto")
    assert artist.host.pump(5, until=lambda: artist.told) and "from now on it stops a render" in artist.told[0]
    assert node["on_missing"].value() == "error"
    node["on_missing"].setValue("black")
    artist.nuke.scriptSave(str(script))
    artist.host.open(script)
    artist.host.pump(0.2)
    assert artist.host.node("XMemRoto")["on_missing"].value() == "black" and len(artist.told) == 1, "what the artist chose then stays"
    assert not artist.host.python_errors


def test_a_terminal_renders_it_as_it_was_approved_with_the_plugin_or_without(start, tmp_path):
    """An AOV of the plate that is called like an object is one of what a later inside treats otherwise."""
    script = placed(tmp_path)
    seen = []
    for plugin in (False, True):
        farm = start(plugin=plugin, gui=False)
        farm.host.open(script)
        node = farm.host.node("XMemRoto")
        layer = next(name for name in node.channels() if name.endswith(".alpha") and name != "rgba.alpha")
        named_alike = farm.nuke.nodes.Copy(inputs=[node.input(0), node.input(0)])
        named_alike["from0"].setValue("rgba.red")
        named_alike["to0"].setValue(layer)
        node.setInput(0, named_alike)
        inside = sorted((child.Class(), child.name()) for child in node.nodes())
        pixels = farm.host.pixels(node, 1004)
        seen.append((inside, [pixels.at(channel, 9, 48 - 1 - 12) for channel in sorted(node.channels())]))
        farm.host.close()
    assert seen[0] == seen[1]


def test_its_node_without_any_mattes_gives_the_plate_in_renders_until_somebody_was_told(start, tmp_path):
    script = placed(tmp_path)
    shutil.rmtree(script.parent / "mattes")
    script.write_text(script.read_text().replace("has_result true", "has_result false"))
    for plugin in (False, True):
        farm = start(plugin=plugin, gui=False)
        farm.host.open(script)
        node = farm.host.node("XMemRoto")
        assert farm.host.pixels(node, 1004).at("rgba.red", 9, 35) == farm.host.pixels(node.input(0), 1004).at("rgba.red", 9, 35)
        farm.host.close()
    artist = start()
    artist.host.open(script)
    assert artist.host.pump(5, until=lambda: artist.told) and "a node that was never propagated stops one too" in artist.told[0]
    artist.nuke.scriptSave(str(script))
    artist.host.close()
    farm = start(plugin=False, gui=False)
    farm.host.open(script)
    with pytest.raises(Exception, match="PropagateFirst"):
        farm.host.pixels(farm.host.node("XMemRoto"), 1004)


def test_it_shows_its_mattes_keeps_its_choices_and_every_button_works(opened):
    for name in ("XMemRoto", "XMemPass"):
        assert opened.host.pixels(opened.host.node(name), 1004).at("rgba.alpha", 9, 48 - 1 - 12) == 1.0, name
    assert opened.node["frame_range"].value() == "1001-1008" and opened.node["augment"].value() is True
    assert "1004" in opened.node["keyframes"].value(), "added with the button"
    assert set(BUTTONS) <= {name for name, knob in opened.node.knobs().items() if knob.Class() == "PyScript_Knob"}
    assert opened.host.pump(5, until=lambda: opened.told) and "0.2.0" in opened.told[0], "what was migrated is told together, after loading"
    dialogues = len(opened.told)
    for button in BUTTONS:
        opened.press(button)
        opened.wait()
        assert not opened.host.python_errors and not opened.host.printed_errors, button
        assert opened.status().strip(), button
        if button == "propagate":
            assert "Up to date" in opened.status()
    assert len(opened.told) == dialogues, f"a button failed, or says something: {opened.told[dialogues:]}"
