"""The network of one run, and all that computes mattes with it: permanent memory, workers for gaps, and the queue to the disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from threading import Lock

import torch

from xmemcore.engine.order import Gap
from xmemcore.engine.propagation import Propagation
from xmemcore.network.backend import backend_of
from xmemcore.network.checkpoint import load_network
from xmemcore.protocol.choices import PICTURES
from xmemcore.protocol.failures import Cancelled
from xmemcore.protocol.words import plural
from xmemcore.shot.inputs.opened import OpenedShot
from xmemcore.shot.listener import Listener
from xmemcore.shot.mattes import matting
from xmemcore.shot.mattes.composition import Composer
from xmemcore.shot.mattes.pictures import write_pictures
from xmemcore.shot.mattes.queue import MatteQueue, handed
from xmemcore.shot.mattes.steady import Waiting, neighbours
from xmemcore.shot.plan.plan import Plan
from xmemcore.shot.plate.frame_source import ShotFrames, of_second_look
from xmemcore.shot.run.close_ups import CloseUps
from xmemcore.shot.run.gap_workers import GapWorker, Job, side_by_side
from xmemcore.shot.run.learned import LearnedStore, taught
from xmemcore.shot.run.pace import PaceClock
from xmemcore.shot.run.run_mattes import RunMattes
from xmemcore.shot.run.turns import CANCELLED, Part
from xmemcore.shot.store.cache import features_folder
from xmemcore.shot.store.flows import KeptFlows
from xmemcore.shot.store.permanent import PermanentStore, rounded
from xmemcore.shot.store.work_folder import work_folder


class Computation:
    """Compute the mattes of a run; `learn` before the first gap."""

    def __init__(
        self,
        opened: OpenedShot,
        planned: Plan,
        mattes: RunMattes,
        device: torch.device,
        caching: bool,
        listener: Listener,
        warn: Callable[[str], None],
        stack: ExitStack,
    ) -> None:
        """Load the network, which learns the shot first where that was asked for; settles what the mattes depend on.

        Args:
            opened: inputs of the run.
            planned: its gaps.
            mattes: of the run, which gets to know what is computed.
            device: on which to compute.
            caching: whether features, memory and learned weights are kept.
            listener: hears how it goes.
            warn: told what the artist should know.
            stack: closes what is opened here.

        Raises:
            RequestError, MachineError, Cancelled.
        """
        self._opened, self._plan, self._mattes, self._listener, self._warn = opened, planned, mattes, listener, warn
        self._device = device
        places, shot, request = opened.places, opened.shot, opened.request
        if matting.wanted(request):
            matting.make_ready(listener.message, request.cache)
        learned = LearnedStore(places.cache, places.node_id, warn) if caching else None
        model, weights = taught(load_network(opened.model.path, device), opened, planned, learned, listener)
        if weights is not None:
            mattes.depends_on(weights)
        network = backend_of(model, opened.precision, request.plain)
        self.features = features_folder(places.cache) if caching else None
        """What is kept of frames and windows; None without a cache."""
        self._memories = PermanentStore(places.cache, places.node_id, warn) if caching else None
        planned.flows.store = KeptFlows(self.features, opened.content.digest) if self.features is not None else None
        self._frames = stack.enter_context(ShotFrames(opened.content, network, device, self.features, warn))
        groups = [group_plan.group for group_plan in planned.groups]
        self._propagations = [
            Propagation(
                network, self._frames, group.annotations, len(group.objects), planned.config_of(group_plan), numbers=shot.plate.frames
            )
            for group, group_plan in zip(groups, planned.groups)
        ]
        # Where there is one group, nothing waits.
        waiting_room = stack.enter_context(work_folder()) if len(groups) > 1 else places.node
        working_size = opened.content.padding.height, opened.content.padding.width
        composer = Composer(shot.plate, shot.annotations, groups, planned.chain, opened.host_alpha, working_size)
        # At once, so that a run that is cancelled or dies leaves no PNGs that are older than the mattes beside them.
        also = None if request.pictures == PICTURES[0] else self._write_pictures
        self._queue = stack.enter_context(
            MatteQueue(composer, opened.writer, mattes.dependencies.signature, waiting_room, request.confidence, also)
        )
        self._close_ups = CloseUps(opened, planned, network, device, self.features, warn)
        self._comparing = Lock()
        self.encoded_annotations = 0
        """Annotated frames that were encoded; the others' memory was kept."""

    @property
    def encoded_frames(self) -> int:
        """Frames that went through the key encoder, windows included."""
        return self._frames.encoded_frames + self._close_ups.encoded_frames

    @property
    def has_lane(self) -> bool:
        """Whether two threads compute a gap; see `engine.lanes`."""
        return self._frames.lane is not None

    def _write_pictures(self, frame: int) -> None:
        """Write the PNGs of a frame whose mattes are on disk."""
        write_pictures(self._opened.places.out, self._opened.layers, (frame,), self._opened.request.pictures)

    def learn(self) -> None:
        """Fill every group's permanent memory, from the cache where it holds an annotation as it is now; raises Cancelled."""
        memory_keys = self._mattes.dependencies.memory_keys
        keyed = sorted({index for keys in memory_keys for index in keys})
        self._listener.message(f"Learning {plural(len(keyed), 'annotated frame')}")
        self._frames.expect([index for index in keyed if any(index in keys and not self._knows(keys[index]) for keys in memory_keys)])
        for index in keyed:
            # Frame by frame, so that each is encoded once for all groups that it is keyed for.
            for keys, propagation in zip(memory_keys, self._propagations):
                if index not in keys:
                    continue
                for look, name in zip(propagation.looks, (keys[index], of_second_look(keys[index]))):
                    if self._listener.cancelled():
                        raise Cancelled(CANCELLED)
                    self._learn(look, index, name)
        if self._memories is not None:
            needed = [key for keys in memory_keys for key in keys.values()]
            self._memories.forget_all_but([*needed, *map(of_second_look, needed)])

    def _knows(self, key: str) -> bool:
        """Say whether what an annotation teaches is kept."""
        return self._memories is not None and key in self._memories

    def _learn(self, look: Propagation, index: int, key: str) -> None:
        entries = self._memories.load(key) if self._memories is not None else None
        if entries is None:
            entries = look.encode(index)
            self.encoded_annotations += look in self._propagations
            if not self._opened.request.plain:
                entries = {variant: rounded(entry) for variant, entry in entries.items()}
            if self._memories is not None:
                self._memories.save(key, entries)
        look.learn(index, {variant: entry.to(self._device) for variant, entry in entries.items()})

    def workers(self, count: int, stack: ExitStack) -> list[GapWorker]:
        """Make workers that share weights and permanent memory, each with frames of its own, which `stack` closes."""
        workers = [GapWorker(self._frames, self._propagations, self._compare_keys, self._close_ups)]
        for propagation in self._propagations:
            for memory in propagation.memories:
                memory.segment()  # laid out before several threads read it
        for _ in range(count - 1):
            frames = stack.enter_context(
                ShotFrames(self._opened.content, self._frames.network, self._device, self._frames.store, self._warn)
            )
            stack.callback(self._count_encoded, frames)
            workers.append(GapWorker(frames, [group.beside(frames) for group in self._propagations], self._compare_keys, self._close_ups))
        return workers

    def _count_encoded(self, frames: ShotFrames) -> None:
        self._frames.encoded_frames += frames.encoded_frames

    def fill(self, parts: Sequence[Part], workers: Sequence[GapWorker], clock: PaceClock) -> None:
        """Compute parts, gap by gap; what another run has finished of them meanwhile is taken as it is.

        Raises:
            MachineError; Cancelled, when all that was computed is on disk.
        """
        began = time.monotonic()
        clock.begin_stepping()
        self._mattes.look_at([index for part in parts for index in sorted(part.wanted) if index not in self._mattes.done])
        jobs, waiting = self._jobs(parts)
        try:
            # Closed in any case, so that no worker goes on when this one fails.
            with closing(side_by_side(workers, jobs, self._listener.cancelled)) as predictions:
                for placed in predictions:
                    planes = handed(placed.prediction)
                    if not self._plan.steadies:
                        self._mattes.note(self._queue.put(placed.group, placed.index, planes, view=placed.view))
                        continue
                    for index, complete, around in waiting[placed.gap, placed.group].put(placed.index, planes):
                        self._mattes.note(self._queue.put(placed.group, index, complete, around, placed.view))
        except Cancelled:
            self._mattes.note(self._queue.drain())
            raise
        if jobs:
            efforts = (self._plan.effort(self._plan.groups[number], job.gap, job.indices) for job in jobs for number in job.groups)
            clock.stepped(sum(efforts), time.monotonic() - began)
        # Their files are there before others may claim their frames, and what is kept of them before the node's manifest names it.
        self._mattes.note(self._queue.drain())
        self._frames.settle()

    def _jobs(self, parts: Sequence[Part]) -> tuple[list[Job], dict[tuple[Gap, int], Waiting]]:
        """List the gaps to compute, and by gap and group the predictions that wait for their neighbours."""
        jobs: list[Job] = []
        waiting: dict[tuple[Gap, int], Waiting] = {}
        frames = self._opened.shot.plate.frames
        for part in parts:
            for gap, groups in part.gaps:
                todo = (part.wanted - self._mattes.done) & set(gap.delivers)
                if not todo:
                    continue
                around = (neighbours(index, gap.delivers, frames) for index in todo) if self._plan.steadies else ()
                jobs.append(Job(gap, tuple(groups), todo.union(*around)))
                if self._plan.steadies:
                    waiting.update({(gap, number): Waiting(set(todo), gap.delivers, frames) for number in groups})
        return jobs, waiting

    def _compare_keys(self, propagations: Sequence[Propagation], job: Job) -> None:
        """Let the network answer the keyframes around a job's frames, and keep the differences from the artist's shapes."""
        if not self._plan.carries:
            return
        differences = self._plan.differences
        wanted = {number: {key for index in job.indices for key in differences[number].keys_for(index)} for number in job.groups}
        with self._comparing:  # two gaps share the keyframe between them
            for key in sorted({key for keys in wanted.values() for key in keys}):
                # Key by key, so that its frame is at hand for all groups.
                for number in job.groups:
                    if key in wanted[number] and not differences[number].has(key):
                        differences[number].compare(key, handed(propagations[number].answer(key)))
