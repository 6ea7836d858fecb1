"""The runs under way, one at a time for each node."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Dict, List, Optional, Protocol

from xmem_roto_nuke import host
from xmemcore.protocol.failures import Cancelled, Failure

if TYPE_CHECKING:
    import nuke


class Bar(Protocol):
    """The progress bar of a run: its own, or its share of one for several nodes."""

    def show(self, done: int, total: int, text: str) -> None: ...

    @property
    def cancelled(self) -> bool: ...

    def close(self) -> None: ...


@dataclass
class Run:
    """One run of one node."""

    node: nuke.Node
    node_id: str
    node_name: str
    """Full name, for what the artist reads."""
    title: str
    version: str = ""
    """Of the mattes, as the node's knob said when the run began; empty for a node without such a knob."""
    fills: bool = False
    """Whether it makes the node's mattes, so that its failure is what the result's state is."""
    stop: threading.Event = field(default_factory=threading.Event)
    bar: Optional[Bar] = None
    ended: threading.Event = field(default_factory=threading.Event)
    """Set when its outcome stands in the status."""
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


under_way: Dict[str, Run] = {}
"""Runs by node id."""
waiting: Dict[str, int] = {}
"""Number of nodes that come first, by node id, where nodes are propagated one after another."""


def cancel(node_id: str) -> None:
    """Stop a node's run, if there is one."""
    run = under_way.get(node_id)
    if run is not None:
        run.stop.set()


def running(node_id: str) -> bool:
    """Say whether a node has a run under way, or waits for its turn."""
    return node_id in under_way or node_id in waiting


def title(node_id: str) -> str:
    """Name the run that a node has under way; empty when there is none."""
    run = under_way.get(node_id)
    if run is not None:
        return run.title
    return f"Waiting: {waiting[node_id]} before this one" if node_id in waiting else ""
