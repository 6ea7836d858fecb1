"""`result.json` is a hint about its own sequence; somebody else's file of that name stays."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.result_file import MatteRecord, ResultFile, ResultHeader


def record(signature: str = "abc", size: int = 3) -> MatteRecord:
    return MatteRecord(signature, size, False, (0.25, 0.5), 0.9)


def test_records_come_back(tmp_path: Path) -> None:
    result = ResultFile(tmp_path / "matte.%04d.exr")
    result.records[1001] = record()
    result.write(ResultHeader(plate="p"))
    again = ResultFile(tmp_path / "matte.%04d.exr")
    assert again.records == result.records
    assert again.header == ResultHeader(plate="p")
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_other_sequences_of_the_folder_are_left_alone(tmp_path: Path) -> None:
    first, second = ResultFile(tmp_path / "a.%04d.exr"), ResultFile(tmp_path / "b.%04d.exr")
    first.records[1] = record("one")
    first.write(ResultHeader())
    second.records[1] = record("two")
    second.write(ResultHeader())
    assert ResultFile(tmp_path / "a.%04d.exr").records[1].signature == "one"
    assert set(json.loads((tmp_path / "result.json").read_text())["mattes"]) == {"a.%04d.exr", "b.%04d.exr"}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        '{"version": 1, "mattes": {"m.%04d.exr": {"fra',
        64 * "\0",
        '{"version": 99, "mattes": {}}',
        '{"version": 1, "mattes": {"m.%04d.exr": []}}',
        '{"version": 1, "mattes": {"m.%04d.exr": {"frames": [1]}}}',
        '{"version": 1, "mattes": {"m.%04d.exr": {"frames": {"1": {"old": 1}}}}}',
        '{"version": 1, "mattes": {"m.%04d.exr": {"frames": {"1001": '
        '{"signature": 5, "bytes": [], "keyframe": 0, "areas": "x", "confidence": {}}}}}}',
        '{"version": 1, "mattes": {"m.%04d.exr": {"frames": {"1": '
        '{"signature": "a", "bytes": 1, "keyframe": true, "areas": [1], "confidence": NaN}}}}}',
        '{"version": 1, "mattes": ' + 9000 * "[",
    ],
)
def test_damaged_or_older_file_counts_as_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "result.json").write_text(content)
    result = ResultFile(tmp_path / "m.%04d.exr")
    assert result.records == {}
    result.records[5] = record()
    result.write(ResultHeader())
    assert ResultFile(tmp_path / "m.%04d.exr").records == {5: record()}


@pytest.mark.parametrize("content", ["[]", 99_000 * "[", '{"name": "somebody else\'s"}', "text"])
def test_foreign_file_stays_as_it_is(tmp_path: Path, content: str) -> None:
    (tmp_path / "result.json").write_text(content)
    result = ResultFile(tmp_path / "m.%04d.exr")
    assert result.records == {}
    with pytest.raises(RequestError, match="not a record of mattes"):
        result.write(ResultHeader())
    assert (tmp_path / "result.json").read_text() == content


def test_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "result.json")
    with pytest.raises(OSError, match="not an ordinary file"):
        ResultFile(tmp_path / "m.%04d.exr").write(ResultHeader())


def test_full_disk_leaves_no_half_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    result = ResultFile(tmp_path / "m.%04d.exr")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        result.write(ResultHeader())
    assert list(tmp_path.iterdir()) == []
