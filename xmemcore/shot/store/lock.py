"""One writer at a time: for a node's cache, and for a sequence of mattes."""

from __future__ import annotations

import errno
import hashlib
import os
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from xmemcore.protocol.failures import Busy, RequestError
from xmemcore.protocol.file_lock import try_lock, unlock
from xmemcore.protocol.outside import cut
from xmemcore.protocol.result_lock import now, somebody

NODE_LOCK = ".xmem-roto.lock"
LONGEST_SIGNATURE = 100


class LockNotWritable(RequestError):
    """The lock file cannot be made."""


def node_lock(folder: Path) -> Path:
    """Say where the lock of a node's cache is."""
    return folder / NODE_LOCK


def result_lock(pattern: Path) -> Path:
    """Say where the lock of a sequence of mattes is: beside them, so that every process that reaches the folder meets it."""
    # Some disks take two spellings of a name for one file.
    name = unicodedata.normalize("NFC", pattern.name).casefold()
    return pattern.parent / f".xmem-roto-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.lock"


def record_lock(folder: Path) -> Path:
    """Say where the lock of a folder's `result.json` is, which all sequences of the folder share."""
    return folder / ".xmem-roto-record.lock"


@contextmanager
def locked(
    path: Path,
    patience_seconds: float = 2.0,
    sentence: str = "Another propagate is running for this node ({holder}; lock {path}). Wait for it, or cancel it.",
) -> Iterator[None]:
    """Hold a lock file while the body runs, and delete it afterwards.

    Args:
        path: of the lock file, by a name that only we give.
        patience_seconds: how long to wait for another holder.
        sentence: what to say when it still holds the lock then, with {holder}, who has it and since when, and {path}.

    Raises:
        Busy.
        LockNotWritable: the file cannot be made or opened.
    """
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # A link is not followed, and a pipe is not waited for.
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
            descriptor = os.open(path, flags, 0o666)
        except OSError as error:
            reason = "a link has its place" if error.errno == errno.ELOOP else error.strerror
            raise LockNotWritable(f"The lock {path} cannot be made: {reason}. Choose another folder (--cache, --out).") from error
        try:
            if try_lock(descriptor):
                if _still_there(path, descriptor):
                    _sign(descriptor)
                    break
                unlock(descriptor)  # its last holder deleted it between our two steps
            elif time.monotonic() > deadline:
                raise Busy(sentence.format(path=path, holder=_signature(descriptor)))
            else:
                time.sleep(0.05)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    try:
        yield
    finally:
        # Deleted while it is held; Windows deletes no open file, and there it stays.
        with suppress(OSError):
            os.unlink(path)
        unlock(descriptor)
        os.close(descriptor)


def _sign(descriptor: int) -> None:
    """Say in a lock file who has the lock and since when; a disk that is full takes no words, and the lock holds all the same."""
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{somebody()} since {now()}".encode())


def _signature(descriptor: int) -> str:
    """Read who has a lock; Windows lets nobody read what another process has locked."""
    words = b""
    with suppress(OSError):
        os.lseek(descriptor, 0, os.SEEK_SET)
        words = os.read(descriptor, LONGEST_SIGNATURE)
    return cut(words.decode("utf-8", "replace").strip(), LONGEST_SIGNATURE) or "somebody"


def _still_there(path: Path, descriptor: int) -> bool:
    """Say whether the locked file is still the one at its path."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False
