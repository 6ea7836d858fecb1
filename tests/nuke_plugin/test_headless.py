"""`nuke -t nuke_plugin/render.py script.nk NodeName`: the button's code without an interface."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def script(start):
    """A saved script with a connected node, made in the interface."""
    stage = start().build()
    path = stage.save("farm.nk")
    stage.host.close()
    return path


def test_a_terminal_propagates_and_saves_what_the_interface_then_shows(start, script):
    terminal = start(gui=False)
    from nuke_plugin import render

    assert render.main([str(script), "XMemRoto"]) == 0
    assert len(list(script.parent.glob("mattes/*/matte.*.exr"))) == 10
    terminal.host.close()
    again = start()
    again.host.open(script)
    assert again.host.pixels(again.host.node("XMemRoto"), 1004).at("rgba.alpha", 9, 48 - 1 - 12) == 1.0
    again.press("refresh", again.host.node("XMemRoto"))
    assert "Up to date" in again.status(again.host.node("XMemRoto"))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["{script}", "Nobody"], 2), (["{script}", "Roto1"], 2), (["/nowhere/shot.nk", "XMemRoto"], 2), (["{script}"], 2), ([], 2)],
)
def test_a_wrong_call_ends_with_a_sentence_and_code_2(start, script, arguments, code, capsys):
    start(gui=False)
    from nuke_plugin import render

    assert render.main([argument.format(script=script) for argument in arguments]) == code
    assert "XMem Roto: " in capsys.readouterr().out


@pytest.mark.parametrize(("behaviour", "code"), [("die", 3), ("disk", 3)])
def test_a_failure_ends_with_its_exit_code(start, script, monkeypatch, behaviour, code):
    monkeypatch.setenv("PRETEND", behaviour)
    start(gui=False)
    from nuke_plugin import render

    assert render.main([str(script), "XMemRoto"]) == code


def test_no_core_is_left_behind(start, script):
    start(gui=False)
    from nuke_plugin import core_client, render

    render.main([str(script), "XMemRoto"])
    assert not core_client.session_core().running


def test_nukes_own_options_are_passed_over(start):
    start(gui=False)
    from nuke_plugin.render import _own_arguments

    assert _own_arguments(["-V", "2", "a.nk", "XMemRoto1"]) == ["a.nk", "XMemRoto1"]
    assert _own_arguments(["XMemRoto1"]) == ["XMemRoto1"]
