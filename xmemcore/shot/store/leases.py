"""A lock that network disks keep: a small file that only one process can make, and that its holder keeps fresh.

Relied on are two things. A disk refuses to make a file that is there (O_EXCL), also to two machines at once: local disks, NFS from
version 3 on and SMB do. And a disk dates its files by one clock, so that the clocks of the machines need not agree. Locks of the system
(flock) are not used: many network disks grant them to everybody.

That a holder is gone is seen at once on its own machine, by its process number; on others after DEAD_SECONDS without a sign of life. If
that is wrong, because a machine slept, two work at the same files; ours appear whole or not at all and say what they are made of.
"""

from __future__ import annotations

import errno
import os
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from xmemcore.protocol.failures import NOT_REACHED, Busy, DiskFailed, Failure, NotWritable
from xmemcore.protocol.outside import cut
from xmemcore.protocol.result_lock import now, somebody
from xmemcore.protocol.whole_file import disk_time, has_ended, machine, read_ordinary

BEAT_SECONDS = 10.0
"""How often a holder gives a sign of life."""
DEAD_SECONDS = 60.0
"""How long a holder on another machine may be silent before it counts as gone."""
WAITING_SECONDS = 0.02
"""Time between two tries to make a lease."""
_LONGEST_MARK = 300


class LockNotWritable(NotWritable):
    """There is no place for the lock."""


@dataclass(frozen=True)
class Lease:
    """A file that this process made and holds."""

    path: Path
    mark: str
    """What the file says: machine, process, a number that nobody can guess; and in words who it is and since when."""

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()

    def let_go(self) -> None:
        """Delete the file, unless it was taken over."""
        _held.discard(self)
        if _mark_of(self.path) == self.mark:
            with suppress(OSError):
                self.path.unlink()

    def beat(self) -> None:
        """Give a sign of life."""
        if _mark_of(self.path) == self.mark:
            with suppress(OSError):
                os.utime(self.path)


def take(path: Path) -> Lease | None:
    """Make a lease, and its folder; None when somebody holds it. What a holder that is gone has left is taken away.

    Raises:
        LockNotWritable, DiskFailed: the file cannot be made.
    """
    lease = Lease(path, f"{machine()} {os.getpid()} {secrets.token_hex(8)} {somebody()} since {now()}"[:_LONGEST_MARK])
    if _make(lease) or (clear_away(path) and _make(lease)):
        _held.add(lease)
        return lease
    return None


def holder(path: Path) -> str:
    """Say in words who holds a lease and since when; `somebody` where it does not say."""
    words = (_mark_of(path) or "").split(" ", 3)[3:]
    return cut("".join(words), _LONGEST_MARK) or "somebody"


def clear_away(path: Path) -> bool:
    """Delete a lease whose holder is gone; say whether its place is free."""
    mark = _mark_of(path)
    if mark is None:
        return not os.path.lexists(path)
    if not _is_gone(path, mark):
        return False
    # Renamed first: of two that found the holder gone only one gets the file, and sees whether it is still the one that it judged.
    grave = path.with_name(f".{secrets.token_hex(8)}.gone")
    try:
        os.rename(path, grave)
        if _mark_of(grave) != mark:
            with suppress(OSError):
                os.link(grave, path)
        grave.unlink()
    except OSError:
        return False
    return True


def waited_for(path: Path, patience_seconds: float, busy: Busy) -> Lease:
    """Make a lease as soon as nobody else holds it.

    Args:
        path: of the lease, by a name that only we give.
        patience_seconds: how long another holder is waited for.
        busy: what to raise when it still holds the lease then.

    Raises:
        Busy: `busy`.
        LockNotWritable, DiskFailed.
    """
    deadline = time.monotonic() + patience_seconds
    while (lease := take(path)) is None:
        if time.monotonic() > deadline:
            raise busy
        time.sleep(WAITING_SECONDS)
    return lease


def _make(lease: Lease) -> bool:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    for _ in range(10):
        try:
            lease.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _not_made(lease, error) from error
        try:
            descriptor = os.open(lease.path, flags, 0o666)
        except FileExistsError:
            return False
        except FileNotFoundError:
            continue  # its last user deleted the folder between our two steps
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM) and os.name == "nt" and os.path.lexists(lease.path):
                return False  # Windows: the file is being deleted
            raise _not_made(lease, error) from error
        mark = lease.mark.encode("utf-8", "replace")
        try:
            try:
                short = os.write(descriptor, mark) < len(mark)
            finally:
                os.close(descriptor)
            if short:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(lease.path))
        except OSError as error:
            # On a full disk. A lease that does not say whose it is would hold up everybody until it counts as silent.
            with suppress(OSError):
                lease.path.unlink()
            raise _not_made(lease, error) from error
        return True
    return False


def _not_made(lease: Lease, error: OSError) -> Failure:
    sentence = f"The lock {lease.path} cannot be made: {error.strerror or error}."
    if error.errno in NOT_REACHED:
        return DiskFailed(f"{sentence} Make room on that disk, or choose another folder (--cache, --out); finished frames are kept.")
    return LockNotWritable(f"{sentence} Choose another folder (--cache, --out).")


def _mark_of(path: Path) -> str | None:
    """Read what a lease says; empty while it is being made, None when it is not there."""
    try:
        return read_ordinary(path, 4 * _LONGEST_MARK).decode("utf-8", "replace")
    except OSError:
        return None


def _is_gone(path: Path, mark: str) -> bool:
    """Say whether the holder has ended, or has been silent for too long by the clock of the disk."""
    host, process, *_ = [*mark.split(" "), "", ""]
    if has_ended(host, process):
        return True
    try:
        return disk_time(path.parent) - os.stat(path).st_mtime > DEAD_SECONDS
    except OSError:
        return False


class _HeldLeases:
    """The leases of this process, which a thread keeps fresh."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leases: set[Lease] = set()
        self._process = 0
        """In which the thread runs; a fork has none."""

    def add(self, lease: Lease) -> None:
        with self._lock:
            if self._process != os.getpid():
                self._process = os.getpid()
                self._leases.clear()
                threading.Thread(target=self._beat, name="lease-beat", daemon=True).start()
            self._leases.add(lease)

    def discard(self, lease: Lease) -> None:
        with self._lock:
            self._leases.discard(lease)

    def _beat(self) -> None:
        while True:
            time.sleep(BEAT_SECONDS)
            with self._lock:
                leases = list(self._leases)
            for lease in leases:
                lease.beat()


_held = _HeldLeases()
