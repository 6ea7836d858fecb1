"""The main job: fill a shot's frame range with mattes, reusing the results of earlier runs."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from xmemcore.engine.order import Gap
from xmemcore.engine.propagation import Propagation
from xmemcore.network.backend import backend_of
from xmemcore.network.checkpoint import load_network
from xmemcore.protocol.choices import PICTURES
from xmemcore.protocol.failures import Cancelled, Failure
from xmemcore.protocol.frames import counted
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.protocol.result_file import MatteRecord, ResultFile, ResultHeader
from xmemcore.protocol.result_lock import require_unlocked
from xmemcore.protocol.results import PropagateResult
from xmemcore.shot.approved import forgotten
from xmemcore.shot.dependencies import Dependencies
from xmemcore.shot.device import choose_device
from xmemcore.shot.learned import LearnedStore, taught
from xmemcore.shot.listener import Listener, Silence
from xmemcore.shot.mattes.carry import feather_of
from xmemcore.shot.mattes.matte_proof import FormerMattes
from xmemcore.shot.mattes.pictures import picture_paths, write_pictures
from xmemcore.shot.mattes.queue import MatteQueue, Written, handed
from xmemcore.shot.mattes.steady import Waiting, neighbours
from xmemcore.shot.opened import OpenedShot, open_propagate
from xmemcore.shot.plan import Plan, chosen_settings, plan
from xmemcore.shot.plate.frame_source import ShotFrames
from xmemcore.shot.plate.resampling import resampled
from xmemcore.shot.store.cache import features_folder, make_room, sweep_partial_files
from xmemcore.shot.store.lock import LockNotWritable, locked, node_lock, record_lock, result_lock
from xmemcore.shot.store.permanent import PermanentStore, rounded
from xmemcore.shot.store.rendered import delete_unused
from xmemcore.shot.store.state import is_older
from xmemcore.shot.store.work_folder import work_folder

RECORD_SECONDS = 5.0
"""How much work a killed run may lose: the record is written with the first matte, then this often, and when the run ends or fails."""


BUSY = "Another propagate writes these mattes at the moment ({holder}; lock {path}). Wait for it, cancel it, or choose another output."


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
        run = _Run(opened, plan(opened), listener or Silence(), stack)
        run.learn()
        for gap, groups in run.work():
            run.fill(gap, groups)
        run.finish()
        return run.result(time.monotonic() - began)


class _Run:
    """One propagate under way."""

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
        stack.enter_context(locked(result_lock(places.out), sentence=BUSY))
        self.record = ResultFile(places.out)  # as the run before this one left it
        self.caching = places.caching and self._locked(stack)
        self.device = choose_device(request.device)
        store = LearnedStore(places.cache, places.node_id, self.warn) if self.caching else None
        model, weights = taught(load_network(opened.model.path, self.device), opened, planned, store, listener)
        self.depends = Dependencies(opened, planned, weights)
        self.former = FormerMattes(self._matte, self.depends.signature)
        network = backend_of(model, opened.precision, request.plain)
        features = features_folder(places.cache) if self.caching else None
        self.frames = stack.enter_context(ShotFrames(opened.content, network, self.device, features, self.warn))
        groups = [each.group for each in planned.groups]
        self.propagations = [Propagation(network, self.frames, group.annotations, len(group.objects), planned.config) for group in groups]
        # Where there is one group, nothing waits.
        waiting_room = stack.enter_context(work_folder()) if len(groups) > 1 else places.node
        self.queue = stack.enter_context(
            MatteQueue(
                shot.plate,
                shot.annotations,
                groups,
                opened.writer,
                request.confidence,
                waiting_room,
                self.depends.signature,
                planned.chain,
                opened.host_alpha,
            )
        )
        self.encoded_annotations = 0
        self.done: set[int] = set()
        self.written: list[int] = []
        self._recorded = -RECORD_SECONDS

    def learn(self) -> None:
        """Fill every group's permanent memory, from the cache where it holds an annotation as it is now."""
        places, memory_keys = self.opened.places, self.depends.memory_keys
        store = PermanentStore(places.cache, places.node_id, self.warn) if self.caching else None
        for keys, propagation in zip(memory_keys, self.propagations):
            self.listener.message(f"Learning {len(keys)} annotated frame{'s' if len(keys) > 1 else ''}")
            for index, key in keys.items():
                if self.listener.cancelled():
                    raise Cancelled("Cancelled. The mattes that were finished stay.")
                entries = store.load(key) if store is not None else None
                if entries is None:
                    entries = propagation.encode(index)
                    self.encoded_annotations += 1
                    if not self.opened.request.plain:
                        entries = {variant: rounded(entry) for variant, entry in entries.items()}
                    if store is not None:
                        store.save(key, entries)
                propagation.learn(index, {variant: entry.to(self.device) for variant, entry in entries.items()})
        if store is not None:
            store.forget_all_but(key for keys in memory_keys for key in keys.values())

    def work(self) -> list[tuple[Gap, list[int]]]:
        """Give gaps and the groups that share them in the order in which they are to be computed, without those that are up to date."""
        wanted = self.opened.wanted
        for index in wanted:
            if self.listener.cancelled():
                raise Cancelled("Cancelled. Nothing was changed.")
            record = self.former.up_to_date(index)
            if record is not None:
                self.done.add(index)
            self._enter(self.plate.frames[index], record)
        if self.former.unproven:
            versions = ", ".join(sorted(set(self.former.unproven.values())))
            frames = counted(sorted(self.plate.frames[index] for index in self.former.unproven))
            self.warn(f"The mattes of {frames} are of another version ({versions}) or damaged; they are computed again.")
        if len(self.done) < len(wanted):
            # Before the first of them is replaced: a killed run must not leave a record of mattes that are gone.
            self._save_record()
        for index in sorted(self.done):
            self.listener.frame_done(self.plate.frames[index], self._matte(index))
        self.listener.progress(len(self.done), len(wanted))
        missing = set(wanted) - self.done
        todo: dict[Gap, list[int]] = {}
        for number, each in enumerate(self.plan.groups):
            for gap in each.gaps:
                if missing.intersection(gap.delivers):
                    todo.setdefault(gap, []).append(number)
        viewer = _nearest(self.plate.frames, self.opened.request.viewer_frame)
        return sorted(todo.items(), key=lambda pair: (min(abs(index - viewer) for index in pair[0].delivers), pair[0].delivers[0]))

    def fill(self, gap: Gap, groups: list[int]) -> None:
        """Compute one gap of all groups that share it, frame by frame, so that each frame is finished before the next."""
        todo = (set(self.opened.wanted) - self.done) & set(gap.delivers)
        computed = todo
        if self.plan.steadies:
            computed = todo.union(*(neighbours(index, gap.delivers) for index in todo))
        waiting = {number: Waiting(todo, gap.delivers) for number in groups} if self.plan.steadies else None
        if self.plan.carries:
            self._compare_keys(groups, computed)
        stepped = [index for indices in gap.sweeps_for(computed) for index in indices]
        self.frames.expect(
            [index for index in stepped if any(self.propagations[number].asks_for(index) for number in groups)], twice=gap.blend
        )
        try:
            for steps in zip(*(self.propagations[number].steps(gap, computed, self.listener.cancelled) for number in groups)):
                for number, (index, prediction) in zip(groups, steps):
                    if prediction is None:
                        continue
                    if waiting is None:
                        self._note(self.queue.put(number, index, handed(prediction)))
                    else:
                        for place, planes, around in waiting[number].put(index, handed(prediction)):
                            self._note(self.queue.put(number, place, planes, around))
        except BaseException as error:
            if isinstance(error, Cancelled):
                self._note(self.queue.drain())
            self._save_record()
            raise

    def _compare_keys(self, groups: list[int], todo: set[int]) -> None:
        """Let the network answer the keyframes around some frames, where it has not, and keep what the artist's shapes differ by."""
        differences = self.plan.differences
        wanted = {number: {key for index in todo for key in differences[number].keys_for(index)} for number in groups}
        for key in sorted({key for keys in wanted.values() for key in keys}):
            # Key by key, so that its frame is at hand for all groups.
            for number in groups:
                if key in wanted[number] and not differences[number].has(key):
                    own = handed(self.propagations[number].answer(key))
                    shapes, feathers = self._artists_shapes(number, key)
                    differences[number].put(key, shapes, own, feathers)

    def _artists_shapes(self, number: int, index: int) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
        """Give a group's soft shapes (h, w) at working size on a keyed frame, by object as it counts, and where they are feathered."""
        group, padding = self.plan.groups[number].group, self.opened.content.padding
        annotations, size = self.opened.shot.annotations, (padding.height, padding.width)
        shapes, feathers = {}, {}
        for place in sorted(group.annotations[index].known):
            matte = annotations.matte(self.plate.frames[index], group.objects[place]).astype(np.float32)
            shapes[place], feathers[place] = resampled(matte, size), feather_of(matte, size)
        return shapes, feathers

    def finish(self) -> None:
        """Wait for the last file, and leave the cache tidy."""
        places = self.opened.places
        self._note(self.queue.drain())
        self._save_record()
        self._write_pictures()
        if self.caching:
            manifest = self.depends.manifest()
            manifest.save(places.node)
            used = [features_folder(places.cache).path(key) for key in manifest.features.values()]
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
            encoded_frames=self.frames.encoded_frames,
            encoded_annotations=self.encoded_annotations,
            seconds=round(seconds, 3),
            model=opened.model.name,
            precision=opened.precision,
            node_id=opened.places.node_id,
            warnings=tuple(self.warnings),
        )

    def _matte(self, index: int) -> Path:
        return self.opened.writer.path(self.plate.frames[index])

    def warn(self, text: str) -> None:
        """Pass a warning on, once."""
        if text not in self.warnings:
            self.warnings.append(text)
            self.listener.warning(text)

    def _locked(self, stack: ExitStack) -> bool:
        """Take the node's lock; say whether there is a cache to write to."""
        try:
            stack.enter_context(locked(node_lock(self.opened.places.node)))
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

    def _enter(self, frame: int, record: MatteRecord | None) -> None:
        """Enter a matte's own record for a frame; None removes the frame's record."""
        if record is None:
            self.record.records.pop(frame, None)
        else:
            self.record.records[frame] = record

    def _note(self, finished: list[Written]) -> None:
        for matte in finished:
            frame = self.plate.frames[matte.index]
            self._enter(frame, matte.record)
            self.done.add(matte.index)
            self.written.append(frame)
            if time.monotonic() - self._recorded >= RECORD_SECONDS:
                self._save_record()
                self._recorded = time.monotonic()
            if matte.remark is not None:
                self.warn(matte.remark)
            self.listener.frame_done(frame, matte.path)
            self.listener.progress(len(self.done), len(self.opened.wanted))

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
            # Two sequences of one folder share the file.
            with locked(record_lock(opened.places.out.parent), patience_seconds=10):
                self.record.write(header)
        except OSError as error:
            self.warn(f"result.json cannot be written beside the mattes ({error.strerror}); Nuke will not find them by itself.")
        except Failure as failure:
            self.warn(f"{failure} No result.json is written.")


def _nearest(frames: tuple[int, ...], viewer: int | None) -> int:
    """Give the index of the frame that the artist looks at; the first when nobody looks."""
    return 0 if viewer is None else min(range(len(frames)), key=lambda index: abs(frames[index] - viewer))
