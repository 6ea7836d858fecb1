"""A result hangs on the frames that were asked for then and those that teach, whatever range is asked for now."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.nuke_plugin.stage_steps import plate_of_files, run

pytestmark = pytest.mark.timeout(300)

NO_ATTRIBUTES = "{t x41c80000 x41900000} {a}"
"""End of the triangle's text as Nuke gives it."""


def give_attributes(stage, attributes: str) -> None:
    text = stage.roto["curves"].toScript()
    assert NO_ATTRIBUTES in text
    stage.roto["curves"].fromScript(text.replace(NO_ATTRIBUTES, NO_ATTRIBUTES[:-1] + f" {attributes}}}"))


def replace_file(path: str) -> None:
    Path(path).write_bytes(Path(path).read_bytes())
    os.utime(path, (1, 1))


@pytest.mark.parametrize("rendered", [False, True])
def test_a_keyframes_plate_counts_outside_of_the_frame_range(stage, rendered):
    path = plate_of_files(stage)
    if rendered:
        stage.node.setInput(0, stage.nuke.nodes.Grade(inputs=[stage.node.input(0)], multiply=0.5))
    run(stage, "1005-1010")
    replace_file(path(1003))  # neither asked for nor keyed
    stage.press("refresh")
    assert "Up to date on 1005-1010" in stage.status()
    replace_file(path(1001))
    stage.press("refresh")
    assert "Stale" in stage.status() and "The plate has changed." in stage.status()
    run(stage, "1009-1010")
    assert "of earlier runs, stale" in stage.status(), "they learned from the former plate"


@pytest.mark.parametrize("asked, then", [("1001-1010", "1001-1005"), ("1001-1005", "1001-1010")])
def test_another_frame_range_makes_nothing_stale_where_a_shape_is_hidden(stage, asked, then):
    give_attributes(stage, "ltn 1001 ltm 1007 ltt 4")
    run(stage, asked)
    stage.node["frame_range"].setValue(then)
    stage.press("refresh")
    assert "hidden" not in stage.status() and "has changed" not in stage.status()
    assert ("Frames without a matte: 1006-1010." if then == "1001-1010" else "Up to date") in stage.status()


def test_a_shape_that_an_expression_hides_elsewhere_makes_mattes_outside_of_the_range_stale(stage):
    give_attributes(stage, "vis {=frame<1008 1}")
    run(stage, "1001-1010")
    text = stage.roto["curves"].toScript()
    stage.roto["curves"].fromScript(text.replace("frame<1008", "frame<1006"))
    assert stage.roto["curves"].toScript() != text
    stage.node["frame_range"].setValue("1001-1003")
    stage.press("refresh")
    assert "tri is hidden on 1006-1010, and was on 1008-1010." in stage.status()
    run(stage, "1001-1003")
    assert "7 mattes of earlier runs, stale" in stage.status()
    stage.roto["curves"].fromScript(text)
    run(stage, "1002")
    assert "Up to date on 1002; 9 mattes of earlier runs</font>" in stage.status(), "they are of what is there again"


def test_a_range_may_be_written_with_brackets(stage):
    """Artists link it to the project's, in whatever way."""
    stage.node["frame_range"].setValue("[value root.first_frame]-[expr {[value root.last_frame] - 6}]")
    stage.propagate()
    assert stage.told == [] and "1001-1004" in stage.status()
    stage.node["on_frames"].setValue("[value root.first_frame]")
    stage.press("absent_key")
    assert "not in 1001" in stage.node["keyframes"].value()
    stage.node["frame_range"].setValue("[no_such_command]")
    stage.press("propagate")
    assert "brackets in 'frame range', [no_such_command]" in stage.told[-1]
