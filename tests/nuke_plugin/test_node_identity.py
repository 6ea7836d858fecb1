"""The id of a node: stable through rename, save, reopen and undo; split by copy and paste."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.timeout(300)


def id_of(node) -> str:
    return node["node_id"].value()


def test_a_new_node_has_an_id_and_another_one_another(stage):
    other = stage.nuke.createNode("XMemRoto")
    assert len(id_of(stage.node)) == 32 and id_of(other) != id_of(stage.node)


def test_rename_save_reopen_and_undo_keep_the_id(stage):
    before = id_of(stage.node)
    stage.node.setName("sleeve")
    path = stage.save("shot_v002.nk")
    stage.host.open(path)
    node = stage.host.node("sleeve")
    assert id_of(node) == before
    stage.host.user_delete(node)
    stage.host.undo()
    assert id_of(stage.host.node("sleeve")) == before


def test_a_pasted_copy_gets_an_id_of_its_own_and_shows_the_same_mattes(stage):
    stage.propagate()
    twin = stage.copied(stage.node)
    assert id_of(twin) != id_of(stage.node) and len(id_of(twin)) == 32
    assert twin.node("Result")["file"].value() == stage.node.node("Result")["file"].value()
    twin.setInput(0, stage.plate)
    twin.setInput(1, stage.roto)
    stage.press("refresh", twin)
    assert "Up to date" in stage.status(twin)
    stage.node["size"].setValue(256)
    stage.propagate()
    stage.press("refresh", twin)
    assert "Stale" in stage.status(twin) and "Another run" in stage.status(twin)


def test_nodes_that_write_into_one_folder_do_not_make_each_other_stale(stage):
    stage.node["output"].setValue((stage.folder / "mattes" / "sleeve.%04d.exr").as_posix())
    stage.propagate()
    twin = stage.copied(stage.node)
    twin.setInput(0, stage.plate)
    twin.setInput(1, stage.roto)
    twin["output"].setValue((stage.folder / "mattes" / "hair.%04d.exr").as_posix())
    stage.propagate(twin)
    for node in (stage.node, twin):
        stage.press("refresh", node)
        assert "Up to date" in stage.status(node), stage.status(node)


def test_a_copy_of_a_renamed_node_is_split_too(stage):
    stage.node.setName("renamed_behind_our_back")
    assert id_of(stage.copied(stage.node)) != id_of(stage.node)


def test_a_copy_pasted_after_the_original_was_deleted_keeps_the_id(stage):
    before = id_of(stage.node)
    stage.node["selected"].setValue(True)
    stage.nuke.nodeCopy("%clipboard%")
    stage.nuke.delete(stage.node)
    for node in stage.host.all_nodes():
        node["selected"].setValue(False)
    assert id_of(stage.nuke.nodePaste("%clipboard%")) == before, "cut and paste moves a node"


def test_nothing_heavy_is_in_the_script(stage):
    stage.propagate()
    stage.press("suggest_frames")
    stage.wait()
    path = stage.save("heavy.nk")
    characters = sum(len(str(stage.node[name].value())) for name in ("record", "key_edits", "suggestions"))
    assert characters < 8000
    assert path.stat().st_size < 60_000


def test_a_node_of_an_older_version_is_migrated_with_a_message(stage):
    stage.node["plugin_version"].setValue("0.0.1")
    stage.node.removeKnob(stage.node["confidence"])
    path = stage.save("shot_v002.nk")
    stage.host.open(path)
    node = stage.host.node("XMemRoto")
    from xmemcore.protocol.version import VERSION

    assert node["plugin_version"].value() == VERSION
    assert node["confidence"].value() is False, "a knob that came later is added"
    assert stage.host.pump(5, until=lambda: stage.told) and "0.0.1" in stage.told[-1]


def test_a_node_of_a_later_version_is_left_alone_with_a_message(stage):
    stage.node["plugin_version"].setValue("99.0.0")
    path = stage.save("shot_v002.nk")
    stage.host.open(path)
    assert stage.host.node("XMemRoto")["plugin_version"].value() == "99.0.0"
    assert stage.host.pump(5, until=lambda: stage.told) and "Update the plugin" in stage.told[-1]


def test_the_roto_handed_over_is_the_same_before_saving_and_after_reopening(stage):
    """Nuke saves single precision; the core must not take that for a change and compute everything again."""
    shape = stage.roto["curves"].rootLayer[0]
    for index, point in enumerate(shape):
        for part in (point.center, point.leftTangent, point.rightTangent):
            part.addPositionKey(1001, (10.123456789 + 7.1 * index, 9.87654321 / (index + 1)))
    stage.roto["curves"].changed()
    stage.propagate()
    roto_json = stage.cache() / "nuke" / stage.node["node_id"].value() / "roto.json"
    before = roto_json.read_text()
    stage.host.open(stage.save("shot_v002.nk"))
    node = stage.host.node("XMemRoto")
    stage.press("refresh", node)
    assert "Up to date" in stage.status(node)
    stage.propagate(node)
    assert roto_json.read_text() == before


def test_the_core_is_asked_what_the_next_run_costs(stage):
    stage.press("ask_core")
    stage.wait()
    assert "Next run: 1 of 1 matte, 1 frame to compute, 1 plate frame and 1 keyframe to learn." in stage.status() and stage.told == []
    assert "In the cache for this node alone: under 0.1 MB." in stage.status(), "what is handed over"
    assert "Features of the plate in the cache: under 0.1 MB, which nodes of the same plate share." in stage.status()


def test_numbers_in_sentences_read_as_numbers_do():
    from xmem_roto_nuke.words import size

    assert [size(number) for number in (1, 99_999, 15_000_000, 2_340_000_000)] == ["under 0.1 MB", "under 0.1 MB", "15.0 MB", "2.3 GB"]


def test_one_matte_is_one_in_the_status(stage):
    stage.node["frame_range"].setValue("1004")
    stage.propagate()
    assert re.search(r"Last run: 1 matte in \d+ s; learned 0 keyframes and looked at 0 plate frames anew\.", stage.status())
