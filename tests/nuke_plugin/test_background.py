"""The plate rendered by a second Nuke, where a render licence is at hand; where not, by this one, and the status says why."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform == "win32", reason="the program that stands for Nuke is a shell script"),
]

BACKGROUND = "in the background"


@pytest.fixture
def second(stage):
    """Let the program of the stand-in be a second one, in a terminal; gives the stage."""
    program = stage.folder / "Nuke16.0"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).with_name("nuke_in_terminal.py")}" "$@"\n')
    program.chmod(0o755)
    stage.nuke.env["ExecutablePath"] = str(program)
    stage.node["plate_render"].setValue(BACKGROUND)
    return stage


def rendered_here(stage, before: int = 0) -> list[int]:
    """Frames of the plate that this Nuke has rendered; the roto's alpha is one more."""
    return [frame for _, frame in stage.host.frames_rendered[before:]][:-1]


def plates(stage) -> list[Path]:
    return sorted((stage.cache() / "nuke" / stage.node["node_id"].value() / "plate").glob("*.exr"))


def test_a_second_nuke_renders_the_plate_as_it_stands_and_this_one_renders_none_of_it(second):
    second.grade["multiply"].setValue(0.25)  # not saved
    name, modified = second.nuke.root()["name"].value(), second.nuke.root().modified()
    second.propagate()
    assert second.told == [] and "Up to date" in second.status() and len(second.mattes()) == 10
    assert rendered_here(second) == [] and len(plates(second)) == 10
    assert (second.nuke.root()["name"].value(), second.nuke.root().modified()) == (name, modified)
    assert not list(second.cache().glob("nuke/*/background.nk"))
    before = len(second.host.frames_rendered)
    second.propagate()
    assert len(second.host.frames_rendered) == before and "Up to date" in second.status()


def test_without_a_render_licence_this_nuke_renders_and_says_so(second, monkeypatch):
    monkeypatch.setenv("PRETEND_NUKE", "no licence")
    second.propagate()
    assert len(second.mattes()) == 10 and "there was no render licence" in second.status()
    assert rendered_here(second) == list(range(1001, 1011))


def test_a_program_that_cannot_be_started_is_no_failure(second):
    second.nuke.env["ExecutablePath"] = "/nowhere/Nuke"
    second.propagate()
    assert len(second.mattes()) == 10 and "could be started in the background" in second.status()


def test_cancel_reaches_the_second_nuke_and_leaves_nothing_behind(second, monkeypatch):
    from xmem_roto_nuke.handover import background

    monkeypatch.setattr(background, "STOPPING_SECONDS", 0.5)
    monkeypatch.setenv("PRETEND_NUKE", "deaf")
    second.press("propagate")
    assert second.host.pump(30, until=lambda: list(second.cache().glob("nuke/*/background.nk")))
    second.press("cancel")
    second.wait()
    assert second.told == [] and "Cancelled" in second.status() and second.mattes() == []
    assert not list(second.cache().glob("nuke/*/background.nk"))


def test_a_plate_that_changed_while_the_second_nuke_rendered_is_rendered_here(second, monkeypatch):
    from xmem_roto_nuke.handover import background

    original = background.render

    def render(*arguments):
        sentence = original(*arguments)
        from xmem_roto_nuke import host

        host.in_main(lambda: second.grade["multiply"].setValue(0.5))
        return sentence

    monkeypatch.setattr(background, "render", render)
    second.propagate()
    assert rendered_here(second) == list(range(1001, 1011)) and "Up to date" in second.status()


def test_a_few_frames_are_rendered_before_another_nuke_would_be_up(second):
    second.node["frame_range"].setValue("1001-1004")
    second.nuke.env["ExecutablePath"] = "/nowhere/Nuke"
    second.propagate()
    assert rendered_here(second) == [1001, 1002, 1003, 1004] and "background" not in second.status()
