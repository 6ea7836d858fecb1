"""The hand-made list of keyframes survives what happens to names: a renamed shape, a node put before the roto input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.nuke_plugin.stage_steps import rename

pytestmark = pytest.mark.timeout(300)

BOX = "{curvegroup box 512 bezier {{cc {f 8192} {px 1001 {0 0} {2 2} {0 0} {0 0} {9 2} {0 0} {0 0} {9 9} {0 0}}} idem} {t 5 5} {a}}"


def go_to(stage, frame: int) -> None:
    stage.nuke.root()["frame"].setValue(frame)


def keyframes(stage) -> str:
    return stage.node["keyframes"].value()


def add_box(stage) -> None:
    text = stage.roto["curves"].toScript()
    at = text.index("{curvegroup")
    stage.roto["curves"].fromScript(f"{text[:at]}{BOX} {text[at:]}")


@pytest.mark.parametrize("meaning", ["alpha of the input", "union of all shapes"])
def test_a_list_does_not_hang_on_the_name_of_the_roto_input(stage, meaning):
    stage.node["roto_input"].setValue(meaning)
    stage.press("add_key")
    listed = keyframes(stage)
    assert "1004" in listed
    stage.roto.setName("hero_roto")
    stage.press("refresh")
    assert keyframes(stage) == listed
    stage.propagate()
    stage.roto.setName("villain_roto")
    stage.press("refresh")
    assert keyframes(stage) == listed and "is gone" not in stage.status() and "is new" not in stage.status()


def test_a_node_put_before_the_roto_input_leaves_the_list_of_an_alpha(stage):
    stage.node["roto_input"].setValue("alpha of the input")
    stage.press("add_key")
    stage.node.setInput(1, stage.nuke.nodes.Blur(inputs=[stage.roto]))
    stage.press("refresh")
    assert keyframes(stage) == "roto: 1004" and "No frame is listed" not in stage.status()


def test_the_union_of_all_shapes_has_one_layer_whatever_the_node_is_called(stage):
    stage.node["roto_input"].setValue("union of all shapes")
    stage.propagate()
    assert "roto.alpha" in stage.node.channels()
    from xmemcore.protocol.names import layer_names

    assert layer_names(["roto"]) == ["roto"]


def test_a_renamed_shape_takes_its_list_along_and_the_status_says_so(stage):
    go_to(stage, 1006)
    stage.press("absent_key")
    rename(stage, 0, "hand")
    stage.press("refresh")
    assert keyframes(stage).startswith("hand: 1001; not in 1006")
    assert "counts for hand" in stage.status() and "counts for hand" in keyframes(stage)
    stage.propagate()
    asked = json.loads(next(stage.folder.glob("mattes/*/request.json")).read_text())
    assert asked["absent"] == ["hand:1006"]
    assert json.loads(Path(asked["roto"]).read_text())["keyframes"] == {"hand": [1001]}
    go_to(stage, 1008)
    stage.press("add_key")
    assert keyframes(stage) == "hand: 1001,1008; not in 1006", "the next change writes it down under the new name"


def test_a_list_of_an_older_version_follows_the_only_shape(stage):
    go_to(stage, 1006)
    stage.press("absent_key")
    from xmem_roto_nuke.node import identity

    stored = identity.read_hidden(stage.node, "key_edits")
    del stored["known"]
    identity.write_hidden(stage.node, "key_edits", stored)
    rename(stage, 0, "hand")
    stage.press("refresh")
    assert keyframes(stage).startswith("hand: 1001; not in 1006")


def test_what_cannot_be_told_apart_is_shown_and_not_guessed(stage):
    add_box(stage)
    go_to(stage, 1006)
    stage.node["key_object"].setValue("all")
    stage.press("absent_key")
    rename(stage, 0, "left")
    rename(stage, 1, "right")
    stage.press("refresh")
    for name in ("box", "tri"):
        assert f"absent on 1006 was said of {name}, which is gone" in keyframes(stage)
        assert f"was said of {name}" in stage.status()
    stage.press("remove_key")
    assert "which is gone" not in keyframes(stage) and "which is gone" not in stage.status()


def test_a_deleted_shape_gives_its_list_to_nobody(stage):
    add_box(stage)
    stage.press("refresh")
    stage.node["key_object"].setValue("box")
    go_to(stage, 1006)
    stage.press("absent_key")
    root = stage.roto["curves"].rootLayer
    root.remove(0)
    stage.roto["curves"].changed()
    stage.press("refresh")
    assert "tri: 1001" in keyframes(stage) and "absent on 1006 was said of box, which is gone" in keyframes(stage)
    go_to(stage, 1007)
    stage.press("add_key")
    assert "which is gone" in keyframes(stage), "another frame's button forgets nothing"


def test_lists_of_two_meanings_do_not_mix(stage):
    go_to(stage, 1006)
    stage.press("absent_key")
    stage.node["roto_input"].setValue("alpha of the input")
    go_to(stage, 1004)
    stage.press("add_key")
    assert keyframes(stage) == "roto: 1004"
    stage.propagate()
    assert not stage.told
    stage.node["roto_input"].setValue("each shape or layer")
    stage.press("refresh")
    assert keyframes(stage) == "tri: 1001; not in 1006"


def test_what_is_said_of_an_object_that_is_gone_is_never_said_of_all(stage):
    add_box(stage)
    stage.press("refresh")
    before = keyframes(stage)
    for button in ("absent_key", "add_key", "remove_key", "make_key"):
        stage.node["key_object"].setValue("box")
        rename(stage, 0, "crate")
        for _ in range(2):
            dialogues = len(stage.told)
            stage.press(button)
            assert "has no shape called box" in stage.told[-1] and len(stage.told) == dialogues + 1, button
            stage.press("refresh")
            assert keyframes(stage) == before.replace("box", "crate"), button
            assert stage.node["key_object"].value() == "box", "a look does not make it all of them"
            assert list(stage.node["key_object"].values()) == ["all", "crate", "tri", "box"]
            assert "The object box, which &#x27;object&#x27; names, is gone: choose another one there." in stage.status()
        rename(stage, 0, "box")
        stage.press("refresh")
    stage.node["key_object"].setValue("all")
    rename(stage, 0, "crate")
    stage.press("refresh")
    assert list(stage.node["key_object"].values()) == ["all", "crate", "tri"] and "is gone" not in stage.status()


def test_a_shape_called_all_is_told_from_all_shapes(stage):
    add_box(stage)
    rename(stage, 0, "all")
    stage.press("refresh")
    assert list(stage.node["key_object"].values()) == ["all", "roto_all", "tri"]
    stage.node["key_object"].setValue("roto_all")
    go_to(stage, 1006)
    stage.press("absent_key")
    assert keyframes(stage) == "roto_all: 1001; not in 1006<br>tri: 1001"
    stage.propagate()
    assert stage.told == []


@pytest.mark.parametrize("meaning", ["alpha of the input", "union of all shapes"])
def test_make_key_keys_every_shape_where_all_are_one_object(stage, meaning):
    stage.node["roto_input"].setValue(meaning)
    stage.press("add_key")
    stage.node["key_object"].setValue("roto")
    stage.press("make_key")
    assert stage.told == []
    assert 1004 in stage.roto["curves"].toElement("tri")[0].center.getControlPointKeyTimes()
    stage.propagate()
    go_to(stage, 1008)
    stage.press("make_key")
    stage.wait()
    assert stage.told == [] and 1008 in stage.roto["curves"].toElement("tri")[0].center.getControlPointKeyTimes()


def test_an_alpha_without_shapes_says_what_to_press_instead(stage):
    stage.node["roto_input"].setValue("alpha of the input")
    stage.node.setInput(1, stage.nuke.nodes.Blur(inputs=[stage.roto]))
    stage.press("make_key")
    assert "there are no shapes to key. Press Add current" in stage.told[-1]


def test_clones_of_a_roto_in_a_chain_are_listed_once_and_what_is_above_them_too(stage):
    from tests.nuke_plugin.conftest import TRIANGLE

    above = stage.nuke.nodes.Roto()
    above["curves"].fromScript(TRIANGLE.replace("tri", "hat"))
    stage.roto.setInput(0, above)
    between = stage.nuke.nodes.Roto(inputs=[stage.roto])
    between["curves"].fromScript(TRIANGLE.replace("tri", "arm"))
    twin = stage.nuke.clone(stage.roto, "", False)
    twin.setInput(0, between)
    stage.node.setInput(1, twin)
    stage.press("refresh")
    assert keyframes(stage) == "tri: 1001<br>arm: 1001<br>hat: 1001"
    assert "comes more than once in the chain, as a clone: its shapes count once." in stage.status()
    stage.propagate()
    assert stage.told == [] and "Up to date" in stage.status()
