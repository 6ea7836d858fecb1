"""A node in a copy of its script becomes a node of its own; versions of one script stay one; two sessions never share the exchange."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys

import pytest

from tests.nuke_plugin.conftest import CHECKOUT

pytestmark = pytest.mark.timeout(300)


def id_of(node) -> str:
    return node["node_id"].value()


def alpha(stage, node) -> float:
    return stage.host.pixels(node, 1004).at("rgba.alpha", 9, 48 - 1 - 12)


def reopened(stage, start, path):
    """Open a script in a new session."""
    stage.host.close()
    again = start()
    again.host.open(path)
    return again, again.host.node("XMemRoto")


@pytest.mark.parametrize("place", ["other_shot/shotB_v001.nk", "shotB.nk", "other_shot/shot.nk"])
def test_a_copied_script_has_a_node_of_its_own_and_says_so(stage, start, place):
    stage.propagate()
    before, path = id_of(stage.node), stage.save("shot.nk")
    copied = stage.folder / place
    copied.parent.mkdir(exist_ok=True)
    shutil.copy(path, copied)
    again, node = reopened(stage, start, copied)
    assert id_of(node) != before
    assert alpha(again, node) == 1.0, "it shows what it showed"
    again.press("refresh", node)
    assert "copy of" in again.status(node) and "/shot:" in again.status(node)
    again.propagate(node)
    assert "copy of" not in again.status(node) and "Up to date" in again.status(node)
    assert (again.cache() / "nuke" / id_of(node)).is_dir() and (again.cache() / "nuke" / before).is_dir()


def test_a_node_with_a_new_id_is_one_node_and_leaves_the_former_one_free(stage):
    clipboard, before = str(stage.folder / "clipboard.nk"), id_of(stage.node)
    stage.node["selected"].setValue(True)
    stage.nuke.nodeCopy(clipboard)
    stage.node["selected"].setValue(False)
    stage.save("shotB.nk")
    from xmem_roto_nuke import buttons
    from xmem_roto_nuke.node import identity

    assert id_of(stage.node) != before and len(identity.living()) == 1
    buttons.next_view()
    assert stage.told == [] and stage.node["view_as"].value() == "plate", "it is the only one"
    pasted = stage.nuke.nodePaste(clipboard)
    assert id_of(pasted) == before, "no node has that id"


def test_a_session_that_does_not_save_the_copy_finds_the_same_id_again(stage, start):
    path = stage.save("shot.nk")
    copied = shutil.copy(path, stage.folder / "shotB.nk")
    again, node = reopened(stage, start, copied)
    first = id_of(node)
    _, node = reopened(again, start, copied)
    assert id_of(node) == first


@pytest.mark.parametrize("name", ["shot_v002.nk", "shot.v12.nk", "shot_V003.nk"])
def test_versions_of_one_script_keep_the_id_and_the_mattes(stage, start, name):
    stage.save("shot_v001.nk")
    stage.host.pump(0.1)
    before = id_of(stage.node)
    stage.propagate()
    path = stage.save(name)
    again, node = reopened(stage, start, path)
    assert id_of(node) == before and alpha(again, node) == 1.0
    again.press("refresh", node)
    assert "Up to date" in again.status(node) and "copy of" not in again.status(node)


def test_mattes_that_another_version_of_the_script_made_are_said_to_be_its_own_too(stage, start):
    first = stage.save("shot_v001.nk")
    stage.propagate()
    assert "another version of this script" not in stage.status()
    stage.save("shot_v002.nk")
    stage.press("refresh")
    of_first = "shot_v001.nk, another version of this script, made these mattes and shows them too"
    assert f"{of_first}." in stage.status() and "Up to date" in stage.status()
    stage.node["size"].setValue(256)
    stage.press("refresh")
    assert f"{of_first}: Version up before Propagate leaves it its own." in stage.status()
    stage.propagate()
    assert "another version of this script" not in stage.status()
    again, node = reopened(stage, start, first)
    again.press("refresh", node)
    assert "Changed settings: working size." in again.status(node)
    assert "shot_v002.nk, another version of this script, made these mattes" in again.status(node)
    again.save("else.nk")
    again.press("refresh", node)
    assert "another version of this script" not in again.status(node), "it is a copy of another one, which is said in other words"


def test_save_as_under_another_name_makes_a_node_of_its_own_that_still_shows_its_mattes(stage):
    stage.propagate()
    before = id_of(stage.node)
    stage.save("another_shot.nk")
    assert id_of(stage.node) != before and alpha(stage, stage.node) == 1.0
    stage.press("refresh")
    assert "copy of" in stage.status()
    stage.propagate()
    assert len(list(stage.folder.glob(f"mattes/another_shot_{id_of(stage.node)[:8]}/matte.*.exr"))) == 10


def test_a_node_at_work_keeps_its_id_until_it_has_finished(stage, monkeypatch):
    monkeypatch.setenv("PRETEND", "slow")
    before = id_of(stage.node)
    stage.press("propagate")
    stage.save("another_shot.nk")
    assert stage.runs and id_of(stage.node) == before
    stage.wait()
    stage.press("refresh")
    assert id_of(stage.node) != before and "copy of" in stage.status()


def test_a_node_pasted_into_another_script_is_a_node_of_its_own(stage, start):
    before = id_of(stage.node)
    stage.node["selected"].setValue(True)
    text = stage.folder / "clipboard.nk"
    stage.nuke.nodeCopy(str(text))
    stage.host.close()
    other = start()
    other.save("other.nk")
    pasted = other.nuke.nodePaste(str(text))
    pasted.setInput(0, other.nuke.nodes.CheckerBoard2())
    other.host.pump(0.2)
    if other.host.hostile:  # where `updateUI` comes to open panels alone, the first press notices
        other.press("refresh", other.host.node("XMemRoto"))
    assert id_of(other.host.node("XMemRoto")) != before


def test_a_project_that_was_moved_keeps_its_ids_and_its_disks_are_asked_once(stage, start, monkeypatch):
    project = stage.folder / "disk" / "show" / "comp"
    project.mkdir(parents=True)
    path = stage.save("disk/show/comp/shot_v001.nk")
    before = id_of(stage.node)
    shutil.move(str(stage.folder / "disk"), str(stage.folder / "archive"))
    again, node = reopened(stage, start, stage.folder / "archive" / path.relative_to(stage.folder / "disk"))
    assert id_of(node) == before
    from xmem_roto_nuke.node import home

    def ask_the_disk(*_):
        raise AssertionError("the disk is asked at every idle moment")

    monkeypatch.setattr(home.os.path, "samefile", ask_the_disk)
    home.settle(node)
    assert id_of(node) == before


@pytest.mark.parametrize(
    ("script", "home"),
    [
        ("", ""),
        ("/a/comp_v012.nk", "/a/comp"),
        ("/a/comp_v012_jd.nk", "/a/comp_jd"),
        ("C:\\a\\comp.V3.nk", "C:/a/comp"),
        ("/a/v001.nk", "/a/script"),
        ("/a/rev1b.nk", "/a/rev1b"),
    ],
)
def test_a_home_is_the_script_without_its_version(start, script, home):
    start()
    from xmem_roto_nuke.node import places

    assert places.script_home(script) == home


@contextlib.contextmanager
def another_session(cache, node_id):
    """A second Nuke that is at work for the same node."""
    hold = (
        f"import os, sys; os.environ['XMEM_ROTO_CACHE'] = {str(cache)!r}; sys.path.insert(0, {str(CHECKOUT)!r})\n"
        "from xmem_roto_nuke.handover import shared_folder\n"
        f"with shared_folder.held({node_id!r}, 'XMemRoto'):\n    print('held', flush=True)\n    sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.stdin.close()


def test_two_sessions_with_one_script_do_not_write_into_one_exchange(stage):
    with another_session(stage.cache(), id_of(stage.node)):
        stage.propagate()
        assert "open twice" in stage.told[-1] and stage.mattes() == []
        assert not (stage.cache() / "nuke" / id_of(stage.node)).exists(), "nothing was written"
    stage.propagate()
    assert len(stage.mattes()) == 10


def test_a_session_that_crashed_holds_no_lock(stage):
    with another_session(stage.cache(), id_of(stage.node)) as other:
        other.kill()
        other.wait()
    stage.propagate()
    assert len(stage.mattes()) == 10 and not stage.told


def test_passes_of_a_copied_script_follow_the_node_that_is_its_own_now(stage):
    stage.propagate()
    stage.press("make_passes")
    stage.save("other.nk")
    stage.host.pump(0.2)
    stage.press("refresh")
    former = stage.node.node("Result")["file"].getEvaluatedValue()
    stage.propagate()
    passes = [node for node in stage.nuke.allNodes("Group") if node.knob("made_of") is not None]
    assert len(passes) == 2 and stage.node.node("Result")["file"].getEvaluatedValue() != former
    assert {node["mattes"].getEvaluatedValue() for node in passes} == {stage.node.node("Result")["file"].getEvaluatedValue()}


def test_a_clone_in_a_copied_script_stays_one_node_with_its_original(stage):
    stage.propagate()
    clone = stage.nuke.clone(stage.node)
    own = stage.node["node_id"].value()
    stage.save("other.nk")
    stage.host.pump(0.2)
    stage.press("refresh")
    assert stage.node["node_id"].value() == clone["node_id"].value() != own and "has a clone" in stage.status()
    stage.propagate()
    assert len(list(stage.folder.glob("mattes/*"))) == 2 and "Up to date" in stage.status() and not stage.host.python_errors


# --- results of another script's node at a place that both name


def in_another_script(stage, name: str, folder: str = "own"):
    """Propagate to a place that the node names, and go on in a copy of the script; gives the mattes' folder."""
    stage.node["output"].setValue((stage.folder / folder / "m.%04d.exr").as_posix())
    stage.propagate()
    stage.save(name)
    stage.host.pump(0.1)
    return stage.folder / folder


@pytest.mark.parametrize("answer", [False, True])
def test_approval_beside_mattes_of_another_scripts_node_is_asked_for(stage, answer):
    folder = in_another_script(stage, "shotB.nk")
    stage.host.answers_yes = answer
    stage.press("approve")
    stage.wait()
    assert "What you approve here counts for that node too" in stage.told[-1]
    assert len(list(folder.glob("approved/*.exr"))) == answer


def test_a_copy_of_the_same_script_approves_nothing_at_the_originals_place(stage):
    folder = in_another_script(stage, "shot.nk")
    copy = stage.copied(stage.node)
    copy.setInput(0, stage.plate), copy.setInput(1, stage.roto)
    stage.press("approve", copy)
    assert f"XMemRoto writes to {folder.as_posix()}/m.%04d.exr too." in stage.told[-1]
    stage.node["output"].setValue("")
    stage.host.answers_yes = False
    stage.press("propagate", copy)
    assert "were made by XMemRoto, which writes elsewhere now. Replace them?" in stage.told[-1]
    assert not (folder / "approved").exists()


def test_version_up_locks_no_mattes_of_another_scripts_node(stage):
    folder = in_another_script(stage, "shotB.nk")
    stage.press("version_up")
    assert stage.node["version"].value() == "v002" and not (folder / "locked.json").exists()
    stage.propagate()
    stage.press("version_up")
    assert (folder / "v002" / "locked.json").exists(), "its own are locked"


def test_node_that_is_pasted_into_a_script_without_a_name_is_one_of_its_own(stage):
    folder = in_another_script(stage, "shot.nk")
    before, own_id = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.exr")}, id_of(stage.node)
    clipboard = str(stage.folder / "clipboard.nk")
    for node in (stage.node, stage.plate, stage.grade, stage.grade.input(0), stage.roto):
        node["selected"].setValue(True)
    stage.nuke.nodeCopy(clipboard)
    stage.nuke.scriptClear()
    stage.nuke.nodePaste(clipboard)
    node = stage.host.node("XMemRoto")
    stage.host.pump(0.1)
    assert id_of(node) == own_id, "by itself nothing is concluded: a script that is being opened may have no name yet"
    stage.host.answers_yes = False
    stage.propagate(node)
    assert "were made by XMemRoto, a node of another script" in stage.told[-1] and "Replace them?" in stage.told[-1]
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob("*.exr")} == before
    fresh = id_of(node)
    assert fresh != own_id and "this script was never saved" in stage.status(node)
    stage.save("shotB.nk")
    assert id_of(node) == fresh, "it is at home where it is saved"
