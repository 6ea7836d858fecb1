"""One run's part in `result.json`: what it has found out and made is entered, and what other workers enter meanwhile stays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from xmemcore.protocol.failures import Busy
from xmemcore.protocol.result_file import MatteRecord, ResultFile, ResultHeader
from xmemcore.shot.store.at_work import AtWork

PATIENCE_SECONDS = 10.0
"""How long others who write the record are waited for; each takes moments."""


class RunRecord:
    """Changes to a record, kept apart from it until they are entered."""

    def __init__(self, pattern: Path) -> None:
        """Read what the record says of a matte sequence as the run begins."""
        self._pattern = pattern
        self._before = ResultFile(pattern).records
        self._entered: dict[int, MatteRecord] = {}
        self._outdated: dict[int, MatteRecord] = {}

    def enter(self, frame: int, record: MatteRecord | None) -> None:
        """Take note of what a matte says of itself; None: that it is not, or no longer, what the run would write."""
        if record is not None:
            self._entered[frame] = record
            self._outdated.pop(frame, None)
        elif frame in self._before:
            self._outdated[frame] = self._before[frame]

    def enter_all(self, records: Mapping[int, MatteRecord]) -> None:
        """Take note of several mattes."""
        for frame, record in records.items():
            self.enter(frame, record)

    def save(self, header: ResultHeader) -> None:
        """Enter the changes; an entry that another worker has put in place of an outdated one stays.

        Raises:
            RecordForeign, LockNotWritable, DiskFailed, Busy, OSError.
        """
        at_record = AtWork.on_record(self._pattern.parent)
        # Two sequences of one folder share the file, and so do workers at one sequence.
        with at_record.alone(PATIENCE_SECONDS, Busy(f"Somebody keeps the lock in {at_record.folder}. Try again.")):
            record = ResultFile(self._pattern)
            for frame, outdated in self._outdated.items():
                if record.records.get(frame) == outdated:
                    del record.records[frame]
            record.records.update(self._entered)
            record.write(header)
