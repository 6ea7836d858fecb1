"""The mattes of one run: which are up to date, which the run has written, and their record in `result.json`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from xmemcore.protocol.failures import Cancelled, Failure
from xmemcore.protocol.frames import counted
from xmemcore.protocol.result_file import ResultHeader
from xmemcore.shot.annotations.annotations import undrawn
from xmemcore.shot.inputs.opened import OpenedShot
from xmemcore.shot.listener import Listener
from xmemcore.shot.mattes.matte_proof import FormerMattes
from xmemcore.shot.mattes.queue import Written
from xmemcore.shot.mattes.run_record import RunRecord
from xmemcore.shot.plan.dependencies import Dependencies
from xmemcore.shot.plan.plan import Plan, chosen_settings
from xmemcore.shot.run.turns import CANCELLED

RECORD_SECONDS = 5.0
"""Seconds between two writes of the record. It is also written with the first matte, and when the run ends or fails."""


class RunMattes:
    """Know what is finished of a run, tell the listener of it, and keep the record."""

    def __init__(self, opened: OpenedShot, planned: Plan, wanted: Sequence[int], listener: Listener, warn: Callable[[str], None]) -> None:
        """Read the record of earlier runs; no matte is looked at yet.

        Args:
            opened: inputs of the run.
            planned: its gaps.
            wanted: indices that the run is to fill.
            listener: told of every matte that is up to date.
            warn: told what the artist should know.
        """
        self.wanted = wanted
        self.done: set[int] = set()
        """Indices whose matte is up to date."""
        self.written: list[int] = []
        """Frames whose matte this run has written."""
        self._opened, self._plan, self._listener, self._warn = opened, planned, listener, warn
        self._frames = opened.shot.plate.frames
        self._record = RunRecord(opened.places.out)
        self._recorded = -RECORD_SECONDS
        self.depends_on(None)

    def depends_on(self, weights: str | None) -> None:
        """Settle what the mattes are made of, once the hash of the weights that compute them is known."""
        self.dependencies = Dependencies(self._opened, self._plan, weights)
        self._former = FormerMattes(self._opened.matte_path, self.dependencies.signature)

    def missing(self) -> set[int]:
        """Give the indices that are still to be filled."""
        return set(self.wanted) - self.done

    def look_at(self, indices: Iterable[int]) -> None:
        """Enter what the mattes of some indices say of themselves; raises Cancelled."""
        for index in indices:
            if self._listener.cancelled():
                raise Cancelled(CANCELLED)
            record = self._former.up_to_date(index)
            if record is not None and index not in self.done:
                self.done.add(index)
                self._listener.frame_done(self._frames[index], self._opened.matte_path(index))
            self._record.enter(self._frames[index], record)
        self._listener.progress(len(self.done), len(self.wanted))

    def begin(self) -> None:
        """Prepare for mattes to be replaced."""
        unproven = self._former.unproven
        if unproven:
            versions = ", ".join(sorted(set(unproven.values())))
            frames = counted(sorted(self._frames[index] for index in unproven))
            self._warn(f"The mattes of {frames} are of another version ({versions}) or damaged; they are computed again.")
        if self.missing():
            # Before the first of them is replaced: a killed run must not leave a record of mattes that are gone.
            self.save()

    def note(self, finished: Iterable[Written]) -> None:
        """Enter mattes that the run has written."""
        for matte in finished:
            frame = self._frames[matte.index]
            self._record.enter(frame, matte.record)
            self.done.add(matte.index)
            self.written.append(frame)
            if time.monotonic() - self._recorded >= RECORD_SECONDS:
                self.save()
                self._recorded = time.monotonic()
            if matte.remark is not None:
                self._warn(matte.remark)
            self._listener.frame_done(frame, matte.path)
            self._listener.progress(len(self.done), len(self.wanted))

    def save(self) -> None:
        """Write the record; a record that cannot be written is a warning, for the mattes prove themselves."""
        opened, annotations = self._opened, self._opened.shot.annotations
        absent, approved = undrawn(annotations)
        header = ResultHeader(
            plate=opened.shot.plate.sequence.pattern,
            model=opened.model.name,
            node=opened.places.node_id,
            objects=tuple(annotations.objects),
            layers=tuple(opened.layers),
            keyframes=tuple(annotations.keyframes),
            absent=absent,
            approved=approved,
            range=(self._frames[opened.wanted[0]], self._frames[opened.wanted[-1]]),
            settings=chosen_settings(opened, self._plan.config),
        )
        try:
            self._record.save(header)
        except OSError as error:
            self._warn(f"result.json cannot be written beside the mattes ({error.strerror}); Nuke will not find them by itself.")
        except Failure as failure:
            self._warn(f"{failure} No result.json is written.")
