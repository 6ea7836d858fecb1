"""The main job: fill a shot's frame range with mattes, reusing whatever earlier runs left."""

from __future__ import annotations

import time
from contextlib import ExitStack

from xmemcore.engine.learning import learn, with_weights
from xmemcore.engine.order import Gap
from xmemcore.engine.propagation import Propagation
from xmemcore.network.backend import backend_of
from xmemcore.network.checkpoint import load_network
from xmemcore.network.xmem import XMem
from xmemcore.protocol.failures import Cancelled, Failure
from xmemcore.protocol.frames import counted
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.result_file import MatteRecord, ResultFile, ResultHeader
from xmemcore.protocol.results import PropagateResult
from xmemcore.shot.approved import forgotten
from xmemcore.shot.device import choose_device
from xmemcore.shot.learned import LearnedStore, LearningPlan, learning_keys
from xmemcore.shot.listener import Listener, Silence
from xmemcore.shot.mattes.queue import MatteQueue, Written
from xmemcore.shot.plan import ShotPlan
from xmemcore.shot.plate.frame_source import ShotFrames
from xmemcore.shot.store.cache import features_folder, make_room, sweep_partial_files
from xmemcore.shot.store.lock import LockNotWritable, ResultBusy, locked, node_lock, record_lock, result_lock
from xmemcore.shot.store.permanent import PermanentStore, rounded
from xmemcore.shot.store.state import NodeManifest, is_older
from xmemcore.shot.store.work_folder import work_folder

RECORD_SECONDS = 5.0
"""How much work a killed run may lose: the record is written with the first matte, then this often, and when the run ends or fails."""


BUSY = "Another propagate writes these mattes at the moment (lock {path}). Wait for it, cancel it, or choose another output."


def propagate(request: PropagateRequest, listener: Listener | None = None) -> PropagateResult:
    """Fill the frame range with mattes.

    Frames that are up to date are left alone; others are replaced one by one, so that a run that is cancelled, killed or
    fails loses nothing that was finished.

    Raises:
        RequestError, MachineError, Cancelled.
    """
    began = time.monotonic()
    with ExitStack() as stack:
        run = _Run(ShotPlan(request), listener or Silence(), stack)
        run.learn()
        for gap, groups in run.work():
            run.fill(gap, groups)
        run.finish()
        return run.result(time.monotonic() - began)


class _Run:
    """One propagate under way."""

    def __init__(self, plan: ShotPlan, listener: Listener, stack: ExitStack) -> None:
        self.plan = plan
        self.listener = listener
        self.warnings: list[str] = []
        for warning in plan.warnings:
            self.warn(warning)
        if plan.missing:
            self.warn(f"The plate has no {counted(plan.missing)}; no matte is written there.")
        if plan.request.approved is None and (sentence := forgotten(plan.out)):
            self.warn(sentence)
        plan.writer.prepare()
        stack.enter_context(locked(result_lock(plan.out), busy=ResultBusy, sentence=BUSY))
        plan.record = ResultFile(plan.out)  # as the run before us left it
        self.caching = plan.caching and self._locked(stack)
        self.device = choose_device(plan.request.device)
        network = backend_of(self._learned(load_network(plan.model.path, self.device)), plan.precision, plan.request.plain)
        store = features_folder(plan.root) if self.caching else None
        self.frames = stack.enter_context(ShotFrames(plan.content, network, self.device, store, self.warn))
        self.propagations = [Propagation(network, self.frames, group.annotations, len(group.objects), plan.config) for group in plan.groups]
        # Where there is one group, nothing waits.
        waiting_room = stack.enter_context(work_folder()) if len(plan.groups) > 1 else plan.node
        self.queue = stack.enter_context(
            MatteQueue(
                plan.plate,
                plan.annotations,
                plan.groups,
                plan.writer,
                plan.request.confidence,
                waiting_room,
                plan.signature,
                plan.chain,
                plan.host_alpha,
            )
        )
        self.encoded_annotations = 0
        self.done: set[int] = set()
        self.written: list[int] = []
        self._recorded = -RECORD_SECONDS

    def _learned(self, network: XMem) -> XMem:
        """Let the network learn the shot where that was asked for and helps; what an earlier run learned is taken as it is."""
        plan, learning = self.plan, self.plan.learning
        if learning is None or plan.learning_config is None:
            return network
        store = LearnedStore(plan.root, plan.node_id, self.warn) if self.caching else None
        learned = store.load(learning.hash) if store else None
        if learned is None:
            began = store.load(learning.parent) if store and learning.parent else None
            if began is None:
                # A hash never names a round that did not teach anything here.
                plan.learning = learning = LearningPlan(learning.inputs, None)
            learned = learn(
                network,
                learning_keys(plan.content, plan.groups),
                plan.learning_config,
                begin=began.weights if began else None,
                cancelled=self.listener.cancelled,
                report=self._say_step,
                unfinished=store.begun(learning) if store else None,
                keep=(lambda state: store.keep_begun(learning, state)) if store else lambda state: None,
            )
            if store:
                store.save(learning, learned)
        self.listener.message(learned.reason)
        plan.learned = learning.hash if learned.used else None
        return with_weights(network, learned.weights) if learned.used else network

    def _say_step(self, done: int, total: int) -> None:
        if done % max(1, total // 20) == 0:
            self.listener.message(f"Learning this shot: {done} of {total} steps")

    def learn(self) -> None:
        """Fill every group's permanent memory, from the cache where it holds an annotation as it is now."""
        plan = self.plan
        store = PermanentStore(plan.root, plan.node_id, self.warn) if self.caching else None
        for keys, propagation in zip(plan.memory_keys, self.propagations):
            self.listener.message(f"Learning {len(keys)} annotated frame{'s' if len(keys) > 1 else ''}")
            for index, key in keys.items():
                if self.listener.cancelled():
                    raise Cancelled("Cancelled. The mattes that were finished stay.")
                entries = store.load(key) if store is not None else None
                if entries is None:
                    with self.frames.learning():
                        entries = propagation.encode(index)
                    self.encoded_annotations += 1
                    if not plan.request.plain:
                        entries = {variant: rounded(entry) for variant, entry in entries.items()}
                    if store is not None:
                        store.save(key, entries)
                propagation.learn(index, {variant: entry.to(self.device) for variant, entry in entries.items()})
        if store is not None:
            store.forget_all_but(key for keys in plan.memory_keys for key in keys.values())

    def work(self) -> list[tuple[Gap, list[int]]]:
        """Give gaps and the groups that share them in the order in which they are to be computed, without those that are up to date."""
        plan = self.plan
        for index in plan.wanted:
            if self.listener.cancelled():
                raise Cancelled("Cancelled. Nothing was changed.")
            record = plan.up_to_date(index)
            if record is not None:
                self.done.add(index)
            self._enter(plan.plate.frames[index], record)
        if plan.unproven:
            versions = ", ".join(sorted(set(plan.unproven.values())))
            self.warn(
                f"The mattes of {counted(sorted(plan.unproven))} are of another version ({versions}) or damaged; they are computed again."
            )
        if len(self.done) < len(plan.wanted):
            # Before the first of them is replaced: a killed run must not leave a record of mattes that are gone.
            self._save_record()
        for index in sorted(self.done):
            frame = plan.plate.frames[index]
            self.listener.frame_done(frame, plan.writer.path(frame))
        self.listener.progress(len(self.done), len(plan.wanted))
        missing = set(plan.wanted) - self.done
        todo: dict[Gap, list[int]] = {}
        for number, gaps in enumerate(plan.gaps):
            for gap in gaps:
                if missing.intersection(gap.delivers):
                    todo.setdefault(gap, []).append(number)
        viewer = _nearest(plan.plate.frames, plan.request.viewer_frame)
        return sorted(todo.items(), key=lambda pair: (min(abs(index - viewer) for index in pair[0].delivers), pair[0].delivers[0]))

    def fill(self, gap: Gap, groups: list[int]) -> None:
        """Compute one gap of all groups that share it, frame by frame, so that each frame is finished before the next."""
        todo = (set(self.plan.wanted) - self.done) & set(gap.delivers)
        visited = [index for visit in gap.visits(todo) for index in visit.indices]
        self.frames.expect(
            [index for index in visited if any(self.propagations[number].asks_for(index) for number in groups)], twice=gap.blend
        )
        try:
            for steps in zip(*(self.propagations[number].steps(gap, todo, self.listener.cancelled) for number in groups)):
                for number, (index, prediction) in zip(groups, steps):
                    if prediction is not None:
                        self._note(self.queue.put(number, index, prediction))
        except BaseException as error:
            if isinstance(error, Cancelled):
                self._note(self.queue.drain())
            self._save_record()
            raise

    def finish(self) -> None:
        """Wait for the last file, and leave the cache tidy."""
        plan = self.plan
        self._note(self.queue.drain())
        self._save_record()
        if self.caching:
            contents = {plan.plate.frames[index]: plan.content.digest(index) for index in plan.wanted}
            manifest = NodeManifest(
                plan.plate.sequence.pattern,
                plan.model_sha256,
                contents,
                plan.annotation_signatures(),
                plan.settings(),
                plan.absent_objects(),
                plan.content.files.remembered(),
            )
            manifest.save(plan.node)
            used = [features_folder(plan.root).path(key) for key in contents.values()]
            make_room(plan.root, plan.request.cache_limit, [*used, *LearnedStore(plan.root, plan.node_id).paths()])
        cleaned = sum(plan.plate.cleaned.values())
        if cleaned:
            self.warn(f"{cleaned} values of the plate were NaN or infinite; they were replaced.")

    def result(self, seconds: float) -> PropagateResult:
        """Say what was done."""
        plan = self.plan
        frames = plan.plate.frames
        return PropagateResult(
            out=str(plan.out),
            frames=tuple(frames[index] for index in sorted(self.done)),
            written=tuple(sorted(self.written)),
            missing=tuple(plan.missing),
            keyframes=tuple(plan.annotations.keyframes),
            objects=tuple(plan.annotations.objects),
            layers=tuple(plan.layers),
            encoded_frames=self.frames.encoded_frames,
            encoded_annotations=self.encoded_annotations,
            seconds=round(seconds, 3),
            model=plan.model.name,
            precision=plan.precision,
            node_id=plan.node_id,
            warnings=tuple(self.warnings),
        )

    def warn(self, text: str) -> None:
        """Pass a warning on, once."""
        if text not in self.warnings:
            self.warnings.append(text)
            self.listener.warning(text)

    def _locked(self, stack: ExitStack) -> bool:
        """Take the node's lock; say whether there is a cache to write to."""
        try:
            stack.enter_context(locked(node_lock(self.plan.node)))
        except LockNotWritable as error:
            self.warn(f"{error} This run goes on without the cache.")
            return False
        sweep_partial_files(self.plan.root)
        if is_older(self.plan.node):
            self.warn(
                "What this node kept in the cache is of an older version; it is made again. "
                "Clear or the cache's limit removes the old files."
            )
        return True

    def _enter(self, frame: int, record: MatteRecord | None) -> None:
        """Put into the record what a matte says of itself; None: that there is none that is up to date."""
        if record is None:
            self.plan.record.records.pop(frame, None)
        else:
            self.plan.record.records[frame] = record

    def _note(self, finished: list[Written]) -> None:
        for matte in finished:
            frame = self.plan.plate.frames[matte.index]
            self._enter(frame, matte.record)
            self.done.add(matte.index)
            self.written.append(frame)
            if time.monotonic() - self._recorded >= RECORD_SECONDS:
                self._save_record()
                self._recorded = time.monotonic()
            if matte.remark is not None:
                self.warn(matte.remark)
            self.listener.frame_done(frame, matte.path)
            self.listener.progress(len(self.done), len(self.plan.wanted))

    def _save_record(self) -> None:
        plan = self.plan
        frames = plan.plate.frames
        header = ResultHeader(
            plate=plan.plate.sequence.pattern,
            model=plan.model.name,
            node=plan.node_id,
            objects=tuple(plan.annotations.objects),
            layers=tuple(plan.layers),
            keyframes=tuple(plan.annotations.keyframes),
            range=(frames[plan.wanted[0]], frames[plan.wanted[-1]]),
            settings=plan.settings(),
        )
        try:
            # Two sequences of one folder share the file.
            with locked(record_lock(plan.out.parent), patience_seconds=10):
                plan.record.write(header)
        except OSError as error:
            self.warn(f"result.json cannot be written beside the mattes ({error.strerror}); Nuke will not find them by itself.")
        except Failure as failure:
            self.warn(f"{failure} No result.json is written.")


def _nearest(frames: tuple[int, ...], viewer: int | None) -> int:
    """Give the index of the frame that the artist looks at; the first when nobody looks."""
    return 0 if viewer is None else min(range(len(frames)), key=lambda index: abs(frames[index] - viewer))
