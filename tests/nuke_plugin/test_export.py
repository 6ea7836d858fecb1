"""`render.py --export-only`: a job folder from a script, without computing anything."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from xmemcore.protocol import job
from xmemcore.protocol.path_map import PathRules

pytestmark = pytest.mark.timeout(300)


def exported(start, script, folder, *options):
    terminal = start(gui=False)
    from xmem_roto_nuke import render

    code = render.main(["--export-only", str(folder), *options, str(script), "XMemRoto"])
    terminal.host.close()
    return code


def test_an_export_is_whole_and_leaves_the_script_as_it_is(start, script, tmp_path):
    before = script.read_bytes()
    assert exported(start, script, tmp_path / "job") == 0
    assert script.read_bytes() == before
    (shot,) = job.read(tmp_path / "job").shots
    assert shot.name == "XMemRoto" and shot.request.frames == "1001-1010" and shot.script == script.as_posix()
    assert Path(shot.result).parent.parent == script.parent / "mattes"
    moved = tmp_path / "elsewhere"
    (tmp_path / "job").rename(moved)
    request = shot.here(moved, PathRules())
    assert len(list(Path(request.plate).parent.glob("plate.*.exr"))) == 10
    assert Path(request.roto).is_file() and len(list(Path(request.roto_alpha).parent.glob("*.exr"))) == 1
    assert not (tmp_path / "mattes").exists(), "nothing was computed"


def test_a_second_export_renders_what_has_changed(start, script, tmp_path):
    from xmem_roto_nuke.handover import plates

    frames: list[int] = []
    original = plates.host.render
    assert exported(start, script, tmp_path / "job") == 0
    terminal = start(gui=False)
    from xmem_roto_nuke import render
    from xmem_roto_nuke.handover import plates

    original = plates.host.render
    plates.host.render = lambda *arguments: (frames.extend(arguments[1]), original(*arguments))[1]
    assert render.main(["--export-only", str(tmp_path / "job"), str(script), "XMemRoto"]) == 0
    terminal.host.close()
    assert frames == []


def test_the_plates_own_files_are_copied_when_that_is_asked_for(start, script, tmp_path):
    assert exported(start, script, tmp_path / "first") == 0
    stage = start()
    stage.build()
    rendered = tmp_path / "first" / "XMemRoto" / "plate"
    read = stage.nuke.nodes.Read(file=(rendered / "plate.%04d.exr").as_posix(), first=1001, last=1010)
    read["raw"].setValue(True)
    stage.node.setInput(0, read)
    path = stage.save("direct.nk")
    stage.host.close()
    for folder, options, inside in (("named", (), False), ("copied", ("--copy-plates",), True), ("copied", ("--copy-plates",), True)):
        assert exported(start, path, tmp_path / folder, *options) == 0
        (shot,) = job.read(tmp_path / folder).shots
        assert (not shot.request.plate.startswith("/")) == inside
        if inside:
            for original in rendered.glob("*.exr"):
                assert (tmp_path / folder / "XMemRoto" / "plate" / original.name).read_bytes() == original.read_bytes()


def test_a_copy_of_a_script_sends_its_mattes_home_to_the_original(start, script, tmp_path):
    assert exported(start, script, tmp_path / "job") == 0
    (original,) = job.read(tmp_path / "job").shots
    copy = tmp_path / "repository" / "0a1b" / "other.nk"
    copy.parent.mkdir(parents=True)
    shutil.copy(script, copy)
    assert exported(start, copy, tmp_path / "strange") == 0
    (strange,) = job.read(tmp_path / "strange").shots
    assert strange.request.node_id != original.request.node_id and "repository" in strange.result
    assert exported(start, copy, tmp_path / "home", "--origin", str(script)) == 0
    (home,) = job.read(tmp_path / "home").shots
    assert home.request.node_id == original.request.node_id and home.result == original.result


def test_a_machine_without_a_core_exports_and_says_that_the_model_is_not_pinned(start, script, tmp_path, monkeypatch, capsys):
    terminal = start(gui=False)
    from xmem_roto_nuke import render
    from xmem_roto_nuke.core import launch

    monkeypatch.setattr(launch, "is_set_up", lambda: False)
    assert render.main(["--export-only", str(tmp_path / "job"), str(script), "XMemRoto"]) == 0
    terminal.host.close()
    assert job.read(tmp_path / "job").shots[0].model_sha256 is None
    assert "There is no core on this machine" in capsys.readouterr().out


def test_a_farm_hears_of_progress_and_failure(start, script, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OPENJD_SESSION_WORKING_DIR", "/sessions/1")
    assert exported(start, script, tmp_path / "job") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "openjd_status: rendering the plate" in lines
    # How many frames a bite takes depends on the machine.
    assert any(line.startswith("openjd_progress: ") and 0 < int(line.split()[1]) < 100 for line in lines)
    (tmp_path / "file").touch()
    assert exported(start, script, tmp_path / "file" / "job") == 2
    assert any(line.startswith("openjd_fail: Cannot write") for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize(
    "words",
    [
        ["--export-only"],
        ["--export-only", "--copy-plates", "a.nk", "X"],
        ["--copy-plates", "a.nk", "X"],
        ["--origin", "b.nk", "--save", "a.nk", "X"],
        ["--save", "--export-only", "job", "a.nk", "X"],
        ["--export-only", "job", "a.nk"],
    ],
)
def test_a_wrong_call_is_told_how_it_goes(start, words, capsys):
    start(gui=False)
    from xmem_roto_nuke import render

    assert render.main(words) == 2
    assert "Usage: nuke -t" in capsys.readouterr().out


def test_names_come_as_words_or_with_commas(start):
    start(gui=False)
    from xmem_roto_nuke.render import Arguments, _own_arguments

    assert Arguments.parse(["a.nk", "A,B", "C"]).names == ("A", "B", "C")
    assert _own_arguments(["-V", "2", "--export-only", "j", "--origin", "b.nk", "a.nk", "X"])[0] == "--export-only"
