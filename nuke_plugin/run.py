"""Begin a run of a node, and tell the artist how it ended.

A run works in its own thread, so that Nuke's interface stays alive; in a terminal it works in the calling thread. A node has one run
at a time; the core queues those of several nodes.
"""

from __future__ import annotations

import threading
import traceback
from typing import TYPE_CHECKING, Callable, List, Optional, Protocol, TypeVar

from xmem_roto_nuke import host
from xmem_roto_nuke.node import identity, runs
from xmem_roto_nuke.node.runs import Run
from xmem_roto_nuke.panel import status
from xmemcore.protocol import foreign
from xmemcore.protocol.failures import Busy, Cancelled, Failure, RequestError

if TYPE_CHECKING:
    import nuke


Read = TypeVar("Read")


class AlreadyRunning(Busy):
    """The node has a run under way, or waits for its turn."""


class Share(runs.Bar, Protocol):
    """Part of a bar for several nodes, which also tells what went wrong, with that of the others."""

    def note(self, node: nuke.Node, failure: Failure) -> None: ...


class Unshown(Failure):
    """The mattes are written, and the node cannot show them before the script is opened again."""


def start(
    node: nuke.Node,
    title: str,
    read: Callable[[nuke.Node], Read],
    work: Callable[[Run, Read], None],
    share: Optional[Share] = None,
    fills: bool = False,
) -> Run:
    """Begin a run; main thread, returns at once in the interface.

    Args:
        node: an XMemRoto.
        title: of the progress bar.
        read: reads the node now; what it raises becomes the node's status.
        work: does it with that value; what it raises becomes the node's status.
        share: of a bar for several nodes; None for a bar and a dialogue of its own.
        fills: it makes the node's mattes.

    Raises:
        AlreadyRunning.
    """
    node_id = identity.node_id(node)
    if runs.running(node_id):
        raise AlreadyRunning(f"{node.name()} is at work already: {runs.title(node_id)}. Cancel it, or wait for it.")
    version = node.knob("version")
    run = Run(node, node_id, str(node.fullName()), title, "" if version is None else str(version.value()), fills)
    runs.under_way[node_id] = run
    status.say_working(node)
    values: List[Read] = []
    _attempt(run, lambda: values.append(read(node)))
    if not values:
        _end(run, share)
    elif host.has_interface():
        threading.Thread(target=_work, args=(run, work, values[0], share), name=f"XMem {title}", daemon=True).start()
    else:
        _work(run, work, values[0], share)
    return run


def _work(run: Run, work: Callable[[Run, Read], None], value: Read, share: Optional[Share]) -> None:
    """Do a run; whatever happens becomes the node's status, and nothing leaves the thread."""

    def act() -> None:
        run.bar = share or host.ProgressBar(f"XMem Roto: {run.title} {run.node_name}")
        work(run, value)

    _attempt(run, act)
    _end(run, share)


def _attempt(run: Run, act: Callable[[], None]) -> None:
    """Do a part of a run; what it raises becomes the run's failure."""
    try:
        act()
    except Exception as error:
        run.failure = failure_of(error)


def failure_of(error: Exception) -> Failure:
    """Give what the artist is told of an exception that is being handled; a fault of ours is printed too."""
    if isinstance(error, Failure):
        return error
    failure = _limit(error) or foreign.known(error)
    if failure is None:
        traceback.print_exc()
        failure = Failure(
            f"The plugin met a fault of its own: {type(error).__name__}: {error}. The script editor shows more; please report it."
        )
    return failure


def _end(run: Run, share: Optional[Share]) -> None:
    """Let go of the node, and tell the artist how it went."""
    del runs.under_way[run.node_id]
    if run.bar is not None:
        run.bar.close()
    try:
        if not isinstance(run.failure, host.HostGone):
            host.in_main(_say_end, run, share)
    except Cancelled:
        pass  # the node itself is gone; there is nobody to tell
    finally:
        run.ended.set()


def _limit(error: Exception) -> Optional[Failure]:
    """Give the failure of an edition of Nuke that hands out no more nodes; None elsewhere."""
    try:
        return host.in_main(host.limit_reached, error)
    except Cancelled:
        return None


def _say_end(run: Run, share: Optional[Share]) -> None:
    """Put the outcome into the status, and show a failure in a dialogue; main thread."""
    node = identity.restored(run.node, run.node_id)
    if node is not run.node:
        run.node = node
        if isinstance(run.failure, Cancelled):
            run.failure = Cancelled("The node was deleted meanwhile, which stopped its run. Press the button again to go on.")
    if isinstance(run.failure, host.NodeGone):
        # Not this node, unless its own name cannot be had either.
        run.failure = RequestError(
            f"A node that feeds {run.node.name()} was deleted meanwhile. Look what is connected now, and press again."
        )
    if run.failure is not None and not isinstance(run.failure, (Cancelled, Unshown)):
        run.failure = host.limit_reached(run.failure) or run.failure
    if run.failure is None:
        status.refresh(run.node, run.warnings)
        return
    if isinstance(run.failure, Unshown):
        status.say_unshown(run.node, str(run.failure), run.warnings)
    elif not run.fills:
        status.say_refusal(run.node, run.failure, run.warnings)
    else:
        status.say_failure(run.node, run.failure, run.warnings)
    if share is not None:
        share.note(run.node, run.failure)
    elif not isinstance(run.failure, Cancelled):
        host.tell(str(run.failure))
