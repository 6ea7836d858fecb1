"""The main job: fill a shot's frame range with mattes, reusing the results of earlier runs."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace

from xmemcore.protocol.failures import Busy, DiskFailed
from xmemcore.protocol.frames import counted
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.result_lock import require_unlocked
from xmemcore.protocol.results import PropagateResult
from xmemcore.protocol.words import one_line, plural
from xmemcore.shot.inputs.opened import OpenedShot, open_propagate
from xmemcore.shot.listener import Listener, Silence
from xmemcore.shot.machine.device import choose_device, limit_memory
from xmemcore.shot.machine.freed_memory import keep_freed_memory
from xmemcore.shot.mattes.pictures import earlier_pictures, left_behind, pictures_are_of, write_pictures
from xmemcore.shot.plan.chunks import parse_chunk, shared_out
from xmemcore.shot.plan.dependencies import work_key
from xmemcore.shot.plan.plan import Plan, plan
from xmemcore.shot.run.computation import Computation
from xmemcore.shot.run.gap_workers import cores_of_a_gap, workers_for
from xmemcore.shot.run.learned import LearnedStore
from xmemcore.shot.run.pace import PaceClock, keep_pace, pace_key
from xmemcore.shot.run.run_mattes import RunMattes
from xmemcore.shot.run.turns import Part, in_turn, parts_of
from xmemcore.shot.store.at_work import AtWork
from xmemcore.shot.store.cache import features_folder, make_room, sweep_partial_files
from xmemcore.shot.store.leases import Lease, LockNotWritable
from xmemcore.shot.store.rendered import delete_unused
from xmemcore.shot.store.state import NodeManifest, is_older
from xmemcore.shot.store.work_folder import sweep_work_folders

BUSY = (
    "Another propagate writes these mattes at the moment ({holder}; {folder}). Wait for it (--wait), cancel it, or choose another output."
)
ANOTHER_PLAN = (
    "Another propagate writes these mattes at the moment, with other settings or annotations ({holder}; {folder}). Wait for it, cancel it, "
    "or choose another output."
)
NODE_BUSY = "Another propagate with other settings or annotations is running for this node ({holder}; {folder}). Wait for it, or cancel it."


def propagate(request: PropagateRequest, listener: Listener | None = None) -> PropagateResult:
    """Fill the frame range with mattes.

    Frames that are up to date are left alone; others are replaced one by one, so that a run that is cancelled, killed or
    fails loses nothing that was finished.

    Raises:
        RequestError, MachineError, Cancelled.
    """
    began = time.monotonic()
    with ExitStack() as stack:
        opened = open_propagate(request)
        run = _PropagateRun(opened, plan(opened), listener or Silence(), stack)
        if run.look():
            run.compute()
        run.finish()
        return run.result(time.monotonic() - began)


class _PropagateRun:
    """One propagate: which of its mattes are missing, their computation, and what is tidied up after it."""

    def __init__(self, opened: OpenedShot, planned: Plan, listener: Listener, stack: ExitStack) -> None:
        self.opened, self.plan, self.listener, self.stack = opened, planned, listener, stack
        self.warnings: list[str] = []
        for warning in planned.warnings:
            self.warn(warning)
        if opened.missing:
            self.warn(f"The plate has no {counted(opened.missing)}; no matte is written there.")
        require_unlocked(str(opened.places.out))
        opened.writer.prepare()
        # Here, since a run that finds every matte up to date makes no folder: one killed at its very end left only that.
        sweep_work_folders()
        self.at_work, self.key = AtWork.on_mattes(opened.places.out), work_key(opened, planned)
        stack.enter_context(self.at_work.joined(self.key, ANOTHER_PLAN, opened.request.wait, listener.cancelled))
        self.caching = opened.places.caching and self._at_work_on_node()
        self.device = choose_device(opened.request.device)
        keep_freed_memory()
        limit_memory(self.device, opened.request.gpu_memory)
        self.mattes = RunMattes(opened, planned, self._chunk(), listener, self.warn)
        self.computation: Computation | None = None
        """None where nothing was to be computed, so that no network was loaded."""
        self.clock = PaceClock()

    def _at_work_on_node(self) -> bool:
        """Join the runs that work for the node; say whether there is a cache to write to."""
        places, wait = self.opened.places, self.opened.request.wait
        try:
            self.stack.enter_context(AtWork.on_node(places.node).joined(self.key, NODE_BUSY, wait, self.listener.cancelled))
        except (LockNotWritable, DiskFailed) as error:
            self.warn(f"{error} This run goes on without the cache.")
            return False
        sweep_partial_files(places.cache)
        if is_older(places.node):
            self.warn(
                "What this node kept in the cache is of an older version; it is made again. "
                "Clear or the cache's limit removes the old files."
            )
        return True

    def _chunk(self) -> Sequence[int]:
        """Give the indices that this run is to fill: all that are wanted, or its chunk of them."""
        opened = self.opened
        if opened.request.chunk is None:
            return opened.wanted
        number, count = parse_chunk(opened.request.chunk)
        chunks = shared_out([group.gaps for group in self.plan.groups], opened.wanted, count)
        if number > len(chunks):
            self.warn(f"The shot has only {plural(len(chunks), 'chunk')} of whole gaps; there is nothing in this one.")
            return ()
        return chunks[number - 1].indices

    def look(self) -> bool:
        """Find out which mattes are up to date; say whether something is to be computed."""
        if self.plan.learning is not None:
            return True  # only what is learned says what a matte is made of
        self.mattes.look_at(self.mattes.wanted)
        return bool(self.mattes.missing())

    def compute(self) -> None:
        """Load the network, teach it the keyframes, and fill the shot."""
        self.computation = Computation(self.opened, self.plan, self.mattes, self.device, self.caching, self.listener, self.warn, self.stack)
        with cores_of_a_gap(self.computation.has_lane) as cores:
            self.computation.learn()
            if self.plan.learning is not None:
                self.mattes.look_at(self.mattes.wanted)
            self.mattes.begin()
            try:
                self._fill_all(self.computation, cores)
            except BaseException:
                self.mattes.save()
                self._name_earlier_pictures()
                raise

    def _fill_all(self, computation: Computation, cores: int) -> None:
        """Compute every part of the shot that nobody else computes; others' parts are waited for, and seen to be right."""
        request, frames = self.opened.request, self.opened.shot.plate.frames
        viewer = _nearest(frames, request.viewer_frame)
        parts = parts_of([group.gaps for group in self.plan.groups], self.mattes.missing(), viewer)

        def claim(part: Part) -> Lease | None:
            return self.at_work.claim(frames[min(part.wanted)], frames[max(part.wanted)])

        def busy() -> Busy:
            return self.at_work.busy(BUSY)

        with ExitStack() as stack:
            workers = computation.workers(workers_for(sum(len(part.gaps) for part in parts), self.device, cores), stack)
            ask = (parts, claim, request.wait, busy, self.listener.cancelled, self.listener.message, len(workers))
            for claimed in stack.enter_context(closing(in_turn(*ask))):
                computation.fill(claimed, workers, self.clock)

    def finish(self) -> None:
        """Write the record and what else was asked for, and leave the cache tidy."""
        places, plate = self.opened.places, self.opened.shot.plate
        self.mattes.save()
        self._write_pictures()
        if self.caching:
            manifest = self.mattes.dependencies.manifest(self.mattes.wanted)
            used = [features_folder(places.cache).path(key) for key in manifest.features.values()]
            manifest = replace(manifest, beside=self._beside(manifest.features.values()))
            if self.opened.request.chunk is not None:
                manifest = manifest.joined_with(NodeManifest.load(places.node))
            manifest.save(places.node)
            pace = self.clock.pace()
            if pace is not None:
                keep_pace(places.cache, pace_key(self.opened, self.device), pace)  # from it `plan` knows how fast this machine is
            delete_unused(places.cache)
            make_room(places.cache, self.opened.request.cache_limit, [*used, *LearnedStore(places.cache, places.node_id).paths()])
        cleaned = sum(plate.cleaned.values())
        if cleaned:
            self.warn(
                f"{cleaned} values of the plate are NaN or infinite, on {counted(sorted(plate.cleaned))}: they count as black, or as the "
                "brightest light. Render such a frame again where that is wrong."
            )

    def _beside(self, whole_frames: Collection[str]) -> list[str]:
        """Name what lies among the features for this node beside its whole frames, from earlier runs too while it is there."""
        features, last = features_folder(self.opened.places.cache), self.opened.last
        names: set[str] = set()
        if self.computation is not None and self.computation.features is not None:
            names |= self.computation.features.asked
        if last is not None:
            names.update(last.beside, last.features.values())
        return sorted(name for name in names.difference(whole_frames) if name in features)

    def _write_pictures(self) -> None:
        """Write the PNGs that were asked for, where they are not of the matte that is there."""
        out, layers, kind = self.opened.places.out, self.opened.layers, self.opened.request.pictures
        todo = [frame for frame in self._done() if not pictures_are_of(out, layers, frame, kind)]
        if todo:
            self.listener.message(f"Writing PNGs of {plural(len(todo), 'frame')}")
        write_pictures(out, layers, todo, kind)
        self._name_earlier_pictures()

    def _name_earlier_pictures(self) -> None:
        """Warn of PNGs that are older than the mattes beside them."""
        behind = left_behind(self.opened.places.out, self._done())
        if behind:
            self.warn(earlier_pictures(behind))

    def _done(self) -> list[int]:
        """List the frames whose matte is up to date."""
        return [self.opened.shot.plate.frames[index] for index in sorted(self.mattes.done)]

    def result(self, seconds: float) -> PropagateResult:
        """Give the result of the run."""
        opened, frames, annotations = self.opened, self.opened.shot.plate.frames, self.opened.shot.annotations
        return PropagateResult(
            out=str(opened.places.out),
            frames=tuple(frames[index] for index in sorted(self.mattes.done)),
            written=tuple(sorted(self.mattes.written)),
            missing=tuple(opened.missing),
            keyframes=tuple(annotations.keyframes),
            objects=tuple(annotations.objects),
            layers=tuple(opened.layers),
            encoded_frames=0 if self.computation is None else self.computation.encoded_frames,
            encoded_annotations=0 if self.computation is None else self.computation.encoded_annotations,
            seconds=round(seconds, 3),
            model=opened.model.name,
            precision=opened.precision,
            node_id=opened.places.node_id,
            warnings=tuple(self.warnings),
        )

    def warn(self, text: str) -> None:
        """Pass a warning on, once."""
        text = one_line(text)
        if text not in self.warnings:
            self.warnings.append(text)
            self.listener.warning(text)


def _nearest(frames: tuple[int, ...], viewer: int | None) -> int:
    """Give the index of the frame that the artist looks at; the first when nobody looks."""
    return 0 if viewer is None else min(range(len(frames)), key=lambda index: abs(frames[index] - viewer))
