"""Several nodes propagated one after another, under one progress bar: the menu's *Propagate all* and *Propagate selected*.

A node whose mattes another one is made of comes before it. Where one of them is gone when its turn comes, or cannot begin, the others
go on.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Dict, List, Optional, Sequence, Set

from xmem_roto_nuke import actions, graph, host
from xmem_roto_nuke.handover import digest
from xmem_roto_nuke.node import identity, runs
from xmem_roto_nuke.panel import ownership, status
from xmem_roto_nuke.run import failure_of
from xmemcore.protocol.failures import Cancelled, Failure, RequestError
from xmemcore.protocol.words import plural

if TYPE_CHECKING:
    import nuke


@dataclass
class Queue:
    """Nodes that wait for their turn, and the failures of those that had it."""

    nodes: Dict[str, nuke.Node]
    """Nodes by their id, in the order of their turns."""
    bar: Optional[host.ProgressBar] = None
    place: int = 0
    """Position of the node in work."""
    failures: List[str] = field(default_factory=list)

    def show(self, done: int, total: int, text: str) -> None:
        """Move the bar as the node in work moves its own."""
        if self.bar is not None:
            share = done / max(total, 1)
            self.bar.show(int(1000 * (self.place + share)), 1000 * len(self.nodes), f"{self.place + 1} of {len(self.nodes)}: {text}")

    @property
    def cancelled(self) -> bool:
        return self.bar is not None and self.bar.cancelled

    def close(self) -> None:
        """The bar stays until the last node has had its turn."""

    def note(self, node: nuke.Node, failure: Failure) -> None:
        """Keep a failure, so that all failures are told together in the end; a cancel is no failure."""
        if not isinstance(failure, Cancelled):
            self.failures.append(f"{node.name()}: {failure}")


_queues: List[Queue] = []
"""Queues under way."""


def propagate_all() -> Queue:
    """Propagate every XMemRoto of the script; main thread, returns at once in the interface.

    Raises:
        RequestError: there is none.
    """
    return _start(identity.living(), "This script has no XMemRoto.")


def propagate_selected() -> Queue:
    """Propagate the selected XMemRotos; as `propagate_all`."""
    names = {str(node.fullName()) for node in host.selected()}
    return _start([node for node in identity.living() if str(node.fullName()) in names], "No XMemRoto is selected.")


def _start(nodes: Sequence[nuke.Node], empty: str) -> Queue:
    ordered = {identity.node_id(node): node for node in _in_order(sorted(nodes, key=lambda node: str(node.fullName())))}
    queue = Queue({node_id: node for node_id, node in ordered.items() if not runs.running(node_id)})
    if not queue.nodes:
        raise RequestError(f"{empty} Nothing was started." if not nodes else "All of them are at work already.")
    _queues.append(queue)
    runs.waiting.update({node_id: place for place, node_id in enumerate(queue.nodes)})
    _say_waiting(queue)
    if host.has_interface():
        threading.Thread(target=_work, args=(queue,), name="XMem Propagate all", daemon=True).start()
    else:
        _work(queue)
    return queue


def _in_order(nodes: Sequence[nuke.Node]) -> List[nuke.Node]:
    """Put nodes that others come from before those, and leave their order else; as they are where nodes are counted."""
    if not host.may_walk_trees():
        return list(nodes)
    wanted = {graph.own_name(node): node for node in nodes}
    ordered: List[nuke.Node] = []
    seen: Set[str] = set()
    waiting = [(node, False) for node in reversed(nodes)]
    while waiting:
        node, is_above_done = waiting.pop()
        name = graph.own_name(node)
        if is_above_done:
            ordered += [wanted[name]] if name in wanted else []
        elif name not in seen:
            seen.add(name)
            waiting.append((node, True))
            waiting += [(above, False) for above in _above(node)]
    return ordered


def _above(node: nuke.Node) -> List[nuke.Node]:
    """List what a node comes from: what feeds it, what is inside of a Group, and the node whose mattes a pass reads."""
    made_of = node.knob("made_of")
    maker = None if made_of is None else identity.living_with(str(made_of.value()))
    # The inside of a node of ours comes from its inputs and its mattes.
    inside = [] if made_of is not None or identity.is_xmemroto(node) else digest.outputs(node)
    return [*host.upstream(node), *inside, *([] if maker is None else [maker])]


def _work(queue: Queue) -> None:
    queue.bar = host.ProgressBar(f"XMem Roto: Propagate {plural(len(queue.nodes), 'node')}")
    try:
        for place, node_id in enumerate(queue.nodes):
            queue.place = place
            try:
                begun = host.in_main(_begin, node_id, queue)
            except host.HostGone:
                return
            except Cancelled:
                continue  # the node is gone
            if begun is not None:
                begun.ended.wait()
    finally:
        _queues.remove(queue)
        queue.bar.close()
        try:
            host.in_main(_end, queue)
        except Cancelled:
            pass  # Nuke is closing


def _begin(node_id: str, queue: Queue) -> Optional[runs.Run]:
    """Begin one node's run; None when it was taken out of the queue, or cannot begin."""
    if runs.waiting.pop(node_id, None) is None:
        return None
    _close_up(queue)
    node = identity.restored(queue.nodes[node_id], node_id)
    if queue.cancelled:
        status.refresh(node)
        return None
    ownership.settle(node, pressed=True)  # the script may have got another name while the node waited
    try:
        return host.in_main(actions.propagate, node, queue)
    except Exception as error:
        failure = failure_of(error)
        queue.note(node, failure)
        status.say_failure(node, failure, ())
        return None


def cancel(node: nuke.Node) -> None:
    """Stop the node's run, or take it out of the queue, if there is one."""
    node_id = identity.node_id(node)
    waited = runs.waiting.pop(node_id, None) is not None
    runs.cancel(node_id)
    if waited:
        status.refresh(node)
        for queue in _queues:
            _close_up(queue)


def _close_up(queue: Queue) -> None:
    """Count anew how many nodes come before each that waits; the one at work is the first."""
    runs.waiting.update({node_id: place for place, node_id in enumerate((each for each in queue.nodes if each in runs.waiting), 1)})
    _say_waiting(queue)


def _say_waiting(queue: Queue) -> None:
    for node_id, node in queue.nodes.items():
        if node_id in runs.waiting:
            with contextlib.suppress(ValueError):  # it was deleted, which its turn will find
                status.say_working(node)


def _end(queue: Queue) -> None:
    if queue.failures:
        done = len(queue.nodes) - len(queue.failures)
        host.tell("\n".join([f"{plural(done, 'node')} of {len(queue.nodes)} went well.", *queue.failures]))
