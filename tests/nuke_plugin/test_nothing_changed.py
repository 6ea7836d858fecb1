"""What changes no pixel renders nothing again; what may change one on another frame than the artist stands on is seen from anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.nuke_plugin.stage_steps import plate_of_files

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("kind", ["Dot", "NoOp", "PostageStamp"])
def test_what_carries_a_wire_is_no_change_of_the_plate(stage, kind):
    stage.propagate()
    rendered, carry = len(stage.host.frames_rendered), getattr(stage.nuke.nodes, kind)
    stage.plate.setInput(0, carry(inputs=[stage.grade]))
    stage.node.setInput(0, carry(inputs=[carry(inputs=[stage.plate])]))
    stage.press("refresh")
    assert "Up to date" in stage.status()
    stage.propagate()
    assert len(stage.host.frames_rendered) == rendered
    stage.plate.input(0).setInput(0, None)
    stage.press("refresh")
    assert "The plate has changed." in stage.status()


@pytest.mark.parametrize("kind", ["Dot", "NoOp", "PostageStamp"])
def test_a_carrier_whose_own_knob_an_expression_asks_for_is_a_part_of_the_plate(stage, kind):
    nuke = stage.nuke
    carrier = getattr(nuke.nodes, kind)(name="Gain", inputs=[stage.grade.input(0)])
    carrier.addKnob(nuke.Double_Knob("gain"))
    carrier["gain"].setValue(1)
    stage.grade.setInput(0, carrier)
    stage.grade["multiply"].setExpression("Gain.gain")
    stage.propagate()
    carrier["gain"].setValue(0.25)
    stage.press("refresh")
    assert "The plate has changed." in stage.status()


@pytest.mark.parametrize("keyed", [False, True])
def test_a_read_that_is_disabled_on_other_frames_is_not_used_directly(stage, keyed):
    plate_of_files(stage)
    from xmem_roto_nuke import host
    from xmem_roto_nuke.handover import plate_files, plates

    read = stage.node.input(0)

    def is_direct(frames) -> bool:
        return plate_files.direct_files(read, host.file_pattern, host.working_space()[2], frames) is not None

    assert is_direct([1001, 1008])
    if keyed:
        read["disable"].setAnimated()
        read["disable"].setValueAt(0, 1006)
        read["disable"].setValueAt(1, 1007)
    else:
        read["disable"].setExpression("frame > 1006")
    assert not read["disable"].value() and not is_direct([1001, 1008])
    assert is_direct([1001, 1003]), "it is not disabled on any of these"
    Path(host.file_pattern(read) % 1008).unlink()
    assert not plates.tree_above(read).is_hole(1008), "it is black there, and needs no file"


def test_default_is_the_projects_space_of_floats_until_a_read_has_looked_at_its_file(start):
    start()
    from xmem_roto_nuke.handover.plate_files import _is_same_space

    assert _is_same_space("default", "linear", "linear")
    assert not _is_same_space("default", "linear", "sRGB")


@pytest.mark.parametrize("frame", [1002, 1008])
def test_a_roto_that_is_disabled_for_a_time_counts_wherever_the_artist_stands(stage, frame):
    below = stage.nuke.nodes.Roto(name="Below")
    below["curves"].fromScript(stage.roto["curves"].toScript().replace("curvegroup tri", "curvegroup low"))
    stage.roto.setInput(0, below)
    below["disable"].setExpression("frame > 1006")
    stage.nuke.root()["frame"].setValue(frame)
    stage.press("refresh")
    assert "Below is disabled for a time; its shapes count all the same." in stage.status()
    assert "low: 1001" in stage.node["keyframes"].value()


@pytest.mark.parametrize("files", [True, False], ids=["files", "rendered"])
def test_nodes_in_a_chain_have_one_plate_whatever_the_mattes_of_those_above_are(stage, files):
    if files:
        plate_of_files(stage)
    below = stage.nuke.createNode("XMemRoto")
    below.setInput(0, stage.nuke.nodes.Dot(inputs=[stage.node]))
    below.setInput(1, stage.roto)

    def plates() -> list:
        return [path.stat().st_mtime_ns for path in stage.cache().glob(f"nuke/{below['node_id'].value()}/plate/*.exr")]

    stage.propagate()
    stage.propagate(below)
    rendered = plates()
    assert len(rendered) == (0 if files else 10) and "Up to date" in stage.status(below)
    stage.node["size"].setValue(256)
    stage.node["view_as"].setValue("overlay")
    stage.propagate()
    stage.press("refresh", below)
    assert "Up to date" in stage.status(below), "other mattes are no change of the plate"
    stage.propagate(below)
    assert plates() == rendered
    stage.node["matte_premultiply"].setValue(True)
    stage.press("refresh", below)
    assert "The plate has changed." in stage.status(below)
    stage.node["matte_premultiply"].setValue(False)
    stage.node.node("Composed").setInput(0, stage.node.node("InAlpha"))
    stage.press("refresh", below)
    assert "The plate has changed." in stage.status(below), "its inside was changed by hand"
