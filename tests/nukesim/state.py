"""The one host that is running: every public name of the stand-in asks here."""

from __future__ import annotations

from typing import Any

_running: list[Any] = []


class SimError(RuntimeError):
    """The stand-in itself was used wrongly, or something was asked that it does not know."""


def current() -> Any:
    """Return the running host; SimError when none was started or it was closed."""
    if not _running:
        raise SimError("No stand-in is running: call nukesim.start() first, or it was closed while something still used it.")
    return _running[-1]


def running() -> Any | None:
    """Return the running host, or None."""
    return _running[-1] if _running else None


def push(host: Any) -> None:
    """Make this host the running one; there can be only one, as there is one Nuke in a process."""
    if _running:
        raise SimError("A stand-in is already running in this process: close it first.")
    _running.append(host)


def drop(host: Any) -> None:
    """Forget this host."""
    if host in _running:
        _running.remove(host)
