"""The tab Matte: what stock nodes inside do to the mattes, with the plugin and without it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.nuke_plugin.drawn_rotos import TWO

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def propagated(stage):
    """Mattes of two objects: white boxes of 16 rows whose left edge is column 8; see the core that plays."""
    stage.roto["curves"].fromScript(TWO)
    stage.propagate()
    assert sorted(name for name in stage.node.channels() if name.endswith("alpha")) == ["hat.alpha", "rgba.alpha", "tri.alpha"]
    return stage


def row(stage, channel: str, frame: int = 1004, node=None) -> list[float]:
    """One row of the picture, through the middle of the boxes."""
    picture = stage.host.pixels(node or stage.node, frame)
    return [round(picture.at(channel, x, 48 - 1 - 16), 3) for x in range(20)]


def test_untouched_it_changes_nothing(propagated):
    assert row(propagated, "tri.alpha")[6:14] == [0, 0, 1, 1, 1, 1, 0, 0] and row(propagated, "rgba.alpha")[6:18] == [0, 0, *[1] * 8, 0, 0]


def test_it_expands_shrinks_and_feathers_every_layer(propagated):
    propagated.node["matte_expand"].setValue(2)
    assert row(propagated, "tri.alpha")[5:15] == [0, 1, 1, 1, 1, 1, 1, 1, 1, 0]
    propagated.node["matte_expand"].setValue(-1)
    assert row(propagated, "tri.alpha")[6:14] == [0, 0, 0, 1, 1, 0, 0, 0]
    propagated.node["matte_expand"].setValue(0)
    propagated.node["matte_feather"].setValue(3)
    soft = row(propagated, "rgba.alpha")
    assert 0 < soft[7] < soft[8] < 1 and soft[12] > 0.9


def test_edge_contrast_hardens_what_feather_softens(propagated):
    propagated.node["matte_feather"].setValue(3)
    soft = row(propagated, "tri.alpha")
    propagated.node["matte_contrast"].setValue(1)
    hard = row(propagated, "tri.alpha")
    assert [round(value) for value in soft] == [round(value) for value in hard]
    assert sum(0.1 < value < 0.9 for value in hard) < sum(0.1 < value < 0.9 for value in soft)
    assert min(hard) == 0 and max(hard) == 1


def test_invert_holds_outside_of_the_mattes_box_too(propagated):
    propagated.node["matte_invert"].setValue(True)
    picture = propagated.host.pixels(propagated.node, 1004)
    assert picture.at("rgba.alpha", 60, 2) == 1.0 and picture.at("rgba.alpha", 9, 48 - 1 - 16) == 0.0
    assert picture.at("rgba.red", 30, 20) == propagated.host.pixels(propagated.plate, 1004).at("rgba.red", 30, 20)


def test_one_layer_alone_can_be_changed(propagated):
    propagated.node["matte_layers"].setValue("hat")
    propagated.node["matte_expand"].setValue(2)
    assert (
        row(propagated, "hat.alpha")[5:8] == [0, 1, 1]
        and row(propagated, "tri.alpha")[6:8] == [0, 0]
        and row(propagated, "rgba.alpha")[6:8] == [0, 0]
    )


def test_confidence_bands_and_cryptomatte_stay_as_they_are(start):
    stage = start()
    stage.nuke.addFormat("64 48 0 0 64 48 1 tiny")
    stage.nuke.root()["format"].setValue("tiny")
    from xmemcore.shot.files import exr
    from xmemcore.shot.plate.canvas import Box

    channels = ("confidence.value", "core.value", "edge.value", "XMemRoto00.R", "XMemRoto01.G", "XMemRoto02.A")
    planes = {"A": np.zeros((48, 64), np.float16), **{name: np.full((48, 64), 0.25, np.float16) for name in channels}}
    exr.write(stage.folder / "m.1004.exr", planes, Box(0, 0, 64, 48), Box(0, 0, 64, 48), 1.0, {})
    node = stage.nuke.createNode("XMemRoto")
    node.setInput(0, stage.nuke.nodes.CheckerBoard2())
    read = node.node("Result")
    for name, value in (("file", (stage.folder / "m.%04d.exr").as_posix()), ("first", 1004), ("last", 1004)):
        read[name].setValue(value)
    node["has_result"].setValue(True)
    node["matte_invert"].setValue(True)
    picture = stage.host.pixels(node, 1004)
    for name in ("confidence.value", "core.value", "edge.value", "XMemRoto00.red", "XMemRoto01.green", "XMemRoto02.alpha"):
        assert picture.at(name, 5, 5) == 0.25, name
    assert picture.at("rgba.alpha", 5, 5) == 1.0


def test_another_matte_can_come_out_in_alpha(propagated):
    propagated.node.node("InAlpha")["from0"].setValue("tri.alpha")
    assert propagated.node["matte_alpha"].value() == "tri.alpha", "the knob is a link to it"
    assert row(propagated, "rgba.alpha") == row(propagated, "tri.alpha") != row(propagated, "hat.alpha")


def test_outside_the_range_it_is_black_or_held(propagated):
    assert row(propagated, "rgba.alpha", 1020)[8] == 0
    propagated.node["matte_outside"].setValue("hold")
    assert row(propagated, "rgba.alpha", 1020)[8] == row(propagated, "rgba.alpha", 990)[8] == 1


def test_the_plate_can_be_premultiplied(propagated):
    plain = propagated.host.pixels(propagated.node, 1004).at("rgba.red", 30, 20)
    propagated.node["matte_premultiply"].setValue(True)
    picture = propagated.host.pixels(propagated.node, 1004)
    assert plain > 0 == picture.at("rgba.red", 30, 20) and picture.at("rgba.red", 9, 48 - 1 - 16) > 0


def test_it_renders_without_the_plugin(propagated, start):
    for name, value in (("matte_expand", 2), ("matte_outside", "hold")):
        propagated.node[name].setValue(value)
    path = propagated.save()
    propagated.host.close()
    bare = start(plugin=False, gui=False)
    bare.host.open(path)
    node = bare.host.node("XMemRoto")
    assert row(bare, "tri.alpha", node=node)[5:8] == [0, 1, 1] and row(bare, "rgba.alpha", 1020, node)[8] == 1
    assert not bare.host.python_errors


def test_a_contrast_beyond_the_slider_is_the_most_there_is(propagated):
    propagated.press("make_passes")
    pass_node = next(node for node in propagated.nuke.allNodes("Group") if node["label"].value() == "tri.alpha")
    for node, channel in ((propagated.node, "tri.alpha"), (pass_node, "rgba.alpha")):
        node["matte_contrast"].setValue(1)
        most = row(propagated, channel, node=node)
        node["matte_contrast"].setValue(7)
        assert row(propagated, channel, node=node) == most and sum(most) > 0


def test_the_knobs_of_a_pass_act_on_that_pass_alone(propagated):
    propagated.press("make_passes")
    pass_node = next(node for node in propagated.nuke.allNodes("Group") if node["label"].value() == "tri.alpha")
    pass_node["matte_expand"].setValue(2)
    assert row(propagated, "rgba.alpha", node=pass_node)[5:15] == [0, 1, 1, 1, 1, 1, 1, 1, 1, 0]
    pass_node["matte_invert"].setValue(True)
    assert propagated.host.pixels(pass_node, 1004).at("rgba.alpha", 60, 2) == 1.0
    assert row(propagated, "tri.alpha")[6:8] == [0, 0]


def test_a_pass_whose_file_holds_the_mattes_box_alone_grows_and_inverts_beyond_it(start):
    stage = start()
    stage.nuke.addFormat("64 48 0 0 64 48 1 tiny")
    stage.nuke.root()["format"].setValue("tiny")
    from xmemcore.shot.files import exr
    from xmemcore.shot.plate.canvas import Box

    exr.write(stage.folder / "m.1004.exr", {"A": np.ones((16, 4), np.float16)}, Box(8, 8, 12, 24), Box(0, 0, 64, 48), 1.0, {})
    node = stage.nuke.createNode("XMemPass")
    node["mattes"].setValue((stage.folder / "m.%04d.exr").as_posix())
    assert row(stage, "rgba.alpha", node=node)[6:14] == [0, 0, 1, 1, 1, 1, 0, 0]
    node["matte_expand"].setValue(2)
    assert row(stage, "rgba.alpha", node=node)[5:15] == [0, 1, 1, 1, 1, 1, 1, 1, 1, 0]
    node["matte_invert"].setValue(True)
    assert row(stage, "rgba.alpha", node=node)[5:15] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert stage.host.pixels(node, 1004).at("rgba.alpha", 60, 2) == 1.0
