"""The main job: fill a shot's frame range with mattes, reusing the results of earlier runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from threading import Lock

from xmemcore.engine.order import Gap
from xmemcore.engine.propagation import Propagation
from xmemcore.network.backend import backend_of
from xmemcore.network.checkpoint import load_network
from xmemcore.protocol.choices import PICTURES
from xmemcore.protocol.failures import Busy, Cancelled, Failure
from xmemcore.protocol.frames import counted
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.result_file import ResultHeader
from xmemcore.protocol.result_lock import require_unlocked
from xmemcore.protocol.results import PropagateResult
from xmemcore.shot.approved import forgotten
from xmemcore.shot.chunks import parse_chunk, shared_out
from xmemcore.shot.close_ups import CloseUps
from xmemcore.shot.dependencies import Dependencies, work_key
from xmemcore.shot.device import choose_device, limit_memory
from xmemcore.shot.footprint import peak_mb
from xmemcore.shot.gap_workers import GapWorker, Job, cores_of_a_gap, side_by_side, workers_for
from xmemcore.shot.learned import LearnedStore, taught
from xmemcore.shot.listener import Listener, Silence
from xmemcore.shot.mattes.carry import artists_shapes
from xmemcore.shot.mattes.matte_proof import FormerMattes
from xmemcore.shot.mattes.pictures import picture_paths, write_pictures
from xmemcore.shot.mattes.queue import MatteQueue, Written, handed
from xmemcore.shot.mattes.run_record import RunRecord
from xmemcore.shot.mattes.steady import Waiting, neighbours
from xmemcore.shot.opened import OpenedShot, open_propagate
from xmemcore.shot.pace import LEAST_STEPS, Pace, keep_pace, pace_key
from xmemcore.shot.plan import Plan, chosen_settings, plan
from xmemcore.shot.plate.frame_source import ShotFrames
from xmemcore.shot.store.at_work import AtWork
from xmemcore.shot.store.cache import features_folder, make_room, sweep_partial_files
from xmemcore.shot.store.leases import Lease, LockNotWritable
from xmemcore.shot.store.permanent import PermanentStore, rounded
from xmemcore.shot.store.rendered import delete_unused
from xmemcore.shot.store.state import NodeManifest, is_older
from xmemcore.shot.store.work_folder import sweep_work_folders, work_folder
from xmemcore.shot.turns import CANCELLED, Part, in_turn, parts_of

RECORD_SECONDS = 5.0
"""Seconds between two writes of the record. It is also written with the first matte, and when the run ends or fails."""


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
            run.learn()
            run.fill_all()
        run.finish()
        return run.result(time.monotonic() - began)


class _PropagateRun:
    """A propagate at work: its steps, and what they have found and written so far."""

    def __init__(self, opened: OpenedShot, planned: Plan, listener: Listener, stack: ExitStack) -> None:
        self.opened, self.plan, self.listener = opened, planned, listener
        places, shot, request = opened.places, opened.shot, opened.request
        self.plate = shot.plate
        self.warnings: list[str] = []
        for warning in planned.warnings:
            self.warn(warning)
        if opened.missing:
            self.warn(f"The plate has no {counted(opened.missing)}; no matte is written there.")
        if request.approved is None and (sentence := forgotten(places.out)):
            self.warn(sentence)
        require_unlocked(str(places.out))
        opened.writer.prepare()
        # Here, since a run that finds every matte up to date makes no folder: one killed at its very end left only that.
        sweep_work_folders()
        self.at_work, self.key = AtWork.on_mattes(places.out), work_key(opened, planned)
        stack.enter_context(self.at_work.joined(self.key, ANOTHER_PLAN, request.wait, listener.cancelled))
        self.record = RunRecord(places.out)
        self.caching = places.caching and self._at_work_on_node(stack)
        self.device = choose_device(request.device)
        limit_memory(self.device, request.gpu_memory)
        self.stack = stack
        self.wanted = self._chunk()
        self.frames: ShotFrames | None = None
        """The frames for the engine; None where nothing was to be computed, so that no network was loaded."""
        self.queue: MatteQueue | None = None
        self.close_ups: CloseUps | None = None
        """The windows of small objects; None where there are none, or no network was loaded."""
        self.propagations: list[Propagation] = []
        self._depends_on(None)
        self.encoded_annotations = 0
        self._began = time.monotonic()
        self._begin_seconds = self._stepping_seconds = 0.0
        self._steps = 0
        self.done: set[int] = set()
        self.written: list[int] = []
        self._recorded = -RECORD_SECONDS
        self._comparing = Lock()

    def _chunk(self) -> Sequence[int]:
        """Give the indices that this run is to fill: all that are wanted, or its chunk of them."""
        opened = self.opened
        if opened.request.chunk is None:
            return opened.wanted
        number, count = parse_chunk(opened.request.chunk)
        chunks = shared_out([group.gaps for group in self.plan.groups], opened.wanted, count)
        if number > len(chunks):
            self.warn(f"The shot has only {len(chunks)} chunk{'s' if len(chunks) > 1 else ''} of whole gaps; there is nothing in this one.")
            return ()
        return chunks[number - 1].indices

    def _depends_on(self, weights: str | None) -> None:
        """Settle what the mattes are made of, once the weights that compute them are known."""
        self.depends = Dependencies(self.opened, self.plan, weights)
        self.former = FormerMattes(self.opened.matte_path, self.depends.signature)

    def look(self) -> bool:
        """Find out which mattes are up to date; say whether something is to be computed."""
        if self.plan.learning is not None:
            return True  # only what is learned says what a matte is made of
        self._look_at(self.wanted)
        return len(self.done) < len(self.wanted)

    def learn(self) -> None:
        """Load the network, and fill every group's permanent memory, from the cache where it holds an annotation as it is now."""
        opened, places, shot, request = self.opened, self.opened.places, self.opened.shot, self.opened.request
        learned = LearnedStore(places.cache, places.node_id, self.warn) if self.caching else None
        model, weights = taught(load_network(opened.model.path, self.device), opened, self.plan, learned, self.listener)
        if weights is not None:
            self._depends_on(weights)
        network = backend_of(model, opened.precision, request.plain)
        features = features_folder(places.cache) if self.caching else None
        self.frames = self.stack.enter_context(ShotFrames(opened.content, network, self.device, features, self.warn))
        groups = [planned.group for planned in self.plan.groups]
        self.propagations = [Propagation(network, self.frames, group.annotations, len(group.objects), self.plan.config) for group in groups]
        # Where there is one group, nothing waits.
        waiting_room = self.stack.enter_context(work_folder()) if len(groups) > 1 else places.node
        self.queue = self.stack.enter_context(
            MatteQueue(
                shot.plate,
                shot.annotations,
                groups,
                opened.writer,
                request.confidence,
                waiting_room,
                self.depends.signature,
                self.plan.chain,
                opened.host_alpha,
                (opened.content.padding.height, opened.content.padding.width),
            )
        )
        self.close_ups = CloseUps(opened, self.plan, network, self.device, features, self.warn)
        memory_keys = self.depends.memory_keys
        store = PermanentStore(places.cache, places.node_id, self.warn) if self.caching else None
        for keys, propagation in zip(memory_keys, self.propagations):
            self.listener.message(f"Learning {len(keys)} annotated frame{'s' if len(keys) > 1 else ''}")
            for index, key in keys.items():
                if self.listener.cancelled():
                    raise Cancelled(CANCELLED)
                entries = store.load(key) if store is not None else None
                if entries is None:
                    entries = propagation.encode(index)
                    self.encoded_annotations += 1
                    if not request.plain:
                        entries = {variant: rounded(entry) for variant, entry in entries.items()}
                    if store is not None:
                        store.save(key, entries)
                propagation.learn(index, {variant: entry.to(self.device) for variant, entry in entries.items()})
        if store is not None:
            store.forget_all_but(key for keys in memory_keys for key in keys.values())

    def fill_all(self) -> None:
        """Compute every part of the shot that nobody else computes; others' parts are waited for, and seen to be right."""
        if self.plan.learning is not None:
            self._look_at(self.wanted)
        if self.former.unproven:
            versions = ", ".join(sorted(set(self.former.unproven.values())))
            frames = counted(sorted(self.plate.frames[index] for index in self.former.unproven))
            self.warn(f"The mattes of {frames} are of another version ({versions}) or damaged; they are computed again.")
        if len(self.done) < len(self.wanted):
            # Before the first of them is replaced: a killed run must not leave a record of mattes that are gone.
            self._save_record()
        request = self.opened.request
        viewer = _nearest(self.plate.frames, request.viewer_frame)
        parts = parts_of([group.gaps for group in self.plan.groups], set(self.wanted) - self.done, viewer)
        try:
            with ExitStack() as stack:
                stack.enter_context(cores_of_a_gap())
                workers = self._workers(workers_for(sum(len(part.gaps) for part in parts), self.device), stack)
                ask = (parts, self._claim, request.wait, self._busy, self.listener.cancelled, self.listener.message, len(workers))
                for claimed in stack.enter_context(closing(in_turn(*ask))):
                    self._fill(claimed, workers)
        except BaseException:
            self._save_record()
            raise

    def _claim(self, part: Part) -> Lease | None:
        frames = self.plate.frames
        return self.at_work.claim(frames[min(part.wanted)], frames[max(part.wanted)])

    def _busy(self) -> Busy:
        return self.at_work.busy(BUSY)

    def _look_at(self, indices: Sequence[int]) -> None:
        """Enter what the mattes of some frames say of themselves."""
        for index in indices:
            if self.listener.cancelled():
                raise Cancelled(CANCELLED)
            record = self.former.up_to_date(index)
            if record is not None and index not in self.done:
                self.done.add(index)
                self.listener.frame_done(self.plate.frames[index], self.opened.matte_path(index))
            self.record.enter(self.plate.frames[index], record)
        self.listener.progress(len(self.done), len(self.wanted))

    def _workers(self, count: int, stack: ExitStack) -> list[GapWorker]:
        """Make workers that share weights and permanent memory, each with frames of its own."""
        assert self.frames is not None and self.close_ups is not None, "the network is loaded first"
        workers = [GapWorker(self.frames, self.propagations, self._compare_keys, self.close_ups)]
        for propagation in self.propagations:
            propagation.permanent.segment()  # laid out before several threads read it
        for _ in range(count - 1):
            frames = stack.enter_context(ShotFrames(self.opened.content, self.frames.network, self.device, self.frames.store, self.warn))
            stack.callback(self._count_encoded, frames)
            workers.append(GapWorker(frames, [group.beside(frames) for group in self.propagations], self._compare_keys, self.close_ups))
        return workers

    def _count_encoded(self, frames: ShotFrames) -> None:
        assert self.frames is not None, "the network is loaded first"
        self.frames.encoded_frames += frames.encoded_frames

    def _fill(self, parts: Sequence[Part], workers: Sequence[GapWorker]) -> None:
        """Compute parts, gap by gap; what another run has finished of them meanwhile is taken as it is."""
        assert self.queue is not None, "the network is loaded first"
        began = time.monotonic()
        self._begin_seconds = self._begin_seconds or began - self._began
        self._look_at([index for part in parts for index in sorted(part.wanted) if index not in self.done])
        jobs: list[Job] = []
        waiting: dict[tuple[Gap, int], Waiting] = {}
        for part in parts:
            for gap, groups in part.gaps:
                todo = (part.wanted - self.done) & set(gap.delivers)
                if not todo:
                    continue
                around = (neighbours(index, gap.delivers) for index in todo) if self.plan.steadies else ()
                jobs.append(Job(gap, tuple(groups), todo.union(*around)))
                if self.plan.steadies:
                    waiting.update({(gap, number): Waiting(set(todo), gap.delivers) for number in groups})
        try:
            # Closed in any case, so that no worker goes on when this one fails.
            with closing(side_by_side(workers, jobs, self.listener.cancelled)) as predictions:
                for placed in predictions:
                    if not self.plan.steadies:
                        self._note(self.queue.put(placed.group, placed.index, handed(placed.prediction), view=placed.view))
                        continue
                    for place, planes, near in waiting[placed.gap, placed.group].put(placed.index, handed(placed.prediction)):
                        self._note(self.queue.put(placed.group, place, planes, near, placed.view))
        except Cancelled:
            self._drain()
            raise
        if jobs:
            self._steps += sum(job.steps for job in jobs)
            self._stepping_seconds += time.monotonic() - began
        # Their files are there before others may claim their frames.
        self._drain()

    def _compare_keys(self, propagations: Sequence[Propagation], job: Job) -> None:
        """Let the network answer the keyframes around a job's frames, and keep the differences from the artist's shapes."""
        if not self.plan.carries:
            return
        differences, annotations, padding = self.plan.differences, self.opened.shot.annotations, self.opened.content.padding
        size = padding.height, padding.width
        wanted = {number: {key for index in job.indices for key in differences[number].keys_for(index)} for number in job.groups}
        with self._comparing:  # two gaps share the keyframe between them
            for key in sorted({key for keys in wanted.values() for key in keys}):
                # Key by key, so that its frame is at hand for all groups.
                for number in job.groups:
                    if key in wanted[number] and not differences[number].has(key):
                        predicted = handed(propagations[number].answer(key))
                        group = self.plan.groups[number].group
                        shapes, feathers = artists_shapes(annotations, self.plate.frames[key], group, key, size)
                        differences[number].put(key, shapes, predicted, feathers)

    def finish(self) -> None:
        """Wait for the last file, and leave the cache tidy."""
        places = self.opened.places
        self._save_record()
        self._write_pictures()
        if self.caching:
            manifest = self.depends.manifest(self.wanted)
            used = [features_folder(places.cache).path(key) for key in manifest.features.values()]
            if self.opened.request.chunk is not None:
                manifest = manifest.joined_with(NodeManifest.load(places.node))
            manifest.save(places.node)
            self._keep_pace()
            delete_unused(places.cache)
            make_room(places.cache, self.opened.request.cache_limit, [*used, *LearnedStore(places.cache, places.node_id).paths()])
        cleaned = sum(self.plate.cleaned.values())
        if cleaned:
            self.warn(f"{cleaned} values of the plate were NaN or infinite; they were replaced.")

    def _write_pictures(self) -> None:
        """Write the PNGs that were asked for: of new mattes, and of those that have none yet."""
        out, layers, kind = self.opened.places.out, self.opened.layers, self.opened.request.pictures
        if kind == PICTURES[0]:
            return
        done, new = [self.plate.frames[index] for index in sorted(self.done)], set(self.written)
        todo = [frame for frame in done if frame in new or not all(path.is_file() for path in picture_paths(out, layers, frame, kind))]
        self.listener.message(f"Writing PNGs of {len(todo)} frames")
        write_pictures(out, layers, todo, kind)

    def _keep_pace(self) -> None:
        """Let `plan` know how fast this machine is."""
        if self._steps < LEAST_STEPS:
            return
        opened = self.opened
        working = opened.content.padding.height, opened.content.padding.width
        canvas = self.plate.canvas
        key = pace_key(
            opened.model_sha256, self.device, opened.precision, working, len(opened.shot.annotations.objects), (canvas.height, canvas.width)
        )
        keep_pace(opened.places.cache, key, Pace(self._stepping_seconds / self._steps, self._begin_seconds, peak_mb()))

    def result(self, seconds: float) -> PropagateResult:
        """Give the result of the run."""
        opened, frames, annotations = self.opened, self.plate.frames, self.opened.shot.annotations
        return PropagateResult(
            out=str(opened.places.out),
            frames=tuple(frames[index] for index in sorted(self.done)),
            written=tuple(sorted(self.written)),
            missing=tuple(opened.missing),
            keyframes=tuple(annotations.keyframes),
            objects=tuple(annotations.objects),
            layers=tuple(opened.layers),
            encoded_frames=sum(source.encoded_frames for source in (self.frames, self.close_ups) if source is not None),
            encoded_annotations=self.encoded_annotations,
            seconds=round(seconds, 3),
            model=opened.model.name,
            precision=opened.precision,
            node_id=opened.places.node_id,
            warnings=tuple(self.warnings),
        )

    def warn(self, text: str) -> None:
        """Pass a warning on, once."""
        if text not in self.warnings:
            self.warnings.append(text)
            self.listener.warning(text)

    def _at_work_on_node(self, stack: ExitStack) -> bool:
        """Join the runs that work for the node; say whether there is a cache to write to."""
        at_work = AtWork.on_node(self.opened.places.node)
        try:
            stack.enter_context(at_work.joined(self.key, NODE_BUSY, self.opened.request.wait, self.listener.cancelled))
        except LockNotWritable as error:
            self.warn(f"{error} This run goes on without the cache.")
            return False
        sweep_partial_files(self.opened.places.cache)
        if is_older(self.opened.places.node):
            self.warn(
                "What this node kept in the cache is of an older version; it is made again. "
                "Clear or the cache's limit removes the old files."
            )
        return True

    def _drain(self) -> None:
        """Wait until every matte that was handed in is on disk."""
        if self.queue is not None:
            self._note(self.queue.drain())

    def _note(self, finished: list[Written]) -> None:
        for matte in finished:
            frame = self.plate.frames[matte.index]
            self.record.enter(frame, matte.record)
            self.done.add(matte.index)
            self.written.append(frame)
            if time.monotonic() - self._recorded >= RECORD_SECONDS:
                self._save_record()
                self._recorded = time.monotonic()
            if matte.remark is not None:
                self.warn(matte.remark)
            self.listener.frame_done(frame, matte.path)
            self.listener.progress(len(self.done), len(self.wanted))

    def _save_record(self) -> None:
        opened, frames, annotations = self.opened, self.plate.frames, self.opened.shot.annotations
        header = ResultHeader(
            plate=self.plate.sequence.pattern,
            model=opened.model.name,
            node=opened.places.node_id,
            objects=tuple(annotations.objects),
            layers=tuple(opened.layers),
            keyframes=tuple(annotations.keyframes),
            range=(frames[opened.wanted[0]], frames[opened.wanted[-1]]),
            settings=chosen_settings(opened, self.plan.config),
        )
        try:
            self.record.save(header)
        except OSError as error:
            self.warn(f"result.json cannot be written beside the mattes ({error.strerror}); Nuke will not find them by itself.")
        except Failure as failure:
            self.warn(f"{failure} No result.json is written.")


def _nearest(frames: tuple[int, ...], viewer: int | None) -> int:
    """Give the index of the frame that the artist looks at; the first when nobody looks."""
    return 0 if viewer is None else min(range(len(frames)), key=lambda index: abs(frames[index] - viewer))
