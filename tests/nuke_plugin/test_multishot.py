"""MultiShot (Nuke 16): the Reads keep the script's variable, so each shot shows its own mattes or an error, on every machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.timeout(300)
NEW = (16, 0, 1)


def switch(stage, shot: str, name: str = "__default__.shot") -> None:
    stage.nuke.root()["gsv"].setGsvValue(name, shot)


def inside(stage, node, frame: int = 1004) -> float:
    return stage.host.pixels(node, frame).at("rgba.alpha", 9, 48 - 1 - 12)


def shown(node) -> str:
    return node.node("Result")["file"].getEvaluatedValue()


def typed(node) -> str:
    return node.node("Result")["file"].value()


def blacken(node, frames=range(1001, 1011)) -> None:
    """Replace the mattes of the current shot, to tell them from others."""
    from xmemcore.shot.files import exr
    from xmemcore.shot.files.box import Box

    for frame in frames:
        Path(shown(node) % frame).parent.mkdir(parents=True, exist_ok=True)
        exr.write(Path(shown(node) % frame), {"A": np.zeros((48, 64), np.float16)}, Box(0, 0, 64, 48), Box(0, 0, 64, 48), 1.0, {})


@pytest.fixture
def stage(start):
    """A script at shot sh010, which has mattes that are 1 in the triangle."""
    made = start(version=NEW).build()
    switch(made, "sh010")
    made.propagate()
    return made


def on_a_farm(stage, start, shot: str, plugin: bool = False, version=NEW):
    """Save the script as it is, and open it in a terminal as `--var __default__.shot:SHOT` does."""
    script = stage.save()
    stage.host.close()
    if version < NEW:
        script.write_text("".join(line for line in script.read_text().splitlines(keepends=True) if not line.startswith(" gsv ")))
    farm = start(plugin=plugin, gui=False, version=version)
    farm.host.open(script)
    if version >= NEW:
        switch(farm, shot)
    return farm


def test_a_switch_of_the_shot_shows_the_other_ones_mattes_at_once(stage):
    assert typed(stage.node).endswith("_%{shot}/matte.%04d.exr") and shown(stage.node).endswith("_sh010/matte.%04d.exr")
    switch(stage, "sh020")
    assert inside(stage, stage.node) == 0.0, "it has none"
    blacken(stage.node)
    switch(stage, "sh010")
    assert inside(stage, stage.node) == 1.0
    switch(stage, "sh020")
    assert inside(stage, stage.node) == 0.0


@pytest.mark.parametrize("plugin", [False, True], ids=["bare", "plugin"])
def test_a_terminal_renders_the_shot_that_it_is_told(stage, start, plugin):
    switch(stage, "sh020")
    blacken(stage.node)
    switch(stage, "sh010")
    farm = on_a_farm(stage, start, "sh020", plugin)
    node = farm.host.node("XMemRoto")
    assert inside(farm, node) == 0.0
    switch(farm, "sh010")
    assert inside(farm, node) == 1.0
    switch(farm, "sh030")
    with pytest.raises(RuntimeError, match=r"_sh030/matte\.1004"):
        inside(farm, node)


def test_a_pass_follows_the_shot(stage, start):
    stage.press("make_passes")
    switch(stage, "sh020")
    blacken(stage.node)
    switch(stage, "sh010")
    assert inside(stage, stage.host.node("XMemPass1")) == 1.0
    farm = on_a_farm(stage, start, "sh010")
    node = farm.host.node("XMemPass1")
    assert (inside(farm, node), int(node["first"].value()), int(node["last"].value())) == (1.0, 1001, 1010)
    switch(farm, "sh020")
    assert inside(farm, node) == 0.0
    with pytest.raises(RuntimeError, match=r"_sh020/matte\.1020"):
        inside(farm, node, 1020)


def test_the_range_of_one_shot_is_no_range_of_another(stage, start):
    switch(stage, "sh020")
    blacken(stage.node, range(1001, 1013))
    switch(stage, "sh010")
    farm = on_a_farm(stage, start, "sh010")
    node = farm.host.node("XMemRoto")
    read = node.node("Result")
    assert (int(read["first"].value()), int(read["last"].value())) == (1001, 1010)
    assert inside(farm, node, 1011) == 0.0, "outside"
    switch(farm, "sh020")
    assert (int(read["first"].value()), int(read["last"].value())) == (-10000000, 10000000)
    assert inside(farm, node, 1012) == 0.0
    with pytest.raises(RuntimeError, match=r"_sh020/matte\.1013"):
        inside(farm, node, 1013)


def test_a_frame_without_a_plate_in_one_shot_is_missing_in_another(stage, start):
    from xmem_roto_nuke.panel import result
    from xmemcore.protocol.frames import FrameRange

    result.show(stage.node, shown(stage.node), FrameRange.parse("1001-1010"), [1006])
    Path(shown(stage.node) % 1006).unlink()
    farm = on_a_farm(stage, start, "sh010")
    node = farm.host.node("XMemRoto")
    assert inside(farm, node, 1006) == 0.0
    switch(farm, "sh020")
    with pytest.raises(RuntimeError, match=r"_sh020/matte\.1006"):
        inside(farm, node, 1006)


def test_the_status_is_that_of_the_current_shot_without_refresh(stage):
    from xmem_roto_nuke.panel import status

    assert "Up to date" in stage.status()
    switch(stage, "sh020")
    status.refresh(stage.node)  # what an idle moment does
    assert "No mattes yet" in stage.status()
    stage.press("make_passes")
    assert "no finished result" in stage.told[-1]
    stage.node["frame_range"].setValue("1001-1005")
    stage.propagate()
    assert "Up to date on 1001-1005; 5 frames without a matte" in stage.status()
    switch(stage, "sh010")
    stage.node["frame_range"].setValue("")
    status.refresh(stage.node)
    assert "Up to date</font></b>: 1001-1010" in stage.status()
    stage.press("refresh")
    assert "Up to date</font></b>: 1001-1010" in stage.status()
    assert inside(stage, stage.node) == 1.0 and int(stage.node.node("Result")["last"].value()) == 1010


def test_range_of_a_plate_that_grew_counts_for_the_current_shot_alone(stage):
    read = stage.node.node("Result")
    stage.plate["last_frame"].setValue(1020)
    stage.press("refresh")
    assert int(read["last"].value()) == 1020
    switch(stage, "sh020")
    assert int(read["last"].value()) > 1020, "no frame counts as outside where nothing was propagated"
    stage.plate["last_frame"].setValue(1030)
    stage.press("refresh")
    switch(stage, "sh010")
    assert int(read["last"].value()) == 1020


def test_mattes_without_a_record_get_their_range_by_refresh(stage):
    import shutil

    first = Path(shown(stage.node)).parent
    switch(stage, "sh020")
    shutil.copytree(first, Path(shown(stage.node)).parent, ignore=shutil.ignore_patterns("nuke.json"))
    stage.press("refresh")
    read = stage.node.node("Result")
    assert (int(read["first"].value()), int(read["last"].value())) == (1001, 1010)
    assert typed(stage.node).endswith("_%{shot}/matte.%04d.exr")


def test_a_switch_during_a_run_does_not_point_the_new_shot_at_the_old_ones_mattes(start):
    stage = start(version=NEW).build()
    switch(stage, "sh010")
    stage.press("propagate")
    switch(stage, "sh020")
    stage.wait()
    assert "sh010" not in shown(stage.node)
    assert inside(stage, stage.node) == 0.0 and "Up to date" not in stage.status()


def test_a_read_of_an_earlier_version_keeps_the_variable_from_the_next_look_on(stage):
    from xmem_roto_nuke import host

    read = stage.node.node("Result")
    host.set_path(read["file"], shown(stage.node))
    host.set_ranges(read, ("first", "last", "origfirst", "origlast"), (1001, 1010))
    stage.node["range_of"].setValue("")
    assert "%{" not in typed(stage.node) and not read["first"].hasExpression()
    stage.press("refresh")
    assert typed(stage.node).endswith("_%{shot}/matte.%04d.exr") and read["first"].hasExpression()


def test_versions_keep_the_variable(stage):
    stage.press("version_up")
    assert stage.node["compare_with"].value().endswith("_%{shot}/matte.%04d.exr")
    stage.propagate()
    assert typed(stage.node).endswith("_%{shot}/v002/matte.%04d.exr") and inside(stage, stage.node) == 1.0


@pytest.mark.parametrize(
    ("output", "template", "kept", "path"),
    [
        ("OUT/%shot/%{show.name}_m.%04d.exr", "", "OUT/%{shot}/%{show.name}_m.%04d.exr", "OUT/sh010/abc_m.%04d.exr"),
        ("", "OUT/{shot}/m.%04d.exr", "OUT/%{shot}/m.%04d.exr", "OUT/sh010/m.%04d.exr"),
        ("%{root}/%{shot}/m.%04d.exr", "", "/nowhere/%{shot}/m.%04d.exr", "/nowhere/sh010/m.%04d.exr"),
        ("OUT/%{again}/m.%04d.exr", "", "OUT/%{again}/m.%04d.exr", "OUT/x_sh010/m.%04d.exr"),
        ("OUT/m.%04d.exr", "", "OUT/m.%04d.exr", "OUT/m.%04d.exr"),
    ],
)
def test_variables_in_a_place_are_kept_where_they_can_be_folders(start, monkeypatch, output, template, kept, path):
    stage = start(version=NEW).build()
    out = stage.folder.as_posix()
    sets = {"__default__": {"shot": "sh010", "root": "/nowhere", "again": "x_%shot"}, "show": {"name": "abc"}}
    stage.nuke.root()["gsv"].setValue(sets)
    monkeypatch.setenv("XMEM_ROTO_OUTPUT", template.replace("OUT", out))
    stage.node["output"].setValue(output.replace("OUT", out))
    from xmem_roto_nuke.node import knobs

    assert knobs.matte_pattern(stage.node) == path.replace("OUT", out)
    assert knobs.kept_pattern(stage.node) == kept.replace("OUT", out)


@pytest.mark.parametrize(
    ("shot", "folder", "kept"),
    [
        ("sh 010", "sh 010", True),
        ("sq/sh010", "sq/sh010", True),
        ("a:b%c", "a_b_c", False),
        ("../up", ".._up", False),
        ("/root", "_root", False),
    ],
)
def test_a_value_that_is_no_folder_is_cleaned_and_not_kept(start, shot, folder, kept):
    stage = start(version=NEW).build()
    switch(stage, shot)
    stage.propagate()
    assert shown(stage.node).endswith(f"_{folder}/matte.%04d.exr") and inside(stage, stage.node) == 1.0
    assert ("%{shot}" in typed(stage.node)) == kept


def test_the_environments_shot_is_no_variable(start, monkeypatch):
    monkeypatch.setenv("SHOT", "sh010")
    stage = start(version=NEW).build()
    monkeypatch.setenv("XMEM_ROTO_OUTPUT", (stage.folder / "{shot}" / "m.%04d.exr").as_posix())
    stage.propagate()
    assert typed(stage.node) == (stage.folder / "sh010" / "m.%04d.exr").as_posix() and stage.node["range_of"].value() == ""
    stage.node["output"].setValue("/a/%{unknown}/m.%04d.exr")
    stage.press("propagate")
    assert "fills in every % and #" in stage.told[-1], "from artists it is refused as before"


def test_a_scope_of_its_own_around_the_node_gets_the_path_as_it_is(start):
    stage = start(version=NEW).build()
    switch(stage, "sh010")
    group = stage.nuke.nodes.VariableGroup()
    group["gsv"].setGsvValue("shot", "other")
    with group:
        write = stage.nuke.nodes.Write()
    from xmem_roto_nuke import host

    assert host.set_path(write["file"], "/a/sh010/m.%04d.exr", "/a/%{shot}/m.%04d.exr") is False
    assert write["file"].value() == "/a/sh010/m.%04d.exr"


def test_a_nuke_without_variables_shows_no_mattes_and_says_why(stage, start):
    farm = on_a_farm(stage, start, "", plugin=False, version=(15, 1, 0))
    with pytest.raises(RuntimeError, match=r"matte\.1004"):
        inside(farm, farm.host.node("XMemRoto"))
    script = farm.save()
    farm.host.close()
    artist = start(version=(15, 1, 0))
    artist.host.open(script)
    node = artist.host.node("XMemRoto")
    artist.press("refresh", node)
    assert "No mattes yet" in artist.status(node) and "16 and later have them" in artist.status(node)
    artist.press("copy_mattes", node)
    artist.propagate(node)
    assert inside(artist, node) == 1.0 and "Up to date" in artist.status(node) and "%{" not in typed(node)


def test_a_write_for_the_mattes_writes_each_shot_to_its_own_place(stage):
    stage.node["publish"].setValue((stage.folder / "public" / "%shot" / "m.%04d.exr").as_posix())
    stage.press("make_write")
    write = next(node for node in stage.host.all_nodes() if node.Class() == "Write")
    switch(stage, "sh020")
    assert write["file"].getEvaluatedValue() == (stage.folder / "public" / "sh020" / "m.%04d.exr").as_posix()
