"""The lock of a result. While it is locked, no Propagate replaces its mattes: none from Nuke, the command line or a farm.

`locked.json` in the folder of the mattes: {"version": 1, "mattes": {"matte.%04d.exr": {"by": "jd on ws12", "since": "2026-11-29 10:30"}}}.
A file of another kind in its place locks the whole folder: the person who put it there probably wants no mattes replaced.
"""

from __future__ import annotations

import getpass
import json
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Optional

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.outside import cut, read_object
from xmemcore.protocol.whole_file import write_text

VERSION = 1
NAME = "locked.json"
LONGEST_WORDS = 80


@dataclass(frozen=True)
class ResultLock:
    """Who locked a result, and when."""

    by: str
    since: str
    """Date and time where it was locked, to the minute."""


def somebody() -> str:
    """Name the person and the machine that this process works for."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError):
        name = "somebody"
    return f"{name} on {platform.node() or 'a machine'}"


def now() -> str:
    """Give the time as a lock says it."""
    return time.strftime("%Y-%m-%d %H:%M")


def lock_of(pattern: str) -> Optional[ResultLock]:
    """Give the lock of a sequence of mattes; None when it has none."""
    path = _path(pattern)
    if not path.exists():
        return None
    listed = _listed(path)
    if listed is None:
        return ResultLock(f"an unknown file ({path})", "an unknown time")
    entry = listed.get(Path(pattern).name)
    if entry is None:
        return None
    by, since = (entry.get(name) for name in ("by", "since")) if isinstance(entry, dict) else (None, None)
    return ResultLock(_words(by, "somebody"), _words(since, "an unknown time"))


def lock(pattern: str) -> ResultLock:
    """Lock a sequence of mattes; one that is locked stays as it is.

    Raises:
        OSError: the file cannot be written.
    """
    former = lock_of(pattern)
    if former is not None:
        return former
    own_lock = ResultLock(somebody(), now())
    _write(_path(pattern), {**(_listed(_path(pattern)) or {}), Path(pattern).name: {"by": own_lock.by, "since": own_lock.since}})
    return own_lock


def unlock(pattern: str) -> None:
    """Take a lock away, whoever made it; raises OSError."""
    path = _path(pattern)
    listed = _listed(path)
    if listed is None:
        return  # nothing, or no file of ours
    left = {name: entry for name, entry in listed.items() if name != Path(pattern).name}
    if left:
        _write(path, left)
    else:
        path.unlink()


def require_unlocked(pattern: str) -> None:
    """Refuse to write mattes that are locked.

    Raises:
        RequestError.
    """
    locked = lock_of(pattern)
    if locked is not None:
        raise RequestError(
            f"The mattes {pattern} are locked by {locked.by} since {locked.since}. Take the lock away in Nuke (Lock result) or delete "
            f"{_path(pattern)}, or write a new version to another folder."
        )


def _path(pattern: str) -> Path:
    return Path(pattern).parent / NAME


def _listed(path: Path) -> Optional[Dict[str, Any]]:
    """Read the locks of a folder; None when there is no file, or none of ours."""
    content = read_object(path)
    mattes = content.get("mattes") if content is not None and content.get("version") == VERSION else None
    return dict(mattes) if isinstance(mattes, dict) else None


def _write(path: Path, mattes: Dict[str, Any]) -> None:
    write_text(path, json.dumps({"version": VERSION, "mattes": mattes}, indent=1))


def _words(value: Any, otherwise: str) -> str:
    return cut(value, LONGEST_WORDS) if isinstance(value, str) and value.strip() else otherwise
