"""`result.json` says which mattes are up to date, and only of its own sequence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xmemcore.shot.result import MatteRecord, ResultFile


def record(signature: str = "abc", size: int = 3) -> MatteRecord:
    return MatteRecord(signature, size, False, (0.25, 0.5), 0.9)


def test_frame_is_fresh_while_signature_and_file_are_the_recorded_ones(tmp_path: Path) -> None:
    result = ResultFile(tmp_path / "matte.%04d.exr")
    result.records[1001] = record()
    result.save({"plate": "p"})
    matte = tmp_path / "matte.1001.exr"
    again = ResultFile(tmp_path / "matte.%04d.exr")
    assert again.records == result.records
    assert again.header == {"plate": "p"}
    assert not again.fresh(1001, "abc", matte), "the file is gone"
    matte.write_bytes(b"123")
    assert again.fresh(1001, "abc", matte)
    assert not again.fresh(1001, "other", matte)
    assert not again.fresh(1002, "abc", matte)
    matte.write_bytes(b"1234")
    assert not again.fresh(1001, "abc", matte), "somebody else wrote it"


def test_other_sequences_of_the_folder_are_left_alone(tmp_path: Path) -> None:
    one, two = ResultFile(tmp_path / "a.%04d.exr"), ResultFile(tmp_path / "b.%04d.exr")
    one.records[1] = record("one")
    one.save({})
    two.records[1] = record("two")
    two.save({})
    assert ResultFile(tmp_path / "a.%04d.exr").records[1].signature == "one"
    assert set(json.loads((tmp_path / "result.json").read_text())["mattes"]) == {"a.%04d.exr", "b.%04d.exr"}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"version": 99, "mattes": {}}',
        '{"version": 1, "mattes": {"m.%04d.exr": []}}',
        '{"version": 1, "mattes": {"m.%04d.exr": {"frames": [1]}}}',
        '{"version": 1, "mattes": {"m.%04d.exr": {"frames": {"1": {"old": 1}}}}}',
    ],
)
def test_damaged_or_older_file_counts_as_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "result.json").write_text(content)
    result = ResultFile(tmp_path / "m.%04d.exr")
    assert result.records == {}
    result.records[5] = record()
    result.save({})
    assert ResultFile(tmp_path / "m.%04d.exr").records == {5: record()}


def test_full_disk_leaves_no_half_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str, encoding: str) -> int:
        path.touch()
        raise OSError(28, "No space left on device")

    result = ResultFile(tmp_path / "m.%04d.exr")
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        result.save({})
    assert list(tmp_path.iterdir()) == []
