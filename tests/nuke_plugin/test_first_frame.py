"""Before anything is keyed, Suggest frames names the frame to begin with."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.timeout(300)

NO_KEY = "{v x3f99999a} {f 0} {n {layer Root {f 0} {t 32 24} {a} }}"


@pytest.fixture
def stage(start):
    return start().build()


def asked(stage) -> dict:
    return json.loads((stage.cache() / "asked.json").read_text())


@pytest.mark.parametrize("missing", ["no roto", "no shape", "no listed frame"])
def test_the_plate_alone_is_asked_about_while_nothing_is_keyed(stage, missing):
    if missing == "no roto":
        stage.node.setInput(1, None)
    elif missing == "no shape":
        stage.roto["curves"].fromScript(NO_KEY)
    else:
        stage.node["roto_input"].setValue("alpha of the input")
    stage.press("suggest_frames")
    stage.wait()
    request = asked(stage)
    assert request["plate"] and request["roto"] is None and request["masks"] is None and request["mattes"] is None
    assert stage.told == []


def test_other_ways_to_choose_need_a_key(stage):
    stage.node.setInput(1, None)
    stage.node["suggest_method"].setValue("published")
    stage.press("suggest_frames")
    assert stage.runs == {} and "Nothing is connected to the roto input" in stage.told[-1]


def test_a_propagate_needs_a_key_as_ever(stage):
    stage.node.setInput(1, None)
    stage.press("propagate")
    assert stage.runs == {} and "Nothing is connected to the roto input" in stage.told[-1]
