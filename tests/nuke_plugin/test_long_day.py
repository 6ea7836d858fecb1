"""An artist's day at one node, one thing after the other: what each step leaves behind is there when the next one begins."""

# ruff: noqa: UP031 -- curves text is all braces
from __future__ import annotations

import pytest

from tests.nuke_plugin.stage_steps import choose, mattes, pattern

pytestmark = pytest.mark.timeout(400)

HAT = (
    "{v x3f99999a} {f 0} {n {layer Root {f 0} {t 32 24} {a} "
    "{curvegroup hat 512 bezier {{cc {f 8192} {px 1003 {0 0} {5 30} {0 0} {0 0} {20 30} {0 0} {0 0} {12 44} {0 0}}} idem} {t 12 36} {a}}}}"
)


def inside(stage, frame: int, node=None) -> float:
    """Alpha of the node where every matte of the pretending core is 1."""
    return stage.host.pixels(node or stage.node, frame).at("rgba.alpha", 9, 48 - 1 - 12)


def test_a_long_day(start, monkeypatch):
    stage = start().build()
    node, nuke = stage.node, stage.nuke

    # A part of the range, and no frame of the rest is lost.
    stage.propagate()
    node["frame_range"].setValue("1004-1005")
    stage.propagate()
    assert [inside(stage, frame) for frame in (1001, 1004, 1010)] == [1.0] * 3 and "1001-1003,1006-1010 show too" in stage.status()

    # Nuke's own meter is cancelled while the plate is rendered; nothing that was rendered is rendered again.
    from xmem_roto_nuke.handover import plates

    monkeypatch.setattr(plates, "BITE_SECONDS", 60.0)
    stage.grade["multiply"].setValue(0.5)
    node["frame_range"].setValue("")
    stage.host.cancel_at_frame, before = 1006, len(stage.host.frames_rendered)
    stage.propagate()
    assert stage.told == [] and "Cancelled" in stage.status()
    stage.host.cancel_at_frame = None
    stage.propagate()
    plate = [frame for name, frame in stage.host.frames_rendered[before:] if name.endswith("RenderWrite")]
    assert sorted(plate) == list(range(1001, 1011)) and "Up to date" in stage.status()

    # The next version, while the panel is closed in the middle of the run.
    first = pattern(node)
    kept = mattes(first)
    stage.press("version_up")
    node.showControlPanel()
    monkeypatch.setenv("PRETEND", "slow")
    stage.press("propagate")
    stage.host.pump(0.5)
    node.hideControlPanel()
    stage.wait()
    monkeypatch.delenv("PRETEND")
    second = pattern(node)
    assert second != first and len(mattes(second)) == 10 and mattes(first) == kept and stage.told == []

    # Two versions side by side, and the chosen one is locked.
    choose(stage, "v001")
    assert pattern(node) == first and inside(stage, 1004) == 1.0
    choose(stage, "v002")
    assert pattern(node) == second
    stage.press("lock_result")
    stage.propagate()
    assert "are locked by" in stage.told[-1] and "Locked by" in (stage.press("refresh"), stage.status())[1]
    stage.press("lock_result")

    # A second Roto in the pipe is one more object.
    upper = nuke.nodes.Roto(name="Upper", inputs=[nuke.nodes.Dot(inputs=[stage.roto])])
    upper["curves"].fromScript(HAT)
    node.setInput(1, upper)
    stage.press("refresh")
    assert "hat is new." in stage.status()
    stage.propagate()
    assert {"tri.alpha", "hat.alpha"} <= set(node.channels())

    # The two versions compared: what the hat brings differs, and nothing else.
    node["view_as"].setValue("difference")
    seen = stage.host.pixels(node, 1004)
    assert [seen.at("rgba.red", column, 48 - 1 - 12) for column in (9, 13)] == [0.0, 1.0]
    node["view_as"].setValue("result")

    # A preset of this node on another one gives it the settings, and nothing of the result.
    preset = "\n".join(f"{name} {node[name].toScript()}" for name in ("node_id", "home", "record", "has_result"))
    other = nuke.createNode("XMemRoto")
    other.setInput(0, stage.plate)
    other.setInput(1, stage.roto)
    stage.host.apply_preset(other, preset)
    stage.press("refresh", other)
    assert other["node_id"].value() != node["node_id"].value() and inside(stage, 1004, other) != 1.0

    # The farm renders what was propagated, and stops at a matte that is not there.
    (stage.folder / second.replace("%04d", "1007")).unlink()
    script, name = stage.save("day_v002.nk"), node.name()
    stage.host.close()
    farm = start(plugin=False, gui=False)
    farm.host.open(script)
    assert inside(farm, 1006, farm.host.node(name)) == 1.0
    with pytest.raises(Exception, match="1007"):
        farm.host.pixels(farm.host.node(name), 1007)
