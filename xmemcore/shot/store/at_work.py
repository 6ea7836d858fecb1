"""The runs at work in a folder. Runs of one plan share the work, and each frame is computed by one of them; a run of another plan waits.

Their leases lie in a hidden folder, by names that only we give:

    door                       held for moments, by a process that reads or adds names
    run-<plan>-<token>         a run that is there, and of which plan
    frames_<first>_<last>      frames that a run computes now

The names are listed behind the door only, so two runs never miss each other; making the door also renews what a machine remembers of a
folder on a network disk.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from xmemcore.protocol.failures import Busy
from xmemcore.shot.store import leases
from xmemcore.shot.store.leases import Lease, clear_away

DOOR_SECONDS = 90.0
"""How long the door is waited for: others hold it for moments, and it is free DEAD_SECONDS after one that is gone."""
POLL_SECONDS = 0.25

_RUN = re.compile(r"run-(?P<plan>[0-9a-z]{1,16})-[0-9a-f]{16}")
_FRAMES = re.compile(r"frames_(?P<first>-?[0-9]{1,9})_(?P<last>-?[0-9]{1,9})")


class AtWork:
    """The runs that are at work in one place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def on_mattes(cls, pattern: Path) -> AtWork:
        """Name the place for a sequence of mattes. It lies beside them, so that every machine that reaches the folder finds it."""
        # Some disks take two spellings of a name for one file.
        name = unicodedata.normalize("NFC", pattern.name).casefold()
        return cls(pattern.parent / f".xmem-roto-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.work")

    @classmethod
    def on_record(cls, folder: Path) -> AtWork:
        """Name the place of a folder's `result.json`, which all sequences of the folder share."""
        return cls(folder / ".xmem-roto-record.work")

    @classmethod
    def on_node(cls, folder: Path) -> AtWork:
        """Name the place of a node's cache."""
        return cls(folder / ".xmem-roto.work")

    @contextmanager
    def joined(
        self,
        plan: str,
        sentence: str,
        patience_seconds: float = 2.0,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[None]:
        """Be at work while the body runs, together with others of the same plan; the folder goes with the last.

        Args:
            plan: what is worked at, in hexadecimal digits.
            sentence: what to say when others work by another plan, with {holder}, who it is and since when, and {folder}.
            patience_seconds: how long they are waited for.
            cancelled: ends the waiting, as if patience had ended.

        Raises:
            Busy.
            LockNotWritable, DiskFailed.
        """
        deadline = time.monotonic() + patience_seconds
        of_run = self.folder / f"run-{plan[:16]}-{secrets.token_hex(8)}"
        while True:
            with self._door():
                self._living(_FRAMES)  # the last to leave is to find an empty folder
                others = [path for path, named in self._living(_RUN) if named["plan"] != plan[:16]]
                lease = leases.take(of_run) if not others else None
            if lease is not None:
                break
            if time.monotonic() > deadline or cancelled():
                raise Busy(sentence.format(holder=leases.holder(others[0]) if others else "somebody", folder=self.folder))
            time.sleep(POLL_SECONDS)
        try:
            with lease:
                yield
        finally:
            with suppress(OSError):
                self.folder.rmdir()

    def claim(self, first: int, last: int) -> Lease | None:
        """Take the frames from first to last, both included; None while somebody has some of them. Raises LockNotWritable, DiskFailed."""
        with self._door():
            for _, named in self._living(_FRAMES):
                if int(named["first"]) <= last and first <= int(named["last"]):
                    return None
            return leases.take(self.folder / f"frames_{first}_{last}")

    def busy(self, sentence: str) -> Busy:
        """Say who computes frames here; `sentence` as in `joined`."""
        with self._door():
            holders = sorted({leases.holder(path) for path, _ in self._living(_FRAMES)})
        return Busy(sentence.format(holder=", ".join(holders[:3]) or "somebody", folder=self.folder))

    @contextmanager
    def alone(self, patience_seconds: float, busy: Busy) -> Iterator[None]:
        """Hold the door while the body runs: for what takes moments."""
        with leases.waited_for(self.folder / "door", patience_seconds, busy):
            yield
        with suppress(OSError):
            self.folder.rmdir()

    def _door(self) -> Lease:
        return leases.waited_for(
            self.folder / "door", DOOR_SECONDS, Busy(f"Somebody keeps the lock {self.folder / 'door'}. Wait a minute, and try again.")
        )

    def _living(self, names: re.Pattern[str]) -> list[tuple[Path, re.Match[str]]]:
        """List the leases of a kind; those that nobody holds any more are taken away."""
        try:
            listed = os.listdir(self.folder)
        except FileNotFoundError:
            return []  # somebody has deleted the folder, with the door in it
        found = [(self.folder / name, named) for name in listed if (named := names.fullmatch(name)) is not None]
        return [(path, named) for path, named in found if not clear_away(path)]
