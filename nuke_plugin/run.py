"""One run of one node: the thread it has, its progress, its cancel, and how its end reaches the artist.

A run works in a thread of its own, so that Nuke's interface lives; in a terminal it works where it is called. One at a time for
each node; the core queues those of several.
"""

from __future__ import annotations

import threading
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable, Dict, List, Optional

from nuke_plugin import host, roto_node, status
from nuke_plugin.settings import Settings
from xmemcore.protocol.failures import Cancelled, Failure, RequestError

if TYPE_CHECKING:
    import nuke


class AlreadyRunning(RequestError):
    """The node has a run under way."""


class InputGone(RequestError):
    """A node upstream was deleted while the run read it."""


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


def cancel(node: nuke.Node) -> None:
    """Stop the node's run, if there is one."""
    run = _runs.get(roto_node.node_id(node))
    if run is not None:
        run.stop.set()


def running(node_id: str) -> bool:
    """Say whether a node has a run under way."""
    return node_id in _runs


def title(node_id: str) -> str:
    """Name the run that a node has under way; empty when there is none."""
    return _runs[node_id].title if node_id in _runs else ""


def start(node: nuke.Node, title: str, work: Callable[[Run], None]) -> Run:
    """Begin a run; main thread, returns at once in the interface.

    Args:
        node: an XMemRoto.
        title: of the progress bar.
        work: does it; what it raises becomes the node's status.

    Raises:
        AlreadyRunning.
    """
    node_id = roto_node.node_id(node)
    if node_id in _runs:
        raise AlreadyRunning(f"{node.name()} is at work already: {_runs[node_id].title}. Cancel it, or wait for it.")
    run = Run(node, node_id, host.read_settings(node), title)
    _runs[node_id] = run
    status.say_working(node, title)
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
    except Failure as error:
        run.failure = error
    except Exception as error:
        traceback.print_exc()
        run.failure = Failure(
            f"The plugin met a fault of its own: {type(error).__name__}: {error}. The script editor shows more; please report it."
        )
    finally:
        status.not_working(run.node_id)
        del _runs[run.node_id]
        if run.bar is not None:
            run.bar.close()
    if not isinstance(run.failure, host.HostGone):
        try:
            host.in_main(_say_end, run)
        except Cancelled:
            pass  # the node itself is gone; there is nobody to tell


def _say_end(run: Run) -> None:
    """Put the outcome into the status, and a failure before the artist's eyes; main thread."""
    if isinstance(run.failure, host.NodeGone):
        # Not this node, unless its own name cannot be had either.
        run.failure = InputGone(f"A node that feeds {run.node.name()} was deleted meanwhile. Look what is connected now, and press again.")
    if run.failure is None:
        status.refresh(run.node, run.warnings)
        return
    status.say_failure(run.node, run.failure, run.warnings)
    if not isinstance(run.failure, Cancelled):
        host.tell(str(run.failure))
