"""What the long buttons do: propagate, suggest, ask for the status, clear. Each runs in a thread of its own, so that Nuke's
interface lives; in a terminal it runs where it is called. One run at a time for each node; the core queues those of several.
"""

from __future__ import annotations

import threading
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional

from nuke_plugin import exchange, host, look, result, roto_node
from nuke_plugin.core_client import session_core
from nuke_plugin.exchange import Handed
from nuke_plugin.settings import Settings
from nuke_plugin.snapshot import Record, Snapshot
from xmemcore.protocol import messages
from xmemcore.protocol.failures import Cancelled, Failure, RequestError
from xmemcore.protocol.frames import FrameRange
from xmemcore.protocol.requests import PropagateRequest, SuggestRequest

if TYPE_CHECKING:
    import nuke


class AlreadyRunning(RequestError):
    """The node has a run under way."""


class CoreFailed(Failure):
    """The core said what went wrong; its sentence is ours."""


@dataclass
class Run:
    """One run of one node."""

    node: nuke.Node
    node_id: str
    settings: Settings
    title: str
    stop: threading.Event = field(default_factory=threading.Event)
    bar: Optional[host.ProgressBar] = None
    failure: Optional[Failure] = None
    """How it ended, when it did not end well."""
    warnings: List[str] = field(default_factory=list)
    _looked: float = 0.0

    def show(self, done: int, total: int, text: str) -> None:
        """Move the bar."""
        if self.bar is not None:
            self.bar.show(done, total, text)

    def cancelled(self) -> bool:
        """Say whether to stop: the node's Cancel, the bar's, or the node is gone."""
        if self.bar is not None and self.bar.cancelled:
            self.stop.set()
        if not self.stop.is_set() and time.monotonic() - self._looked > 1.0:
            try:
                host.in_main(self.node.fullName)
            except Cancelled:
                self.stop.set()
            self._looked = time.monotonic()
        return self.stop.is_set()


_runs: Dict[str, Run] = {}
"""Runs under way, by node id."""


def propagate(node: nuke.Node) -> Run:
    """Fill the node's frame range with mattes; main thread, returns at once in the interface.

    Raises:
        AlreadyRunning, ScriptUnsaved, OutputInvalid; later failures reach the node's status.
    """
    host.matte_pattern(node)
    return _start(node, "Propagate", _propagate)


def suggest(node: nuke.Node) -> Run:
    """Find the next frames to key; as `propagate`."""
    return _start(node, "Suggest frames", _suggest)


def ask_status(node: nuke.Node) -> Run:
    """Ask the core what is up to date and what the next run costs; as `propagate`."""
    return _start(node, "Status", _status)


def clear(node: nuke.Node) -> Run:
    """Delete what the node keeps in the cache; as `propagate`."""
    return _start(node, "Clear", _clear)


def list_models(node: nuke.Node) -> Run:
    """Fill the model knob; as `propagate`."""
    return _start(node, "List models", _list_models)


def cancel(node: nuke.Node) -> bool:
    """Stop the node's run; False when there is none."""
    run = _runs.get(roto_node.node_id(node))
    if run is None:
        return False
    run.stop.set()
    return True


def running(node_id: str) -> bool:
    """Say whether a node has a run under way."""
    return node_id in _runs


def _start(node: nuke.Node, title: str, work: Callable[[Run], None]) -> Run:
    node_id = roto_node.node_id(node)
    if node_id in _runs:
        raise AlreadyRunning(f"{node.name()} is at work already: {_runs[node_id].title}. Cancel it, or wait for it.")
    run = Run(node, node_id, host.read_settings(node), title)
    _runs[node_id] = run
    if host.has_interface():
        threading.Thread(target=_work, args=(run, work), name=f"XMem {title}", daemon=True).start()
    else:
        _work(run, work)
    return run


def _work(run: Run, work: Callable[[Run], None]) -> None:
    """Do a run; whatever happens becomes the node's status, and nothing leaves the thread."""
    try:
        run.bar = host.ProgressBar(f"XMem Roto: {run.title} {run.settings.node_name}")
        work(run)
    except (host.NodeGone, host.HostGone) as error:
        run.failure = error
    except Failure as error:
        run.failure = error
    except Exception as error:
        traceback.print_exc()
        run.failure = Failure(
            f"The plugin met a fault of its own: {type(error).__name__}: {error}. The script editor shows more; please report it."
        )
    finally:
        del _runs[run.node_id]
        if run.bar is not None:
            run.bar.close()
    if not isinstance(run.failure, (host.NodeGone, host.HostGone)):
        try:
            host.in_main(_say_end, run)
        except Cancelled:
            pass  # the node went in this very moment; there is nobody to tell


def _say_end(run: Run) -> None:
    """Put the outcome into the status, and a failure before the artist's eyes; main thread."""
    from nuke_plugin import status

    if run.failure is None:
        status.refresh(run.node, run.warnings)
        return
    status.say_failure(run.node, run.failure, run.warnings)
    if not isinstance(run.failure, Cancelled):
        host.tell(str(run.failure))


def _propagate(run: Run) -> None:
    now = host.in_main(look.look, run.node, run.settings)
    handed = exchange.hand_over(run.node, run.settings, run.node_id, run.show, run.cancelled)
    run.warnings += handed.warnings
    request = _propagate_request(run.settings, handed)
    frames = FrameRange.of(handed.frames)
    first, last = min(frames), max(frames)
    shown = False
    began = time.monotonic()
    reloader = result.Reloader(lambda: host.in_main(result.reload, run.node))
    outcome: Optional[Dict[str, Any]] = None
    try:
        for message in _converse(run, lambda job: messages.Propagate(job, request)):
            if isinstance(message, messages.FrameDone):
                if not shown:
                    host.in_main(result.show, run.node, run.settings.out, first, last)
                    shown = True
                reloader.frame_arrived()
            elif isinstance(message, messages.Finished):
                outcome = message.result
            reloader.catch_up()
    finally:
        try:
            reloader.finish()
            if shown:
                record = _record(run, handed, now.snapshot, first, last, outcome, time.monotonic() - began)
                host.in_main(_keep_record, run.node, record)
        except Cancelled:
            pass  # the node is gone; the exception under way says why


def _propagate_request(settings: Settings, handed: Handed) -> PropagateRequest:
    return PropagateRequest(
        **handed.shot,
        frames=str(handed.frames),
        out=settings.out,
        order=settings.order,
        temporary_memory=settings.temporary_memory,
        augment=settings.augment,
        confidence=settings.confidence,
        viewer_frame=settings.viewer_frame,
    )


def _record(
    run: Run, handed: Handed, snapshot: Snapshot, first: int, last: int, outcome: Optional[Dict[str, Any]], seconds: float
) -> Record:
    written = len((outcome or {}).get("written", ()))
    before = host.in_main(_last_record, run.node)
    # A run that computed nothing says nothing about speed.
    per_frame = seconds / written if written else before.seconds_per_frame if before is not None else 0.0
    return Record(
        snapshot=snapshot,
        out=run.settings.out,
        first=first,
        last=last,
        frames=str(handed.frames),
        complete=outcome is not None,
        objects=tuple((outcome or {}).get("objects", handed.objects)),
        layers=tuple((outcome or {}).get("layers", ())),
        seconds=round(seconds, 1),
        seconds_per_frame=round(per_frame, 3),
        computed=written,
        encoded_frames=int((outcome or {}).get("encoded_frames", 0)),
        encoded_annotations=int((outcome or {}).get("encoded_annotations", 0)),
        model=str((outcome or {}).get("model", run.settings.model or "default")),
        stamp=look.stamp_of(run.settings.out),
        node_name=run.settings.node_name,
    )


def _keep_record(node: nuke.Node, record: Record) -> None:
    roto_node.write_hidden(node, "record", record.as_json())


def _last_record(node: nuke.Node) -> Optional[Record]:
    return Record.of_json(roto_node.read_hidden(node, "record"))


def _suggest(run: Run) -> None:
    handed = exchange.hand_over(run.node, run.settings, run.node_id, run.show, run.cancelled)
    record = host.in_main(_last_record, run.node)
    request = SuggestRequest(
        **{name: value for name, value in handed.shot.items() if name != "roto_alpha"},
        mattes=record.out if record is not None and look.stamp_of(record.out) else None,
        count=run.settings.count,
        alpha=run.settings.alpha,
        object=run.settings.suggest_object,
    )
    for message in _converse(run, lambda job: messages.Suggest(job, request)):
        if isinstance(message, messages.Finished):
            host.in_main(_keep_suggestions, run.node, message.result)


def _keep_suggestions(node: nuke.Node, found: Dict[str, Any]) -> None:
    """Keep what the strip shows; the scores of all frames stay out of the script."""
    kept = {name: found.get(name) for name in ("suggestions", "object", "message", "lost_frames", "thumbnails")}
    roto_node.write_hidden(node, "suggestions", kept)
    strip = node["strip"].getObject()  # type: ignore[attr-defined]
    if strip is not None:  # None until the panel has been opened
        strip.updateValue()


def _status(run: Run) -> None:
    handed = exchange.hand_over(run.node, run.settings, run.node_id, run.show, run.cancelled)
    request = _propagate_request(run.settings, handed)
    for message in _converse(run, lambda job: messages.Status(job, request)):
        if isinstance(message, messages.Finished):
            said = message.result
            run.warnings += said.get("reasons", ())
            total = len(said["stale"]) + len(said["fresh"])
            run.warnings.append(
                f"Next run: {len(said['stale'])} of {total} mattes, {said['frames_to_compute']} frames to compute, "
                f"{said['frames_to_encode']} plate frames and {said['annotations_to_encode']} keyframes to learn. "
                f"Cache: {said['bytes_used'] / 1e6:.0f} MB."
            )


def _clear(run: Run) -> None:
    from nuke_plugin.places import exchange_folder
    from nuke_plugin.status import delete_folder

    for _ in _converse(run, lambda job: messages.Clear(job, run.node_id, run.settings.cache)):
        pass
    delete_folder(exchange_folder(run.node_id))


def _list_models(run: Run) -> None:
    from nuke_plugin import status

    for message in _converse(run, lambda job: messages.Models(job)):
        if isinstance(message, messages.Finished):
            host.in_main(status.show_models, run.node, message.result["models"])


def _converse(run: Run, ask: Callable[[int], messages.Message]) -> Any:
    """Ask the core and pass its messages on; its failure becomes ours, its cancel too."""
    run.show(0, 1, "starting the core" if not session_core().running else "waiting for the core")
    for message in session_core().ask(ask, run.cancelled):
        if isinstance(message, messages.Progress):
            run.show(message.done, message.total, f"{message.done} of {message.total}")
        elif isinstance(message, messages.Queued):
            run.show(0, 1, f"waiting: {message.ahead} before this one")
        elif isinstance(message, messages.Log):
            run.show(0, 1, message.text)
        elif isinstance(message, messages.Warned):
            run.warnings.append(message.text)
        elif isinstance(message, messages.Cancelled):
            raise Cancelled("Cancelled. Finished frames stay; press the button again to go on.")
        elif isinstance(message, messages.Failed):
            failure = CoreFailed(message.sentence)
            failure.exit_code = message.exit_code
            raise failure
        yield message
