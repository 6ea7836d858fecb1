"""Downloads that are cut, lie about their length, or are a web page."""

from __future__ import annotations

import hashlib
import io
import json
import urllib.request
from pathlib import Path

import pytest
import torch

from tests.engine.small import small_network
from xmemcore.cli.main import main
from xmemcore.network import catalogue
from xmemcore.network import download as downloading
from xmemcore.network.catalogue import KnownModel, record_path
from xmemcore.network.download import StaysSafe, download
from xmemcore.protocol.failures import MachineError, RequestError


def part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def leftovers(target: Path) -> set[str]:
    return {p.name for p in target.parent.iterdir()} - {target.name, record_path(target).name}


def test_whole_file_comes_with_its_hash_recorded(release, tmp_path: Path) -> None:
    target = tmp_path / "models" / "model.pth"
    seen: list[tuple[int, int]] = []
    result = download(release.url, target, progress=lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == release.content
    assert result.sha256 == hashlib.sha256(release.content).hexdigest()
    assert json.loads(record_path(target).read_text()) == {"url": release.url, "sha256": result.sha256, "bytes": len(release.content)}
    assert seen[-1] == (len(release.content), len(release.content))
    assert leftovers(target) == set()


def test_cut_connection_is_resumed_within_one_call(release, tmp_path: Path) -> None:
    release.cut_after = [100_000, 50_000]
    target = tmp_path / "model.pth"
    download(release.url, target, pause_seconds=0.01)
    assert target.read_bytes() == release.content
    assert release.asked == [None, "bytes=100000-", "bytes=150000-"]


def test_cut_download_goes_on_with_the_next_call(release, tmp_path: Path) -> None:
    release.cut_after = [100_000]
    target = tmp_path / "model.pth"
    with pytest.raises(MachineError, match=r"stopped at 0\.1 MB .*it goes on from there"):
        download(release.url, target, attempts=1)
    assert not target.exists()
    assert part_of(target).stat().st_size == 100_000
    download(release.url, target, attempts=1)
    assert target.read_bytes() == release.content
    assert release.asked[1] == "bytes=100000-"


def test_file_that_changed_meanwhile_is_taken_anew(release, tmp_path: Path) -> None:
    release.cut_after = [100_000]
    target = tmp_path / "model.pth"
    with pytest.raises(MachineError):
        download(release.url, target, attempts=1)
    release.content, release.etag = b"PK\x03\x04" + b"other" * 60_000, '"two"'
    download(release.url, target, attempts=1)
    assert target.read_bytes() == release.content


def test_server_without_ranges_starts_over(release, tmp_path: Path) -> None:
    release.ranges, release.cut_after = False, [100_000]
    target = tmp_path / "model.pth"
    download(release.url, target, pause_seconds=0.01)
    assert target.read_bytes() == release.content


def test_longer_announcement_than_content_is_never_accepted(release, tmp_path: Path) -> None:
    release.announce, release.ranges = len(release.content) + 1000, False
    target = tmp_path / "model.pth"
    with pytest.raises(MachineError, match=f"ended after {len(release.content)} of {release.announce} bytes"):
        download(release.url, target, attempts=2, pause_seconds=0.01)
    assert not target.exists()


def test_shorter_announcement_than_content_is_caught_by_loading(release, tmp_path: Path) -> None:
    """The connection ends as announced, so only the file itself can tell that it is truncated."""
    release.announce = 1000

    def check(path: Path) -> None:
        if path.stat().st_size < len(release.content):
            raise RequestError("The model is damaged.")

    target = tmp_path / "model.pth"
    with pytest.raises(RequestError, match="damaged"):
        download(release.url, target, check=check)
    assert leftovers(target) == set() and not target.exists()


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/octet-stream"])
def test_web_page_is_no_model_whatever_it_calls_itself(release, tmp_path: Path, content_type: str) -> None:
    release.content, release.content_type = b"<!DOCTYPE html><html>Please log in</html>" * 50, content_type
    target = tmp_path / "model.pth"
    with pytest.raises(MachineError, match="no model, perhaps a log-in or error page"):
        download(release.url, target)
    assert not target.exists()
    release.content, release.content_type = b"PK\x03\x04" + b"model" * 100, "application/octet-stream"
    assert download(release.url, target).bytes == len(release.content)


def test_missing_file_is_said_at_once(release, tmp_path: Path) -> None:
    release.status = 404
    with pytest.raises(MachineError, match="answers 404 Not Found"):
        download(release.url, tmp_path / "model.pth", pause_seconds=60)
    assert len(release.asked) == 1


def test_overloaded_server_is_asked_again(release, tmp_path: Path) -> None:
    release.status = 503
    with pytest.raises(MachineError, match="503 Service Unavailable"):
        download(release.url, tmp_path / "model.pth", attempts=3, pause_seconds=0.01)
    assert len(release.asked) == 3


def test_refused_connection_has_its_sentence(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"127\.0\.0\.1:9/x\.pth stopped at 0\.0 MB"):
        download("http://127.0.0.1:9/x.pth", tmp_path / "x.pth", attempts=1)


def test_other_content_at_the_same_address_is_refused_until_it_is_meant(release, tmp_path: Path) -> None:
    target = tmp_path / "model.pth"
    download(release.url, target)
    target.unlink()
    release.content = b"PK\x03\x04" + b"tampered" * 1000
    with pytest.raises(MachineError, match="now gives another file"):
        download(release.url, target)
    assert not target.exists()
    record_path(target).unlink()
    download(release.url, target)
    assert target.read_bytes() == release.content


def test_folder_that_cannot_be_made_has_its_sentence(release, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="Cannot make .*XMEM_ROTO_MODELS"):
        download(release.url, tmp_path / "file" / "model.pth")


def test_full_disk_stops_at_once_and_keeps_nothing_half_accepted(release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file, block: bytes, part: Path) -> None:
        raise OSError(28, "No space left on device", str(part))

    monkeypatch.setattr(downloading, "_write", full)
    with pytest.raises(MachineError, match="No space left on device"):
        download(release.url, tmp_path / "model.pth", pause_seconds=60)
    assert len(release.asked) == 1 and not (tmp_path / "model.pth").exists()


@pytest.mark.parametrize(
    ("first", "then", "allowed"), [("https", "http", False), ("https", "file", False), ("https", "https", True), ("http", "http", True)]
)
def test_redirect_never_leaves_https(first: str, then: str, allowed: bool) -> None:
    request = urllib.request.Request(f"{first}://example.org/a")
    if allowed:
        assert StaysSafe().redirect_request(request, None, 302, "", {}, f"{then}://example.org/b").full_url == f"{then}://example.org/b"
        return
    with pytest.raises(MachineError, match="leads away from https"):
        StaysSafe().redirect_request(request, None, 302, "", {}, f"{then}://example.org/b")


def test_a_model_with_another_hash_than_was_asked_for_is_refused(
    release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held = io.BytesIO()
    torch.save(small_network().state_dict(), held)
    release.content = held.getvalue()
    monkeypatch.setenv("XMEM_ROTO_MODELS", str(tmp_path))
    monkeypatch.setattr(catalogue, "KNOWN", (KnownModel("ours", "a model", "terms", "ours.pth", url=release.url),))
    right, wrong = hashlib.sha256(release.content).hexdigest(), "0" * 64
    get = ["models", "get", "ours", "--sha256"]
    assert main([*get, wrong]) == 3
    assert f"has the SHA-256 {right}, not {wrong}. It was not installed." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert main([*get, right.upper()]) == 0
    assert (tmp_path / "ours.pth").read_bytes() == release.content
    assert main([*get, right]) == 0
    capsys.readouterr()
    assert main([*get, wrong]) == 3
    assert "Delete" in capsys.readouterr().err
    assert (tmp_path / "ours.pth").exists(), "what is installed stays until somebody decides"
    assert main(["models", "verify", "--sha256", right]) == 2
    assert main([*get, "123"]) == 2
