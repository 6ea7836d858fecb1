"""The actions behind the long buttons: propagate, suggest, make a key, approve, ask for the status, clear, list the models."""

from __future__ import annotations

import contextlib
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterator, List, Optional, Sequence, Tuple, Type, TypeVar

from xmem_roto_nuke import host
from xmem_roto_nuke.core.client import session_core
from xmem_roto_nuke.handover import approvals, exchange, plates, shared_folder
from xmem_roto_nuke.handover.exchange import HandedNode, NodeRead
from xmem_roto_nuke.node import home, identity, knobs, places
from xmem_roto_nuke.node.runs import Run
from xmem_roto_nuke.node.settings import ALPHA, Settings
from xmem_roto_nuke.panel import curves, keys, ownership, picked, result, status, timeline, views
from xmem_roto_nuke.run import Share, Unshown, start
from xmem_roto_nuke.staleness import look, mattes_on_disk
from xmem_roto_nuke.staleness.last_run import last_record, write_record
from xmem_roto_nuke.staleness.record import Record, find_record, keep_record, left_of
from xmem_roto_nuke.words import Pace, size
from xmemcore.protocol import messages
from xmemcore.protocol.failures import Cancelled, Failure, RequestError
from xmemcore.protocol.frames import FrameRange
from xmemcore.protocol.places import approved_folder, cache_root, exchange_folder
from xmemcore.protocol.requests import ApproveRequest, FitRequest, PropagateRequest
from xmemcore.protocol.result_file import require_ours
from xmemcore.protocol.results import ApproveResult, FitResult, ModelEntry, ModelList, NodeStatus, PropagateResult, SuggestResult
from xmemcore.protocol.words import plural

if TYPE_CHECKING:
    import nuke


Answer = TypeVar("Answer")
Read = TypeVar("Read")

FIT = "fit to the matte"
"""Entry of the knob `key_by`."""


def read_to_hand_over(node: nuke.Node) -> NodeRead:
    """Read a node for a run, as `exchange.read_to_hand_over`."""
    _cover_others(node)
    return exchange.read_to_hand_over(node)


def read_to_suggest(node: nuke.Node) -> NodeRead:
    """Read a node for suggestions, as `exchange.read_to_suggest`."""
    _cover_others(node)
    return exchange.read_to_suggest(node)


def _cover_others(node: nuke.Node) -> None:
    """Let all other nodes cover their plates: where plate or roto of one comes through another, no frame beyond may be taken for black."""
    for other in identity.living() if host.may_walk_trees() else ():
        if other.fullName() != node.fullName() and other["has_result"].value():
            with contextlib.suppress(Failure):  # it is only half connected
                result.cover(other)


class CoreFailed(Failure):
    """The core failed; its sentence and code are passed on."""

    def __init__(self, answer: messages.Failed) -> None:
        super().__init__(answer.sentence)
        self.code, self.exit_code = answer.code, answer.exit_code


def propagate(node: nuke.Node, share: Optional[Share] = None) -> Run:
    """Fill the node's frame range with mattes; main thread, returns at once in the interface.

    Args:
        node: an XMemRoto.
        share: of a progress bar for several nodes; None for one of its own.

    Raises:
        AlreadyRunning, RequestError; later failures reach the node's status.
        Cancelled: the artist was asked whether another node's mattes may be replaced, and said no.
    """
    ownership.require_own(node)
    knobs.read_settings(node).propagate.require_possible()  # the core would say so too, after the plate has been rendered
    return start(node, "Propagate", read_to_hand_over, _alone(_propagate), share, fills=True)


def suggest(node: nuke.Node) -> Run:
    """Find the next frames to key; while nothing is keyed, the best first one. Otherwise as `propagate`."""
    knobs.read_settings(node).suggest.require_possible()
    return start(node, "Suggest frames", read_to_suggest, _alone(_suggest))


def ask_status(node: nuke.Node) -> Run:
    """Ask the core what is up to date and what the next run costs; as `propagate`."""
    knobs.matte_pattern(node)  # raises where there is no place for mattes, whose state is asked for
    return start(node, "Status", read_to_hand_over, _alone(_status))


def clear(node: nuke.Node) -> Run:
    """Delete what the node keeps in the cache; as `propagate`."""
    return start(node, "Clear", knobs.read_settings, _alone(_clear))


def make_key(node: nuke.Node) -> Optional[Run]:
    """Key the roto on the current frame: its shapes moved onto the matte, or as they stand where there is no matte or that is chosen.

    Raises:
        As `keys.key_roto`, and as `propagate`.
    """
    frame, record = host.current_frame(), last_record(node)
    by = node.knob("key_by")
    moved = by is not None and str(by.value()) == FIT and str(node["roto_input"].value()) != ALPHA
    if not moved or record is None or frame not in mattes_on_disk.frames(record.out):
        keys.key_roto(node)
        return None
    chosen, meant = keys.chosen_object(node), keys.movable(node, frame)
    mattes = record.out
    return start(node, "Make key here", read_to_hand_over, _alone(lambda run, read: _fit(run, read, mattes, frame, chosen, meant)))


def take_back(node: nuke.Node) -> Optional[Run]:
    """Take back what was approved on the named frames, and that the object is absent there; as `approve`."""
    if not _any_approved(node) and keys.unsay_absent(node):
        return None
    run = approve(node, undo=True)  # where it is refused, nothing is taken back
    keys.unsay_absent(node)
    return run


def _any_approved(node: nuke.Node) -> bool:
    """Say whether a matte of the chosen object is approved on the named frames."""
    pattern, frames, chosen = knobs.shown_pattern(node), keys.meant_frames(node), keys.chosen_shapes(node)
    marked = approvals.listed(approvals.counting(knobs.matte_pattern(node), pattern, identity.node_id(node))) if pattern else {}
    return any((chosen is None or name == _in_mattes(node, chosen)) and not set(frames).isdisjoint(at) for name, at in marked.items())


def _in_mattes(node: nuke.Node, name: str) -> str:
    """Give the name that an object has in the mattes of the last run, where the last look found that it is called otherwise now."""
    shown = timeline.of_node(identity.node_id(node))
    return shown.renamed[0] if shown is not None and shown.renamed is not None and shown.renamed[1] == name else name


def _let_follow(run: Run, read: NodeRead) -> None:
    """Write an object's name of now into what was approved of it under another one."""
    renamed, marked = renamed_approved(run, read), approvals.listed(read.settings.out)
    if renamed is not None:
        former, name = renamed
        folder, frames = str(approved_folder(read.settings.out)), str(FrameRange.of(marked[former]))
        request = ApproveRequest(read.settings.out, frames, (former,), approved=folder, rename=name)
        run.warnings += _asked(run, lambda job: messages.Approve(job, request), ApproveResult).warnings


def renamed_approved(run: Run, read: NodeRead) -> Optional[Tuple[str, str]]:
    """Give the former name and that of now of an object whose mattes were approved under another name; from a thread of ours too."""
    renamed = look.renamed_since(read, host.in_main(last_record, run.node))
    counted = approvals.counting(read.settings.out, read.approved, read.node_id)
    return renamed if renamed is not None and renamed[0] in approvals.listed(counted) else None


def approve(node: nuke.Node, undo: bool = False) -> Run:
    """Mark mattes that the node shows as right, so that its later runs keep and learn from them, or take that back; as `propagate`.

    Args:
        node: an XMemRoto.
        undo: take the mark back.

    Raises:
        RequestError, AlreadyRunning.
        Cancelled: the artist was asked whether it may count for another node too, and said no.
    """
    pattern = knobs.shown_pattern(node)
    if not pattern:
        raise RequestError(f"{node.name()} has no mattes that could be approved. Propagate first.")
    frames = str(FrameRange.of(keys.meant_frames(node)))
    chosen, absent = keys.chosen_shapes(node), [] if undo else keys.absent_of_approved(node, keys.meant_frames(node))
    ownership.require_approvable(node)
    # The node may show mattes of another place: those of its former version, or of the node that it is a copy of.
    out = knobs.matte_pattern(node)
    counting = approvals.counting(out, pattern, identity.node_id(node))
    objects = None if chosen is None else (_in_mattes(node, chosen),)
    request = ApproveRequest(pattern, frames, objects, approved=str(approved_folder(out)), undo=undo)

    def work(run: Run, request: ApproveRequest) -> None:
        approvals.take_along(counting, out)
        run.warnings += [*_asked(run, lambda job: messages.Approve(job, request), ApproveResult).warnings, *absent]
        approvals.keep_folder(out)

    return start(node, "Take back" if undo else "Approve", lambda _: request, work)


def list_models(node: nuke.Node) -> Run:
    """Fill the model knob; as `propagate`."""
    return start(node, "List models", knobs.read_settings, _list_models)


def _alone(work: Callable[[Run, Read], None]) -> Callable[[Run, Read], None]:
    """Do the work while the node's exchange folder is locked against other Nukes."""

    def locked(run: Run, read: Read) -> None:
        with shared_folder.held(run.node_id, run.node_name):
            work(run, read)

    return locked


def _propagate(run: Run, read: NodeRead) -> None:
    require_ours(Path(read.settings.out), read.frames)  # the core would say so too, after the plate has been rendered
    approvals.take_along(read.approved, read.settings.out)
    _let_follow(run, read)
    handed = exchange.hand_over(read, run.show, run.cancelled)
    run.warnings += [*read.warnings, *handed.warnings]
    request = propagate_request(read, handed)
    former = Former.of(run.node, read)
    done: List[int] = []
    used_up = False
    began = time.monotonic()
    gaps = result.gaps_of(list(read.frames), read.annotations.keyframes)
    reloader = result.Reloader(
        lambda: host.in_main(result.reload, run.node), lambda: host.in_main(host.current_frame), read.settings.panel.viewer_update, gaps
    )
    outcome: Optional[PropagateResult] = None
    try:
        for message in _converse(run, lambda job: messages.Propagate(job, request)):
            if isinstance(message, messages.FrameDone):
                if not done:
                    # What shows and what is known of it change together: Nuke may go, or the node, before the run has ended.
                    record = record_of(former, read, handed, None, 0.0)
                    try:
                        host.in_main(_show, run.node, record, read)
                    except host.EditionLimited:
                        used_up = True  # the core goes on: the mattes are what the artist waits for
                    keep_record(record, run.node_id)
                done.append(message.frame)
                if not used_up:
                    reloader.frame_arrived(message.frame)
            elif isinstance(message, messages.Finished):
                outcome = _answer(message, PropagateResult)
            reloader.catch_up()
    finally:
        try:
            reloader.finish()
            if done:
                record = record_of(former, read, handed, outcome, time.monotonic() - began, done)
                if not used_up:
                    host.in_main(_keep_record, run.node, record, former.shown)
                keep_record(record, run.node_id)  # by which a node that does not show the mattes finds them once the script is opened again
        except Cancelled:
            pass  # the node is gone; the exception under way says why
    if used_up:
        raise Unshown(
            f"The mattes are written at {read.settings.out}; save and open the script again to see them. The node cannot show them before, "
            "because this edition of Nuke hands Python ten nodes for each script, and they are used up."
        )


def propagate_request(read: NodeRead, handed: HandedNode) -> PropagateRequest:
    """Say what a propagate of a node asks of the core."""
    return handed.shot.into(replace(read.settings.propagate, frames=str(read.frames)))


@dataclass(frozen=True)
class Former:
    """Records of the runs before one."""

    shown: Optional[Record]
    """Of the mattes that the node showed."""
    there: Optional[Record]
    """Of the mattes that lay where the run writes."""
    holes: Tuple[int, ...]
    """Frames of those, beside the run's own, that still have no plate."""

    @classmethod
    def of(cls, node: nuke.Node, read: NodeRead) -> Former:
        """Find them before the run shows or keeps anything; from a thread of ours too."""
        shown = host.in_main(last_record, node)
        there = shown if shown is not None and shown.out == read.settings.out else find_record(read.settings.out, read.node_id)
        beside = set() if there is None else set(there.missing) - set(read.frames)
        return cls(shown, there, tuple(host.in_main(plates.still_holes, read.plate, sorted(beside))))


def record_of(
    former: Former,
    read: NodeRead,
    handed: HandedNode,
    outcome: Optional[PropagateResult],
    seconds: float,
    done: Optional[Sequence[int]] = None,
) -> Record:
    """Make the record of a run: its inputs and its result.

    Args:
        former: of the runs before.
        read: as it was when the run began.
        handed: what the core was given.
        outcome: what the core answered; None when the run was cut short, or is still to come.
        seconds: that the core took.
        done: frames that are finished; None when that is still to come.
    """
    written = 0 if outcome is None else len(outcome.written)
    before = former.shown
    holes = {*handed.missing, *(() if outcome is None else outcome.missing), *former.holes}  # the other frames stay as they were
    filled = read.frames if outcome is not None else done or ()
    # A run that computed nothing says nothing about speed.
    per_frame = seconds / written if written else before.seconds_per_frame if before is not None else 0.0
    return Record(
        snapshot=look.snapshot_of(read, handed),
        out=read.settings.out,
        first=min(read.frames),
        last=max(read.frames),
        frames=str(read.frames),
        complete=outcome is not None,
        objects=tuple(read.annotations.frames) if outcome is None else outcome.objects,
        layers=() if outcome is None else outcome.layers,
        seconds=round(seconds, 1),
        seconds_per_frame=round(per_frame, 3),
        computed=written,
        encoded_frames=0 if outcome is None else outcome.encoded_frames,
        encoded_annotations=0 if outcome is None else outcome.encoded_annotations,
        model=read.settings.propagate.model or "default" if outcome is None else outcome.model,
        stamp=mattes_on_disk.stamp(read.settings.out),
        node_name=read.settings.node_name,
        missing=tuple(sorted(holes)),
        signed=mattes_on_disk.signed(read.settings.out, list(read.frames)),
        earlier=left_of(former.there, filled),
        done=None if outcome is not None or done is None else str(FrameRange.of(sorted(done))),
        script=Path(read.script).name,
    )


@host.unrecorded()
def _show(node: nuke.Node, record: Record, read: NodeRead) -> None:
    """Show the mattes of a run that has begun, with its record."""
    result.show(node, record.out, read.frames, record.missing, read.settings.kept)
    write_record(node, record)


@host.unrecorded()
def _keep_record(node: nuke.Node, record: Record, former: Optional[Record]) -> None:
    write_record(node, record)
    if record.layers:  # a run that was cancelled does not know them
        picked.follow(node, former)
        views.follow(node, record.layers)
        curves.follow(node, record)
    home.forget_note(identity.node_id(node))


def _suggest(run: Run, read: NodeRead) -> None:
    handed = exchange.hand_over(read, run.show, run.cancelled)
    record = host.in_main(last_record, run.node)
    mattes = record.out if record is not None and mattes_on_disk.stamp_of(record) else None
    request = handed.shot.into(replace(read.settings.suggest, mattes=mattes))
    renamed = renamed_approved(run, read)
    if renamed is not None and request.approved is not None:
        request = replace(request, approved=None)
        run.warnings.append(f"Propagate first, for a suggestion that counts what you approved of {renamed[0]}, which is {renamed[1]} now.")
    if not read.annotations.frames:
        request = replace(request, mattes=None, object=None, absent=None, approved=None)
    host.in_main(_keep_suggestions, run.node, _asked(run, lambda job: messages.Suggest(job, request), SuggestResult))


def _keep_suggestions(node: nuke.Node, suggested: SuggestResult) -> None:
    """Keep what the strip shows, and in which mattes it was found; the scores of all frames stay out of the script."""
    content, pattern = suggested.as_json(), knobs.shown_pattern_or_empty(node)
    strip_content = {name: content[name] for name in ("suggestions", "object", "message", "lost_frames")}
    strip_content["mattes"] = mattes_on_disk.stamp(pattern) if pattern else ""
    with host.unrecorded():
        identity.write_hidden(node, "suggestions", strip_content)
    host.update_widget(node, "strip")


def _fit(run: Run, read: NodeRead, mattes: str, frame: int, chosen: Optional[str], meant: Optional[Tuple[str, ...]]) -> None:
    """Let the core move the shapes of the objects that are meant, then key them. When the core fails, the roto stays as it is."""
    handed = exchange.hand_over(read, run.show, run.cancelled)
    settings = {field: getattr(read.settings.propagate, field) for field in ("model", "device", "precision", "size")}
    request = FitRequest(handed.shot.plate, **settings, mattes=mattes, frame=frame, out=None)
    request = replace(handed.shot.into(request), objects=meant, roto_alpha=None)
    found = _asked(run, lambda job: messages.Fit(job, request), FitResult)
    sentences = host.in_main(keys.key_fitted, run.node, frame, [shape for fitted in found.objects for shape in fitted.own], chosen)
    run.warnings += [*found.warnings, *sentences]


def _status(run: Run, read: NodeRead) -> None:
    handed = exchange.hand_over(read, run.show, run.cancelled)
    request = propagate_request(read, handed)
    status_of_core = _asked(run, lambda job: messages.Status(job, request), NodeStatus)
    run.warnings += status_of_core.reasons
    run.warnings.append(_next_run(status_of_core))
    # The node's own share stands in the status anyway.
    features = status_of_core.bytes_used - places.disk_used(cache_root() / run.node_id)
    if features > 0:
        run.warnings.append(f"Features of the plate in the cache: {size(features)}, which nodes of the same plate share.")


def _next_run(answer: NodeStatus) -> str:
    total = len(answer.stale) + len(answer.fresh)
    return (
        f"Next run: {len(answer.stale)} of {plural(total, 'matte')}, {plural(answer.frames_to_compute, 'frame')} to compute, "
        f"{plural(answer.frames_to_encode, 'plate frame')} and {plural(answer.annotations_to_encode, 'keyframe')} to learn."
    )


def _clear(run: Run, settings: Settings) -> None:
    for _ in _converse(run, lambda job: messages.Clear(job, run.node_id, settings.propagate.cache)):
        pass
    shutil.rmtree(str(exchange_folder(run.node_id)), ignore_errors=True)


def _list_models(run: Run, settings: Settings) -> None:
    host.in_main(status.show_models, run.node, known_models(run))


def known_models(run: Run) -> Tuple[ModelEntry, ...]:
    """Ask the core which models there are, the default first; from a thread of ours, or the main thread of a terminal."""
    return _asked(run, messages.Models, ModelList).models


def _asked(run: Run, ask: Callable[[int], messages.Message], kind: Type[Answer]) -> Answer:
    """Ask the core, and give its result once the job has ended; raises as `_converse` and `_answer`."""
    *_, last = _converse(run, ask)
    assert isinstance(last, messages.Finished), "every other end is an exception"
    return _answer(last, kind)


def _answer(message: messages.Finished, kind: Type[Answer]) -> Answer:
    """Give the result of the kind that the request asked for.

    Raises:
        MessageUnreadable: the core answered another request.
    """
    if not isinstance(message.result, kind):
        raise messages.MessageUnreadable(
            f"The core answered with {type(message.result).__name__} where {kind.__name__} was asked for. Set up the core again."
        )
    return message.result


def _converse(run: Run, ask: Callable[[int], messages.Message]) -> Iterator[messages.Message]:
    """Ask the core and pass its messages on; its failure becomes ours, its cancel too."""
    run.show(0, 1, "starting the core" if not session_core().running else "waiting for the core")
    pace = Pace()
    for message in session_core().ask(ask, run.cancelled):
        if isinstance(message, messages.Progress):
            run.show(message.done, message.total, f"{message.done} of {message.total}{pace.left(message.done, message.total)}")
        elif isinstance(message, messages.Queued):
            run.show(0, 1, f"waiting: {message.ahead} before this one")
        elif isinstance(message, messages.Log):
            run.show(0, 1, message.text)
        elif isinstance(message, messages.Warned):
            run.warnings.append(message.text)
        elif isinstance(message, messages.Cancelled):
            raise Cancelled("Cancelled. Finished frames stay; press the button again to go on.")
        elif isinstance(message, messages.Failed):
            raise CoreFailed(message)
        yield message
