"""`nuke -t nuke_plugin/render.py script.nk NodeName`: the button's code without an interface."""

from __future__ import annotations

import shutil

import pytest

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("save", [[], ["--save"]], ids=["as it is", "saved"])
def test_a_terminal_propagates_what_the_interface_then_shows(start, script, save):
    before = script.read_bytes()
    terminal = start(gui=False)
    from xmem_roto_nuke import render

    assert render.main([*save, str(script), "root.XMemRoto" if save else "XMemRoto"]) == 0
    assert (script.read_bytes() == before) == (not save), "an artist's script is changed when that is asked for, and only then"
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
    from xmem_roto_nuke import render

    assert render.main([argument.format(script=script) for argument in arguments]) == code
    assert "XMem Roto: " in capsys.readouterr().out


@pytest.mark.parametrize(("behaviour", "code"), [("die", 3), ("disk", 3)])
def test_a_failure_ends_with_its_exit_code(start, script, monkeypatch, behaviour, code):
    monkeypatch.setenv("PRETEND", behaviour)
    start(gui=False)
    from xmem_roto_nuke import render

    assert render.main([str(script), "XMemRoto"]) == code


def test_a_script_that_was_saved_by_somebody_else_meanwhile_stays_as_it_is(start, script, capsys):
    start(gui=False)
    from xmem_roto_nuke import actions, render

    propagate, later = actions.propagate, script.read_bytes() + b"# the artist's next hour\n"

    def meanwhile(node):
        run = propagate(node)
        script.write_bytes(later)
        return run

    actions.propagate = meanwhile
    assert render.main([str(script), "XMemRoto", "--save"]) == 0
    assert script.read_bytes() == later and "was saved by somebody else meanwhile" in capsys.readouterr().out


def test_what_was_finished_is_saved_when_a_later_node_fails(start, script):
    start(gui=False)
    from xmem_roto_nuke import render

    before = script.read_bytes()
    assert render.main([str(script), "Nobody", "XMemRoto", "--save"]) == 2
    assert script.read_bytes() == before, "nothing was finished"
    assert render.main([str(script), "XMemRoto", "Nobody", "--save"]) == 2
    assert "has_result true" in script.read_text() and "has_result true" not in before.decode()


def test_no_core_is_left_behind(start, script):
    start(gui=False)
    from xmem_roto_nuke import render
    from xmem_roto_nuke.core import client

    render.main([str(script), "XMemRoto"])
    assert not client.session_core().running


def test_nukes_own_options_are_passed_over(start):
    start(gui=False)
    from xmem_roto_nuke.render import _own_arguments

    assert _own_arguments(["-V", "2", "a.nk", "XMemRoto1"]) == ["a.nk", "XMemRoto1"]
    assert _own_arguments(["-V", "2", "--save", "a.nk", "XMemRoto1"]) == ["--save", "a.nk", "XMemRoto1"]
    assert _own_arguments(["a.nk", "XMemRoto1", "--save"]) == ["a.nk", "XMemRoto1", "--save"]
    assert _own_arguments(["XMemRoto1"]) == ["XMemRoto1"]


def test_a_script_without_the_plugin_shows_what_was_saved_for_it(start, script):
    farm = start(gui=False)
    from xmem_roto_nuke import render

    assert render.main([str(script), "XMemRoto", "--save"]) == 0
    farm.host.close()
    bare = start(plugin=False)
    bare.host.open(script)
    assert bare.host.pixels(bare.host.node("XMemRoto"), 1004).at("rgba.alpha", 9, 48 - 1 - 12) == 1.0


def test_an_open_script_shows_a_farms_mattes_after_refresh(start, script, tmp_path):
    farm = start(gui=False)
    from xmem_roto_nuke import render

    before = script.read_bytes()
    assert render.main([str(script), "XMemRoto"]) == 0
    record = next(tmp_path.glob("mattes/*/nuke.json"))
    hidden = record.with_suffix(".later")
    record.rename(hidden)
    farm.host.close()
    artist = start()
    artist.host.open(script)
    node = artist.host.node("XMemRoto")
    assert node["has_result"].value() and not node["record"].value(), (
        "the farm may still be at work: its mattes show, and nobody vouches for them"
    )
    hidden.rename(record)
    size = artist.nuke.Undo.undoSize()
    artist.press("refresh", node)
    assert node["has_result"].value() and "Up to date" in artist.status(node)
    assert artist.nuke.Undo.undoSize() == size and script.read_bytes() == before


def test_a_farm_that_renders_a_copy_of_the_script_writes_where_the_original_shows_it(start, script, tmp_path):
    copy = tmp_path / "spool" / "0a1b.nk"
    copy.parent.mkdir()
    shutil.copy(script, copy)
    farm = start(gui=False)
    from xmem_roto_nuke import render

    assert render.main(["--origin", str(script), str(copy), "XMemRoto"]) == 0
    farm.host.close()
    assert list(copy.parent.iterdir()) == [copy]
    artist = start()
    artist.host.open(script)
    node = artist.host.node("XMemRoto")
    artist.press("refresh", node)
    assert "Up to date" in artist.status(node) and artist.host.pixels(node, 1004).at("rgba.alpha", 9, 48 - 1 - 12) == 1.0


@pytest.mark.parametrize(
    "damage", ["", "{", '{"version": 9, "mattes": {}}', '{"version": 1, "mattes": {"matte.%04d.exr": {"node_id": "another"}}}']
)
def test_a_record_that_is_damaged_or_anothers_is_taken_up_by_nobody(start, script, tmp_path, damage):
    farm = start(gui=False)
    from xmem_roto_nuke import render

    assert render.main([str(script), "XMemRoto"]) == 0
    next(tmp_path.glob("mattes/*/nuke.json")).write_text(damage)
    farm.host.close()
    artist = start()
    artist.host.open(script)
    node = artist.host.node("XMemRoto")
    assert not node["record"].value() and not artist.host.python_errors
    artist.press("refresh", node)
    assert "were not made by this node" in artist.status(node) and "Up to date" not in artist.status(node)
