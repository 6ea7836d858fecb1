"""Files that appear whole or not at all: written beside their place, moved there when they are finished."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PARTIAL_SUFFIX = ".part"
FOREIGN_PARTIAL_SECONDS = 3600
"""Age at which a half-written file of another machine is taken for the remains of a killed run."""
BUSY_SECONDS = 2.0
"""How long a file that another program holds open (Windows) is waited for before it cannot be replaced."""


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a path to write to; what is there when the body ends takes the place of `path`, and when it fails, goes.

    Raises:
        OSError: it cannot be moved.
    """
    partial = path.with_name(f".{path.name}.{_host()}-{os.getpid()}{PARTIAL_SUFFIX}")
    try:
        yield partial
        _rename(partial, path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8, whole; makes the folder. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def probe(folder: Path) -> None:
    """Make a folder and see that files can be made in it; raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f".xmem-roto-{os.getpid()}"
    file.write_bytes(b"")
    file.unlink()


def sweep(folder: Path) -> None:
    """Delete what killed runs left half-written in a folder."""
    for left in folder.glob(f".*{PARTIAL_SUFFIX}"):
        with suppress(OSError):
            if _abandoned(left):
                left.unlink()


def _rename(partial: Path, path: Path) -> None:
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            os.replace(partial, path)
            return
        except PermissionError:
            # Windows: a Read node may hold the former file open for a moment.
            if os.name != "nt" or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _abandoned(partial: Path) -> bool:
    """Say whether the run that wrote a partial file is gone; raises OSError."""
    host, _, process = partial.name.removesuffix(PARTIAL_SUFFIX).rpartition(".")[2].rpartition("-")
    # Windows cannot be asked about a process without harm: os.kill would interrupt it.
    if host != _host() or not process.isdigit() or os.name == "nt":
        return time.time() - partial.stat().st_mtime > FOREIGN_PARTIAL_SECONDS
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False  # it runs, but is another user's
    return False


def _host() -> str:
    """Name this machine, without a dot."""
    return socket.gethostname().split(".")[0] or "unnamed"
