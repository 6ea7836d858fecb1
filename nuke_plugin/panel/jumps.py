"""Jump to the next keyframe, and to the next place where the mattes look weak; main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, List

from xmem_roto_nuke import host
from xmem_roto_nuke.handover import exchange
from xmem_roto_nuke.node import identity
from xmem_roto_nuke.panel import keys, status, timeline
from xmem_roto_nuke.panel.timeline import Timeline
from xmemcore.protocol.failures import RequestError

if TYPE_CHECKING:
    import nuke


def to_key(node: nuke.Node, forward: bool) -> None:
    """Show the next keyframe of the chosen object, on one side of the current frame, those included that were made a moment ago.

    Raises:
        RequestError: there is none, or the node cannot be looked at.
    """
    name = keys.chosen_object(node)
    of_it = "" if name is None else f" of {name}"
    keyed = timeline.frames_of(exchange.read_node(node).annotations.keyed, name)
    _go(node, keyed, forward, f"keyframe{of_it}", "Key the roto, or press Add current where it is right.")


def to_weak(node: nuke.Node, forward: bool) -> None:
    """Show the next frame where the mattes look wrong or least sure.

    Raises:
        RequestError: there is none, or the node cannot be looked at.
    """
    _go(node, _known(node).weak, forward, "weak place", "Propagate and Suggest frames find more, if there are any.")


def _go(node: nuke.Node, frames: List[int], forward: bool, goal: str, todo: str) -> None:
    if not frames:
        raise RequestError(f"{node.name()} has no {goal} yet. {todo}")
    nearest = timeline.beside(frames, host.current_frame(), forward)
    if nearest is not None:  # past the last one nothing moves, as with Nuke's own keys
        host.go_to(nearest)


def _known(node: nuke.Node) -> Timeline:
    """Give the node's timeline; judges the node first when that was not done yet."""
    node_id = identity.node_id(node)
    if timeline.of_node(node_id) is None:
        status.refresh(node)
    if timeline.of_node(node_id) is None:
        exchange.read_node(node)  # raises what the status says
    return timeline.of_node(node_id) or Timeline(0, 0)
