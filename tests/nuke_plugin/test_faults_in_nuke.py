"""What goes wrong on a real day: the core dies, hangs, speaks nonsense; the disk is full; the node or Nuke goes."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.nuke_plugin.conftest import CHECKOUT, CORE_PYTHON
from tests.processes import runs

pytestmark = pytest.mark.timeout(300)


def clean(stage):
    return not stage.host.python_errors and not stage.host.printed_errors


def test_a_core_killed_in_the_middle_is_noticed_and_the_next_press_goes_on(stage, monkeypatch):
    from xmem_roto_nuke.core import client

    monkeypatch.setenv("PRETEND", "slow")
    stage.press("propagate")
    assert stage.host.pump(30, until=lambda: len(stage.mattes()) >= 2)
    os.kill(client._session.pid, signal.SIGKILL)
    asked = time.monotonic()
    stage.wait()
    assert time.monotonic() - asked < 5.0
    assert "signal 9" in stage.told[-1] and "Failed" in stage.status()
    assert stage.node["has_result"].value(), "the frames that were finished show"
    monkeypatch.setenv("PRETEND", "")
    stage.propagate()
    assert "Up to date" in stage.status() and len(stage.mattes()) == 10
    assert clean(stage)


def test_last_words_of_a_crash_are_shown(stage, monkeypatch):
    monkeypatch.setenv("PRETEND", "die")
    stage.propagate()
    assert "code 139" in stage.told[-1] and "Segmentation fault in libpretend.so" in stage.told[-1]
    stage.press("refresh")
    assert "did not finish" in stage.status()


def test_a_hanging_core_is_killed_after_cancel_and_the_next_press_starts_another(stage, monkeypatch):
    from xmem_roto_nuke.core import client

    monkeypatch.setenv("PRETEND", "hang")
    stage.press("propagate")
    assert stage.host.pump(30, until=lambda: len(stage.mattes()) == 3)
    first = client._session.pid
    stage.press("cancel")
    stage.wait()
    assert stage.host.pump(30, until=lambda: stage.told), "a busy machine tells it later"
    assert "did not stop within" in stage.told[-1]
    monkeypatch.setenv("PRETEND", "")
    stage.propagate()
    assert client._session.pid != first and len(stage.mattes()) == 10


def test_a_full_disk_reaches_the_status_with_its_sentence(stage, monkeypatch):
    monkeypatch.setenv("PRETEND", "disk")
    stage.propagate()
    assert "is full" in stage.told[-1] and "is full" in stage.status()
    assert len(stage.mattes()) == 3


def test_a_cache_that_is_no_folder_is_said_with_advice_that_fits(stage, monkeypatch):
    (stage.folder / "afile").write_text("not a folder")
    monkeypatch.setenv("XMEM_ROTO_CACHE", str(stage.folder / "afile"))
    stage.propagate()
    assert "afile" in stage.told[-1] and "Point XMEM_ROTO_CACHE at a folder that may be written" in stage.told[-1]
    assert "space" not in stage.told[-1] and stage.mattes() == []


@pytest.mark.parametrize("name", ["take #3", "50%d off", "100% sure"])
def test_folders_whose_names_nuke_would_fill_in_are_said_before_anything_is_rendered(stage, monkeypatch, name):
    folder = stage.folder / name
    folder.mkdir()
    monkeypatch.setenv("XMEM_ROTO_CACHE", str(folder))
    stage.propagate()
    assert f"the folder {folder}" in stage.told[-1] and "Point XMEM_ROTO_CACHE at another folder" in stage.status()
    monkeypatch.setenv("XMEM_ROTO_CACHE", str(stage.folder / "cache"))
    stage.nuke.scriptSaveAs(str(folder / "shot.nk"), 1)
    stage.propagate()
    assert f"the folder {folder}" in stage.told[-1] and "Name an output path without them" in stage.status(), "and no black mattes"
    assert stage.host.frames_rendered == [] and stage.mattes() == []


@pytest.mark.parametrize("name", ["a [b] $c {d}", "ü ß 日本; `e`"])
def test_folders_with_any_other_sign_show_their_mattes(stage, name):
    stage.folder = stage.folder / name
    stage.folder.mkdir()
    stage.save()
    stage.propagate()
    assert len(stage.mattes()) == 10 and stage.told == []
    assert stage.host.pixels(stage.node, 1004).at("rgba.alpha", 9, 48 - 1 - 12) == 1.0


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.ENOSPC, "Free some space"), (errno.EIO, "at another disk"), (errno.EROFS, "Point XMEM_ROTO_CACHE at a folder")],
)
def test_a_disk_that_refuses_the_plate_is_said_with_advice_that_fits(stage, monkeypatch, number, advice):
    from xmemcore.protocol import whole_file

    def refuse(path, to):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(whole_file.os, "replace", refuse)
    stage.propagate()
    assert os.strerror(number) in stage.told[-1] and advice in stage.told[-1] and advice in stage.status()
    assert ("Free some space" in stage.told[-1]) == (number == errno.ENOSPC)


@pytest.mark.skipif(sys.platform == "win32", reason="folders of a virtual environment")
def test_a_python_without_the_packages_is_named_with_what_to_do(stage, monkeypatch):
    from xmem_roto_nuke.core import client

    subprocess.run([CORE_PYTHON, "-m", "venv", "--without-pip", "--symlinks", str(stage.folder / "bare")], check=True)
    python = stage.folder / "bare" / "bin" / "python"
    monkeypatch.setenv("XMEM_ROTO_PYTHON", str(python))
    monkeypatch.setenv("NUKESIM_RENDER_PYTHON", CORE_PYTHON)
    monkeypatch.setattr(client, "_session", client.Core())
    stage.propagate()
    client._session.close()
    assert f"{python} lacks the core's packages (" in stage.told[-1] and "fault of its own" not in stage.told[-1]
    assert "Point XMEM_ROTO_PYTHON at a Python that has them, or unset it and run Set up the core." in stage.status()


def test_cancel_keeps_finished_frames_and_is_no_failure(stage, monkeypatch):
    monkeypatch.setenv("PRETEND", "slow")
    stage.press("propagate")
    assert stage.host.pump(30, until=lambda: len(stage.mattes()) >= 2)
    stage.press("cancel")
    stage.wait()
    assert stage.told == [] and 2 <= len(stage.mattes()) < 10
    assert "Stale" in stage.status() and "did not finish" in stage.status()


def test_cancel_on_the_progress_bar_stops_the_run(stage, monkeypatch):
    monkeypatch.setenv("PRETEND", "slow")
    stage.press("propagate")
    assert stage.host.pump(30, until=lambda: len(stage.mattes()) >= 1)
    assert stage.host.cancel_progress("Propagate") == 1
    stage.wait()
    assert len(stage.mattes()) < 10 and not any(record.open for record in stage.host.progress_records)


@pytest.fixture
def bites(stage, monkeypatch):
    """Let a bite hold all frames; gives the calls of nuke.execute so far."""
    from xmem_roto_nuke.handover import plates

    monkeypatch.setattr(plates, "BITE_SECONDS", 60.0)
    return stage.host.meters


def test_cancel_on_nukes_own_meter_is_a_cancel_and_keeps_what_was_rendered(stage, bites):
    stage.host.cancel_at_frame = 1003
    stage.propagate()
    assert stage.told == [] and "Cancelled" in stage.status() and stage.mattes() == []
    assert stage.host.frames_rendered == [("XMemRoto.XMemRenderWrite", 1001), ("XMemRoto.XMemRenderWrite", 1002)]
    stage.host.cancel_at_frame = None
    stage.propagate()
    rendered = [frame for name, frame in stage.host.frames_rendered if name == "XMemRoto.XMemRenderWrite"]
    assert rendered[:10] == list(range(1001, 1011)) and len(stage.mattes()) == 10


def test_a_bite_is_one_execute_and_a_run_one_write_and_one_crop(stage, bites):
    stage.host.visit_of_studio()
    stage.nuke.connectViewer(0, stage.node)
    stage.nuke.activeViewer().play()
    stage.propagate()
    assert len(stage.mattes()) == 10 and stage.host.studio_calls.count("Crop onCreate") == 1
    # The plate in bites of 1, 2, 4 frames and the rest; then the roto's alpha, through the same Write.
    plate = [line for line in bites if "frames" in line][:-1]
    assert len(plate) <= 4 and stage.host.studio_calls.count("Write onCreate") == 1
    assert (stage.cache() / "nuke" / stage.node["node_id"].value() / "roto_alpha" / "alpha.1001.exr").exists()
    assert not any(node.name().startswith("XMemRender") for node in stage.host.all_nodes())


def test_a_run_that_renders_a_plate_and_an_inputs_alpha_makes_one_write_too(stage, bites):
    stage.node["roto_input"].setValue("alpha of the input")
    stage.press("add_key")
    stage.nuke.root()["frame"].setValue(1008)
    stage.press("absent_key")
    stage.host.visit_of_studio()
    stage.propagate()
    assert len(stage.mattes()) == 10 and stage.told == []
    assert stage.host.studio_calls.count("Write onCreate") == 1 and stage.host.studio_calls.count("Crop onCreate") == 1
    assert not any(node.name().startswith("XMemRender") for node in stage.host.all_nodes())


def test_the_viewer_is_not_stopped_at_every_bite(stage, monkeypatch):
    from xmem_roto_nuke.handover import plates

    monkeypatch.setattr(plates, "BITE_SECONDS", 0.0)
    stage.nuke.connectViewer(0, stage.node)
    viewer, stopped = type(stage.nuke.activeViewer()), []
    monkeypatch.setattr(viewer, "stop", lambda self, stop=viewer.stop: (stopped.append(1), stop(self)))
    stage.propagate()
    assert len(stage.host.frames_rendered) == 11 and len(stopped) == 2, "before the plate, and before the roto's alpha"


def test_a_studio_callback_that_fails_is_a_failure_in_its_own_words(stage):
    stage.host.visit_of_studio()
    stage.host.studio_raises = True
    stage.propagate()
    assert "the studio's own callback failed" in stage.told[-1] and "Failed" in stage.status()
    assert not any(node.Class() == "Write" for node in stage.host.all_nodes())


def test_what_a_script_kept_of_a_render_is_deleted_when_it_is_opened(stage):
    with stage.node:
        stage.nuke.nodes.Write(name="XMemRenderWrite")
    stage.save("midst.nk")
    stage.host.open(stage.folder / "midst.nk")
    assert not any(node.Class() == "Write" for node in stage.host.all_nodes())


def test_cancel_while_the_plate_is_rendered_keeps_what_was_rendered(stage):
    before = len(stage.host.frames_rendered)
    stage.host.on_frame_rendered = lambda frame, done, total: stage.host.cancel_progress("Propagate") if frame >= 1004 else None
    stage.propagate()
    stage.host.on_frame_rendered = None
    assert stage.mattes() == [] and stage.told == [] and "Cancelled" in stage.status()
    assert not any(node.Class() == "Write" for node in stage.host.all_nodes())
    rendered = stage.host.frames_rendered[before:]
    assert 0 < len(rendered) < 10
    stage.propagate()
    assert len(stage.mattes()) == 10
    later = stage.host.frames_rendered[before + len(rendered) :]
    frames = sorted(frame for _, frame in rendered + later)
    assert frames == [1001, *range(1001, 1011)], "each frame of the plate once, and one of the roto's alpha"


def test_the_cache_deleted_under_our_feet_is_made_again(stage):
    stage.propagate()
    shutil.rmtree(stage.cache())
    stage.propagate()
    assert "Up to date" in stage.status() and stage.told == []


def test_the_node_deleted_while_it_runs_stops_its_run_and_nothing_else(stage, monkeypatch):
    monkeypatch.setenv("PRETEND", "slow")
    stage.press("propagate")
    assert stage.host.pump(30, until=lambda: len(stage.mattes()) >= 2)
    stage.host.user_delete(stage.node)
    stage.wait()
    assert stage.told == [] and clean(stage) and len(stage.mattes()) < 10
    stage.host.undo()
    again = stage.host.node("XMemRoto")
    monkeypatch.setenv("PRETEND", "")
    stage.propagate(again)
    assert "Up to date" in stage.status(again)


def test_a_node_that_undo_brings_back_before_its_run_has_ended_says_how_it_ended(stage, monkeypatch):
    monkeypatch.setenv("PRETEND", "slow")
    stage.press("propagate")
    assert stage.host.pump(30, until=lambda: len(stage.mattes()) >= 2)
    stage.host.user_delete(stage.node)
    stage.host.undo()
    again = stage.host.node("XMemRoto")
    assert "At work" in stage.status(again), "its run has not noticed yet"
    stage.wait()
    assert "At work" not in stage.status(again) and "The node was deleted meanwhile" in stage.status(again)
    assert stage.told == []


def test_the_script_closed_while_a_node_runs_stops_it(stage, monkeypatch):
    monkeypatch.setenv("PRETEND", "slow")
    stage.press("propagate")
    assert stage.host.pump(30, until=lambda: len(stage.mattes()) >= 2)
    stage.nuke.scriptClear()
    stage.wait()
    assert stage.told == [] and clean(stage)


def test_two_nodes_at_once_are_done_one_after_the_other(stage):
    second = stage.nuke.createNode("XMemRoto")
    second.setInput(0, stage.plate)
    second.setInput(1, stage.roto)
    stage.press("propagate")
    stage.press("propagate", second)
    stage.wait(60)
    assert "Up to date" in stage.status() and "Up to date" in stage.status(second)
    assert len({path.parent for path in stage.folder.glob("mattes/*/matte.1001.exr")}) == 2, "two nodes never share a default output"


def test_pressing_twice_is_refused_while_itruns(stage, monkeypatch):
    monkeypatch.setenv("PRETEND", "slow")
    stage.press("propagate")
    stage.press("propagate")
    assert "at work already" in stage.told[-1]
    stage.press("cancel")
    stage.wait()


def test_cancel_without_a_run_does_nothing(stage):
    stage.press("cancel")
    assert stage.told == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_no_core_is_left_five_seconds_after_nuke_was_killed(tmp_path):
    program = f"""
import os, sys, time
sys.path[:0] = [{str(CHECKOUT)!r}]
from xmem_roto_nuke.core import client
from xmemcore.protocol.messages import Propagate
from xmemcore.protocol.requests import PropagateRequest
core = client.Core(lambda: [{CORE_PYTHON!r}, "-I", {str(CHECKOUT / "tests/worker/pretend_worker.py")!r}, "--parent", str(os.getpid())])
conversation = core.ask(lambda job: Propagate(job, PropagateRequest(plate="stuck")))
next(iter(conversation))
print(core.pid, flush=True)
time.sleep(60)
"""
    nuke = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    pid = int(nuke.stdout.readline())
    nuke.kill()
    nuke.communicate()
    deadline = time.monotonic() + 5.0
    while runs(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not runs(pid)
