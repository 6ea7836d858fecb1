"""The job folder: copyable, and what no export writes is refused by name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from xmemcore.protocol import job
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.job import JobShot
from xmemcore.protocol.path_map import PathRules, read_rules
from xmemcore.protocol.requests import PropagateRequest


def shot(folder: Path, name: str = "XMemRoto1") -> JobShot:
    request = PropagateRequest(
        plate="/shots/a/plate.%04d.exr",
        roto=str(folder / name / "roto.json"),
        keyframes=(1001, 1010),
        objects=("sleeve",),
        frames="1001-1010",
        out=str(folder / name / "mattes" / "matte.%04d.exr"),
        size=240,
        node_id="0123",
        device="cuda",
        cache="/elsewhere",
        viewer_frame=1004,
    )
    result, record = "/shots/a/mattes/matte.%04d.exr", {"first": 1001}
    return JobShot(name, job.for_job(request, folder), result, (1007,), "00ff" * 16, "/shots/a/comp.nk", record)


def test_a_folder_that_is_copied_is_the_same_job_at_another_place(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    job.keep(folder, shot(folder))
    other = tmp_path / "there"
    folder.rename(other)
    (read,) = job.read(other).shots
    assert read == shot(folder)
    request = read.here(other, PathRules())
    assert request.roto == (other / "XMemRoto1" / "roto.json").as_posix()
    assert request.out == (other / "XMemRoto1" / "mattes" / "matte.%04d.exr").as_posix()
    assert request.plate == "/shots/a/plate.%04d.exr", "what lies outside stays where it is"
    assert (request.device, request.cache, request.viewer_frame) == ("auto", None, None), "the machine's own affair"
    assert (request.size, request.frames, request.keyframes, request.objects) == (240, "1001-1010", (1001, 1010), ("sleeve",))


def test_paths_outside_follow_the_rules_of_the_machine(tmp_path: Path) -> None:
    rules = read_rules(None, ["/shots=/mnt/shots", "/shots/a=/mnt/a"])
    job_shot = shot(tmp_path)
    assert job_shot.here(tmp_path, rules).plate == "/mnt/a/plate.%04d.exr", "the longest rule counts"
    assert job_shot.result_here(rules) == "/mnt/a/mattes/matte.%04d.exr"


@pytest.mark.parametrize(
    ("rule", "path", "here"),
    [
        ("X:\\Shots=/mnt/shots", "x:/shots/A/plate.exr", "/mnt/shots/A/plate.exr"),
        ("X:\\shots\\=/mnt/shots/", "X:\\shots\\a.exr", "/mnt/shots/a.exr"),
        ("/shots=/mnt", "/shotsteam/a.exr", "/shotsteam/a.exr"),
        ("/Shots=/mnt", "/shots/a.exr", "/shots/a.exr"),
        ("//server/shots=/mnt", "\\\\SERVER\\shots\\a.exr", "/mnt/a.exr"),
    ],
)
def test_a_rule_speaks_of_whole_folders(rule: str, path: str, here: str) -> None:
    assert read_rules(None, [rule]).mapped(path) == here


def test_rules_of_open_job_description_are_read_and_others_refused(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    path.write_text("{}")
    assert read_rules(str(path)).mapped("/a") == "/a", "engines write an empty object where there are none"
    rule = {"source_path_format": "WINDOWS", "source_path": "Z:\\show", "destination_path": "/show"}
    path.write_text(json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": [rule]}))
    assert read_rules(str(path)).mapped("Z:/show/plate.exr") == "/show/plate.exr"
    for wrong in ("", "[1]", '{"version": "2", "path_mapping_rules": []}', '{"path_mapping_rules": [{"source_path": 1}]}'):
        path.write_text(wrong)
        with pytest.raises(match="cannot be read"):
            read_rules(str(path))
    with pytest.raises(match="FROM=TO"):
        read_rules(None, ["/only"])


def test_shots_of_one_folder_stay_beside_each_other(tmp_path: Path) -> None:
    other = replace(shot(tmp_path, "b"), result="/shots/b/mattes/matte.%04d.exr")
    for each in (other, shot(tmp_path, "a"), replace(other, script="again")):
        job.keep(tmp_path, each)
    opened = job.read(tmp_path)
    assert [shot.name for shot in opened.shots] == ["a", "b"] and opened.shot("b").script == "again"
    with pytest.raises(match="It has: a, b"):
        opened.shot("c")


def test_every_setting_that_changes_mattes_is_written_whatever_it_is_by_default(tmp_path: Path) -> None:
    job.keep(tmp_path, shot(tmp_path))
    written = json.loads((tmp_path / "job.json").read_text())["shots"][0]["request"]
    assert {"size", "order", "edges", "precision", "mode", "learn"} <= set(written)
    assert not {"device", "cache", "viewer_frame", "wait", "chunk", "report"} & set(written)


def damage(content: dict, path: str, value: object) -> None:
    *parents, last = path.split(".")
    place = content
    for name in parents:
        place = place[int(name)] if name.isdigit() else place[name]
    if value is KeyError:
        del place[last]
    else:
        place[last] = value


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("version", 2, "version 2"),
        ("kind", "other", "no xmem-roto job"),
        ("shots", [], "no shots"),
        ("surprise", 1, "no field 'surprise'"),
        ("shots.0.name", KeyError, "lacks its field name"),
        ("shots.0.request.size", "big", "size is 'big'"),
        ("shots.0.request.size", 3, "out of range"),
        ("shots.0.request.cache", "/root", "only the machine"),
        ("shots.0.request.wait", 1.0, "only the machine"),
        ("shots.0.request.out", "/etc/matte.%04d.exr", "leave the job folder"),
        ("shots.0.request.out", "../matte.%04d.exr", "leave the job folder"),
        ("shots.0.request.roto", "../../secret", "leaves the job folder"),
        ("shots.0.request.frames", "1-", "no frame range"),
        ("shots.0.result", "relative.exr", "no absolute pattern"),
        ("shots.0.result", "/shots/plate.png", "no absolute pattern"),
        ("shots.0.missing", ["a"], "missing is 'a'"),
        ("shots.0.record", 5, "record is 5"),
    ],
)
def test_what_no_export_writes_is_refused_by_name(tmp_path: Path, path: str, value: object, sentence: str) -> None:
    job.keep(tmp_path, shot(tmp_path))
    content = json.loads((tmp_path / "job.json").read_text())
    damage(content, path, value)
    (tmp_path / "job.json").write_text(json.dumps(content))
    with pytest.raises(RequestError) as refused:
        job.read(tmp_path)
    assert sentence in str(refused.value) and "Export it again" in str(refused.value)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"kind": "xmem-roto job", "version": 1}', "\ud800".encode("utf-8", "surrogatepass")])
def test_a_damaged_job_is_refused_and_not_replaced(tmp_path: Path, content: str | bytes) -> None:
    raw = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "job.json").write_bytes(raw)
    with pytest.raises(RequestError):
        job.read(tmp_path)
    with pytest.raises(RequestError):
        job.keep(tmp_path, shot(tmp_path))
    assert (tmp_path / "job.json").read_bytes() == raw


def test_a_folder_without_a_job_is_named(tmp_path: Path) -> None:
    with pytest.raises(match="it has no job.json"):
        job.read(tmp_path)
