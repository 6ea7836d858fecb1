"""Write files whole or not at all, by way of temporary names that cannot be guessed. Only ordinary files are read or replaced."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import socket
import stat
import time
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Dict, Iterator, List, Optional

PARTIAL_SUFFIX = ".xmem-part"
FOREIGN_PARTIAL_SECONDS = 3600
"""Age at which a half-written file of another machine is taken for the remains of a killed run."""
BUSY_SECONDS = 2.0
"""How long a file that another program holds open (Windows) is waited for before it cannot be replaced."""
COPIED_BYTES = 1 << 24
"""Read at a time."""
_NAME_SHOWN = 40
"""Characters of the target's name in the temporary one, which must not be too long where the target's is not."""
_PARTIAL = re.compile(r"\..*\.(?P<host>[^.]{1,40})-(?P<process>[0-9]{1,10})-[0-9a-f]{16}" + re.escape(PARTIAL_SUFFIX), re.DOTALL)


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write to. When the body ends, the file replaces `path`; when the body fails, it is deleted.

    Raises:
        OSError: the file cannot be made, written or moved; `path` is there and no ordinary file.
    """
    require_ordinary(path)
    partial = path.with_name(_partial_name(path.name))
    try:
        with _new_file(partial) as file:
            yield file
        _rename(partial, path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise


class Together:
    """Files of one folder that are replaced or deleted together: all of them, or none."""

    def __init__(self) -> None:
        self._new: Dict[Path, Optional[Path]] = {}
        """Where the new content of each file waits; None: the file is to go."""
        self.unrestored: List[Path] = []
        """Files that were changed and could not be put back when a later one failed."""

    def replacing(self, path: Path) -> Path:
        """Give the name under which the new content of a file is to be written; raises OSError as `whole`."""
        require_ordinary(path)
        waiting = path.with_name(_partial_name(path.name))
        self._new[path] = waiting
        return waiting

    def deleting(self, path: Path) -> None:
        """Let a file go with the others."""
        self._new[path] = None

    def _settle(self) -> None:
        former: Dict[Path, Optional[Path]] = {}
        try:
            for path, waiting in self._new.items():
                former[path] = _kept_beside(path)
                if waiting is None:
                    path.unlink()
                else:
                    _rename(waiting, path)
        except BaseException:
            for path, kept in former.items():
                self._put_back(path, kept)
            raise
        for kept in former.values():
            if kept is not None:
                with suppress(OSError):
                    kept.unlink()

    def _put_back(self, path: Path, kept: Optional[Path]) -> None:
        waiting = self._new[path]
        try:
            if kept is not None:
                _rename(kept, path)
                kept.unlink(missing_ok=True)  # a link to the file that is there is not moved
            elif waiting is not None and not waiting.exists():
                path.unlink()  # it was moved there
        except OSError:
            self.unrestored.append(path)

    def _forget(self) -> None:
        for waiting in self._new.values():
            if waiting is not None:
                with suppress(OSError):
                    waiting.unlink()


@contextmanager
def together() -> Iterator[Together]:
    """Change several files when the body ends; when it fails, or one of them cannot be changed, all stay what they were.

    Raises:
        OSError: one cannot be moved or deleted. `unrestored` names those that could not be put back then.
    """
    files = Together()
    try:
        yield files
        files._settle()
    finally:
        files._forget()


def _kept_beside(path: Path) -> Optional[Path]:
    """Keep a file under a second name; None where there is none."""
    if not path.exists():
        return None
    kept = path.with_name(_partial_name(path.name))
    try:
        os.link(path, kept)
    except OSError:  # a disk without links
        shutil.copy2(path, kept)
    return kept


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, whole, and make its folder. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A path in another encoding has characters that cannot be written as UTF-8.
    content = text.encode("utf-8", "replace")
    with whole(path) as file:
        file.write(content)


def copy(source: Path, path: Path) -> None:
    """Copy a file's bytes, whole, and make the folder of the copy. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(source, "rb") as content, whole(path) as file:
        shutil.copyfileobj(content, file, COPIED_BYTES)


def read_ordinary(path: Path, most_bytes: int, begin: Optional[int] = None) -> bytes:
    """Read a file that somebody else may have put there.

    Args:
        path: of the file.
        most_bytes: a larger file is refused.
        begin: read only so many bytes of it.

    Raises:
        OSError: it is missing, too large, or no ordinary file: a pipe would be waited for, a device has no end.
    """
    with open_ordinary(path) as file:
        size = os.fstat(file.fileno()).st_size
        if begin is None and size > most_bytes:
            raise OSError(errno.EFBIG, f"it has more than {most_bytes} bytes", str(path))
        # `read` takes as much memory as it is asked for, before it reads.
        return file.read(min(size, most_bytes if begin is None else begin))


def open_ordinary(path: Path) -> BufferedReader:
    """Open a file for reading; raises OSError where it is missing, or no ordinary file: a pipe would be waited for, a device has no end."""
    # Without O_NONBLOCK, opening a pipe waits for a writer.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        _refuse_special(os.fstat(descriptor).st_mode, path)
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def is_utf8(path: Path) -> bool:
    """Say whether a path's characters can be written as UTF-8, which is what most libraries take; on Linux a name may be any bytes."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def require_ordinary(path: Path) -> None:
    """Raise OSError when a path is a folder, a pipe or a device, or a link to one."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return  # nothing is there, or a link to nothing
        raise
    _refuse_special(mode, path)


def _refuse_special(mode: int, path: Path) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not an ordinary file", str(path))


def probe(folder: Path) -> None:
    """Make a folder and check that files can be made in it; raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / _partial_name("probe")
    _new_file(file).close()
    file.unlink()


def sweep(folder: Path) -> None:
    """Delete the half-written files of killed runs in a folder, by names that only this program gives."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            named = _PARTIAL.fullmatch(entry.name)
            if named is None or not entry.is_file(follow_symlinks=False):
                continue
            with suppress(OSError):
                if abandoned(named["host"], named["process"], entry.stat(follow_symlinks=False).st_mtime):
                    os.unlink(entry.path)


def abandoned(host: str, process: str, modified: float) -> bool:
    """Say whether the process that made a file is gone. For other machines, and on Windows, the file's age decides.

    Args:
        host: `machine()` of its maker.
        process: its number, in digits.
        modified: time of the last change, seconds.
    """
    if not _can_be_asked(host):
        return time.time() - modified > FOREIGN_PARTIAL_SECONDS
    return has_ended(host, process)


def has_ended(host: str, process: str) -> bool:
    """Say whether a process is known to have ended; of another machine, and on Windows, nothing is known."""
    if not _can_be_asked(host):
        return False
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except (OSError, ValueError):
        return False  # it runs, but is another user's; or that is no number
    return False


def _can_be_asked(host: str) -> bool:
    # On Windows os.kill would interrupt the process instead of asking for it.
    return host == machine() and os.name != "nt"


def disk_time(folder: Path) -> float:
    """Give the time in seconds by the clock that dates the files of a folder; raises OSError."""
    path = folder / _partial_name("time")
    try:
        with _new_file(path) as file:
            return os.fstat(file.fileno()).st_mtime
    finally:
        path.unlink()


def machine() -> str:
    """Name this machine, without a dot."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", socket.gethostname().split(".")[0])[:40] or "unnamed"


def _partial_name(name: str) -> str:
    return f".{name[:_NAME_SHOWN]}.{machine()}-{os.getpid()}-{secrets.token_hex(8)}{PARTIAL_SUFFIX}"


def _new_file(path: Path) -> BinaryIO:
    """Make a new file; raises OSError when the name is taken, also by a link."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    return os.fdopen(os.open(path, flags, 0o666), "wb")


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
