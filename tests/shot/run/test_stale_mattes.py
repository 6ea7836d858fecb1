"""A stale matte is never taken for a fresh one: the file's own word counts, when every byte of it is as we wrote it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from tests.shot.made_shot import FIRST, sent_to, write_shot
from tests.shot.run.test_killed import RUN
from tests.shot.written import mattes, read_matte, same
from xmemcore.protocol.failures import Busy, RequestError
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.result_file import ResultFile
from xmemcore.shot.listener import Silence
from xmemcore.shot.mattes import matte_proof
from xmemcore.shot.propagate import propagate
from xmemcore.shot.status import node_status

LAST = FIRST + 9


@pytest.fixture
def request_of(tmp_path: Path) -> PropagateRequest:
    return sent_to(write_shot(tmp_path, LAST, body_keys=(FIRST, FIRST + 5), sleeve_keys=(FIRST, FIRST + 5)), tmp_path)


def moved(request: PropagateRequest, tmp_path: Path) -> PropagateRequest:
    """The same shot with another roto."""
    text = Path(request.roto).read_text().replace("{t 0 0}", "{t 20 0}").replace("16", "12")
    (tmp_path / "b.nk").write_text(text)
    return replace(request, roto=str(tmp_path / "b.nk"))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_mattes_of_a_killed_run_with_another_roto_are_not_taken_for_ours(request_of: PropagateRequest, tmp_path: Path) -> None:
    propagate(request_of)
    of_a = mattes(request_of.out)
    folder = Path(request_of.out).parent
    before = {path: path.stat().st_mtime_ns for path in folder.glob("matte.*.exr")}
    other = moved(request_of, tmp_path)
    with subprocess.Popen([sys.executable, "-c", RUN, json.dumps(asdict(other))]) as process:
        deadline = time.monotonic() + 120
        while sum(path.stat().st_mtime_ns != before[path] for path in before) < 6:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.005)
        process.kill()
    assert not same(mattes(request_of.out), of_a)
    for frame, record in ResultFile(Path(request_of.out)).records.items():
        # The record of A was withdrawn before the first matte was replaced.
        assert matte_proof.read(Path(request_of.out % frame)).record == record
    stale = node_status(request_of).stale
    assert len(stale) >= 6
    result = propagate(request_of)
    assert result.written == tuple(sorted(stale))
    assert same(mattes(request_of.out), of_a)
    assert names(folder) == sorted([*of_a, "result.json"])


def test_record_is_only_a_hint(request_of: PropagateRequest, tmp_path: Path) -> None:
    """Gone, of another roto, or damaged: what is up to date is the same, and the record is made anew from the mattes themselves."""
    first = propagate(request_of)
    path = Path(request_of.out).parent / "result.json"
    ours, records = path.read_text(), ResultFile(Path(request_of.out)).records
    propagate(replace(moved(request_of, tmp_path), out=str(tmp_path / "other" / "matte.%04d.exr")))
    for content in (None, (tmp_path / "other" / "result.json").read_text(), "", ours[: len(ours) // 2]):
        if content is None:
            path.unlink()
        else:
            path.write_text(content)
        again = propagate(request_of)
        assert again.written == () and again.frames == first.frames
        assert ResultFile(Path(request_of.out)).records == records


@pytest.mark.parametrize("damage", ["zeros", "bit", "header", "cut", "longer", "swapped"])
def test_damaged_matte_is_made_again(request_of: PropagateRequest, damage: str) -> None:
    propagate(request_of)
    before = mattes(request_of.out)
    path = Path(request_of.out % (FIRST + 2))
    content = bytearray(path.read_bytes())
    if damage == "zeros":
        content = bytearray(len(content))
    if damage == "bit":
        content[-20] ^= 1
    if damage == "header":
        place = content.index(b"xmem/signature\0string\0") + 30
        content[place] = ord("0") if content[place] != ord("0") else ord("1")
    if damage == "cut":
        del content[-5:]
    if damage == "longer":
        content += b"\0"
    if damage == "swapped":
        content = bytearray(Path(request_of.out % (FIRST + 3)).read_bytes())
    path.write_bytes(content)
    assert node_status(request_of).stale == (FIRST + 2,)
    assert propagate(request_of).written == (FIRST + 2,)
    assert same(mattes(request_of.out), before)


def test_what_somebody_rendered_over_a_matte_stays(request_of: PropagateRequest) -> None:
    propagate(request_of)
    path = Path(request_of.out % (FIRST + 2))
    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION}, {"A": np.ones((4, 4), np.float16)}).write(str(path))
    painted = path.read_bytes()
    with pytest.raises(RequestError, match="would replace .*, which XMem Roto has not made.* or move that file"):
        propagate(request_of)
    assert path.read_bytes() == painted
    assert propagate(replace(request_of, frames=f"{FIRST}-{FIRST + 1}")).written == ()


def test_matte_that_was_copied_elsewhere_and_back_is_still_fresh(request_of: PropagateRequest) -> None:
    propagate(request_of)
    for path in Path(request_of.out).parent.glob("matte.*.exr"):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        os.utime(path, (1000, 1000))
    assert propagate(request_of).written == ()


def test_matte_of_an_older_version_is_named_and_made_again(request_of: PropagateRequest) -> None:
    propagate(request_of)
    path = Path(request_of.out % FIRST)
    header, channels = read_matte(path)
    ours = (matte_proof.DIGEST, matte_proof.SIGNATURE, matte_proof.AREAS, matte_proof.SURENESS, "channels")
    header = {name: value for name, value in header.items() if name not in ours} | {"xmem/version": "0.2.0"}
    OpenEXR.File(header, channels).write(str(path))
    result = propagate(request_of)
    assert result.written == (FIRST,)
    assert [text for text in result.warnings if "of another version (0.2.0)" in text and str(FIRST) in text]


def test_two_runs_never_write_one_result(request_of: PropagateRequest, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "out")
    (tmp_path / "out").mkdir()
    other = replace(moved(request_of, tmp_path), node_id="node2", out=str(tmp_path / "link" / "matte.%04d.exr"))
    begun, refused = threading.Event(), threading.Event()

    class Waiting(Silence):
        def frame_done(self, frame: int, path: Path) -> None:
            begun.set()
            assert refused.wait(60)

    thread = threading.Thread(target=propagate, args=(request_of, Waiting()))
    thread.start()
    try:
        assert begun.wait(60)
        with pytest.raises(Busy, match="Another propagate writes these mattes"):
            propagate(other)
        beside = replace(other, out=str(tmp_path / "out" / "b.%04d.exr"))
        assert len(propagate(beside).written) == 10, "another sequence of the folder is nobody's concern"
    finally:
        refused.set()
        thread.join(60)
    assert names(tmp_path / "out") == sorted(
        ["result.json", *(f"{stem}.{frame}.exr" for stem in ("matte", "b") for frame in range(FIRST, LAST + 1))]
    )
    assert set(json.loads((tmp_path / "out" / "result.json").read_text())["mattes"]) == {"matte.%04d.exr", "b.%04d.exr"}


def test_output_that_reaches_the_plate_through_a_link_is_refused(request_of: PropagateRequest, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in (tmp_path / "plate").iterdir()}
    (tmp_path / "link").symlink_to(tmp_path / "plate")
    with pytest.raises(RequestError, match="would replace"):
        propagate(replace(request_of, out=str(tmp_path / "link" / "plate.%04d.exr")))
    (tmp_path / "sheet.png").symlink_to(tmp_path / "plate" / f"plate.{FIRST}.exr")
    with pytest.raises(RequestError, match="contact sheet would replace"):
        propagate(replace(request_of, report=str(tmp_path / "sheet.png")))
    assert {path: path.read_bytes() for path in (tmp_path / "plate").iterdir()} == before


def test_foreign_files_beside_the_mattes_stay(request_of: PropagateRequest, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    foreign = {
        name: name.encode() for name in (".plate.1001.exr.part", ".x.part", "result.json", "notes.txt", ".matte.1001.exr.elsewhere-1.part")
    }
    for name, content in foreign.items():
        (folder / name).write_bytes(content)
        os.utime(folder / name, (1000, 1000))
    result = propagate(request_of)
    assert len(result.written) == 10
    assert [text for text in result.warnings if "is not a record of mattes" in text]
    assert {name: (folder / name).read_bytes() for name in foreign} == foreign
    assert propagate(request_of).written == (), "the mattes speak for themselves"
