"""A plate file that did not change is not decoded to be compared, and one that did is never taken for the former one."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.shot.made_shot import FIRST, sent_to, write_frame, write_shot
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.inputs.opened import open_propagate
from xmemcore.shot.plate import known_files
from xmemcore.shot.plate.frame_source import Encoding
from xmemcore.shot.plate.known_files import KnownFiles
from xmemcore.shot.plate.plate import Plate
from xmemcore.shot.propagate import propagate
from xmemcore.shot.status import node_status

LAST = FIRST + 5
CONTENT, OTHER = "ab" * 20, "cd" * 20


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> PropagateRequest:
    folder = tmp_path_factory.mktemp("known")
    request = sent_to(write_shot(folder, LAST, body_keys=(FIRST, LAST), sleeve_keys=(FIRST, LAST)), folder)
    propagate(request)
    return request


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    frames: list[int] = []
    read = Plate._planes

    def noted(self: Plate, frame: int) -> object:
        frames.append(frame)
        return read(self, frame)

    monkeypatch.setattr(Plate, "_planes", noted)
    return frames


def test_unchanged_plate_is_judged_without_decoding_it(done: PropagateRequest, decoded: list[int]) -> None:
    assert node_status(done).stale == () and propagate(done).written == ()
    assert decoded == []


def test_no_frame_is_decoded_twice_where_its_hash_is_asked_for_before_its_pixels(done: PropagateRequest, decoded: list[int]) -> None:
    content = open_propagate(replace(done, use_cache=False)).content
    keys = [content.digest(index) for index in range(3)]
    assert [content.encoding.key(content.read(index)) for index in range(3)] == keys
    assert decoded == [FIRST, FIRST + 1, FIRST + 2]


def test_the_picture_of_a_known_file_is_not_hashed_again_unless_the_file_was_changed_meanwhile(
    done: PropagateRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, hashed = open_propagate(done).content, []
    key = Encoding.key
    monkeypatch.setattr(Encoding, "key", lambda self, image: (hashed.append(image.shape), key(self, image))[1])
    image = content.read(2)
    assert not hashed and content.digest(2) == key(content.encoding, image)
    monkeypatch.setattr(KnownFiles, "unchanged", lambda self, seen: False)
    content.read(3)
    assert len(hashed) == 1


def test_no_plate_file_is_hashed_where_no_later_run_will_ask(done: PropagateRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[Path] = []
    monkeypatch.setattr(known_files, "hash_file", lambda path: hashed.append(path) or "ef" * 20)
    for caching, count in ((False, 0), (True, 2)):
        content = open_propagate(replace(done, use_cache=caching)).content
        for index in (0, 3):
            content.digest(index)
        assert len(hashed) == count


def test_changed_frame_is_decoded_and_its_mattes_are_stale(done: PropagateRequest, decoded: list[int]) -> None:
    path = Path(done.plate % (FIRST + 2))
    content, times = path.read_bytes(), path.stat()
    try:
        write_frame(path, FIRST + 2, brightness=0.5)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert FIRST + 2 in node_status(done).stale
        assert decoded == [FIRST + 2]
    finally:
        path.write_bytes(content)
    assert node_status(done).stale == (), "its former content is known again"


def test_another_way_to_read_a_plate_is_another_content(done: PropagateRequest, decoded: list[int]) -> None:
    for other in (replace(done, colorspace="acescg"), replace(done, size=96)):
        decoded.clear()
        assert node_status(other).stale
        assert decoded


@pytest.mark.parametrize("damage", ["proof", "plate_files"])
def test_damaged_manifest_vouches_for_no_file(done: PropagateRequest, decoded: list[int], damage: str) -> None:
    path = Path(done.cache or "") / "node1" / "manifest.json"
    text = path.read_text()
    content = json.loads(text)
    if damage == "proof":
        content["proof"] = "0" * 40
    else:
        content["plate_files"] = dict.fromkeys(content["plate_files"], CONTENT)
    try:
        path.write_text(json.dumps(content))
        assert node_status(done).stale == () and len(decoded) == LAST - FIRST + 1
    finally:
        path.write_text(text)


def test_file_that_changes_while_it_is_read_is_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    files = KnownFiles("linear", 1, known={})
    seen = files.see(path)
    path.write_bytes(b"another")
    files.remember(seen, CONTENT)
    assert files.content(seen) is None
    seen = files.see(path)
    files.remember(seen, CONTENT)
    assert files.content(files.see(path)) == CONTENT
    assert KnownFiles("linear", 1, known=files.remembered()).content(seen) == CONTENT


def test_what_ocio_decodes_is_never_looked_up(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    assert KnownFiles("ocio:ACES2065-1", 1, known={}).see(tmp_path / "a") is None
    assert KnownFiles("linear", 1, known={}).see(tmp_path / "missing") is None
