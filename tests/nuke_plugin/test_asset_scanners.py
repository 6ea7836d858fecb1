"""Tools that collect a script's files take every file knob for an input, but a Write's for an output: so do farm submitters."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.timeout(300)


def scanned(stage) -> tuple[set[str], set[str]]:
    """Walk all nodes, those inside of Groups too; gives what a submitter takes for inputs and for outputs."""
    inputs: set[str] = set()
    outputs: set[str] = set()
    for node in stage.host.all_nodes():
        for knob in node.knobs().values():
            if knob.Class() == "File_Knob" and knob.value():
                (outputs if node.Class() == "Write" else inputs).add(knob.getEvaluatedValue())
    return inputs - {""}, outputs


def test_places_for_mattes_are_no_inputs_and_a_write_for_mattes_is_an_output(stage):
    before, _ = scanned(stage)
    output, public = ((stage.folder / name / "m.%04d.exr").as_posix() for name in ("made", "public"))
    stage.node["output"].setValue(output)
    stage.node["publish"].setValue(public)
    assert scanned(stage) == (before, set()), "nothing is there to be read"
    stage.propagate()
    assert scanned(stage) == (before | {output}, set()), "a render reads the mattes that are there"
    stage.node["output"].setValue((stage.folder / "next" / "m.%04d.exr").as_posix())
    stage.press("make_write")
    assert scanned(stage) == (before | {output}, {public})


@pytest.mark.parametrize("version", ["0.2.0", "0.3.0"])
def test_a_node_with_file_knobs_keeps_their_values_in_text_knobs(stage, version):
    paths = {"output": "[file dirname [value root.name]]/tcl/m.%04d.exr", "publish": "/shots/a/publish/m.%04d.exr"}
    before, _ = scanned(stage)
    for name, value in paths.items():
        stage.node.removeKnob(stage.node[name])
        stage.node.addKnob(stage.nuke.File_Knob(name))
        stage.node[name].setValue(value)
    stage.node["plugin_version"].setValue(version)
    assert len(scanned(stage)[0]) == len(before) + 2
    stage.host.open(stage.save("shot_v002.nk"))
    node = stage.host.node("XMemRoto")
    assert {name: node[name].value() for name in paths} == paths
    assert scanned(stage)[0] == before
    stage.propagate(node)
    assert len(list((stage.folder / "tcl").glob("m.*.exr"))) == 10


def test_variables_of_the_script_are_filled_in_and_frame_numbers_are_not(stage):
    from xmem_roto_nuke import host

    knob = stage.node["output"]
    for text, path in (("/a/%04d.exr", "/a/%04d.exr"), ("/a/%d.exr", "/a/%d.exr"), ("C:\\a\\[format m].%04d.exr", "C:\\a\\m.%04d.exr")):
        knob.setValue(text)
        assert host.filled_path(knob) == path
    gsv = stage.nuke.root().knob("gsv")
    if gsv is not None:
        gsv.setValue({"__default__": {"shot": "sh010"}, "show": {"name": "abc"}})
        knob.setValue("/%{show.name}/%shot/%{shot}_m.%04d_%unknown")
        assert host.filled_path(knob) == "/abc/sh010/sh010_m.%04d_%unknown"


def test_brackets_that_nuke_does_not_understand_are_said(stage):
    stage.node["output"].setValue("/a/[no_such_command]/m.%04d.exr")
    stage.press("propagate")
    assert "brackets in 'output', /a/[no_such_command]" in stage.told[-1]
