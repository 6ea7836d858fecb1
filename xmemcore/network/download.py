"""Bring a model from its public address: resumable, and accepted only when it is whole and really a model."""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from xmemcore.network.catalogue import hash_file, record_path
from xmemcore.protocol.failures import MachineError
from xmemcore.protocol.outside import cut, read_object

CONNECT_TIMEOUT_SECONDS = 30
BLOCK_BYTES = 1 << 20
ATTEMPTS = 4
"""Connections that are tried before the download fails."""
PAUSE_SECONDS = 1.0
"""Pause before the second attempt; it doubles with each further one."""

ZIP_MAGIC, PICKLE_MAGIC = b"PK\x03\x04", b"\x80"
"""First bytes of torch files: today's, and those of before 1.6."""


@dataclass(frozen=True)
class Download:
    """A model that has been brought, and its hash."""

    path: Path
    sha256: str
    bytes: int


def download(
    url: str,
    target: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[Path], object] = lambda path: None,
    attempts: int = ATTEMPTS,
    pause_seconds: float = PAUSE_SECONDS,
) -> Download:
    """Bring a file, going on where an earlier attempt stopped, and record its hash.

    Args:
        url: http or https address.
        target: where it goes; `<target>.part` holds what has come so far.
        progress: told bytes so far and in all (0 when the server does not say).
        check: called with the finished file before it is accepted; raises one of our failures when it is no model.
        attempts: connections to try in this call.
        pause_seconds: before the second attempt.

    Raises:
        MachineError, or what `check` raises.
    """
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(f"Cannot make {target.parent}: {error.strerror}. Set XMEM_ROTO_MODELS to another folder.") from error
    total = _fetch_all(url, part, progress, attempts, pause_seconds)
    try:
        check(part)
    except Exception:
        _discard(part)
        raise
    sha256 = hash_file(part)
    record = record_path(target)
    _compare_with_record(record, url, sha256, part)
    record.write_text(json.dumps({"url": url, "sha256": sha256, "bytes": total}, indent=1) + "\n", encoding="utf-8")
    os.replace(part, target)
    _state_path(part).unlink(missing_ok=True)
    return Download(target, sha256, total)


def _fetch_all(url: str, part: Path, progress: Callable[[int, int], None], attempts: int, pause_seconds: float) -> int:
    """Fetch until the file is whole; returns its length."""
    for attempt in range(attempts):
        if attempt:
            time.sleep(pause_seconds * 2 ** (attempt - 1))
        try:
            return _fetch(url, part, progress)
        except urllib.error.HTTPError as error:
            if error.code == 416:
                # The part on disk does not fit the file of today: begin again.
                _discard(part)
            elif error.code < 500 and error.code != 429:
                raise MachineError(f"{url} answers {error.code} {error.reason}. Is this machine allowed to reach it?") from error
            reason = f"{error.code} {error.reason}"
        except (OSError, http.client.HTTPException) as error:
            # OSError holds urllib's URLError, timeouts, and connections that are refused or reset.
            if isinstance(error, OSError) and error.filename is not None:
                raise MachineError(f"Cannot write {part}: {error.strerror}. Free some disk or set XMEM_ROTO_MODELS.") from error
            reason = str(getattr(error, "reason", None) or error) or type(error).__name__
    have = part.stat().st_size if part.exists() else 0
    raise MachineError(f"The download of {url} stopped at {have / 1e6:.1f} MB ({reason}). Run this again: it goes on from there.")


class StaysSafe(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never from https to anything else."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> urllib.request.Request | None:
        """Refuse to leave https; raises MachineError."""
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise MachineError(f"{cut(req.full_url, 200)} leads away from https, to {cut(newurl, 200)}. Ask who runs the server.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Cut(http.client.HTTPException):
    """The connection ended before the promised length."""


def _fetch(url: str, part: Path, progress: Callable[[int, int], None]) -> int:
    """Fetch what is missing of a file over one connection; returns the length of the whole."""
    have = part.stat().st_size if part.exists() else 0
    state = _read_state(part)
    if have and state.get("url") != url:
        _discard(part)
        have = 0
    request = urllib.request.Request(url, headers={"User-Agent": "xmem-roto", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        if validator := state.get("validator"):
            # The server then sends the whole new file if it has changed meanwhile.
            request.add_header("If-Range", str(validator))
    with urllib.request.build_opener(StaysSafe).open(request, timeout=CONNECT_TIMEOUT_SECONDS) as answer:
        resumed = answer.status == 206
        if resumed and not str(answer.headers.get("Content-Range", "")).startswith(f"bytes {have}-"):
            raise _Cut("the server resumed at another place")
        if not resumed:
            have = 0
        if str(answer.headers.get("Content-Type", "")).startswith("text/"):
            raise _foreign(url)
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length is not None and length.isdigit() else 0
        if resumed and state.get("total") not in (None, 0, total):
            _discard(part)
            raise _Cut(f"the file was {state['total']} bytes long and is now {total}")
        _write_state(part, url, answer.headers.get("ETag") or answer.headers.get("Last-Modified"), total)
        with open(part, "ab" if resumed else "wb") as file:
            while block := answer.read(BLOCK_BYTES):
                if have == 0 and not _looks_like_model(block):
                    raise _foreign(url)
                _write(file, block, part)
                have += len(block)
                progress(have, total)
    if total and have < total:
        raise _Cut(f"the connection ended after {have} of {total} bytes")
    if total and have > total:
        _discard(part)
        raise _Cut(f"{have} bytes came, {total} were announced")
    if not have:
        raise _Cut("nothing came")
    return have


def _write(file: BinaryIO, block: bytes, part: Path) -> None:
    try:
        file.write(block)
        file.flush()
    except OSError as error:
        # Only the file name tells a disk error from a network error, and not every disk error has one.
        raise OSError(error.errno, error.strerror, str(part)) from error


def _looks_like_model(block: bytes) -> bool:
    """Tell a model's first bytes from a web page's; a safetensors file begins with the length of its header and a brace."""
    return block.startswith((ZIP_MAGIC, PICKLE_MAGIC)) or block[8:9] == b"{"


def _foreign(url: str) -> MachineError:
    return MachineError(
        f"{url} answered with something that is no model, perhaps a log-in or error page. "
        "Open the address in a browser, or ask who runs the proxy."
    )


def _compare_with_record(record: Path, url: str, sha256: str, part: Path) -> None:
    """Refuse a file that differs from what the same address gave before."""
    before = read_object(record)
    if before is not None and before.get("url") == url and before.get("sha256") not in (None, sha256):
        _discard(part)
        raise MachineError(
            f"{url} now gives another file (SHA-256 {sha256[:12]}...) than before ({str(before['sha256'])[:12]}...). "
            f"If that is meant, delete {record} and try again."
        )


def _state_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read_state(part: Path) -> dict[str, object]:
    return read_object(_state_path(part)) or {}


def _write_state(part: Path, url: str, validator: str | None, total: int) -> None:
    _state_path(part).write_text(json.dumps({"url": url, "validator": validator, "total": total}), encoding="utf-8")


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _state_path(part).unlink(missing_ok=True)
