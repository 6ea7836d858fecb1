"""Names, paths and ids from files and scripts never become code, and damaged knobs and records never an exception."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(300)


def knob_text(content: object) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()


def record_beside(stage) -> Path:
    return next(stage.folder.glob("mattes/*/nuke.json"))


def test_layer_of_a_record_is_never_run(stage):
    stage.propagate()
    path = record_beside(stage)
    touched = stage.folder / "touched"
    content = json.loads(path.read_text())
    for entry in content["mattes"].values():
        entry["record"]["layers"] = [f"[exec touch {touched}]"]
    path.write_text(json.dumps(content))
    stage.node["record"].setValue("")
    stage.press("refresh")
    stage.press("make_passes")
    stage.host.pump(0.1)
    assert stage.nuke.toNode("XMemPass") is None, "no result counts"
    assert not touched.exists()


def test_script_in_a_folder_with_brackets_shows_its_mattes(stage, tmp_path):
    folder = tmp_path / "[wip] $x {a}"
    folder.mkdir()
    stage.nuke.scriptSaveAs(str(folder / "shot.nk"), 1)
    stage.propagate()
    assert stage.told == [] and "Up to date" in stage.status()
    assert len(list(folder.glob("mattes/*/matte.*.exr"))) == 10
    assert stage.host.pixels(stage.node, 1004).at("tri.alpha", 9, 48 - 1 - 12) == 1.0
    stage.press("make_passes")
    assert stage.told == [] and not stage.host.python_errors
    assert stage.host.pixels(stage.host.node("XMemPass1"), 1004).at("rgba.alpha", 9, 48 - 1 - 12) == 1.0


def test_id_that_could_leave_the_cache_is_replaced(stage):
    from xmem_roto_nuke.node import identity

    for given in ("..", "/tmp/escape", "features", "nuke", "a b", "[exec touch x]", "x" * 300, "../../../escape"):
        stage.node["node_id"].setValue(given)
        fresh = identity.node_id(stage.node)
        assert fresh == stage.node["node_id"].value() != given and fresh.isalnum()
    stage.node["node_id"].setValue("../../../escape")
    stage.propagate()
    assert stage.told == [] and (stage.cache() / "nuke" / stage.node["node_id"].value()).is_dir()
    assert not list(stage.folder.rglob("escape*")) and not Path("/tmp/escape").exists()


DAMAGED = [
    [], 5, "x", {"snapshot": 5}, {"snapshot": {"plate": "", "roto": {"tri": {"1001": 5}}, "settings": {}}},
    {"added": 5, "removed": [], "absent": {"tri": "x"}, "known": 7}, {"added": {"tri": [1004, "2", None, [3]]}, "known": [1, None]},
]  # fmt: skip


def test_damaged_knobs_say_nothing_and_stop_nothing(stage):
    for knob in ("record", "key_edits", "home"):
        for content in (*map(knob_text, DAMAGED), "no base64!", base64.b64encode(b"[" * 99_000).decode()):
            stage.node[knob].setValue(content)
            stage.press("refresh")
            assert stage.told == [] and not stage.host.python_errors
        stage.node[knob].setValue(knob_text(DAMAGED[0]))
    stage.propagate()
    assert stage.told == [] and "Up to date" in stage.status()


WHOLE = {
    "snapshot": {"plate": "", "roto": {}, "settings": {}}, "out": "m.%04d.exr", "first": 1, "last": 2, "frames": "1-2", "complete": True,
    "objects": ["a"], "layers": ["a"], "seconds": 1.0, "seconds_per_frame": 0.5, "computed": 2, "encoded_frames": 2,
    "encoded_annotations": 1, "model": "m", "stamp": "s", "node_name": "n", "missing": [],
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [{"first": "1"}, {"first": None}, {"frames": "x"}, {"frames": 7}, {"seconds": "1"}, {"layers": ["a b"]}, {"layers": ["$x"]},
     {"layers": "a"}, {"layers": [5]}, {"objects": [5]}, {"missing": ["1"]}, {"complete": 1}, {"out": None}, {"snapshot": None},
     {"snapshot": {"plate": 1}}, {"snapshot": {"roto": {"a": {"1": []}}}}, {"snapshot": {"roto": {"a": {"x": ["h", 1.0]}}}},
     {"snapshot": {"settings": []}}, {"more": 1}],
    ids=range(19),
)  # fmt: skip
def test_record_with_a_value_of_another_kind_counts_as_none(change):
    from xmem_roto_nuke.staleness.record import Record

    assert Record.of_json(WHOLE) is not None
    assert Record.of_json({**WHOLE, **change}) is None


def test_damaged_records_beside_the_mattes_are_no_exception(stage):
    stage.propagate()
    for name in ("nuke.json", "result.json"):
        for content in ("[" * 99_000, '{"version": 1, "mattes": []}', '{"version": 1, "mattes": {"matte.%04d.exr": {"frames": [1]}}}', ""):
            record_beside(stage).with_name(name).write_text(content)
            stage.press("refresh")
            assert stage.told == [] and not stage.host.python_errors


def test_foreign_nuke_json_stays(stage):
    stage.propagate()
    path = record_beside(stage)
    path.write_text('{"name": "of another tool"}')
    stage.propagate()
    assert path.read_text() == '{"name": "of another tool"}'
