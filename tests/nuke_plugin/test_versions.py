"""Results have an owner: versions, locks, and never two nodes that write into one result without saying so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.nuke_plugin.stage_steps import behind_a_grade, choose, mattes, pattern, plate_of_files

pytestmark = pytest.mark.timeout(300)


def test_version_up_without_mattes_promises_none(stage):
    stage.press("version_up")
    assert "v002 begins" in stage.status() and "shows" not in stage.status()


def test_version_up_starts_the_next_folder_and_the_former_can_be_shown_again(stage):
    stage.propagate()
    first = pattern(stage.node)
    before = mattes(first)
    stage.press("version_up")
    assert stage.node["version"].value() == "v002" and pattern(stage.node) == first, "the former shows until there is something new"
    assert "v002 begins" in stage.status()
    stage.node["size"].setValue(256)
    stage.propagate()
    second = pattern(stage.node)
    assert second.endswith("/v002/matte.%04d.exr") and len(mattes(second)) == 10 and mattes(first) == before
    assert "Up to date" in stage.status()

    choose(stage, "v001")
    assert pattern(stage.node) == first and "Changed settings: working size" in stage.status()
    stage.propagate()
    assert "are locked by" in stage.told[-1] and mattes(first) == before, "what was left is read-only"
    choose(stage, "v002")
    assert pattern(stage.node) == second and "Up to date" in stage.status()
    stage.press("version_up")
    assert list(stage.node["version"].values()) == ["v001", "v002", "v003"]


def test_version_that_an_expression_chooses_is_not_begun_and_nothing_is_locked(stage):
    stage.propagate()
    stage.node["version"].setExpression("0")
    stage.press("version_up")
    assert "follows an expression or keys" in stage.told[-1] and stage.node["version"].hasExpression()
    stage.press("refresh")
    assert stage.node["version"].hasExpression() and "Locked" not in stage.status()


def test_version_up_compares_with_what_was_left_unless_an_artist_has_named_other_mattes(stage):
    compared = stage.node["compare_with"]
    stage.propagate()
    for version in ("/v002/", "/v003/"):
        left = pattern(stage.node)
        stage.press("version_up")
        assert compared.getEvaluatedValue() == left
        stage.propagate()
        assert version in pattern(stage.node)
    compared.setValue("/client/v7/matte.%04d.exr")
    stage.press("version_up")
    assert compared.value() == "/client/v7/matte.%04d.exr" and stage.told == []


def test_curves_and_tints_are_those_of_the_version_that_shows(stage):
    def curves_and_tints():
        curves = {name for name in stage.node.knobs() if name.startswith(("keyed_", "area_", "sure_"))}
        return curves, [node["maskChannelInput"].value() for node in stage.node.nodes() if node.name().startswith("Tint")]

    first, second = (({f"{kind}_{name}" for kind in ("keyed", "area", "sure")}, [f"{name}.alpha"]) for name in ("tri", "sleeve"))
    stage.propagate()
    stage.press("version_up")
    stage.roto["curves"].rootLayer[0].name = "sleeve"
    stage.roto["curves"].changed()
    stage.propagate()
    assert curves_and_tints() == second
    choose(stage, "v001")
    assert curves_and_tints() == first
    choose(stage, "v002")
    assert curves_and_tints() == second
    (stage.folder / "mattes").joinpath(*[path.name for path in (stage.folder / "mattes").iterdir()], "nuke.json").unlink()
    choose(stage, "v001")
    assert curves_and_tints() == (set(), ["rgba.alpha"]), "nobody knows what these mattes were made of"


def test_a_version_behind_one_that_was_never_propagated_stays_in_the_menu(stage):
    stage.propagate()
    stage.press("version_up")
    stage.press("version_up")
    stage.propagate()
    choose(stage, "v001")
    stage.press("refresh")
    assert list(stage.node["version"].values()) == ["v001", "v003"]
    stage.press("version_up")
    assert stage.node["version"].value() == "v004", "no new version is laid over a former one"


def test_versions_survive_saving_and_reopening(stage):
    stage.propagate()
    stage.press("version_up")
    stage.propagate()
    path = stage.save()
    stage.host.open(path)
    node = stage.host.node("XMemRoto")
    stage.press("refresh", node)
    assert node["version"].value() == "v002" and list(node["version"].values()) == ["v001", "v002"]
    assert pattern(node).endswith("/v002/matte.%04d.exr") and "Up to date" in stage.status(node)


def test_a_locked_result_is_read_only_until_the_button_is_pressed_again(stage):
    from xmemcore.protocol.result_lock import somebody

    stage.press("lock_result")
    assert "has no mattes" in stage.told[-1]
    stage.propagate()
    before = mattes(pattern(stage.node))
    stage.press("lock_result")
    assert f"Locked by {somebody()} since" in stage.status()
    stage.node["size"].setValue(256)
    stage.propagate()
    assert "are locked by" in stage.told[-1] and mattes(pattern(stage.node)) == before
    stage.press("lock_result")
    assert "Propagate writes these mattes again" in stage.status()
    stage.propagate()
    assert mattes(pattern(stage.node)) != before


def test_a_folder_that_takes_no_lock_says_so(stage, monkeypatch):
    from xmemcore.protocol import result_lock

    stage.propagate()

    def refuse(path, text):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(result_lock, "write_text", refuse)
    stage.press("version_up")
    assert "Permission denied" in stage.told[-1] and stage.node["version"].value() == "v001"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device", "/m/locked.json"), "The disk of /m/locked.json is full. Free some space"),
        (OSError(30, "Read-only file system", "/m/locked.json"), "/m/locked.json can only be read"),
        (MemoryError(), "The memory is full"),
    ],
)
def test_a_button_says_what_a_machine_refuses_as_a_run_does(stage, monkeypatch, error, words):
    from xmem_roto_nuke.node import knobs
    from xmemcore.protocol import result_lock

    def refuse(*_):
        raise error

    stage.propagate()
    monkeypatch.setattr(result_lock, "write_text", refuse)
    stage.press("lock_result")
    assert words in stage.told[-1]
    monkeypatch.setattr(knobs, "read_settings", refuse)
    stage.press("propagate")
    assert words in stage.told[-1] and words in stage.status()
    assert not stage.host.python_errors


def test_a_fault_of_ours_reaches_the_script_editor(stage, monkeypatch):
    from xmem_roto_nuke.panel import versions

    def broken(node):
        raise KeyError("ours")

    monkeypatch.setattr(versions, "toggle_lock", broken)
    told = len(stage.told)
    with pytest.raises(KeyError, match="ours"):
        stage.press("lock_result")
    assert len(stage.told) == told


def test_a_studios_template_places_mattes(stage, monkeypatch):
    monkeypatch.setenv("XMEM_ROTO_OUTPUT", "{script_dir}/out/{shot}/{script}_{node}_{version}/m_{version}.####.exr")
    stage.propagate()
    assert "no shot" in stage.told[-1] and "$SHOT" in stage.told[-1]
    monkeypatch.setenv("SHOT", "sh010")
    stage.propagate()
    folder = stage.folder / "out" / "sh010" / "shot_XMemRoto_v001"
    assert len(list(folder.glob("m_v001.*.exr"))) == 10
    stage.press("version_up")
    stage.node["size"].setValue(256)
    stage.propagate()
    assert len(list((folder.with_name("shot_XMemRoto_v002")).glob("m_v002.*.exr"))) == 10
    monkeypatch.setenv("XMEM_ROTO_OUTPUT", "{script_dir}/{episode}/m.%04d.exr")
    stage.propagate()
    assert "names {episode}" in stage.told[-1]


@pytest.mark.parametrize(
    ("words", "said"),
    [("{shot", "braces are not in pairs"), ("a}", "braces are not in pairs"), ("{version:04d}", "names {version:04d}"),
     ("{node!z}", "names {node!z}"), ("{script:{node}}", "names {script:{node}}"), ("{}", "names {}")],
)  # fmt: skip
def test_a_template_that_cannot_be_filled_in_is_a_sentence(stage, monkeypatch, words, said):
    monkeypatch.setenv("XMEM_ROTO_OUTPUT", f"{{script_dir}}/{words}/m.%04d.exr")
    for button in ("refresh", "propagate", "version_up"):
        stage.press(button)
    stage.host.pump(0.1)
    assert said in stage.told[-1] and not stage.host.python_errors and not stage.host.printed_errors


def test_two_nodes_of_one_template_are_told_what_parts_them(stage, monkeypatch):
    monkeypatch.setenv("XMEM_ROTO_OUTPUT", "{script_dir}/out/m.%04d.exr")
    stage.nuke.createNode("XMemRoto")
    stage.press("propagate")
    assert "Give XMemRoto another output, or put {node} into $XMEM_ROTO_OUTPUT." in stage.told[-1]
    monkeypatch.setenv("XMEM_ROTO_OUTPUT", "{script_dir}/out/{node}/m.%04d.exr")
    stage.propagate()
    assert len(stage.told) == 1 and "Up to date" in stage.status()


def test_a_publish_path_names_its_version_itself(stage):
    stage.propagate()
    stage.node["publish"].setValue((stage.folder / "{version}" / "m.%04d.exr").as_posix())
    for button in ("make_write", "copy_mattes"):
        stage.press(button)
        assert "Write the version of what you publish" in stage.told[-1]
    assert stage.nuke.allNodes("Write") == [] and not (stage.folder / "{version}").exists() and not (stage.folder / "v001").exists()


def test_each_shot_of_a_multishot_script_has_mattes_of_its_own(start):
    stage = start(version=(16, 0, 1)).build()
    stage.nuke.root()["gsv"].setGsvValue("__default__.shot", "sh010")
    stage.propagate()
    first = pattern(stage.node)
    assert "sh010" in first
    stage.nuke.root()["gsv"].setGsvValue("__default__.shot", "sh020")
    stage.press("refresh")
    assert "No mattes yet" in stage.status()
    stage.propagate()
    assert "sh020" in pattern(stage.node) and len(mattes(first)) == 10
    stage.nuke.root()["gsv"].setGsvValue("__default__.shot", "sh010")
    stage.press("refresh")
    assert pattern(stage.node) == first and "Up to date" in stage.status()


# --- a version that changes by itself


def locks(stage) -> list:
    return sorted(path.parent.name for path in stage.folder.glob("mattes/**/locked.json"))


def undo(stage, again: bool = False) -> None:
    (stage.host.redo if again else stage.host.undo)()
    stage.node["label"].setValue(f"{stage.node['label'].value()}.")  # the stand-in's idle moments are for nodes that were touched
    stage.host.pump(0.2)


def test_a_version_chosen_during_a_run_is_put_back(stage):
    stage.propagate()
    first = pattern(stage.node)
    stage.press("version_up")
    stage.node["size"].setValue(256)
    stage.press("propagate")
    choose(stage, "v001")
    assert [text for text in stage.told if "is at work" in text] == stage.told and len(stage.told) == 1
    stage.wait()
    assert stage.node["version"].value() == "v002" and "/v002/" in pattern(stage.node) and "Locked" not in stage.status()
    assert "The next run writes" not in stage.status() and len(stage.told) == 1
    choose(stage, "v001")
    assert pattern(stage.node) == first


def test_undo_of_version_up_takes_its_lock_back_and_redo_makes_it_again(stage):
    stage.propagate()
    stage.press("version_up")
    assert len(locks(stage)) == 1
    undo(stage)
    assert stage.node["version"].value() == "v001" and locks(stage) == []
    assert "Version up is undone: v001 is no longer locked." in stage.status()
    assert "v002" not in stage.status() and "The next run writes" not in stage.status()
    stage.node["size"].setValue(256)
    stage.propagate()
    assert stage.told == [] and "Up to date" in stage.status()


def test_redo_of_version_up_locks_again(stage):
    stage.propagate()
    stage.press("version_up")
    undo(stage)
    undo(stage, again=True)
    assert stage.node["version"].value() == "v002" and len(locks(stage)) == 1 and "v002" in stage.status()
    undo(stage)
    assert locks(stage) == []


@pytest.mark.parametrize("followed", ["mattes", "a lock of somebody else", "the artist's own lock"])
def test_undo_of_version_up_leaves_a_lock_that_something_followed_and_the_status_says_so(stage, followed):
    from xmemcore.protocol import result_lock

    stage.propagate()
    first = pattern(stage.node)
    if followed == "the artist's own lock":
        stage.press("lock_result")
    stage.press("version_up")
    if followed == "mattes":
        stage.propagate()
    elif followed == "a lock of somebody else":
        result_lock.unlock(first)
        result_lock._write(result_lock._path(first), {"matte.%04d.exr": {"by": "jd on ws12", "since": "2026-11-29 10:30"}})
    undo(stage)
    assert stage.node["version"].value() == "v001" and len(locks(stage)) == 1
    assert "Locked by" in stage.status() and "until Lock result is pressed again" in stage.status()
    assert pattern(stage.node) == first, "what the knob says is what shows"


def test_a_former_version_chosen_from_the_menu_stays_locked(stage):
    stage.propagate()
    stage.press("version_up")
    choose(stage, "v001")
    assert len(locks(stage)) == 1 and "Locked by" in stage.status()


def test_a_version_that_a_script_chose_leaves_the_lock(stage):
    stage.propagate()
    stage.press("version_up")
    stage.node.hideControlPanel()
    stage.node["version"].setValue("v001")
    stage.host.pump(0.2)
    assert len(locks(stage)) == 1 and "undone" not in stage.status()
    stage.press("refresh")  # with its panel closed nothing is looked at by itself
    assert len(locks(stage)) == 1 and "Locked by" in stage.status() and "undone" not in stage.status()


def test_undo_and_redo_of_a_choice_leave_the_lock_that_version_up_made(stage):
    stage.propagate()
    stage.press("version_up")
    choose(stage, "v001")
    for again, version in ((False, "v002"), (True, "v001"), (False, "v002")):
        undo(stage, again)
        assert stage.node["version"].value() == version and len(locks(stage)) == 1
    undo(stage)
    assert stage.node["version"].value() == "v001" and locks(stage) == [], "this was Version up itself"


def test_undo_of_two_version_ups_takes_back_the_lock_of_the_first_last(stage):
    stage.propagate()
    stage.press("version_up")
    stage.press("version_up")
    undo(stage)
    assert stage.node["version"].value() == "v002" and len(locks(stage)) == 1
    undo(stage)
    assert stage.node["version"].value() == "v001" and locks(stage) == []


# --- whose a result is


def test_a_pasted_node_with_the_same_output_is_refused_until_it_has_another(stage):
    stage.node["output"].setValue((stage.folder / "out" / "matte.%04d.exr").as_posix())
    stage.propagate()
    before = mattes(pattern(stage.node))
    twin = stage.copied(stage.node)
    twin.setInput(0, stage.plate)
    twin.setInput(1, stage.roto)
    stage.press("refresh", twin)
    assert "writes to the same place" in stage.status(twin)
    stage.propagate(twin)
    assert "XMemRoto writes to" in stage.told[-1] and mattes(pattern(stage.node)) == before
    twin["output"].setValue((stage.folder / "out" / "sleeve.%04d.exr").as_posix())
    for node, other in ((stage.node, "XMemRoto1"), (twin, "XMemRoto")):
        stage.press("refresh", node)
        assert f"{other} writes into the same folder" in stage.status(node) and "approved mattes" in stage.status(node)
    twin["output"].setValue("")
    stage.press("refresh")
    assert "the same folder" not in stage.status()
    stage.propagate(twin)
    assert pattern(twin) != pattern(stage.node) and mattes(pattern(stage.node)) == before


@pytest.mark.parametrize("answer", [True, False])
def test_mattes_of_a_node_elsewhere_are_replaced_only_when_the_artist_says_so(stage, answer):
    from xmem_roto_nuke.node import identity

    stage.node["output"].setValue((stage.folder / "out" / "matte.%04d.exr").as_posix())
    stage.propagate()
    before = mattes(pattern(stage.node))
    identity.give_id(stage.node)  # as in a copy of the script
    stage.host.answers_yes = answer
    stage.node["size"].setValue(256)
    stage.propagate()
    assert "were made by XMemRoto" in stage.told[-1] and stage.told[-1].endswith("Replace them?")
    assert (mattes(pattern(stage.node)) != before) is answer
    asked = len(stage.told)
    stage.propagate()
    assert (len(stage.told) == asked) is answer, "once it is this node's, nobody is asked"


def test_a_preset_of_another_node_leaves_a_node_its_own(stage):
    stage.propagate()
    preset = "\n".join(
        f"{name} {stage.node[name].toScript()}"
        for name in ("node_id", "home", "record", "has_result", "size")
        if stage.node[name].toScript()
    )
    other = stage.nuke.createNode("XMemRoto")
    own_id = other["node_id"].value()
    other.setInput(0, stage.plate)
    other.setInput(1, stage.roto)
    stage.host.apply_preset(other, preset)
    assert other["node_id"].value() == stage.node["node_id"].value(), "an older Nuke puts hidden knobs into presets"
    stage.press("refresh", other)
    assert other["node_id"].value() == own_id and not other["has_result"].value()
    assert "No mattes yet" in stage.status(other) and "Up to date" in (stage.press("refresh"), stage.status())[1]
    stage.propagate(other)
    assert pattern(other) != pattern(stage.node)


OTHERS_CURVE = "{curve L x1001 0.1 x1010 0.2}"


def two_results(stage):
    """Make another node with a result, and give the first one's curve values that the other's has not."""
    stage.propagate()
    other = stage.nuke.createNode("XMemRoto")
    other.setInput(0, stage.plate)
    other.setInput(1, stage.roto)
    stage.propagate(other)
    stage.node["sure"].fromScript(OTHERS_CURVE)
    return other


@pytest.mark.parametrize("reopened", [False, True])
def test_a_preset_brings_no_curves_of_another_nodes_result(stage, reopened):
    other = two_results(stage)
    node, names = stage.node, (stage.node.name(), other.name())
    if reopened:
        stage.host.open(stage.save())
        stage.host.pump(0.1)
        node, other = map(stage.host.node, names)
    own = {name: other[name].toScript() for name in other.knobs() if name.partition("_")[0] in ("keyed", "area", "sure")}
    assert len(own) == 4 and "x1006" in own["sure"]
    preset = stage.host.preset_of(node)
    assert "size " in preset or not stage.host.hostile
    stage.host.apply_preset(other, preset)
    stage.press("refresh", other)
    assert {name: other[name].toScript() for name in own} == own


@pytest.mark.parametrize("own_result", [True, False])
def test_a_node_gets_its_own_curves_back_where_a_preset_carried_an_identity(stage, own_result):
    other = two_results(stage)
    own = other["sure"].toScript()
    if not own_result:
        other = stage.nuke.createNode("XMemRoto")
        other.setInput(0, stage.plate)
        other.setInput(1, stage.roto)
    curves = [name for name in stage.node.knobs() if name.partition("_")[0] in ("keyed", "area", "sure")]
    if not own_result:
        from xmem_roto_nuke import host

        for name in curves:
            host.write_hidden_curve(other, name, name, "curve K x1001 1")
    carried = ("node_id", "home", "record", "has_result", *curves)
    preset = "\n".join(f"{name} {stage.node[name].toScript()}" for name in carried if stage.node[name].toScript())
    stage.host.apply_preset(other, preset)
    assert OTHERS_CURVE in other["sure"].toScript()
    stage.press("refresh", other)
    if own_result:
        assert other["sure"].toScript() == own
    else:
        assert not [name for name in curves if other.knob(name) is not None]


def test_todays_nuke_keeps_identity_out_of_presets(stage):
    stage.propagate()
    if not stage.host.hostile:
        assert "node_id" not in stage.host.preset_of(stage.node)


def test_a_clone_is_one_node_with_its_original_and_says_so(stage):
    stage.propagate()
    before = stage.node["node_id"].value()
    clone = stage.nuke.clone(stage.node)
    from xmem_roto_nuke import buttons

    buttons.created(clone)
    assert stage.node["node_id"].value() == before == clone["node_id"].value()
    stage.press("refresh")
    assert "has a clone" in stage.status() and "Up to date" in stage.status()


def test_the_core_is_asked_for_the_very_mattes_that_a_lock_is_for(stage):
    """It refuses locked ones itself: `tests/shot/test_propagate.py`."""
    from xmemcore.protocol.requests import PropagateRequest

    stage.propagate()
    request = json.loads((next(stage.folder.glob("mattes/*/request.json"))).read_text())
    assert PropagateRequest(**{**request, "keyframes": None}).out == pattern(stage.node)


def test_a_plate_behind_other_nodes_is_not_replaced_by_its_mattes_and_is_not_rendered_first(stage):
    file = plate_of_files(stage)
    behind_a_grade(stage)
    before, rendered = Path(file(1004)).read_bytes(), len(stage.host.frames_rendered)
    stage.node["output"].setValue(f"{Path(file(1001)).parent.as_posix()}/p.%04d.exr")
    stage.propagate()
    assert f"The mattes would replace {file(1001)}, which XMem Roto has not made." in stage.told[-1]
    assert Path(file(1004)).read_bytes() == before and len(stage.host.frames_rendered) == rendered


def test_a_write_for_the_mattes_is_not_made_where_a_node_keeps_its_own(stage):
    stage.propagate()
    stage.node["publish"].setValue(pattern(stage.node))
    stage.press("make_write")
    assert "keeps its mattes there" in stage.told[-1] and not stage.nuke.allNodes("Write")
