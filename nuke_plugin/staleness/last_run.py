"""The record of the run that made the mattes of the current shot, and that of the last run, in the node's hidden knob. Main thread only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from xmem_roto_nuke.node import identity, knobs
from xmem_roto_nuke.staleness.record import Record, find_record
from xmemcore.protocol.failures import RequestError

if TYPE_CHECKING:
    import nuke


def last_record(node: nuke.Node) -> Optional[Record]:
    """Read the record of the last run that made the mattes of the current shot; None when there was none.

    The node keeps one. It counts for what the node shows: where its Read names other mattes, because it follows the script's variables or
    was pointed elsewhere, their record lies beside them. A node that shows none knows the run that it kept.
    """
    kept = Record.of_json(identity.read_hidden(node, "record"))
    try:
        shown = knobs.shown_pattern(node)
    except RequestError:
        # Its Read is gone, or this edition hands out no more nodes.
        return None if knobs.follows_shots(node) else kept
    if kept is not None and (shown == kept.out or not shown and not knobs.follows_shots(node)):
        return kept
    return find_record(shown, identity.node_id(node)) if shown else None


def write_record(node: nuke.Node, record: Record) -> None:
    """Keep the record of the node's last run."""
    identity.write_hidden(node, "record", record.as_json())
